"""Masks from pictures and colour-coded maps, and their sizes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import UsageError
from impasto.image import colors_of, load_mask, write
from impasto.image.mask import resize_mask


def noise(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def map(tmp_path: Path) -> str:
    """A quarter red, half blue, a quarter green, and one pixel of white."""
    array = np.zeros((40, 80, 3), np.uint8)
    array[:, :20], array[:, 20:60], array[:, 60:] = (255, 0, 0), (10, 20, 200), (0, 128, 0)
    array[0, 0] = 255
    Image.fromarray(array).save(tmp_path / "map.png")
    return str(tmp_path / "map.png")


def test_a_grey_picture_is_its_luminance(tmp_path: Path) -> None:
    array = np.arange(200, dtype=np.uint8).reshape(10, 20)
    Image.fromarray(array).save(tmp_path / "a.png")
    mask = load_mask(tmp_path / "a.png")
    np.testing.assert_allclose(mask[0, 0].numpy(), array / 255, atol=1e-6)
    torch.testing.assert_close(load_mask(f"~{tmp_path / 'a.png'}"), 1 - mask)


def test_a_picture_with_transparency_is_its_alpha(tmp_path: Path) -> None:
    alpha = torch.linspace(0, 1, 60).view(1, 1, 6, 10)
    write(tmp_path / "a.png", torch.rand(1, 3, 6, 10, generator=torch.Generator().manual_seed(0)), alpha=alpha)
    torch.testing.assert_close(load_mask(tmp_path / "a.png"), alpha, atol=1 / 255, rtol=0)


def test_tensors_and_arrays_are_masks_too() -> None:
    mask = noise(5, 7).float()
    torch.testing.assert_close(load_mask(mask), mask)
    torch.testing.assert_close(load_mask(mask[0, 0].numpy()), mask)
    torch.testing.assert_close(load_mask(mask.expand(1, 3, 5, 7)), mask)
    with pytest.raises(UsageError, match=r"expected \[0, 1\]"):
        load_mask(2 + mask)


def test_the_parts_of_a_map_by_colour(map: str) -> None:
    red, blue, rest = load_mask(map + "#ff0000"), load_mask(map + "#0A14C8"), load_mask("~" + map + "#ff0000")
    assert red[..., :20].sum() == 799
    assert red[..., 20:].max() == 0
    assert blue[..., 20:60].min() == 1
    assert blue.sum() == 1600
    assert torch.equal(rest, 1 - red)


def test_the_colours_of_a_map_and_their_shares(map: str) -> None:
    assert colors_of(map) == pytest.approx({"#0a14c8": 0.5, "#008000": 0.25, "#ff0000": 0.25 - 1 / 3200})
    assert next(iter(colors_of(map))) == "#0a14c8"


def test_a_map_may_have_been_a_jpeg(map: str, tmp_path: Path) -> None:
    Image.open(map).save(tmp_path / "map.jpg", quality=85)
    exact, result = load_mask(map + "#0a14c8"), load_mask(f"{tmp_path / 'map.jpg'}#0a14c8")
    assert (exact != result).float().mean() < 0.04
    shares = list(colors_of(tmp_path / "map.jpg").values())
    assert shares[:3] == pytest.approx([0.5, 0.25, 0.25], abs=0.03)
    assert sum(shares[3:]) < 0.06  # the blur between them


def test_a_colour_that_is_missing_names_the_nearest(map: str) -> None:
    with pytest.raises(UsageError, match=r"no colour #0000ff; the nearest that it has: #0a14c8, "):
        load_mask(map + "#0000ff")
    with pytest.raises(UsageError, match=r"'#ff00' is no colour of '.*map.png'; expected #rrggbb"):
        load_mask(map + "#ff00")
    with pytest.raises(UsageError, match="it is no map"):
        load_mask(noise_file(Path(map).parent) + "#123456")
    with pytest.raises(UsageError, match="no such file"):
        load_mask("~missing.png#ff0000")


def noise_file(folder: Path) -> str:
    path = folder / "noise.png"
    write(path, torch.rand(1, 3, 60, 60, generator=torch.Generator().manual_seed(3)))
    return str(path)


@pytest.mark.parametrize("factor", [2, 4, 5])
def test_masks_shrink_by_area(factor: int) -> None:
    mask = noise(20 * factor, 30 * factor)
    expected = mask.view(20, factor, 30, factor).mean((1, 3))
    torch.testing.assert_close(resize_mask(mask, (20, 30))[0, 0], expected)


def test_areas_are_exact_where_pixels_are_cut() -> None:
    """By way of a multiple of both sides."""
    mask = noise(21, 35)
    fine = mask.repeat_interleave(8, 2).repeat_interleave(6, 3)
    expected = fine.view(8, 21, 6, 35).mean((1, 3))
    torch.testing.assert_close(resize_mask(mask, (8, 6))[0, 0], expected)


def test_masks_grow_linearly() -> None:
    mask = noise(6, 5)
    expected = torch.nn.functional.interpolate(mask, size=(13, 11), mode="bilinear", align_corners=False)
    torch.testing.assert_close(resize_mask(mask, (13, 11)), expected)
    torch.testing.assert_close(resize_mask(mask, (6, 5)), mask)
    assert load_mask(mask.float(), (3, 9)).shape == (1, 1, 3, 9)
    assert resize_mask(noise(1, 1), (4, 4)).std() < 1e-12
