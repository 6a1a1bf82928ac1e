"""One side of a comparison, in a process of its own: prints one JSON line with its times and peak memory.

python -m benchmarks.side textbook|vgg19|default|draft --content FILE --style FILE --size 512 --iterations 300
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from benchmarks import textbook
from impasto.encoders.vgg import VGG, VGG19
from impasto.image import fitted_size, load, resize
from impasto.synthesis import LBFGS, Scale, synthesise
from impasto.tasks.context import Context
from impasto.tasks.options import StylizeSettings
from impasto.tasks.regions import Area, Manner
from impasto.tasks.style import style_terms
from impasto.tasks.stylize import stylize_steps
from impasto.tasks.terms import content_terms, evaluation


def pictures(args: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """The photo with `size` as its longer side, and the painting in the photo's shape, as the textbook wants it."""
    content, style = load(args.content).pixels, load(args.style).pixels
    size = fitted_size(content.shape[-2:], args.size)
    return resize(content, size).clamp(0, 1), resize(style, size).clamp(0, 1)


def run_textbook(args: argparse.Namespace) -> list[float]:
    return textbook.run(*pictures(args), args.iterations)[1]


def run_vgg19(args: argparse.Namespace) -> list[float]:
    """Ours at the textbook's settings: the same network, layers, start, one size, L-BFGS with a history of 100."""
    content, style = pictures(args)
    encoder = VGG("vgg19", (*VGG19[:4], VGG19[4][:1]))  # as far as relu5_1, like the textbook's
    encoder.load_state_dict(textbook.state())
    context, area = Context(encoder), Area("picture", (Manner(style),))
    terms = content_terms(context, content, {"relu4_2": 1.0}, 1.0)
    terms += style_terms(context, [area], dict.fromkeys(encoder.default_style, 1.0), 40.0)
    size = (content.shape[-2], content.shape[-1])
    scale = Scale(size, args.iterations, lambda: evaluation(context, terms), lambda: LBFGS(memory=100))
    ends = [0.0, *(step.seconds for step in synthesise(content, [scale], resize))]
    return [b - a for a, b in pairwise(ends)]


def run_stylize(quality: str) -> Callable[[argparse.Namespace], list[float]]:
    def run(args: argparse.Namespace) -> list[float]:
        settings = StylizeSettings(size=args.size, quality=quality)
        ends = [0.0, *(step.seconds for step in stylize_steps(args.content, args.style, settings))]
        return [b - a for a, b in pairwise(ends)]

    return run


SIDES = {
    "textbook": run_textbook,
    "vgg19": run_vgg19,
    "default": run_stylize("standard"),
    "draft": run_stylize("draft"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--content", default="sample:chelsea")
    parser.add_argument("--style", default="sample:flow")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300)
    args = parser.parse_args()
    began = time.perf_counter()
    steps = SIDES[args.side](args)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"side": args.side, "seconds": seconds, "steps": steps, "peak_mb": peak, "torch": torch.__version__})
    )


if __name__ == "__main__":
    main()
