"""Several processes of one command, as torchrun starts them: one picture, one voice, and no one left waiting."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.processes import LONG, free_port

from impasto.cli import main, processes

RUN = ["--size", "160", "--steps", "6", "--scales", "1", "--checkpoint-every", "0", "--tv-weight", "0.3"]


Told = tuple[int, str, str]
"""An exit code, standard output, standard error."""


def together(commands: list[list[str]]) -> list[Told]:
    """What each of several processes says, that know of each other."""
    around = os.environ | {"WORLD_SIZE": str(len(commands)), "MASTER_ADDR": "127.0.0.1"}
    around |= {"MASTER_PORT": str(free_port())}
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, env=around | {"RANK": str(k)}, stdout=pipe, stderr=pipe, text=True)
        for k, command in enumerate(commands)
    ]
    try:
        told = [process.communicate(timeout=LONG) for process in running]
    finally:
        for process in running:
            process.kill()
    return [(process.returncode, *said) for process, said in zip(running, told, strict=True)]


def impasto(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "impasto", *map(str, words)]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """The left half of the photo."""
    white = np.zeros((300, 451), np.uint8)
    white[:, :225] = 255
    Image.fromarray(white).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def losses(lines: str) -> list[float]:
    """Those of the steps that were told."""
    events = [json.loads(line) for line in lines.splitlines()]
    return [event["loss"] for event in events if event["event"] == "step"]


def test_torchrun_makes_the_picture_of_one_process(tmp_path, mask, capsys):
    """Style in two regions, content, variation. Two steps: L-BFGS makes more of rounding with every further one."""
    run = [*RUN[:3], "2", *RUN[4:]]
    words = ["stylize", "sample:chelsea", "sample:flow", *run, "--style-loss", "gram", "--region", f"{mask}:sample:ink"]
    assert main([*words, "-o", str(tmp_path / "one.png"), "--json"]) == 0
    expected = losses(capsys.readouterr().out)
    assert len(expected) == 2
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"]
    launched += [str(free_port()), "-m", "impasto", *words, "-o", str(tmp_path / "two.png"), "--json"]
    done = subprocess.run(launched, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done.stderr
    one, two = pixels(tmp_path / "one.png"), pixels(tmp_path / "two.png")
    assert np.abs(one - two).max() <= 1
    assert losses(done.stdout) == pytest.approx(expected, rel=1e-4)
    assert "impasto" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"home", "mask.png", "one.png", "two.png"}


def test_all_but_the_first_are_silent_and_write_nothing(tmp_path):
    """Both in folders of their own: what one writes shows."""
    commands = []
    for k in range(2):
        (tmp_path / str(k)).mkdir()
        output = ["-o", tmp_path / str(k) / "out.png", "--save-every", "2", "--timelapse", tmp_path / str(k) / "a.gif"]
        commands.append(impasto("stylize", "sample:chelsea", "sample:flow", *RUN, *output, "--json"))
    first, second = together(commands)
    assert (first[0], second) == (0, (0, "", ""))
    steps = [line for line in first[1].splitlines() if '"event": "step"' in line]
    assert len(steps) == 6
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == [
        *("a.gif", "out-0002.png", "out-0004.png", "out-0006.png", "out.png"),
    ]
    assert list((tmp_path / "1").iterdir()) == []


FAILS = """
import sys
from impasto.cli import main
from impasto.errors import ImpastoError
from impasto.tasks.run import evaluator

plain = evaluator.Evaluator.__call__

def fails(self, picture, step):
    if step == 3:
        raise ImpastoError("a tile fell off the wall")
    return plain(self, picture, step)

evaluator.Evaluator.__call__ = fails
sys.exit(main())
"""


def lines(told: list[Told]) -> list[str]:
    """All that was said, but for the course of the run."""
    said = [line for _, out, error in told for line in (out + error).splitlines()]
    return [line for line in said if not re.match(r"takes about|step \d", line)]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_one_ends_all_with_one_line(tmp_path, failing):
    words = ["stylize", "sample:chelsea", "sample:flow", *RUN, "-o", str(tmp_path / "out.png")]
    commands = [impasto(*words), impasto(*words)]
    commands[failing] = [sys.executable, "-c", FAILS, *words]
    told = together(commands)
    assert [code for code, _, _ in told] == [1, 1]
    (line,) = lines(told)
    assert line.startswith("impasto: a tile fell off the wall")


def test_a_run_that_was_cut_short_goes_on(tmp_path):
    """Where the first process is the only one that wrote, and all have to read."""
    words = ["stylize", "sample:chelsea", "sample:flow", *RUN, "-o", str(tmp_path / "out.png"), "--json"]
    (first, *_) = together([[sys.executable, "-c", FAILS, *words], impasto(*words)])
    assert first[0] == 1
    assert len(losses(first[1])) == 2
    checkpoint = tmp_path / "out.png.checkpoint"
    assert checkpoint.exists()
    again, silent = together([impasto(*words)] * 2)
    assert (again[0], silent) == (0, (0, "", ""))
    assert "going on after step 2" in again[1]
    assert len(losses(again[1])) == 4
    assert not checkpoint.exists()


def test_processes_that_see_other_files_are_refused(tmp_path):
    output = ["-o", str(tmp_path / "out.png")]
    commands = [
        impasto("stylize", photo, "sample:flow", *RUN, *output) for photo in ("sample:chelsea", "sample:coffee")
    ]
    told = together(commands)
    assert {code for code, _, _ in told} <= {1, 2}
    (line,) = lines(told)
    assert line == "impasto: the processes of this run do not see the same files and settings"


def test_a_mistake_on_the_command_line_is_told_once(tmp_path):
    told = together([impasto("stylize", "sample:chelsea", "sample:flow", "--stepz", "3")] * 2)
    assert [code for code, _, _ in told] == [2, 2]
    (line,) = lines(told)
    assert "--stepz" in line


def test_what_is_no_run_is_left_to_the_first(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, said in ((0, True), (1, False)):
        monkeypatch.setenv("RANK", str(rank))
        for words in (["presets"], ["stylize", "--help"]):
            assert main(words) == 0
            assert bool(capsys.readouterr().out) == said


def test_an_environment_that_makes_no_sense_is_told_in_one_line(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "two")
    assert main(["presets"]) == 2
    assert capsys.readouterr().err == "impasto: WORLD_SIZE='two' in the environment is no number; torchrun sets it\n"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    assert main(["stylize", "sample:chelsea", "sample:flow"]) == 2
    assert "RANK is not set; start several processes by torchrun" in capsys.readouterr().err


def test_one_process_meets_nobody(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert processes.join("cpu").single
    assert processes.rank() == 0
