"""Colours of transparent pixels: they do not count, and do not change visible pixels in resized or rotated pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from impasto.errors import UsageError
from impasto.image import Picture, colors_of, load, load_mask, match_luminance, resized, rotate, write
from impasto.image.hidden import continued

HIDDEN = [(0, 0, 0), (255, 255, 255), (255, 0, 255)]


def colours(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def disc(height: int = 40, width: int = 60) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.asarray(np.hypot((columns - width / 2) / width, (rows - height / 2) / height) < 0.4)


def cut_out(hidden: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Random colours in a disc, `hidden` around it, RGBA."""
    colors = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    colors[~disc()] = hidden
    return np.dstack([colors, disc() * np.uint8(255)])


def as_file(array: NDArray[np.uint8], path: Path) -> Path:
    Image.fromarray(array).save(path)
    return path


def as_deep_file(array: NDArray[np.uint8], path: Path) -> Path:
    values = torch.from_numpy(array.astype(np.float32) / 255).permute(2, 0, 1)[None]
    write(path, values[:, :3], alpha=values[:, 3:], bits=16)
    return path


def as_picture(array: NDArray[np.uint8], _: Path) -> Picture:
    values = torch.from_numpy(array.astype(np.float32) / 255).permute(2, 0, 1)[None]
    return Picture(values[:, :3], values[:, 3:])


@pytest.mark.parametrize(
    "make",
    [as_file, as_deep_file, as_picture, lambda array, _: array, lambda array, _: Image.fromarray(array)],
    ids=["file", "deep", "picture", "array", "pillow"],
)
def test_what_is_loaded_depends_on_nothing_hidden(make, tmp_path):
    first, *others = (load(make(cut_out(hidden), tmp_path / "a.png")) for hidden in HIDDEN)
    for other in others:
        assert torch.equal(first.pixels, other.pixels)
    visible = torch.from_numpy(disc())
    expected = cut_out(HIDDEN[0])[..., :3].transpose(2, 0, 1) / 255
    np.testing.assert_allclose(first.pixels[0][:, visible], expected[:, disc()], atol=1e-6)


def test_a_colour_of_a_palette_that_is_transparent(tmp_path):
    result = []
    for hidden in HIDDEN:
        indices = Image.new("P", (60, 40))
        indices.putpalette([10, 200, 30, *hidden])
        indices.putdata((~disc()).astype(np.uint8).flatten().tolist())
        buffer = io.BytesIO()
        indices.save(buffer, "GIF", transparency=1)
        (tmp_path / "a.gif").write_bytes(buffer.getvalue())
        result.append(load(tmp_path / "a.gif").pixels)
    expected = torch.tensor([10, 200, 30]).view(1, 3, 1, 1).expand(1, 3, 40, 60) / 255
    for pixels in result:
        torch.testing.assert_close(pixels, expected)


def test_the_continuation_is_smooth_and_does_not_change_again():
    ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 48, 64)
    alpha = torch.ones(1, 1, 48, 64)
    alpha[..., 10:38, 20:50] = 0
    result = continued(torch.where(alpha > 0, ramp, 0), alpha)
    assert torch.equal(result[..., :10, :], ramp[..., :10, :])
    assert (result - ramp).abs().max() < 0.15, "within the range of what is around"
    assert result.diff(dim=3).abs().max() < 0.1, "no edge at the outline"
    assert torch.equal(continued(result, alpha), result)
    opaque = torch.ones_like(alpha)
    assert continued(ramp, opaque) is ramp


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (37, 53)])
def test_one_visible_pixel_colours_all(size):
    alpha = torch.zeros(1, 1, *size)
    alpha[..., -1, -1] = 1 / 255
    result = continued(colours(*size), alpha)
    torch.testing.assert_close(result, colours(*size)[..., -1:, -1:].expand_as(result))


def test_nothing_visible_is_black_and_told():
    picture = load(Picture(colours(5, 6), torch.zeros(1, 1, 5, 6), source="a.png"))
    assert picture.pixels.max() == 0
    with pytest.raises(UsageError, match=r"a\.png is transparent everywhere"):
        picture.check_visible()


@pytest.mark.parametrize("size", [(20, 30), (13, 21), (80, 120), (33, 95)])
def test_resizing_is_pillows_of_colours_multiplied_by_alpha(size):
    """Plane by plane in Pillow's mode F, which does not round."""
    alpha = ndimage.gaussian_filter(disc().astype(np.float32), 2)
    image = np.where(alpha > 0, 0.4 + 0.2 * colours(40, 60)[0].numpy(), 0).astype(np.float32)
    planes = [
        np.asarray(Image.fromarray(p).resize(size[::-1], Image.Resampling.BICUBIC)) for p in (*image * alpha, alpha)
    ]
    result = resized(load(np.dstack([*image, alpha])), size)
    assert result.alpha is not None
    np.testing.assert_allclose(result.alpha[0, 0].numpy(), planes[3].clip(0, 1), atol=1e-5)
    seen = planes[3] > 0.02
    expected = np.stack(planes[:3])[:, seen] / planes[3][seen]
    np.testing.assert_allclose(result.pixels[0].numpy()[:, seen], expected.clip(0, 1), atol=1e-3)


def test_a_white_cut_out_has_no_dark_edge():
    alpha = torch.from_numpy(disc()).float()[None, None]
    picture = load(Picture(alpha.expand(1, 3, 40, 60), alpha))
    torch.testing.assert_close(resized(picture, (13, 19)).pixels, torch.ones(1, 3, 13, 19))
    turned, _ = rotate(picture.pixels, 30, alpha, alpha)
    torch.testing.assert_close(turned, torch.ones_like(turned))


@pytest.mark.parametrize("degrees", [30, 215.5])
def test_turning_multiplies_by_alpha(degrees):
    image = colours(40, 60)
    alpha = torch.from_numpy(ndimage.gaussian_filter(disc().astype(np.float32), 2))[None, None]
    multiplied, _ = rotate(image * alpha, degrees)
    shown, _ = rotate(alpha.expand(1, 3, 40, 60), degrees)
    result, inside = rotate(image, degrees, alpha, alpha)
    torch.testing.assert_close(result * shown, multiplied, atol=1e-3, rtol=0)
    assert inside is not None
    assert (result - rotate(image, degrees)[0]).abs().max() > 0.05


def test_a_maps_hidden_colours_are_no_regions(tmp_path):
    array = np.zeros((40, 60, 4), np.uint8)
    array[disc()] = (255, 0, 0, 255)
    array[~disc()] = (0, 0, 255, 0)
    Image.fromarray(array).save(tmp_path / "map.png")
    name = str(tmp_path / "map.png")
    assert colors_of(name) == {"#ff0000": pytest.approx(1.0)}
    np.testing.assert_array_equal(load_mask(f"{name}#ff0000")[0, 0].numpy(), disc())
    with pytest.raises(UsageError, match="has no colour #0000ff"):
        load_mask(f"{name}#0000ff")


def test_light_is_matched_by_weights():
    grey, other = colours(8, 9)[:, :1] / 2 + 0.2, colours(10, 7)[:, 1:2] / 3 + 0.3
    weights, theirs = colours(8, 9)[:, 1:2], colours(10, 7)[:, :1]
    result = match_luminance(grey, other, weights, theirs)[0, 0].double().numpy()
    assert 0 < result.min() < result.max() < 1
    mean = np.average(result, weights=weights[0, 0].numpy())
    aim = np.average(other[0, 0].numpy(), weights=theirs[0, 0].numpy())
    assert mean == pytest.approx(aim, abs=1e-5)
    assert np.average((result - mean) ** 2, weights=weights[0, 0].numpy()) == pytest.approx(
        np.average((other[0, 0].numpy() - aim) ** 2, weights=theirs[0, 0].numpy()), rel=1e-4
    )


def test_strips_are_the_whole_picture(monkeypatch):
    alpha = torch.from_numpy(disc(61, 47)).float()[None, None]
    expected = continued(colours(61, 47), alpha)
    monkeypatch.setattr("impasto.image.hidden.STRIP", 100)
    torch.testing.assert_close(continued(colours(61, 47), alpha), expected)


def test_a_picture_that_is_given_stays_as_it_is():
    given = as_picture(cut_out(HIDDEN[2]), Path())
    before = given.pixels.clone()
    assert not torch.equal(load(given).pixels, before)
    assert torch.equal(given.pixels, before)
    once = load(given)
    assert load(once) is once
