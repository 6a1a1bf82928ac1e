"""16 bits and floats, value by value, against pypng and tifffile."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageOps

from impasto.errors import UsageError
from impasto.image import Picture, read

RNG = np.random.default_rng(1)
HEIGHT, WIDTH = 7, 5


def deep(channels: int) -> np.ndarray:
    return RNG.integers(0, 65536, (HEIGHT, WIDTH, channels), dtype=np.uint16)


def numbers(picture: Picture) -> np.ndarray:
    """The picture as whole numbers of 16 bits, `(H, W, 3 or 4)`."""
    parts = [picture.pixels[0]] + ([] if picture.alpha is None else [picture.alpha[0]])
    return np.rint(np.concatenate([part.numpy() for part in parts]).transpose(1, 2, 0) * 65535.0).astype(np.uint16)


def check(path: Path, array: np.ndarray) -> None:
    picture = read(path)
    assert picture.bits == 16
    assert picture.notices == ()
    colours = array[..., :1].repeat(3, -1) if array.shape[2] < 3 else array[..., :3]
    alpha = array[..., 1:2] if array.shape[2] == 2 else array[..., 3:]
    np.testing.assert_array_equal(numbers(picture), np.concatenate([colours, alpha], -1))


def write_png(path: Path, array: np.ndarray, **options: object) -> None:
    height, width, channels = array.shape
    writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=16, **options)
    with path.open("wb") as file:
        writer.write(file, array.reshape(height, -1).tolist())


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(tmp_path: Path, channels: int, interlace: bool) -> None:
    array = deep(channels)
    write_png(tmp_path / "a.png", array, interlace=interlace)
    check(tmp_path / "a.png", array)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_transparent_colour(tmp_path: Path, channels: int) -> None:
    array = deep(channels)
    key = array[2, 3]
    write_png(tmp_path / "a.png", array, transparent=int(key[0]) if channels == 1 else tuple(key.tolist()))
    opaque = np.full((HEIGHT, WIDTH, 1), 65535, np.uint16)
    opaque[2, 3] = 0
    check(tmp_path / "a.png", np.concatenate([array, opaque], -1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_png_orientation(tmp_path: Path, orientation: int) -> None:
    array = deep(3)
    write_png(tmp_path / "a.png", array)
    exif = Image.Exif()
    exif[0x0112] = orientation
    chunks = list(png.Reader(bytes=(tmp_path / "a.png").read_bytes()).chunks())
    chunks.insert(1, (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    with (tmp_path / "a.png").open("wb") as file:
        png.write_chunks(file, chunks)
    check(tmp_path / "a.png", turned(array, orientation))


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """`array` upright, by Pillow, one byte of one channel at a time."""
    exif = Image.Exif()
    exif[0x0112] = orientation

    def turn(plane: np.ndarray) -> np.ndarray:
        image = Image.fromarray(plane.astype(np.uint8))
        image.getexif()[0x0112] = orientation
        return np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16)

    return np.stack([turn(plane >> 8) << 8 | turn(plane & 255) for plane in np.moveaxis(array, -1, 0)], -1)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff(tmp_path: Path, channels: int, byteorder: str, compression: str | None) -> None:
    array = deep(channels)
    tifffile.imwrite(
        tmp_path / "a.tif",
        array if channels > 1 else array[..., 0],
        photometric="rgb" if channels > 1 else "minisblack",
        extrasamples=["unassalpha"] if channels == 4 else None,
        byteorder=byteorder,
        compression=compression,
        metadata=None,
    )
    check(tmp_path / "a.tif", array)


def test_tiff_in_planes_in_tiles_and_in_the_big_variant(tmp_path: Path) -> None:
    array = RNG.integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(array, -1, 0), photometric="rgb", planarconfig="separate", metadata=None)
    check(path, array)
    tifffile.imwrite(path, array, photometric="rgb", tile=(16, 16), metadata=None)
    check(path, array)
    tifffile.imwrite(path, array, photometric="rgb", bigtiff=True, metadata=None)
    check(path, array)


def test_tiff_where_white_is_zero(tmp_path: Path) -> None:
    array = deep(1)
    tifffile.imwrite(tmp_path / "a.tif", array[..., 0], photometric="miniswhite", metadata=None)
    check(tmp_path / "a.tif", 65535 - array)


def test_tiff_of_multiplied_colours(tmp_path: Path) -> None:
    array = deep(4)
    array[0, 0, 3] = 0
    alpha = array[..., 3:] / 65535
    multiplied = np.concatenate([np.rint(array[..., :3] * alpha).astype(np.uint16), array[..., 3:]], -1)
    tifffile.imwrite(tmp_path / "a.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    difference = np.abs(numbers(read(tmp_path / "a.tif")).astype(int) - array)
    rounding = np.where(alpha > 0, 1 / np.maximum(alpha, 1e-9), 65535) + 1
    assert (difference <= rounding).all()
    assert (difference[alpha[..., 0] > 0.5] <= 2).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_orientation(tmp_path: Path, orientation: int) -> None:
    array = deep(3)
    extra = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", metadata=None, extratags=extra)
    check(tmp_path / "a.tif", turned(array, orientation))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_packed_by_lzw(tmp_path: Path, channels: int, orientation: int) -> None:
    """Photo editors pack TIFF by LZW, which tifffile leaves to a package that Impasto does not ask for."""
    array = deep(channels)
    # Nothing installed here writes it, so the packed bytes come from an 8-bit file of twice the width.
    rows = Image.frombytes("L", (WIDTH * channels * 2, HEIGHT), array.astype("<u2").tobytes())
    rows.save(tmp_path / "rows.tif", compression="tiff_lzw")
    with tifffile.TiffFile(tmp_path / "rows.tif") as tiff:
        page = tiff.pages.first
        packed = (tmp_path / "rows.tif").read_bytes()[page.dataoffsets[0] :][: page.databytecounts[0]]
    tifffile.imwrite(
        tmp_path / "a.tif",
        iter([packed]),
        shape=array.shape if channels > 1 else array.shape[:2],
        dtype=array.dtype,
        compression="zlib",
        byteorder="<",
        photometric="rgb" if channels > 1 else "minisblack",
        extrasamples=["unassalpha"] if channels == 4 else None,
        rowsperstrip=HEIGHT,
        metadata=None,
        extratags=[(274, "H", 1, orientation, True)],
    )
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        tiff.pages.first.tags["Compression"].overwrite(tifffile.COMPRESSION.LZW)
    check(tmp_path / "a.tif", turned(array, orientation))


def lzw(data: bytes) -> bytes:
    """LZW that starts anew before its codes get longer than 9 bits (TIFF 6.0, section 13)."""
    codes = [code for place, byte in enumerate(data) for code in ([256, byte] if place % 240 == 0 else [byte])]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def write_lzw(path: Path, array: np.ndarray, order: str, layout: str, predictor: bool, **options: object) -> None:
    """`(H, W, C)` in strips of three rows, in tiles of 16 x 16, or channel after channel."""
    height, width, channels = array.shape
    planes = [array] if layout != "planes" else [array[..., k : k + 1] for k in range(channels)]
    parts = []
    for plane in planes:
        if layout == "tiles":
            padded = np.pad(plane, ((0, -height % 16), (0, -width % 16), (0, 0)))
            tops, lefts = range(0, padded.shape[0], 16), range(0, padded.shape[1], 16)
            parts += [padded[top : top + 16, left : left + 16] for top in tops for left in lefts]
        else:
            parts += [plane[top : top + 3] for top in range(0, height, 3)]
    if predictor:
        parts = [np.concatenate([part[:, :1], np.diff(part, axis=1)], 1) for part in parts]
    packed = [lzw(part.astype(part.dtype.newbyteorder(order)).tobytes()) for part in parts]
    tifffile.imwrite(
        path,
        iter(packed),
        shape=(channels, height, width) if layout == "planes" else array.shape if channels > 1 else array.shape[:2],
        dtype=array.dtype,
        compression="zlib",
        predictor=predictor,
        byteorder=order,
        planarconfig="separate" if layout == "planes" else "contig" if channels > 1 else None,
        metadata=None,
        **({"tile": (16, 16)} if layout == "tiles" else {"rowsperstrip": 3}),
        **options,
    )
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages.first.tags["Compression"].overwrite(tifffile.COMPRESSION.LZW)


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", ["strips", "tiles", "planes"])
def test_lzw_in_every_layout(tmp_path: Path, layout: str, order: str, predictor: bool) -> None:
    array = RNG.integers(0, 65536, (20, 35, 3), dtype=np.uint16)
    write_lzw(tmp_path / "a.tif", array, order, layout, predictor, photometric="rgb")
    check(tmp_path / "a.tif", array)


@pytest.mark.parametrize("order", ["<", ">"])
def test_lzw_of_every_kind(tmp_path: Path, order: str) -> None:
    path, array = tmp_path / "a.tif", RNG.integers(0, 65536, (20, 35, 4), dtype=np.uint16)
    write_lzw(path, array, order, "strips", True, photometric="rgb", extrasamples=["unassalpha"])
    check(path, array)
    grey = array[..., :2]
    write_lzw(path, grey, order, "strips", True, photometric="minisblack", extrasamples=["unassalpha"])
    check(path, grey)
    write_lzw(path, array[..., :1], order, "strips", False, photometric="miniswhite")
    check(path, 65535 - array[..., :1])
    alpha = array[..., 3:] = 60_000
    multiplied = np.rint(array[..., :3] * (alpha / 65535)).astype(np.uint16)
    multiplied = np.concatenate([multiplied, array[..., 3:]], 2)
    write_lzw(path, multiplied, order, "strips", False, photometric="rgb", extrasamples=["assocalpha"])
    assert np.abs(numbers(read(path)).astype(int) - array).max() <= 2


def test_channels_that_are_no_part_of_the_picture(tmp_path: Path) -> None:
    path, array = tmp_path / "a.tif", deep(6)
    options = {"photometric": "rgb", "metadata": None, "planarconfig": "contig"}
    tifffile.imwrite(path, array[..., :4], extrasamples=["unspecified"], **options)
    check(path, array[..., :3])
    tifffile.imwrite(path, array, extrasamples=["unspecified", "unassalpha", "unspecified"], **options)
    check(path, array[..., [0, 1, 2, 4]])


def test_lab_of_16_bits(tmp_path: Path) -> None:
    """CIE's formula for colours whose L*, a* and b* under D50 are known: mid-grey, white, black and sRGB's red."""
    lab = np.array([[[53.585, 0, 0], [100, 0, 0], [0, 0, 0], [54.29, 80.80, 69.89]]])
    stored = np.concatenate([np.rint(lab[..., :1] * 655.35), np.rint(lab[..., 1:] * 256) % 65536], -1)
    tifffile.imwrite(tmp_path / "a.tif", stored.astype(np.uint16), photometric="cielab", metadata=None)
    result = read(tmp_path / "a.tif").pixels[0, :, 0].T.numpy() * 255
    np.testing.assert_allclose(result, [[128, 128, 128], [255, 255, 255], [0, 0, 0], [255, 0, 0]], atol=1.5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_float_tiff(tmp_path: Path, dtype: type, channels: int) -> None:
    array = RNG.random((HEIGHT, WIDTH, channels)).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        array if channels > 1 else array[..., 0],
        photometric="rgb" if channels > 1 else "minisblack",
        extrasamples=["unassalpha"] if channels == 4 else None,
        metadata=None,
    )
    picture = read(tmp_path / "a.tif")
    assert picture.bits == 16
    assert picture.notices == ()
    expected = array[..., :1].repeat(3, -1) if channels == 1 else array[..., :3]
    np.testing.assert_array_equal(picture.pixels[0].permute(1, 2, 0).numpy(), expected.astype(np.float32))
    assert (picture.alpha is not None) == (channels == 4)


def test_float_tiff_beyond_the_range_is_clipped_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "bright.tif"
    tifffile.imwrite(path, np.array([[[-1.0, 0.25, 7.0]]], np.float32), photometric="rgb", metadata=None)
    picture = read(path)
    assert picture.pixels.flatten().tolist() == [0.0, 0.25, 1.0]
    assert picture.notices == (f"{path} has values outside [0, 1]; they are clipped",)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_float_tiff_with_values_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    array = np.full((4, 4, 3), 0.5, np.float32)
    array[1, 2, 0] = value
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", metadata=None)
    with pytest.raises(UsageError, match="NaN or infinite"):
        read(tmp_path / "a.tif")


def test_tiff_of_32_bit_numbers_and_of_too_many_channels(tmp_path: Path) -> None:
    wide = np.array([[0, 2**31, 2**32 - 1]], np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", wide, photometric="minisblack", metadata=None)
    assert numbers(read(tmp_path / "a.tif"))[0, :, 0].tolist() == [0, 32768, 65535]
    tifffile.imwrite(
        tmp_path / "b.tif", RNG.random((8, 8, 40)), photometric="rgb", planarconfig="contig", metadata=None
    )
    with pytest.raises(UsageError, match="40 channels"):
        read(tmp_path / "b.tif")
    tifffile.imwrite(tmp_path / "c.tif", wide.astype(np.int32), photometric="minisblack", metadata=None)
    with pytest.raises(UsageError, match="int32; allowed: uint8, uint16, floats"):
        read(tmp_path / "c.tif")


def test_a_packing_that_nothing_here_knows(tmp_path: Path) -> None:
    if find_spec("imagecodecs"):
        pytest.skip("imagecodecs knows it")
    tifffile.imwrite(tmp_path / "a.tif", RNG.random((8, 8, 3)), photometric="rgb", compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        tiff.pages.first.tags["Compression"].overwrite(tifffile.COMPRESSION.JPEGXL)
    with pytest.raises(UsageError, match="is packed by JPEGXL; to read it, save it unpacked"):
        read(tmp_path / "a.tif")


def test_damaged_lzw_is_told_as_damaged(tmp_path: Path) -> None:
    write_lzw(tmp_path / "a.tif", deep(3), "<", "strips", False, photometric="rgb")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        start = tiff.pages.first.dataoffsets[0]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[start : start + 40] = bytes([255]) * 40
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(UsageError, match="is damaged or cut short as a TIFF file"):
        read(tmp_path / "a.tif")


def test_pages_of_a_deep_tiff(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    arrays = [deep(3) for _ in range(4)]
    with tifffile.TiffWriter(path) as tiff:
        for array in arrays:
            tiff.write(array, photometric="rgb", metadata=None)
    picture = read(path)
    assert picture.notices == (f"{path} has 4 frames; the first is used",)
    np.testing.assert_array_equal(numbers(picture), arrays[0])


def test_a_deep_ramp_keeps_all_its_steps(tmp_path: Path) -> None:
    """The high bytes alone would give 4 levels where the file has 1024."""
    ramp = np.arange(1024, dtype=np.uint16)[None, :, None].repeat(3, -1)
    write_png(tmp_path / "ramp.png", ramp)
    levels = read(tmp_path / "ramp.png").pixels[0, 0, 0].tolist()
    assert all(left < right for left, right in pairwise(levels))
