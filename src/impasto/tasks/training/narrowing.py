"""A narrower copy of the first layers of `lite`, by least squares: what a network of transport sees by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.encoders.lite import Lite
from impasto.networks.features import Features, normalised

SIDE = 128
"""Side of the pieces of pictures that the copy is fitted to, in pixels."""

RIDGE = 1e-4
"""Relative to the mean variance of what a convolution is fitted by."""


@torch.no_grad()
def narrow(features: Features, encoder: Lite, pictures: Iterable[Tensor]) -> None:
    """Set the weights of `features` so that they imitate `encoder` on `pictures`, `(B, 3, H, W)` each.

    Layer by layer: of the encoder's channels those are kept from which the others are best predicted, by pivoted
    Cholesky factors of the covariance, and the convolution that gives them from the copy's own features below is
    fitted by least squares (He, Zhang and Sun 2017, "Channel pruning for accelerating very deep neural networks").
    """
    theirs = [normalised(picture[..., :SIDE, :SIDE]) for picture in pictures]
    ours = list(theirs)
    for number, stage in enumerate(features.stages, 1):
        if number > 1:
            ours, theirs = ([F.max_pool2d(x, 2) for x in each] for each in (ours, theirs))
        for k, module in enumerate(cast(nn.ModuleList, stage), 1):
            convolution, model = cast(nn.Conv2d, module), cast(nn.Conv2d, encoder.convs[f"conv{number}_{k}"])
            wanted = [F.conv2d(_reflected(x), model.weight, model.bias) for x in theirs]
            kept = _independent(_covariance([F.relu(x) for x in wanted]), convolution.out_channels)
            _fit(convolution, ours, [x[:, kept] for x in wanted])
            ours, theirs = [F.relu(convolution(x)) for x in ours], [F.relu(x) for x in wanted]


def _reflected(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="reflect")


def _covariance(maps: list[Tensor]) -> Tensor:
    points = torch.cat([x.permute(0, 2, 3, 1).flatten(0, 2) for x in maps])
    return torch.cov(points.double().T)


def _independent(covariance: Tensor, count: int) -> list[int]:
    """Indices of `count` variables that explain most of all, one after the other."""
    rest, chosen = covariance.clone(), list[int]()
    for _ in range(min(count, len(rest))):
        explained = rest.square().sum(0) / rest.diagonal().clamp(min=1e-12)
        explained[chosen] = -1
        best = int(explained.argmax())
        rest = rest - rest[:, best, None] * rest[best] / rest[best, best].clamp(min=1e-12)
        chosen.append(best)
    return chosen


def _fit(convolution: nn.Conv2d, given: list[Tensor], wanted: list[Tensor]) -> None:
    """The weights by which a 3x3 convolution comes closest to what is wanted."""
    size = 9 * convolution.in_channels + 1
    products, targets = torch.zeros(size, size).double(), torch.zeros(size, convolution.out_channels).double()
    for x, y in zip(given, wanted, strict=True):
        patches = F.unfold(_reflected(x), 3)
        patches = torch.cat([patches, torch.ones_like(patches[:, :1])], 1).transpose(1, 2).flatten(0, 1)
        products += (patches.T @ patches).double()
        targets += (patches.T @ y.permute(0, 2, 3, 1).flatten(0, 2)).double()
    raised = products + RIDGE * products.diagonal().mean() * torch.eye(size)
    found = torch.linalg.solve(raised, targets).T.to(convolution.weight)
    convolution.weight.copy_(found[:, :-1].view_as(convolution.weight))
    cast(Tensor, convolution.bias).copy_(found[:, -1])
