"""Make the gallery: every loss, prior, control and start on the same pictures, each with its command.

python docs/gallery/make.py [NAME ...]     (makes the missing pictures, or the named ones again)

Run from the root of the repository, with Impasto installed with its extras. Two processes of one thread each: about a
quarter of an hour on two cores. Writes docs/gallery/*.jpg and docs/gallery/README.md.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from entries import SECTIONS, Entry
from masks import draw_masks

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COLUMNS = 4


def paint(entry: Entry) -> str:
    """Run the command of an entry; return an empty string, or the error."""
    words = [sys.executable, "-m", "impasto", *shlex.split(entry.command), "-o", str(HERE / f"{entry.name}.jpg")]
    words += ["--quiet", "--output-quality", "85"]
    words += [] if entry.command.startswith("blend") else ["--threads", "1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{entry.name}: {done.stderr.strip()}"


def page() -> str:
    """Return the page of all entries, in tables of `COLUMNS`."""
    lines = [
        "# Gallery",
        "",
        "Every loss, prior, control and start, on the bundled samples; made by `python docs/gallery/make.py`, which",
        "adds `-o`, `--quiet`, `--output-quality 85` and `--threads 1` to the commands.",
        "[Figures](../notebook/method-figures.md).",
    ]
    for title, about, entries in SECTIONS:
        lines += ["", f"## {title}", "", about, ""]
        for first in range(0, len(entries), COLUMNS):
            row = entries[first : first + COLUMNS]
            if first == 0:
                lines += ["|" + " |" * len(row), "|" + "---|" * len(row)]
            lines += ["|" + "|".join(f" ![{e.title}]({e.name}.jpg) " for e in row) + "|"]
            lines += ["|" + "|".join(f" **{e.title}**<br>`{e.command}` " for e in row) + "|"]
    return "\n".join(lines) + "\n"


def main(names: Sequence[str]) -> None:
    draw_masks(HERE / "masks")
    entries = [entry for _, _, some in SECTIONS for entry in some]
    known = {entry.name for entry in entries}
    if unknown := set(names) - known:
        sys.exit(f"no such picture: {', '.join(sorted(unknown))}")
    missing = [e for e in entries if e.name in names or (not names and not (HERE / f"{e.name}.jpg").exists())]
    with ThreadPoolExecutor(2) as pool:
        for entry, failure in zip(missing, pool.map(paint, missing), strict=True):
            print(failure or entry.name, flush=True)
    (HERE / "README.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
