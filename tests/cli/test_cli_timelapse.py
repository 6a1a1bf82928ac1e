from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from impasto.cli import timelapse
from impasto.cli.timelapse import Timelapse
from impasto.jobs.timelapse import HOLD
from impasto.synthesis import Step

Cli = Callable[..., Any]


def film_of(path: Path, total: int, size: tuple[int, int] = (12, 17), upto: int | None = None) -> int:
    film = Timelapse(path, size)
    images = [torch.full((1, 3, 6, 8), index / total) for index in range(1, (upto or total) + 1)]
    steps = [Step(k, total, 1, 1, (6, 8), 0.0, {}, 0.0, "", lambda i=i: i) for k, i in enumerate(images, 1)]
    for step in steps:
        film.add(step)
    return film.save(steps[-1])


@pytest.mark.parametrize("total", [1, 2, 7, 119, 120, 121, 239, 1000])
def test_frames_are_few_and_begin_and_end_with_the_run(tmp_path: Path, total: int) -> None:
    frames = film_of(tmp_path / "film.gif", total)
    assert min(total, 60) <= frames <= 120
    with Image.open(tmp_path / "film.gif") as film:
        assert film.size == (17, 12)
        first = np.asarray(film.convert("RGB")).mean()
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("RGB")).mean()
    assert first == pytest.approx(255 / total, abs=2) or total > 1
    assert last == pytest.approx(255, abs=2)


def test_a_run_cut_short_has_a_film_too(tmp_path: Path) -> None:
    assert film_of(tmp_path / "film.gif", 1000, upto=25) == 4  # steps 1, 10, 19 and 25


def test_large_frames_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelapse, "PIXELS", 12 * 17 * 5)
    assert film_of(tmp_path / "film.gif", 100) <= 5


@pytest.mark.parametrize("codecs", [None, set()], ids=["libx264 where it is", "mpeg4"])
def test_mp4_has_even_sides_and_holds_the_last_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codecs: set[str] | None
) -> None:
    if codecs is not None:
        monkeypatch.setattr(av, "codecs_available", codecs)
    frames = film_of(tmp_path / "film.mp4", 5, size=(48, 65))
    with av.open(str(tmp_path / "film.mp4")) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(shown) == frames + HOLD - 1
    assert shown[0].shape == (48, 64, 3)
    assert shown[0].mean() == pytest.approx(51, abs=6)
    assert shown[-1].mean() == pytest.approx(255, abs=6)


def test_mp4_without_the_extra_says_how_to_get_it(stylize: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return whole(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    told = stylize("-o", "out.png", "--timelapse", "film.mp4")
    assert told.code == 1
    assert 'pip install "impasto[video]"' in told.err
    assert len(told.lines) == 1
    assert not (folder / "out.png").exists()


def test_a_film_over_an_input_is_refused(stylize: Cli, folder: Path) -> None:
    (folder / "photo.png").rename(folder / "photo.gif")
    (folder / "photo.png").symlink_to("photo.gif")
    told = stylize("-o", "out.png", "--timelapse", "photo.gif")
    assert told.code == 2
    assert "is also an input" in told.err
