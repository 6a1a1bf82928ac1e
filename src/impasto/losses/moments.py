"""Style as the first two moments of the features: Gram matrices, means, covariances, normal distributions.

All losses are computed from the mean of `[f; 1] [f; 1]^T` over positions, or from a part of this matrix. The mean is
additive: the moment of several images together is the weighted mean of their moments. In a space `R`, the small moment
M of the narrow features is transformed, `[R; 0 .. 0 1] M [R; 0 .. 0 1]^T`. So no wide tensor is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.losses.feature import difference, into_space, over, positions, relative, sums
from impasto.losses.style import LayerFeatures, StyleLoss, weighted_mean

FLOOR = 1e-2
"""Least divisor of a distance of means or covariances, as a share of the energy of the painting.

The divisor is the square of the painting's own means or covariances. For a painting without means, or a flat one
without covariances, the loss would otherwise be huge.
"""

ROOT = 1e-5
"""Added to a variance before its root is taken, as a share of the painting's mean square."""

RIDGE = 1e-4
"""Added to covariances whose roots are taken, as a share of the painting's mean square."""


class _Moment(torch.autograd.Function):
    """The mean of `f f^T` over weighted points `(B, N, C)`; with `means` the mean of `[f; 1] [f; 1]^T`.

    together: one mean for all B instead of one each.
    shares: the weights of the points, `(B N,)`.

    The gradient by the points is one product, `X (W + W^T)` plus the gradient of the means; autograd takes two
    products. For points in half precision, the moment is float32 and the product of the gradient half precision.
    """

    @staticmethod
    def forward(ctx: Any, points: Tensor, shares: Tensor | None, means: bool, together: bool) -> Tensor:
        shares = None if shares is None else shares.view(-1, points.shape[1] if together else len(shares), 1)
        ctx.save_for_backward(points, shares)
        ctx.means, ctx.count = means, points.shape[1] * (len(points) if together else 1)
        second, mean = sums(points, shares, means)
        if together and len(points) > 1:
            second, mean = second.sum(0, keepdim=True), None if mean is None else mean.sum(0, keepdim=True)
        if shares is None:
            second /= ctx.count
        if mean is None:
            return second
        mean = mean if shares is not None else mean / ctx.count
        above = torch.cat([second, mean], dim=1)
        return torch.cat([above, torch.cat([mean.mT, torch.ones_like(mean[..., :1])], dim=1)], dim=2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        points, shares = ctx.saved_tensors
        both = gradient + gradient.mT
        if shares is None:
            both = both / ctx.count
        both = both.to(points.dtype).expand(len(points), -1, -1)
        slope = torch.baddbmm(both[:, -1:, :-1], points, both[:, :-1, :-1]) if ctx.means else points @ both
        return slope if shares is None else slope.mul_(shares), None, None, None


def _mean(points: Tensor, shares: Tensor | None) -> Tensor:
    """Return the weighted mean over points `(N, C)`, `(C,)`."""
    return points.mean(-2) if shares is None else shares @ points


def _gram(points: Tensor, shares: Tensor | None, space: Tensor | None, together: bool = False) -> Tensor:
    """Return the mean of `f f^T` in the space, `(B, K, K)`; with `together` over all B, `(1, K, K)`."""
    narrow: Tensor = _Moment.apply(points, shares, space is not None, together)  # type: ignore[no-untyped-call]
    return narrow if space is None else space @ narrow @ space.T


def gram(features: Tensor, space: Tensor | None = None) -> Tensor:
    """Return the Gram matrix `F F^T / N` of features `(B, C, H, W)`, `(B, K, K)`.

    Gatys et al. 2015, eq. 3, divided by the number N of positions. `space` is an encoder's metric, as for `into_space`.

    >>> gram(torch.ones(1, 2, 4, 4))
    tensor([[[1., 1.],
             [1., 1.]]])
    """
    return _gram(positions(features), None, space)


def moment(features: LayerFeatures) -> Tensor:
    """Return the mean of `[f; 1] [f; 1]^T` in the space, `(K + 1, K + 1)`: second moments, means, and a 1.

    >>> moment(LayerFeatures(2 * torch.ones(1, 1, 4, 4)))
    tensor([[4., 2.],
            [2., 1.]])
    """
    narrow: Tensor = _Moment.apply(features.rows, features.shares, True, True)[0]  # type: ignore[no-untyped-call]
    if features.space is None:
        return narrow
    space = torch.cat([features.space, torch.zeros_like(features.space[:1])])
    space[-1, -1] = 1
    return space @ narrow @ space.T


def mean_of(features: LayerFeatures) -> Tensor:
    """Return the mean feature vector in the space, `(K,)`."""
    return into_space(_mean(features.points, features.shares)[None], features.space)[0]


def mean_and_covariance(moment: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean `(K,)` and the covariance `(K, K)` of a `moment`, with the divisor N instead of N - 1.

    >>> mean_and_covariance(torch.tensor([[4.0, 2.0], [2.0, 1.0]]))
    (tensor([2.]), tensor([[0.]]))
    """
    mean = moment[:-1, -1]
    return mean, moment[:-1, :-1] - mean[:, None] * mean


def _energy(moment: Tensor) -> Tensor:
    """Return the mean squared length of the feature vectors of a `moment`."""
    return moment.diagonal()[:-1].sum()


def _additive(
    name: str, statistic: Callable[[LayerFeatures], Tensor], distance: Callable[[Tensor, Tensor], Tensor]
) -> StyleLoss:
    return StyleLoss(name, statistic, lambda a, b, draws: distance(a, b), weighted_mean, additive=True)


def gram_loss() -> StyleLoss:
    """Return the loss of Gram matrices: `|G - G*|^2 / |G*|^2` (Gatys et al. 2015, eq. 4, but normalised)."""
    return _additive("gram", lambda f: _gram(f.rows, f.shares, f.space, together=True)[0], relative)


def mean() -> StyleLoss:
    """Return the loss of means: `|m - m*|^2 / |m*|^2`, the squared MMD with a linear kernel (Li et al. 2017)."""
    return _additive("mean", mean_of, relative)


def bn() -> StyleLoss:
    """Return the loss of means and standard deviations: `(|m - m*|^2 + |s - s*|^2) / (|m*|^2 + |s*|^2)`.

    m and s have a number for each channel: the BN statistics of Li et al. 2017; Huang and Belongie 2017. In the space
    of an encoder a channel is a row of `R`. These axes are rotated against the channels of the wide network.
    """
    return _additive("bn", _powers, _bn)


def _powers(features: LayerFeatures) -> Tensor:
    """Return the means of f and of f^2 of each channel, `(2, K)`."""
    if features.space is not None:
        full = moment(features)
        return torch.stack([full[:-1, -1], full.diagonal()[:-1]])
    powers: Tensor = _Powers.apply(features.points, features.shares)  # type: ignore[no-untyped-call]
    return powers


class _Powers(torch.autograd.Function):
    """The means of f and of f^2, `(2, C)`, of points `(N, C)`, in fewer passes over the points than autograd takes."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, shares: Tensor | None) -> Tensor:
        ctx.save_for_backward(points, shares)
        return torch.stack([_mean(points, shares), _mean(points.square(), shares)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        points, shares = ctx.saved_tensors
        if shares is None:
            gradient = gradient / len(points)
        slope = torch.addcmul(gradient[0], points, 2 * gradient[1])
        return slope if shares is None else slope.mul_(shares[:, None]), None


def _bn(a: Tensor, target: Tensor) -> Tensor:
    tiny = ROOT * target[1].mean() + torch.finfo(target.dtype).tiny

    def both(powers: Tensor) -> Tensor:
        # `sqrt(v + tiny) - sqrt(tiny)` is 0 at 0 and has a finite slope there.
        variance = (powers[1] - powers[0].square()).clamp(min=0)
        return torch.stack([powers[0], (variance + tiny).sqrt() - tiny.sqrt()])

    return relative(both(a), both(target))


def covariance() -> StyleLoss:
    """Return the loss of means and covariances: `|m - m*|^2 / 2 |m*|^2 + |C - C*|^2 / 2 |C*|^2`.

    Both divisors have a lower limit, a share of the energy of the painting (`FLOOR`).
    """
    return _additive("covariance", moment, _covariance)


def _covariance(a: Tensor, target: Tensor) -> Tensor:
    (mean, _), (goal, _) = mean_and_covariance(a), mean_and_covariance(target)
    means = over(difference(mean, goal), torch.maximum(goal.square().sum(), FLOOR * _energy(target)))
    return (means + _coral(a, target)) / 2


def coral() -> StyleLoss:
    """Return the loss of covariances: `|C - C*|^2 / |C*|^2` (CORAL: Sun and Saenko 2016, eq. 1, but normalised).

    The divisor has a lower limit, a share of the energy of the painting (`FLOOR`).
    """
    return _additive("coral", moment, _coral)


def _coral(a: Tensor, target: Tensor) -> Tensor:
    (_, covariance), (_, goal) = mean_and_covariance(a), mean_and_covariance(target)
    return over(difference(covariance, goal), torch.maximum(goal.square().sum(), (FLOOR * _energy(target)).square()))


def w2() -> StyleLoss:
    """Return the loss of the squared 2-Wasserstein distance between normal distributions, over `|m*|^2 + tr C*`.

    The distance of the normal distributions with these means and covariances is
    `|m - m*|^2 + tr C + tr C* - 2 tr (C*^1/2 C C*^1/2)^1/2` (Dowson and Landau 1982). A little white noise (`RIDGE`) is
    added to both covariances, so the loss of features of 0 is 0.98 to 1.
    """
    return _additive("w2", moment, _w2)


def _w2(a: Tensor, target: Tensor) -> Tensor:
    (mean, covariance), (goal, goal_covariance) = mean_and_covariance(a), mean_and_covariance(target)
    ridge = (RIDGE * _energy(target) / len(goal)).clamp(min=1e-30)
    noise = ridge * torch.eye(len(goal), dtype=target.dtype, device=target.device)
    fidelity: Tensor = _Fidelity.apply(  # type: ignore[no-untyped-call]
        covariance + noise, goal_covariance + noise, ridge
    )
    bures = (covariance.diagonal() + goal_covariance.diagonal()).sum() + 2 * ridge * len(goal) - 2 * fidelity
    return over(difference(mean, goal) + bures, _energy(target))


class _Fidelity(torch.autograd.Function):
    """`tr (T^1/2 S T^1/2)^1/2` of symmetric matrices `(K, K)`, whose eigenvalues are at least `least`.

    It is differentiable by S. With any L such that `T = L L^T`, the eigenvalues are those of `L^T S L`, and the
    derivative is `L (L^T S L)^-1/2 L^T / 2`. This form needs no derivative of eigenvectors, which is infinite where
    eigenvalues meet. The computation is in float64, because the results are roots of the eigenvalues, and on the CPU,
    because not every device has float64 or eigenvalues.
    """

    @staticmethod
    def forward(ctx: Any, s: Tensor, t: Tensor, least: Tensor) -> Tensor:
        floor = float(least)
        factor = _factor(t.detach().cpu().double(), floor)
        values, vectors = torch.linalg.eigh(factor.T @ s.detach().cpu().double() @ factor)
        roots = values.clamp(min=floor**2).sqrt()
        side = factor @ vectors
        ctx.save_for_backward((side / roots @ side.T / 2).to(s))
        fidelity: Tensor = roots.sum().to(s)
        return fidelity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None, None


def _factor(t: Tensor, floor: float) -> Tensor:
    """Return L with `T = L L^T`; negative eigenvalues, which rounding makes for a flat painting, are raised first."""
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(t)
    if failed:
        values, vectors = torch.linalg.eigh(t)
        factor = vectors * values.clamp(min=floor).sqrt()
    return factor


LOSSES: dict[str, Callable[..., StyleLoss]] = {
    "gram": gram_loss,
    "mean": mean,
    "bn": bn,
    "covariance": covariance,
    "coral": coral,
    "w2": w2,
}
