"""A run begun on some GPUs and gone on with on fewer: its steps against those of a run that was left alone.

    python3 scripts/gpu/resume_elsewhere.py --runner build/native/wishbone-runner-cuda --folder RUN_FOLDER_OR_TAR_GZ --devices 8 --then 4

The run folder comes from run-folder.mjs with `--save-steps`, made where Node is; its model is made where run.json says. The run is
killed after its first checkpoint. Ends with 1 where a step's loss differs by more than `--tolerance`. `--cpu`: on parts of the CPU.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import make_model, unpacked
from two_processes import events


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--folder", required=True, type=Path, help="a run folder, or one in a .tar.gz")
    parser.add_argument("--shape", default="llama-1b", help="of the model, where it has to be made")
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--then", type=int, default=4)
    parser.add_argument("--tolerance", type=float, default=0.02, help="of a step's loss")
    parser.add_argument("--cpu", action="store_true")
    args = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="resume-elsewhere-"))
    source = unpacked(args.folder, scratch, "run.json")
    model = Path(json.loads((source / "run.json").read_text())["model"]["path"])
    if not model.exists():
        make_model(model, args.shape)
    environment = os.environ | {"WISHBONE_CACHE": str(scratch / "cache")}

    def set_devices(folder: Path, devices: int) -> None:
        asked = json.loads((folder / "run.json").read_text())
        asked["runner"] |= {"backend": "cpu" if args.cpu else "cuda", "devices": devices}
        if args.cpu:
            asked["runner"]["threads"] = 1
        (folder / "run.json").write_text(json.dumps(asked))

    def start(folder: Path, *flags: str) -> subprocess.Popen:
        with open(folder.with_suffix(".log"), "a") as log:
            return subprocess.Popen(
                [args.runner, "train", str(folder), *flags], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def finish(folder: Path, process: subprocess.Popen) -> dict[int, float]:
        if process.wait() != 0:
            sys.exit(f"{folder.name} failed:\n{folder.with_suffix('.log').read_text()[-3000:]}")
        # A step that was computed again counts as it was the last time.
        return {step["step"]: step["loss"] for step in events(folder, "step")}

    alone, moved = scratch / "alone", scratch / "moved"
    for folder in (alone, moved):
        shutil.copytree(source, folder)
        set_devices(folder, args.devices)
    expected = finish(alone, start(alone))
    process = start(moved)
    while not events(moved, "checkpoint") and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = len(events(moved, "step"))
    set_devices(moved, args.then)
    found = finish(moved, start(moved, "--resume"))
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
