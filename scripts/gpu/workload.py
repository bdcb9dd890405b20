"""What both sides of the GPU benchmark run on: model shapes, pair lengths, bins and the FLOPs they require.

No dependencies. `native-runner/test/cuda/train_benchmark.cpp` follows the same rules, so that both train the same pairs
in the same bins.
"""

import json
from dataclasses import dataclass
from pathlib import Path

CAPACITY = 16384
SETS = ("hh", "dpo_en", "helpsteer")

Pair = tuple[int, int, int]  # tokens of the prompt, the chosen and the rejected response


@dataclass(frozen=True)
class Shape:
    """A model by the numbers of its `config.json`. `trains`: whether the step ends with AdamW on all parameters; the
    8B is measured without, its activations recomputed block by block, as its optimizer state would not fit."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    rope_theta: float
    trains: bool = True

    @property
    def recompute(self) -> str:
        return "none" if self.trains else "block"

    def parameters(self) -> int:
        heads = self.heads + 2 * self.kv_heads
        matrices = self.hidden * self.head_dim * (heads + self.heads) + 3 * self.hidden * self.intermediate
        embeddings = self.vocab * self.hidden * (1 if self.tied else 2)
        return embeddings + self.layers * (matrices + 2 * self.hidden) + self.hidden


# Llama-3.2-1B, Qwen2.5-1.5B (run as a Llama: without the biases of its query, key and value projections), Llama-3.1-8B.
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("llama-1b", 16, 2048, 32, 8, 64, 8192, 128256, True, 500000.0),
        Shape("qwen-1.5b", 28, 1536, 12, 2, 128, 8960, 151936, True, 1000000.0),
        # For a try of the scripts without a GPU.
        Shape("tiny", 2, 64, 4, 2, 16, 128, 512, True, 10000.0),
        Shape("llama-8b", 32, 4096, 32, 8, 128, 14336, 128256, False, 500000.0, trains=False),
    )
}


def read_lengths(name: str) -> list[Pair]:
    with open(Path(__file__).resolve().parent / "lengths.json", encoding="utf-8") as file:
        return [tuple(pair) for pair in json.load(file)[name]]


def pack(pairs: list[Pair], shared: bool, capacity: int = CAPACITY) -> list[list[Pair]]:
    """Whole pairs in the order given, a new bin when the next does not fit; what no bin can hold is left out, and so is
    the last bin, which is not full."""
    bins: list[list[Pair]] = []
    current: list[Pair] = []
    used = 0
    for prompt, chosen, rejected in pairs:
        size = (1 if shared else 2) * prompt + chosen + rejected
        if size > capacity:
            continue
        if used + size > capacity:
            bins.append(current)
            current, used = [], 0
        current.append((prompt, chosen, rejected))
        used += size
    return bins


def bins_of(name: str, shared: bool, count: int, capacity: int = CAPACITY) -> list[list[Pair]]:
    """`count` bins of a set, from the beginning again when it has fewer."""
    bins = pack(read_lengths(name), shared, capacity)
    return [bins[i % len(bins)] for i in range(count)]


def tokens_of(pairs: list[Pair], shared: bool) -> int:
    return sum((1 if shared else 2) * prompt + chosen + rejected for prompt, chosen, rejected in pairs)


@dataclass(frozen=True)
class BinWork:
    """What of a bin decides the cost of a forward pass (`src/core/model/flops.ts`)."""

    tokens: int
    visible_pairs: int  # (query, key) pairs the mask lets through
    read_rows: int  # different rows that a target reads


def work_of(pairs: list[Pair], shared: bool) -> BinWork:
    """Without the last token of each response, which is scored and which nothing reads."""
    read = whole_work_of([(prompt, chosen - 1, rejected - 1) for prompt, chosen, rejected in pairs], shared)
    return BinWork(read.tokens, read.visible_pairs, whole_work_of(pairs, shared).read_rows)


def whole_work_of(pairs: list[Pair], shared: bool) -> BinWork:
    """Of every token, as attention alone is measured."""
    tokens = visible = rows = 0
    for prompt, chosen, rejected in pairs:
        def triangle(n: int) -> int:
            return n * (n + 1) // 2

        if shared:
            tokens += prompt + chosen + rejected
            visible += triangle(prompt) + prompt * (chosen + rejected) + triangle(chosen) + triangle(rejected)
            rows += chosen + rejected - 1  # both responses' first tokens are scored from the prompt's last row
        else:
            tokens += 2 * prompt + chosen + rejected
            visible += triangle(prompt + chosen) + triangle(prompt + rejected)
            rows += chosen + rejected
    return BinWork(tokens, visible, rows)


def forward_flops(shape: Shape, work: BinWork) -> float:
    """As `forwardFlops` of `src/core/model/flops.ts`. A DPO step with the reference in it requires four times this:
    reference forward, policy forward, and backward, which is twice a forward."""
    query = shape.heads * shape.head_dim
    qkv = shape.hidden * (query + 2 * shape.kv_heads * shape.head_dim)
    behind = query * shape.hidden + 3 * shape.hidden * shape.intermediate
    linear = (
        2 * qkv * shape.layers * work.tokens
        + 2 * behind * ((shape.layers - 1) * work.tokens + work.read_rows)
        + 2 * shape.hidden * shape.vocab * work.read_rows
    )
    return float(linear + 4 * query * shape.layers * work.visible_pairs)


def step_flops(shape: Shape, pairs: list[Pair], shared: bool) -> float:
    return 4 * forward_flops(shape, work_of(pairs, shared))
