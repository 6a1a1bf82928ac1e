"""Puts pictures side by side at one height: `strip.py OUT.jpg HEIGHT PICTURE...`.

`2x:PICTURE` repeats a picture 2 by 2; `X,Y,WIDTH,HEIGHT:PICTURE` is a part of it.
"""

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
    """Return the picture of that name, repeated or cut as the words before a colon say."""
    how, _, file = name.rpartition(":")
    picture = Image.open(file).convert("RGB")
    if how.endswith("x"):
        return repeated(picture, int(how[:-1]))
    if how:
        x, y, width, height = map(int, how.split(","))
        return picture.crop((x, y, x + width, y + height))
    return picture


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
