"""Invalid files: each gives a clear error in one line, before a decoder can run out of memory."""

import contextlib
import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from impasto.errors import UsageError
from impasto.image import read, read_metadata, write

RNG = np.random.default_rng(2)
SUFFIXES = ("png", "jpg", "webp", "tif", "bmp", "gif")


def refusal(path: Path | str, **limits: int) -> str:
    with pytest.raises(UsageError) as caught:
        read(path, **limits)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message or "\0" in str(path)
    return message


def save_noise(path: Path) -> bytes:
    Image.fromarray(RNG.integers(0, 256, (64, 48, 3), dtype=np.uint8)).save(path)
    return path.read_bytes()


def test_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    save_noise(tmp_path / "portrait.png")
    assert refusal(tmp_path / "portait.png").endswith("(did you mean 'portrait.png'?)")
    assert refusal(tmp_path / "nowhere" / "a.png").startswith("no such file")


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a regular file" in refusal(tmp_path / "pipe.png")


def test_name_with_a_null_byte(tmp_path: Path) -> None:
    refusal(tmp_path / "a\0b.png")


def test_name_that_is_too_long(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / ("a" * 300))


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert refusal(tmp_path / "a.png").endswith("is empty")


@pytest.mark.parametrize("content", [b"Dear diary,\n", b"\x89PNX", b"<svg/>", b"RIFF0000WAVE", bytes(100)])
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    message = refusal(tmp_path / "a.jpg")
    assert "not a picture of a known format; allowed: PNG, JPEG, WebP, TIFF, BMP, GIF" in message


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by `open` itself, since permissions do not hinder every user who may run this."""
    save_noise(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(tmp_path / "a.png").endswith("cannot be read: Permission denied")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kept", [0.01, 0.3, 0.45])
def test_cut_short(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    data = save_noise(path)
    path.write_bytes(data[: max(16, int(len(data) * kept))])
    assert "is damaged or cut short as a" in refusal(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_cut_short_at_16_bits(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, read(_noise_file(tmp_path)).pixels, bits=16)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 3])
    assert "is damaged or cut short as a" in refusal(path)


def _noise_file(folder: Path) -> Path:
    save_noise(folder / "noise.png")
    return folder / "noise.png"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_flipped_bytes_are_read_or_refused_and_never_crash(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    data = np.frombuffer(save_noise(path), np.uint8)
    for _ in range(40):
        damaged = data.copy()
        damaged[RNG.integers(0, min(len(data), 400), 4)] = RNG.integers(0, 256, 4)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(UsageError):
            picture = read(path, max_pixels=10**6)
            assert 0 <= picture.pixels.min() <= picture.pixels.max() <= 1


def bomb(path: Path, side: int = 30_000) -> None:
    """A PNG that says it is `side` x `side`, in a file of a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))


def test_decompression_bomb(tmp_path: Path) -> None:
    bomb(tmp_path / "bomb.png")
    message = refusal(tmp_path / "bomb.png")
    assert (
        "30000x30000, 900 megapixels; at most 200 are read (make it smaller first, or in Python raise max_pixels)"
        in message
    )
    assert read_metadata(tmp_path / "bomb.png") is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_number_of_pixels_is_checked_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    save_noise(path)
    assert read(path, max_pixels=64 * 48).size == (64, 48)
    assert "48x64" in refusal(path, max_pixels=64 * 48 - 1)


def test_the_number_of_pixels_of_a_deep_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((10, 20, 3), np.float32), photometric="rgb", metadata=None)
    assert "20x10" in refusal(path, max_pixels=199)


def test_the_length_of_the_file(tmp_path: Path) -> None:
    length = len(save_noise(tmp_path / "a.png"))
    assert read(tmp_path / "a.png", max_bytes=length).size == (64, 48)
    assert f"has {length} bytes; at most {length - 1} are read" in refusal(tmp_path / "a.png", max_bytes=length - 1)
