"""Style losses: a statistic of features, and a distance between two statistics.

The statistic of the painting is computed once. A statistic that is a mean over positions is additive: the sum of the
statistics of parts of a picture, weighted by their shares, is the statistic of the whole. So tiles are exact. Several
paintings are mixed as distributions: their positions are united, each painting with its share. For an additive
statistic the mixture is the weighted mean of the statistics.
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

    values: the features, `(1, C, H, W)`.
    weights: the weights of positions, from a mask, `(1, 1, H, W)`, at least 0 and not all 0; None for equal weights.
    space: an encoder's metric, the matrix `R (K, C + 1)`, which maps a feature vector `f` to `R [f; 1]`; None for the
        features themselves.

    A position counts in proportion to its weight. Gatys et al. 2017 multiply the features by a guide `T`, so that a
    position counts by `T^2`. For a mask of 0 and 1 this is the same. With soft masks that add up to 1, only
    proportional weights give statistics that add up to the statistics of the whole picture.
    """

    values: Tensor
    weights: Tensor | None = None
    space: Tensor | None = None

    @property
    def points(self) -> Tensor:
        """Return the feature vectors, `(N, C)`, in float32 or wider.

        In the channels-last layout only half precision is copied.
        """
        return widened(positions(self.values).squeeze(0))  # an index would copy the gradient in the backward pass

    @property
    def rows(self) -> Tensor:
        """Return the feature vectors without a copy, in the dtype of the network.

        They are `(1, N, C)`, or `(H, W, C)` for a part of a larger picture. A copy would take four times as long as its
        use.
        """
        vectors = self.values.permute(0, 2, 3, 1)
        is_part = (
            vectors.shape[0] == 1 and not vectors.is_contiguous() and vectors.stride()[2:] == (vectors.shape[3], 1)
        )
        return vectors[0] if is_part else vectors.flatten(1, 2)

    @property
    def shares(self) -> Tensor | None:
        """Return the weights of the points, `(N,)` with a sum of 1, or None for equal weights."""
        if self.weights is None:
            return None
        flat = widened(self.weights.flatten())
        return flat / flat.sum()


@dataclass(frozen=True)
class StyleLoss:
    """A style loss: `distance(statistic(features), target, draws)`, a scalar.

    Unless the docstring of its factory says otherwise, the loss is 0 for equal statistics and 1 for features of 0.

    statistic: returns the statistic of features.
    distance: returns the distance of a statistic from that of the painting.
    mix: returns the statistic of several style images from their statistics and shares, which add up to 1.
    additive: whether the statistic is a mean over positions.
    stochastic: whether the distance uses random draws.
    pixels: whether the loss compares images `(1, 3, H, W)` in [0, 1] instead of features of a layer.
    side: the side of the squares of positions that the loss compares.
    samples: whether a sample of positions is enough for a large image.
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
        """Return the statistic of one or several style images from their statistics and shares."""
        return statistics[0] if len(statistics) == 1 else self.mix(statistics, shares)


def weighted_mean(statistics: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Return the mixture of additive statistics.

    >>> weighted_mean([torch.tensor(0.0), torch.tensor(4.0)], [0.75, 0.25])
    tensor(1.)
    """
    return torch.stack([share * statistic for share, statistic in zip(shares, statistics, strict=True)]).sum(0)


def from_function(function: Callable[[Tensor, Tensor], Tensor]) -> StyleLoss:
    """Return a style loss from a function of the features of picture and painting, two tensors `(1, C, H, W)`.

    The loss supports neither masks nor mixtures of paintings; it raises UsageError for both.
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
