"""Two processes as two machines, on one host with two GPUs or more (two-processes.sh).

The same run is carried out by one process on one GPU, by one process on all, and by two processes that are shown half of them each and told
NCCL that they are on different hosts, so that what they send goes over its sockets. Then two processes again, of which the second is
killed, and once more, of which it is stopped. Prints Markdown; ends with 1 where losses differ by more than `--tolerance`, or a
process outlives another by more than 30 s. `--cpu`: the same without GPUs, for a try.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import make_model, unpacked


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def events(folder: Path, kind: str) -> list[dict]:
    log = folder / "events.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return [event for event in map(json.loads, lines) if event["type"] == kind]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What Runs reads."""
    parser.add_argument("--runner", required=True)
    parser.add_argument("--folder", required=True, type=Path, help="a run folder, or one in a .tar.gz")
    parser.add_argument("--shape", default="llama-1b", help="of the model, where it has to be made")
    parser.add_argument("--tolerance", type=float, default=0.02, help="of a step's loss")
    parser.add_argument("--cpu", action="store_true")


class Runs:
    """Copies of a run folder, each carried out in its own way; its model is made where there is none."""

    def __init__(self, args: argparse.Namespace, scratch: Path, each: int = 1) -> None:
        self.runner, self.scratch, self.cpu, self.each = str(Path(args.runner).resolve()), scratch, args.cpu, each
        self.source = unpacked(args.folder, scratch, "run.json")
        model = Path(json.loads((self.source / "run.json").read_text())["model"]["path"])
        if not model.exists():
            make_model(model, args.shape)

    def set_devices(self, folder: Path, devices: int) -> None:
        asked = json.loads((folder / "run.json").read_text())
        asked["runner"] |= {"backend": "cpu" if self.cpu else "cuda", "devices": devices}
        if self.cpu:
            asked["runner"]["threads"] = 1
        (folder / "run.json").write_text(json.dumps(asked))

    def folder(self, name: str, devices: int) -> Path:
        folder = self.scratch / name
        shutil.copytree(self.source, folder)
        self.set_devices(folder, devices)
        return folder

    def start(self, folder: Path, variables: dict[str, str], log: str, *flags: str) -> subprocess.Popen:
        environment = os.environ | {"WISHBONE_CACHE": str(self.scratch / "cache")} | variables
        with open(self.scratch / log, "a") as out:
            return subprocess.Popen(
                [self.runner, "train", str(folder), *flags], env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )

    def one(self, name: str, devices: int) -> Path:
        folder = self.folder(name, devices)
        if self.start(folder, {} if devices > 1 else {"CUDA_VISIBLE_DEVICES": "0"}, f"{name}.log").wait() != 0:
            sys.exit(f"{name} failed:\n{(self.scratch / f'{name}.log').read_text()[-3000:]}")
        return folder

    def two(self, name: str) -> tuple[Path, list[subprocess.Popen]]:
        folder, port = self.folder(name, self.each), free_port()
        processes = []
        for rank in range(2):
            variables = {
                "RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(rank * self.each, (rank + 1) * self.each))),
                # Two machines, for NCCL: nothing is shared but a network.
                "NCCL_HOSTID": f"machine-{rank}",
                "NCCL_SOCKET_IFNAME": "lo",
                "NCCL_IB_DISABLE": "1",
            }
            processes.append(self.start(folder, variables, f"{name}-{rank}.log"))
        return folder, processes

    def logs(self, name: str) -> str:
        return "\n".join(f"{rank}: {(self.scratch / f'{name}-{rank}.log').read_text()[-2000:]}" for rank in range(2))


def row(name: str, folder: Path) -> list[float]:
    steps = events(folder, "step")
    times = sorted(step["seconds"] for step in steps)
    pairs = sum(step["pairs"] for step in steps) / sum(step["seconds"] for step in steps)
    print(f"| {name} | {len(steps)} | {times[len(times) // 2]:.4f} | {pairs:.1f} | {steps[-1]['loss']:.5f} |", flush=True)
    return [step["loss"] for step in steps]


def worst(one: list[float], other: list[float]) -> float:
    assert len(one) == len(other), "as many steps"
    return max(abs(a - b) for a, b in zip(one, other))


def ended(runs: Runs, name: str, number: int) -> bool:
    folder, processes = runs.two(name)
    while len(events(folder, "step")) < 2:
        if processes[0].poll() is not None:
            sys.exit(f"{name} ended by itself:\n{runs.logs(name)}")
        time.sleep(0.05)
    processes[1].send_signal(number)
    begin = time.time()
    try:
        code = processes[0].wait(timeout=60)
    except subprocess.TimeoutExpired:
        code = None
    seconds = time.time() - begin
    for process in processes:
        process.kill()
        process.wait()
    said = [event["what"] for event in events(folder, "failed")]
    print(f"\n{name}: the first process ended {seconds:.1f} s later with exit code {code}; events: {said}", flush=True)
    return code == 70 and seconds < 30 and len(said) == 1 and "Process 1" in said[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--gpus-each", type=int, default=1, help="of each of the two processes")
    args = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="two-processes-"))
    runs = Runs(args, scratch, args.gpus_each)
    print("| run | steps | median step, s | pairs/s | last loss |\n|---|---|---|---|---|")
    single = row("one process, one GPU", runs.one("one", 1))
    threads = row(f"one process, {2 * args.gpus_each} GPUs", runs.one("threads", 2 * args.gpus_each))
    folder, processes = runs.two("two")
    codes = [process.wait() for process in processes]
    if codes != [0, 0]:
        sys.exit(f"two processes ended with {codes}:\n{runs.logs('two')}")
    two = row(f"two processes, {args.gpus_each} GPUs each", folder)
    to_one, to_threads = worst(two, single), worst(two, threads)
    print(f"\nlargest difference of a step's loss: to one GPU {to_one:.2e}, to as many GPUs of one process {to_threads:.2e}")
    # Numbers that say nothing must not pass.
    good = to_one <= args.tolerance and len(set(two)) > 1
    good &= ended(runs, "killed", signal.SIGKILL)
    good &= ended(runs, "stopped", signal.SIGSTOP)
    shutil.rmtree(scratch, ignore_errors=True)
    print("\nas it should be" if good else "\nNOT as it should be")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
