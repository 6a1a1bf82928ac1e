"""Seconds of a picture through networks of several builds, in turn: the pass alone, without files or process start.

    python -m benchmarks.networks [--size 512] [--repeats 15] [--build NAME ...]

One process with the default threads; every network twice before it counts. Random weights: the time does not depend on
them. Ratios carry over to other machines, seconds do not. Nothing heavy may run beside it; the processor's seconds, of
all threads, suffer less from it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.contract import SEED, conditions, in_turn, spread
from impasto.networks import Transformer, TransformerSettings, TransportNet, TransportSettings
from impasto.networks.layers import NearestUpsampling

BUILDS: dict[str, TransformerSettings | TransportSettings] = {
    "transport": TransportSettings(),
    "transformer": TransformerSettings(),
    "all blocks at a quarter": TransformerSettings(deep=0),
    "24 channels at a half": TransformerSettings(detail=24),
    "64 channels": TransformerSettings(width=64),
    "batch norm": TransformerSettings(norm="batch"),
    "Johnson's, a quarter as wide": TransformerSettings(width=32, ends="convolution"),
    "Johnson's": TransformerSettings(width=128, ends="convolution"),
}
PUBLISHED = "Johnson's, as published in PyTorch"
LEGEND = (
    "| network | parameters | numbers a style | 10^9 products | seconds | quartiles | processor's | to the first |",
    "|---|---|---|---|---|---|---|---|",
)
Pass = Callable[[Tensor], Tensor]
KNOWN = (Transformer, TransportNet)


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layer(channels, channels, 3), *layer(channels, channels, 3)[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def layer(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Johnson's, in torch's own modules."""
    convolution = nn.Conv2d(channels, out, kernel, stride)
    return [nn.ReflectionPad2d(kernel // 2), convolution, nn.InstanceNorm2d(out, affine=True), nn.ReLU()]


def published() -> nn.Module:
    """Johnson's network as PyTorch's example of fast neural style builds it: one style, memory as torch has it."""
    ends = [*layer(3, 32, 9), *layer(32, 64, 3, 2), *layer(64, 128, 3, 2)]
    tail = [nn.Upsample(scale_factor=2), *layer(128, 64, 3), nn.Upsample(scale_factor=2), *layer(64, 32, 3)]
    last = [nn.ReflectionPad2d(4), nn.Conv2d(32, 3, 9)]
    return nn.Sequential(*ends, *(Residual(128) for _ in range(5)), *tail, *last)


def multiplications(network: nn.Module, through: Pass, image: Tensor) -> int:
    """What the convolutions of a pass multiply, those that enlarge as if the enlarged map was there."""
    counts: list[int] = []

    def count(module: nn.Module, given: object, made: Tensor) -> None:
        convolution = module.convolution if isinstance(module, NearestUpsampling) else module
        counts.append(made.numel() * convolution.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d | NearestUpsampling)]
    through(image)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def timed(through: Pass, image: Tensor) -> tuple[float, float]:
    """Seconds, and the processor's."""
    began, worked = time.perf_counter(), time.process_time()
    through(image)
    return time.perf_counter() - began, time.process_time() - worked


def built(name: str) -> nn.Module:
    settings = BUILDS.get(name)
    if settings is None:
        return published().eval()
    network = TransportNet(settings) if isinstance(settings, TransportSettings) else Transformer(settings)
    return network.eval()


def plain(network: Transformer | TransportNet, image: Tensor) -> Pass:
    """At the code of a painting, or any; what a network of transport needs for grain is in it."""
    code = network.code(image.flip(2)) if isinstance(network, TransportNet) else network.plain_code()
    return lambda image: network(image, code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--build", nargs="*", choices=[*BUILDS, PUBLISHED], default=[*BUILDS, PUBLISHED])
    args = parser.parse_args()
    torch.manual_seed(SEED)
    image = torch.rand(1, 3, args.size, args.size)
    networks = {name: built(name) for name in args.build}
    passes = {name: plain(n, image) if isinstance(n, KNOWN) else n for name, n in networks.items()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in networks}
    with torch.inference_mode():
        work = {name: multiplications(n, passes[name], image) for name, n in networks.items()}
        for name in in_turn(list(networks), args.repeats + 1):
            seconds[name].append(timed(passes[name], image))
    print(f"{conditions()}, threads used: {torch.get_num_threads()}, {args.size}x{args.size}, repeats: {args.repeats}")
    print("\n".join(["", *LEGEND]))
    first = 0.0
    for name, network in networks.items():
        walls, works = zip(*seconds[name][1:], strict=True)
        low, middle, high = spread(walls)
        first = first or middle
        code = network.code_size if isinstance(network, KNOWN) else ""
        print(
            f"| {name} | {sum(p.numel() for p in network.parameters()):,} | {code} | {work[name] / 1e9:.2f} "
            f"| {middle:.3f} | {low:.3f} to {high:.3f} | {spread(works).middle:.3f} | {middle / first:.1f} |"
        )


if __name__ == "__main__":
    main()
