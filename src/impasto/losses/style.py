"""Style losses: a statistic of features, and a distance between two statistics.

The statistic of the painting is computed once. A statistic that is a mean over positions is `additive`: statistics of
parts of a picture, weighted by their share, add up to that of the whole, which makes tiles exact. Several paintings are
mixed as distributions: their positions are united in the given shares. For an additive statistic this is the weighted
mean of the statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.losses.feature import into_space, positions, widened
from impasto.losses.sampling import RandomDraws


@dataclass(frozen=True)
class LayerFeatures:
    """Features of one picture at one layer, for a style loss.

    values: `(1, C, H, W)`.
    weights: `(1, 1, H, W)`, at least 0 and not all 0: weights of positions, from a mask (None: equal).
    space: an encoder's metric, the matrix `R (K, C + 1)`; a feature vector `f` stands for `R [f; 1]` (None: for `f`).

    A position counts in proportion to its weight. Gatys et al. 2017 multiply the features by a guide `T`, so that a
    position counts by `T^2`. For a mask of 0 and 1 this is the same. With soft masks that add up to 1, only
    proportional weights give statistics that add up to those of the whole picture.
    """

    values: Tensor
    weights: Tensor | None = None
    space: Tensor | None = None

    @property
    def points(self) -> Tensor:
        """The feature vectors, `(N, C)`: no copy in the channels-last layout, unless they are in half precision."""
        return widened(positions(self.values).squeeze(0))  # an index would copy them in the backward pass

    @property
    def rows(self) -> Tensor:
        """The same vectors in one row, `(1, N, C)`, or, for a part of a larger picture, in its rows `(H, W, C)`.

        Neither is copied; a copy would take four times as long as its use. In half precision if the network is."""
        found = self.values.permute(0, 2, 3, 1)
        apart = found.shape[0] == 1 and not found.is_contiguous() and found.stride()[2:] == (found.shape[3], 1)
        return found[0] if apart else found.flatten(1, 2)

    @property
    def shares(self) -> Tensor | None:
        """The weights of the points, `(N,)` with a sum of 1; or None."""
        if self.weights is None:
            return None
        flat = widened(self.weights.flatten())
        return flat / flat.sum()


@dataclass(frozen=True)
class StyleLoss:
    """A style loss: `distance(statistic(features), target, draws)` is a scalar: 0 if equal, 1 for features that are 0.

    mix: makes the statistic of several style images from theirs and their shares, which add up to 1.
    additive: whether the statistic is a mean over positions.
    stochastic: whether the distance uses random draws.
    pixels: whether it compares the images themselves, `(1, 3, H, W)` in [0, 1], instead of a layer.
    side: side of the squares of positions that it compares.
    samples: whether a sample of positions serves for a large image.
    """

    name: str
    statistic: Callable[[LayerFeatures], Any]
    distance: Callable[[Any, Any, RandomDraws], Tensor]
    mix: Callable[[Sequence[Any], Sequence[float]], Any]
    additive: bool = False
    stochastic: bool = False
    pixels: bool = False
    side: int = 1
    samples: bool = True

    def mixed(self, statistics: Sequence[Any], shares: Sequence[float]) -> Any:
        """Return the statistic of several style images from theirs."""
        return statistics[0] if len(statistics) == 1 else self.mix(statistics, shares)


def weighted_mean(statistics: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Return the mixture of additive statistics."""
    return torch.stack([share * statistic for share, statistic in zip(shares, statistics, strict=True)]).sum(0)


def from_function(function: Callable[[Tensor, Tensor], Tensor]) -> StyleLoss:
    """Return a style loss from a function of two tensors of features `(1, C, H, W)`, the picture's and the painting's.

    It supports neither masks nor mixtures of paintings.
    """
    name = getattr(function, "__name__", type(function).__name__)

    def statistic(features: LayerFeatures) -> Tensor:
        if features.weights is not None:
            raise UsageError(f"the style loss '{name}' is a plain function of features, which knows no masks")
        points = into_space(features.points, features.space)
        return points.T.reshape(1, -1, *features.values.shape[-2:])

    def mix(statistics: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
        raise UsageError(f"the style loss '{name}' is a plain function of features, which knows one painting only")

    return StyleLoss(name, statistic, lambda a, b, draws: function(a, b), mix, samples=False)
