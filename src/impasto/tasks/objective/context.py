"""The context of an evaluation: what its terms share, and how the network reads images, whole or in tiles."""

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
"""Returns the sides of the tiles of each segment, for these layers of a picture of a size: see `stages.stages`."""


def untiled(encoder: Encoder, layers: frozenset[str], size: Size) -> Sequence[int]:
    """Return the tile sizes of a picture that is read whole."""
    return (0,)


@dataclass(frozen=True, eq=False)
class Context:
    """What the terms of one evaluation share.

    encoder, dice: the network and the random draws.
    weighting: the scale of the weights; None for normalised losses.
    normalize: whether the gradient of each term is divided by its own size (see `Term`).
    propagation: which neurons belong to a region.
    tile_sizes: the rule for tile sizes.
    allocate: the allocator for tensors as large as the picture.
    group: the processes that evaluate together.
    may_tile: whether a whole segment may be tiled, to share it among processes or where memory is short after all.
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
        """Return the stages that read a picture of `size` at these canonical layers."""
        wanted = frozenset(layers)
        return stages(self.encoder, wanted, size, self.tile_sizes(self.encoder, wanted, size))

    def show(self, picture: Tensor, layers: Iterable[str], visit: Callable[[str, Tensor, Part], None]) -> None:
        """Call `visit` with the features of `picture` `(1, 3, H, W)` at these canonical layers, whole or in parts."""
        layers = list(layers)
        found = self.stages(layers, size_of(picture))
        if all(stage.whole for stage in found):
            for layer, features in self.encoder(to_device(picture, network_device(self.encoder)), layers).items():
                visit(layer, features, Part.whole(features))
        else:
            visit_features(found, picture, visit, self.allocate)

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the features of `picture` at these canonical layers, on the device of the picture."""
        found: dict[str, Tensor] = {}

        def visit(layer: str, features: Tensor, part: Part) -> None:
            if part.share == 1:
                found[layer] = to_device(features, picture.device)
                return
            if layer not in found:
                kind, channels = features.dtype, features.shape[1]
                found[layer] = empty(kind, picture.device, channels, part.grid, self.allocate)
            part.of(found[layer]).copy_(features)

        self.show(picture, layers, visit)
        return found
