"""Default runs over pairs of pictures, judged: what is left of the style distance, content, speckle.

    python -m benchmarks.pairs [--content FOLDER --style FOLDER] [--out FOLDER] [--quality standard] PHOTO:PAINTING ...

Without folders the names are those of bundled samples. `--json` prints one object a pair instead of the table.

Figures, all at the result's own size: `removed`, the share of the photo's style distance to the painting that is gone
(normalised Gram at the judge's default layers); `content`, the squared relu4_2 difference over the photo's own square;
`speckle`, the deviation of (picture - Gaussian of sigma 1) in CIELAB lightness and in chroma, over the greater of the
photo's and the painting's. The judge is any encoder (`--judge`, `--weights`); `lite` judging itself flatters.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from torch import Tensor

from impasto import encoders
from impasto.encoders import Encoder
from impasto.image import fitted_size, load, resize, write
from impasto.losses import distance, energy, gram, relative
from impasto.settings.synthesis import QUALITIES, StylizeSettings
from impasto.tasks.stylize import stylize

FIGURES = ("removed", "content", "light", "chroma", "seconds")


@torch.no_grad()
def figures(judge: Encoder, photo: Tensor, painting: Tensor, result: Tensor) -> tuple[float, float]:
    """Style removed (%) and content kept (relative)."""
    style, content = judge.default_style, judge.default_content[0]
    x, p, a = (judge(image, {*style, content}) for image in (result, photo, painting))

    def away(features: dict[str, Tensor]) -> float:
        pairs = ((gram(f[n], judge.metric(n)) for f in (features, a)) for n in style)
        return sum(float(relative(*pair)) for pair in pairs) / len(style)

    space = judge.metric(content)
    kept = float(distance(x[content], p[content], space) / energy(p[content], space))
    return 100 * (1 - away(x) / away(p)), kept


def speckle(image: Tensor) -> tuple[float, float]:
    """Deviation of the finest detail in lightness and in chroma (CIELAB units)."""
    lab = rgb2lab(image[0].permute(1, 2, 0).numpy())
    fine = lab - np.stack([gaussian_filter(lab[..., i], 1.0) for i in range(3)], -1)
    return float(fine[..., 0].std()), float(np.sqrt((fine[..., 1:] ** 2).sum(-1).mean()))


def judged(judge: Encoder, content: str | Path, style: str | Path, result: Tensor) -> tuple[float, float, float, float]:
    """The four figures of a result."""
    size = (result.shape[-2], result.shape[-1])
    painting = load(style).pixels
    photo = resize(load(content).pixels, size).clamp(0, 1)
    painting = resize(painting, fitted_size(painting.shape[-2:], max(size))).clamp(0, 1)
    light, chroma = zip(*(speckle(i) for i in (result, photo, painting)), strict=True)
    return *figures(judge, photo, painting, result), light[0] / max(light[1:]), chroma[0] / max(chroma[1:])


def located(folder: Path | None, name: str) -> str | Path:
    return next(folder.glob(f"{name}.[jp]*g")) if folder else f"sample:{name}"


def rows(args: argparse.Namespace) -> Iterator[tuple[str, str, tuple[float, ...]]]:
    """Photo, painting, the four figures and the seconds, pair by pair."""
    judge = encoders.load(args.judge, weights=args.weights)
    for pair in args.pairs:
        names = pair.split(":")
        content, style = (located(folder, n) for folder, n in zip((args.content, args.style), names, strict=True))
        began = time.perf_counter()
        result = stylize(content, style, StylizeSettings(quality=args.quality, size=args.size))
        seconds = time.perf_counter() - began
        if args.out:
            write(args.out / f"{names[0]}-{names[1]}.png", result)
        yield names[0], names[1], (*judged(judge, content, style, result), seconds)


def table(found: Iterable[tuple[str, str, tuple[float, ...]]]) -> None:
    """Print the pairs as they come, and the medians."""
    print("| photo | painting | style removed, % | content | speckle, light | speckle, chroma | seconds |")
    print("|---|---|---|---|---|---|---|")
    every = []
    for photo, painting, values in found:
        every.append(values)
        print(
            f"| {photo} | {painting} | {values[0]:.1f} | " + " | ".join(f"{v:.2f}" for v in values[1:]) + " |",
            flush=True,
        )
    middle = [statistics.median(column) for column in zip(*every, strict=True)]
    print(f"| median | | {middle[0]:.1f} | " + " | ".join(f"{v:.2f}" for v in middle[1:]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", type=Path, help="a folder of photos")
    parser.add_argument("--style", type=Path, help="a folder of paintings")
    parser.add_argument("--out", type=Path, help="where the pictures go")
    parser.add_argument("--quality", choices=QUALITIES, default="standard")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--judge", choices=encoders.NETWORKS, default="lite")
    parser.add_argument("--weights", help="the judge's weights")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("pairs", nargs="+", metavar="PHOTO:PAINTING", help="names without suffix")
    args = parser.parse_args()
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    if not args.json:
        table(rows(args))
        return
    for photo, painting, values in rows(args):
        named = dict(zip(FIGURES, values, strict=True))
        print(json.dumps({"photo": photo, "painting": painting, "judge": args.judge, **named}), flush=True)


if __name__ == "__main__":
    main()
