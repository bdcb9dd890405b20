"""Whole runs against TRL's DPOTrainer, on one card in one call: from the start of each process to its exported model.

`python3 scripts/gpu/whole_runs.py --runner build/native/wishbone-runner-cuda --folders FOLDER_OR_TAR_GZ [--cases 1b-2000,…]`. Run
folders come from `npm run bench:run -- --pack FILE`, where Node is. With `--command`, which `npm run bench:run` gives, what is timed is
`wishbone train`, on the very texts that TRL gets: reading, tokenising and planning are part of it. Without, on a machine that has no
Node, it is the runner alone, on plans that were made elsewhere. Makes the models (random weights) where the run folders say they
lie. Each case is run three times: with empty caches, again (texts are tokenised and planned, and the reference is computed anew), and
again with the weights out of the page cache; the larger cases of a model once. TRL runs the smallest case of each model whole, of the larger
ones a few steps after all of their pairs are prepared; its further steps are added at the mean step, and that is marked. Prints Markdown tables as it goes on; `--out FILE` gets
everything as lines of JSON.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

from run import make_model, run, times, unpacked
from trl_run import rows
from workload import SHAPES

COLUMNS = (
    "wall", "before", "after", "start", "load", "ceiling", "reference", "train", "checkpoints", "export", "steps", "light",
    "steps 1-8 / median", "load / read", "checkpoint, steps",
)
# Of TRL, of a run that would take minutes.
STEPS_OF_PART = 40


def write_tokenizer(folder: Path, vocab: int) -> None:
    """A word is a token: texts of drawn tokens have the lengths that were asked for."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # Special tokens are found within words too: no word may begin with one.
    special = ("<unk>", "<eos>", "<pad>")
    words = Tokenizer(models.WordLevel({special[i] if i < 3 else f"w{i}": i for i in range(vocab)}, unk_token=special[0]))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token=special[0], eos_token=special[1], pad_token=special[2])
    tokenizer.save_pretrained(folder)


def forget(model: Path) -> None:
    """Takes the weights out of the page cache; they must be on the disk for that."""
    for file in model.glob("*.safetensors"):
        with open(file, "rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_to_read(model: Path) -> float:
    """All of the weights, by eight threads."""
    pieces = [
        (file, begin)
        for file in sorted(model.glob("*.safetensors"))
        for begin in range(0, file.stat().st_size, 64 << 20)
    ]
    lock = threading.Lock()

    def read() -> None:
        while True:
            with lock:
                if not pieces:
                    return
                file, begin = pieces.pop(0)
            with open(file, "rb", buffering=0) as opened:
                buffer = bytearray(8 << 20)
                opened.seek(begin)
                left = 64 << 20
                while left > 0 and (count := opened.readinto(buffer)):
                    left -= count

    begin = time.time()
    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.time() - begin


def ours(runner: str, source: Path, scratch: Path, cpu: bool) -> dict[str, float]:
    folder = scratch / source.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    # Without a GPU the run would be one of hours on the CPU.
    asked = json.loads((folder / "run.json").read_text())
    asked["runner"]["backend"] = "cpu" if cpu else "cuda"
    (folder / "run.json").write_text(json.dumps(asked))
    return with_steps(run(runner, folder), folder)


def commanded(command: list[str], case: dict, model: Path, texts: Path, cpu: bool) -> dict[str, float]:
    """`wishbone train` on the texts of the case; `before` and `after` the runner's own time."""
    # Written before the time begins, as TRL's are in memory.
    if not texts.exists():
        drawn = rows(case["set"], case["pairs"], SHAPES[case["shape"]].vocab)
        texts.write_text("".join(json.dumps(row) + "\n" for row in drawn))
    arguments = [*command, "train", str(texts), "--model", str(model), "--runs", str(texts.with_name("runs")), "--json"]
    arguments += ["--backend", "cpu" if cpu else "cuda", *case["arguments"]]
    begin = time.time()
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    end = time.time()
    folder = Path(json.loads(done.stdout.splitlines()[-1])["folder"])
    row = times(folder, end - begin)
    row["after"] = end - finished_at(folder)
    row["before"] = row.pop("outside") - row["after"]
    return with_steps(row, folder)


def finished_at(folder: Path) -> float:
    last = json.loads((folder / "events.jsonl").read_text().splitlines()[-1])
    return datetime.fromisoformat(last["time"].replace("Z", "+00:00")).timestamp()


def with_steps(row: dict[str, float], folder: Path) -> dict[str, float]:
    """Adds what the steps were, and removes the run."""
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    each = [event["seconds"] for event in events if event["type"] == "step"]
    middle = sorted(each)[len(each) // 2]
    row["median step"] = middle
    row["saved"] = sum(event["type"] == "checkpoint" for event in events)
    row["steps 1-8 / median"] = row.pop("first 8 steps / median")
    row["not the median"] = sum(each) - middle * len(each) + row.get("checkpoints", 0.0)
    shutil.rmtree(folder)
    return row


def show(case: str, which: str, row: dict[str, float], out) -> None:
    cells = " | ".join(f"{row[name]:.2f}" if name in row else "" for name in COLUMNS)
    print(f"| {case} | {which} | {cells} |", flush=True)
    if out:
        out.write(json.dumps({"case": case, "which": which, **row}) + "\n")
        out.flush()


def trl(python: str, model: Path, case: dict, scratch: Path, cpu: bool, whole: bool) -> dict[str, float]:
    """`wall`: of the whole run; `guessed`: how much of it is steps that were left out."""
    command = [python, str(Path(__file__).with_name("trl_run.py")), "--model", str(model), "--set", case["set"]]
    command += ["--pairs", str(case["pairs"]), "--out", str(scratch / "trl"), "--lora-rank", str(case["lora_rank"])]
    if cpu:
        command += ["--cpu", "--batch", "4", "--accumulate", "1"]
    if not whole:
        command += ["--max-steps", str(STEPS_OF_PART)]
    begin = time.time()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(done.stdout.splitlines()[-1])
    left = 0 if whole else math.ceil(case["pairs"] / row["pairs per step"]) - row["steps"]
    row["guessed"] = max(left, 0) * row["step"]
    row["wall"] = time.time() - begin + row["guessed"]
    shutil.rmtree(scratch / "trl", ignore_errors=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--command", type=json.loads, help="what starts wishbone, a JSON list of words; default: the runner alone")
    parser.add_argument("--folders", required=True, type=Path, help="of bench:run, or its .tar.gz")
    parser.add_argument("--cases", help="names, separated by commas; default: all there are")
    parser.add_argument("--python", default=sys.executable, help="that has trl")
    parser.add_argument("--trl", help="the cases that TRL runs too; default: all that save nothing on the way")
    parser.add_argument("--cpu", action="store_true", help="TRL on the CPU as well, for a try")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()

    scratch = Path(tempfile.mkdtemp(prefix="whole-runs-"))
    out = args.out.open("a") if args.out else None
    folders = unpacked(args.folders, scratch, "cases.json")
    cases = json.loads((folders / "cases.json").read_text())
    chosen = args.cases.split(",") if args.cases else list(cases)
    os.environ["WISHBONE_CACHE"] = str(scratch / "cache")
    timed = "wishbone train, seconds (before and after: not the runner)" if args.command else "The runner, seconds"
    print(f"{timed}; TRL below it\n")
    print("| case | caches | " + " | ".join(COLUMNS) + " |\n|---|---|" + "---|" * len(COLUMNS))
    summary = []
    for name in chosen:
        case = cases[name]
        source = folders / name
        model = Path(json.loads((source / "run.json").read_text())["model"]["path"])
        if not model.exists():
            make_model(model, case["shape"])
            write_tokenizer(model, SHAPES[case["shape"]].vocab)
        is_smallest = case["pairs"] == min(other["pairs"] for other in cases.values() if other["shape"] == case["shape"])
        in_turns = not case["save_steps"] and is_smallest
        best = None
        texts = scratch / f"{name}.jsonl"
        for which in ("empty", "kept", "kept, weights on disk") if in_turns else ("kept",):
            # Texts and the reference are part of a run; which algorithms are fast, and what the weights' hash is, a machine knows.
            for part in ("plans", "tokens", "reference") if which != "empty" else ("",):
                shutil.rmtree(scratch / "cache" / part, ignore_errors=True)
            if which.endswith("disk"):
                forget(model)
                read = seconds_to_read(model)
                forget(model)
            if args.command:
                row = commanded(args.command, case, model, texts, args.cpu)
            else:
                row = ours(args.runner, source, scratch, args.cpu)
            if which.endswith("disk"):
                row["load / read"] = row["load"] / read
            show(name, which, row, out)
            best = row if which == "kept" else best
        texts.unlink(missing_ok=True)
        if case["save_steps"] and best and best["saved"]:
            cost = best["not the median"] / best["saved"] / best["median step"]
            print(f"\n{name}: {best['saved']:.0f} checkpoints, each cost {cost:.2f} steps at most\n")
        if case["save_steps"] or (args.trl is not None and name not in args.trl.split(",")):
            continue
        peer = trl(args.python, model, case, scratch, args.cpu, is_smallest)
        print(f"| {name} | TRL | {peer['wall']:.2f} |" + " |" * (len(COLUMNS) - 1), flush=True)
        if out:
            out.write(json.dumps({"case": name, "which": "trl", **peer}) + "\n")
        summary.append((name, best["wall"], peer["wall"], peer["guessed"], best["train"] / best["wall"]))
    if summary:
        print("\n| case | Wishbone | TRL | TRL / Wishbone | of the wall, steps |\n|---|---|---|---|---|")
        for name, wall, other, guessed, share in summary:
            mark = f" ({guessed:.0f} of it by its mean step)" if guessed else ""
            print(f"| {name} | {wall:.1f} | {other:.1f}{mark} | {other / wall:.1f} | {share:.0%} |")
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
