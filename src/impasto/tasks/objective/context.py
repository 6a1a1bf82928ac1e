"""The context of an evaluation: the network, the random draws, and the tiles in which the network reads images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from impasto.encoders import Encoder
from impasto.image import Allocate, Size, in_memory, size_of
from impasto.losses import Part, RandomDraws
from impasto.tasks.objective.weights import Weighting
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.tiling.stages import Stage, empty, network_device, stages, to_device, visit_features

TileRule = Callable[[Encoder, "frozenset[str]", Size], Sequence[int]]
"""A function that returns the sides of the tiles of each segment, for layers and a size: see `stages.stages`."""


def untiled(encoder: Encoder, layers: frozenset[str], size: Size) -> Sequence[int]:
    """Return the tile sizes of an image without tiles.

    A `TileRule`; 0 stands for one tile.
    """
    return (0,)


@dataclass(frozen=True, eq=False)
class Context:
    """The objects that the terms of one evaluation share.

    encoder, draws: the network and the random draws.
    weighting: the scale of the weights; None for normalised losses.
    normalize: whether the gradient of each term is divided by its own size (see `Term`).
    propagation: which neurons belong to a region.
    tile_sizes: the rule for tile sizes.
    allocate: the allocator for tensors as large as the image.
    group: the processes that share the evaluation.
    may_tile: whether a whole segment may be tiled later, to share it among processes or after a lack of memory.
    spare: bytes for the graphs of tiles.
    """

    encoder: Encoder
    draws: RandomDraws = field(default_factory=RandomDraws)
    weighting: Weighting | None = None
    normalize: bool = False
    propagation: str = "all"
    tile_sizes: TileRule = untiled
    allocate: Allocate = in_memory
    group: ProcessGroup = field(default_factory=ProcessGroup)
    may_tile: bool = True
    spare: float = 0.0

    def stages(self, layers: Iterable[str], size: Size) -> list[Stage]:
        """Return the stages that read an image of `size` at these canonical layers."""
        layers = frozenset(layers)
        return stages(self.encoder, layers, size, self.tile_sizes(self.encoder, layers, size))

    def show(self, picture: Tensor, layers: Iterable[str], visit: Callable[[str, Tensor, Part], None]) -> None:
        """Call `visit` with the features of `picture` `(1, 3, H, W)` at these canonical layers, whole or in parts."""
        layers = list(layers)
        network_stages = self.stages(layers, size_of(picture))
        if all(stage.whole for stage in network_stages):
            for layer, features in self.encoder(to_device(picture, network_device(self.encoder)), layers).items():
                visit(layer, features, Part.whole(features))
        else:
            visit_features(network_stages, picture, visit, self.allocate)

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the features of `picture` at these canonical layers, on the device of the picture."""
        by_layer: dict[str, Tensor] = {}

        def visit(layer: str, features: Tensor, part: Part) -> None:
            if part.share == 1:
                by_layer[layer] = to_device(features, picture.device)
                return
            if layer not in by_layer:
                kind, channels = features.dtype, features.shape[1]
                by_layer[layer] = empty(kind, picture.device, channels, part.grid, self.allocate)
            part.of(by_layer[layer]).copy_(features)

        self.show(picture, layers, visit)
        return by_layer
