"""The PyTorch peer (peer.py) on several GPUs: FSDP2 round its compiled blocks.

    torchrun --nproc-per-node 2 scripts/gpu/peer_fsdp.py --model llama-1b --bins 1

A step is `--bins` bins of each rank: reference forward, policy forward and backward, then fused AdamW with state in bf16, the 8B
as well, whose activations are computed again block by block. The parameters of the 1B are gathered once a step, those of the 8B
layer by layer, its reference's too. Gradients are summed in the last bin where the gradient fits a card whole, in every bin for the
8B. Prints one JSON line. Run without torchrun it is one GPU without FSDP2.
"""

import argparse
import json
import os
import statistics
import time

import peer
import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from workload import SHAPES, bins_of


def shard(model: torch.nn.Module, layer_by_layer: bool) -> None:
    for block in model.blocks:
        fully_shard(block, reshard_after_forward=layer_by_layer)
    fully_shard(model, reshard_after_forward=False)
    for name in ("hidden", "logps"):
        register_fsdp_forward_method(model, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=SHAPES, default="llama-1b")
    parser.add_argument("--set", default="hh")
    parser.add_argument("--bins", type=int, default=1, help="of a rank in a step")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--without-optimizer", action="store_true", help="for the 8B on one card, whose state does not fit")
    options = parser.parse_args()
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    torch.cuda.set_device(rank)
    if world > 1:
        dist.init_process_group("nccl", device_id=torch.device("cuda", rank))
    peer.DEVICE = f"cuda:{rank}"
    torch.set_float32_matmul_precision("high")
    shape = SHAPES[options.model]
    is_large = shape.recompute == "block"
    both = peer.FlexPeer(shape, is_large, "bf16")
    if world > 1:
        for model in (both.policy, both.reference) if is_large else (both.policy,):
            shard(model, is_large)
    optimizer = None
    if not options.without_optimizer:
        optimizer = torch.optim.AdamW(both.policy.parameters(), lr=peer.LEARNING_RATE, fused=True)
    count = (options.warm_up + options.steps) * options.bins
    bins = bins_of(options.set, True, count * world)[rank::world]
    prepared = both.prepare(bins, True)

    def meet() -> None:
        torch.cuda.synchronize()
        if world > 1:
            dist.barrier()

    seconds = []
    for step in range(options.warm_up + options.steps):
        meet()
        begin = time.perf_counter()
        for i in range(options.bins):
            if world > 1 and options.bins > 1 and not is_large:
                both.policy.set_requires_gradient_sync(i == options.bins - 1)
            both.step(prepared[step * options.bins + i])
        if optimizer is not None:
            optimizer.step()
        both.policy.zero_grad(set_to_none=True)
        meet()
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds[options.warm_up :])
    pairs = sum(len(pairs) for pairs in bins[options.warm_up * options.bins :]) / options.steps * world
    if rank == 0:
        memory = torch.cuda.max_memory_allocated() / 2**30
        row = {"devices": world, "seconds": median, "pairs_per_second": pairs / median, "memory_gib": memory}
        print(json.dumps(row), flush=True)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
