"""Colour profiles, built byte by byte, against their formulas."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageCms

from impasto.image import read, write
from impasto.image.profile import srgb_profile

RNG = np.random.default_rng(3)
# Adobe RGB (1998), adapted to the D50 of every profile; columns are the primaries.
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
GAMMA = 563 / 256


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def icc(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    """A version 2 profile of the colour `space`."""
    table, body = b"", b""
    offset = 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">2I", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"none", 0x02100000, kind, space, pcs)
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(column: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*column)


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def named(name: str) -> dict[bytes, bytes]:
    text = name.encode() + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    return {b"desc": description, b"wtpt": xyz(np.array([0.9642, 1, 0.8249]))}


def rgb_profile(primaries: np.ndarray, gamma: float) -> bytes:
    columns = {name: xyz(primaries[:, index]) for index, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return icc(b"RGB ", named("test") | columns | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma)))


def grey_profile(gamma: float) -> bytes:
    return icc(b"GRAY", named("grey") | {b"kTRC": curve(gamma)})


def cmyk_profile() -> bytes:
    """A press that prints every mixture as the neutral grey of its strongest ink."""
    ramp = bytes(range(256))
    corners = b"".join(bytes([255 - 255 * max(ink), 128, 128]) for ink in np.ndindex(2, 2, 2, 2))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + corners + ramp * 3
    return icc(b"CMYK", named("press") | {b"A2B0": table}, pcs=b"Lab ", kind=b"prtr")


def encoded(linear: np.ndarray) -> np.ndarray:
    """The sRGB transfer function."""
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def adobe_to_srgb(values: np.ndarray) -> np.ndarray:
    return encoded(values**GAMMA @ ADOBE.T @ np.linalg.inv(SRGB).T)


def pixels_of(path: Path) -> np.ndarray:
    return read(path).pixels[0].permute(1, 2, 0).numpy()


def muted(height: int = 24, width: int = 24) -> np.ndarray:
    """8-bit colours that lie inside sRGB under all profiles here."""
    return RNG.integers(90, 170, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_adobe_rgb(tmp_path: Path, suffix: str) -> None:
    path, colours = tmp_path / f"a.{suffix}", muted()
    Image.fromarray(colours).save(path, icc_profile=rgb_profile(ADOBE, GAMMA), lossless=True)
    np.testing.assert_allclose(pixels_of(path), adobe_to_srgb(colours / 255), atol=1.5 / 255)
    assert np.abs(pixels_of(path) - colours / 255).max() > 0.02
    assert read(path).notices == ()


def test_adobe_rgb_at_16_bits_keeps_its_fine_steps(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    ramp = np.linspace(20_000, 40_000, 4000).astype(np.uint16)[None, :, None].repeat(3, -1)
    write_png16(path, ramp, rgb_profile(ADOBE, GAMMA))
    result = pixels_of(path)
    assert read(path).bits == 16
    np.testing.assert_allclose(result, adobe_to_srgb(ramp / 65535), atol=1.5 / 255)
    assert len(np.unique(result[..., 1])) > 2000


PARAMETERS = {
    0: ((2.0,), lambda v: v**2.0),
    1: ((2.0, 0.9, 0.1), lambda v: (0.9 * v + 0.1) ** 2.0),
    2: ((2.0, 0.8, 0.1, 0.05), lambda v: (0.8 * v + 0.1) ** 2.0 + 0.05),
    3: ((2.4, 1 / 1.1, 0.1 / 1.1, 1 / 12, 0.05), lambda v: np.where(v >= 0.05, ((v + 0.1) / 1.1) ** 2.4, v / 12)),
    4: (
        (2.2, 0.9, 0.1, 0.2, 0.1, 0.0, 0.01),
        lambda v: np.where(v >= 0.1, (0.9 * v + 0.1) ** 2.2, 0.2 * v + 0.01),
    ),
}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_parametric_curves_at_16_bits(tmp_path: Path, kind: int) -> None:
    numbers, formula = PARAMETERS[kind]
    trc = b"para\0\0\0\0" + struct.pack(">2H", kind, 0) + fixed(*numbers)
    _check_curve(tmp_path / "a.png", trc, formula)


def test_sampled_curves_at_16_bits(tmp_path: Path) -> None:
    samples = np.linspace(0, 1, 1024) ** 1.5
    trc = b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *np.rint(samples * 65535).astype(int))
    _check_curve(tmp_path / "a.png", trc, lambda v: np.interp(v, np.linspace(0, 1, 1024), samples))


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_a_dark_ramp_of_16_bits_stays_a_ramp(tmp_path: Path, gamma: float) -> None:
    """At 8 bits these values are a handful of levels, with jumps back between them."""
    result = _check_curve(tmp_path / "a.png", curve(gamma), lambda v: v ** (round(gamma * 256) / 256), top=2000)
    assert (np.diff(result[0, :, 1]) > 0).all()


def _check_curve(path: Path, trc: bytes, formula, top: int = 65535) -> np.ndarray:
    """A ramp in a profile of sRGB's primaries and this curve is the formula, far finer than 8 bits."""
    ramp = np.linspace(0, top, 1000).astype(np.uint16)[None, :, None].repeat(3, -1)
    columns = {name: xyz(SRGB[:, index]) for index, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags = named("test") | columns | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc)
    write_png16(path, ramp, icc(b"RGB ", tags))
    result = pixels_of(path)
    np.testing.assert_allclose(result, encoded(formula(ramp / 65535)), atol=0.1 / 255)
    return result


def test_grey_of_16_bits(tmp_path: Path) -> None:
    ramp = np.arange(0, 3000, 3, dtype=np.uint16)[None]
    tifffile.imwrite(tmp_path / "a.tif", ramp, photometric="minisblack", metadata=None, iccprofile=grey_profile(1.0))
    expected = encoded(ramp / 65535)[..., None].repeat(3, -1)
    np.testing.assert_allclose(pixels_of(tmp_path / "a.tif"), expected, atol=0.01 / 255)


def test_a_table_at_16_bits_is_smooth(tmp_path: Path) -> None:
    """A profile that is nothing but a table; here it halves L*, from a grid of two nodes."""
    ramp8 = bytes(range(256))
    corners = b"".join(bytes([round(255 * np.dot(rgb, (0.3, 0.5, 0.2)) / 2), 128, 128]) for rgb in np.ndindex(2, 2, 2))
    table = b"mft1\0\0\0\0" + bytes([3, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp8 * 3 + corners + ramp8 * 3
    ramp = np.linspace(8000, 60_000, 4000).astype(np.uint16)[None, :, None].repeat(3, -1)
    write_png16(tmp_path / "a.png", ramp, icc(b"RGB ", named("table") | {b"A2B0": table}, pcs=b"Lab "))
    result = pixels_of(tmp_path / "a.png")
    lightness = ramp / 65535 * 127.5 / 255 * 100
    expected = encoded(np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3))
    assert read(tmp_path / "a.png").notices == ()
    np.testing.assert_allclose(result, expected, atol=1.5 / 255)
    assert (np.diff(result[0, :, 1]) >= 0).all()
    assert len(np.unique(result[..., 1])) > 2000


def write_png16(path: Path, array: np.ndarray, profile: bytes) -> None:
    buffer = io.BytesIO()
    png.Writer(array.shape[1], array.shape[0], greyscale=False, bitdepth=16).write(
        buffer, array.reshape(array.shape[0], -1).tolist()
    )
    chunks = list(png.Reader(bytes=buffer.getvalue()).chunks())
    chunks.insert(1, (b"iCCP", b"profile\0\0" + zlib.compress(profile)))
    with path.open("wb") as file:
        png.write_chunks(file, chunks)


def test_exchanged_primaries_exchange_the_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (255, 0, 0)).save(path, icc_profile=rgb_profile(SRGB[:, [1, 0, 2]], 2.2))
    np.testing.assert_allclose(pixels_of(path)[0, 0], [0, 1, 0], atol=0.01)


def test_alpha_is_kept_beside_a_profile(tmp_path: Path) -> None:
    colours = np.concatenate([muted(), RNG.integers(0, 256, (24, 24, 1), dtype=np.uint8)], -1)
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=rgb_profile(ADOBE, GAMMA))
    picture = read(tmp_path / "a.png")
    assert picture.alpha is not None
    np.testing.assert_allclose(picture.alpha[0, 0].numpy(), colours[..., 3] / 255, atol=1e-6)
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png"), adobe_to_srgb(colours[..., :3] / 255), atol=1.5 / 255)


def test_a_profile_that_is_almost_srgb_still_counts(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, -1)
    Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=rgb_profile(SRGB, 2.1))
    moved = encoded((ramp / 255) ** (round(2.1 * 256) / 256))
    assert 2 < np.abs(moved * 255 - ramp).max() < 20
    np.testing.assert_allclose(pixels_of(tmp_path / "a.png"), moved, atol=1.5 / 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_linear_grey(tmp_path: Path, suffix: str) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    Image.fromarray(ramp).save(tmp_path / f"a.{suffix}", icc_profile=grey_profile(1.0))
    expected = encoded(ramp / 255)[..., None].repeat(3, -1)
    np.testing.assert_allclose(pixels_of(tmp_path / f"a.{suffix}"), expected, atol=1.5 / 255)


def test_cmyk_goes_through_its_own_profile(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("CMYK", (4, 4), (0, 0, 255, 0)).save(path)
    np.testing.assert_allclose(pixels_of(path)[0, 0], [1, 1, 0], atol=0.01)
    Image.new("CMYK", (4, 4), (0, 0, 255, 0)).save(path, icc_profile=cmyk_profile())
    np.testing.assert_allclose(pixels_of(path)[0, 0], [0, 0, 0], atol=0.01)
    Image.new("CMYK", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.jpg", icc_profile=cmyk_profile())
    np.testing.assert_allclose(pixels_of(tmp_path / "a.jpg")[0, 0], [1, 1, 1], atol=0.01)


def test_lab_needs_no_profile(tmp_path: Path) -> None:
    """L* 53.24, a* 80.09, b* 67.20 under D65 is pure red; here under D50: 54.29, 80.80, 69.89."""
    path = tmp_path / "a.tif"
    Image.frombytes("LAB", (1, 1), struct.pack("3b", round(54.29 * 2.55) - 256, 81, 70)).save(path)
    np.testing.assert_allclose(pixels_of(path)[0, 0], [1, 0, 0], atol=0.03)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("profile", [b"junk", srgb_profile()[:300], b"\0" * 500], ids=["junk", "cut", "zeros"])
def test_a_broken_profile_is_a_notice(tmp_path: Path, mode: str, profile: bytes) -> None:
    path = tmp_path / "a.jpg"
    Image.new(mode, (8, 8)).save(path)
    plain = pixels_of(path)
    Image.new(mode, (8, 8)).save(path, icc_profile=profile)
    notice = f"{path} has a colour profile that is damaged or of another kind; it is ignored"
    assert read(path).notices == (notice,)
    np.testing.assert_array_equal(pixels_of(path), plain)


def test_a_profile_of_another_kind_is_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8), (10, 20, 30)).save(path, icc_profile=cmyk_profile())
    assert "of another kind" in read(path).notices[0]
    np.testing.assert_allclose(pixels_of(path)[0, 0] * 255, [10, 20, 30], atol=1e-4)


def test_srgb_changes_nothing_at_any_depth(tmp_path: Path) -> None:
    image = read(_saved(tmp_path / "a.png", RNG.integers(0, 256, (30, 30, 3), dtype=np.uint8)))
    for bits, name in ((8, "b.png"), (16, "c.png"), (16, "d.tif")):
        write(tmp_path / name, image.pixels, bits=bits)
        with Image.open(tmp_path / "b.png") as written:
            assert written.info["icc_profile"] == srgb_profile()
        np.testing.assert_array_equal(
            np.rint(pixels_of(tmp_path / name) * 255), np.rint(pixels_of(tmp_path / "a.png") * 255)
        )


def _saved(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array).save(path, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return path


def test_the_profile_written_is_srgb_and_always_the_same() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    srgb_profile.cache_clear()
    assert profile.tobytes() == srgb_profile()
    assert srgb_profile()[24:26] == (2000).to_bytes(2, "big")
