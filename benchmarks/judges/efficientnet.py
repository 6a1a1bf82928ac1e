"""EfficientNet-Lite0, a classifier with no relation to VGG: the judge of style that no method here optimises.

Tan and Le 2019 (EfficientNet). The Lite variants (Google 2020) have ReLU6 in place of swish, and no
squeeze-and-excitation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's channels in [0, 1], with which the network was trained."""

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1)
"""Stride of each inverted bottleneck up to the last that is needed; the stem before them has stride 2."""

OUTPUTS = (0, 2, 4, 10)
"""The blocks whose outputs are compared: the last ones at strides 2, 4, 8 and 16."""

EPSILON = 1e-3
"""Added to the variance in batch normalisation (TensorFlow's value)."""


class EfficientNetLite0:
    """The first eleven blocks of the network with the weights `state`, by the names of the PyTorch port."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Return the features of the blocks in `OUTPUTS`, each `(1, C, H / stride, W / stride)`.

        `image`: `(1, 3, H, W)`, sRGB in [0, 1].
        """
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        x = F.relu6(self._normalise(self._convolve((image - mean) / std, "_conv_stem", stride=2), "_bn0"))
        outputs = []
        for index, stride in enumerate(STRIDES):
            x = self._bottleneck(x, f"_blocks.{index}.", stride)
            if index in OUTPUTS:
                outputs.append(x)
        return outputs

    def _bottleneck(self, x: Tensor, prefix: str, stride: int) -> Tensor:
        """An inverted bottleneck: expand, filter each channel, project; added to `x` where the shapes agree."""
        y = x
        if f"{prefix}_expand_conv.weight" in self.state:
            y = F.relu6(self._normalise(self._convolve(y, f"{prefix}_expand_conv"), f"{prefix}_bn0"))
        y = self._convolve(y, f"{prefix}_depthwise_conv", stride, groups=y.shape[1])
        y = F.relu6(self._normalise(y, f"{prefix}_bn1"))
        y = self._normalise(self._convolve(y, f"{prefix}_project_conv"), f"{prefix}_bn2")
        return x + y if x.shape == y.shape else y

    def _convolve(self, x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        """A convolution with TensorFlow's "same" padding for even sides: one more at the end than at the beginning."""
        kernel = self.state[f"{name}.weight"]
        padding = max(0, kernel.shape[-1] - stride)
        before, after = padding // 2, padding - padding // 2
        return F.conv2d(F.pad(x, (before, after, before, after)), kernel, stride=stride, groups=groups)

    def _normalise(self, x: Tensor, name: str) -> Tensor:
        mean, variance, scale, shift = (
            self.state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, scale, shift, eps=EPSILON)
