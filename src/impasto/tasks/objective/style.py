"""Style terms: for each area, the distances to the statistics of its style images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import propagate
from impasto.losses import IMAGE, Additive, LayerFeatures, Part, PositionSample, StyleLoss, Term
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import DEEP, Layers, parse_layers
from impasto.tasks.objective.parse_losses import WeightedLoss, style_losses
from impasto.tasks.objective.weights import LEVELS
from impasto.tasks.scene.areas import Area


@torch.no_grad()
def style_terms(  # noqa: PLR0917 (in the order in which they matter)
    context: Context,
    areas: Sequence[Area],
    layers: Layers,
    weight: float,
    losses: Sequence[WeightedLoss] | None = None,
    parts: Sequence[Area] = (),
) -> list[Term]:
    """Return the terms of style: for each area, loss and layer the distance to the statistic of the style images.

    With Gram matrices these are eqs. 4 and 5 of Gatys et al. 2016, but normalised: 1 is the distance of features that
    are 0. Layers share `weight` in proportion to their own weights. An area counts in proportion to its extent: its
    statistics are means over its positions, so each position has the same gradient as without areas. `parts`, the
    matched parts, replace the areas for additive statistics at layers with a stride of `DEEP` or more. Raises
    UsageError for an area that vanishes at a layer.
    """
    losses = style_losses("gram") if losses is None else losses
    own = [parse_layers(context.encoder, i.layers, ()) if i.layers else dict(layers) for i in losses]
    pairs = [
        (weighted, shares, layer)
        for weighted, shares in zip(losses, own, strict=True)
        for layer in ([IMAGE] if weighted.loss.pixels else shares)
    ]
    deep = [pair for pair in pairs if parts and _is_deep(context, pair[0].loss, pair[2])]
    shallow = [pair for pair in pairs if pair not in deep]
    by_area = [(area, shallow) for area in areas] + [(part, deep) for part in parts]
    by_area = [(area, area_pairs) for area, area_pairs in by_area if weight and area.weight and area_pairs]
    return [
        term
        for (area, area_pairs), area_targets in zip(by_area, targets(context, by_area), strict=True)
        for term in _terms_of(context, area, area_pairs, area_targets, weight)
    ]


def _is_deep(context: Context, loss: StyleLoss, layer: str) -> bool:
    return loss.additive and layer != IMAGE and context.encoder.layers[layer].stride >= DEEP


Pair = tuple[WeightedLoss, Layers, str]
"""A loss, the layers that share its weight, and one of these layers, or `IMAGE`."""


def _terms_of(
    context: Context, area: Area, pairs: Sequence[Pair], targets: Sequence[Any], weight: float
) -> Iterator[Term]:
    for (weighted, layers, layer), target in zip(pairs, targets, strict=True):
        unit = _share(context, weighted.loss, target, layers, layer)
        level = LEVELS.get(weighted.loss.name, 1.0)
        total = weight * weighted.weight * level * area.weight * area.extent * unit
        reader = StatisticReader(context, weighted.loss, layer, area.mask, area.name)
        yield Term("style", layer, total, reader.distance(target), context.normalize)


def targets(context: Context, by_area: Sequence[tuple[Area, Sequence[Pair]]]) -> list[list[Any]]:
    """Return the target statistic of each area and each of its pairs, mixed from all style images of the area.

    The network reads a style image once, even if several areas have it.
    """
    readers = [
        [
            [StatisticReader(context, i.loss, layer, m.mask, f"the painting of {area.name}") for i, _, layer in pairs]
            for m in area.style_images
        ]
        for area, pairs in by_area
    ]
    by_image: dict[int, tuple[Tensor, list[StatisticReader]]] = {}
    for (area, _), rows in zip(by_area, readers, strict=True):
        for style_image, row in zip(area.style_images, rows, strict=True):
            by_image.setdefault(id(style_image.pixels), (style_image.pixels, []))[1].extend(row)
    for pixels, image_readers in by_image.values():

        def visit(layer: str, values: Tensor, part: Part, readers: Sequence[StatisticReader] = image_readers) -> None:
            for reader in readers:
                if reader.layer == layer:
                    reader.read(values, part)

        layers = dict.fromkeys(reader.layer for reader in image_readers if reader.layer != IMAGE)
        if layers:
            context.show(pixels, layers, visit)
        visit(IMAGE, pixels, Part.whole(pixels))
    statistics: list[list[Any]] = []
    for (area, pairs), rows in zip(by_area, readers, strict=True):
        shares = [style_image.share for style_image in area.style_images]
        columns = zip(*rows, strict=True)
        statistics.append(
            [
                i.loss.mixed([r.statistic() for r in column], shares)
                for (i, _, _), column in zip(pairs, columns, strict=True)
            ]
        )
    return statistics


def _share(context: Context, loss: StyleLoss, target: Any, layers: Layers, layer: str) -> float:
    """Return the share of the style weight for one layer; in the scale of a paper with its factor."""
    if layer == IMAGE:
        return 1.0
    scale = context.weighting
    if scale is None:
        return layers[layer] / sum(layers.values())
    if loss.name != "gram":
        raise UsageError(f"the scales of papers are for Gram matrices; '{loss.name}' needs the weighting 'normalized'")
    share = layers[layer] / (sum(layers.values()) if scale.mean else 1.0)
    return share * scale.style(context.encoder.channels(layer)) * float(target.square().sum())


class StatisticReader:
    """Computes the statistic of a style loss at one layer within a mask, from the whole layer or part by part.

    An additive statistic is summed over the parts. For other losses, a sample of positions is gathered from the parts
    (see `losses/gathering.py`). `mask` is `(1, 1, H, W)` at the size of the image.
    """

    def __init__(self, context: Context, loss: StyleLoss, layer: str, mask: Tensor | None, name: str) -> None:
        self.context, self.loss, self.layer, self.mask, self.name = context, loss, layer, mask, name
        self.space = None if layer == IMAGE else context.encoder.metric(layer)
        self._total: Any = None
        self._complete = False
        self._counts: dict[tuple[int, int], Tensor] = {}  # every evaluation has the same grid
        self._sample = PositionSample(context.draws, loss.side, self.counts)

    def distance(self, target: Any) -> Additive | Any:
        """Return the distance to the target as a loss of features."""

        def compare(statistic: Any) -> Tensor:
            return self.loss.distance(statistic, target, self.context.draws)

        def whole(values: Tensor) -> Tensor:
            return compare(self.whole(values))

        if self.loss.pixels or not (self.loss.additive or self.loss.samples):
            return whole
        return Additive(self.add, lambda total: compare(self.finish(total)), whole=whole)

    def read(self, values: Tensor, part: Part) -> None:
        """Add a part of the features, or all of them."""
        self._complete = part.share == 1
        if self._complete:
            self._total = self.whole(values)
        else:
            self._total = self.add(values, part) if self._total is None else self._total + self.add(values, part)

    def statistic(self) -> Any:
        """Return the statistic of all features that were read."""
        return self._total if self._complete else self.finish(self._total)

    def whole(self, values: Tensor) -> Any:
        """Return the statistic of all features `(1, C, H, W)`."""
        return self._statistic(values, Part.whole(values))

    def add(self, values: Tensor, part: Part) -> Tensor:
        """Return the contribution of a part to the sum."""
        if not self.loss.additive:
            return self._sample.add(values, part)
        counts = self.counts(part.grid)
        share = part.share if counts is None else float(part.of(counts).sum() / counts.sum())
        if not share:
            nothing: Tensor = 0 * self.loss.statistic(LayerFeatures(values, None, self.space))
            return nothing
        statistic: Tensor = self._statistic(values, part)
        return statistic * share

    def finish(self, total: Tensor) -> Any:
        """Return the statistic from the sum over all parts."""
        return total if self.loss.additive else self.loss.statistic(self._sample.features(total, self.space))

    def counts(self, grid: tuple[int, int]) -> Tensor | None:
        """Return the mask at the layer's grid: the weight of each position."""
        if self.mask is None:
            return None
        if grid not in self._counts:
            self._counts[grid] = self._propagated(self.mask, grid)
        return self._counts[grid]

    def _statistic(self, values: Tensor, part: Part) -> Any:
        counts = self.counts(part.grid)
        return self.loss.statistic(
            LayerFeatures(values, None if counts is None else part.of(counts).to(values), self.space)
        )

    def _propagated(self, mask: Tensor, grid: tuple[int, int]) -> Tensor:
        if self.layer == IMAGE:
            return mask
        info, mode = self.context.encoder.layers[self.layer], self.context.propagation
        counts = propagate(mask, grid, info.stride, info.receptive_field, mode)
        if float(counts.max()) < 1e-3:
            raise UsageError(
                f"the region '{self.name}' vanishes at {self.layer}, whose grid is {grid[1]}x{grid[0]} here; take "
                "shallower style layers, a larger size" + (" or the propagation 'all'" if mode == "inside" else "")
            )
        return counts
