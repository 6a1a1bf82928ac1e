"""The interface of encoders: frozen networks that map an image to features at named layers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from impasto.errors import UsageError, nearest


@dataclass(frozen=True)
class LayerInfo:
    """A layer of a network.

    stride: the distance of neighbouring positions, in pixels of the image.
    channels: the number of channels.
    receptive_field: the side of the receptive field of a position, in pixels of the image.
    convolution: the number of convolutions up to the layer (`conv_9` is the ninth).
    """

    stride: int
    channels: int
    receptive_field: int
    convolution: int


class Encoder(nn.Module, ABC):
    """A frozen network: `encoder(image, layers) -> {layer: features}`.

    Images are float `(B, 3, H, W)`, sRGB in [0, 1]. The network normalises them itself. Features are
    `(B, C, H / stride, W / stride)` in the dtype of the weights; VGG rounds their size down, ResNet up. The pass stops
    at the deepest of the layers. Features are returned by the canonical names of layers (`relu4_2`). Arguments may
    also be aliases, as in published settings (`conv_9`); see `resolve`.
    """

    name: str
    default_content: tuple[str, ...]
    """The layers of content losses that compare features."""
    default_structure: tuple[str, ...]
    """The layers of content losses that compare structure: outlines at the first, objects at the last."""
    default_style: tuple[str, ...]
    periodic = False
    """Whether convolutions have periodic borders: see `make_periodic`."""
    half_type: torch.dtype | None = None
    """The half-precision type of weights and activations, or None: see `load`."""

    @property
    @abstractmethod
    def layers(self) -> Mapping[str, LayerInfo]:
        """Return all layers by their canonical names, from shallow to deep."""

    @abstractmethod
    def features(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> dict[str, Tensor]:
        """Return the features of `layers`, canonical names; the pass stops at the deepest of them.

        `x` is an image, or the features of the layer `after`.
        """

    @abstractmethod
    def grid(self, layer: str, size: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) of the features of `layer`, a canonical name, for an image of `size`."""

    def aliases(self) -> Mapping[str, str]:
        """Return other names of layers, such as `conv_k`, with their canonical names."""
        return {}

    def metric(self, layer: str) -> Tensor | None:
        """Return the matrix `R`, `(K, C + 1)`, that maps a feature vector `f` into the space of distances: `R [f; 1]`.

        None stands for the features themselves. Only the embedded `lite` has a matrix; see `encoders/lite.py`.
        """
        return None

    def channels(self, layer: str) -> int:
        """Return the number of channels in the space of distances. Only for `lite` it exceeds that of the layer."""
        return self.layers[self.resolve(layer)].channels

    def make_periodic(self) -> None:
        """Give all convolutions periodic borders.

        The features then belong to an image that repeats, if the sides are multiples of the strides of the layers.
        """
        self.periodic = True
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.padding_mode = "circular"

    def entering(self, x: Tensor) -> Tensor:
        """Return a normalised image, or features, in the memory layout and the dtype of the network."""
        x = x if self.half_type is None else x.to(self.half_type)
        return x.contiguous(memory_format=layout(x.device))

    def prepared(self) -> int:
        """Return the number of bytes of transformed weights, which the first pass makes in addition to the weights."""
        return 0

    def beyond(self, after: str | None) -> tuple[str, ...]:
        """Return the names of the layers behind the layer `after`, from shallow to deep; of all layers for None."""
        names = tuple(self.layers)
        return names[names.index(after) + 1 :] if after else names

    def resolve(self, layer: str) -> str:
        """Return the canonical name of `layer`, a name or an alias.

        Raises UsageError for an unknown name, with the nearest name and the names of all layers.
        """
        if layer in self.layers:
            return layer
        aliases = self.aliases()
        if layer in aliases:
            return aliases[layer]
        names = [*self.layers, *aliases]
        kinds = _by_kind(names)
        hint = nearest(layer, kinds.get(_kind(layer), names))
        ranges = ", ".join(kind[0] if len(kind) == 1 else f"{kind[0]} to {kind[-1]}" for kind in kinds.values())
        raise UsageError(f"{self.name} has no layer '{layer}'{hint}; its layers: {ranges}")

    def smallest(self, layers: Iterable[str]) -> int:
        """Return the least side of an image for these layers, in pixels: twice the largest stride."""
        return max(2 * self.layers[self.resolve(name)].stride for name in layers)

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the features of `image` at `layers`, by canonical names.

        Raises UsageError for an unknown layer, and for an image that is not float `(B, 3, H, W)` or is too small.
        """
        requested = frozenset(self.resolve(name) for name in layers)
        if image.ndim != 4 or image.shape[1] != 3:
            raise UsageError(f"an image must have shape (B, 3, H, W), this one has {tuple(image.shape)}")
        if not image.is_floating_point():
            raise UsageError(f"an image must be floating point in [0, 1], this one is {image.dtype}")
        if requested:
            least, (height, width) = self.smallest(requested), image.shape[-2:]
            if min(height, width) < least:
                coarsest = next(n for n, layer in self.layers.items() if n in requested and 2 * layer.stride == least)
                needs = f"{coarsest} of {self.name} needs pictures of at least {least} px a side"
                raise UsageError(f"{needs}, this one is {width}x{height}")
        return self.features(image, requested)


def layout(device: torch.device) -> torch.memory_format:
    """Return the memory layout in which convolutions are fastest: channels-last (1.8x for `lite` on two cores).

    Apple's GPUs use the contiguous layout. There PyTorch's gradients of channels-last convolutions were wrong before
    2.6 (its issues 140902 and 142344) and 30 times as slow since then (193349).
    """
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def _by_kind(names: Iterable[str]) -> dict[str, list[str]]:
    """Return names grouped by their text before the first digit: `conv` of `conv1_1`, `conv_` of `conv_9`."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(_kind(name), []).append(name)
    return kinds


def _kind(name: str) -> str:
    return re.split(r"\d", name, maxsplit=1)[0].lower()
