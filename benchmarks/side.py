"""One side of a comparison, in a process of its own: prints one JSON line with the seconds of its steps.

    python -m benchmarks.side textbook|vgg19|neural-style|crowson --content FILE --style FILE --iterations 300

`vgg19` is Impasto at the textbook's settings. `scales` has a program's own number of steps at each size beside the
seconds of those done here; `--iterations` of crowson are at each size.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import chain, pairwise

import torch
from torch import Tensor

from benchmarks import crowson, neural_style, textbook
from impasto.encoders.vgg import VGG, VGG19
from impasto.image import fitted_size, load, resize
from impasto.process import keep_freed_memory
from impasto.synthesis import LBFGS, Scale, synthesise
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.scene.areas import Area, StyleImage

Scales = list[tuple[int, list[float]]]
"""A program's own number of steps at each of its sizes, and the seconds of those that were done."""


def fitted(image: Tensor, size: int) -> Tensor:
    return resize(image, fitted_size((image.shape[-2], image.shape[-1]), size)).clamp(0, 1)


def pictures(args: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """The photo with `size` as its longer side, and the painting in the photo's shape, as the textbook wants it."""
    content, style = fitted(load(args.content).pixels, args.size), load(args.style).pixels
    return content, resize(style, (content.shape[-2], content.shape[-1])).clamp(0, 1)


def run_textbook(args: argparse.Namespace) -> Scales:
    return [(args.iterations, textbook.run(*pictures(args), args.iterations)[1])]


def run_vgg19(args: argparse.Namespace) -> Scales:
    """Ours at the textbook's settings: the same network, layers, start, one size, L-BFGS with a history of 100."""
    keep_freed_memory()  # as the command line does
    content, style = pictures(args)
    encoder = VGG("vgg19", (*VGG19[:4], VGG19[4][:1]))  # as far as relu5_1, like the textbook's
    encoder.load_state_dict(textbook.state())
    context, area = Context(encoder), Area("picture", (StyleImage(style),))
    terms = content_terms(context, content, {"relu4_2": 1.0}, 1.0)
    terms += style_terms(context, [area], dict.fromkeys(encoder.default_style, 1.0), 40.0)
    size = (content.shape[-2], content.shape[-1])
    scale = Scale(size, args.iterations, lambda: evaluation(context, terms), lambda: LBFGS(memory=100))
    ends = [0.0, *(step.seconds for step in synthesise(content, [scale], resize))]
    return [(args.iterations, [b - a for a, b in pairwise(ends)])]


def run_neural_style(args: argparse.Namespace) -> Scales:
    content, style = (fitted(load(name).pixels, args.size) for name in (args.content, args.style))
    return [(neural_style.PUBLISHED, neural_style.run(content, style, args.iterations)[1])]


def run_crowson(args: argparse.Namespace) -> Scales:
    _, stages = crowson.run(load(args.content).pixels, load(args.style).pixels, args.size, args.iterations)
    return [(stage.published, stage.steps) for stage in stages]


SIDES: dict[str, Callable[[argparse.Namespace], Scales]] = {
    "textbook": run_textbook,
    "vgg19": run_vgg19,
    "neural-style": run_neural_style,
    "crowson": run_crowson,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--content", default="sample:chelsea")
    parser.add_argument("--style", default="sample:flow")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300)
    args = parser.parse_args()
    torch.manual_seed(0)
    scales = SIDES[args.side](args)
    steps = list(chain.from_iterable(done for _, done in scales))
    print(json.dumps({"side": args.side, "scales": scales, "steps": steps, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
