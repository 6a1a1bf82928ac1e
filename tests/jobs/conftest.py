"""A sweep that was never run, of two by three cells, the last of which failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.jobs.results import Axis, Plan, Record, append_result, write_plan

LABELS = ("1e4", '1e5 "<b>"'), ("1", "10", "<script>alert(1)</script>")


def paint(path: Path, seed: int, size: tuple[int, int] = (24, 36)) -> None:
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def finished(folder: Path, index: int, place: dict[str, str]) -> Record:
    paint(folder / f"cells/k{index}.png", index)
    return Record(
        f"k{index}",
        index,
        place,
        "stylize",
        {"content": "sample:chelsea", "style": "sample:flow"},
        picture=f"cells/k{index}.png",
        original="cells/original.png",
        paintings={"sample:flow": "cells/painting.png"},
        network="lite",
        width=36,
        height=24,
        steps=3,
        seconds=10.0 - index,
        peak_mb=100.0,
        losses=((1, 10.0), (2, 1.0), (3, 0.1 + index)),
        scales=(2,),
        loss=0.05 + index,
        terms={"style": 0.1, "content": 0.2 + index},
        style={"relu1_1": 0.1, "relu2_1": 0.3},
        content={"relu4_2": 0.5},
    )


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    weights = Axis("style_weight", LABELS[0]), Axis("content_weight", LABELS[1])
    write_plan(
        tmp_path,
        Plan(
            "Weights </title><script>alert(2)</script>",
            weights,
            "style_weight",
            "content_weight",
            about="About & so on",
            source="see http://example.org/",
            task="stylize",
            differences=("original", "style_weight"),
            notices=("vgg19 has no weights here",),
            impasto="0.1.0",
        ),
    )
    paint(tmp_path / "cells/original.png", 99)
    paint(tmp_path / "cells/painting.png", 98)
    places = [{"style_weight": a, "content_weight": b} for a in LABELS[0] for b in LABELS[1]]
    for index, place in enumerate(places[:-1]):
        append_result(tmp_path, finished(tmp_path, index, place))
    append_result(tmp_path, Record("k5", 5, places[-1], "stylize", status="failed", error="NaN in <step> 3"))
    return tmp_path
