"""The first layers of a VGG of small widths: what a network sees of a picture, at strides 1, 2, 4 and 8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Features(nn.Module):
    """Stages of 3x3 convolutions and ReLUs, with a 2x2 pooling between them; frozen.

    `widths`: the channels of every convolution, stage by stage. The first convolution reflects the picture, the others
    see zeros beyond it, as `lite` does, whose weights these are.
    """

    def __init__(self, widths: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.stages, channels = nn.ModuleList(), 3
        for stage in widths:
            convolutions = nn.ModuleList()
            for width in stage:
                convolutions.append(nn.Conv2d(channels, width, 3, padding=1))
                channels = width
            self.stages.append(convolutions)
        cast(nn.Conv2d, cast(nn.ModuleList, self.stages[0])[0]).padding_mode = "reflect"
        for name, value in (("mean", MEAN), ("deviation", DEVIATION)):
            self.register_buffer(name, torch.tensor(value, device="cpu").view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Of `(B, 3, H, W)` in [0, 1], the maps after the first ReLU of each stage; sides are multiples of 8."""
        x = (image - cast(Tensor, self.mean)) / cast(Tensor, self.deviation)
        x, found = x.contiguous(memory_format=torch.channels_last), list[Tensor]()
        for number, stage in enumerate(self.stages):
            x = F.max_pool2d(x, 2) if number else x
            for k, convolution in enumerate(cast(nn.ModuleList, stage)):
                x = F.relu(convolution(x))
                if not k:
                    found.append(x)
        return found
