"""Bad and odd uploads end in a picture or in one readable line, soon, and in bounded memory."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path

import pytest
from tests.processes import LONG
from tests.studio.bad_pictures import CASES, LARGE, Case, case, outcome

from impasto.errors import UsageError
from impasto.image import load

SECONDS = 20
MEMORY = 1_500_000_000


@pytest.fixture(scope="module")
def apart() -> Iterator[Pool]:
    """Processes that read one file each, because a decoder may also end its process."""
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    if sys.platform != "win32":
        context.set_forkserver_preload(["tests.studio.bad_pictures"])
    with context.Pool(1, maxtasksperchild=1) as pool:
        pool.apply_async(outcome, ("nothing",)).get(LONG)  # the imports are not part of a case
        yield pool


@pytest.mark.parametrize("upload", CASES, ids=str)
def test_each_ends_soon(upload: Case, tmp_path: Path, apart: Pool) -> None:
    path = tmp_path / upload.name
    path.write_bytes(upload.make())
    result = apart.apply_async(outcome, (str(path),)).get(10 * SECONDS)
    path.unlink()
    assert result.kind == upload.expected, result.text
    assert result.seconds < SECONDS
    assert result.memory < MEMORY
    if result.kind == "refused":
        assert result.text.count(str(tmp_path)) == 1  # the page shows the name of the upload instead
        assert "\n" not in result.text
        assert len(result.text) < len(str(path)) + 200


def test_an_upload_above_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "too large.png"
    path.write_bytes(case(path.name).make())
    assert path.stat().st_size > LARGE
    with pytest.raises(UsageError, match=f"bytes; at most {LARGE} are read"):
        load(path, max_bytes=LARGE)
    path.unlink()


def test_a_turned_photo_is_upright_and_an_animation_is_its_first_frame(tmp_path: Path) -> None:
    for name, size in [("turned.jpg", (64, 48)), ("strip.png", (1, 50_000)), ("one pixel.png", (1, 1))]:
        (tmp_path / name).write_bytes(case(name).make())
        assert load(tmp_path / name).size == size
    for name in ("animated.gif", "animated.webp", "animated.png"):
        (tmp_path / name).write_bytes(case(name).make())
        picture = load(tmp_path / name)
        assert any("3 frames; the first is used" in notice for notice in picture.notices)
        assert picture.pixels[0, :, 15, 20].round().tolist() == [1, 0, 0]


def test_names_differ() -> None:
    assert len({each.name for each in CASES}) == len(CASES) >= 24
