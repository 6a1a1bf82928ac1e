from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.processes import LONG

from impasto.cli import main
from impasto.cli.failures import explain
from impasto.cli.interrupts import stop_once
from impasto.errors import ImpastoError
from impasto.image import load, read_metadata
from impasto.tasks.run.run import Job

Cli = Callable[..., Any]


@pytest.fixture
def bad_files(folder: Path) -> None:
    (folder / "a_folder").mkdir()
    (folder / "a_folder.gif").mkdir()
    (folder / "text.jpg").write_text("no picture at all")
    (folder / "empty.png").touch()
    (folder / "bad.json").write_text('{"strength": ')
    (folder / "bad.toml").write_text("strength = = 3")
    (folder / "list.json").write_text("[1, 2]")
    (folder / "latin.json").write_bytes(b'{"init": "\xff"}')
    (folder / "unknown.json").write_text('{"strenght": 0.5}')
    (folder / "wrong.json").write_text('{"strength": "much"}')
    (folder / "link.png").symlink_to("photo.png")


USES = {
    "missing file": (["stylize", "phot.png", "painting.png"], "no such file 'phot.png' (did you mean 'photo.png'?)"),
    "folder for a file": (["stylize", "a_folder", "painting.png"], "'a_folder' is a folder"),
    "text renamed": (["stylize", "text.jpg", "painting.png"], "'text.jpg' is not a picture"),
    "empty file": (["stylize", "photo.png", "empty.png"], "'empty.png' is empty"),
    "unknown sample": (["stylize", "sample:chelsey", "painting.png"], "did you mean 'chelsea'?"),
    "unknown layer": (["stylize", "--content-layers", "relu4_9"], "no layer 'relu4_9' (did you mean 'relu4_"),
    "layer too deep": (["stylize", "--size", "8"], "need at least 16 px a side"),
    "negative steps": (["stylize", "--steps", "-1"], "steps must be at least 0, not -1"),
    "no number": (["stylize", "--steps", "many"], "--steps"),
    "not finite": (["stylize", "--tv-weight", "nan"], "tv_weight must be a finite number"),
    "unknown choice": (["stylize", "--quality", "draught"], "did you mean 'draft'?"),
    "unknown flag": (["stylize", "--strenght", "1"], "--strength"),
    "unknown command": (["stylise"], "stylise"),
    "missing argument": (["stylize", "photo.png"], "PAINTING"),
    "unknown start": (["stylize", "--init", "nois"], "did you mean 'noise'?"),
    "no such device": (["stylize", "--device", "mps" if sys.platform != "darwin" else "cuda"], "device here"),
    "foreign weights": (["stylize", "--weights", "photo.png"], "cannot be read as weights"),
    "output is an input": (["stylize", "-o", "photo.png"], "is also an input"),
    "output is a linked input": (["stylize", "-o", "link.png"], "is also an input"),
    "output is the start": (["stylize", "--init", "link.png", "-o", "link.png"], "is also an input"),
    "snapshot is an input": (
        ["stylize", "o-0002.png", "painting.png", "-o", "o.png", "--save-every", "2"],
        "could overwrite the input 'o-0002.png'",
    ),
    "no suffix": (["stylize", "-o", "out"], "has no suffix"),
    "unknown suffix": (["stylize", "-o", "out.pngg"], "did you mean '.png'?"),
    "no such folder": (["stylize", "-o", "nowhere/out.png"], "there is no folder 'nowhere'"),
    "below a file": (["stylize", "-o", "photo.png/out.png"], "cannot be written"),
    "deep jpeg": (["stylize", "-o", "out.jpg", "--bits", "16"], "cannot hold 16 bits"),
    "odd bits": (["stylize", "--bits", "12"], "allowed: 8, 16"),
    "quality of 101": (["stylize", "--output-quality", "101"], "at most 100"),
    "timelapse suffix": (["stylize", "--timelapse", "film.mpg"], "did you mean '.mp4'?"),
    "timelapse folder": (["stylize", "--timelapse", "nowhere/film.gif"], "'nowhere/film.gif' cannot be written"),
    "timelapse is a folder": (["stylize", "--timelapse", "a_folder.gif"], "it is a folder"),
    "no such settings": (["stylize", "--settings", "unknow.json"], "did you mean 'unknown.json'?"),
    "settings of a kind": (["stylize", "--settings", "photo.png"], "a .toml or .json file"),
    "settings are a folder": (["stylize", "--settings", "a_folder"], "a .toml or .json file"),
    "bad JSON": (["stylize", "--settings", "bad.json"], "'bad.json' is not valid JSON"),
    "bad text": (["stylize", "--settings", "latin.json"], "'latin.json' is no text in UTF-8"),
    "a list": (["stylize", "--settings", "list.json"], "'list.json' holds a list"),
    "unknown setting": (["stylize", "--settings", "unknown.json"], "'strenght' (did you mean 'strength'?)"),
    "setting of a wrong type": (["stylize", "--settings", "wrong.json"], "strength must be float, not 'much'"),
    "info without a file": (["info", "nothing.png"], "no such file"),
    "weights of nothing": (["weights", "fetch", "vgg"], "did you mean 'vgg1"),
}
if sys.platform == "linux":  # where even root cannot make a file
    USES["no files there"] = (["stylize", "-o", "/proc/out.png"], "'/proc/out.png' cannot be written")
if sys.version_info >= (3, 11):
    USES["bad TOML"] = (["stylize", "--settings", "bad.toml"], "'bad.toml' is not valid TOML")


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize("use", USES)
def test_a_wrong_use_is_one_line_and_2_and_writes_nothing(cli: Cli, folder: Path, tiny_lite: Path, use: str) -> None:
    words, expected = USES[use]
    if words[0] == "stylize":
        if words[1].startswith("-"):
            words = ["stylize", "photo.png", "painting.png", *words[1:]]
        quick = {"--steps": "2", "--size": "64", "--scales": "1", "--weights": str(tiny_lite), "-o": "out.png"}
        words = [*words, *(w for flag, value in quick.items() if flag not in words for w in (flag, value))]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    told = cli(*words)
    assert (told.code, told.out) == (2, "")
    assert len(told.lines) == 1, told.err
    assert told.err.startswith("impasto: ")
    assert expected in told.err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (PermissionError(13, "Permission denied", "x.png"), 1, "'x.png': Permission denied"),
        (ImpastoError("two\nlines"), 1, "two lines"),
        (MemoryError(), 1, "there is not enough memory for this; smaller pictures need less"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."), 1, "not enough memory for this"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 1, "there is not enough memory for this"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero (IMPASTO_TRACEBACK=1"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_whatever_happens_is_a_line_and_a_code(error: BaseException, code: int, line: str) -> None:
    told, found = explain(error)
    assert line in told
    assert "\n" not in told
    assert found == code


def test_the_traceback_is_there_for_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_TRACEBACK", "1")
    with pytest.raises(ImpastoError):
        main(["weights", "where", "lite"])


def test_ctrl_c_before_the_first_step_says_that_nothing_was_written(
    stylize: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Job, "steps", interrupted)
    told = stylize("-o", "out.png")
    assert told.code == 130
    assert told.lines[1:] == ["impasto: stopped before the first step; nothing was written"]
    assert not (folder / "out.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
@pytest.mark.parametrize(
    ("number", "times"), [("SIGINT", 1), ("SIGINT", 3), ("SIGTERM", 1), ("SIGTERM", 3), ("SIGHUP", 1)]
)
def test_a_signal_saves_the_best_picture(folder: Path, tiny_lite: Path, number: str, times: int) -> None:
    words = ["stylize", "photo.png", "painting.png", "-o", "out.png", "--weights", str(tiny_lite)]
    words += ["--size", "64", "--steps", "1000000", "--scales", "1", "--json", "--timelapse", "film.gif"]
    before = signal.signal(getattr(signal, number), signal.SIG_DFL)  # a child under nohup inherits that it is ignored
    try:
        run = subprocess.Popen(
            [sys.executable, "-m", "impasto", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(getattr(signal, number), before)
    assert run.stdout is not None
    try:
        assert [json.loads(run.stdout.readline())["event"] for _ in range(2)] == ["plan", "step"]
        for _ in range(times):
            run.send_signal(getattr(signal, number))
            time.sleep(0.002)
        _, err = run.communicate(timeout=LONG)
    finally:
        run.kill()
    assert run.returncode == 128 + getattr(signal, number), err
    assert re.fullmatch(
        r"impasto: stopped after .*; the best picture so far, 64x48 after step \d+ of 1000000, is in out.png; "
        r"the same command goes on from there\n",
        err,
    )
    assert load("out.png").size == (48, 64)
    assert (read_metadata("out.png") or {})["stopped"] > 0
    assert (folder / "film.gif").is_file()
    assert not list(folder.glob(".impasto*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
def test_nohup_is_left_alone() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_once() as received:
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)  # after the first one no other is heard
        assert received.exit_code == 143
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
