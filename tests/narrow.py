"""Narrow networks of every kind, with random weights, for tests that compare to rounding."""

from functools import cache

import torch

from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.resnet import ResNet
from impasto.encoders.vgg import VGG

WIDTHS = ((4, 4), (6, 6), (8, 8, 8, 8), (8, 8, 8, 8), (8,))


def randomised(network: Encoder) -> Encoder:
    """With weights of He's scale, in float64."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        spread = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim == 4 else 0.1
        parameter.normal_(0, spread, generator=generator)
    return network.double()


@cache
def network(name: str) -> Encoder:
    """One of each kind, in float64: "lite", or "vgg" or "resnet" with "-max" or "-average"."""
    if name == "lite":
        return encoders.load("lite", dtype=torch.float64)
    kind, _, pooling = name.partition("-")
    if kind == "vgg":
        return randomised(VGG(name, WIDTHS, pooling))
    return randomised(ResNet(name, (2, 4, 2, 2), 4, pooling))
