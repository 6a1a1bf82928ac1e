"""`read` for common formats, against Pillow's decoders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile, ImageOps

from impasto.image import picture as picture_module
from impasto.image import read
from impasto.image.picture import from_array

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 9, 13


def noise(mode: str) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    data = RNG.integers(0, 256, (HEIGHT, WIDTH, channels), dtype=np.uint8)
    return Image.frombytes(mode, (WIDTH, HEIGHT), data.tobytes())


def bilevel() -> Image.Image:
    return Image.fromarray(RNG.random((HEIGHT, WIDTH)) > 0.5)


def palette() -> Image.Image:
    return noise("RGB").quantize(16)


def as_pillow_sees_it(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"), np.float32) / 255


def check_against_pillow(path: Path) -> None:
    picture = read(path)
    expected = torch.from_numpy(as_pillow_sees_it(path)).permute(2, 0, 1)[None]
    assert picture.pixels.dtype == torch.float32
    assert picture.pixels.is_contiguous()
    assert picture.source == str(path)
    assert picture.bits == 8
    assert picture.size == tuple(expected.shape[2:])
    torch.testing.assert_close(picture.pixels, expected[:, :3], atol=1e-6, rtol=0)
    if expected[:, 3:].min() < 1:
        assert picture.alpha is not None
        torch.testing.assert_close(picture.alpha, expected[:, 3:], atol=1e-6, rtol=0)
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_modes_with_and_without_alpha(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a.{suffix}"
    noise(mode).save(path, lossless=True, exact=True)
    check_against_pillow(path)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif"])
@pytest.mark.parametrize("make", [bilevel, palette])
def test_one_bit_and_palette(tmp_path: Path, suffix: str, make) -> None:
    path = tmp_path / f"a.{suffix}"
    make().save(path)
    check_against_pillow(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg"
    noise(mode).save(path)
    check_against_pillow(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_bmp(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.bmp"
    noise(mode).save(path)
    check_against_pillow(path)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.tif"
    noise("RGB").save(path, compression=compression)
    check_against_pillow(path)


def test_cmyk_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    noise("CMYK").save(path)
    check_against_pillow(path)


@pytest.mark.parametrize(
    ("image", "transparency"),
    [
        (Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)), 77),
        (Image.fromarray(np.arange(768, dtype=np.int64).astype(np.uint8).reshape(16, 16, 3)), (3, 4, 5)),
        (Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).quantize(8), 2),
        (Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).quantize(8), bytes(range(0, 256, 32))),
    ],
    ids=["grey", "rgb", "palette-one", "palette-many"],
)
def test_png_transparency_by_colour(tmp_path: Path, image: Image.Image, transparency) -> None:
    path = tmp_path / "a.png"
    image.save(path, transparency=transparency)
    check_against_pillow(path)
    assert read(path).alpha is not None


def test_colours_under_full_transparency_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGBA", (2, 2), (10, 200, 30, 0)).save(path)
    picture = read(path)
    assert picture.alpha is not None
    assert picture.alpha.max() == 0
    torch.testing.assert_close(picture.pixels[0, :, 0, 0] * 255, torch.tensor([10.0, 200.0, 30.0]))


def test_a_hint_of_transparency_is_transparency(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 2), (10, 200, 30, 255))
    image.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").alpha is None
    image.putpixel((1, 0), (10, 200, 30, 254))
    image.save(tmp_path / "a.png")
    alpha = read(tmp_path / "a.png").alpha
    assert alpha is not None
    np.testing.assert_allclose(alpha[0, 0].numpy() * 255, [[255, 254], [255, 255]], atol=1e-4)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_the_first_of_several_frames(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"animated.{suffix}"
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    picture = read(path)
    assert picture.notices == (f"{path} has 3 frames; the first is used",)
    torch.testing.assert_close(picture.pixels.mean((0, 2, 3)), torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{suffix}"
    noise("RGB").save(path, exif=exif, lossless=True)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.float32) / 255
    picture = read(path)
    assert picture.size == ((HEIGHT, WIDTH) if orientation < 5 else (WIDTH, HEIGHT))
    np.testing.assert_allclose(picture.pixels[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_orientations_differ_from_each_other(tmp_path: Path) -> None:
    """Or else the test above could pass without turning anything."""
    image, seen = noise("RGB"), set()
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(tmp_path / "a.png", exif=exif)
        seen.add(read(tmp_path / "a.png").pixels.numpy().tobytes())
    assert len(seen) == 8


@pytest.mark.parametrize("orientation", [0, 9, 4000])
def test_orientations_that_do_not_exist_turn_nothing(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise("RGB").save(tmp_path / "a.png", exif=exif)
    assert read(tmp_path / "a.png").size == (HEIGHT, WIDTH)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise("RGB").save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    assert read(path).size == (HEIGHT, WIDTH)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "bmp", "gif"])
def test_extreme_sizes(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", size, (255, 0, 0)).save(path)
    picture = read(path)
    assert picture.size == (size[1], size[0])
    torch.testing.assert_close(picture.pixels.mean((0, 2, 3)), torch.tensor([1.0, 0.0, 0.0]), atol=0.01, rtol=0)


def test_the_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    noise("RGB").save(path, format="PNG")
    check_against_pillow(path)


def test_a_string_is_a_path_too(tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / "a.png")
    assert read(str(tmp_path / "a.png")).size == (HEIGHT, WIDTH)


def test_reading_leaves_pillow_as_it_was(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    noise("RGB").save(tmp_path / "a.png")
    read(tmp_path / "a.png", max_pixels=10**9)
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_pictures_beyond_pillows_own_limit_are_read_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    noise("RGB").save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read(path).size == (HEIGHT, WIDTH)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_of_many_strips_is_what_the_formula_says(channels, monkeypatch):
    """Against the array, turned and divided at once."""
    monkeypatch.setattr(picture_module, "STRIP", 1000)
    values = np.random.default_rng(channels).integers(0, 65536, (90, 70, channels), dtype=np.uint16)
    result = from_array(values, "array", orientation=6)
    whole = np.rot90(values, -1).transpose(2, 0, 1).astype(np.float32) / np.float32(65535)
    colours = whole[:1].repeat(3, axis=0) if channels < 3 else whole[:3]
    np.testing.assert_array_equal(result.pixels[0].numpy(), colours)
    if channels in (2, 4):
        np.testing.assert_array_equal(result.alpha[0].numpy(), whole[-1:])
    else:
        assert result.alpha is None
