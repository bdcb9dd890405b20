"""500 steps of training in bf16 and in FP8 from the same start, on the same pairs in the same order, for three seeds of the order.

    python3 scripts/gpu/precision.py --runner build/native/wishbone-runner-cuda --folders FILE.tar.gz

Run folders come from precision-runs.mjs, where Node is. The model is a random one of 97 million parameters, the same for all runs. Prints
how far FP8 is from bf16 step by step (root mean square), beside a second run in bf16 that differs in the order of its sums alone, and
the last evaluation of each run. Exit code 1: the mean over seeds of FP8's last evaluation is further from bf16's than bf16's seeds are
apart, or a run failed. Needs numpy and safetensors.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from curves import CONFIG, plan_metadata, write_model
from run import unpacked

FIELDS = ("loss", "rewards/margins", "rewards/accuracies")
SHAPE = {"hidden_size": 1024, "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 4}
TOKENIZER = Path(__file__).resolve().parents[2] / "examples" / "tiny-llama"


def make_model(folder: Path, plan: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    write_model(folder, plan_metadata(plan)["vocab_size"], CONFIG | SHAPE)
    for file in TOKENIZER.glob("*token*.json"):
        shutil.copy(file, folder)


def train(runner: str, folder: Path) -> dict[str, list[dict]]:
    ended = subprocess.run([runner, "train", folder], capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{folder.name}: exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    shutil.rmtree(folder)
    return {kind: [event for event in events if event["type"] == kind] for kind in ("step", "eval")}


def root_mean_square(a: list[dict], b: list[dict], field: str) -> float:
    return float(np.sqrt(np.mean([(x[field] - y[field]) ** 2 for x, y in zip(a, b, strict=True)])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runner", required=True)
    parser.add_argument("--folders", required=True, type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["WISHBONE_CACHE"] = str(Path(scratch) / "cache")
        folders = unpacked(args.folders, Path(scratch), "runs.json")
        runs = json.loads((folders / "runs.json").read_text())
        first = folders / runs[0]["name"]
        make_model(Path(json.loads((first / "run.json").read_text())["model"]["path"]), first / "plan.safetensors")
        found = {each["name"]: train(args.runner, folders / each["name"]) for each in runs}

    seeds = sorted({each["seed"] for each in runs})
    print("| from bf16, root mean square over all steps | " + " | ".join(FIELDS) + " |\n|" + "---|" * (len(FIELDS) + 1))
    for name in ["bf16-other-bins", *(f"fp8-{seed}" for seed in seeds)]:
        usual = found[f"bf16-{seed}" if (seed := name.rpartition("-")[2]).isdigit() else f"bf16-{seeds[0]}"]
        cells = (f"{root_mean_square(found[name]['step'], usual['step'], field):.2e}" for field in FIELDS)
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("\n| last evaluation | steps | last 50 steps' loss | " + " | ".join(FIELDS) + " |\n|" + "---|" * (len(FIELDS) + 3))
    for name, run in found.items():
        late = np.mean([step["loss"] for step in run["step"][-50:]])
        cells = " | ".join(f"{run['eval'][-1]['eval_' + field]:.4f}" for field in FIELDS)
        print(f"| {name} | {len(run['step'])} | {late:.4f} | {cells} |")
    failed = False
    for field in FIELDS:
        bf16, fp8 = (np.array([found[f"{kind}-{seed}"]["eval"][-1]["eval_" + field] for seed in seeds]) for kind in ("bf16", "fp8"))
        apart, spread = abs(fp8.mean() - bf16.mean()), float(np.ptp(bf16))
        failed |= bool(apart > spread)
        print(f"{field}: means of the last evaluation are {apart:.4f} apart, bf16's seeds {spread:.4f}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
