"""The penalty of blotches counts variance that the photo does not explain, and no other variance."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from impasto.losses import Part, blotches, blotches_of


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def coarse(side: int, cell: int, seed: int = 0) -> torch.Tensor:
    """A picture of squares, each of one colour."""
    return noise(1, 3, side // cell, side // cell, seed=seed).repeat_interleave(cell, 2).repeat_interleave(cell, 3)


def test_other_colours_and_another_light_are_no_blotches():
    photo = coarse(128, 16)
    mixed = torch.einsum("ij,bjhw->bihw", noise(3, 3, seed=1), photo) * 0.5 + 0.2
    plain = torch.zeros_like(photo)
    assert blotches(mixed, photo) < 0.01 * blotches(mixed, plain)
    edge = (torch.arange(128) < 64).double()  # another light on either side; windows on the edge see both
    assert blotches(mixed * (1 - 0.5 * edge), photo) < 0.15 * blotches(mixed * (1 - 0.5 * edge), plain)


def test_where_the_photo_is_plain_all_is_a_blotch():
    image = coarse(128, 16)
    whole = blotches(image, torch.full_like(image, 0.3))
    assert blotches(image, 0.3 + 1e-4 * coarse(128, 16, seed=2)).item() == pytest.approx(whole.item(), rel=1e-3)
    disc = torch.zeros(1, 3, 128, 128, dtype=torch.float64)
    y, x = torch.meshgrid(*2 * (torch.arange(128) - 64,), indexing="ij")
    disc[..., (y**2 + x**2) < 12**2] = 0.2
    photo = coarse(128, 32)
    assert blotches(photo + disc, photo) > 0.5 * blotches(disc, torch.zeros_like(disc))


def test_strokes_are_free():
    """What is finer than a cell, whatever its contrast."""
    photo = coarse(128, 16)
    strokes = (torch.arange(128) // 2 % 2).double() - 0.5
    nothing = blotches(photo, photo).item()
    assert blotches(photo + strokes, photo).item() == pytest.approx(nothing, rel=1e-9)
    assert blotches(photo + 0.3 * coarse(128, 16, seed=3), photo) > 3 * nothing


def test_it_is_what_the_formula_says():
    """By loops, and numpy's least squares, where noise in the photo is so many further rows."""
    image, photo = noise(1, 3, 32, 40), noise(1, 3, 32, 40, seed=1)

    def means(c: np.ndarray) -> np.ndarray:
        rows = [[c[i : i + 8, j : j + 8].mean(axis=(0, 1)) for j in range(0, 33, 4)] for i in range(0, 25, 4)]
        return np.pad(np.array(rows), ((3, 3), (3, 3), (0, 0)), mode="reflect")

    ours, theirs = (means(each[0].permute(1, 2, 0).numpy()) for each in (image, photo))
    result = []
    for i in range(0, ours.shape[0] - 6, 3):
        for j in range(0, ours.shape[1] - 6, 3):
            target, known = (each[i : i + 7, j : j + 7].reshape(49, 3) for each in (ours, theirs))
            target, known = target - target.mean(0), known - known.mean(0)
            rows = np.vstack([known, np.sqrt(49 * 1e-4) * np.eye(3)])
            targets = np.vstack([target, np.zeros((3, 3))])
            explained = (target * (known @ np.linalg.solve(rows.T @ rows, rows.T @ targets))).sum()
            result.append(((target**2).sum() - explained) / (49 * 3))
    assert blotches(image, photo).item() == pytest.approx(np.mean(result), rel=1e-9)


def test_gradients_also_of_small_and_odd_pictures():
    image, photo = noise(1, 3, 19, 23).requires_grad_(), noise(1, 3, 19, 23, seed=1)
    assert torch.autograd.gradcheck(lambda x: blotches(x, photo), (image,))
    assert blotches(noise(1, 3, 9, 8), noise(1, 3, 9, 8, seed=1)) == 0  # too small to have any


@pytest.mark.parametrize("size", [(50, 61), (64, 96), (33, 24)])
def test_parts_add_up(size):
    """However a picture is cut, also within a block of means, with rows and columns left over."""
    image, photo = noise(1, 3, *size), noise(1, 3, *size, seed=1)
    loss = blotches_of(photo, scale=100)
    total = 0
    for top, bottom in pairwise([0, 7, 29, size[0]]):
        for left, right in pairwise([0, 16, 21, size[1]]):
            part = Part(top, left, bottom - top, right - left, size)
            total = total + loss.add(part.of(image), part)
    assert loss.value(total).item() == pytest.approx(100 * blotches(image, photo).item(), rel=1e-12)


def test_lengths_grow_with_the_picture():
    image, photo = coarse(256, 4), coarse(256, 4, seed=1)
    large = [each.repeat_interleave(4, 2).repeat_interleave(4, 3) for each in (image, photo)]
    assert blotches(*large).item() == pytest.approx(blotches(*[at_512(each) for each in large]).item(), rel=1e-9)


def at_512(image: torch.Tensor) -> torch.Tensor:
    """Means over squares of two pixels."""
    return torch.nn.functional.avg_pool2d(image, image.shape[-1] // 512)
