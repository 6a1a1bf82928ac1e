"""The scales of weights in the literature, so that a paper's numbers can be typed as they stand and mean the same.

Ours, "normalized", divides every loss by what nothing at all would cost, so that its numbers carry over from network to
network. The others state the loss of a layer with C channels and N positions, features F, P and Gram matrices
G = F F^T / N, A likewise, as their source does:

| name | content | style | over the layers | source |
|---|---|---|---|---|
| gatys | 1/2 sum (F - P)^2 | sum (G - A)^2 / 4 C^2 | mean | Gatys et al. 2016, eqs. 1, 4, 5 |
| mean | mean (F - P)^2 | mean (G - A)^2 | sum | the usual MSE of both |
| tutorial | mean (F - P)^2 | mean (G / C - A / C)^2 | sum | PyTorch's tutorial, Johnson's neural-style |
| tutorial-mean | mean (F - P)^2 | mean (G / C - A / C)^2 | mean | the same, divided by the number of layers |

The paper's 1 / 4 C^2 N^2 belongs to sums over positions, F F^T, and takes both pictures to be of one size; ours divides
each by its own N. Published networks differ in the scale of their features, and with it in what a weight does: the
scales hold for the networks at hand (torchvision's VGG, and `lite`, which measures in a VGG-19's space).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Weighting:
    """How a source states the loss of a layer.

    `content(channels, positions)` multiplies the mean over positions of |f - p|^2, `style(channels)` |G - A|^2; `mean`
    tells whether layers share the style's weight or each has all of it.
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
