"""Runs whose network computes in bfloat16 against float32: loss and time of the processor.

    python -m benchmarks.precision [--size 256] [--replicates 3] [PHOTO+PAINTING ...]

A run is chaotic: a start changed by a thousandth leads to another picture as good. So each pair is run from several
such starts, in both types of number, and the ratios of the losses are what counts. All losses are judged in float32.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from dataclasses import replace

import torch
from torch import Tensor

from impasto.image import load
from impasto.settings.synthesis import QUALITIES, StylizeSettings
from impasto.tasks.stylize import stylize_job

PAIRS = (
    "sample:astronaut+sample:flow",
    "sample:coffee+sample:tesserae",
    "sample:rocket+sample:ink",
    "sample:chelsea+sample:flow",
)


def changed(photo: Tensor, seed: int) -> Tensor:
    """The photo, `(3, H, W)`, off by a thousandth."""
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(seed))
    return (photo + 1e-3 * noise).clamp(0, 1)[0]


def run(photo: Tensor, painting: str, settings: StylizeSettings) -> tuple[Tensor, float]:
    """The picture, and the processor's seconds."""
    began = time.process_time()
    *_, last = stylize_job(photo, painting, settings).steps()
    return last.image(), time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--quality", choices=QUALITIES, default="standard")
    parser.add_argument("--optimizer", default="auto")
    parser.add_argument("pairs", nargs="*", default=PAIRS, metavar="PHOTO+PAINTING")
    args = parser.parse_args()
    print("| pair | float32: loss, spread of starts | bfloat16: loss / float32's | processor s, float32 | bfloat16 |")
    print("|---|---|---|---|---|")
    ratios: list[float] = []
    for pair in args.pairs:
        name, painting = pair.split("+")
        settings = StylizeSettings(size=args.size, quality=args.quality, optimizer=args.optimizer, precision="float32")
        photo = load(name).pixels
        judge = stylize_job(photo[0], painting, settings)
        evaluate, found, spent = judge.prepare(judge.full), [], []
        for seed in range(args.replicates):
            start = changed(photo, seed)
            runs = [run(start, painting, replace(settings, precision=kind)) for kind in ("float32", "bfloat16")]
            with torch.no_grad():
                found.append([float(evaluate(picture, 0)[0]) for picture, _ in runs])
            spent.append([seconds for _, seconds in runs])
        full, half = (statistics.mean(column) for column in zip(*found, strict=True))
        spread = statistics.stdev(losses[0] for losses in found) / full if len(found) > 1 else math.nan
        ratios += [losses[1] / losses[0] for losses in found]
        times = [statistics.median(column) for column in zip(*spent, strict=True)]
        print(
            f"| {pair} | {full:.4f}, {spread:.1%} | {half / full:.4f} | {times[0]:.1f} | {times[1]:.1f} |", flush=True
        )
    error = statistics.stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
    print(f"\nbfloat16 ends {statistics.mean(ratios) - 1:+.1%} of float32's loss, standard error {error:.1%}")


if __name__ == "__main__":
    main()
