"""VGG networks (Simonyan and Zisserman 2015) up to their last convolution: VGG-16, VGG-19 and narrow ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.encoders.extractor import Encoder, LayerInfo
from impasto.encoders.state import take
from impasto.encoders.winograd import Conv3x3
from impasto.errors import choose

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
VGG19 = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512, 512, 512, 512))
"""The channels of every convolution, stage by stage."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet in [0, 1], for torchvision's weights."""

WIDE = 128
"""Least number of channels, on both sides, of convolutions that use minimal filtering at some size of picture."""

POOLING: dict[str, Callable[[Tensor, int], Tensor]] = {"max": F.max_pool2d, "average": F.avg_pool2d}


class VGG(Encoder):
    """Stages of 3x3 convolutions and ReLUs with a 2x2 pooling between them.

    widths: the channels of every convolution, stage by stage.
    pooling: "max", as in training, or "average" (Gatys et al. 2016: smoother gradients).
    winograd: whether wide convolutions on CPUs use minimal filtering, which is about twice as fast and has a relative
        rounding error of 1e-6 to 2e-6 in each convolution; see `encoders/winograd.py`. It can be set at any time.

    Layers are `conv1_1`, `relu1_1`, ..., `pool1`, ...; `conv_k` is the k-th convolution from the input. Padding is
    zero, as in training.

    >>> network = VGG("narrow", [[4], [8, 8]])
    >>> list(network.layers)
    ['conv1_1', 'relu1_1', 'pool1', 'conv2_1', 'relu2_1', 'conv2_2', 'relu2_2']
    """

    mean: Tensor
    std: Tensor
    default_content = ("relu4_2",)
    default_structure = ("relu2_1", "relu3_1", "relu4_1")
    default_style = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

    def __init__(self, name: str, widths: Sequence[Sequence[int]], pooling: str = "max", winograd: bool = True) -> None:
        super().__init__()
        self.name = name
        self.widths = tuple(tuple(stage) for stage in widths)
        self.pool = choose(POOLING, pooling, "pooling")
        self.convs = nn.ModuleDict()
        channels = 3
        for layer, width in self._plan():
            self.convs[layer] = Conv3x3(channels, width)
            channels = width
        for key, value in (("mean", MEAN), ("std", STD)):  # no file has them, so they are never "meta"
            self.register_buffer(key, torch.tensor(value, device="cpu").view(1, 3, 1, 1), persistent=False)
        self.winograd = winograd
        self.requires_grad_(False)
        self.eval()

    @property
    def winograd(self) -> bool:
        """Return whether minimal filtering may be used."""
        return self._winograd

    @winograd.setter
    def winograd(self, allowed: bool) -> None:
        self._winograd = allowed
        for conv in self.convs.values():
            if isinstance(conv, Conv3x3):
                conv.winograd = allowed

    def _plan(self) -> list[tuple[str, int]]:
        """Return name and number of channels of every convolution, in order."""
        return [(f"conv{s}_{i}", width) for s, stage in enumerate(self.widths, 1) for i, width in enumerate(stage, 1)]

    @cached_property
    def layers(self) -> Mapping[str, LayerInfo]:
        """Return all convolutions, activations and poolings, from shallow to deep."""
        table: dict[str, LayerInfo] = {}
        stride, field, count = 1, 1, 0
        for stage, widths in enumerate(self.widths, 1):
            for i, width in enumerate(widths, 1):
                field, count = field + 2 * stride, count + 1
                table[f"conv{stage}_{i}"] = table[f"relu{stage}_{i}"] = LayerInfo(stride, width, field, count)
            if stage < len(self.widths):
                field, stride = field + stride, stride * 2
                table[f"pool{stage}"] = LayerInfo(stride, widths[-1], field, count)
        return table

    def prepared(self) -> int:
        """Return the number of bytes of transformed filters, four times their weights; see `encoders/winograd.py`."""
        wide = [c.weight for c in self.convs.values() if isinstance(c, Conv3x3) and min(c.weight.shape[:2]) >= WIDE]
        return sum(4 * w.nbytes for w in wide if self.winograd and w.device.type == "cpu" and w.dtype == torch.float32)

    def aliases(self) -> Mapping[str, str]:
        """Return `conv_1`, `conv_2`, ... for `conv1_1`, `conv1_2`, ..., and `relu_k` likewise."""
        plan = [name for name, _ in self._plan()]
        return {
            f"{kind}_{k}": name.replace("conv", kind) for kind in ("conv", "relu") for k, name in enumerate(plan, 1)
        }

    def grid(self, layer: str, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size of features, which poolings round down."""
        stride = self.layers[layer].stride
        return size[0] // stride, size[1] // stride

    def features(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> dict[str, Tensor]:
        """Return the features of `layers` in one pass, which stops at the deepest of them."""
        maps: dict[str, Tensor] = {}
        x = self.entering(x if after else (x - self.mean) / self.std)
        names, relu_is_due = self.beyond(after), False
        for name, following in zip(names, (*names[1:], ""), strict=True):
            if len(maps) == len(layers):
                break
            if name in self.convs:
                x = self.convs[name](x)
            elif name.startswith("pool"):
                x = self.pool(x, 2)
                x, relu_is_due = F.relu_(x) if relu_is_due else x, False
            elif following.startswith("pool") and name not in layers and self.pool is F.max_pool2d:
                relu_is_due = True  # after the pooling: the result is the same, with a quarter of the work
            else:  # in place, unless the result also has the output of the convolution
                x = F.relu(x) if name.replace("relu", "conv") in maps else F.relu_(x)
            if name in layers:
                maps[name] = x
        return maps

    def from_torchvision(self, state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
        """Return the state dict of this network from the `state` of torchvision's.

        The number in torchvision's `features.{i}` counts convolutions, ReLUs and poolings, in the order of `layers`.
        The classifier is left out. `source` is the name of the file for messages. Raises UsageError for a missing or
        unknown key, and for a wrong shape.
        """
        parts = ("weight", "bias")
        names = {i: f"convs.{name}" for i, name in enumerate(self.layers) if name in self.convs}
        ours = {f"features.{i}.{part}": f"{name}.{part}" for i, name in names.items() for part in parts}
        shapes = {theirs: tuple(self.get_parameter(name).shape) for theirs, name in ours.items()}
        tensors = take(state, shapes, ignore=r"classifier\.", network=self.name, source=source)
        return {ours[theirs]: tensor for theirs, tensor in tensors.items()}
