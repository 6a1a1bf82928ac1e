"""Files of `write`: exact values in other decoders, and never half a file."""

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import png
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from impasto.errors import ImpastoError, UsageError
from impasto.image import check_writable, read, write

GENERATOR = torch.Generator().manual_seed(0)
ALL = ("png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp")


def noise(channels: int = 3, height: int = 12, width: int = 17) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=GENERATOR)


def whole(tensor: torch.Tensor, bits: int = 8) -> np.ndarray:
    top = 2**bits - 1
    return np.rint(tensor[0].permute(1, 2, 0).numpy() * np.float32(top)).astype(f"uint{bits}")


def smooth() -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 96), indexing="ij")
    return torch.stack([x, y, (x + y) / 2])[None]


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_lossless_formats_hold_the_nearest_numbers(tmp_path: Path, suffix: str) -> None:
    pixels = noise()
    assert write(tmp_path / f"a.{suffix}", pixels) == ()
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), whole(pixels))


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp"])
def test_lossy_formats_come_close_and_obey_quality(tmp_path: Path, suffix: str) -> None:
    fine, coarse = tmp_path / f"fine.{suffix}", tmp_path / f"coarse.{suffix}"
    write(fine, smooth())
    write(coarse, smooth(), quality=10)
    with Image.open(fine) as image:
        error = np.abs(np.asarray(image, np.float32) / 255 - smooth()[0].permute(1, 2, 0).numpy())
    assert error.mean() < 0.01
    assert fine.stat().st_size > coarse.stat().st_size


def test_jpeg_keeps_colours_as_sharp_as_light(tmp_path: Path) -> None:
    """Red and blue stripes, one pixel wide: halved colour resolution, which is Pillow's default, turns them purple."""
    stripes = torch.zeros(1, 3, 32, 32)
    stripes[:, 0, :, ::2], stripes[:, 2, :, 1::2] = 0.8, 0.8
    write(tmp_path / "a.jpg", stripes)
    assert (read(tmp_path / "a.jpg").pixels - stripes).abs().mean() < 0.03


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_alpha(tmp_path: Path, suffix: str, bits: int) -> None:
    path, pixels, alpha = tmp_path / f"a.{suffix}", noise(), noise(1)
    assert write(path, pixels, alpha=alpha, bits=bits) == ()
    picture = read(path)
    assert picture.alpha is not None
    assert picture.bits == bits
    np.testing.assert_array_equal(whole(picture.pixels, bits), whole(pixels, bits))
    np.testing.assert_array_equal(whole(picture.alpha, bits), whole(alpha, bits))


def test_alpha_in_webp_keeps_the_colours_below_it(tmp_path: Path) -> None:
    alpha = torch.zeros(1, 1, 64, 96)
    write(tmp_path / "a.webp", smooth(), alpha=alpha)
    picture = read(tmp_path / "a.webp")
    assert picture.alpha is not None
    assert picture.alpha.max() == 0
    assert (picture.pixels - smooth()).abs().mean() < 0.02


def test_16_bit_png_as_pypng_reads_it(tmp_path: Path) -> None:
    for channels in (3, 4):
        pixels = noise(channels)
        alpha = pixels[:, 3:] if channels == 4 else None
        write(tmp_path / "a.png", pixels[:, :3], alpha=alpha, bits=16, metadata={"a": 1})
        width, height, rows, info = png.Reader(bytes=(tmp_path / "a.png").read_bytes()).read()
        assert (width, height, info["bitdepth"], info["planes"]) == (17, 12, 16, channels)
        np.testing.assert_array_equal(np.array(list(rows)).reshape(12, 17, channels), whole(pixels, 16))


def test_16_bit_tiff_as_tifffile_reads_it(tmp_path: Path) -> None:
    pixels = noise()
    write(tmp_path / "a.tif", pixels, bits=16)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), whole(pixels, 16))


@pytest.mark.parametrize(
    ("suffix", "bits"), [("png", 8), ("png", 16), ("jpg", 8), ("webp", 8), ("tif", 8), ("tif", 16)]
)
def test_the_profile_and_the_software_are_named(tmp_path: Path, suffix: str, bits: int) -> None:
    write(tmp_path / f"a.{suffix}", noise(), bits=bits)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        image.load()
        assert b"acsp" in image.info["icc_profile"]
        assert (image.info.get("Software") or image.getexif()[0x0131]) == "Impasto"


@settings(max_examples=25, deadline=None)
@given(
    pixels=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9).map(lambda hw: (1, 4, *hw))),
    case=st.sampled_from([("png", 8), ("png", 16), ("tif", 8), ("tif", 16)]),
)
def test_what_is_written_is_read_again(pixels: np.ndarray, case: tuple[str, int]) -> None:
    suffix, bits = case
    pixels = pixels >> (16 - bits)
    tensor = torch.from_numpy(pixels.astype(np.float32) / (2**bits - 1))
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{suffix}"
        write(path, tensor[:, :3], alpha=tensor[:, 3:], bits=bits)
        picture = read(path)
    alpha = torch.ones_like(tensor[:, 3:]) if picture.alpha is None else picture.alpha
    np.testing.assert_array_equal(whole(picture.pixels, bits), whole(tensor[:, :3], bits))
    np.testing.assert_array_equal(whole(alpha, bits), whole(tensor[:, 3:], bits))


@pytest.mark.parametrize(("bits", "top"), [(8, 255), (16, 65535)])
def test_rounding_and_clamping(tmp_path: Path, bits: int, top: int) -> None:
    values = torch.tensor([-3.0, 0.4 / top, 0.6 / top, 0.5, 1 - 0.6 / top, 1 - 0.4 / top, 1.01, 9.0])
    write(tmp_path / "a.tif", values.expand(1, 3, 1, 8), bits=bits)
    half = round(top / 2)
    assert tifffile.imread(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 0, 1, half, top - 1, top, top, top]


def test_pixels_of_any_float_type_and_with_a_gradient(tmp_path: Path) -> None:
    for pixels in (noise().double(), noise().half(), noise().bfloat16(), noise().requires_grad_()):
        write(tmp_path / "a.png", pixels)
        np.testing.assert_array_equal(whole(read(tmp_path / "a.png").pixels), whole(pixels.detach().float()))


@pytest.mark.parametrize("suffix", ["jpg", "bmp"])
def test_alpha_that_cannot_be_held_is_dropped_with_a_notice(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    notices = write(path, smooth(), alpha=torch.full((1, 1, 64, 96), 0.5))
    assert len(notices) == 1
    assert str(path) in notices[0]
    assert "alpha" in notices[0]
    assert write(path, smooth(), alpha=torch.ones(1, 1, 64, 96)) == ()
    assert read(path).size == (64, 96)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_pixels_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    pixels = noise()
    pixels[0, 1, 2, 3] = value
    with pytest.raises(ImpastoError, match="NaN or infinite"):
        write(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 3, 4, 4), (1, 1, 4, 4), (1, 3, 0, 4)])
def test_shapes_that_are_no_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"expected \(1, 3, H, W\)"):
        write(tmp_path / "a.png", torch.zeros(shape))
    with pytest.raises(UsageError, match="alpha has shape"):
        write(tmp_path / "a.png", noise(), alpha=torch.zeros(1, 1, 5, 5))


def test_unknown_suffixes(tmp_path: Path) -> None:
    for check in (check_writable, lambda path: write(path, noise())):
        with pytest.raises(UsageError, match=r"'\.jpgg' \(did you mean '\.jpg'\?\); allowed: \.png, \.jpg"):
            check(tmp_path / "a.jpgg")
        with pytest.raises(UsageError, match="has no suffix"):
            check(tmp_path / "a")
        with pytest.raises(UsageError, match="unknown suffix"):
            check(tmp_path / "a.gif")
    write(tmp_path / "A.PNG", noise())


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp"])
def test_depths_that_a_format_lacks(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match=r"cannot hold 16 bits; allowed: \.png, \.tif, \.tiff"):
        write(tmp_path / f"a.{suffix}", noise(), bits=16)
    with pytest.raises(UsageError, match="bits is 12; allowed: 8, 16"):
        write(tmp_path / f"a.{suffix}", noise(), bits=12)


def test_sizes_that_a_format_lacks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="20000x10 is too large for WebP; each side can have 16383 pixels"):
        check_writable(tmp_path / "a.webp", size=(10, 20_000))
    check_writable(tmp_path / "a.png", size=(10, 70_000))
    for suffix, longest in (("webp", 16_383), ("jpg", 65_500)):
        write(tmp_path / f"a.{suffix}", torch.zeros(1, 3, 1, longest))
        with pytest.raises(UsageError, match="too large"):
            write(tmp_path / f"b.{suffix}", torch.zeros(1, 3, 1, longest + 1))


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_qualities_that_do_not_exist(tmp_path: Path, quality: int) -> None:
    with pytest.raises(UsageError, match="allowed: 1 to 100"):
        write(tmp_path / "a.jpg", noise(), quality=quality)


def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for check in (check_writable, lambda path: write(path, noise())):
        with pytest.raises(UsageError, match="it is a folder"):
            check(tmp_path / "folder.png")
        with pytest.raises(UsageError, match="there is no folder"):
            check(tmp_path / "nowhere" / "a.png")
        with pytest.raises(UsageError, match="there is no folder"):
            check(tmp_path / "file" / "a.png")
        with pytest.raises(UsageError, match="cannot be written"):
            check(tmp_path / ("a" * 300 + ".png"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match="not a regular file"):
        write(tmp_path / "pipe.png", noise())
    assert (tmp_path / "pipe.png").is_fifo()


def test_protected_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of `os.access` alone, since permissions do not hinder every user who may run this."""
    (tmp_path / "old.png").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(UsageError, match=f"the folder '{tmp_path}' is protected"):
        check_writable(tmp_path / "a.png")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) == tmp_path)
    with pytest.raises(UsageError, match="it is protected"):
        check_writable(tmp_path / "old.png")


def test_check_writable_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "a.png", bits=16, size=(4000, 6000))
    assert list(tmp_path.iterdir()) == []


def raising(error: BaseException):
    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize("step", ["os.fsync", "os.replace"])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["full", "interrupted"])
def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, step: str, error: BaseException
) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, smooth())
    before = path.read_bytes()
    monkeypatch.setattr(step, raising(error))
    with pytest.raises((ImpastoError, KeyboardInterrupt)) as caught:
        write(path, 1 - smooth())
    if error is FULL:
        assert str(caught.value) == f"'{path}' was not written: No space left on device"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes go out one half, then the disk is full: nothing stays behind."""
    genuine = Path.open

    def limited(path: Path, *arguments: object):
        file = genuine(path, *arguments)

        class Full:
            def __enter__(self) -> "Full":
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def write(self, data: bytes) -> None:
                file.write(data[: len(data) // 2])
                file.flush()
                assert list(tmp_path.iterdir()) != []
                raise FULL

        return Full()

    monkeypatch.setattr(Path, "open", limited)
    with pytest.raises(ImpastoError, match="No space left"):
        write(tmp_path / "a.png", noise())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions elsewhere")
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    write(tmp_path / "a.png", noise())
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "a.png").chmod(0o600)
    write(tmp_path / "a.png", noise())
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows asks for a privilege to make links")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "a.png").symlink_to(tmp_path / "there" / "b.png")
    write(tmp_path / "a.png", noise())
    assert (tmp_path / "a.png").is_symlink()
    assert read(tmp_path / "there" / "b.png").size == (12, 17)


@pytest.mark.parametrize("suffix", ALL)
def test_equal_pictures_are_equal_files(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.{suffix}", smooth(), metadata={"seed": 7})
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", ALL)
def test_the_smallest_picture(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"a.{suffix}", torch.full((1, 3, 1, 1), 0.5))
    torch.testing.assert_close(read(tmp_path / f"a.{suffix}").pixels, torch.full((1, 3, 1, 1), 0.5), atol=0.02, rtol=0)
