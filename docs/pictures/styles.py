"""Make the pictures of docs/apply.md: bundled photos through both networks of the package.

python docs/pictures/styles.py
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

import impasto
from impasto import networks
from impasto.settings.editing import ApplySettings
from impasto.tasks.apply import painter
from impasto.tasks.training.network_training import contact_sheet

WIDTH = 320
PHOTOS = ("sample:astronaut", "sample:coffee", "sample:rocket")

FULL, PIECE = 768, 320
"""Longer side of the pictures of which pieces are shown at 100 %, and the pieces' side."""

PAIRS = (
    ("chelsea", "flow", "starry"),
    ("coffee", "points", "wave"),
    ("rocket", "woodcut", "turner"),
    ("astronaut", "glass", "matisse"),
    ("chelsea", "ink", "scream"),
    ("coffee", "tesserae", "wheat"),
)
"""A photo, a painting for `any`, and a style of `styles`."""


def main() -> None:
    styles = networks.load(networks.shipped()["styles"])
    paint = [painter(styles, style, ApplySettings(size=WIDTH)) for style in styles.styles]
    write("styles.jpg", [one("sample:chelsea") for one in paint], across=4)
    write("styles-photos.jpg", [one(photo) for one in paint for photo in PHOTOS], across=2 * len(PHOTOS))
    large = ApplySettings(size=FULL)
    found = [impasto.apply(f"sample:{photo}", None, f"sample:{painting}", large) for photo, painting, _ in PAIRS]
    write("any-full.jpg", [piece(picture) for picture in found], across=3)
    found = [painter(styles, style, large)(f"sample:{photo}") for photo, _, style in PAIRS]
    write("styles-full.jpg", [piece(picture) for picture in found], across=3)


def piece(picture: Tensor) -> Tensor:
    """The middle of it."""
    top, left = ((side - PIECE) // 2 for side in picture.shape[-2:])
    return picture[..., top : top + PIECE, left : left + PIECE]


def write(name: str, pictures: Sequence[Tensor], across: int) -> None:
    """A sheet beside this file, so many pictures in a row."""
    full = [*pictures, *[torch.ones_like(pictures[0])] * (-len(pictures) % across)]
    rows = [full[k : k + across] for k in range(0, len(full), across)]
    impasto.write(Path(__file__).with_name(name), contact_sheet(rows), quality=80)


if __name__ == "__main__":
    main()
