"""Puts pictures side by side at one height: `strip.py OUT.jpg HEIGHT PICTURE...`; `2x:PICTURE` repeats it 2 by 2."""

import sys
from pathlib import Path

from PIL import Image

GAP = 4


def repeated(picture: Image.Image, times: int) -> Image.Image:
    """Return the picture laid `times` by `times`, edge to edge."""
    sheet = Image.new("RGB", (times * picture.width, times * picture.height))
    for k in range(times * times):
        sheet.paste(picture, (k % times * picture.width, k // times * picture.height))
    return sheet


def opened(name: str) -> Image.Image:
    """Return the picture of that name, repeated where the name begins with a number and `x:`."""
    times, found, file = name.partition("x:")
    picture = Image.open(file if found else name).convert("RGB")
    return repeated(picture, int(times)) if found else picture


def main(out: Path, height: int, names: list[str]) -> None:
    """Write the strip."""
    pictures = [opened(name) for name in names]
    pictures = [p.resize((round(p.width * height / p.height), height), Image.Resampling.LANCZOS) for p in pictures]
    strip = Image.new("RGB", (sum(p.width + GAP for p in pictures) - GAP, height), "white")
    x = 0
    for picture in pictures:
        strip.paste(picture, (x, 0))
        x += picture.width + GAP
    strip.save(out, quality=80, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
