"""Content and style weights: from the strength, and in the scales of papers, whose weights can be used as printed.

The default scale, "normalized", divides every loss by the distance of features that are 0, so that a weight has the
same effect with every network. The other scales define the loss as in their source, for a layer with C channels and N
positions, features F and P, and Gram matrices G = F F^T / N and A:

| name | content | style | over the layers | source |
|---|---|---|---|---|
| gatys | 1/2 sum (F - P)^2 | sum (G - A)^2 / 4 C^2 | mean | Gatys et al. 2016, eqs. 1, 4, 5 |
| mean | mean (F - P)^2 | mean (G - A)^2 | sum | the mean squared error of both |
| tutorial | mean (F - P)^2 | mean (G / C - A / C)^2 | sum | PyTorch's tutorial, Johnson's neural-style |
| tutorial-mean | mean (F - P)^2 | mean (G / C - A / C)^2 | mean | the same, divided by the number of layers |

The 1 / 4 C^2 N^2 of Gatys et al. belongs to sums over positions, F F^T, and to images of one size. Here each Gram
matrix is divided by its own N. The effect of a weight depends on the scale of a network's features. The scales hold for
torchvision's VGG, and for `lite`, whose metric is that of VGG-19's features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from impasto.losses import Term
from impasto.settings.synthesis import StylizeSettings


@dataclass(frozen=True)
class Weighting:
    """The scale of a paper: the factors of the losses of a layer.

    content: factor of the mean over positions of |f - p|^2, from the numbers of channels and positions.
    style: factor of |G - A|^2, from the number of channels.
    mean: whether the layers share the style weight; otherwise each layer has all of it.
    """

    content: Callable[[int, int], float]
    style: Callable[[int], float]
    mean: bool


WEIGHTINGS: Mapping[str, Weighting | None] = {
    "normalized": None,
    "gatys": Weighting(lambda c, n: 0.5 * n, lambda c: 0.25 / c**2, mean=True),
    "mean": Weighting(lambda c, n: 1 / c, lambda c: 1 / c**2, mean=False),
    "tutorial": Weighting(lambda c, n: 1 / c, lambda c: 1 / c**4, mean=False),
    "tutorial-mean": Weighting(lambda c, n: 1 / c, lambda c: 1 / c**4, mean=True),
}

BALANCE = 50.0
"""The style weight beside a content weight of 1 at strength 0.5."""

LEVELS = {
    "mean": 4.0,
    "mmd-linear": 4.0,
    "bn": 3.3,
    "covariance": 0.5,
    "coral": 0.4,
    "w2": 0.6,
    "mmd-gaussian": 4.0,
    "sliced": 2.5,
    "histogram": 5.0,
    "moments": 0.15,
    "palette": 0.3,
    "patches": 0.2,
}
"""Factors of style losses (1 by default) with which a strength has the same effect as with Gram matrices.

At strength 0.5 the result has about the same relative content distance with every loss: measured on three pairs of
samples at 192 px, to within a quarter. At the same distance, losses that ignore much of a style (`mean`) transfer less
style, and losses of patches transfer more."""


def weights_of(settings: StylizeSettings) -> tuple[float, float]:
    """Return the content and the style weight of the settings, or from the strength `s`.

    Style to content is `BALANCE * (s / (1 - s))^2` to 1. The losses are normalised (see `terms.py`), so a strength has
    the same effect with every network and at every size. The style weight is 0 at strength 0, the content weight is 0
    at strength 1.

    >>> weights_of(StylizeSettings(strength=0.5)), weights_of(StylizeSettings(strength=0))
    ((1.0, 50.0), (1.0, 0.0))
    """
    s = settings.strength
    content = min(1.0, ((1 - s) / s) ** 2) if s > 0 else 1.0
    style = BALANCE * min(1.0, (s / (1 - s)) ** 2) if s < 1 else BALANCE
    return (
        content if settings.content_weight is None else settings.content_weight,
        style if settings.style_weight is None else settings.style_weight,
    )


def prior_scale(
    settings: StylizeSettings, weight: float, style: Sequence[Term], content: Sequence[Term]
) -> tuple[float, float]:
    """Return the factor of the weights of total variation, and the factor of the other priors.

    `weight` is the style weight, `style` and `content` are the terms of the objective. The style raises variation, so
    the factor of variation is proportional to the style weight: without style the content image does not change. In the
    scale of a paper, the weights of the terms determine both factors.
    """
    if settings.weighting == "normalized":
        return weight / BALANCE, 1.0
    share = sum(term.weight for term in style) / BALANCE
    return share, share or sum(term.weight for term in content)
