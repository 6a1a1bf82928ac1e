"""Terms of style: what paintings are like, area by area, and how far a picture is from that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import propagate
from impasto.losses import IMAGE, Additive, Features, Part, Sample, StyleLoss, Term
from impasto.tasks.context import Context
from impasto.tasks.layers import Layers, parse_layers
from impasto.tasks.mixture import Ingredient, style_losses
from impasto.tasks.regions import Area
from impasto.tasks.strength import LEVELS

DEEP = 4
"""Stride, in pixels, from which a layer sees what a place shows, and not its grain alone."""


@torch.no_grad()
def style_terms(  # noqa: PLR0917 (what is asked for, in the order in which it matters)
    context: Context,
    areas: Sequence[Area],
    layers: Layers,
    weight: float,
    losses: Sequence[Ingredient] | None = None,
    parts: Sequence[Area] = (),
) -> list[Term]:
    """The paintings' statistics, area by area: distance over what nothing would be away (1 is as far as nothing).

    With Gram matrices Gatys et al. 2016, eqs. 4 and 5, but normalised, layer by layer. Layers share `weight` in the
    proportions of their own. An area counts in proportion to its extent: its statistics are means over its positions,
    so that each of these then feels the same push as without areas. `parts`: the same areas in smaller ones, for
    statistics that add up, at layers of a stride of `DEEP` or more.
    """
    losses = style_losses("gram") if losses is None else losses
    own = [parse_layers(context.encoder, i.layers, ()) if i.layers else dict(layers) for i in losses]
    pairs = [
        (ingredient, chosen, layer)
        for ingredient, chosen in zip(losses, own, strict=True)
        for layer in ([IMAGE] if ingredient.loss.pixels else chosen)
    ]
    deep = [pair for pair in pairs if parts and _is_deep(context, pair[0].loss, pair[2])]
    shallow = [pair for pair in pairs if pair not in deep]
    return [
        term
        for group, chosen_areas in ((shallow, areas), (deep, parts))
        for area in chosen_areas
        if weight and area.weight and group
        for term in _terms_of(context, area, group, weight)
    ]


def _is_deep(context: Context, loss: StyleLoss, layer: str) -> bool:
    return loss.additive and layer != IMAGE and context.encoder.layers[layer].stride >= DEEP


Pair = tuple[Ingredient, Layers, str]
"""A loss, the layers among which its weight is shared, and one of them (or the image itself)."""


def _terms_of(context: Context, area: Area, pairs: Sequence[Pair], weight: float) -> list[Term]:
    targets = _targets(context, area, [(ingredient.loss, layer) for ingredient, _, layer in pairs])
    terms = []
    for (ingredient, chosen, layer), target in zip(pairs, targets, strict=True):
        unit = _share(context, ingredient.loss, target, chosen, layer)
        level = LEVELS.get(ingredient.loss.name, 1.0)
        total = weight * ingredient.weight * level * area.weight * area.extent * unit
        reader = Reader(context, ingredient.loss, layer, area.mask, area.name)
        terms.append(Term("style", layer, total, reader.distance(target), context.normalize))
    return terms


def _targets(context: Context, area: Area, pairs: Sequence[tuple[StyleLoss, str]]) -> list[Any]:
    """What the picture is to be like in an area, for each loss at its layer: the statistic of all its manners."""
    found: list[list[Any]] = [[] for _ in pairs]
    for manner in area.manners:
        readers = [Reader(context, loss, layer, manner.mask, f"the painting of {area.name}") for loss, layer in pairs]
        sums: dict[int, Any] = {}

        def visit(layer: str, values: Tensor, part: Part, readers: list[Reader] = readers, sums: Any = sums) -> None:
            for k, reader in enumerate(readers):
                if reader.layer == layer:
                    sums[k] = reader.whole(values) if part.share == 1 else sums.get(k, 0) + reader.add(values, part)
                    reader.complete = part.share == 1

        wanted = dict.fromkeys(layer for _, layer in pairs if layer != IMAGE)
        if wanted:
            context.show(manner.pixels, wanted, visit)
        visit(IMAGE, manner.pixels, Part.whole(manner.pixels))
        for k, reader in enumerate(readers):
            found[k].append(sums[k] if reader.complete else reader.finish(sums[k]))
    shares = [manner.share for manner in area.manners]
    return [loss.mixed(statistics, shares) for (loss, _), statistics in zip(pairs, found, strict=True)]


def _share(context: Context, loss: StyleLoss, target: Any, layers: Layers, layer: str) -> float:
    """What of the style's weight goes to one layer."""
    if layer == IMAGE:
        return 1.0
    scale = context.weighting
    if scale is None:
        return layers[layer] / sum(layers.values())
    if loss.name != "gram":
        raise UsageError(f"the papers' scales of weights are those of Gram matrices; '{loss.name}' takes 'normalized'")
    share = layers[layer] / (sum(layers.values()) if scale.mean else 1.0)
    return share * scale.style(context.encoder.channels(layer)) * float(target.square().sum())


class Reader:
    """Reads the statistic of a style loss off one layer, all at once or part by part, as far as a mask counts.

    An additive statistic is summed up over the parts. Of any other loss a sample of positions is gathered, of which
    the statistic is then taken (see `losses/gathering.py`). `mask` is `(1, 1, H, W)` at the picture's size.
    """

    def __init__(self, context: Context, loss: StyleLoss, layer: str, mask: Tensor | None, name: str) -> None:
        self.context, self.loss, self.layer, self.mask, self.name = context, loss, layer, mask, name
        self.space = None if layer == IMAGE else context.encoder.metric(layer)
        self.complete = False
        self._counts: dict[tuple[int, int], Tensor] = {}  # one evaluation after the other asks for the same grid
        self._sample = Sample(context.dice, loss.side, self.counts)

    def distance(self, target: Any) -> Additive | Any:
        """The distance of a picture's features from the target."""

        def compare(statistic: Any) -> Tensor:
            return self.loss.distance(statistic, target, self.context.dice)

        def whole(values: Tensor) -> Tensor:
            return compare(self.whole(values))

        if self.loss.pixels or not (self.loss.additive or self.loss.samples):
            return whole
        return Additive(self.add, lambda total: compare(self.finish(total)), whole=whole)

    def whole(self, values: Tensor) -> Any:
        """The statistic of all features `(1, C, H, W)`."""
        return self._statistic(values, Part.whole(values))

    def add(self, values: Tensor, part: Part) -> Tensor:
        """What a part adds to the sum."""
        if not self.loss.additive:
            return self._sample.add(values, part)
        counts = self.counts(part.grid)
        share = part.share if counts is None else float(part.of(counts).sum() / counts.sum())
        if not share:
            nothing: Tensor = 0 * self.loss.statistic(Features(values, None, self.space))
            return nothing
        found: Tensor = self._statistic(values, part)
        return found * share

    def finish(self, total: Tensor) -> Any:
        """The statistic that the sum over all parts makes."""
        return total if self.loss.additive else self.loss.statistic(self._sample.features(total, self.space))

    def counts(self, grid: tuple[int, int]) -> Tensor | None:
        """How much each position of the layer's grid belongs to the region."""
        if self.mask is None:
            return None
        if grid not in self._counts:
            self._counts[grid] = self._propagated(self.mask, grid)
        return self._counts[grid]

    def _statistic(self, values: Tensor, part: Part) -> Any:
        counts = self.counts(part.grid)
        return self.loss.statistic(Features(values, None if counts is None else part.of(counts).to(values), self.space))

    def _propagated(self, mask: Tensor, grid: tuple[int, int]) -> Tensor:
        if self.layer == IMAGE:
            return mask
        about, mode = self.context.encoder.layers[self.layer], self.context.propagation
        found = propagate(mask, grid, about.stride, about.receptive_field, mode)
        if float(found.max()) < 1e-3:
            here = f"whose grid is {grid[1]}x{grid[0]} here"
            raise UsageError(
                f"the region '{self.name}' vanishes at {self.layer}, {here}; take shallower style layers, a larger size"
                + (" or the propagation 'all'" if mode == "inside" else "")
            )
        return found
