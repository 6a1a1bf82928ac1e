"""Draw the bundled sample paintings; nothing but arithmetic goes in, and the same bytes come out every time.

python training/paint.py --out src/impasto/image/samples [NAME ...]
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from painting import flow, glass, ink, points, tesserae, woodcut

PAINTINGS: dict[str, Callable[[], Image.Image]] = {
    module.__name__.rpartition(".")[2]: module.paint for module in (flow, glass, ink, points, woodcut, tesserae)
}
LIMIT = 250_000  # bytes a painting should take: they travel with the package
BEST, WORST = 90, 79  # JPEG quality; below the worst, edges would show ringing


def save(picture: Image.Image, path: Path) -> None:
    """Write the JPEG at the best quality that keeps it within the limit, if one does."""
    for quality in range(BEST, WORST - 1, -1):
        picture.save(path, quality=quality, subsampling="4:4:4", optimize=True)
        if path.stat().st_size <= LIMIT:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PAINTINGS)}; all if none is given")
    parser.add_argument("--out", type=Path, required=True, help="folder for the JPEG files")
    args = parser.parse_args()
    if unknown := set(args.names) - set(PAINTINGS):
        parser.error(f"no such painting: {', '.join(sorted(unknown))}")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names or PAINTINGS:
        start = time.perf_counter()
        picture, path = PAINTINGS[name](), args.out / f"{name}.jpg"
        save(picture, path)
        size, seconds = path.stat().st_size / 1000, time.perf_counter() - start
        print(f"{name}: {picture.width}x{picture.height}, {size:.0f} kB, {seconds:.1f} s")


if __name__ == "__main__":
    main()
