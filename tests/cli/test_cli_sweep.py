from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from impasto.cli import sweep as sweeps
from impasto.jobs.results import read_results
from impasto.jobs.spec import built_in

Cli = Callable[..., Any]

SPEC = """
title = "Two strengths"
task = "stylize"
columns = "strength"
[inputs]
content = "photo.png"
style = "painting.png"
[settings]
size = 48
steps = 2
scales = 1
strength = [0.2, 0.8]
"""


@pytest.fixture
def spec(folder: Path) -> Path:
    path = folder / "two.toml"
    path.write_text(SPEC)
    return path


def test_a_sweep_fills_a_folder_with_pictures_and_a_page(cli: Cli, folder: Path, spec: Path) -> None:
    told = cli("sweep", "two.toml", "--workers", 1)
    assert (told.code, told.out) == (0, "")
    assert told.lines[0].startswith("cell 1/2  strength 0.2  ")
    assert told.lines[-1].startswith("wrote two-sweep/index.html")
    made = folder / "two-sweep"
    assert {"index.html", "results.csv", "contact.png", "results.jsonl", "sweep.json"} <= {
        path.name for path in made.iterdir()
    }
    assert "Two strengths" in (made / "index.html").read_text()
    again = cli("sweep", "two.toml")
    assert [line for line in again.lines if line.startswith("cell")] == []


def test_inputs_and_settings_may_be_changed(cli: Cli, folder: Path, spec: Path) -> None:
    words = ("--style", "sample:flow", "--set", "strength=0.5", "--set", "seed=[1, 2, 3]", "-o", "other", "-q")
    assert cli("sweep", "two.toml", *words).err == ""
    records = list(read_results(folder / "other").values())
    assert [record.place for record in records] == [{"seed": "1"}, {"seed": "2"}, {"seed": "3"}]
    assert {record.inputs["style"] for record in records} == {"sample:flow"}


def test_failed_cells_are_counted_in_the_end(cli: Cli, folder: Path, spec: Path) -> None:
    told = cli("sweep", "two.toml", "--style", "nowhere.png", "--style", "painting.png", "--set", "strength=0.5")
    assert told.code == 1
    assert told.lines[-1] == "impasto: 1 of 2 cells failed; the page shows why"
    assert any("no such file 'nowhere.png'" in line for line in told.lines)
    assert (folder / "two-sweep" / "index.html").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("kernel",), "unknown sweep 'kernel' (did you mean 'kernels'?)"),
        (("none.toml",), "no such file 'none.toml'"),
        (("two.toml", "--set", "size"), "--set takes NAME=VALUE, not 'size'"),
        (("two.toml", "--set", "sise=3"), "unknown setting 'sise'"),
        (("texture-layers", "--content", "photo.png"), "this sweep takes no content; its inputs: style"),
    ],
)
def test_bad_sweeps_are_refused(cli: Cli, spec: Path, words: tuple[str, ...], message: str) -> None:
    told = cli("sweep", *words)
    assert told.code == 2
    assert len(told.lines) == 1
    assert message in told.err


def test_the_built_in_sweeps_are_listed(cli: Cli) -> None:
    for words in (("sweep",), ("sweep", "--list")):
        told = cli(*words)
        assert [line.split()[0] for line in told.out.splitlines()] == list(built_in())


def test_ctrl_c_says_how_to_go_on(cli: Cli, folder: Path, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from impasto.jobs import sweep as jobs  # noqa: PLC0415

    whole = jobs.run_sweep

    def cut(*args: Any, **more: Any) -> Any:
        yield next(whole(*args, **more))
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "run_sweep", cut)
    told = cli("sweep", "two.toml", "--workers", 1)
    assert told.code == 130
    assert told.lines[-1].endswith("1 of 2 cells are in two-sweep, and the same command goes on from there")
    assert sweeps.read("two.toml", [], [], [])[0] == "two"
