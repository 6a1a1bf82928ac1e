"""AVIF and HEIC: recognition by the first bytes, and decoders that may be missing."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image, features

from impasto.errors import UsageError
from impasto.image import read
from impasto.image.formats import AVIF, HEIC, JPEG, recognise

HEIC_HEAD = b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heicmiaf"
"""Of a file that libheif wrote."""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A smooth picture, as AVIF under the name of a HEIC."""
    ramp = np.linspace(0, 255, 64)[None, :, None] * np.ones((48, 1, 3)) * [1, 0.5, 0.25]
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "a.heic", format="AVIF", quality=95)
    return tmp_path / "a.heic"


def test_avif_is_read_whatever_its_name(picture: Path) -> None:
    with Image.open(picture) as image:
        assert image.format == "AVIF"
        expected = np.asarray(image.convert("RGB"), np.float32) / 255
    result = read(picture)
    assert np.abs(result.pixels[0].permute(1, 2, 0).numpy() - expected).max() < 1e-6
    assert (result.size, result.bits, result.notices) == ((48, 64), 8, ())


def test_brands_tell_the_two_apart() -> None:
    assert recognise(HEIC_HEAD) is HEIC
    assert recognise(b"\x00\x00\x00\x20ftypmif1\x00\x00\x00\x00mif1heicmiaf") is HEIC
    assert recognise(b"\x00\x00\x00\x20ftypmif1\x00\x00\x00\x00mif1avifmiaf") is AVIF
    assert recognise(b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1miaf") is AVIF
    assert recognise(b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2") is None
    assert recognise(b"\xff\xd8\xff\xe0") is JPEG


def test_a_missing_decoder_is_told_with_how_to_get_it(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = picture.with_name("b.heic")
    photo.write_bytes(HEIC_HEAD + bytes(100))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UsageError, match=r'b\.heic\' is a HEIC picture; to read it: pip install "impasto\[heic\]"'):
        read(photo)
    monkeypatch.setattr(features, "check", lambda name: name != "avif")
    with pytest.raises(UsageError, match=r"a\.heic' is an AVIF picture; to read it: pip install --upgrade"):
        read(picture)


def test_heic_is_read_by_its_package(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here AVIF's decoder stands in for it, which looks at the brand."""
    expected = read(picture).pixels
    data = picture.read_bytes()
    stand_in = SimpleNamespace(HeifImageFile=lambda file: AvifImagePlugin.AvifImageFile(_avif(file, data)))
    monkeypatch.setitem(sys.modules, "pillow_heif", stand_in)
    picture.write_bytes(HEIC_HEAD + bytes(100))
    assert (read(picture).pixels == expected).all()


def _avif(file: BinaryIO, data: bytes) -> BinaryIO:
    assert file.read(12) == HEIC_HEAD[:12]
    return io.BytesIO(data)
