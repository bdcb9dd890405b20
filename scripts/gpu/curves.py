"""Trains one model on several plans of the same pairs and compares the curves, step by step.

    python scripts/gpu/curves.py --runner build/native/wishbone-runner-cuda naive.safetensors shared.safetensors other.safetensors

The first plan is the yardstick, the last is the same training with other bins (another capacity, sharing none): the
numbers of two naive runs differ only by the order of their sums. Shared prefixes may differ from the yardstick by no
more than that, which is what the exit code says: the root mean square, over all steps, of the difference of loss and
reward margin, at most LIMIT times the spread of the two naive runs. Plans come from `wishbone plan --out`. The model is
a random one with the plans' vocabulary, bf16 on a GPU. With `--devices N` the shared plan is trained on so many devices together,
whose sums have another order as well. Needs numpy and safetensors.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

# Two samples of one noise: their ratio wanders, the sample of 200 steps being strongly correlated.
LIMIT = 1.5
FIELDS = ("loss", "rewards/margins")

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 512, "intermediate_size": 1536,
    "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "hidden_act": "silu",
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True,
    "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32",
}


def plan_metadata(plan: Path) -> dict:
    with safe_open(plan, "numpy") as file:
        return json.loads(file.metadata()["wishbone"])


def write_model(folder: Path, vocab: int, config: dict = CONFIG) -> None:
    """Random matrices of the usual size, norms of one."""
    folder.mkdir()
    config = config | {"vocab_size": vocab}
    (folder / "config.json").write_text(json.dumps(config))
    random = np.random.default_rng(0)
    hidden, wide, dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, 0.6 / math.sqrt(columns), (rows, columns)).astype(np.float32)

    tensors = {"model.embed_tokens.weight": matrix(vocab, hidden), "model.norm.weight": np.ones(hidden, np.float32)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        tensors |= {
            prefix + "input_layernorm.weight": np.ones(hidden, np.float32),
            prefix + "post_attention_layernorm.weight": np.ones(hidden, np.float32),
            prefix + "self_attn.q_proj.weight": matrix(queries, hidden),
            prefix + "self_attn.k_proj.weight": matrix(keys, hidden),
            prefix + "self_attn.v_proj.weight": matrix(keys, hidden),
            prefix + "self_attn.o_proj.weight": matrix(hidden, queries),
            prefix + "mlp.gate_proj.weight": matrix(wide, hidden),
            prefix + "mlp.up_proj.weight": matrix(wide, hidden),
            prefix + "mlp.down_proj.weight": matrix(hidden, wide),
        }
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def train(runner: str, backend: str, devices: int, model: Path, plan: Path, run: Path) -> list[dict]:
    """The run's `step` events."""
    run.mkdir()
    (run / "plan.safetensors").symlink_to(plan.resolve())
    metadata = plan_metadata(plan)
    config = {
        "format": "wishbone-run", "version": 1, "id": run.name, "name": run.name, "created": "2026-01-01T00:00:00.000Z",
        "dataset": {
            "path": "/", "sha256": metadata["sha256"]["dataset"], "format": "trl-implicit",
            "pairs": metadata["counts"]["pairs"],
        },
        "model": {"path": str(model)},
        "plan": {key: metadata[key] for key in ("sharing", "capacity", "batch_size", "epochs", "seed", "max_length")},
        "training": {
            "loss_type": "sigmoid", "beta": 0.1, "learning_rate": 5e-5, "lr_scheduler_type": "linear",
            "warmup_ratio": 0.1, "weight_decay": 0.0, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8,
            "max_grad_norm": 1.0, "reference": "in_step", "save_steps": 0, "save_total_limit": 1,
        },
        "runner": {"backend": backend, "threads": 0, "devices": devices},
    }
    (run / "run.json").write_text(json.dumps(config))
    ended = subprocess.run([runner, "train", run], capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{run.name}: exit code {ended.returncode}\n{ended.stderr}")
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [event for event in events if event["type"] == "step"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plans", type=Path, nargs=3, metavar="plan", help="naive, shared, naive with other bins")
    parser.add_argument("--runner", required=True)
    parser.add_argument("--backend", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--devices", type=int, default=1, help="for the shared plan")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        write_model(model, plan_metadata(arguments.plans[0])["vocab_size"])
        naive, shared, other = (
            train(arguments.runner, arguments.backend, devices, model, plan, Path(folder) / plan.stem)
            for plan, devices in zip(arguments.plans, (1, arguments.devices, 1))
        )
    print(f"{len(naive)} steps, loss {naive[0]['loss']:.4f} to {naive[-1]['loss']:.4f}")
    failed = False
    for field in FIELDS:
        a, b, c = (np.array([step[field] for step in run]) for run in (naive, shared, other))
        spread, difference = (float(np.sqrt(np.mean((x - a) ** 2))) for x in (c, b))
        failed |= difference > LIMIT * spread
        print(
            f"{field}: shared differs by {difference:.2e} (largest {np.abs(b - a).max():.2e}), "
            f"naive with other bins by {spread:.2e} (largest {np.abs(c - a).max():.2e}): {difference / spread:.2f}"
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
