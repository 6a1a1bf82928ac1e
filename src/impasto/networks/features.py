"""The feature extractor of a network of transport: the first layers of a narrow VGG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Mean and deviation of the colours of ImageNet, which inputs of VGG are normalised by."""


def normalised(image: Tensor) -> Tensor:
    """Return a picture `(B, 3, H, W)` in [0, 1], normalised for VGG.

    >>> normalised(torch.tensor(MEAN).view(1, 3, 1, 1)).flatten()
    tensor([0., 0., 0.])
    """
    mean, deviation = (image.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    return (image - mean) / deviation


class Features(nn.Module):
    """Frozen stages of 3x3 convolutions and ReLUs, with a 2x2 max pooling between the stages.

    widths: the channels of every convolution, stage by stage.

    `tasks/training/transport_init.py` fits the weights to those of the encoder `lite`. All convolutions reflect at the
    border. `lite` pads with zeros, which look like a dark frame, and a network would paint the frame.

    >>> [tuple(x.shape) for x in Features([[4, 4], [8], [12]])(torch.rand(1, 3, 16, 24))]
    [(1, 4, 16, 24), (1, 8, 8, 12), (1, 12, 4, 6)]
    """

    def __init__(self, widths: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.stages, channels = nn.ModuleList(), 3
        for stage in widths:
            convolutions = nn.ModuleList()
            for width in stage:
                convolutions.append(nn.Conv2d(channels, width, 3, padding=1, padding_mode="reflect"))
                channels = width
            self.stages.append(convolutions)
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps after the first ReLU of each stage, at strides 1, 2, 4 and so on.

        image: `(B, 3, H, W)` in [0, 1], with sides that the last stride divides.
        """
        x, features = normalised(image).contiguous(memory_format=torch.channels_last), list[Tensor]()
        for number, stage in enumerate(self.stages):
            x = F.max_pool2d(x, 2) if number else x
            for k, convolution in enumerate(cast(nn.ModuleList, stage)):
                x = F.relu(convolution(x))
                if not k:
                    features.append(x)
        return features
