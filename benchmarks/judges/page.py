"""One HTML file with all pictures of a run side by side, their figures, and a blind comparison of two methods.

The file needs nothing else: pictures are inside as JPEGs of at most 512 pixels a side, compressed so that the file
stays below about 20 MB. For a strict comparison of fine detail use the sheets (`blind.py`), which are not compressed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.judges.anchors import COPIES
from benchmarks.judges.answers import FORMAT
from benchmarks.judges.blind import QUESTION
from benchmarks.judges.judge import FIGURES
from benchmarks.judges.pictures import fitted, open_rgb, resized
from benchmarks.judges.report import formatted
from benchmarks.judges.results import Result, Run
from impasto.image.atomic import replace_file
from impasto.jobs.previews import Pixels, Preview, embed

FILE = "index.html"
TEMPLATE = Path(__file__).with_name("page.html")
SIDE = 512


def page(run: Run) -> str:
    """Return the page of a run. Photo and painting stand beside each pair and not among the methods."""
    shown = [result for result in run.results if result.method not in COPIES]
    paths = [path for result in shown for path in (result.photo, result.painting, result.picture)]
    previews = embed({path: _small(path) for path in dict.fromkeys(paths)})
    data = {
        "format": FORMAT,
        "question": QUESTION,
        "methods": [method for method in run.methods if method not in COPIES],
        "pairs": [
            _pair([r for r in shown if r.pair == name], previews) for name in dict.fromkeys(r.pair for r in shown)
        ],
        "notices": run.notices,
        "size": run.size,
    }
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")  # no end tag inside the script
    return TEMPLATE.read_text(encoding="utf-8").replace("{{ data }}", text)


def write_page(run: Run, folder: Path) -> Path:
    """Write `page` into `folder` and return its path."""
    path = folder / FILE
    replace_file(path, page(run).encode())
    return path


def _pair(results: list[Result], previews: dict[Path, Preview]) -> dict[str, object]:
    """The page's record of one pair."""
    first = results[0]
    return {
        "name": first.pair,
        "photo": previews[first.photo].uri,
        "painting": previews[first.painting].uri,
        "pictures": {result.method: previews[result.picture].uri for result in results},
        "figures": {result.method: _figures(result) for result in results},
    }


def _figures(result: Result) -> str:
    return " · ".join(f"{name} {formatted(name, result.figures[name])}" for name in FIGURES)


def _small(path: Path) -> Pixels:
    image = open_rgb(path)
    size = image.size if max(image.size) <= SIDE else fitted(image.size, SIDE)
    return np.array(resized(image, size))
