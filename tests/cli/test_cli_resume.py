"""A run that was cut short, and the same command again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from impasto.jobs.fingerprint import named_files
from impasto.settings.synthesis import StylizeSettings
from impasto.synthesis import State, Step
from impasto.tasks.run.run import Job

Cli = Callable[..., Any]

WORDS = ("--steps", 6, "--optimizer", "lbfgs", "--checkpoint-every", 0)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the next run end as by Ctrl-C, or by a failure, after so many steps."""
    whole = Job.steps

    def arrange(after: int, error: BaseException) -> None:
        def steps(job: Job, resume: State | None = None) -> Iterator[Step]:
            monkeypatch.setattr(Job, "steps", whole)
            for step in whole(job, resume):
                yield step
                if step.index == after:
                    raise error

        monkeypatch.setattr(Job, "steps", steps)

    return arrange


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("boom")])
def test_the_same_command_goes_on_to_the_same_bytes(stylize: Cli, folder: Path, cut: Any, error: BaseException) -> None:
    assert stylize("-o", "whole.png", *WORDS, "--checkpoint", "no").code == 0
    assert not list(folder.glob("*.checkpoint"))
    cut(3, error)
    assert stylize("-o", "out.png", *WORDS).code in (1, 130)
    assert (folder / "out.png.checkpoint").is_file()
    told = stylize("-o", "out.png", *WORDS)
    assert told.code == 0
    assert told.lines[0] == "impasto: going on after step 3, from out.png.checkpoint"
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()
    assert not (folder / "out.png.checkpoint").exists()


def test_ctrl_c_keeps_the_state_even_between_two_checkpoints(stylize: Cli, folder: Path, cut: Any) -> None:
    cut(2, KeyboardInterrupt())
    told = stylize("-o", "out.png", "--steps", 6)
    assert told.lines[-1].endswith("the same command goes on from there")
    assert stylize("-o", "out.png", "--steps", 6).lines[0].startswith("impasto: going on after step 2")


def test_a_run_shorter_than_the_time_between_checkpoints_writes_none(stylize: Cli, folder: Path) -> None:
    assert stylize("-o", "out.png").code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["out.png", "painting.png", "photo.png"]


@pytest.mark.parametrize("more", [("--seed", 5, "--init", "noise"), ("--strength", 0.6, "--quiet")])
def test_the_state_of_another_run_is_not_lost(stylize: Cli, folder: Path, cut: Any, more: Sequence[Any]) -> None:
    cut(3, KeyboardInterrupt())
    stylize("-o", "out.png", *WORDS)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    told = stylize("-o", "out.png", *WORDS, *more)
    assert (told.code, len(told.lines)) == (2, 1)
    assert "of a run with other pictures or settings" in told.err
    assert "--overwrite" in told.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert stylize("-o", "out.png", *WORDS).lines[0].startswith("impasto: going on after step 3")


def test_the_state_of_another_run_is_replaced_when_asked(stylize: Cli, folder: Path, cut: Any) -> None:
    cut(3, KeyboardInterrupt())
    stylize("-o", "out.png", *WORDS)
    told = stylize("-o", "out.png", *WORDS, "--strength", 0.6, "--overwrite")
    assert told.code == 0
    assert told.lines[0].endswith("it is replaced")
    assert not (folder / "out.png.checkpoint").exists()


def test_a_default_output_of_another_run_is_kept_beside(stylize: Cli, folder: Path, cut: Any) -> None:
    cut(3, KeyboardInterrupt())
    stylize(*WORDS)
    assert stylize(*WORDS, "--strength", 0.6).code == 0
    assert (folder / "photo-painting-2.png").is_file()
    assert stylize(*WORDS).lines[0].startswith("impasto: going on after step 3")


def test_a_checkpoint_asked_for_has_to_fit(stylize: Cli, folder: Path, cut: Any) -> None:
    cut(3, KeyboardInterrupt())
    stylize("-o", "out.png", *WORDS, "--checkpoint", "state")
    assert (folder / "state").is_file()
    told = stylize("-o", "out.png", *WORDS, "--checkpoint", "state", "--strength", 0.3)
    assert told.code == 2
    assert len(told.lines) == 1
    assert "other pictures or settings" in told.lines[0]
    told = stylize("-o", "out.png", *WORDS, "--checkpoint", "photo.png")
    assert (told.code, "is the name of a picture" in told.err) == (2, True)
    told = stylize("-o", "out.png", "--checkpoint", "nowhere/state")
    assert (told.code, told.err) == (2, "impasto: 'nowhere/state' cannot be written: No such file or directory\n")


def test_files_in_the_settings_are_found(folder: Path) -> None:
    (folder / "m.png").write_bytes(b"m")
    settings = StylizeSettings(mix=("painting.png=0.5",), region=("~m.png#ff0000:sample:flow",), init="photo.png")
    assert named_files(settings) == ["m.png", "painting.png", "photo.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_run_goes_on_to_the_same_bytes(folder: Path, tiny_lite: Path) -> None:
    words = ["stylize", "photo.png", "painting.png", "--weights", str(tiny_lite), "--size", "64", "--json"]
    words += ["--steps", "60", "--scales", "1", "--checkpoint-every", "0", "--style-loss", "gram,sliced(samples=64)"]
    words += ["--optimizer", "adam"]
    command = [sys.executable, "-m", "impasto", *words]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    subprocess.run([*command, "-o", "whole.png"], check=True, **quiet)  # type: ignore[call-overload]
    run = subprocess.Popen([*command, "-o", "out.png"], **quiet)  # type: ignore[call-overload]
    for _ in range(21):  # the plan, and 20 steps
        run.stdout.readline()
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert (folder / "out.png.checkpoint").is_file()
    assert not (folder / "out.png").exists()
    subprocess.run([*command, "-o", "out.png"], check=True, **quiet)  # type: ignore[call-overload]
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()
