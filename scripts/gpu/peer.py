"""The PyTorch peer of the GPU benchmark: DPO steps as a good engineer gets them from PyTorch alone.

    python scripts/gpu/peer.py --model llama-1b --sets hh,dpo_en,helpsteer --modes shared,naive,hf-padded

`shared` and `naive` are a compiled Llama with FlexAttention under the prefix mask, bins of 16,384 tokens and an LM head
that works through the response rows in chunks; `naive` gives every response its own copy of the prompt. `hf-padded` is
transformers out of the box: LlamaForCausalLM in bf16 with SDPA, padded pairs and full logits. Each step is one bin:
reference forward, policy forward and backward, AdamW (fused, its state in bf16; none for a shape that does not train).

With `--precision fp8-rowwise` or `fp8-tensorwise` the linear layers of the blocks compute in FP8 by torchao's recipe of
that name; head and embedding stay in bf16.

Prints one JSON line for each set and mode. Needs an NVIDIA GPU, PyTorch 2.6 or newer; `hf-padded` also transformers, FP8
torchao.
"""

import argparse
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.utils.checkpoint import checkpoint
from workload import CAPACITY, SETS, SHAPES, Pair, Shape, bins_of, step_flops, tokens_of

DEVICE = "cuda"
BETA = 0.1
LEARNING_RATE = 1e-6
BLOCK = 128  # FlexAttention's block of queries and of keys
HEAD_CHUNK = 4096  # rows whose logits exist at once
PRECISIONS = ("bf16", "fp8-rowwise", "fp8-tensorwise")
PADDED_PAIRS = 8  # a micro-batch of `hf-padded`: the default per-device batch of transformers' trainers


class Attention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.qkv = nn.Linear(shape.hidden, (shape.heads + 2 * shape.kv_heads) * shape.head_dim, bias=False)
        self.out = nn.Linear(shape.heads * shape.head_dim, shape.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: BlockMask) -> Tensor:
        shape = self.shape
        qkv = self.qkv(x).view(len(x), shape.heads + 2 * shape.kv_heads, shape.head_dim)
        query, key, value = qkv.split([shape.heads, shape.kv_heads, shape.kv_heads], dim=1)

        def rotate(heads: Tensor) -> Tensor:
            low, high = heads.float().chunk(2, dim=-1)
            c, s = cos[:, None], sin[:, None]
            return torch.cat([low * c - high * s, high * c + low * s], dim=-1).to(x.dtype)

        def batch(heads: Tensor) -> Tensor:
            return heads.transpose(0, 1)[None]

        attention = flex_attention(
            batch(rotate(query)), batch(rotate(key)), batch(value), block_mask=mask, enable_gqa=True
        )
        return self.out(attention[0].transpose(0, 1).reshape(len(x), -1))


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.hidden, eps=1e-5)
        self.attention = Attention(shape)
        self.mlp_norm = nn.RMSNorm(shape.hidden, eps=1e-5)
        self.gate_up = nn.Linear(shape.hidden, 2 * shape.intermediate, bias=False)
        self.down = nn.Linear(shape.intermediate, shape.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: BlockMask) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin, mask)
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, shape: Shape, recompute: bool, precision: str = "bf16"):
        super().__init__()
        self.shape = shape
        self.recompute = recompute
        self.embedding = nn.Embedding(shape.vocab, shape.hidden)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden, eps=1e-5)
        self.head = nn.Linear(shape.hidden, shape.vocab, bias=False)
        if shape.tied:
            self.head.weight = self.embedding.weight
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
        if precision != "bf16":
            from torchao.float8 import Float8LinearConfig, convert_to_float8_training

            convert_to_float8_training(
                self.blocks, config=Float8LinearConfig.from_recipe_name(precision.removeprefix("fp8-"))
            )
        # One block is compiled and serves all layers: the whole trunk is a few per cent faster at most and takes ten
        # times as long to compile.
        for block in self.blocks:
            block.compile(dynamic=False)

    def hidden(self, tokens: Tensor, position: Tensor, mask: BlockMask) -> Tensor:
        dim = self.shape.head_dim
        frequency = self.shape.rope_theta ** (-torch.arange(0, dim, 2, device=tokens.device) / dim)
        angle = position[:, None].float() * frequency
        cos, sin = angle.cos(), angle.sin()
        x = self.embedding(tokens)
        for block in self.blocks:
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(block, x, cos, sin, mask, use_reentrant=False)
            else:
                x = block(x, cos, sin, mask)
        return self.norm(x)

    def logps(self, hidden: Tensor, target: Tensor) -> Tensor:
        """Log-probabilities of `target` given the rows that score them. Logits are computed again for the gradient."""

        def chunk(rows: Tensor, tokens: Tensor) -> Tensor:
            return -F.cross_entropy(self.head(rows).float(), tokens, reduction="none")

        pairs = zip(hidden.split(HEAD_CHUNK), target.split(HEAD_CHUNK), strict=True)
        return torch.cat([checkpoint(chunk, rows, tokens, use_reentrant=False) for rows, tokens in pairs])


@dataclass
class PackedBin:
    """A bin on the device, filled up to its capacity; the filling sees itself alone."""

    tokens: Tensor  # [capacity]
    position: Tensor
    visible_until: Tensor
    row: Tensor  # targets, filled up to a multiple of 128: the last `sequence` takes the filling
    token: Tensor
    sequence: Tensor
    pairs: int


def lay_out(pairs: list[Pair], shared: bool, vocab: int, capacity: int, generator: torch.Generator) -> PackedBin:
    tokens = torch.randint(0, vocab, (capacity,), generator=generator)
    position = torch.zeros(capacity, dtype=torch.long)
    until = torch.arange(1, capacity + 1)
    rows: list[int] = []
    scored: list[int] = []
    sequence: list[int] = []
    at = 0
    for index, (prompt, chosen, rejected) in enumerate(pairs):
        stem = (0, 0)
        for which, response in enumerate((chosen, rejected)):
            if which == 0 or not shared:
                stem = (at, at + prompt)
                position[at : at + prompt] = torch.arange(prompt)
                at += prompt
            begin, end = at, at + response
            position[begin:end] = torch.arange(prompt, prompt + response)
            until[begin:end] = end
            until[stem[0] : stem[1]] = end
            rows += [stem[1] - 1, *range(begin, end - 1)]
            scored += range(begin, end)
            sequence += [2 * index + which] * response
            at = end
    filling = -len(rows) % 128
    rows += [0] * filling
    scored += [0] * filling
    sequence += [2 * len(pairs)] * filling

    def device(values: Tensor | list[int]) -> Tensor:
        return torch.as_tensor(values, device=DEVICE)

    return PackedBin(
        device(tokens), device(position), device(until), device(rows), device(tokens)[device(scored)],
        device(sequence), len(pairs),
    )


def dpo_loss(policy: Tensor, reference: Tensor) -> Tensor:
    """Sum of the sigmoid DPO losses of pairs; log-probabilities [pairs, 2], chosen first."""
    margin = (policy - reference) @ torch.tensor([1.0, -1.0], device=policy.device)
    return -F.logsigmoid(BETA * margin).sum()


def random_models(make: Callable[[], nn.Module]) -> tuple[nn.Module, nn.Module]:
    """Policy and reference, with the same weights."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(DEVICE):
        policy, reference = make(), make()
    torch.set_default_dtype(torch.float32)
    reference.load_state_dict(policy.state_dict())
    reference.requires_grad_(False)
    return policy, reference


class FlexPeer:
    def __init__(self, shape: Shape, recompute: bool, precision: str, capacity: int = CAPACITY):
        self.shape = shape
        self.capacity = capacity
        self.policy, self.reference = random_models(lambda: Llama(shape, recompute, precision))
        # The mask rule reads this tensor, so that every bin of either mode runs the same compiled code.
        self.visible_until = visible_until = torch.zeros(capacity, dtype=torch.long, device=DEVICE)
        self.mask_rule = lambda b, h, q, k: (q >= k) & (q < visible_until[k])

    def prepare(self, bins: list[list[Pair]], shared: bool) -> list[PackedBin]:
        generator = torch.Generator().manual_seed(1)
        return [lay_out(pairs, shared, self.shape.vocab, self.capacity, generator) for pairs in bins]

    def mask(self, visible_until: Tensor) -> BlockMask:
        """The tiles that attention visits. What `create_block_mask` finds by evaluating the rule for every pair follows
        from the rule directly: behind a block of keys, a block of queries sees nothing of it when every key's reach
        ends before the first query, and all of it when every key reaches the last."""
        self.visible_until.copy_(visible_until)
        reach = visible_until.view(-1, BLOCK)
        first = torch.arange(0, self.capacity, BLOCK, device=DEVICE)[:, None]
        behind = first > first.T
        full = behind & (reach.amin(1) >= first + BLOCK)
        partial = (behind & (reach.amax(1) > first) & ~full) | (first == first.T)

        def ordered(blocks: Tensor) -> tuple[Tensor, Tensor]:
            blocks = blocks.int()[None, None]
            return blocks.sum(-1, dtype=torch.int32), blocks.argsort(dim=-1, descending=True, stable=True).int()

        return BlockMask.from_kv_blocks(*ordered(partial), *ordered(full), BLOCK_SIZE=BLOCK, mask_mod=self.mask_rule)

    def forward(self, model: Llama, packed: PackedBin, mask: BlockMask) -> Tensor:
        hidden = model.hidden(packed.tokens, packed.position, mask)
        logps = model.logps(hidden[packed.row], packed.token)
        sums = torch.zeros(2 * packed.pairs + 1, device=DEVICE).index_add_(0, packed.sequence, logps)
        return sums[:-1].view(-1, 2)

    def step(self, packed: PackedBin) -> Tensor:
        mask = self.mask(packed.visible_until)
        with torch.no_grad():
            reference = self.forward(self.reference, packed, mask)
        loss = dpo_loss(self.forward(self.policy, packed, mask), reference) / packed.pairs
        loss.backward()
        return loss.detach()


@dataclass
class PaddedBatch:
    tokens: Tensor  # [2 * pairs, longest], all chosen sequences, then all rejected ones
    mask: Tensor
    response: Tensor  # whether a token is scored
    share: float  # of the step's pairs


class PaddedPeer:
    """What TRL's DPOTrainer does with a batch: both responses of every pair as one padded batch, logits of every
    position, log-probabilities row by row."""

    def __init__(self, shape: Shape, recompute: bool):
        from transformers import LlamaConfig, LlamaForCausalLM

        self.shape = shape
        config = LlamaConfig(
            vocab_size=shape.vocab, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
            num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_dim, max_position_embeddings=131072, tie_word_embeddings=shape.tied,
            attn_implementation="sdpa", use_cache=False,
        )
        self.policy, self.reference = random_models(lambda: LlamaForCausalLM(config))
        if recompute:
            self.policy.gradient_checkpointing_enable({"use_reentrant": False})
        self.policy.train()
        self.reference.eval()

    def prepare(self, bins: list[list[Pair]], shared: bool) -> list[list[PaddedBatch]]:
        generator = torch.Generator().manual_seed(1)
        return [
            [
                self.pad(pairs[first : first + PADDED_PAIRS], len(pairs), generator)
                for first in range(0, len(pairs), PADDED_PAIRS)
            ]
            for pairs in bins
        ]

    def pad(self, pairs: list[Pair], of: int, generator: torch.Generator) -> PaddedBatch:
        prompts = [prompt for prompt, _, _ in pairs] * 2
        lengths = [p + c for p, c, _ in pairs] + [p + r for p, _, r in pairs]
        at = torch.arange(max(lengths))[None]
        end = torch.tensor(lengths)[:, None]
        tokens = torch.randint(0, self.shape.vocab, (len(lengths), max(lengths)), generator=generator)
        response = (at >= torch.tensor(prompts)[:, None]) & (at < end)
        return PaddedBatch(tokens.to(DEVICE), (at < end).long().to(DEVICE), response.to(DEVICE), len(pairs) / of)

    def forward(self, model: nn.Module, batch: PaddedBatch) -> Tensor:
        logits = model(input_ids=batch.tokens, attention_mask=batch.mask).logits[:, :-1]
        target = batch.tokens[:, 1:, None]
        rows = [row.log_softmax(-1).gather(-1, t)[:, 0] for row, t in zip(logits, target, strict=True)]
        return (torch.stack(rows) * batch.response[:, 1:]).float().sum(-1).view(2, -1).T

    def step(self, batches: list[PaddedBatch]) -> Tensor:
        total = torch.zeros((), device=DEVICE)
        for batch in batches:
            with torch.no_grad():
                reference = self.forward(self.reference, batch)
            loss = dpo_loss(self.forward(self.policy, batch), reference) * batch.share * 2 / len(batch.tokens)
            loss.backward()
            total += loss.detach()
        return total


def measure(
    peer: FlexPeer | PaddedPeer,
    name: str,
    shared: bool,
    warm_up: int,
    steps: int,
    optimizer: torch.optim.Optimizer | None,
    capacity: int,
) -> dict:
    bins = bins_of(name, shared, warm_up + steps, capacity)
    prepared = peer.prepare(bins, shared)
    torch.cuda.reset_peak_memory_stats()
    starts = [torch.cuda.Event(enable_timing=True) for _ in range(len(bins) + 1)]
    loss = torch.zeros(())
    begin = 0.0
    for index, packed in enumerate(prepared):
        if index == warm_up:
            torch.cuda.synchronize()
            begin = time.perf_counter()
        starts[index].record()
        loss = peer.step(packed)
        if optimizer is not None:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        else:
            peer.policy.zero_grad(set_to_none=True)
    starts[-1].record()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - begin
    timed = bins[warm_up:]
    pairs = sum(len(b) for b in timed)
    tokens = sum(tokens_of(b, shared) for b in timed)
    flops = sum(step_flops(peer.shape, b, shared) for b in timed)
    each = [starts[i].elapsed_time(starts[i + 1]) for i in range(warm_up, len(bins))]
    return {
        "bins": steps,
        "pairs_per_second": pairs / seconds,
        "tokens_per_second": tokens / seconds,
        "ms_per_bin": 1e3 * seconds / steps,
        "ms_per_bin_median": statistics.median(each),
        "tflop_per_bin": flops / steps / 1e12,
        "tflops": flops / seconds / 1e12,
        "peak_memory_gib": torch.cuda.max_memory_allocated() / 2**30,
        "reserved_memory_gib": torch.cuda.max_memory_reserved() / 2**30,
        "loss": loss.item(),
    }


def matmul_ceiling() -> float:
    """TFLOP/s of a bf16 8192³ matrix product, the median of repeated runs on random numbers."""
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for index in range(60):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        torch.mm(a, b)
        end.record()
        end.synchronize()
        if index >= 20:
            times.append(begin.elapsed_time(end))
    return 2 * 8192**3 / statistics.median(times) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=SHAPES, default="llama-1b")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--modes", default="shared,naive")
    parser.add_argument("--precision", choices=PRECISIONS, default="bf16", help="of the blocks' linear layers")
    parser.add_argument("--recompute", choices=("none", "block"), help="of activations; default: block for the 8B")
    parser.add_argument("--capacity", type=int, default=CAPACITY, help=f"tokens of a bin, whole blocks of {BLOCK}")
    parser.add_argument("--bins", type=int, default=10, help="timed steps")
    parser.add_argument("--warm-up", type=int, default=4, help="steps before them")
    parser.add_argument("--seconds", type=float, default=math.inf, help="start nothing new after this long")
    options = parser.parse_args()

    if options.capacity <= 0 or options.capacity % BLOCK:
        parser.error(f"a capacity is a multiple of {BLOCK}")
    if options.precision != "bf16" and "hf-padded" in options.modes.split(","):
        parser.error("hf-padded is measured in bf16 alone")

    started = time.perf_counter()
    shape = SHAPES[options.model]
    torch.set_float32_matmul_precision("high")
    ceiling = matmul_ceiling()
    common = {"side": "peer", "model": shape.name, "precision": options.precision}
    device = torch.cuda.get_device_name()
    about = {"device": device, "torch": torch.__version__, "ceiling_tflops": ceiling}
    print(json.dumps(common | about | {"at_seconds": time.perf_counter() - started}), flush=True)

    failed = False
    kinds: dict[str, list[str]] = {"flex": [], "padded": []}
    for mode in options.modes.split(","):
        kinds["padded" if mode == "hf-padded" else "flex"].append(mode)
    for kind, modes in kinds.items():
        if not modes:
            continue
        recompute = (options.recompute or shape.recompute) == "block"
        peer = (
            FlexPeer(shape, recompute, options.precision, options.capacity)
            if kind == "flex"
            else PaddedPeer(shape, recompute)
        )
        optimizer = torch.optim.AdamW(peer.policy.parameters(), lr=LEARNING_RATE, fused=True) if shape.trains else None
        for name in options.sets.split(","):
            for mode in modes:
                line = common | {"set": name, "mode": mode}
                if time.perf_counter() - started > options.seconds:
                    print(json.dumps(line | {"skipped": "out of time"}), flush=True)
                    continue
                try:
                    line |= measure(peer, name, mode == "shared", options.warm_up, options.bins, optimizer, options.capacity)
                    line |= {"speed_of_light": line["tflops"] / ceiling, "at_seconds": time.perf_counter() - started}
                except torch.OutOfMemoryError as error:
                    line |= {"error": str(error).splitlines()[0]}
                    failed = True
                print(json.dumps(line), flush=True)
                gc.collect()
                torch.cuda.empty_cache()
        del peer, optimizer
        gc.collect()
        torch.cuda.empty_cache()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
