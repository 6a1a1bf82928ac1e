"""What every encoder is: a frozen network that turns an image into named layers of features."""

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
    """One place in a network where features can be taken.

    `stride`: input pixels a step; `channels`: its width; `receptive_field`: the side, in input pixels, of the square
    that one position sees; `convolution`: how many convolutions stand at or before it (`conv_9` is the ninth).
    """

    stride: int
    channels: int
    receptive_field: int
    convolution: int


class Encoder(nn.Module, ABC):
    """A frozen network: `encoder(image, layers) -> {layer: features}`.

    Images are float `(B, 3, H, W)`, sRGB in [0, 1]; the network's own normalisation happens inside. Features are
    `(B, C, H / stride, W / stride)`, rounded as the network rounds (VGG down, ResNet up), in the type of its weights.
    The pass stops at the deepest layer asked for. Names are canonical (`relu4_2`); `resolve` also understands the
    aliases people type (`conv_9`).
    """

    name: str
    default_content: tuple[str, ...]
    """The layers whose features are compared one by one."""
    default_structure: tuple[str, ...]
    """The layers whose maps are correlated: outlines at the first, objects at the last."""
    default_style: tuple[str, ...]
    endless = False
    """Whether pictures are seen as repeating without end: see `tile`."""
    half_type: torch.dtype | None = None
    """The type of number of the weights and activations where they are in half precision: see `load`."""

    @property
    @abstractmethod
    def layers(self) -> Mapping[str, LayerInfo]:
        """Every layer that can be asked for, from shallow to deep."""

    @abstractmethod
    def features(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> dict[str, Tensor]:
        """The features of canonical `layers`, computed no further than the deepest of them: of an image, or from `x`,
        the features of the layer `after`."""

    @abstractmethod
    def grid(self, layer: str, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the features of a canonical `layer` for an image of `size`."""

    def aliases(self) -> Mapping[str, str]:
        """Other names for layers, such as the seeds' `conv_k`, each with its canonical name."""
        return {}

    def metric(self, layer: str) -> Tensor | None:
        """The matrix `R`, `(K, C + 1)`, of the space in which this layer's distances are meant: a feature vector `f`
        stands for `R [f; 1]`. None means the features themselves. Only the embedded `lite` has one; see
        `encoders/lite.py`.
        """
        return None

    def channels(self, layer: str) -> int:
        """How many channels the features of `layer` stand for: its own, but for `lite`, which measures in a wider
        network's space."""
        return self.layers[self.resolve(layer)].channels

    def tile(self) -> None:
        """See pictures from here on as if they repeated without end: every padding wraps around.

        Features are then those of the endless picture where the sides are multiples of the layers' stride.
        """
        self.endless = True
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.padding_mode = "circular"

    def entering(self, x: Tensor) -> Tensor:
        """A normalised picture, or features, in the layout and the type in which the network computes."""
        x = x if self.half_type is None else x.to(self.half_type)
        return x.contiguous(memory_format=layout(x.device))

    def prepared(self) -> int:
        """Bytes that the network makes of its weights when it is first used, besides these."""
        return 0

    def beyond(self, after: str | None) -> tuple[str, ...]:
        """The layers behind the layer `after`, from shallow to deep; without it all."""
        names = tuple(self.layers)
        return names[names.index(after) + 1 :] if after else names

    def resolve(self, layer: str) -> str:
        """The canonical name of `layer`, or a UsageError naming the nearest one and the range of each kind."""
        if layer in self.layers:
            return layer
        aliases = self.aliases()
        if layer in aliases:
            return aliases[layer]
        known = [*self.layers, *aliases]
        kinds = _by_kind(known)
        hint = nearest(layer, kinds.get(_kind(layer), known))
        ranges = ", ".join(kind[0] if len(kind) == 1 else f"{kind[0]} to {kind[-1]}" for kind in kinds.values())
        raise UsageError(f"{self.name} has no layer '{layer}'{hint}; its layers: {ranges}")

    def smallest(self, layers: Iterable[str]) -> int:
        """The shortest legal side, in pixels, of an image whose `layers` are asked for: two steps of the coarsest."""
        return max(2 * self.layers[self.resolve(name)].stride for name in layers)

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of `image` at `layers`, keyed by canonical names.

        Raises UsageError for an unknown layer, and for an image that is not float `(B, 3, H, W)` or is too small.
        """
        wanted = frozenset(self.resolve(name) for name in layers)
        if image.ndim != 4 or image.shape[1] != 3:
            raise UsageError(f"an image must have shape (B, 3, H, W), this one has {tuple(image.shape)}")
        if not image.is_floating_point():
            raise UsageError(f"an image must be floating point in [0, 1], this one is {image.dtype}")
        if wanted:
            least, (height, width) = self.smallest(wanted), image.shape[-2:]
            if min(height, width) < least:
                coarsest = next(n for n, layer in self.layers.items() if n in wanted and 2 * layer.stride == least)
                needs = f"{coarsest} of {self.name} needs pictures of at least {least} px a side"
                raise UsageError(f"{needs}, this one is {width}x{height}")
        return self.features(image, wanted)


def layout(device: torch.device) -> torch.memory_format:
    """The memory layout in which convolutions are fastest: channels last (1.8x for `lite` on two cores).

    Not on Apple's GPUs, where PyTorch's gradients of such convolutions were wrong before 2.6 (its issues 140902 and
    142344) and 30 times as slow after (193349).
    """
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def _by_kind(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what stands before the first digit: `conv` of `conv1_1`, `conv_` of `conv_9`, `layer` of `layer1.0`."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(_kind(name), []).append(name)
    return kinds


def _kind(name: str) -> str:
    return re.split(r"\d", name, maxsplit=1)[0].lower()
