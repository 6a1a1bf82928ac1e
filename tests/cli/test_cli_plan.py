"""What a run will take, told before it: `impasto plan`, and the first line of a run."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tests.processes import LONG

from impasto.cli.progress import Bar, JsonLines, Log
from impasto.jobs import estimate
from impasto.jobs.estimate import FILE, START
from impasto.settings.synthesis import QUALITIES, StylizeSettings
from impasto.synthesis import Step
from impasto.tasks.registry import JOBS
from impasto.tasks.run.pace import SIDE
from impasto.tasks.run.run import TILED, Job
from impasto.tasks.tiling import memory

Cli = Callable[..., Any]

PACE = 1e-6
"""Seconds for a pixel and a step, on the machine of these tests."""

SAMPLES = ("sample:chelsea", "sample:flow")


@pytest.fixture
def known_pace() -> float:
    """What all tests here count with."""
    return PACE


@pytest.fixture(autouse=True)
def _resident(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has 300 MB when it begins, whatever other tests have left in it."""
    monkeypatch.setattr(memory, "resident", lambda: 3e8)
    monkeypatch.setattr("impasto.jobs.estimate.reached", lambda: 3e8)


def test_what_reading_the_pictures_took_counts(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.jobs.estimate.reached", lambda: 7.5e9)
    told = cli("plan", "stylize", *SAMPLES)
    assert "memory  7.50 GB" in told.out.splitlines()


def table(out: str) -> list[list[str]]:
    """Rows of cells; two spaces at least stand between columns."""
    return [re.split(r" {2,}", line) for line in out.splitlines()]


def time_of(text: str) -> float:
    """Seconds from `about 8.3 s` or `takes about 2:05 and 0.7 GB`."""
    found = re.search(r"about ([\d:.]+)", text)
    assert found is not None
    return sum(float(part) * 60**k for k, part in enumerate(reversed(found[1].split(":"))))


def test_a_row_for_each_size_and_the_totals(cli: Cli, folder: Path) -> None:
    told = cli("plan", "stylize", *SAMPLES)
    assert (told.code, told.err) == (0, "")
    rows = table(told.out)
    assert rows[0] == ["size", "steps", "network", "tiles", "pairs", "memory"]
    steps = dict(zip(("226x150", "451x300", "902x600"), QUALITIES["standard"].steps, strict=True))
    assert [row[:5] for row in rows[1:4]] == [
        [size, str(n), "lite", "none", str(min(20, n))] for size, n in steps.items()
    ]
    coarse, _, full = (float(row[5].removesuffix(" GB")) for row in rows[1:4])
    assert 0 < coarse < full
    assert rows[4] == ["memory", f"{full:.2f} GB"]
    assert rows[5][0] == "time"
    work = sum(n * prod(int(side) for side in size.split("x")) for size, n in steps.items())
    assert time_of(rows[5][1]) == pytest.approx(START + PACE * work, abs=0.5)
    assert len(rows) == 6
    assert {path.name for path in folder.iterdir()} == {"photo.png", "painting.png"}


@pytest.mark.parametrize(
    ("task", "inputs"), [("stylize", SAMPLES), ("reconstruct", SAMPLES[:1]), ("texture", SAMPLES[1:])]
)
def test_a_plan_is_that_of_the_run(cli: Cli, quick: Cli, task: str, inputs: tuple[str, ...]) -> None:
    told = quick(task, *inputs, "-o", "out.png", "--json")
    plan, step = (json.loads(line) for line in told.out.splitlines()[:2])
    rows = table(cli("plan", task, *inputs, "--steps", 2, "--scales", 1, "--size", 64).out)
    assert rows[1][:2] == [f"{step['width']}x{step['height']}", str(step["total"])]
    assert plan["seconds"] == pytest.approx(START + PACE * 2 * step["width"] * step["height"], abs=0.06)


def test_large_pictures_come_in_tiles_and_half_precision_where_memory_is_little(cli: Cli) -> None:
    large = ("plan", "stylize", *SAMPLES, "--size", 4096)
    roomy, tight = (table(cli(*large, "--memory", memory).out) for memory in ("400GB", "4GB"))
    last = str(QUALITIES["standard"].steps[-1])  # with no more pairs than steps
    assert [row[:5] for row in roomy[4:6]] == [[s, last, "lite", "none", last] for s in ("2048x1363", "4096x2725")]
    size, steps, _, tiles, pairs, memory = tight[5]
    assert (size, steps) == ("4096x2725", last)
    assert re.fullmatch(r"\d+ px|inside", tiles)
    assert re.fullmatch(r"\d+, half precision", pairs)
    assert int(pairs.split(",")[0]) < int(last)
    assert float(memory.removesuffix(" GB")) <= 4.0
    assert tight[6] == ["memory", max((row[5] for row in tight[1:6]), key=lambda text: float(text.split()[0]))]
    in_tiles = [[int(number) for number in (*row[0].split("x"), row[1])] for row in tight[1:6] if row[3] != "none"]
    longer = PACE * (TILED - 1) * sum(prod(numbers) for numbers in in_tiles)
    assert time_of(tight[7][1]) - time_of(roomy[7][1]) == pytest.approx(longer, abs=2)


def test_tiles_of_a_side_that_was_asked_for(cli: Cli) -> None:
    rows = table(cli("plan", "stylize", *SAMPLES, "--tile", 128, "--scales", 1).out)
    assert rows[1][3] == "128 px"
    assert table(cli("plan", "stylize", *SAMPLES, "--tile", 0, "--scales", 1).out)[1][3] == "none"


def test_only_methods_that_remember_pairs_have_any(cli: Cli) -> None:
    for optimizer, pairs in [("lbfgs", "20"), ("lbfgs-wolfe", "20"), ("adam", "none"), ("rmsprop", "none")]:
        assert table(cli("plan", "texture", SAMPLES[1], "--optimizer", optimizer).out)[1][4] == pairs


@pytest.mark.parametrize(
    "words", [["plan", "stylize"], ["stylize", "-o", "out.png"], ["stylize", "-q", "-o", "out.png"]]
)
def test_too_little_memory_is_one_line_and_2(cli: Cli, folder: Path, words: list[str]) -> None:
    told = cli(*words, *SAMPLES, "--memory", "100MB")
    assert (told.code, told.out) == (2, "")
    assert len(told.lines) == 1
    refused = re.fullmatch(
        r"impasto: a result of 226x150 needs about (\d+) MB of memory, and 100 MB may be taken; "
        r"ask for a smaller result, or allow more by --memory",
        told.err.rstrip(),
    )
    assert refused is not None
    least = int(refused[1])  # what was named is enough for this size, and less is not
    for more, size in ((1, "451x300"), (-1, "226x150")):
        assert f"a result of {size} needs" in cli(*words, *SAMPLES, "--memory", f"{least + more}MB").err
    assert not (folder / "out.png").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--memory", "much"], "memory is an amount such as 4GB or 1500MB, not 'much'"),
        (["--memory", ""], "the argument after '--memory' is empty"),
        (["--tile", "-1"], "tile must be at least 0, not -1"),
        (["--size", "8"], "need at least 16 px a side"),
        (["--init", "nois"], "did you mean 'noise'?"),
        (["--strenght", "1"], "--strength"),
    ],
)
def test_a_plan_refuses_what_a_run_would_refuse(cli: Cli, words: list[str], expected: str) -> None:
    told = cli("plan", "stylize", *SAMPLES, *words)
    assert (told.code, told.out) == (2, "")
    assert len(told.lines) == 1
    assert expected in told.err


def test_nothing_is_run_for_a_plan(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(*_: Any) -> Any:
        raise AssertionError("a plan makes no steps")

    monkeypatch.setattr(Job, "steps", steps)
    assert cli("plan", "stylize", *SAMPLES, "--size", 8192, "--memory", "64GB").code == 0


def test_a_run_begins_with_a_line_that_tells_its_time_and_memory(stylize: Cli) -> None:
    told = stylize("-o", "out.png", "--steps", "100")
    seconds = START + PACE * 100 * 64 * 48
    assert re.fullmatch(rf"takes about {seconds:.1f} s and \d+\.\d GB", told.lines[0])
    assert sum("takes about" in line for line in told.lines) == 1


def test_quiet_runs_say_nothing_and_measure_nothing(stylize: Cli, home: Path, measured: list[str]) -> None:
    assert stylize("-o", "out.png", "-q").err == ""
    assert measured == []
    assert not (home / FILE).exists()


def test_a_run_that_goes_on_does_not_tell_what_the_whole_would_take(
    stylize: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Job.steps

    def cut(job: Job, *resume: Any) -> Any:
        yield next(whole(job, *resume))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Job, "steps", cut)
        assert stylize("-o", "out.png", "--steps", 4).code == 130
    told = stylize("-o", "out.png", "--steps", 4)
    assert told.code == 0
    assert told.lines[0].startswith("impasto: going on after step 1")
    assert "takes about" not in told.err


def test_each_watcher_tells_it_in_its_way(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLines().expects(peak_mb=712.5, seconds=8.26)
    Log(Console(stderr=True)).expects(peak_mb=712.5, seconds=8.26)
    told = capsys.readouterr()
    assert json.loads(told.out) == {"event": "plan", "peak_mb": 712.5, "seconds": 8.26}
    assert told.err == "takes about 8.3 s and 0.7 GB\n"


def test_the_line_stays_above_the_bar() -> None:
    screen = io.StringIO()
    bar = Bar(Console(file=screen, force_terminal=True, width=80, height=10, highlight=False))
    with bar:
        bar.expects(peak_mb=712.5, seconds=125)
        bar.plan([((32, 64), 10)])
        bar.step(Step(5, 10, 1, 1, (32, 64), 0.5, {}, 1.0, "", lambda: torch.zeros(1)))
        bar.live.refresh()
    shown = screen.getvalue()
    assert "takes about 2:05 and 0.7 GB\n" in shown
    assert shown.index("takes about") < shown.index("5/10")


def test_a_pace_is_measured_once_and_kept(stylize: Cli, home: Path, measured: list[str]) -> None:
    first = time_of(stylize("-o", "out.png").lines[0])
    assert len(measured) == 1
    kept = json.loads((home / FILE).read_text())
    assert list(kept.values()) == [PACE]
    assert time_of(stylize("-o", "other.png", "--strength", 0.3).lines[0]) == first
    assert len(measured) == 1
    (home / FILE).write_text(json.dumps(dict.fromkeys(kept, 1.0)))
    assert time_of(stylize("-o", "out.png").lines[0]) == 2 * 64 * 48 + 1  # at a second for a pixel
    assert len(measured) == 1


@pytest.mark.parametrize(
    "words",
    [["--style-layers", "relu5_1"], ["--pooling", "average"], ["--threads", "2"]],
    ids=["layers", "pooling", "threads"],
)
def test_a_pace_belongs_to_layers_and_threads(stylize: Cli, measured: list[str], words: list[str]) -> None:
    stylize("-o", "out.png")
    stylize("-o", "out.png", *words)
    assert len(measured) == (1 if "--pooling" in words else 2)  # whose cost is the same


def test_other_weights_under_the_same_name_have_a_pace_of_their_own(
    stylize: Cli, cli: Cli, home: Path, measured: list[str]
) -> None:
    stylize("-o", "out.png")
    cli("plan", "stylize", *SAMPLES)
    assert len(measured) == 2
    assert len(json.loads((home / FILE).read_text())) == 2


DAMAGED = ["", "{", "[1, 2]", "null", "3", '"text"', "\x00\xff", "[" * 10**5]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_of_paces_is_measured_anew(stylize: Cli, home: Path, measured: list[str], text: str) -> None:
    home.mkdir()
    (home / FILE).write_bytes(text.encode("latin-1"))
    told = stylize("-o", "out.png")
    assert told.code == 0
    assert told.lines[0].startswith("takes about 1.0 s")
    assert len(measured) == 1
    assert list(json.loads((home / FILE).read_text()).values()) == [PACE]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1.0", "0.0", "true", "null", '"fast"', "[]"])
def test_a_pace_that_cannot_be_is_measured_anew(stylize: Cli, home: Path, measured: list[str], value: str) -> None:
    stylize("-o", "out.png")
    key, other = next(iter(json.loads((home / FILE).read_text()))), "impasto 0.0.1, somewhere"
    (home / FILE).write_text(f'{{"{key}": {value}, "{other}": 2e-6}}')
    assert stylize("-o", "out.png").lines[0].startswith("takes about 1.0 s")
    assert len(measured) == 2
    assert json.loads((home / FILE).read_text()) == {other: 2e-6, key: PACE}


def test_a_home_that_cannot_be_written_costs_a_measurement_each_time(
    stylize: Cli, home: Path, measured: list[str]
) -> None:
    home.write_text("a file where the folder should be", encoding="utf-8")
    for count in (1, 2):
        told = stylize("-o", "out.png")
        assert told.code == 0
        assert told.lines[0].startswith("takes about")
        assert len(measured) == count
    assert home.read_text(encoding="utf-8") == "a file where the folder should be"


def test_a_file_of_paces_that_is_a_folder_is_no_error(cli: Cli, home: Path, measured: list[str]) -> None:
    (home / FILE).mkdir(parents=True)
    assert cli("plan", "stylize", *SAMPLES).code == 0
    assert len(measured) == 1


def test_the_measurement_itself_by_a_process_that_a_person_starts(cli: Cli, home: Path, measured: list[str]) -> None:
    """With the network of the package, and nothing patched; the next one with as many threads takes it from there."""
    words = ["plan", "stylize", *SAMPLES, "--size", "64", "--scales", "1"]
    command = [sys.executable, "-m", "impasto", *words]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kept = json.loads((home / FILE).read_text())
    ((key, pace),) = kept.items()
    assert "1 threads, cpu: lite" in key
    assert 1e-5 < pace * SIDE**2 < LONG
    assert cli(*words).out.splitlines()[-1] == first.splitlines()[-1]
    assert json.loads((home / FILE).read_text()) == kept
    assert measured == []


def test_where_memory_is_short_no_checkpoint_is_kept_unless_asked_for(cli: Cli, tmp_path: Path) -> None:
    inputs = ("sample:astronaut", "sample:flow")
    full = JOBS["stylize"](*inputs, StylizeSettings(size=256, scales=1, steps=2)).peak
    words = ("stylize", *inputs, "--size", 256, "--scales", 1, "--steps", 2, "--checkpoint-every", 0)
    short, enough = (("--memory", f"{share * full:.0f}B") for share in (0.999, 1.001))
    told = cli(*words, *short, "-o", tmp_path / "a.png")
    assert any("memory is short, so no checkpoint is kept" in line for line in told.lines)
    asked = cli(*words, *short, "-o", tmp_path / "b.png", "--checkpoint", tmp_path / "b.checkpoint")
    roomy = cli(*words, *enough, "-o", tmp_path / "c.png")
    for other in (asked, roomy):
        assert other.code == 0
        assert not any("memory is short" in line for line in other.lines)


def test_a_run_that_took_its_time_teaches(stylize: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "MIN_SECONDS", 0.0)
    stylize("-o", "out.png")
    (found,) = json.loads((home / FILE).read_text()).values()
    assert found > 0
    assert found != PACE, "half of it is what the run showed"
    monkeypatch.setattr(estimate, "MIN_SECONDS", 1e9)
    monkeypatch.setattr(estimate, "BUSY", 0.0)
    stylize("-o", "again.png")
    assert list(json.loads((home / FILE).read_text()).values()) == [found]


def test_a_pace_of_a_busy_machine_is_replaced_by_a_short_run(
    stylize: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "MIN_SECONDS", 1e9)
    stylize("-o", "out.png")
    (key,) = json.loads((home / FILE).read_text())
    (home / FILE).write_text(json.dumps({key: 1e3}))  # weeks for a picture
    stylize("-o", "again.png")
    assert json.loads((home / FILE).read_text())[key] < 1
