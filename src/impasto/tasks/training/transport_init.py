"""Initial weights of a network of transport: a narrow copy of the first layers of `lite`, and principal axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.encoders.lite import Lite
from impasto.networks import TransportNet, TransportSettings
from impasto.networks.features import Features, normalised
from impasto.networks.transport import Normal, merge_normals, normal_of

SIDE = 128
"""Side of the crops for the fit of the copy, in pixels."""

RIDGE = 1e-4
"""Ridge of the least squares, relative to the mean variance of the inputs of a convolution."""

FAINT = 0.01
"""Least variance of an axis, relative to that of the first axis: axes are divided by their standard deviation."""


@torch.no_grad()
def transport_net(encoder: Lite, pictures: Sequence[Tensor], settings: TransportSettings) -> TransportNet:
    """Return a network with features like those of `encoder`, and the principal axes of `pictures`.

    `pictures` are batches `(B, 3, H, W)` in [0, 1]. The weights of the decoder are random.
    """
    network = TransportNet(settings)
    narrow(network.features, encoder, pictures)
    for axes, normal in zip(network.axes, _normals(network, pictures), strict=True):
        _set_axes(cast(nn.Conv2d, axes), normal)
    return network


def _normals(network: TransportNet, pictures: Iterable[Tensor]) -> list[Normal]:
    """Return the normal distribution of each stage's features over all pictures."""
    parts: list[list[tuple[int, Normal]]] = [[] for _ in network.axes]
    for picture in pictures:
        for features, normals in zip(network.features(picture), parts, strict=True):
            batch = normal_of(features)
            count = features.shape[2] * features.shape[3]
            normals += [(count, Normal(m[None], c[None])) for m, c in zip(*batch, strict=True)]
    return [merge_normals(normals) for normals in parts]


def _set_axes(axes: nn.Conv2d, normal: Normal) -> None:
    """Set the weights to the first principal axes of a distribution, each divided by its standard deviation."""
    values, vectors = torch.linalg.eigh(normal.covariance[0].double())
    values, vectors = values.flip(0)[: axes.out_channels], vectors.flip(1)[:, : axes.out_channels]
    deviations = values.clamp(min=FAINT * float(values[0])).sqrt()
    rows = (vectors / deviations).T
    axes.weight.copy_(rows[..., None, None])
    cast(Tensor, axes.bias).copy_(-(rows @ normal.mean[0].double()))


@torch.no_grad()
def narrow(features: Features, encoder: Lite, pictures: Iterable[Tensor]) -> None:
    """Set the weights of `features` to imitate `encoder` on `pictures`, batches `(B, 3, H, W)` in [0, 1].

    In each layer, a pivoted Cholesky factorisation of the covariance selects the encoder's channels that best predict
    the other channels. The convolution from the copy's previous layer to these channels is fitted by least squares (He,
    Zhang and Sun 2017, "Channel pruning for accelerating very deep neural networks").
    """
    theirs = [normalised(picture[..., :SIDE, :SIDE]) for picture in pictures]
    ours = list(theirs)
    for number, stage in enumerate(features.stages, 1):
        if number > 1:
            ours, theirs = ([F.max_pool2d(x, 2) for x in each] for each in (ours, theirs))
        for k, module in enumerate(cast(nn.ModuleList, stage), 1):
            convolution, model = cast(nn.Conv2d, module), cast(nn.Conv2d, encoder.convs[f"conv{number}_{k}"])
            targets = [F.conv2d(_reflected(x), model.weight, model.bias) for x in theirs]
            channels = _independent(_covariance([F.relu(x) for x in targets]), convolution.out_channels)
            _fit(convolution, ours, [x[:, channels] for x in targets])
            ours, theirs = [F.relu(convolution(x)) for x in ours], [F.relu(x) for x in targets]


def _reflected(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="reflect")


def _covariance(maps: list[Tensor]) -> Tensor:
    points = torch.cat([x.permute(0, 2, 3, 1).flatten(0, 2) for x in maps])
    return torch.cov(points.double().T)


def _independent(covariance: Tensor, count: int) -> list[int]:
    """Return the indices of `count` variables, each of which explains most of the remaining variance."""
    rest, indices = covariance.clone(), list[int]()
    for _ in range(min(count, len(rest))):
        explained = rest.square().sum(0) / rest.diagonal().clamp(min=1e-12)
        explained[indices] = -1
        best = int(explained.argmax())
        rest = rest - rest[:, best, None] * rest[best] / rest[best, best].clamp(min=1e-12)
        indices.append(best)
    return indices


def _fit(convolution: nn.Conv2d, inputs: list[Tensor], outputs: list[Tensor]) -> None:
    """Set the weights of a 3x3 convolution by least squares."""
    size = 9 * convolution.in_channels + 1
    products, targets = torch.zeros(size, size).double(), torch.zeros(size, convolution.out_channels).double()
    for x, y in zip(inputs, outputs, strict=True):
        patches = F.unfold(_reflected(x), 3)
        patches = torch.cat([patches, torch.ones_like(patches[:, :1])], 1).transpose(1, 2).flatten(0, 1)
        products += (patches.T @ patches).double()
        targets += (patches.T @ y.permute(0, 2, 3, 1).flatten(0, 2)).double()
    regularised = products + RIDGE * products.diagonal().mean() * torch.eye(size)
    solution = torch.linalg.solve(regularised, targets).T.to(convolution.weight)
    convolution.weight.copy_(solution[:, :-1].view_as(convolution.weight))
    cast(Tensor, convolution.bias).copy_(solution[:, -1])
