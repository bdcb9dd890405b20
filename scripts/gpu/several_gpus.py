"""Pairs/s on one GPU and on several, beside PyTorch's FSDP2 round the peer, in one call.

    python3 scripts/gpu/several_gpus.py --runner build/native/wishbone-runner-cuda --folders FOLDER_OR_TAR_GZ [--devices 1,2] [--peer]

Run folders come from several-gpus.mjs, where Node is: a folder CASE-DEVICES for each case and number of devices, with cases.json
beside them. Each is a whole run of the runner, made an end of once its steps are known, so that nothing large is written. The first
steps are not counted. Prints a Markdown table; `--out FILE` gets everything as lines of JSON.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import make_model, unpacked

HERE = Path(__file__).resolve().parent


def events(folder: Path) -> list[dict]:
    log = folder / "events.jsonl"
    # The last line may be half there.
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def used_gib() -> list[float]:
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [int(line) / 1024 for line in done.stdout.splitlines()]


def ours(runner: str, folder: Path, steps: int, warm_up: int, limit: float, more: dict[str, str]) -> dict:
    environment = os.environ | {"WISHBONE_CACHE": str(folder.parent / "cache")} | more
    log = folder.with_suffix(".log")
    with open(log, "w") as out:
        process = subprocess.Popen(
            [runner, "train", str(folder)], env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    begin = time.time()
    while True:
        found = [event for event in events(folder) if event["type"] == "step"]
        if len(found) >= steps or process.poll() is not None or time.time() - begin > limit:
            break
        time.sleep(0.02)
    memory = used_gib()
    process.send_signal(signal.SIGKILL)
    process.wait()
    if len(found) <= warm_up:
        return {"error": log.read_text()[-1500:]}
    timed = found[warm_up:]
    seconds = statistics.median(step["seconds"] for step in timed)
    row = {
        "devices": json.loads((folder / "run.json").read_text())["runner"]["devices"],
        "seconds": seconds,
        "pairs_per_second": sum(step["pairs"] for step in timed) / sum(step["seconds"] for step in timed),
        "light": statistics.median(step["speedOfLight"] for step in timed),
        "memory_gib": max(step["memory"] for step in timed) / 2**30,
        "device_gib": max(memory, default=0.0),
        "loss": found[-1]["loss"],
        "each": [step["seconds"] for step in found],
    }
    if "communication" in timed[0]:
        row["communication"] = statistics.median(step["communication"] / step["seconds"] for step in timed)
        row["slowest"] = statistics.median(step["slowest_rank"] for step in timed)
        row["ranks"] = [statistics.median(each) for each in zip(*(step["rank_seconds"] for step in timed))]
    return row


def peer(devices: int, arguments: list[str]) -> dict:
    script = [str(HERE / "peer_fsdp.py"), *arguments]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(devices)] if devices > 1 else [sys.executable]
    done = subprocess.run(launch + script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return {"error": done.stderr[-1500:]}
    return json.loads(done.stdout.splitlines()[-1])


COLUMNS = ("seconds", "pairs_per_second", "times", "light", "communication", "slowest", "memory_gib", "device_gib", "loss")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--folders", required=True, type=Path, help="made by several-gpus.mjs, or its .tar.gz")
    parser.add_argument("--cases", help="names, with commas between them; all")
    parser.add_argument("--devices", default="1,2")
    parser.add_argument("--steps", type=int, help="of a run, instead of what the case says")
    parser.add_argument("--peer", action="store_true", help="FSDP2 as well")
    parser.add_argument("--peer-alone", action="store_true", help="nothing but FSDP2")
    parser.add_argument("--limit", type=float, default=180, help="seconds that a run may take")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="for the environment of the runner")
    parser.add_argument("--out", type=argparse.FileType("a"))
    args = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="several-gpus-"))
    source = unpacked(args.folders, scratch, "cases.json")
    cases = json.loads((source / "cases.json").read_text())
    more = dict(item.split("=", 1) for item in args.set)
    print("| case | side | devices | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 3))

    def show(case: str, side: str, devices: int, row: dict, alone: float | None) -> None:
        if alone is not None and "pairs_per_second" in row:
            row["times"] = row["pairs_per_second"] / alone
        cells = " | ".join(f"{row[name]:.4g}" if name in row else "" for name in COLUMNS)
        print(f"| {case} | {side} | {devices} | {cells} |", flush=True)
        if "error" in row:
            print(row["error"], flush=True)
        if args.out:
            args.out.write(json.dumps({"case": case, "side": side} | row) + "\n")
            args.out.flush()

    for case in cases:
        name = case["name"]
        if args.cases and name not in args.cases.split(","):
            continue
        alone = None
        for devices in [] if args.peer_alone else map(int, args.devices.split(",")):
            folder = source / f"{name}-{devices}"
            if not folder.exists():
                continue
            model = Path(json.loads((folder / "run.json").read_text())["model"]["path"])
            if not model.exists():
                make_model(model, case["shape"])
            copy = scratch / folder.name
            shutil.copytree(folder, copy)
            # The same pairs on any number of devices.
            more_steps = case["most_devices"] // devices
            steps = args.steps or case["steps"] * more_steps
            row = ours(args.runner, copy, steps, case["warm_up"] * more_steps, args.limit, more)
            show(name, "wishbone", devices, row, alone)
            if devices == 1:
                alone = row.get("pairs_per_second")
        if not (args.peer or args.peer_alone) or "peer" not in case:
            continue
        alone = None
        for devices in map(int, args.devices.split(",")):
            if devices == 1 and case.get("peer_needs_several"):
                continue
            row = peer(devices, case["peer"])
            show(name, "FSDP2", devices, row, alone)
            if devices == 1:
                alone = row.get("pairs_per_second")
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
