"""What share of the style that optimisation removes one pass of a network removes, too.

    python -m benchmarks.one_pass --network FILE --photos FOLDER --paintings FOLDER --out FOLDER [--teacher FILE]

Each of `--count` photos is paired with as many paintings as `--each` says, all paintings in their turn. Of each pair
there are a default run of `stylize` and the network's picture at the same size; both are kept in `--out`, and not made
again, but the network's with `--again`. A many-style network paints its own styles, whose files its provenance names;
an any-style one all pictures of the folder, or without one the paintings of the package, on none of which it should
have been trained. Judged in the space of a narrow network with heads into VGG-19's (`--teacher`, see
`benchmarks/reach.py`), or of `lite` itself, which has trained the networks and flatters them.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from benchmarks import reach
from benchmarks.pairs import figures, speckle
from impasto import encoders, networks
from impasto.image import fitted_size, load, resize, write
from impasto.image.samples import sample_names
from impasto.losses import blotches
from impasto.settings.editing import ApplySettings
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.apply import apply
from impasto.tasks.stylize import stylize

PICTURES = (".jpg", ".jpeg", ".png")
HEAD = (
    "| photo | painting | removed, % (optimised) | (one pass) | share, % | content | | speckle | | blotches | |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
)


def pictures_in(folder: Path) -> list[Path]:
    """All but masks."""
    found = sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES)
    return [file for file in found if ".mask" not in file.name]


def styles_of(network: Path, paintings: Path | None) -> dict[str, str]:
    """The painting of each style, by its name; for an any-style network every picture of the folder, or those of the
    package."""
    about = networks.describe(network)
    if about["kind"] != networks.AnyStyle.kind:
        sources = {name: each["source"] for name, each in about["provenance"]["paintings"].items()}
        return {name: s if s.startswith("sample:") else str(Path(paintings or ".") / s) for name, s in sources.items()}
    if paintings:
        return {file.stem: str(file) for file in pictures_in(paintings)}
    return {name: f"sample:{name}" for name, kind in sample_names().items() if kind == "painting"}


def pairs(photos: list[Path], styles: list[str], each: int) -> Iterator[tuple[Path, str]]:
    """Every photo with `each` styles, one after the other."""
    for k in range(len(photos) * each):
        yield photos[k // each], styles[k % len(styles)]


class Figures:
    """How far pictures are from their photo and their painting."""

    def __init__(self, teacher: Path | None) -> None:
        self.judge = reach.teacher(teacher) if teacher else encoders.load("lite")

    def __call__(self, photo: Tensor, painting: Tensor, picture: Tensor) -> tuple[float, float, float, float]:
        """Style removed (%), content, the larger of the two speckles relative to the photo's and the painting's, and
        how large blotches are, root mean square in levels of 255."""
        large = 255 * float(blotches(picture, photo)) ** 0.5
        fine = [speckle(image) for image in (picture, photo, painting)]
        noise = max(own / max(others) for own, *others in zip(*fine, strict=True))
        if isinstance(self.judge, reach.Judge):
            place = self.judge.place(photo, painting, picture)
            return 100 * (1 - place.style), place.content, noise, large
        return *figures(self.judge, photo, painting, picture), noise, large


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=Path, required=True, metavar="FILE")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, metavar="FILE")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--again", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    compare(args)


def compare(args: argparse.Namespace) -> None:
    """Print the pairs, and the medians and means of them."""
    judge, styles, every = Figures(args.teacher), styles_of(args.network, args.paintings), list[list[float]]()
    print("\n".join(HEAD))
    for photo, style in pairs(pictures_in(args.photos)[: args.count], list(styles), args.each):
        optimised = args.out / f"{photo.stem}-{style}-optimised.png"
        passed = args.out / f"{photo.stem}-{style}-{args.network.stem}.png"
        if not optimised.exists():
            write(optimised, stylize(photo, styles[style], StylizeSettings(size=args.size)))
        if args.again or not passed.exists():
            known = networks.describe(args.network)["kind"] != networks.AnyStyle.kind
            asked = style if known else styles[style]
            write(passed, apply(photo, args.network, asked, ApplySettings(size=args.size)))
        content, painting = _seen(photo, styles[style], args.size)
        best, ours = (judge(content, painting, load(file).pixels) for file in (optimised, passed))
        others = [value for pair in zip(best[1:], ours[1:], strict=True) for value in pair]
        row = [best[0], ours[0], 100 * ours[0] / best[0], *others]
        every.append(row)
        print(f"| {photo.stem} | {style} | {_told(row)} |", flush=True)
    for name, middle in (("median", statistics.median), ("mean", statistics.fmean)):
        print(f"| {name} | | {_told([middle(column) for column in zip(*every, strict=True)])} |")
    whole = sum(row[1] for row in every) / sum(row[0] for row in every)
    print(f"\nIn all, the network removes {100 * whole:.1f} % of what optimisation removes.")


def _seen(photo: Path, painting: str, size: int) -> tuple[Tensor, Tensor]:
    """Both as the judge sees them: as large as the result."""
    content, style = load(photo).pixels, load(painting).pixels
    content = resize(content, fitted_size(content.shape[-2:], size)).clamp(0, 1)
    return content, resize(style, fitted_size(style.shape[-2:], max(content.shape[-2:]))).clamp(0, 1)


def _told(row: list[float]) -> str:
    return " | ".join(f"{value:.{digits}f}" for value, digits in zip(row, (1, 1, 1, 2, 2, 2, 2, 1, 1), strict=True))


if __name__ == "__main__":
    main()
