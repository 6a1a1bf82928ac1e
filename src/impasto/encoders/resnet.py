"""ResNet-50 (He et al. 2016, arXiv:1512.03385) up to its last block, its batch norms folded into the convolutions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.encoders.extractor import Encoder, LayerInfo
from impasto.encoders.state import take
from impasto.encoders.vgg import MEAN, STD
from impasto.errors import UsageError, choose

RESNET50 = (3, 4, 6, 3)
"""The number of blocks in each stage."""

EXPANSION = 4
"""Ratio of the widths of a block's output and of its 3x3 convolution."""

EPSILON = 1e-5
"""Added to variances in the batch norms of the published weights."""

# The average is over pixels of the picture, because zeros of the padding would darken the border.
POOLING: dict[str, Callable[[], nn.Module]] = {
    "max": partial(nn.MaxPool2d, 3, stride=2, padding=1),
    "average": partial(nn.AvgPool2d, 3, stride=2, padding=1, count_include_pad=False),
}


class Block(nn.Module):
    """A bottleneck, 1x1 to 3x3 to 1x1, added to its input: `(B, C, H, W)` to `(B, 4 width, H / stride, W / stride)`.

    The 3x3 convolution has the stride, as in the published weights ("v1.5"). In He et al. the first 1x1 has it.
    """

    def __init__(self, channels: int, width: int, *, stride: int, projected: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1)
        self.conv3 = nn.Conv2d(width, EXPANSION * width, 1)
        self.downsample = nn.Conv2d(channels, EXPANSION * width, 1, stride) if projected else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the ReLU of the sum."""
        y = F.relu_(self.conv1(x))
        y = F.relu_(self.conv2(y))
        y = self.conv3(y)
        y += x if self.downsample is None else self.downsample(x)
        return F.relu_(y)


class ResNet(Encoder):
    """A stem, then stages of bottleneck blocks: the layers are `conv1`, `relu1`, `pool1`, `layer1.0`, ..., `layer4.2`.

    blocks: the number of blocks in each stage.
    width: the number of channels of the stem.
    pooling: the kind of `pool1`: "max", as in training, or "average".

    The features of a block are those after its last ReLU.

    Default layers: residual sums give features of low entropy, with a few peaks that dominate the Gram matrix (Wang et
    al. 2021, arXiv:2104.05623). So the layers of style are the stem and the first block of each stage, where the
    shortcut is a convolution and a new sum starts. The fourth stage is left out, because its receptive field has 299
    pixels. The other layers have 7 to 107 pixels, similar to the 3 to 156 of VGG-19. The layer of content is
    `layer2.3`: its stride of 8 and receptive field of 91 pixels are closest to the 8 and 84 of VGG-19's `relu4_2`.
    """

    mean: Tensor
    std: Tensor
    default_content = ("layer2.3",)
    default_structure = ("relu1", "layer1.2", "layer2.3")
    default_style = ("relu1", "layer1.0", "layer2.0", "layer3.0")

    def __init__(self, name: str, blocks: Sequence[int] = RESNET50, width: int = 64, pooling: str = "max") -> None:
        super().__init__()
        self.name = name
        self.blocks = tuple(blocks)
        self.width = width
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3)
        self.relu1 = nn.ReLU()
        self.pool1 = choose(POOLING, pooling, "pooling")()
        channels = width
        for stage, count in enumerate(self.blocks):
            stack = nn.ModuleList()
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                stack.append(Block(channels, width << stage, stride=stride, projected=i == 0))
                channels = EXPANSION * width << stage
            self.add_module(f"layer{stage + 1}", stack)
        for key, value in (("mean", MEAN), ("std", STD)):  # no file has them, so they are never "meta"
            self.register_buffer(key, torch.tensor(value, device="cpu").view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def make_periodic(self) -> None:
        """Give all convolutions and the pooling periodic borders."""
        super().make_periodic()
        if isinstance(self.pool1, nn.MaxPool2d | nn.AvgPool2d):
            self.pool1.padding = 0
            self.pool1 = nn.Sequential(nn.CircularPad2d(1), self.pool1)

    @cached_property
    def layers(self) -> Mapping[str, LayerInfo]:
        """Return all layers, from shallow to deep. Convolutions on shortcuts are not counted."""
        stem = LayerInfo(stride=2, channels=self.width, receptive_field=7, convolution=1)
        table = {"conv1": stem, "relu1": stem, "pool1": LayerInfo(4, self.width, 11, 1)}
        stride, field, count = 4, 11, 1
        for stage, blocks in enumerate(self.blocks):
            for i in range(blocks):
                field, count = field + 2 * stride, count + 3
                stride *= 2 if stage > 0 and i == 0 else 1
                table[f"layer{stage + 1}.{i}"] = LayerInfo(stride, EXPANSION * self.width << stage, field, count)
        return table

    def aliases(self) -> Mapping[str, str]:
        """Return `conv_1` and `relu_1`. Later convolutions are inside blocks; see `resolve`."""
        return {"conv_1": "conv1", "relu_1": "relu1"}

    def resolve(self, layer: str) -> str:
        """Return the canonical name of `layer`.

        Raises UsageError for an unknown name; for a later convolution, `conv_k`, with the name of its block.
        """
        counted = re.fullmatch(r"(?:conv|relu)_(\d+)", layer)
        if counted and layer not in self.aliases():
            blocks = (name for name, info in self.layers.items() if info.convolution >= int(counted[1]) > 1)
            if block := next(blocks, None):
                raise UsageError(f"{self.name} offers whole blocks: '{layer}' is inside {block}; ask for {block}")
        return super().resolve(layer)

    def grid(self, layer: str, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size of features, which padding rounds up."""
        stride = self.layers[layer].stride
        return -(-size[0] // stride), -(-size[1] // stride)

    def features(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> dict[str, Tensor]:
        """Return the features of `layers` in one pass."""
        maps: dict[str, Tensor] = {}
        x = self.entering(x if after else (x - self.mean) / self.std)
        for name in self.beyond(after):
            if len(maps) == len(layers):
                break
            x = self.get_submodule(name)(x)  # the name of a layer is the path of its module
            if name in layers:
                maps[name] = x
        return maps

    def from_torchvision(self, state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
        """Return the state dict of this network from the `state` of torchvision's.

        In evaluation, a batch norm is an affine map of each channel. It is folded into the convolution before it. The
        classifier is left out. `source` is the name of the file for messages. Raises UsageError for a missing or
        unknown key, and for a wrong shape.
        """
        convs = {name: module for name, module in self.named_modules() if isinstance(module, nn.Conv2d)}
        shapes: dict[str, tuple[int, ...]] = {}
        for name, module in convs.items():
            conv, norm = _torchvision(name)
            shapes[f"{conv}.weight"] = tuple(module.weight.shape)
            shapes |= {f"{norm}.{part}": (module.out_channels,) for part in NORM}
        tensors = take(state, shapes, ignore=r"fc\.|.*\.num_batches_tracked$", network=self.name, source=source)
        folded: dict[str, Tensor] = {}
        for name in convs:
            conv, norm = _torchvision(name)
            weight, bias = fold(tensors[f"{conv}.weight"], *(tensors[f"{norm}.{part}"] for part in NORM))
            folded |= {f"{name}.weight": weight, f"{name}.bias": bias}
        return folded


NORM = ("weight", "bias", "running_mean", "running_var")
"""The tensors of a batch norm, in the order of the arguments of `fold`."""


def fold(weight: Tensor, gain: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight `(O, I, k, k)` and bias `(O,)` of the convolution that equals `weight` followed by the batch norm.

    With `s = gain / sqrt(variance + epsilon)`: `s (W x - mean) + shift = (s W) x + (shift - s mean)`.
    """
    scale = gain.double() / torch.sqrt(variance.double() + EPSILON)
    bias = shift.double() - scale * mean.double()
    return (weight.double() * scale[:, None, None, None]).float(), bias.float()


def _torchvision(name: str) -> tuple[str, str]:
    """Return torchvision's names of the convolution `name` and of the batch norm after it."""
    if name.endswith("downsample"):
        return f"{name}.0", f"{name}.1"
    return name, name.replace("conv", "bn")
