"""Seamless cloning against dense solutions, and the pixels that must not change."""

import numpy as np
import pytest
import torch

from impasto.errors import UsageError
from impasto.image import blend

SHAPES = ["rectangle", "disc", "sieve", "touching", "corner", "strip", "most", "dot"]


def smooth(height: int, width: int, seed: int) -> torch.Tensor:
    coarse = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    fine = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    return 0.4 + 0.1 * fine.clamp(0, 1)


def region(shape: str, height: int, width: int) -> torch.Tensor:
    mask, y, x = torch.zeros(height, width), *torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    if shape == "rectangle":
        mask[3:-4, 5:-2] = 1
    elif shape == "disc":
        mask[(y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2] = 1
    elif shape == "sieve":
        mask[1:-1, 1:-1] = (torch.rand(height - 2, width - 2, generator=torch.Generator().manual_seed(0)) > 0.1).float()
    elif shape == "touching":
        mask[:, : width // 2] = 1
        mask[height // 2, width // 2] = 1
    elif shape == "corner":
        mask[: height // 2, : width // 2] = 1
    elif shape == "strip":
        mask[:, 4:-3] = 1
    elif shape == "most":
        mask[:] = 1
        mask[5, 6] = 0
    else:
        mask[7, 8] = 1
    return mask[None, None]


def dense(source: np.ndarray, target: np.ndarray, inside: np.ndarray, mixed: bool) -> np.ndarray:
    """Equation 7 of the paper, pixel by pixel, for a source that covers the target."""
    places = {tuple(place): k for k, place in enumerate(np.argwhere(inside))}
    matrix, right = np.zeros((len(places), len(places))), np.zeros((len(places), source.shape[0]))
    for (i, j), k in places.items():
        for q in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if not (0 <= q[0] < inside.shape[0] and 0 <= q[1] < inside.shape[1]):
                continue
            matrix[k, k] += 1
            v, own = source[:, i, j] - source[:, q[0], q[1]], target[:, i, j] - target[:, q[0], q[1]]
            right[k] += np.where(mixed & (np.abs(own) > np.abs(v)), own, v)
            if q in places:
                matrix[k, places[q]] -= 1
            else:
                right[k] += target[:, q[0], q[1]]
    result = target.copy()
    result[:, inside] = np.linalg.solve(matrix, right).T
    return result


@pytest.mark.parametrize("gradients", ["importing", "mixed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_as_a_dense_solution_has_it(shape: str, gradients: str) -> None:
    source, target, mask = smooth(24, 31, 0), smooth(24, 31, 1), region(shape, 24, 31)
    expected = dense(source[0].numpy(), target[0].numpy(), mask[0, 0].numpy() > 0.5, gradients == "mixed")
    result = blend(source, target, mask, gradients=gradients)[0].numpy()
    np.testing.assert_allclose(result, expected, atol=3e-5)
    assert np.abs(expected - target[0].numpy()).max() > 0.001


@pytest.mark.parametrize("gradients", ["importing", "mixed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_in_itself_stays(shape: str, gradients: str) -> None:
    target = smooth(24, 31, 1)
    torch.testing.assert_close(blend(target, target, region(shape, 24, 31), gradients=gradients), target)


def test_a_part_of_a_picture_in_its_place_stays() -> None:
    """Also where the mask ends only with the source."""
    target = smooth(24, 31, 1)
    part = target[..., 5:18, 9:27]
    torch.testing.assert_close(blend(part, target, torch.ones(1, 1, 13, 18), (9, 5)), target)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_offset_of_the_source_vanishes(shape: str) -> None:
    source, target, mask = smooth(24, 31, 0), smooth(24, 31, 1), region(shape, 24, 31)
    torch.testing.assert_close(blend(source + 0.3, target, mask), blend(source, target, mask), atol=3e-5, rtol=0)


def test_nothing_changes_outside() -> None:
    source, target, mask = smooth(24, 31, 0), smooth(24, 31, 1), region("disc", 24, 31)
    result = blend(source, target, mask)
    assert torch.equal(result[:, :, mask[0, 0] == 0], target[:, :, mask[0, 0] == 0])
    assert result.dtype == target.dtype
    assert blend(source.float(), target.float(), mask).dtype == torch.float32


def test_mixed_keeps_the_stronger_gradient() -> None:
    """A flat source leaves a striped target alone, and a striped one marks a flat target."""
    flat = torch.full((1, 3, 24, 31), 0.5)
    stripes = flat + 0.1 * (torch.arange(31) % 4 < 2)
    mask = region("disc", 24, 31)
    torch.testing.assert_close(blend(flat, stripes, mask, gradients="mixed"), stripes)
    assert (blend(flat, stripes, mask) - stripes).abs().max() > 0.05
    torch.testing.assert_close(blend(stripes, flat, mask, gradients="mixed"), blend(stripes, flat, mask))


@pytest.mark.parametrize("at", [(-5, -7), (12, 15), (-3, 9), (0, 0)])
def test_what_lies_beyond_the_target_is_cut_off(at: tuple[int, int]) -> None:
    """As if the source were laid on a larger sheet and cut out again."""
    source, target, mask = smooth(20, 22, 0), smooth(24, 31, 1), region("disc", 20, 22)
    x, y = at
    sheet, hole = smooth(24, 31, 1), torch.zeros(1, 1, 24, 31)
    rows, columns = slice(max(y, 0), min(y + 20, 24)), slice(max(x, 0), min(x + 22, 31))
    down, across = slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x)
    sheet[..., rows, columns], hole[..., rows, columns] = source[..., down, across], mask[..., down, across]
    torch.testing.assert_close(blend(source, target, mask, at), blend(sheet, target, hole), atol=3e-5, rtol=0)


def test_a_source_over_all_keeps_the_targets_mean() -> None:
    source, target = smooth(24, 31, 0), smooth(24, 31, 1)
    result = blend(source, target, torch.ones(1, 1, 24, 31))
    torch.testing.assert_close(result.mean((2, 3)), target.mean((2, 3)))
    torch.testing.assert_close(result.diff(dim=3), source.diff(dim=3))


def test_the_smallest_pictures() -> None:
    one = torch.full((1, 3, 1, 1), 0.3)
    torch.testing.assert_close(blend(1 - one, one, torch.ones(1, 1, 1, 1)), one)
    line = torch.linspace(0, 1, 9).view(1, 1, 1, 9).expand(1, 3, 1, 9)
    bridged = blend((9 * line) ** 2 % 0.3, line, torch.tensor([0, 1, 1, 0, 1, 1, 1, 1, 0.0]).view(1, 1, 1, 9))
    torch.testing.assert_close(bridged[..., [0, 3, 8]], line[..., [0, 3, 8]])


def test_what_cannot_be() -> None:
    image, mask = torch.zeros(1, 3, 4, 5), torch.ones(1, 1, 4, 5)
    with pytest.raises(UsageError, match=r"unknown gradients 'mixing' \(did you mean 'mixed'\?\)"):
        blend(image, image, mask, gradients="mixing")
    with pytest.raises(UsageError, match="no part of the mask lies on the target: it is 5x4, the mask 5x4 at 5,0"):
        blend(image, image, mask, (5, 0))
    with pytest.raises(UsageError, match="no part of the mask"):
        blend(image, image, 0 * mask)
    with pytest.raises(UsageError, match=r"the mask has shape \(1, 1, 4, 4\); expected \(1, 1, 4, 5\)"):
        blend(image, image, mask[..., 1:])
    with pytest.raises(UsageError, match=r"the target has shape \(3, 4, 5\)"):
        blend(image, image[0], mask)
