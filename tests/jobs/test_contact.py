from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImpastoError
from impasto.jobs.contact import CELL, DPI, write_sheet
from impasto.jobs.results import Axis, Plan, Record, append_result, write_plan

COLORS = {"1": (200, 30, 30), "2": (30, 160, 60), "3": (40, 60, 200)}


def colored(folder: Path, axes: tuple[Axis, ...], rows: str | None, columns: str | None) -> np.ndarray:
    """The sheet of a sweep whose pictures have one colour each, by their label on the last axis."""
    write_plan(folder, Plan("Costs $5 and $6_x$", axes, rows, columns))
    (folder / "cells").mkdir()
    for label, color in COLORS.items():
        Image.new("RGB", (48, 32), color).save(folder / f"cells/{label}.png")
        append_result(folder, Record(label, int(label), {axes[-1].name: label}, picture=f"cells/{label}.png"))
    with Image.open(write_sheet(folder)) as sheet:
        return np.asarray(sheet.convert("RGB")).astype(int)


def middle(sheet: np.ndarray, color: tuple[int, int, int]) -> tuple[float, float, int]:
    """Where a colour is on the sheet, its mean column and line, and on how many pixels."""
    lines, columns = np.nonzero(abs(sheet - color).max(2) <= 3)
    return float(columns.mean()), float(lines.mean()), len(lines)


def test_columns_stand_side_by_side_and_whole(tmp_path: Path) -> None:
    sheet = colored(tmp_path, (Axis("a", tuple(COLORS)),), None, "a")
    places = [middle(sheet, color) for color in COLORS.values()]
    width = CELL * DPI
    assert all(count == pytest.approx(width * width * 2 / 3, rel=0.03) for _, _, count in places)
    assert places[0][0] + width < places[1][0] < places[2][0] - width
    assert len({round(line) for _, line, _ in places}) == 1


def test_rows_stand_one_below_the_other(tmp_path: Path) -> None:
    sheet = colored(tmp_path, (Axis("a", tuple(COLORS)),), "a", None)
    places = [middle(sheet, color) for color in COLORS.values()]
    assert places[0][1] + CELL * DPI * 2 / 3 < places[1][1] < places[2][1] - CELL * DPI * 2 / 3
    assert len({round(column) for column, _, _ in places}) == 1


def test_a_sheet_holds_all_groups_and_hatches_failures(sweep: Path) -> None:
    with Image.open(write_sheet(sweep)) as sheet:
        width, height = sheet.size
        failed = np.asarray(sheet.convert("RGB"))[height * 2 // 3 :, width * 3 // 4 :].reshape(-1, 3).astype(int)
    assert width > 3 * CELL * DPI
    assert height > 2 * CELL * DPI * 2 / 3
    assert (abs(failed - (0xDE, 0xD8, 0xCC)).max(1) <= 3).sum() > 300  # the hatching
    assert (abs(failed - (0xA3, 0x20, 0x20)).max(1) <= 24).sum() > 10  # the error


def test_groups_repeat_their_columns(tmp_path: Path) -> None:
    axes = Axis("g", ("x", "y")), Axis("r", ("1",)), Axis("c", ("1", "2"))
    write_plan(tmp_path, Plan("t", axes[1:], "r", "c"))
    with Image.open(write_sheet(tmp_path)) as sheet:
        one = sheet.height
    write_plan(tmp_path, Plan("t", axes, "r", "c"))
    with Image.open(write_sheet(tmp_path)) as sheet:
        assert sheet.height > one + CELL * DPI


def test_a_sweep_without_anything_has_a_sheet(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan(""))
    with Image.open(write_sheet(tmp_path)) as sheet:
        assert min(sheet.size) > CELL * DPI


def test_the_same_sweep_gives_the_same_bytes_and_leaves_matplotlib_alone(sweep: Path) -> None:
    settings = dict(matplotlib.rcParams)
    first = write_sheet(sweep).read_bytes()
    assert write_sheet(sweep).read_bytes() == first
    assert dict(matplotlib.rcParams) == settings


def test_without_the_extra_it_says_how_to_get_it(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return whole(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImpastoError, match=re.escape('pip install "impasto[sweep]"')):
        write_sheet(sweep)


def drawn(folder: Path, title: str, rows: tuple[str, ...], columns: tuple[str, ...]) -> np.ndarray:
    """The sheet of a sweep without pictures."""
    write_plan(folder, Plan(title, (Axis("r", rows), Axis("c", columns)), "r", "c"))
    with Image.open(write_sheet(folder)) as sheet:
        return np.asarray(sheet.convert("L")).astype(int)


def test_long_titles_and_labels_are_wrapped_and_none_is_cut(tmp_path: Path) -> None:
    long = "gram,histogram(layers=relu1_1+relu4_1),sliced(samples=2048)=0.25"
    usual = drawn(tmp_path, "Short", ("a", "b"), ("1", "2"))
    title = drawn(tmp_path, 8 * "a long title ", ("a", "b"), ("1", "2"))
    column = drawn(tmp_path, "Short", ("a", "b"), (long, "2"))
    assert title.shape[0] > usual.shape[0] + 30
    assert column.shape[0] > usual.shape[0] + 15
    for sheet in (title, column):
        assert (sheet[:, -10:] == 255).all()
        assert (sheet[:10] == 255).all()
    one, other = (drawn(tmp_path, "Short", (f"{long}{k}", "b"), ("1", "2")) for k in (1, 7))
    assert one.shape == other.shape
    assert (one != other).any()
    assert (one[:, :10] == 255).all()
