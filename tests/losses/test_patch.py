import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from skimage.util import view_as_windows
from tests.losses.targets import target_of

from impasto.errors import UsageError
from impasto.losses.cloud import cloud as cloud_of
from impasto.losses.patch import nearest, patches, replaced
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, StyleLoss


def picture(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def compare(loss: StyleLoss, a: LayerFeatures, *paintings: LayerFeatures) -> float:
    target = target_of(loss, paintings, [1 / len(paintings)] * len(paintings))
    return loss.distance(loss.statistic(a), target, RandomDraws(5)).item()


def cloud(f: torch.Tensor) -> np.ndarray:
    return f[0].flatten(1).T.numpy()


def windows(f: torch.Tensor, size: int) -> np.ndarray:
    n = len(f[0])
    return view_as_windows(f[0].numpy(), (n, size, size))[0].reshape(-1, n * size * size)


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T) / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(y, axis=1)


def test_nearest_is_the_mean_cosine_distance_of_centred_features():
    x, y = picture(0, 1, 4, 5, 6) + 1, picture(1, 1, 4, 4, 7) - 3
    costs = cdist(cloud(x) - cloud(x).mean(0), cloud(y) - cloud(y).mean(0), "cosine")
    assert compare(nearest(), LayerFeatures(x), LayerFeatures(y)) == pytest.approx(costs.min(1).mean(), rel=1e-4)


def test_nearest_centres_by_the_mean_of_what_the_mask_shows():
    x, y = picture(0, 1, 4, 5, 6) + 1, picture(1, 1, 4, 4, 7)
    weights = torch.rand(1, 1, 4, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weights[..., 5:] = 0
    mean = np.average(cloud(y), axis=0, weights=weights.flatten().numpy())
    costs = cdist(cloud(x) - cloud(x).mean(0), cloud(y[..., :5]) - mean, "cosine")
    assert compare(nearest(), LayerFeatures(x), LayerFeatures(y, weights)) == pytest.approx(
        costs.min(1).mean(), rel=1e-4
    )


def test_features_are_exchanged_for_the_nearest_that_the_mask_shows():
    x, y = picture(0, 1, 4, 5, 6) + 1, picture(1, 1, 4, 4, 7) - 3
    weights = torch.zeros(1, 1, 4, 7, dtype=torch.float64)
    weights[..., :3] = 1
    shown = cloud(y)[weights.flatten() > 0]
    wanted = shown[cdist(cloud(x) - cloud(x).mean(0), shown - shown.mean(0), "cosine").argmin(1)]
    assert np.array_equal(cloud(replaced(x, cloud_of(LayerFeatures(y, weights)))), wanted)


def test_nearest_does_not_see_a_constant_added_to_all_features():
    x, y = picture(0, 1, 4, 5, 6), picture(1, 1, 4, 4, 7)
    plain = compare(nearest(), LayerFeatures(x), LayerFeatures(y))
    assert compare(nearest(), LayerFeatures(x + 5), LayerFeatures(3 * y - 2)) == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_patches_are_compared_with_those_that_correlate_best(size):
    x, y = picture(0, 1, 3, 6, 5), picture(1, 1, 3, 5, 8)
    a, b = windows(x, size), windows(y, size)
    matched = b[correlation(a, b).argmax(1)]
    expected = ((a - matched) ** 2).sum() / (matched**2).sum()
    assert compare(patches(size), LayerFeatures(x), LayerFeatures(y)) == pytest.approx(expected)


def test_patches_are_those_of_the_space():
    x, y, space = picture(0, 1, 3, 6, 5), picture(1, 1, 3, 5, 8), picture(2, 5, 4)
    wide = [torch.einsum("kc,bchw->bkhw", space[:, :-1], f) + space[:, -1, None, None] for f in (x, y)]
    narrow = [LayerFeatures(f, space=space) for f in (x, y)]
    assert compare(patches(), *narrow) == pytest.approx(compare(patches(), *(LayerFeatures(f) for f in wide)))
    assert compare(nearest(), *narrow) == pytest.approx(compare(nearest(), *(LayerFeatures(f) for f in wide)))


def test_only_patches_whose_centre_the_mask_shows_may_be_had():
    x, y = picture(0, 1, 3, 6, 5), picture(1, 1, 3, 7, 8)
    mask = torch.zeros(1, 1, 7, 8)
    mask[..., 2:5, 3:5] = 0.3
    a, b = windows(x, 3), windows(y[..., 1:6, 2:6], 3)
    matched = b[correlation(a, b).argmax(1)]
    expected = ((a - matched) ** 2).sum() / (matched**2).sum()
    assert compare(patches(), LayerFeatures(x), LayerFeatures(y, mask)) == pytest.approx(expected)


def test_patches_do_not_reach_from_one_painting_into_another():
    x, y, z = picture(0, 1, 3, 6, 5), picture(1, 1, 3, 5, 8), picture(2, 1, 3, 4, 4)
    a, b = windows(x, 3), np.concatenate([windows(y, 3), windows(z, 3)])
    matched = b[correlation(a, b).argmax(1)]
    expected = ((a - matched) ** 2).sum() / (matched**2).sum()
    assert compare(patches(), LayerFeatures(x), LayerFeatures(y), LayerFeatures(z)) == pytest.approx(expected)


def test_a_picture_made_of_the_paintings_patches_is_no_distance_away():
    y = picture(1, 1, 3, 9, 9)
    assert compare(patches(), LayerFeatures(y[..., 2:7, 1:6]), LayerFeatures(y)) == pytest.approx(0, abs=1e-12)
    assert compare(patches(), LayerFeatures(y.flip(-1)), LayerFeatures(y)) > 0.1


def test_where_no_patch_fits_that_is_said():
    small, mask = picture(0, 1, 3, 2, 8), torch.zeros(1, 1, 6, 6)
    with pytest.raises(UsageError, match="patches of 3x3 do not fit a layer of 8x2"):
        compare(patches(), LayerFeatures(small), LayerFeatures(small))
    mask[..., 0, :] = 1
    with pytest.raises(UsageError, match="mask holds no centre of a 3x3 patch in a layer of 6x6"):
        compare(patches(), LayerFeatures(picture(1, 1, 3, 6, 6), mask), LayerFeatures(picture(1, 1, 3, 6, 6)))


@pytest.mark.parametrize("settings", [{"size": 0}, {"candidates": 0}])
def test_settings_below_one_are_refused(settings):
    with pytest.raises(UsageError, match="at least 1"):
        patches(**settings)
    with pytest.raises(UsageError, match="candidates of 'nearest'"):
        nearest(candidates=0)
