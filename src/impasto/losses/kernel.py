"""Style as a distribution of features: the squared maximum mean discrepancy (MMD) with a kernel.

`MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y)` for independent features x, x' of the picture and y, y' of the painting
(Gretton et al. 2012, lemma 6). Li et al. 2017, "Demystifying Neural Style Transfer", show that Gram matrices are the
case `k(x, y) = (x.y)^2`. Polynomial kernels of low degree need no sampling.
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
"""Maps points `(N, K)` and `(M, K)` to `(N, M)`."""


def linear() -> StyleLoss:
    """Return the loss with the kernel `k(x, y) = x.y`: that of `mean`."""
    return replace(mean(), name="mmd-linear")


def polynomial(degree: int = 2, c: float = 0.0, samples: int = 2048) -> StyleLoss:
    """Return the loss with the kernel `k(x, y) = (x.y + c)^degree`, over `E k(y, y') - c^degree`.

    The divisor is the distance of the painting from features of 0; c is in units of squared features. Degrees 1 and 2
    are exact and additive: degree 1 is `mean` for any c, and degree 2 with `c = 0` is `gram`. Higher degrees are
    estimated from `samples` positions of each picture.

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
    """Return the loss of degree 2, from second moments of `[x; sqrt(c)]`.

    The corner `c^2` of the moment is left out, because it is the same for all pictures.
    """

    def scaled(moment: Tensor) -> Tensor:
        return torch.cat([moment[:-1, :-1].flatten(), (2 * c) ** 0.5 * moment[:-1, -1]])

    return StyleLoss(
        "mmd-polynomial", moment, lambda a, b, draws: relative(scaled(a), scaled(b)), weighted_mean, additive=True
    )


def _power(target: Cloud, degree: int, c: float) -> tuple[Kernel, float]:
    """Return the kernel and its value at 0, in units of the painting's mean square, so that all powers are finite."""
    unit = float(target.reference.square().sum(1).mean()) or 1.0
    return lambda x, y: (x @ y.T / unit + c / unit).pow(degree), (c / unit) ** degree


def gaussian(sigma: float | None = None, samples: int = 1024) -> StyleLoss:
    """Return the loss with the kernel `k(x, y) = exp(-|x - y|^2 / 2 sigma^2)`, over `E k(y, y')`.

    It is estimated from `samples` positions of each picture. `sigma` is in units of the features. By default `sigma^2`
    is the median squared distance between two features of the painting (Gretton et al. 2012). Far from the painting
    the loss is nearly constant, at most `1 + 1 / E k(y, y')`.

    Raises UsageError for a sigma that is not above 0, and for less than 2 samples.
    """
    check_count("mmd-gaussian", samples, "samples", 2)
    if sigma is not None and not 0 < sigma < math.inf:
        raise UsageError(
            f"sigma of 'mmd-gaussian' must be a number above 0, not {sigma}; without, it is the painting's"
        )

    def kernel(target: Cloud) -> tuple[Kernel, float]:
        square = target.spread if sigma is None else sigma**2
        centre = target.reference.mean(0)  # near the origin, distances by inner products have smaller rounding errors
        return lambda x, y: (_squared(x - centre, y - centre) / (-2 * square)).exp(), 0.0

    return _sampled("mmd-gaussian", kernel, samples)


def _squared(x: Tensor, y: Tensor) -> Tensor:
    """Return squared distances `(N, M)` between points `(N, K)` and `(M, K)`."""
    lengths = x.square().sum(1)[:, None] + y.square().sum(1)
    return torch.addmm(lengths, x, y.T, alpha=-2).clamp(min=0)


def _sampled(
    name: str, kernel_for: Callable[[Cloud], tuple[Kernel, float]], samples: int, itself: bool = False
) -> StyleLoss:
    """Return a loss that is estimated from sampled positions.

    The loss is exact, and 0 for equal pictures, if neither picture has more than `samples` positions. Otherwise the
    estimate is unbiased.

    itself: whether `E k(x, x')` includes pairs of a point with itself. The estimate is then the distance of the two
        samples, which is never negative. An unbounded kernel needs this: while the sample is fixed, an optimiser can
        push points apart and lower the unbiased estimate without bound (degree 3: -40,000 after 120 steps, and a
        picture of noise).
    """

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        kernel, nothing = kernel_for(b)
        x, y = a.draw(draws, samples), b.draw(draws, samples)
        own = [_own(kernel(p, p), itself or c.exhausted_by(samples)) for p, c in ((x, a), (y, b))]
        return over(own[0] + own[1] - 2 * kernel(x, y).mean(), _size(kernel, b, nothing))

    return StyleLoss(name, cloud, distance, mix_clouds, stochastic=True)


def _own(values: Tensor, whole: bool) -> Tensor:
    """Return `E k(x, x')` from the values `(N, N)` of the kernel for a sample, or for a `whole` picture.

    Two independent draws are seldom the same point. So pairs of a point with itself do not count in a sample.
    """
    if whole:
        return values.mean()
    count = len(values)
    return (values.sum() - values.diagonal().sum()) / (count * (count - 1))


def _size(kernel: Kernel, target: Cloud, nothing: float) -> Tensor:
    """Return the distance of the painting from features of 0, at least the resolution of the estimate.

    It is the same at every step, because `reference` is fixed.
    """
    values = kernel(target.reference, target.reference)
    size = _own(values, target.exhausted_by(len(target.reference))) - nothing
    return torch.maximum(size, values.diagonal().mean() / len(values))


LOSSES: dict[str, Callable[..., StyleLoss]] = {
    "mmd-linear": linear,
    "mmd-polynomial": polynomial,
    "mmd-gaussian": gaussian,
}
