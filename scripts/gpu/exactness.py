"""Holds the runner against Hugging Face transformers: log-probabilities and gradients of random preference trees.

    python scripts/gpu/exactness.py --runner build/native/wishbone-runner-cuda [--shapes llama-1b] [--backends cuda,cpu]
                                    [--adapters] [--fp8]

For each shape it writes a Hugging Face folder with random bf16 weights (full width, few layers, a smaller vocabulary)
and plans of random trees, and computes the log-probability of every response and the gradient of the mean DPO loss
three ways: transformers in fp32 with eager attention, which counts as the truth; transformers in bf16 on the same
batches, the yardstick; and the runner (`logps --gradients`), with shared prefixes and without. An error is
‖x - truth‖ / ‖truth‖, of all log-probabilities as one vector and of each gradient tensor. The runner's may be `LIMIT`
times the yardstick's. With `--adapters` the same with a LoRA adapter on every linear layer, which alone has gradients;
PEFT then computes both truth and yardstick. Exit code 1 when one is more. Needs PyTorch, transformers and safetensors
(with `--adapters` also peft), and a GPU unless --device cpu.

With `--fp8` the runner's linear layers are in FP8 beside the usual ones, and the yardstick for that is the Hugging Face
model in bf16 whose linear layers quantise both operands of each product as torchao's float8 with scales by row does (FP8
with E4M3, a scale a power of two for each row; `LIMIT_FP8`), the products of the quantised numbers then exact.

What the rule leaves out, on purpose: single log-probabilities are printed but only their vector is judged, since the
yardstick's own error of one response can be zero by chance; and below `FLOOR` an error passes whatever the yardstick's,
as bf16 numbers cannot state a tensor better than about 1e-3 and a ratio of smaller errors compares luck.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fixtures"))

import torch
from plan_file import CHOSEN, COMMON, PROMPT, REJECTED, Bin, Pair, starts
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import LlamaForCausalLM
from transformers.utils import logging
from workload import SHAPES, Shape

LIMIT = 1.5
# Both are off at random by the same 4 % a product: on one set of sequences the ratio scatters about 1 by a tenth.
LIMIT_FP8 = 1.15
FLOOR = 2e-4
# Small enough that pairs of very different lengths do not saturate the loss: each must contribute to the gradient.
BETA = 0.02
ADAPTER_RANK = 16

# Head sizes, and ratios of query to key heads, that the benchmark's models do not have.
ODD_SHAPES = {
    shape.name: shape
    for shape in (
        Shape("mha-d96", 2, 768, 8, 8, 96, 2048, 8192, True, 10000.0),
        Shape("gqa5-d64", 3, 640, 10, 2, 64, 1792, 8192, False, 10000.0),
        Shape("mqa-d256", 2, 1024, 4, 1, 256, 2816, 8192, True, 10000.0),
    )
}


@dataclass
class Batch:
    """Pairs that lie in one bin. `unread`: whether the last token of a sequence, which nothing reads, is laid out."""

    pairs: list[Pair]
    unread: bool = True


@dataclass
class Result:
    logps: torch.Tensor  # f64 [sequences]: chosen 2·p, rejected 2·p + 1
    gradients: dict[str, torch.Tensor]


class RandomPairs:
    def __init__(self, vocab: int, seed: int):
        self.vocab = vocab
        self.generator = torch.Generator().manual_seed(seed)

    def length(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=self.generator))

    def tokens(self, count: int) -> list[int]:
        return torch.randint(0, self.vocab, (count,), generator=self.generator).tolist()

    def responses(self, prompt: list[int], low: int, high: int, common: int = 0) -> Pair:
        stem = self.tokens(common)
        chosen, rejected = (stem + self.tokens(self.length(low, high)) for _ in range(2))
        if chosen == rejected:
            rejected[-1] = (rejected[-1] + 1) % self.vocab
        return Pair(prompt, chosen, rejected)

    def pair(self, prompt: tuple[int, int], response: tuple[int, int], common: int = 0) -> Pair:
        return self.responses(self.tokens(self.length(*prompt)), *response, common)

    def batches(self) -> list[Batch]:
        root = self.tokens(137)
        chat = self.tokens(31)
        turns = []
        for _ in range(8):
            turns.append(self.responses(chat, 3, 40))
            chat = chat + self.tokens(self.length(5, 50))
        return [
            Batch([self.pair((30, 300), (20, 120)) for _ in range(7)]),
            Batch([self.pair((511, 611), (180, 260)) for _ in range(2)]),
            # Prompts and responses of one token, responses that begin alike.
            Batch([self.pair((1, 1), (1, 1)), self.pair((1, 1), (1, 97)), self.pair((63, 65), (1, 1)),
                   self.pair((20, 200), (1, 30), common=5), self.pair((127, 129), (60, 66), common=64)]),
            Batch([self.pair((1, 1), (1, 1))], unread=False),  # a bin of one token
            Batch([self.pair((2, 2), (1, 2))], unread=False),
            Batch([self.responses(root, 1, 23) for _ in range(32)]),  # 64 branches of one prompt
            Batch(turns),  # every prompt begins with the one before
        ]


def lay_out(batch: Batch, first_pair: int, shared: bool) -> Bin:
    """The batch's sequences as trees of everything they share, or each on its own."""
    sequences = [pair.prompt + response for pair in batch.pairs for response in (pair.chosen, pair.rejected)]
    prompts = [len(pair.prompt) for pair in batch.pairs for _ in range(2)]
    laid = sequences if batch.unread else [tokens[:-1] for tokens in sequences]
    rows: list[list[int]] = [[] for _ in sequences]
    result = Bin()

    def grow(members: list[int], depth: int, parent: int) -> None:
        children: dict[int, list[int]] = {}
        for member in members:
            if depth < len(laid[member]):
                children.setdefault(laid[member][depth], []).append(member)
        for group in children.values():
            first = laid[group[0]]
            end = depth + 1
            while end < len(first) and all(laid[m][end : end + 1] == [first[end]] for m in group):
                end += 1
            if all(depth < prompts[m] for m in group):
                role = PROMPT
            else:
                role = COMMON if len(group) > 1 else (CHOSEN, REJECTED)[group[0] % 2]
            segment = result.add_segment(first[depth:end], parent, role, first_pair + group[0] // 2)
            begin = result.segments[segment][0]
            for member in group:
                rows[member] += range(begin, begin + end - depth)
            grow(group, end, segment)

    for members in [list(range(len(sequences)))] if shared else [[m] for m in range(len(sequences))]:
        grow(members, 0, -1)
    for member, tokens in enumerate(sequences):
        for at in range(prompts[member], len(tokens)):
            result.targets.append((2 * first_pair + member, rows[member][at - 1], tokens[at]))
    return result


def write_plan(file: Path, batches: list[Batch], shared: bool, config: dict) -> None:
    """One step of all batches, a bin each (docs/formats.md, "Plan")."""
    bins = []
    pairs = naive_tokens = 0
    for batch in batches:
        bins.append(lay_out(batch, pairs, shared))
        naive_tokens += len(lay_out(batch, pairs, False).tokens)
        pairs += len(batch.pairs)
    lists = {
        "step_bin_start": [0, len(bins)],
        "step_pair_start": [0, pairs],
        "bin_start": starts([len(b.tokens) for b in bins]),
        "tokens": [t for b in bins for t in b.tokens],
        "position": [p for b in bins for p in b.position],
        "visible_until": [u for b in bins for u in b.visible_until],
        "target_start": starts([len(b.targets) for b in bins]),
        "target_row": [row for b in bins for _, row, _ in b.targets],
        "target_token": [token for b in bins for _, _, token in b.targets],
        "target_sequence": [sequence for b in bins for sequence, _, _ in b.targets],
        "pair_chosen": list(range(0, 2 * pairs, 2)),
        "pair_rejected": list(range(1, 2 * pairs, 2)),
        "pair_row": list(range(pairs)),
        "sequence_reference": list(range(2 * pairs)),
        "segment_start": starts([len(b.segments) for b in bins]),
    }
    for column, name in enumerate(("begin", "end", "parent", "role", "pair")):
        lists[f"segment_{name}"] = [segment[column] for b in bins for segment in b.segments]
    tensors = {name: torch.tensor(values, dtype=torch.int32) for name, values in lists.items()}
    tensors["bin_flops"] = torch.tensor([b.flops(config) for b in bins], dtype=torch.float64)
    longest = max(lists["position"]) + 1
    metadata = {
        "format": "wishbone-plan", "version": 1, "sharing": "pair" if shared else "none",
        "capacity": max(len(b.tokens) for b in bins), "batch_size": pairs, "epochs": 1, "seed": 0,
        "max_length": longest + 1, "vocab_size": config["vocab_size"],
        "sha256": {"dataset": "0" * 64, "tokenizer": "0" * 64},
        "counts": {"pairs": pairs, "skipped": 0, "truncated": 0, "naive_tokens": naive_tokens,
                   "plan_tokens": len(lists["tokens"])},
    }
    save_file(tensors, file, metadata={"wishbone": json.dumps(metadata)})


def linear_sizes(shape: Shape) -> dict[str, tuple[int, int]]:
    """(outputs, inputs) of the linear layers of a block, by their names in it."""
    heads, keys = shape.head_dim * shape.heads, shape.head_dim * shape.kv_heads
    return {
        "self_attn.q_proj": (heads, shape.hidden),
        "self_attn.k_proj": (keys, shape.hidden),
        "self_attn.v_proj": (keys, shape.hidden),
        "self_attn.o_proj": (shape.hidden, heads),
        "mlp.gate_proj": (shape.intermediate, shape.hidden),
        "mlp.up_proj": (shape.intermediate, shape.hidden),
        "mlp.down_proj": (shape.hidden, shape.intermediate),
    }


def write_model(folder: Path, shape: Shape, seed: int, device: str) -> dict:
    """Random weights, large enough for attention and probabilities far from uniform, and norms away from one."""
    folder.mkdir()
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": shape.vocab,
        "hidden_size": shape.hidden, "intermediate_size": shape.intermediate, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "hidden_act": "silu", "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": shape.rope_theta,
        "rope_scaling": None, "tie_word_embeddings": shape.tied, "attention_bias": False, "mlp_bias": False,
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    generator = torch.Generator(device).manual_seed(seed)
    sizes = {"model.embed_tokens.weight": (shape.vocab, shape.hidden), "model.norm.weight": (shape.hidden,)}
    if not shape.tied:
        sizes["lm_head.weight"] = (shape.vocab, shape.hidden)
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        for norm, part in (("input_layernorm", "self_attn."), ("post_attention_layernorm", "mlp.")):
            sizes[f"{prefix}{norm}.weight"] = (shape.hidden,)
            sizes |= {f"{prefix}{n}.weight": size for n, size in linear_sizes(shape).items() if n.startswith(part)}
    tensors = {}
    for name, size in sizes.items():
        value = torch.randn(size, generator=generator, device=device)
        if len(size) == 1:
            value = 1 + 0.2 * value
        elif name in ("model.embed_tokens.weight", "lm_head.weight"):
            value *= 2 / math.sqrt(shape.hidden)  # logits of standard deviation 2
        else:
            value *= 1.2 / math.sqrt(size[1])
        tensors[name] = value.bfloat16().cpu()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return config


def write_adapter(folder: Path, shape: Shape, seed: int) -> None:
    """A LoRA adapter on every linear layer, in PEFT's format, that changes what they give by about a fifth."""
    folder.mkdir()
    modules = linear_sizes(shape)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": None, "bias": "none",
        "r": ADAPTER_RANK, "lora_alpha": 2 * ADAPTER_RANK, "target_modules": [name.split(".")[1] for name in modules],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in range(shape.layers):
        for name, (outputs, inputs) in modules.items():
            prefix = f"base_model.model.model.layers.{layer}.{name}."
            for which, size, scale in (
                ("lora_A", (ADAPTER_RANK, inputs), inputs**-0.5),
                ("lora_B", (outputs, ADAPTER_RANK), 0.12 * ADAPTER_RANK**-0.5),
            ):
                value = scale * torch.randn(size, generator=generator)
                tensors[f"{prefix}{which}.weight"] = value.bfloat16()
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def load(folder: Path, adapter: Path | None, dtype: torch.dtype, device: str) -> torch.nn.Module:
    model = LlamaForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter, is_trainable=True, autocast_adapter_dtype=False).to(dtype)
    return model.to(device)


def rounded_by_row(x: torch.Tensor) -> torch.Tensor:
    """Numbers of E4M3 under a scale for each row, as torchao's "rowwise" recipe has them: a power of two."""
    largest = x.abs().amax(-1, keepdim=True).double().clamp_min(1e-12)
    scale = torch.exp2(torch.floor(torch.log2(torch.finfo(torch.float8_e4m3fn).max / largest))).float()
    return (x.float() * scale).clamp(-448, 448).to(torch.float8_e4m3fn).float() / scale


class RowwiseProduct(torch.autograd.Function):
    """y = x wᵀ and its gradients, each product of operands rounded along what it contracts."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return (rounded_by_row(x) @ rounded_by_row(w).T).to(x.dtype)

    @staticmethod
    def backward(ctx, d):
        x, w = ctx.saved_tensors
        d_x = rounded_by_row(d) @ rounded_by_row(w.T).T
        d_w = None
        if ctx.needs_input_grad[1]:
            d_w = (rounded_by_row(d.flatten(0, -2).T) @ rounded_by_row(x.flatten(0, -2).T).T).to(w.dtype)
        return d_x.to(x.dtype), d_w


def use_rowwise_fp8(model: torch.nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and "lm_head" not in name and "lora_" not in name:
            module.forward = lambda x, module=module: RowwiseProduct.apply(x, module.weight)


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Under the runner's names, which are those of the Hugging Face model also for adapters."""
    return {
        name.removeprefix("base_model.model.").replace(".default.", "."): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def transformers_result(folder: Path, adapter: Path | None, batches: list[Batch], dtype: torch.dtype,
                        device: str, fp8: bool = False) -> Result:
    """Padded batches, one a bin. Gradients add up over the batches in fp32: the yardstick is not made worse by adding
    up in bf16, as an accumulating optimizer step would."""
    model = load(folder, adapter, dtype, device)
    if fp8:
        use_rowwise_fp8(model)
    parameters = trained_parameters(model)
    sums = {name: torch.zeros_like(p, dtype=torch.float32) for name, p in parameters.items()}
    total = sum(len(batch.pairs) for batch in batches)
    logps = []
    for batch in batches:
        sequences = [pair.prompt + r for pair in batch.pairs for r in (pair.chosen, pair.rejected)]
        lengths = torch.tensor([len(s) for s in sequences])
        prompts = torch.tensor([len(pair.prompt) for pair in batch.pairs for _ in range(2)])
        longest = int(lengths.max())
        tokens = torch.tensor([s + [0] * (longest - len(s)) for s in sequences], device=device)
        at = torch.arange(longest)[None]
        scored = ((at >= prompts[:, None]) & (at < lengths[:, None]))[:, 1:].to(device)
        attention_mask = (at < lengths[:, None]).long().to(device)
        logits = model(input_ids=tokens, attention_mask=attention_mask, use_cache=False).logits[:, :-1][scored]
        rows = logits.float().log_softmax(-1).gather(1, tokens[:, 1:][scored][:, None])[:, 0]
        sequence = torch.arange(len(sequences), device=device)[:, None].expand_as(scored)[scored]
        sums_of_rows = torch.zeros(len(sequences), dtype=torch.float64, device=device)
        by_sequence = sums_of_rows.index_add(0, sequence, rows.double())
        loss = -torch.nn.functional.logsigmoid(BETA * (by_sequence[0::2] - by_sequence[1::2])).sum() / total
        loss.backward()
        logps.append(by_sequence.detach().cpu())
        for name, parameter in parameters.items():
            sums[name] += parameter.grad
        model.zero_grad(set_to_none=True)
    return Result(torch.cat(logps), sums)


def runner_result(runner: str, backend: str, folder: Path, adapter: Path | None, plan: Path, out: Path,
                  device: str, fp8: bool = False) -> Result:
    command = [runner, "logps", str(folder), str(plan), "--out", str(out), "--gradients", "--beta", str(BETA),
               "--backend", backend, *(["--adapter", str(adapter)] if adapter else []), *(["--fp8"] if fp8 else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    with safe_open(out, "pt", device=device) as file:
        names = [name for name in file.keys() if name.startswith("grad.")]
        result = Result(file.get_tensor("logps").double().cpu(), {n[5:]: file.get_tensor(n) for n in names})
    out.unlink()
    return result


def distance(x: torch.Tensor, truth: torch.Tensor) -> float:
    """‖x - truth‖ / ‖truth‖; infinite when anything is not a number."""
    difference = (x.double() - truth.double()).norm()
    return (difference / truth.double().norm()).item() if bool(torch.isfinite(difference)) else math.inf


def passes(ours: float, yardstick: float, limit: float) -> bool:
    return ours <= max(limit * yardstick, FLOOR)


def check_shape(shape: Shape, options: argparse.Namespace, folder: Path) -> bool:
    begin = time.perf_counter()
    model = folder / "model"
    config = write_model(model, shape, options.seed, options.device)
    adapter = folder / "adapter" if options.adapters else None
    if adapter:
        write_adapter(adapter, shape, options.seed)
    batches = RandomPairs(shape.vocab, options.seed).batches()
    runs = {}
    for shared in (True, False):
        plan = folder / ("plan-shared.safetensors" if shared else "plan-naive.safetensors")
        write_plan(plan, batches, shared, config)
        for backend in options.backends.split(","):
            name = f"{backend} {'shared' if shared else 'naive'}"
            runs[name] = runner_result(options.runner, backend, model, adapter, plan, folder / "out", options.device)
        if options.fp8:
            name = f"fp8 {'shared' if shared else 'naive'}"
            runs[name] = runner_result(options.runner, "cuda", model, adapter, plan, folder / "out", options.device, True)
    truth = transformers_result(model, adapter, batches, torch.float32, options.device)
    yardstick = transformers_result(model, adapter, batches, torch.bfloat16, options.device)
    yardstick_fp8 = transformers_result(model, adapter, batches, torch.bfloat16, options.device, True) if options.fp8 else None

    pairs = sum(len(batch.pairs) for batch in batches)
    size = f"{shape.layers} layers, {shape.parameters() / 1e6:.0f}M parameters"
    if adapter:
        size += f", frozen, adapters of rank {ADAPTER_RANK}"
    print(f"\n## {shape.name}: {size}, {2 * pairs} responses")
    rowwise = " | fp8 by row" if yardstick_fp8 else ""
    print(f"\n| ‖x - fp32‖ / ‖fp32‖ | {'PEFT' if adapter else 'transformers'} bf16{rowwise} | {' | '.join(f'{n} | ratio' for n in runs)} | |")
    print("|---|---|" + "---|" * bool(rowwise) + "---|---|" * len(runs) + "---|")
    good = True

    def row(name: str, of: Callable[[Result], torch.Tensor]) -> None:
        nonlocal good
        reference = of(truth)
        expected = distance(of(yardstick), reference)
        expected_fp8 = distance(of(yardstick_fp8), reference) if yardstick_fp8 else 0
        columns, fine = "", True
        for run_name, run in runs.items():
            error, is_fp8 = distance(of(run), reference), run_name.startswith("fp8")
            against = expected_fp8 if is_fp8 else expected
            fine &= passes(error, against, LIMIT_FP8 if is_fp8 else LIMIT)
            columns += f" {error:.2e} | {error / against:.2f} |"
        good &= fine
        print(f"| {name} | {expected:.2e} |{f' {expected_fp8:.2e} |' if rowwise else ''}{columns} {'' if fine else 'TOO FAR'} |")

    row("log-probabilities", lambda result: result.logps)
    for run_name, run in runs.items():
        if different := sorted(run.gradients.keys() ^ truth.gradients.keys()):
            raise SystemExit(f"{run_name}: the gradients' names differ: {different}")
    for name in truth.gradients:
        row(name, lambda result, name=name: result.gradients[name])

    lengths = [len(r) for batch in batches for pair in batch.pairs for r in (pair.chosen, pair.rejected)]
    errors = torch.stack([(x.logps - truth.logps).abs() for x in (yardstick, *runs.values())])
    print(f"\n| response of | fp32 log-probability | bf16 error | {' | '.join(f'{n} error' for n in runs)} |")
    print("|---|---|---|" + "---|" * len(runs))
    shown = range(len(lengths)) if options.all else errors.max(0).values.argsort(descending=True)[:8].tolist()
    for index in shown:
        columns = " | ".join(f"{e:.4f}" for e in errors[:, index].tolist())
        print(f"| {lengths[index]} tokens | {truth.logps[index]:.4f} | {columns} |")
    if not options.all:
        print(f"| largest of all {len(lengths)} | | {' | '.join(f'{e:.4f}' for e in errors.max(1).values.tolist())} |")
    print(f"\n{'exact enough' if good else 'NOT exact enough'} ({time.perf_counter() - begin:.1f} s)", flush=True)
    return good


def main() -> None:
    shapes = SHAPES | ODD_SHAPES
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runner", required=True)
    parser.add_argument("--shapes", default=",".join(shapes))
    parser.add_argument("--backends", default="cuda", help="of the runner: cuda, cpu")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--vocab", type=int, default=32768, help="at most this many tokens")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda", help="where transformers runs")
    parser.add_argument("--adapters", action="store_true", help="LoRA on a frozen model, against PEFT")
    parser.add_argument("--fp8", action="store_true", help="also with linear layers in FP8")
    parser.add_argument("--all", action="store_true", help="print every response")
    options = parser.parse_args()
    logging.disable_progress_bar()
    # The truth is fp32 throughout.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False

    good = True
    for name in options.shapes.split(","):
        shape = replace(
            shapes[name], layers=min(options.layers, shapes[name].layers), vocab=min(options.vocab, shapes[name].vocab)
        )
        with tempfile.TemporaryDirectory() as folder:
            good &= check_shape(shape, options, Path(folder))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
