from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

from impasto.cli.options import RunOptions
from impasto.cli.progress import Bar, JsonLines, Log, Watcher, clock, watcher
from impasto.jobs.work import Work
from impasto.synthesis import Step

PLAN = [((32, 64), 10), ((64, 128), 10)]


def step(index: int, total: int = 20, size: tuple[int, int] = (32, 64), seconds: float = 1.0) -> Step:
    return Step(index, total, 1, 2, size, 0.5, {"style": 0.4}, seconds, "", lambda: torch.zeros(1, 3, *size))


def test_a_step_of_four_times_the_pixels_is_four_times_the_work() -> None:
    work = Work(PLAN)
    assert work.share(step(10)) == pytest.approx(10 / 50)
    assert work.left(step(10, seconds=3)) == pytest.approx(12)
    assert work.share(step(20)) == 1


@pytest.mark.parametrize("made", [step(3, total=6), step(0, total=0), step(6, total=6)])
def test_a_plan_that_does_not_fit_is_not_believed(made: Step) -> None:
    assert Work(PLAN).share(made) == (made.index / made.total if made.total else 1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (8.26, "8.3 s"), (59.7, "1:00"), (42, "42 s"), (125, "2:05"), (3725, "1:02:05")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_log_has_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(Console(stderr=True))
    log.plan([((32, 64), 200)])
    for index in range(1, 201):
        log.step(step(index, total=200))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "step 20/200  64x32  loss 0.5  style 0.4  9.0 s left"
    assert lines[-1] == "step 200/200  64x32  loss 0.5  style 0.4"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_bar_shows_where_the_run_is_and_leaves_nothing_behind(width: int) -> None:
    screen = io.StringIO()
    bar = Bar(Console(file=screen, force_terminal=True, width=width, height=10))
    with bar:
        bar.plan(PLAN)
        bar.step(step(10, seconds=3))
        bar.live.refresh()
    shown = screen.getvalue()
    assert "10/20" in shown
    assert "loss 0.5" in shown
    assert "12 s left" in shown
    assert shown.endswith("\x1b[2K")  # the bar's lines are cleared for what comes after


def test_each_gets_the_watcher_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    assert type(watcher(RunOptions(json=True))) is JsonLines
    assert type(watcher(RunOptions(quiet=True))) is Watcher
    assert type(watcher(RunOptions())) is Log
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("TTY_COMPATIBLE")
    assert type(watcher(RunOptions())) is Bar
