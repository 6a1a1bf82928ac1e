"""Pictures as a run reads them: no larger than it looks at them, and in files where memory is short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto import ReconstructSettings, StylizeSettings, TextureSettings
from impasto.errors import UsageError
from impasto.image import load, resize
from impasto.tasks.scene import reading
from impasto.tasks.scene.reading import content_opener, opener, read_inputs, style_opener

linux = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="told by /proc")


def drawn(path: Path, height: int, width: int, channels: int = 3) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def in_files() -> int:
    """Bytes of this process's memory-mapped pictures."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if "-" in words[0]:
            inside = len(words) > 5 and ".impasto-" in words[5]
        elif words[0] == "Size:" and inside:
            total += 1024 * int(words[1])
    return total


def test_a_larger_picture_is_reduced_and_a_smaller_one_left(tmp_path):
    file = drawn(tmp_path / "a.png", 120, 200, 4)
    small, whole = opener(StylizeSettings(), 50)(file), opener(StylizeSettings(), 200)(file)
    assert small.size == (30, 50)
    own = load(file)
    assert small.alpha is not None
    assert own.alpha is not None
    torch.testing.assert_close(small.alpha, resize(own.alpha, (30, 50)).clamp(0, 1))
    torch.testing.assert_close(small.pixels, (resize(own.pixels * own.alpha, (30, 50)) / small.alpha).clamp(0, 1))
    assert whole.size == (120, 200)
    torch.testing.assert_close(whole.pixels, load(file).pixels, atol=0, rtol=0)


def test_the_photo_has_the_results_size_and_a_painting_that_of_its_scale(tmp_path):
    file = str(drawn(tmp_path / "a.png", 240, 300))
    assert content_opener(StylizeSettings(size=100))(file).size == (80, 100)
    assert content_opener(ReconstructSettings(size=0))(file).size == (240, 300)
    assert style_opener(StylizeSettings(style_scale=1.5), 100)(file).size == (120, 150)
    assert style_opener(StylizeSettings(style_scale=0.5), 100)(file).size == (80, 100), "a run may start from it"
    photo, painting = read_inputs({"content": file, "style": file}, StylizeSettings(size=100, style_scale=2))
    assert (photo.size, painting.size) == ((80, 100), (160, 200))
    (example,) = read_inputs({"style": file}, TextureSettings(size=0))
    assert example.size == (240, 300)


def test_beside_a_photo_in_its_own_size_a_painting_is_as_large(tmp_path):
    photo, painting = drawn(tmp_path / "a.png", 60, 90), drawn(tmp_path / "b.png", 200, 180)
    found = read_inputs({"content": str(photo), "style": str(painting)}, StylizeSettings(size=0))
    assert [picture.size for picture in found] == [(60, 90), (90, 81)]


@linux
def test_where_memory_is_short_a_picture_is_read_into_a_file(tmp_path):
    file, before = drawn(tmp_path / "a.png", 400, 500), in_files()
    picture = opener(StylizeSettings(memory="19MB", scratch=str(tmp_path)))(file)
    assert in_files() - before >= 400 * 500 * 12
    torch.testing.assert_close(picture.pixels, load(file).pixels, atol=0, rtol=0)
    del picture
    assert in_files() == before
    kept = opener(StylizeSettings(memory="20MB", scratch=str(tmp_path)))(file)
    assert kept.size == (400, 500)
    assert in_files() == before


def test_as_many_pixels_are_read_as_there_is_memory_to_decode(tmp_path, monkeypatch):
    file = drawn(tmp_path / "a.png", 400, 500)
    monkeypatch.setattr(reading, "MAX_PIXELS", 1000)
    assert opener(StylizeSettings(memory="1600kB", size=64), 64)(file).size == (51, 64)
    with pytest.raises(UsageError, match=r"0\.2 megapixels; at most 0\.1999"):
        opener(StylizeSettings(memory="1599kB", size=64), 64)(file)


PEAK = """
import sys
from impasto import StylizeSettings
from impasto.tasks.scene.reading import content_opener
from impasto.image import load
load("sample:flow")
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024
before = peak()
content_opener(StylizeSettings(size=256))(sys.argv[1])
print(peak() - before)
"""


@linux
def test_reading_takes_little_more_than_the_decoder_and_the_pixels(tmp_path):
    """3 bytes a pixel of the array, 4 of Pillow's own picture, 12 of floats; nothing else of its size."""
    height, width = 2400, 3000
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(tmp_path / "a.png", compress_level=1)
    command = [sys.executable, "-c", PEAK, str(tmp_path / "a.png")]
    taken = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert height * width * 12 < taken < height * width * 22 + 60e6
