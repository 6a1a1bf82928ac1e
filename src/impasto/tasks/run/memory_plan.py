"""How each size of a run is computed so that it fits into memory.

The model, in bytes. Always there: the process with its libraries, and the pictures as they were loaded. For a size with
P pixels and a picture of 12 P bytes:

- `PICTURES` pictures: the point and its gradient, the best one, the move, and what a step makes of them;
- what the optimiser remembers: 2 pictures for each pair of L-BFGS, half of that in half precision; 3 for Adam;
- the photo's features that the content is compared with;
- the network: all activations of the segments that are one tile; of the others the activations of a tile, and the
  features at their ends with their gradients; and, where there is room to spare, the graphs of some more tiles.

What is whole and in full precision where there is room for it is cut, and kept in half precision and for fewer steps,
where there is not. What still does not fit is kept in memory-mapped files, but for what one evaluation works on.

On a GPU all of this is the device's memory. What does not fit there with so few pairs lives in the CPU's, with as many
as that has room for, and in files where it has none either; the device then has a tile at a time, and segments that are
one tile. (Not run on a GPU so far.)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch

from impasto.encoders import Encoder, Segment, segments
from impasto.errors import UsageError
from impasto.image import Allocate, Size, in_memory, mapped
from impasto.tasks.objective.context import Context
from impasto.tasks.tiling import cut as cutting
from impasto.tasks.tiling.cut import Cut, needs_of
from impasto.tasks.tiling.memory import amount, graph
from impasto.tasks.tiling.stages import LEAST, computing, keeping
from impasto.tasks.tiling.team import Team

FLOAT = 4


PICTURES = 7
"""Pictures that a step of L-BFGS holds besides its history, at most."""

FEWER = 3
"""Less of them with pairs in half precision, which are made without their vectors; measured."""

THREADS = 80e6
"""What the workers of a first step keep for themselves, and holes between blocks; measured."""

USED_UP = 0.5
"""The graphs, in tiles, that are gone when a tile is at its largest: the last ones to be made are the first to be used;
measured."""

WORKING = 2
"""Of them those that an evaluation works on: the picture and its gradient."""

PAIRS, FEWEST, MAPPED = 20, 5, 8
"""Pairs that L-BFGS remembers where there is room, at least, and in files."""

REMEMBERED = {"adam": 3, "adam-carried": 3, "rmsprop": 2}
"""Pictures that the other optimisers keep."""


@dataclass(frozen=True)
class Arrangement:
    """How one size is computed: the cut, the pairs that L-BFGS remembers, whether in half precision, the bytes that the
    process then has at most on the device, whether the network sees it `whole`, whether pictures are in `mapped` files,
    whether they are `away` from the device, in the CPU's memory, and the bytes to `spare` for the graphs of tiles."""

    cut: Cut
    pairs: int
    half: bool
    peak: float
    whole: bool
    mapped: bool = False
    away: bool = False
    spare: float = 0.0


@dataclass(frozen=True)
class Room:
    """What a run may take: `total` bytes, `base` of which the process has already.

    `layers` are all that its network looks at, `kept` those whose features are kept for comparison; `tile` is the side
    of tiles that a person asked for (0: none), `scratch` the folder of memory-mapped files; `schedule` tells the steps
    at each size. `outside`: total and base of the CPU's memory where the network computes on a device with its own.
    """

    total: float
    base: float
    encoder: Encoder
    layers: frozenset[str]
    kept: frozenset[str]
    optimizer: str = "lbfgs"
    tile: int | None = None
    scratch: str | None = None
    schedule: tuple[tuple[Size, int], ...] = ()
    team: Team = field(default_factory=Team)
    outside: tuple[float, float] | None = None

    def of(self, team: Team, *, asked: bool) -> Room:
        """The room of each process of a team, the same for all, so that all make the same plan.

        What was not `asked` for but found free on a machine is divided among them, as if all were on the same one. Each
        GPU is taken by one process alone.
        """
        if team.alone:
            return self
        device = computing(self.encoder)

        def agreed(total: float, base: float, share: int) -> tuple[float, float]:
            return team.least(base + (total - base) / share, device), -team.least(-base, device)

        total, base = agreed(self.total, self.base, team.size if device.type == "cpu" and not asked else 1)
        away = agreed(*self.outside, team.size) if self.outside else None
        return replace(self, total=total, base=base, outside=away, team=team)

    def at(self, size: Size) -> Arrangement:
        """How a picture of `size` is computed. Raises UsageError where it cannot fit."""
        picture, stages = 3.0 * FLOAT * size[0] * size[1], segments(self.encoder, self.layers)
        fixed = self.base + THREADS + self.encoder.prepared() + PICTURES * picture + self._features(self.kept, size)
        most = min(PAIRS, dict(self.schedule).get(size, PAIRS))  # no more pairs than steps
        others = REMEMBERED.get(self.optimizer)
        whole, remembered = self._activations(stages, size), picture * (2 * most if others is None else others)
        uncut = self.tile is not None and (self.tile == 0 or self.tile >= max(size))
        if uncut and self.outside and fixed + remembered + whole > self.total:
            return self._away(stages, size, most, whole)
        if uncut or (self.tile is None and fixed + remembered + whole <= self.total):
            peak = self._fitting(size, fixed + remembered + whole)
            return Arrangement(Cut(self.total - peak + whole, self.tile), most, False, peak, whole=True)
        ends, tile = self._in_tiles(stages, size, whole)
        needs, pairs, half = fixed + ends, most, False
        spare = self.total - needs - tile
        if self.outside and spare < picture * (min(FEWEST, most) if others is None else others):
            return self._away(stages, size, most, tile)
        if others is None and remembered > spare / 2:
            half, pairs = True, self._pairs(spare / picture, most)
            if not pairs:
                working, cut = needs - (PICTURES - WORKING) * picture, Cut(tile, self.tile)
                self._fitting(size, working + tile)
                peak, at_once = working + cut.taken(self.encoder, self.layers, size), not self.tile and tile >= whole
                return Arrangement(cut, MAPPED, True, peak, at_once, mapped=True)
            remembered, needs = pairs * picture, needs - FEWER * picture
        room = tile if self.tile else min(self.total - needs - remembered, whole)
        cut = Cut(room, self.tile)
        self._fitting(size, needs + remembered + tile)
        peak = needs + remembered + cut.taken(self.encoder, self.layers, size)
        spare = max(0.0, self.total - peak)
        _, graphs = keeping(cut.stages(self.encoder, self.layers, size), spare, graph)
        peak += max(0.0, graphs - USED_UP * tile)
        return Arrangement(cut, pairs, half, peak, not self.tile and room >= whole, spare=spare)

    def _away(self, stages: Sequence[Segment], size: Size, most: int, tile: float) -> Arrangement:
        """Pictures, what the optimiser remembers, targets and the ends of segments in the CPU's memory, tiles on the
        device."""
        picture, whole = 3.0 * FLOAT * size[0] * size[1], self._activations(stages, size)
        fixed = self._fitting(size, self.base + THREADS + self.encoder.prepared() + tile) - tile
        room = tile if self.tile else min(self.total - fixed, whole)
        cut = Cut(room, self.tile)
        peak, at_once = fixed + cut.taken(self.encoder, self.layers, size), not self.tile and room >= whole
        total, base = self.outside or (0.0, 0.0)
        spare = total - base - PICTURES * picture - self._features(self.kept, size)
        spare -= 2 * self._features((s.end for s in stages if s.end), size)
        others = REMEMBERED.get(self.optimizer)
        if others is not None or 2 * most * picture <= spare / 2:
            return Arrangement(cut, most, False, peak, at_once, away=True)
        pairs = self._pairs(spare / picture, most)
        return Arrangement(cut, pairs or MAPPED, True, peak, at_once, mapped=not pairs, away=True)

    def _in_tiles(self, stages: Sequence[Segment], size: Size, whole: float) -> tuple[float, float]:
        """Bytes of the ends of segments with their gradients, and of the activations of a tile; where all of the
        network takes no more than both: nothing, and all of it."""
        ends = 2 * self._features((s.end for s in stages if s.end), size)
        if self.tile:
            window = self.tile + 2 * LEAST
            return ends, min(self._activations(stages, (window, window)), whole)
        return (ends, cutting.TILE) if whole > ends + cutting.TILE else (0.0, whole)

    def _pairs(self, pictures: float, most: int) -> int:
        """How many pairs in half precision to remember where there is room for so many pictures: half of it, or all of
        it for the fewest that serve; or none."""
        pairs, fewest = min(most, int(pictures / 2)), min(FEWEST, most)
        return pairs if pairs >= fewest else fewest if pictures >= fewest else 0

    def _fitting(self, size: Size, needs: float) -> float:
        """What is needed, if it may be taken."""
        if needs > self.total:
            raise UsageError(
                f"a result of {size[1]}x{size[0]} needs about {amount(needs)} of memory, "
                f"and {amount(self.total)} may be taken; ask for a smaller result, or allow more by --memory"
            )
        return needs

    def context(self, context: Context, size: Size) -> Context:
        """The context for pictures of `size`: as they are arranged, and shared with the team but where a person wants
        no tiles."""
        here, cuts = self.at(size), self.tile != 0
        return replace(context, cut=here.cut, allocate=self.allocate(size), team=self.team, cuts=cuts, spare=here.spare)

    def home(self, size: Size) -> torch.device:
        """Where pictures of this size live."""
        return torch.device("cpu") if self.at(size).away else computing(self.encoder)

    def allocate(self, size: Size) -> Allocate:
        """What makes the memory of pictures at this size."""
        return mapped(self.scratch or tempfile.gettempdir()) if self.at(size).mapped else in_memory

    def _features(self, layers: Iterable[str], size: Size) -> float:
        """Bytes of the features at these layers."""
        found = [(self.encoder.layers[name].channels, self.encoder.grid(name, size)) for name in layers]
        return sum(FLOAT * channels * grid[0] * grid[1] for channels, grid in found)

    def _activations(self, stages: Sequence[Segment], size: Size) -> float:
        return sum(needs_of(self.encoder, stages, size))
