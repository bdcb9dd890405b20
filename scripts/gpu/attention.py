"""Attention alone in PyTorch: FlexAttention under the prefix mask, by Triton and, where flash-attn-4 is installed, by FlashAttention-4; and dense
causal cuDNN and FlashAttention-2.

    python scripts/gpu/attention.py [--head-dims 128,64]

16,384 tokens, 32 query and 8 key heads (dense: 32 and 32). Trees lie
one after the other; TFLOP/s count visible (query, key) pairs alone: forward 4 · heads · head_dim a pair, backward 2.5
times that. Prints one JSON line for each kernel and mask. Needs an NVIDIA GPU and PyTorch 2.6 or newer.
"""

import argparse
import importlib.util
import json
import statistics
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from workload import Pair, whole_work_of

TOKENS = 16384
HEADS, KV_HEADS = 32, 8
#: Prompt, chosen, rejected.
TREES: dict[str, Pair] = {"1024+512+512": (1024, 512, 512), "350+300+300": (350, 300, 300), "100+40+45": (100, 40, 45)}


def median_ms(function: Callable[[], object], warm_up: int = 10, repeats: int = 30) -> float:
    """By device events. The inputs and outputs of one call do not fit in a cache, so nothing is flushed between."""
    for _ in range(warm_up):
        function()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    for begin, end in events:
        begin.record()
        function()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(begin.elapsed_time(end) for begin, end in events)


def visible_until(tree: Pair) -> torch.Tensor:
    """As many trees as fit; the rest sees itself alone."""
    until = torch.arange(1, TOKENS + 1)
    prompt, chosen, rejected = tree
    size = sum(tree)
    for begin in range(0, TOKENS - size + 1, size):
        until[begin : begin + prompt] = begin + size
        until[begin + prompt : begin + prompt + chosen] = begin + prompt + chosen
        until[begin + prompt + chosen : begin + size] = begin + size
    return until


def heads(count: int, head_dim: int) -> torch.Tensor:
    return torch.randn(1, count, TOKENS, head_dim, device="cuda", dtype=torch.bfloat16, requires_grad=True)


def report(
    kernel: str, shape: str, head_dim: int, pairs: float, forward: Callable[[], torch.Tensor], inputs: tuple
) -> None:
    out = forward()
    gradient = torch.randn_like(out)
    forward_ms = median_ms(forward)
    backward_ms = median_ms(lambda: torch.autograd.grad(out, inputs, gradient, retain_graph=True))
    flops = 4 * HEADS * head_dim * pairs
    line = {
        "side": "peer", "kind": "attention", "path": kernel, "heads": f"{HEADS}/{inputs[1].shape[1]}",
        "head_dim": head_dim, "shape": shape, "fwd_ms": forward_ms, "bwd_ms": backward_ms,
        "fwd_tflops": flops / forward_ms / 1e9, "bwd_tflops": 2.5 * flops / backward_ms / 1e9,
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--head-dims", default="128,64")
    options = parser.parse_args()
    torch.manual_seed(0)
    flex = torch.compile(flex_attention, dynamic=False)
    has_flash = importlib.util.find_spec("flash_attn") is not None and importlib.util.find_spec("flash_attn.cute") is not None
    flex_kernels = {"FlexAttention": {}} | ({"FlexAttention, FlashAttention-4": {"BACKEND": "FLASH"}} if has_flash else {})
    for head_dim in map(int, options.head_dims.split(",")):
        query, key, value = heads(HEADS, head_dim), heads(KV_HEADS, head_dim), heads(KV_HEADS, head_dim)
        # One tensor that each mask is copied into, so that the kernel is compiled once.
        until = torch.zeros(TOKENS, dtype=torch.long, device="cuda")

        def visible(batch, head, query_at, key_at, until=until):
            return (query_at >= key_at) & (query_at < until[key_at])

        for name, tree in TREES.items():
            until.copy_(visible_until(tree))
            mask = create_block_mask(visible, None, None, TOKENS, TOKENS, device="cuda")
            count = TOKENS // sum(tree)
            pairs = whole_work_of([tree] * count, shared=True).visible_pairs

            for kernel, how in flex_kernels.items():

                def forward(how: dict = how) -> torch.Tensor:
                    return flex(query, key, value, block_mask=mask, enable_gqa=True, kernel_options=how)

                report(kernel, name, head_dim, pairs, forward, (query, key, value))
        key, value = heads(HEADS, head_dim), heads(HEADS, head_dim)
        dense = {"cuDNN": SDPBackend.CUDNN_ATTENTION, "FlashAttention-2": SDPBackend.FLASH_ATTENTION}
        for kernel, backend in dense.items():
            with sdpa_kernel(backend):
                report(
                    kernel, "causal", head_dim, TOKENS * (TOKENS + 1) / 2,
                    lambda: F.scaled_dot_product_attention(query, key, value, is_causal=True), (query, key, value),
                )


if __name__ == "__main__":
    main()
