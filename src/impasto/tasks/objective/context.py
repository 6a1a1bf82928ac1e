"""What the terms of one evaluation share, and how pictures are shown to the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from impasto.encoders import Encoder
from impasto.image import Allocate, Size, in_memory
from impasto.losses import Dice, Part
from impasto.tasks.objective.weights import Weighting
from impasto.tasks.tiling.stages import Stage, computing, empty, moved, show, stages
from impasto.tasks.tiling.team import Team

Cut = Callable[[Encoder, "frozenset[str]", Size], Sequence[int]]
"""How a picture of a size is cut before a network, for these layers: sides of tiles, see `tiling.stages.stages`."""


def whole(encoder: Encoder, layers: frozenset[str], size: Size) -> Sequence[int]:
    """Not at all."""
    return (0,)


@dataclass(frozen=True, eq=False)
class Context:
    """What the terms of one evaluation share: the network, the random draws, the scale of weights.

    `normalize`: each term's gradient is divided by its own size (see `Term`). `propagation`: which neurons belong to a
    region. `cut`: the tiles of large pictures. `allocate` makes the memory of what is as large as the picture. `team`:
    the processes that evaluate together. `cuts`: whether what would be whole may be cut, for each of them to have a
    part, or where a device has less memory than it seemed. `spare`: bytes for the graphs of tiles.
    """

    encoder: Encoder
    dice: Dice = field(default_factory=Dice)
    weighting: Weighting | None = None
    normalize: bool = False
    propagation: str = "all"
    cut: Cut = whole
    allocate: Allocate = in_memory
    team: Team = field(default_factory=Team)
    cuts: bool = True
    spare: float = 0.0

    def stages(self, layers: Iterable[str], size: Size) -> list[Stage]:
        """The stages in which a picture of `size` is seen at these canonical layers."""
        wanted = frozenset(layers)
        return stages(self.encoder, wanted, size, self.cut(self.encoder, wanted, size))

    def show(self, picture: Tensor, layers: Iterable[str], visit: Callable[[str, Tensor, Part], None]) -> None:
        """Show the features of `picture` `(1, 3, H, W)` at these canonical layers to `visit`, all at once or in
        parts."""
        layers = list(layers)
        found = self.stages(layers, _size(picture))
        if all(stage.whole for stage in found):
            for layer, features in self.encoder(moved(picture, computing(self.encoder)), layers).items():
                visit(layer, features, Part.whole(features))
        else:
            show(found, picture, visit, self.allocate)

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """The features of `picture` at these canonical layers, put together from their parts where the picture is."""
        found: dict[str, Tensor] = {}

        def visit(layer: str, features: Tensor, part: Part) -> None:
            if part.share == 1:
                found[layer] = moved(features, picture.device)
                return
            if layer not in found:
                kind, channels = features.dtype, features.shape[1]
                found[layer] = empty(kind, picture.device, channels, part.grid, self.allocate)
            part.of(found[layer]).copy_(features)

        self.show(picture, layers, visit)
        return found


def _size(picture: Tensor) -> Size:
    return picture.shape[-2], picture.shape[-1]
