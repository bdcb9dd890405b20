"""Holds the models that runs exported against what the runner measured: transformers loads each export, computes the
log-probabilities of the run's eval pairs, and compares their means with the evaluation the export was made at.

    python -m pip install torch transformers safetensors numpy
    python scripts/check_export.py .wishbone/runs/<run> [<run> …]

Needs runs with evaluation (`eval_steps`). Prints a line of JSON for each run; exit code 1 when one is further than --limit off.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def read_sequences(plan: dict[str, torch.Tensor]) -> list[tuple[list[int], int]]:
    """Of each sequence of a plan (docs/formats.md) its tokens, and how many of them, at the end, are scored."""
    columns = {name: plan[name].tolist() for name in plan}
    sequences: dict[int, tuple[list[int], int]] = {}
    for begin, end, first, last in zip(
        columns["bin_start"], columns["bin_start"][1:], columns["target_start"], columns["target_start"][1:], strict=False
    ):
        tokens, until = columns["tokens"][begin:end], columns["visible_until"][begin:end]
        for target in range(first, last):
            # Targets are ordered by position: the last one of a sequence stays.
            row, sequence = columns["target_row"][target], columns["target_sequence"][target]
            scored = sequences.get(sequence, ([], 0))[1] + 1
            path = [token for place, token in enumerate(tokens[: row + 1]) if until[place] > row]
            sequences[sequence] = ([*path, columns["target_token"][target]], scored)
    return [sequences[key] for key in range(len(sequences))]


def read_evaluation(run: Path) -> dict:
    """The evaluation that the export was made at: that of the best step, when the run says so, else the last."""
    lines = (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    best = next((event["step"] for event in reversed(events) if event["type"] == "export" and "step" in event), None)
    evaluations = [event for event in events if event["type"] == "eval" and best in (None, event["step"])]
    if not evaluations:
        sys.exit(f"{run}: the run has no evaluation; give it an eval dataset and eval_steps")
    return evaluations[-1]


@torch.no_grad()
def check(run: Path) -> dict:
    evaluation = read_evaluation(run)
    plan = load_file(run / "eval-plan.safetensors")
    sequences = read_sequences(plan)
    model = AutoModelForCausalLM.from_pretrained(run / "export", dtype=torch.float32, attn_implementation="eager").eval()
    # Some models' RoPE depends on the length: in the runner and here that of the run's longest sequence.
    longest = max(int(plan["position"].max()), int(load_file(run / "plan.safetensors")["position"].max())) + 1
    logps = []
    for tokens, scored in sequences:
        ids = torch.tensor([tokens + [0] * (longest - len(tokens))])
        responses = slice(len(tokens) - scored, len(tokens))
        before = slice(responses.start - 1, responses.stop - 1)
        log_probs = model(input_ids=ids, use_cache=False).logits[0, before].double().log_softmax(-1)
        logps.append(log_probs.gather(1, ids[0, responses, None]).sum().item())
    result = {"run": str(run), "step": evaluation["step"], "pairs": len(plan["pair_chosen"])}
    for side in ("chosen", "rejected"):
        ours = evaluation[f"eval_logps/{side}"]
        theirs = sum(logps[sequence] for sequence in plan[f"pair_{side}"].tolist()) / len(plan["pair_chosen"])
        result[side] = {"runner": ours, "transformers": theirs, "apart": abs(ours - theirs) / max(1.0, abs(theirs))}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--limit", type=float, default=1e-5, help="largest relative difference (default 1e-5)")
    args = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    results = [check(run) for run in args.runs]
    for result in results:
        print(json.dumps(result))
    sys.exit(any(result[side]["apart"] > args.limit for result in results for side in ("chosen", "rejected")))


if __name__ == "__main__":
    main()
