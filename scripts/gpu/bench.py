"""The GPU benchmark: the runner and its PyTorch peer on the same model, lengths and bins, in turn on the same card.

    python scripts/gpu/bench.py --benchmarks build/native/test [--models llama-1b] [--sets hh] [--rounds 2] [--phases] \
        [--fp8]

`npm run bench:gpu` finds the programs and a Python with PyTorch and runs this. On a machine without Node build them
first (README.md beside this). Each round runs `train_benchmark` and `peer.py` one after the other, in changing order,
so that neither has the card to itself while it is cool; figures are medians of the rounds. Prints Markdown; every
measured line goes to --out as JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from workload import CAPACITY, SETS, SHAPES

HERE = Path(__file__).resolve().parent
# Rows of a table: side, precision, mode.
TITLES = {
    ("ours", "bf16", "shared"): "Wishbone, shared",
    ("ours", "bf16", "naive"): "Wishbone, naive",
    ("ours", "fp8", "shared"): "Wishbone, shared, FP8",
    ("peer", "bf16", "shared"): "PyTorch, compiled, FlexAttention, shared",
    ("peer", "bf16", "naive"): "the same, naive",
    ("peer", "fp8-rowwise", "shared"): "the same, shared, torchao's float8 rowwise",
    ("peer", "fp8-tensorwise", "shared"): "the same, shared, torchao's float8 tensorwise",
    ("peer", "bf16", "hf-padded"): "transformers, SDPA, padded pairs, full logits",
}
PEERS_FP8 = ("fp8-rowwise", "fp8-tensorwise")


class Lines:
    """The JSON lines of all programs, printed to a file as they come."""

    def __init__(self, file: Path | None):
        self.all: list[dict] = []
        self.file = file.open("w", encoding="utf-8") if file else None

    def run(self, command: list[str], round_number: int) -> None:
        print(f"$ {' '.join(command)}", file=sys.stderr, flush=True)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for text in process.stdout:
            print(text, end="", file=sys.stderr, flush=True)
            if not text.startswith("{"):
                continue
            line = json.loads(text) | {"round": round_number}
            self.all.append(line)
            if self.file:
                self.file.write(json.dumps(line) + "\n")
                self.file.flush()
        if process.wait() != 0:
            # What it did measure counts; a table says what is missing.
            print(f"{command[0]}: exit code {process.returncode}", file=sys.stderr, flush=True)

    def of(self, key: str, **fields: str) -> list[dict]:
        return [line for line in self.all if key in line and all(line.get(k) == v for k, v in fields.items())]


def median(lines: list[dict], key: str) -> float:
    return statistics.median(line[key] for line in lines)


def speed_table(lines: Lines, model: str, name: str, ceiling: float) -> None:
    measured = {
        (side, precision, mode): found
        for side, precision, mode in TITLES
        if (found := lines.of("pairs_per_second", side=side, precision=precision, model=model, set=name, mode=mode))
    }
    if not measured:
        return
    print(f"\n### {model}, {name}\n")
    columns = ("", "pairs/s", "of rounds", "tokens/s", "ms a bin", "speed of light", "peak memory",
               "to the best such PyTorch", "to own naive")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for key in TITLES:
        side, precision, mode = key
        found = measured.get(key)
        if found is None:
            failed = lines.of("error", side=side, precision=precision, model=model, set=name, mode=mode)
            if failed:
                print(f"| {TITLES[key]} | {failed[0]['error']} | | | | | | | |")
            continue
        pairs = median(found, "pairs_per_second")
        each = [line["pairs_per_second"] for line in found]
        naive = measured.get((side, "bf16", "naive"))
        # In FP8 it is of two rates, which our own side knows.
        light = f"{median(found, 'tflops') / ceiling:.3f}" if precision == "bf16" else ""
        if precision == "fp8":
            light = f"{median(found, 'speed_of_light'):.3f}"
        # FP8 is held against the best FP8 peer.
        peers = [measured.get(("peer", like, "shared")) for like in (("bf16",) if precision == "bf16" else PEERS_FP8)]
        best = max((median(peer, "pairs_per_second") for peer in peers if peer), default=None)
        to_peer = f"{pairs / best:.2f}×" if best else ""
        own = naive if (precision, mode) == ("bf16", "shared") else None
        to_naive = f"{pairs / median(own, 'pairs_per_second'):.3f}×" if own else ""
        print(
            f"| {TITLES[key]} | {pairs:.1f} | {min(each):.1f} to {max(each):.1f} | "
            f"{median(found, 'tokens_per_second'):,.0f} | {median(found, 'ms_per_bin'):.1f} | "
            f"{light} | {median(found, 'peak_memory_gib'):.1f} GiB | "
            f"{to_peer} | {to_naive} |"
        )
    for side, title in (("ours", "Wishbone"), ("peer", "PyTorch")):
        shared, naive = measured.get((side, "bf16", "shared")), measured.get((side, "bf16", "naive"))
        if shared and naive:
            # Of the bins that were timed: those of one set differ.
            required = (median(naive, "tflops") / median(naive, "pairs_per_second")) / (
                median(shared, "tflops") / median(shared, "pairs_per_second")
            )
            reached = median(shared, "pairs_per_second") / median(naive, "pairs_per_second")
            print(f"\n{title}: shared over naive {reached:.3f}, required FLOPs naive over shared {required:.3f}: "
                  f"{reached / required:.3f} of it.", end="")
    print()


def phase_table(line: dict, ceiling: float) -> None:
    total = line["ms_per_bin_phases"]
    of = f"{line['model']}, {line['set']}, {line['mode']}, {line['precision']}"
    print(f"\n#### By phase: {of} ({total:.1f} ms a bin)\n")
    print("| phase | ms | share | required TFLOP | of the ceiling | ms above the ceiling |")
    print("|---|---|---|---|---|---|")
    for phase in line["phases"]:
        ms, needed = phase["ms_per_bin"], phase["tflop_per_bin"]
        fraction = f"{needed / ceiling * 1e3 / ms:.2f}" if needed and ms else ""
        above = ms - needed / ceiling * 1e3
        print(f"| {phase['phase']} | {ms:.2f} | {100 * ms / total:.1f} % | {needed:.2f} | {fraction} | {above:.2f} |")


def attention_title(line: dict) -> str:
    if line.get("side") == "peer":
        return line["path"]
    return "Wishbone" if line["path"] == "automatic" else f"Wishbone, {line['path']}"


def attention_table(lines: Lines) -> None:
    found = lines.of("fwd_tflops", kind="attention")
    if not found:
        return
    print("\n## Attention alone\n\n16,384 tokens; TFLOP/s of visible (query, key) pairs.\n")
    print("| heads | head size | trees | kernel | forward ms | backward ms | forward TFLOP/s | backward TFLOP/s | "
          "to FlexAttention |\n|---|---|---|---|---|---|---|---|---|")
    groups: dict[tuple, list[dict]] = {}
    for line in found:
        # PyTorch's dense kernels run with as many key heads as query heads; the first column says so.
        heads = line["heads"].split("/")[0]
        groups.setdefault((heads, line["head_dim"], line["shape"], attention_title(line)), []).append(line)
    for key in sorted(groups, key=lambda k: (-int(k[0]), -k[1], k[2], not k[3].startswith("Wishbone"), k[3])):
        heads, head_dim, shape, kernel = key
        ms = [median(groups[key], "fwd_ms"), median(groups[key], "bwd_ms")]
        rates = [median(groups[key], "fwd_tflops"), median(groups[key], "bwd_tflops")]
        flex = groups.get((heads, head_dim, shape, "FlexAttention"))
        ratio = ""
        if flex and kernel.startswith("Wishbone"):
            ratio = f"{median(flex, 'fwd_ms') / ms[0]:.2f}× / {median(flex, 'bwd_ms') / ms[1]:.2f}×"
        print(f"| {groups[key][0]['heads']} | {head_dim} | {shape} | {kernel} | {ms[0]:.3f} | {ms[1]:.3f} | "
              f"{rates[0]:.0f} | {rates[1]:.0f} | {ratio} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--models", default=",".join(SHAPES))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bins", type=int, default=10, help="timed steps of each measurement")
    parser.add_argument("--phases", action="store_true", help="time by phase as well")
    parser.add_argument("--fp8", action="store_true", help="also with linear layers in FP8, beside torchao's")
    parser.add_argument("--no-padded", action="store_true", help="without transformers")
    parser.add_argument("--no-attention", action="store_true", help="without attention alone")
    parser.add_argument("--only-attention", action="store_true")
    parser.add_argument("--out", type=Path, help="file for every measured line")
    options = parser.parse_args()

    lines = Lines(options.out)
    models = [] if options.only_attention else options.models.split(",")
    for model in models:
        common = ["--model", model, "--sets", options.sets, "--bins", str(options.bins)]
        ours = [str(options.benchmarks / "train_benchmark"), *common,
                "--lengths", str(HERE / "lengths.json")]
        peer = [sys.executable, str(HERE / "peer.py"), *common]
        for round_number in range(options.rounds):
            phases = ["--phases"] if options.phases and round_number == 0 else []
            commands = [[*ours, "--sharing", "pair,none", *phases], peer]
            if options.fp8:
                commands.append([*ours, "--sharing", "pair", "--precision", "fp8", *phases])
                commands += [[*peer, "--modes", "shared", "--precision", like] for like in PEERS_FP8]
            for command in commands[:: 1 if round_number % 2 == 0 else -1]:
                lines.run(command, round_number)
        if not options.no_padded:
            # An order of magnitude slower, so fewer steps do.
            lines.run([*peer, "--modes", "hf-padded", "--warm-up", "1", "--bins", "3"], 0)
    if not options.no_attention:
        for round_number in range(options.rounds):
            lines.run([str(options.benchmarks / "attention_benchmark")], round_number)
            lines.run([sys.executable, str(HERE / "attention.py")], round_number)

    devices = lines.of("ceiling_tflops")
    if devices:
        # Both sides measure it; the higher is the ceiling for both.
        ceiling = max(line["ceiling_tflops"] for line in devices)
        names = sorted({line["device"] for line in devices})
        torch_versions = sorted({line["torch"] for line in devices if "torch" in line})
        print(f"## Training\n\n{', '.join(names)}; PyTorch {', '.join(torch_versions)}. Bins of {CAPACITY:,} tokens, "
              f"one optimizer step each, {options.bins} timed, {options.rounds} rounds in turn. Speed of light: "
              f"required FLOPs at the measured rate of a bf16 matrix product, {ceiling:.0f} TFLOP/s; with FP8 "
              "each product at its own.")
        for model in models:
            for name in options.sets.split(","):
                speed_table(lines, model, name, ceiling)
                for line in lines.of("phases", model=model, set=name):
                    phase_table(line, ceiling)
    attention_table(lines)
    sys.exit(0 if all("error" not in line for line in lines.all) else 1)


if __name__ == "__main__":
    main()
