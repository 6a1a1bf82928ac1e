"""Seconds of a picture through networks of several builds, in turn: the pass alone, without files or process start.

    python -m benchmarks.networks [--size 512] [--repeats 15] [--build NAME ...]

One process with the default threads; every network once before it counts. Random weights: the time does not depend on
them. Ratios carry over to other machines, seconds do not. Nothing heavy may run beside it.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor, nn

from benchmarks.contract import SEED, conditions, in_turn, spread
from impasto.networks import Transformer, TransformerSettings

BUILDS = {
    "default": TransformerSettings(),
    "ends at a quarter": TransformerSettings(detail=0),
    "64 channels": TransformerSettings(width=64),
    "batch norm": TransformerSettings(norm="batch"),
    "Johnson, a quarter as wide": TransformerSettings(width=32, ends="convolution"),
    "Johnson": TransformerSettings(width=128, ends="convolution"),
}
LEGEND = (
    "| network | parameters | numbers a style | multiplications, 10^9 | seconds | quartiles | times the default |",
    "|---|---|---|---|---|---|---|",
)


def multiplications(network: Transformer, image: Tensor, code: Tensor) -> int:
    """What the convolutions of a pass multiply."""
    counts: list[int] = []

    def count(module: nn.Conv2d, given: object, made: Tensor) -> None:
        counts.append(made.numel() * module.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    network(image, code)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def timed(network: Transformer, image: Tensor, code: Tensor) -> float:
    began = time.perf_counter()
    network(image, code)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--build", nargs="*", choices=BUILDS, default=list(BUILDS))
    args = parser.parse_args()
    torch.manual_seed(SEED)
    image = torch.rand(1, 3, args.size, args.size)
    networks = {name: Transformer(BUILDS[name]).eval() for name in args.build}
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    with torch.inference_mode():
        work = {name: multiplications(n, image, n.plain_code()) for name, n in networks.items()}
        for name in in_turn(list(networks), args.repeats):
            seconds[name].append(timed(networks[name], image, networks[name].plain_code()))
    print(f"{conditions()}, threads used: {torch.get_num_threads()}, {args.size}x{args.size}, repeats: {args.repeats}")
    print("\n".join(["", *LEGEND]))
    first = spread(seconds[args.build[0]]).middle
    for name, network in networks.items():
        low, middle, high = spread(seconds[name])
        parameters = sum(p.numel() for p in network.parameters())
        print(
            f"| {name} | {parameters:,} | {network.code_size} | {work[name] / 1e9:.2f} | {middle:.3f} "
            f"| {low:.3f} to {high:.3f} | {middle / first:.1f} |"
        )


if __name__ == "__main__":
    main()
