"""Style as a population, compared in the feature space of a kernel: the squared maximum mean discrepancy (MMD).

`MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y)` for positions x, x' of the picture and y, y' of the painting, drawn
independently (Gretton et al. 2012, lemma 6). Li et al. 2017, "Demystifying Neural Style Transfer", show that Gram
matrices are the case `k(x, y) = (x.y)^2`. Kernels that are small polynomials need no draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.losses.cloud import Cloud, cloud, mix_clouds
from impasto.losses.feature import over, relative
from impasto.losses.moments import gram_loss, mean, moment
from impasto.losses.neighbours import check_count
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import StyleLoss, weighted_mean

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Points `(N, K)` and `(M, K)` to `(N, M)`."""


def linear() -> StyleLoss:
    """`k(x, y) = x.y`: the means alone, as `mean`."""
    return replace(mean(), name="mmd-linear")


def polynomial(degree: int = 2, c: float = 0.0, samples: int = 2048) -> StyleLoss:
    """`k(x, y) = (x.y + c)^degree`, over the distance of the painting from nothing, `E k(y, y') - c^degree`.

    Degrees 1 and 2 are exact and additive: of degree 1 only the means are left, whatever c; degree 2 with `c = 0` is
    `gram`. Higher degrees are estimated from `samples` positions of each picture. c is in units of squared features.
    Raises UsageError for a degree below 1, a c below 0, and less than 2 samples.
    """
    check_count("mmd-polynomial", degree, "degree")
    check_count("mmd-polynomial", samples, "samples", 2)
    if not 0 <= c < math.inf:
        raise UsageError(f"c of 'mmd-polynomial' must be a number of at least 0, not {c}; below, this is no kernel")
    if degree > 2:
        return _sampled("mmd-polynomial", lambda target: _power(target, degree, c), samples, itself=True)
    exact = linear() if degree == 1 else gram_loss() if c == 0 else _quadratic(c)
    return replace(exact, name="mmd-polynomial")


def _quadratic(c: float) -> StyleLoss:
    """Degree 2 from second moments of `[x; sqrt(c)]`, but for the corner `c^2`, in which no two pictures differ."""

    def scaled(moment: Tensor) -> Tensor:
        return torch.cat([moment[:-1, :-1].flatten(), (2 * c) ** 0.5 * moment[:-1, -1]])

    return StyleLoss(
        "mmd-polynomial", moment, lambda a, b, draws: relative(scaled(a), scaled(b)), weighted_mean, additive=True
    )


def _power(target: Cloud, degree: int, c: float) -> tuple[Kernel, float]:
    """The kernel, and its value for nothing; in units of the painting's mean square, of which any power is a number."""
    unit = float(target.reference.square().sum(1).mean()) or 1.0
    return lambda x, y: (x @ y.T / unit + c / unit).pow(degree), (c / unit) ** degree


def gaussian(sigma: float | None = None, samples: int = 1024) -> StyleLoss:
    """`k(x, y) = exp(-|x - y|^2 / 2 sigma^2)`, over `E k(y, y')`, estimated from `samples` positions of each picture.

    `sigma`, in units of the features: by default the painting's own, `sigma^2` the median of the squared distances
    between pairs of its positions (the rule of Gretton et al. 2012). Far from the painting the loss levels off, at
    `1 + 1 / E k(y, y')` at most. Raises UsageError for a sigma that is not above 0, and for less than 2 samples.
    """
    check_count("mmd-gaussian", samples, "samples", 2)
    if sigma is not None and not 0 < sigma < math.inf:
        raise UsageError(
            f"sigma of 'mmd-gaussian' must be a number above 0, not {sigma}; without, it is the painting's"
        )

    def kernel(target: Cloud) -> tuple[Kernel, float]:
        square = target.spread if sigma is None else sigma**2
        centre = target.reference.mean(0)  # distances by inner products round less near the origin
        return lambda x, y: (_squared(x - centre, y - centre) / (-2 * square)).exp(), 0.0

    return _sampled("mmd-gaussian", kernel, samples)


def _squared(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances `(N, M)` between points `(N, K)` and `(M, K)`."""
    lengths = x.square().sum(1)[:, None] + y.square().sum(1)
    return torch.addmm(lengths, x, y.T, alpha=-2).clamp(min=0)


def _sampled(
    name: str, kernel_for: Callable[[Cloud], tuple[Kernel, float]], samples: int, itself: bool = False
) -> StyleLoss:
    """An estimate from drawn positions: exact, and 0 for equal pictures, where both have no more.

    Without bias, unless a point also meets `itself`, which makes it the distance of the two samples and never negative.
    An unbounded kernel needs that: for as long as an optimiser sees the same sample, it can drive the points of it
    apart and the other estimate below any bound (seen with degree 3: -40,000 after 120 steps, and noise for a picture).
    """

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        kernel, nothing = kernel_for(b)
        x, y = a.draw(draws, samples), b.draw(draws, samples)
        own = [_own(kernel(p, p), itself or c.exhausted_by(samples)) for p, c in ((x, a), (y, b))]
        return over(own[0] + own[1] - 2 * kernel(x, y).mean(), _size(kernel, b, nothing))

    return StyleLoss(name, cloud, distance, mix_clouds, stochastic=True)


def _own(values: Tensor, whole: bool) -> Tensor:
    """`E k(x, x')` from the kernel's values `(N, N)` for a sample or for the whole population.

    Two draws from a population are seldom the same point; in a sample each point meets itself, which must not count.
    """
    if whole:
        return values.mean()
    count = len(values)
    return (values.sum() - values.diagonal().sum()) / (count * (count - 1))


def _size(kernel: Kernel, target: Cloud, nothing: float) -> Tensor:
    """The painting's distance from nothing, the same at every step; never below what the estimate could tell from 0."""
    values = kernel(target.reference, target.reference)
    size = _own(values, target.exhausted_by(len(target.reference))) - nothing
    return torch.maximum(size, values.diagonal().mean() / len(values))


LOSSES: dict[str, Callable[..., StyleLoss]] = {
    "mmd-linear": linear,
    "mmd-polynomial": polynomial,
    "mmd-gaussian": gaussian,
}
