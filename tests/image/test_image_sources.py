"""Bundled samples, and all other sources that `load` accepts."""

import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from impasto.errors import ImpastoError, UsageError
from impasto.image import Picture, blended, bundled, load, load_sample, read, sample_names, samples, write_samples

PAINTINGS = {"flow", "glass", "ink", "points", "woodcut", "tesserae"}
PHOTOS = {"chelsea", "coffee", "astronaut", "rocket"}
TEXTURES = {"grass", "brick", "gravel"}
RNG = np.random.default_rng(4)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_names_and_kinds() -> None:
    names = sample_names()
    assert {name for name, kind in names.items() if kind == "photo"} == PHOTOS
    assert {name for name, kind in names.items() if kind == "texture"} == TEXTURES
    assert {name for name, kind in names.items() if kind == "painting"} >= PAINTINGS


def test_every_sample_is_described_in_a_line() -> None:
    for sample in bundled().values():
        assert 5 < len(sample.about) < 80
        assert "\n" not in sample.about


def test_every_sample_is_a_picture() -> None:
    for name, kind in sample_names().items():
        picture = load(f"sample:{name}")
        assert picture.source == f"sample:{name}"
        assert min(picture.size) >= 200
        assert picture.alpha is None
        assert picture.pixels.std() > 0.02
        if kind == "texture":
            assert torch.equal(picture.pixels[:, 0], picture.pixels[:, 2])


def test_a_sample_is_what_scikit_image_shows() -> None:
    for name in ("chelsea", "grass"):
        expected = getattr(data, name)().reshape(*load_sample(name).size, -1)
        result = np.rint(load_sample(name).pixels[0].permute(1, 2, 0).numpy() * 255)
        np.testing.assert_array_equal(result, np.broadcast_to(expected, result.shape))


def test_unknown_sample() -> None:
    with pytest.raises(UsageError, match=r"unknown sample 'chelsae' \(did you mean 'chelsea'\?\); allowed: .*gravel"):
        load("sample:chelsae")


def test_a_sample_that_is_missing_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = samples.Sample("photo", "nothing", "skimage", "data/absent.png")
    monkeypatch.setattr(samples, "bundled", lambda: {"absent": absent})
    with pytest.raises(ImpastoError, match=r"this skimage has no file data/absent\.png"):
        load_sample("absent")


def test_write_samples(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "samples"
    folder.mkdir(parents=True)
    (folder / "coffee.png").write_text("mine")
    written = write_samples(folder)
    assert {path.stem for path in written} == set(sample_names()) - {"coffee"}
    assert (folder / "coffee.png").read_text() == "mine"
    assert torch.equal(read(folder / "rocket.jpg").pixels, load_sample("rocket").pixels)
    assert write_samples(folder) == []
    assert len(write_samples(tmp_path / "another" / "one")) == len(sample_names())
    with pytest.raises(ImpastoError, match="cannot be made"):
        write_samples(folder / "coffee.png")


def test_paths(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3), (255, 0, 0)).save(tmp_path / "a.png")
    assert load(tmp_path / "a.png").size == load(str(tmp_path / "a.png")).size == (3, 4)
    with pytest.raises(UsageError, match="at most"):
        load(tmp_path / "a.png", max_pixels=11)
    with pytest.raises(UsageError, match="at most 10 are read"):
        load(tmp_path / "a.png", max_bytes=10)


def test_a_picture_is_itself() -> None:
    picture = Picture(torch.zeros(1, 3, 2, 2))
    assert load(picture) is picture


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 3, 5, 7)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_tensors(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = torch.rand(shape).to(dtype).requires_grad_()
    picture = load(tensor)
    assert not picture.pixels.requires_grad
    assert picture.pixels.dtype == torch.float32
    torch.testing.assert_close(picture.pixels, tensor.detach().float().reshape(1, 3, 5, 7))


def test_arrays() -> None:
    bytes_, shorts = RNG.integers(0, 256, (5, 7, 3), np.uint8), RNG.integers(0, 65536, (5, 7, 4), np.uint16)
    floats = RNG.random((5, 7, 3))
    np.testing.assert_allclose(load(bytes_).pixels[0].permute(1, 2, 0).numpy(), bytes_ / 255, atol=1e-7)
    np.testing.assert_allclose(load(floats).pixels[0].permute(1, 2, 0).numpy(), floats, atol=1e-7)
    picture = load(shorts)
    assert picture.alpha is not None
    np.testing.assert_allclose(picture.alpha[0, 0].numpy(), shorts[..., 3] / 65535, atol=1e-7)
    assert [load(array).bits for array in (bytes_, shorts, floats)] == [8, 16, 16]
    grey = load(bytes_[..., 0])
    assert grey.pixels.shape == (1, 3, 5, 7)
    assert torch.equal(grey.pixels[:, 0], grey.pixels[:, 1])


def test_an_array_is_copied() -> None:
    array = np.zeros((4, 4, 3), np.float32)
    picture = load(array)
    array += 1
    assert picture.pixels.max() == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pillow_images(mode: str) -> None:
    image = Image.fromarray(RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)).convert(mode)
    expected = np.asarray(image.convert("RGB"), np.float32) / 255
    np.testing.assert_allclose(load(image).pixels[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_deep_pillow_images() -> None:
    shorts = RNG.integers(0, 65536, (5, 7), np.uint16)
    for image in (Image.fromarray(shorts), Image.fromarray(shorts.astype(np.int32))):
        np.testing.assert_allclose(load(image).pixels[0, 1].numpy(), shorts / 65535, atol=1e-7)
        assert load(image).bits == 16
    floats = RNG.random((5, 7)).astype(np.float32)
    np.testing.assert_array_equal(load(Image.fromarray(floats)).pixels[0, 2].numpy(), floats)


def test_the_orientation_of_a_pillow_image() -> None:
    image = Image.new("RGB", (4, 3))
    image.getexif()[0x0112] = 6
    assert load(image).size == (4, 3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (torch.zeros(4, 4), r"expected floats \(3, H, W\) or \(1, 3, H, W\)"),
        (torch.zeros(2, 3, 4, 4), r"expected floats \(3, H, W\) or \(1, 3, H, W\)"),
        (torch.zeros(3, 0, 4), "expected floats"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), "torch.uint8"),
        (torch.full((3, 4, 4), 255.0), r"from 255 to 255; expected \[0, 1\]"),
        (torch.full((3, 4, 4), float("nan")), r"expected \[0, 1\]"),
        (np.full((4, 4, 3), 128.0), r"from 0 to 128; expected \[0, 1\]"),
        (np.full((4, 4, 3), np.nan), r"expected \[0, 1\]"),
        (np.zeros((3, 4, 4, 3)), "shape"),
        (np.zeros((4, 4, 5), np.uint8), "1 to 4 channels"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.int64), "int64; allowed: uint8, uint16, floats"),
        (np.zeros((4, 4, 3), bool), "bool"),
        (7, "a picture cannot be a int"),
        (None, "a picture cannot be a NoneType"),
    ],
)
def test_what_is_no_picture(source: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(source)  # type: ignore[arg-type]


def test_a_mask_of_another_shape_than_the_source_is_refused() -> None:
    source, target = (Picture(torch.rand(1, 3, 20, 30)) for _ in range(2))
    with pytest.raises(UsageError, match="the mask has another shape than the source"):
        blended(source, target, torch.ones(1, 1, 30, 10), (0, 0), "importing")
    blended(source, target, torch.ones(1, 1, 10, 15), (0, 0), "importing")
