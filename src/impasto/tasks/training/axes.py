"""A network of transport before its training: it sees as `lite` does, along the principal axes of features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from impasto.encoders.lite import Lite
from impasto.networks import TransportNet, TransportSettings
from impasto.networks.transport import Normal, merge_normals, normal_of
from impasto.tasks.training.narrowing import narrow

FAINT = 0.01
"""An axis is measured in its own deviation, but no finer than that of this share of the first one's variance."""


@torch.no_grad()
def transport_net(encoder: Lite, pictures: Sequence[Tensor], settings: TransportSettings) -> TransportNet:
    """A network with features like those of `encoder`, and axes from `pictures`, `(B, 3, H, W)` each; the weights of
    its decoder are drawn."""
    network = TransportNet(settings)
    narrow(network.features, encoder, pictures)
    for axes, normal in zip(network.axes, _normals(network, pictures), strict=True):
        _set_axes(cast(nn.Conv2d, axes), normal)
    return network


def _normals(network: TransportNet, pictures: Iterable[Tensor]) -> list[Normal]:
    """The distribution of each stage's features over all pictures."""
    parts: list[list[tuple[int, Normal]]] = [[] for _ in network.axes]
    for picture in pictures:
        for features, found in zip(network.features(picture), parts, strict=True):
            every = normal_of(features)
            count = features.shape[2] * features.shape[3]
            found += [(count, Normal(m[None], c[None])) for m, c in zip(*every, strict=True)]
    return [merge_normals(found) for found in parts]


def _set_axes(axes: nn.Conv2d, normal: Normal) -> None:
    """The first principal axes of a distribution, each in its own deviation."""
    values, vectors = torch.linalg.eigh(normal.covariance[0].double())
    values, vectors = values.flip(0)[: axes.out_channels], vectors.flip(1)[:, : axes.out_channels]
    deviations = values.clamp(min=FAINT * float(values[0])).sqrt()
    rows = (vectors / deviations).T
    axes.weight.copy_(rows[..., None, None])
    cast(Tensor, axes.bias).copy_(-(rows @ normal.mean[0].double()))
