"""Masks of the sample photographs, drawn by hand as ellipses and lines: good enough for a gallery."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from impasto.image import load_sample

COFFEE = {"#1f77b4": (0.13, 0.11, 0.80, 0.965), "#d62728": (0.285, 0.04, 0.68, 0.52)}
"""The saucer, and the mouth of the cup, as ellipses (left, top, right, bottom) in shares of the picture."""

TABLE = "#2ca02c"
LARGE = 4  # drawn larger, then reduced, for smooth edges


def draw_masks(folder: Path) -> None:
    """`coffee.png` (the cup, soft), `coffee-map.png` and `painting-map.png` (colour-coded)."""
    folder.mkdir(exist_ok=True)
    height, width = load_sample("coffee").size
    cup = Image.new("L", (width * LARGE, height * LARGE))
    for shares in COFFEE.values():
        ImageDraw.Draw(cup).ellipse(_box(shares, cup.size), fill=255)
    cup.resize((width, height), Image.Resampling.LANCZOS).save(folder / "coffee.png")

    areas = Image.new("RGB", (width, height), TABLE)
    for color, shares in COFFEE.items():
        ImageDraw.Draw(areas).ellipse(_box(shares, areas.size), fill=color)
    areas.save(folder / "coffee-map.png")

    painting = Image.new("RGB", (608, 768), TABLE)  # as `sample:glass`
    ImageDraw.Draw(painting).rectangle((0, 0, 607, 255), fill="#1f77b4")
    ImageDraw.Draw(painting).rectangle((0, 512, 607, 767), fill="#d62728")
    painting.save(folder / "painting-map.png")


def _box(shares: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, top, right, bottom = shares
    return left * size[0], top * size[1], right * size[0], bottom * size[1]
