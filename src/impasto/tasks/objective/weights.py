"""Weights of content and style: from the strength, and in the scales of papers.

With the scale of a paper, its weights can be used as they are printed.

The default scale, "normalized", divides every loss by the distance of features that are 0, so that weights carry over
from network to network. The other scales state the loss of a layer with C channels and N positions, features F, P and
Gram matrices G = F F^T / N, A likewise, as their source does:

| name | content | style | over the layers | source |
|---|---|---|---|---|
| gatys | 1/2 sum (F - P)^2 | sum (G - A)^2 / 4 C^2 | mean | Gatys et al. 2016, eqs. 1, 4, 5 |
| mean | mean (F - P)^2 | mean (G - A)^2 | sum | the usual MSE of both |
| tutorial | mean (F - P)^2 | mean (G / C - A / C)^2 | sum | PyTorch's tutorial, Johnson's neural-style |
| tutorial-mean | mean (F - P)^2 | mean (G / C - A / C)^2 | mean | the same, divided by the number of layers |

The paper's 1 / 4 C^2 N^2 belongs to sums over positions, F F^T, and to images of one size; ours divides each Gram
matrix by its own N. Published networks differ in the scale of their features, and with it in the effect of a weight:
the scales hold for torchvision's VGG, and for `lite`, which measures in a VGG-19's space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from impasto.losses import Term
from impasto.settings.synthesis import StylizeSettings


@dataclass(frozen=True)
class Weighting:
    """The scale of a paper: its factors of the loss of a layer.

    `content(channels, positions)` multiplies the mean over positions of |f - p|^2, `style(channels)` |G - A|^2; `mean`
    tells whether layers share the style's weight or each layer has all of it.
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
"""Factors of style losses, 1 for those left out, which give a strength the same effect as with Gram matrices.

At strength 0.5 the result has about the same relative content distance with every loss. Measured on three pairs of
samples at 192 px, to within a quarter. Losses that leave out much of a style (`mean`) transfer less style at the same
distance, losses of patches more."""


def weights_of(settings: StylizeSettings) -> tuple[float, float]:
    """Return the weights of content and style: as given, or from the strength `s`: `BALANCE * (s / (1 - s))^2` to 1.

    The losses are normalised (see `terms.py`), so a strength has the same effect for every network and size. At 0 the
    style has no weight, at 1 the content has none.
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
    """Return the factor of the weights of variation, and that of the other priors, beside these terms.

    `weight` is the weight of style. The style raises variation, so variation is penalised in proportion to the style:
    without style the content image stays as it is. In the scale of a paper, the weights of its terms set the factors.
    """
    if settings.weighting == "normalized":
        return weight / BALANCE, 1.0
    share = sum(term.weight for term in style) / BALANCE
    return share, share or sum(term.weight for term in content)
