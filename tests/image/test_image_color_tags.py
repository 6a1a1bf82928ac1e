"""Colour spaces declared by PNG chunks and by EXIF, against the formulas of the standards."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from impasto.image import read
from impasto.image.profile import srgb_profile

RNG = np.random.default_rng(5)
# Linear RGB to XYZ under D65, as IEC 61966-2-1, SMPTE EG 432-1 and ITU-R BT.2020 have them.
SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
P3 = np.array([[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]])
BT2020 = np.array([[0.6369580, 0.1446169, 0.1688810], [0.2627002, 0.6779981, 0.0593017], [0.0, 0.0280727, 1.0609851]])
ADOBE = np.array(
    [[0.5767309, 0.1855540, 0.1881852], [0.2973769, 0.6273491, 0.0752741], [0.0270343, 0.0706872, 0.9911085]]
)
CHRM = {
    "srgb": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    "p3": (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    "adobe": (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000),
}


def linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def moved(light: np.ndarray, space: np.ndarray) -> np.ndarray:
    return encoded(light @ space.T @ np.linalg.inv(SRGB).T)


def bt709(values: np.ndarray) -> np.ndarray:
    return np.where(values < 0.081, values / 4.5, ((values + 0.099) / 1.099) ** (1 / 0.45))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save(path: Path, pixels: np.ndarray, *chunks: bytes) -> None:
    """A PNG of 8 or 16 bits, RGB, grey or with alpha, with more chunks before its pixels."""
    height, width, channels = pixels.shape
    deep = pixels.dtype == np.uint16
    rows = pixels.astype(">u2" if deep else "u1").reshape(height, -1).view(np.uint8)
    data = np.concatenate([np.zeros((height, 1), np.uint8), rows], 1).tobytes()
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 16 if deep else 8, kind, 0, 0, 0))
    pixel_data = chunk(b"IDAT", zlib.compress(data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixel_data + chunk(b"IEND", b""))


def gama(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chrm(name: str) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *CHRM[name]))


def cicp(*numbers: int) -> bytes:
    return chunk(b"cICP", bytes(numbers))


def pixels_of(path: Path) -> np.ndarray:
    return read(path).pixels[0].permute(1, 2, 0).double().numpy()


def noise(dtype: type, channels: int = 3) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max + 1, (12, 16, channels)).astype(dtype)


SPACES = {
    "linear": ((gama(1.0),), encoded),
    "dark": ((gama(1 / 1.8),), lambda v: encoded(v**1.8)),
    "p3 primaries": ((chrm("p3"),), lambda v: moved(linear(v), P3)),
    "adobe": ((gama(256 / 563), chrm("adobe")), lambda v: moved(linear(v), ADOBE)),
    "linear p3": ((chrm("p3"), gama(1.0)), lambda v: moved(v, P3)),
    "cicp p3": ((cicp(12, 13, 0, 1),), lambda v: moved(linear(v), P3)),
    "cicp bt2020": ((cicp(9, 14, 0, 1),), lambda v: moved(bt709(v), BT2020)),
    "cicp linear": ((cicp(1, 8, 0, 1),), encoded),
    "cicp of video levels": ((cicp(1, 13, 0, 0),), lambda v: ((v * 255 - 16) / 219).clip(0, 1)),
    "cicp before all": ((cicp(12, 13, 0, 1), gama(1.0), chrm("adobe")), lambda v: moved(linear(v), P3)),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("space", SPACES)
def test_png_chunks(tmp_path: Path, space: str, dtype: type) -> None:
    chunks, formula = SPACES[space]
    values = noise(dtype)
    save(tmp_path / "a.png", values, *chunks)
    expected = formula(values / np.iinfo(dtype).max)
    # gamma 563/256 is taken for sRGB's curve, and BT.709's constants are rounded in the formula here
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png"), expected, atol=0.002)
    assert read(tmp_path / "a.png").notices == ()
    assert np.abs(expected - values / np.iinfo(dtype).max).max() > 0.02


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "chunks",
    [
        (gama(0.45455),),
        (gama(0.45455), chrm("srgb")),
        (gama(0.45),),
        (chrm("srgb"),),
        (chunk(b"sRGB", b"\0"), gama(1.0), chrm("p3")),
        (cicp(1, 13, 0, 1), gama(1.0)),
    ],
    ids=["gamma", "gamma and primaries", "nearly", "primaries", "sRGB before gAMA", "cICP before gAMA"],
)
def test_what_is_srgb_keeps_every_number(tmp_path: Path, chunks: tuple[bytes, ...], dtype: type) -> None:
    values = noise(dtype)
    save(tmp_path / "plain.png", values)
    save(tmp_path / "a.png", values, *chunks)
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png"), pixels_of(tmp_path / "plain.png"))


def test_grey_and_alpha(tmp_path: Path) -> None:
    values = noise(np.uint8, 2)
    save(tmp_path / "a.png", values, gama(1.0), chrm("p3"))
    expected = encoded(values[..., :1] / 255).repeat(3, -1)
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png"), expected, atol=1e-5)
    np.testing.assert_allclose(read(tmp_path / "a.png").alpha[0, 0].numpy(), values[..., 1] / 255, atol=1e-6)


def test_a_palette_with_a_gamma(tmp_path: Path) -> None:
    save(tmp_path / "rgb.png", np.full((4, 4, 3), (60, 120, 180), np.uint8))
    Image.open(tmp_path / "rgb.png").quantize(2).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + gama(1.0) + data[33:])
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png")[0, 0], encoded(np.array([60, 120, 180]) / 255), atol=1e-5)


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ((cicp(9, 16, 0, 1),), "HDR colours (PQ)"),
        ((cicp(9, 18, 0, 1),), "HDR colours (HLG)"),
        ((cicp(77, 13, 0, 1),), "colours of an unknown kind (77, 13, 0, 1)"),
        ((cicp(1, 13),), "a damaged chunk cICP"),
        ((chunk(b"cHRM", bytes(32)),), "damaged gAMA or cHRM"),
        ((chunk(b"iCCP", b"p\0\0no zlib stream"),), "a colour profile that is damaged"),
    ],
)
def test_what_cannot_be_followed_is_a_notice(tmp_path: Path, chunks: tuple[bytes, ...], words: str) -> None:
    values = noise(np.uint8)
    save(tmp_path / "a.png", values, *chunks)
    (notice,) = read(tmp_path / "a.png").notices
    assert words in notice
    assert str(tmp_path / "a.png") in notice
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png"), values / 255, atol=1e-6)


def exif(space: int | None, index: str = "") -> bytes:
    block = Image.Exif()
    if space is not None:
        block.get_ifd(0x8769)[0xA001] = space
    if index:
        block.get_ifd(0x8769)[0xA005] = {1: index}
    block[0x0110] = "camera"  # Pillow writes no block whose first IFD is empty
    return block.tobytes()


@pytest.mark.parametrize(
    ("block", "suffix"),
    [
        (exif(2), "png"),
        (exif(2), "webp"),
        (exif(2), "tif"),
        (exif(65535, "R03"), "png"),
        (exif(65535, "R03"), "webp"),
    ],
    ids=["png-2", "webp-2", "tif-2", "png-R03", "webp-R03"],
)
def test_exif_of_adobe_rgb(tmp_path: Path, suffix: str, block: bytes) -> None:
    values = noise(np.uint8)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}", exif=block, lossless=True)
    expected = moved((values / 255) ** (563 / 256), ADOBE)
    np.testing.assert_allclose(pixels_of(tmp_path / f"a.{suffix}"), expected, atol=0.002)
    (notice,) = read(tmp_path / f"a.{suffix}").notices
    assert "Adobe RGB" in notice


def test_exif_that_names_no_space_is_a_notice_and_srgb_is_none(tmp_path: Path) -> None:
    values = noise(np.uint8)
    for block, count in ((exif(1), 0), (exif(None), 0), (exif(65535), 1)):
        Image.fromarray(values).save(tmp_path / "a.png", exif=block)
        assert len(read(tmp_path / "a.png").notices) == count
        np.testing.assert_allclose(pixels_of(tmp_path / "a.png"), values / 255, atol=1e-6)


def test_chromaticities_in_a_deep_tiff(tmp_path: Path) -> None:
    values = noise(np.uint16)
    numbers = [part for number in CHRM["p3"] for part in (number, 100_000)]
    tags = [(0x013E, 5, 2, tuple(numbers[:4]), True), (0x013F, 5, 6, tuple(numbers[4:]), True)]
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", metadata=None, extratags=tags)
    expected = moved(linear(values / 65535), P3)
    np.testing.assert_allclose(pixels_of(tmp_path / "a.tif"), expected, atol=0.001)


def test_a_profile_comes_before_exif(tmp_path: Path) -> None:
    values = noise(np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif(2), icc_profile=srgb_profile())
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png"), values / 255, atol=1e-6)
    assert read(tmp_path / "a.png").notices == ()
