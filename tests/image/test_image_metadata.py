"""The settings of a run, written to and read from every format that can store them."""

import json
import struct
import zlib
from pathlib import Path

import pytest
import tifffile
import torch
from PIL import Image, PngImagePlugin

from impasto.errors import UsageError
from impasto.image import read, read_metadata, write
from impasto.image.metadata import LONGEST

CARRIERS = [("png", 8), ("png", 16), ("jpg", 8), ("jpeg", 8), ("webp", 8), ("tif", 8), ("tif", 16), ("tiff", 8)]
PIXELS = torch.linspace(0, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)

SMALL: dict[str, object] = {"steps": 300, "weight": 1e-3, "layers": ["relu4_2"], "nested": {"on": True, "off": None}}
UNICODE: dict[str, object] = {"titel": "Die Sternennacht – 星月夜", "emoji": "🎨", "quotes": "\"'\\\n\t\0", "ключ": "é"}
LONG: dict[str, object] = {f"setting-{index}": "value ü " * 8 for index in range(220)}


@pytest.mark.parametrize("settings", [{}, SMALL, UNICODE, LONG], ids=["empty", "small", "unicode", "long"])
@pytest.mark.parametrize(("suffix", "bits"), CARRIERS)
def test_round_trip(tmp_path: Path, suffix: str, bits: int, settings: dict[str, object]) -> None:
    path = tmp_path / f"a.{suffix}"
    assert write(path, PIXELS, bits=bits, metadata=settings) == ()
    assert read_metadata(path) == settings
    assert read(path).notices == ()


def test_the_long_settings_are_long() -> None:
    assert len(json.dumps(LONG)) > 20_000


@pytest.mark.parametrize(("suffix", "bits"), [*CARRIERS, ("bmp", 8)])
def test_no_settings(tmp_path: Path, suffix: str, bits: int) -> None:
    write(tmp_path / f"a.{suffix}", PIXELS, bits=bits)
    assert read_metadata(tmp_path / f"a.{suffix}") is None


def test_other_peoples_descriptions_are_no_settings(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = '{"a holiday": "by the sea"}'
    for suffix in ("jpg", "webp", "tif"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"a.{suffix}", exif=exif)
        assert read_metadata(tmp_path / f"a.{suffix}") is None
    tifffile.imwrite(tmp_path / "b.tif", [[1, 2]], description="a holiday")
    assert read_metadata(tmp_path / "b.tif") is None
    Image.new("RGB", (8, 8)).save(tmp_path / "a.gif")
    assert read_metadata(tmp_path / "a.gif") is None


def test_bmp_cannot_carry_them(tmp_path: Path) -> None:
    notices = write(tmp_path / "a.bmp", PIXELS, metadata=SMALL)
    assert notices == (f"{tmp_path / 'a.bmp'} does not carry the settings: BMP cannot hold them (PNG and TIFF can)",)
    assert read_metadata(tmp_path / "a.bmp") is None


@pytest.mark.parametrize("length", [64_000, 64_990, 65_001, 70_000])
def test_the_64_kilobytes_of_jpeg(tmp_path: Path, length: int) -> None:
    """A picture that took hours is not lost because its settings are long."""
    settings = {"a": "x" * (length - 9)}
    assert len(json.dumps(settings)) == length
    notices = write(tmp_path / "a.jpg", PIXELS, metadata=settings)
    assert len(notices) == (length > 65_000)
    assert read_metadata(tmp_path / "a.jpg") == (settings if length <= 65_000 else None)
    for suffix in ("png", "webp", "tif"):
        assert write(tmp_path / f"a.{suffix}", PIXELS, metadata=settings) == ()
        assert read_metadata(tmp_path / f"a.{suffix}") == settings


@pytest.mark.parametrize("settings", [{"a": Path("b")}, {"a": float("nan")}, {"a": {1, 2}}, {(1, 2): 3}])
def test_settings_that_are_no_json(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot be stored as JSON"):
        write(tmp_path / "a.png", PIXELS, metadata=settings)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_are_absurdly_long(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"at most {LONGEST} are stored"):
        write(tmp_path / "a.png", PIXELS, metadata={"a": "x" * LONGEST})


def stored(folder: Path, suffix: str, text: str) -> Path:
    """A picture that carries `text` where settings are looked for."""
    path = folder / f"a.{suffix}"
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("impasto", text)
    exif = Image.Exif()
    exif[0x010E] = f'{{"impasto": {text}}}'
    Image.new("RGB", (8, 8)).save(path, pnginfo=chunks, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{oh no", "not valid JSON"),
        ("", "not valid JSON"),
        ("[1, 2]", "are a list; expected a JSON object"),
        ("[" * 50_000, "not valid JSON"),
    ],
    ids=["broken", "empty", "list", "deep"],
)
def test_damaged_settings(tmp_path: Path, suffix: str, text: str, message: str) -> None:
    path = stored(tmp_path, suffix, text)
    with pytest.raises(UsageError, match=message) as caught:
        read_metadata(path)
    assert str(path) in str(caught.value)
    assert read(path).size == (8, 8)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_stored_settings_that_are_absurdly_long(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match="at most"):
        read_metadata(stored(tmp_path, suffix, '{"a": "' + "x" * LONGEST + '"}'))


def test_a_text_chunk_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.png", PIXELS)
    data = (tmp_path / "a.png").read_bytes()
    body = b"iTXt" + b"impasto\0\1\0\0\0" + zlib.compress(bytes(50_000_000), 9)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    with pytest.raises(UsageError):
        read_metadata(tmp_path / "a.png")


def test_the_same_refusals_as_for_reading(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_metadata(tmp_path / "a.png")
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(UsageError, match="not a picture"):
        read_metadata(tmp_path / "a.png")
    write(tmp_path / "a.png", PIXELS)
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:20])
    with pytest.raises(UsageError, match="damaged"):
        read_metadata(tmp_path / "a.png")
