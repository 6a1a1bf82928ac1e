"""Files that end too early or have small damage: the available rows are read, and a notice has the missing ones."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from impasto.errors import UsageError
from impasto.image import read, write

RNG = np.random.default_rng(8)
HEIGHT, WIDTH = 64, 48


def noise(mode: str = "RGB") -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (WIDTH, HEIGHT), RNG.integers(0, 256, HEIGHT * WIDTH * channels, np.uint8).tobytes())


def packed(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pixels_of(path: Path) -> np.ndarray:
    return read(path).pixels[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_without_its_last_bytes_is_the_same_picture(
    tmp_path: Path, mode: str, lost: int, progressive: bool
) -> None:
    data = packed(noise(mode), "JPEG", progressive=progressive)
    (tmp_path / "whole.jpg").write_bytes(data)
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:-lost])
    picture = read(path)
    np.testing.assert_array_equal(pixels_of(path), pixels_of(tmp_path / "whole.jpg"))
    assert picture.whole
    told = f"{path} lacks its end{', and perhaps fine detail' if progressive else ''}; no row is missing"
    assert picture.notices in ((), (told,))  # by chance, the decoder may be done before it looks for the end


@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("jpg", "L"), ("png", "RGB"), ("png", "L"), ("tif", "RGB")]
)
def test_missing_rows_are_told_and_the_others_kept(tmp_path: Path, suffix: str, mode: str) -> None:
    image = noise(mode)
    options = {"subsampling": 0} if suffix == "jpg" else {}
    whole = packed(image, {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}[suffix], **options)
    (tmp_path / f"whole.{suffix}").write_bytes(whole)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(whole[: int(len(whole) * 0.75)])
    picture = read(path)
    assert not picture.whole
    told = int(picture.notices[0].split("; ")[1].split()[0])
    assert 14 <= told <= 24
    assert picture.notices[0].endswith(f"{told} of its 64 rows are missing")
    there = HEIGHT - 24
    np.testing.assert_array_equal(pixels_of(path)[:there], pixels_of(tmp_path / f"whole.{suffix}")[:there])
    if suffix != "tif":
        np.testing.assert_allclose(pixels_of(path)[-8:], 128 / 255, atol=0.005)


def test_a_bmp_lacks_its_first_rows(tmp_path: Path) -> None:
    image, path = noise(), tmp_path / "a.bmp"
    path.write_bytes(packed(image, "BMP")[: -10 * WIDTH * 3])
    assert read(path).notices == (f"{path} is cut short; 10 of its 64 rows are missing",)
    np.testing.assert_array_equal(np.rint(pixels_of(path)[10:] * 255), np.asarray(image)[10:])
    assert pixels_of(path)[:10].max() == 0


@pytest.mark.parametrize("channels", [3, 4])
def test_a_deep_png(tmp_path: Path, channels: int) -> None:
    pixels = torch.rand(1, channels, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    path = tmp_path / "a.png"
    write(path, pixels[:, :3], alpha=pixels[:, 3:] if channels == 4 else None, bits=16)
    whole = pixels_of(path)
    path.write_bytes(path.read_bytes()[:-3000])
    picture = read(path)
    assert picture.bits == 16
    missing = int(picture.notices[0].split("; ")[1].split()[0])
    np.testing.assert_array_equal(pixels_of(path)[:-missing], whole[:-missing])
    if channels == 4:
        assert picture.alpha is not None
        assert picture.alpha[..., -missing:, :].max() == 0


def test_a_deep_tiff(tmp_path: Path) -> None:
    array = RNG.integers(0, 65536, (HEIGHT, WIDTH, 3), dtype=np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="rgb", metadata=None)
    path.write_bytes(path.read_bytes()[: -4 * WIDTH * 6])
    assert read(path).notices == (f"{path} is cut short; 4 of its 64 rows are missing",)
    np.testing.assert_array_equal(np.rint(pixels_of(path)[:-4] * 65535), array[:-4])


@pytest.mark.parametrize("kind", [b"tEXt", b"iCCP", b"gAMA"])
def test_a_damaged_side_chunk_of_a_png_is_left_aside(tmp_path: Path, kind: bytes) -> None:
    image, path = noise(), tmp_path / "a.png"
    data = packed(image, "PNG")
    chunk = struct.pack(">I", 4) + kind + b"\0\0\1\0" + b"oops"
    path.write_bytes(data[:33] + chunk + data[33:])
    assert read(path).notices == (f"{path} has damaged parts; no row is missing",)
    np.testing.assert_array_equal(np.rint(pixels_of(path) * 255), np.asarray(image))


def test_orientation_is_applied_to_what_is_there(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    path.write_bytes(packed(noise(), "JPEG", exif=exif)[:-2])
    assert read(path).size == (WIDTH, HEIGHT)


def test_a_damaged_header_and_a_bomb_are_still_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    data = bytearray(packed(noise(), "PNG"))
    data[17] = 9
    path.write_bytes(data)
    with pytest.raises(UsageError, match="damaged"):
        read(path)
    header = struct.pack(">2I5B", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path.write_bytes(bytes(data[:8]) + chunk + struct.pack(">I", 4) + b"tEXt0000oops" + bytes(data[33:]))
    with pytest.raises(UsageError, match="damaged"):
        read(path)
