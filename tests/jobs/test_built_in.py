"""Every built-in sweep on the bundled pictures at 192 px: the ends of its columns, with a few steps, and their page."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from impasto.image import load
from impasto.jobs.kinds import ONE_PASS
from impasto.jobs.report import write_page
from impasto.jobs.spec import CASE, Sweep, axes, built_in, changed, read_sweep
from impasto.jobs.sweep import run_sweep

STEPS = 8


def few(sweep: Sweep) -> Sweep:
    """The first and the last of the columns; of any other axis the first."""
    ends = {name: slice(None, None, max(1, len(labels) - 1)) for name, labels in axes(sweep).items()}
    ends = {name: ends[name] if name == sweep.columns else slice(1) for name in ends}

    def cut(given: Any) -> dict[str, Any]:
        return {name: value[ends[name]] if name in ends else value for name, value in given.items()}

    cases = sweep.cases[ends[CASE]] if sweep.cases else ()
    return replace(sweep, inputs=cut(sweep.inputs), settings=cut(sweep.settings), cases=cases)


def small(name: str) -> dict[str, Any]:
    """The settings with which a sweep is quick."""
    if read_sweep(name).task == ONE_PASS:
        return {"size": 32, "shown": 192, "recolor": 2, "steps": STEPS}
    return ({} if name == "resolution" else {"size": 192}) | {"steps": STEPS, "scales": 1}


@pytest.mark.parametrize("name", built_in())
def test_a_built_in_sweep_runs(name: str, tmp_path: Path) -> None:
    sweep = few(changed(read_sweep(name), {}, small(name)))
    records = [progress.record for progress in run_sweep(sweep, tmp_path, workers=2)]
    assert [record.error for record in records] == [None, None]
    for record in records:
        if name != "resolution":
            assert max(record.width or 0, record.height or 0) == 192
        assert record.losses[-1][0] == STEPS
        assert load(tmp_path / str(record.picture)).size == (record.height, record.width)
        assert float(load(tmp_path / str(record.picture)).pixels.std()) > 0.02
        assert record.style or record.content
    assert len({record.picture for record in records}) == (1 if name == "networks" else 2)
    page = unescape(write_page(tmp_path).read_text())
    assert sweep.title.split(",")[0] in page
    assert page.count("<figure") >= 2
