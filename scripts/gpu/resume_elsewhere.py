"""A run begun on some GPUs and gone on with on fewer: its steps against those of a run that was left alone.

    python3 scripts/gpu/resume_elsewhere.py --runner build/native/wishbone-runner-cuda --folder RUN_FOLDER_OR_TAR_GZ --devices 8 --then 4

The run folder comes from run-folder.mjs with `--save-steps`, made where Node is; its model is made where run.json says. The run is
killed after its first checkpoint. Ends with 1 where a step's loss differs by more than `--tolerance`. `--cpu`: on parts of the CPU.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from two_processes import Runs, add_arguments, events


def finish(folder: Path, process: subprocess.Popen) -> dict[int, float]:
    if process.wait() != 0:
        sys.exit(f"{folder.name} failed:\n{folder.with_suffix('.log').read_text()[-3000:]}")
    # A step that was computed again counts as it was the last time.
    return {step["step"]: step["loss"] for step in events(folder, "step")}


def main() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--then", type=int, default=4)
    args = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="resume-elsewhere-"))
    runs = Runs(args, scratch)

    alone, moved = runs.folder("alone", args.devices), runs.folder("moved", args.devices)
    expected = finish(alone, runs.start(alone, {}, "alone.log"))
    process = runs.start(moved, {}, "moved.log")
    while not events(moved, "checkpoint") and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = len(events(moved, "step"))
    runs.set_devices(moved, args.then)
    found = finish(moved, runs.start(moved, {}, "moved.log", "--resume"))
    saved = events(moved, "checkpoint")[0]["step"]
    worst = max(abs(found[step] - loss) for step, loss in expected.items())
    shutil.rmtree(scratch, ignore_errors=True)
    print(
        f"{len(expected)} steps, a checkpoint after {saved} on {args.devices} devices, killed after {before}, then on {args.then}: "
        f"largest difference of a step's loss {worst:.2e}"
    )
    # Numbers that say nothing must not pass.
    good = found.keys() == expected.keys() and worst <= args.tolerance and len(set(expected.values())) > 1 and before < len(expected)
    print("as it should be" if good else "NOT as it should be")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
