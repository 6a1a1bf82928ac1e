"""Style as a set of features: each feature, or patch, is compared with its nearest neighbour in the painting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.losses.cloud import Cloud, cloud, mix_clouds
from impasto.losses.feature import into_space, over, widened
from impasto.losses.neighbours import check_count, check_equal, cosine_distance, search, unit
from impasto.losses.neighbours import nearest as nearest_of
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, StyleLoss


def nearest(samples: int = 4096, candidates: int = 16384) -> StyleLoss:
    """Return the loss of nearest features: the mean cosine distance of each feature to its nearest in the painting.

    Kolkin et al. 2022, "Neural Neighbor Style Transfer". The features of each picture are first centred by their own
    mean. The value is from 0 to 2 and not normalised: it is 1 for features without any variation.

    A random sample of `samples` positions of the picture is compared with all positions of the painting, or with a
    sample of `candidates` positions if there are more. Only positions of the painting with a mask above 0 are
    candidates; other values of the mask do not matter. Several paintings are united, and must have equal shares.

    Raises UsageError for unequal shares, and for less than 1 of `samples` or `candidates`.
    """
    check_count("nearest", samples, "samples")
    check_count("nearest", candidates, "candidates")

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        here = unit(a.draw(draws, samples) - _centre(a))
        there = unit(_present(b).draw(draws, candidates) - _centre(b))
        return cosine_distance(here, nearest_of(here, there)).mean()

    def mix(clouds: Sequence[Cloud], shares: Sequence[float]) -> Cloud:
        check_equal("nearest", shares)
        return mix_clouds(clouds, shares)

    return StyleLoss("nearest", cloud, distance, mix, stochastic=True)


@torch.no_grad()
def replaced(features: Tensor, painting: Cloud, candidates: int = 16384) -> Tensor:
    """Return features `(1, C, H, W)`, each replaced by its nearest of up to `candidates` features of the painting.

    The distance is that of `nearest`.
    """
    here = cloud(LayerFeatures(features.to(painting.points.device), None, painting.space))
    present = _present(painting)
    sample = present.points[RandomDraws().positions(len(present.points), candidates).to(present.points.device)]
    others = unit(into_space(sample, painting.space) - _centre(painting))
    points = unit(into_space(here.points, painting.space) - _centre(here))
    neighbours = sample.index_select(0, search(points, len(sample), lambda part: others[part]))
    return neighbours.T.reshape(features.shape).to(features)


def _centre(cloud: Cloud) -> Tensor:
    """Return the weighted mean of the points, in the space, `(1, K)`."""
    mean = cloud.points.mean(0) if cloud.shares is None else cloud.shares @ cloud.points
    return into_space(mean[None], cloud.space)


def _present(cloud: Cloud) -> Cloud:
    """Return the points with a weight above 0, with equal weights."""
    points = cloud.points if cloud.shares is None else cloud.points[cloud.shares > 0]
    return Cloud(points, None, cloud.space)


@dataclass(frozen=True, eq=False)
class Patches:
    """Square patches of one or several feature maps.

    points: the feature vectors of all maps, `(N, C)`.
    corners: the index of the first point of each patch, `(M,)`.
    widths: the width of the map of each patch, `(M,)`.
    shares: the weights of the patches, `(M,)` with a sum of 1; None for equal weights.
    space: the encoder's metric (see `LayerFeatures`).
    """

    points: Tensor
    corners: Tensor
    widths: Tensor
    shares: Tensor | None
    space: Tensor | None

    def take(self, which: Tensor, size: int) -> Tensor:
        """Return the patches with the indices `which`, of `size` x `size` positions, as rows, `(n, size^2 K)`."""
        along = torch.arange(size, device=which.device)
        rows = self.corners[which, None] + self.widths[which, None] * along
        inside = (rows[..., None] + along).flatten()
        vectors = into_space(self.points.index_select(0, inside), self.space)
        return vectors.reshape(len(which), -1)


def patches(size: int = 3, samples: int = 4096, candidates: int = 4096) -> StyleLoss:
    """Return the loss of patches: the squared distance to the painting's patches with the highest correlation.

    Li and Wand 2016, "Combining Markov Random Fields and Convolutional Neural Networks", eqs. 2 and 3; here divided by
    the square of the painting's patches.

    A patch has `size` x `size` positions of one picture. With a mask, a patch counts if the mask is above 0 at its
    centre. A random sample of `samples` patches of the picture is compared with all patches of the painting, or with a
    sample of `candidates` patches if there are more. Several paintings must have equal shares.

    Raises UsageError for unequal shares, for less than 1 of any setting, and if no patch fits.
    """
    check_count("patches", size, "size")
    check_count("patches", samples, "samples")
    check_count("patches", candidates, "candidates")

    def distance(a: Patches, b: Patches, draws: RandomDraws) -> Tensor:
        device = a.points.device
        here = a.take(draws.positions(len(a.corners), samples, a.shares).to(device), size)
        there = draws.positions(len(b.corners), candidates).to(device)
        indices = search(F.normalize(here.detach()), len(there), lambda part: F.normalize(b.take(there[part], size)))
        neighbours = b.take(there[indices], size)
        return over((here - neighbours).square().mean(), neighbours.square().mean())

    return StyleLoss("patches", lambda features: _patches(features, size), distance, _union, stochastic=True, side=size)


def _patches(features: LayerFeatures, size: int) -> Patches:
    """Return all patches of `size` x `size` positions of one picture. Raises UsageError if there are none."""
    height, width = features.values.shape[-2:]
    if min(height, width) < size:
        raise UsageError(f"patches of {size}x{size} do not fit a layer of {width}x{height}; take larger pictures")
    down, right = height - size + 1, width - size + 1
    corners = torch.arange(height * width, device=features.values.device).view(height, width)[:down, :right].flatten()
    shares = None
    if features.weights is not None:
        middle = size // 2
        shares = widened(features.weights[0, 0, middle : middle + down, middle : middle + right].flatten())
        corners, shares = corners[shares > 0], shares[shares > 0]
        if not len(corners):
            raise UsageError(f"the mask holds no centre of a {size}x{size} patch in a layer of {width}x{height}")
        shares = shares / shares.sum()
    return Patches(features.points, corners, torch.full_like(corners, width), shares, features.space)


def _union(parts: Sequence[Patches], shares: Sequence[float]) -> Patches:
    """Return the patches of all pictures with equal weights. Raises UsageError for unequal `shares` of the pictures."""
    check_equal("patches", shares)
    starts = torch.tensor([0, *(len(part.points) for part in parts)]).cumsum(0).tolist()
    return Patches(
        torch.cat([part.points for part in parts]),
        torch.cat([part.corners + start for part, start in zip(parts, starts, strict=False)]),
        torch.cat([part.widths for part in parts]),
        None,
        parts[0].space,
    )


LOSSES: dict[str, Callable[..., StyleLoss]] = {"nearest": nearest, "patches": patches}
