"""Times a whole run, from start to exported model, and says where the time went.

`python3 scripts/gpu/run.py --runner build/native/wishbone-runner-cuda RUN_FOLDER…` makes the model that each run folder names
(random weights in bf16, unless it is there) and trains. Folders come from run-folder.mjs. Prints a Markdown table, a row a run.
"""

import argparse
import json
import subprocess
import tarfile
import time
from pathlib import Path

from workload import SHAPES


def unpacked(source: Path, scratch: Path, name: str) -> Path:
    """The folder that holds the file `name`: `source`, or what it is in when that is a .tar.gz."""
    if not source.is_file():
        return source
    with tarfile.open(source) as packed:
        packed.extractall(scratch / "packed", filter="data")
    return next((scratch / "packed").rglob(name)).parent


def make_model(folder: Path, name: str) -> None:
    import torch
    from safetensors.torch import save_file

    shape = SHAPES[name]
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def draw(*size: int) -> "torch.Tensor":
        return (torch.randn(*size, device=device) * 0.02).to(torch.bfloat16).cpu()

    ones = torch.ones(shape.hidden, dtype=torch.bfloat16)
    tensors = {"model.embed_tokens.weight": draw(shape.vocab, shape.hidden), "model.norm.weight": ones}
    if not shape.tied:
        tensors["lm_head.weight"] = draw(shape.vocab, shape.hidden)
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        heads = {"q": shape.heads, "k": shape.kv_heads, "v": shape.kv_heads}
        for part, count in heads.items():
            tensors[f"{at}self_attn.{part}_proj.weight"] = draw(count * shape.head_dim, shape.hidden)
        tensors[at + "self_attn.o_proj.weight"] = draw(shape.hidden, shape.heads * shape.head_dim)
        for part in ("gate", "up"):
            tensors[f"{at}mlp.{part}_proj.weight"] = draw(shape.intermediate, shape.hidden)
        tensors[at + "mlp.down_proj.weight"] = draw(shape.hidden, shape.intermediate)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}{norm}.weight"] = ones.clone()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocab,
        "rms_norm_eps": 1e-5,
        "rope_theta": shape.rope_theta,
        "max_position_embeddings": 131072,
        "tie_word_embeddings": shape.tied,
        "hidden_act": "silu",
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))


def run(runner: str, folder: Path) -> dict[str, float]:
    begin = time.time()
    subprocess.run([runner, "train", str(folder)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return times(folder, time.time() - begin)


def times(folder: Path, wall: float) -> dict[str, float]:
    """Where the time of a run went, by its events; `outside`: what of the wall time was not the runner's own."""
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    steps = [event["seconds"] for event in events if event["type"] == "step"]
    light = [event["speedOfLight"] for event in events if event["type"] == "step"]
    last = events[-1]
    middle = sorted(steps)[len(steps) // 2]
    return {
        "wall": wall,
        "steps": sum(steps),
        "first 8 steps / median": sum(steps[:8]) / len(steps[:8]) / middle,
        "light": sum(l * s for l, s in zip(light, steps)) / sum(steps),
        **{phase: last["phases"][phase] for phase in sorted(last["phases"])},
        "outside": wall - last["seconds"],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--shape", default="llama-1b", choices=SHAPES)
    parser.add_argument("folders", nargs="+", type=Path)
    args = parser.parse_args()
    rows = []
    for folder in args.folders:
        model = Path(json.loads((folder / "run.json").read_text())["model"]["path"])
        if not model.exists():
            make_model(model, args.shape)
        rows.append((folder.name, run(args.runner, folder)))
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    print("| run | " + " | ".join(f"{name}" for name in names) + " |")
    print("|---|" + "---|" * len(names))
    for folder, row in rows:
        print(f"| {folder} | " + " | ".join(f"{row[name]:.2f}" if name in row else "" for name in names) + " |")


if __name__ == "__main__":
    main()
