"""Each part of the photo is painted after the parts of the painting that are most like it.

One statistic of the whole painting asks for everything in it everywhere: faces in plain skies, tiles as large as the
largest on every wall. Here the photo falls into a few soft parts by what a deep layer sees (k-means of directions), and
each part has its own statistics: those of the painting's positions weighed by an optimal transport between photo and
painting (Sinkhorn's iterations, Cuturi 2013; the painting's side relaxed, Chizat et al. 2018, so that what nothing in
the photo resembles is left out). The masks are those of regions, so everything that holds for regions holds here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.encoders import Encoder
from impasto.image import fitted_size
from impasto.losses.style import into_space, positions
from impasto.tasks.scene.areas import Area, Manner, at

SIDE = 256
"""Longer side, in pixels, at which photo and paintings are compared."""

FEWEST = 16
"""Positions of the deep layer for each part, at least: fewer have no statistics."""

SOFTNESS = 0.15
"""Difference of cosines at which a position belongs to one part e times as much as to another."""

BLUR, RELAXATION, ITERATIONS = 0.05, 0.5, 60
"""Of the transport: the weight of its entropy, of the painting's marginal, and Sinkhorn's iterations."""

KEPT = 0.1
"""Share of a part's statistics that the whole painting has in any case."""


@dataclass(frozen=True)
class Points:
    """Directions of feature vectors `(N, K)`, how much each counts `(N,)` (a sum of 1), and their grid."""

    directions: Tensor
    shares: Tensor
    grid: tuple[int, int]

    def map_of(self, values: Tensor) -> Tensor:
        """Values at the positions, `(N,)`, as a mask `(1, 1, h, w)` in [0, 1], smoothed over 3x3 positions."""
        values = values.view(1, 1, *self.grid)
        smooth = F.avg_pool2d(F.pad(values, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return smooth.clamp(0, 1)


@torch.no_grad()
def matched(areas: Sequence[Area], photo: Tensor, encoder: Encoder, count: int) -> list[Area]:
    """The areas, each in up to `count` parts that are painted after like parts of their paintings.

    `photo` `(1, 3, H, W)` in [0, 1], in the paintings' colours, so that colour does not keep like from like. The masks
    of an area's parts add up to its own.
    """
    return [part for area in areas for part in _matched(area, photo, encoder, count)]


def _matched(area: Area, photo: Tensor, encoder: Encoder, count: int) -> list[Area]:
    ours = _points(encoder, photo, area.mask)
    count = min(count, len(ours.directions) // FEWEST)
    if count < 2:
        return [area]
    belonging = torch.softmax(ours.directions @ _centres(ours, count).T / SOFTNESS, 1)
    size = (photo.shape[-2], photo.shape[-1])
    masks = [at(ours.map_of(belonging[:, k]), size) for k in range(count)]
    total = torch.stack(masks).sum(0)
    whole = torch.ones_like(total) if area.mask is None else at(area.mask, size)
    manners = [_manners(manner, encoder, ours, belonging) for manner in area.manners]
    return [
        Area(f"part {k + 1} of {area.name}", tuple(each[k] for each in manners), mask / total * whole, area.weight)
        for k, mask in enumerate(masks)
    ]


def _manners(manner: Manner, encoder: Encoder, ours: Points, belonging: Tensor) -> list[Manner]:
    """The painting as each part of the photo sees it."""
    theirs = _points(encoder, manner.pixels, manner.mask, manner.alpha)
    weights = transport(ours, theirs).T @ belonging
    weights = weights / theirs.shares[:, None].clamp(min=1e-12)  # per unit of the painting
    found = []
    for k in range(belonging.shape[1]):
        share = (1 - KEPT) * weights[:, k] / (weights[:, k] * theirs.shares).sum() + KEPT
        mask = theirs.map_of(share / share.max())
        if manner.mask is not None:
            mask = mask * at(manner.mask, theirs.grid)
        found.append(replace(manner, mask=mask))
    return found


def transport(ours: Points, theirs: Points) -> Tensor:
    """How much of each of our positions goes to each of theirs, `(N, M)`: the rows add up to our shares."""
    kernel = ((ours.directions @ theirs.directions.T - 1) / BLUR).exp()
    left, right = ours.shares, torch.ones_like(theirs.shares)
    for _ in range(ITERATIONS):
        right = (theirs.shares / (kernel.T @ left).clamp(min=1e-30)) ** (RELAXATION / (RELAXATION + BLUR))
        left = ours.shares / (kernel @ right).clamp(min=1e-30)
    return left[:, None] * kernel * right


def _points(encoder: Encoder, picture: Tensor, mask: Tensor | None, alpha: Tensor | None = None) -> Points:
    """The picture at a deep layer: directions from its mean feature vector, which is what sets parts apart."""
    height, width = fitted_size((picture.shape[-2], picture.shape[-1]), min(SIDE, max(picture.shape[-2:])))
    layer = encoder.default_structure[-1]
    least = encoder.smallest([layer])
    device = next(encoder.parameters()).device
    small = at(picture, (max(height, least), max(width, least)), alpha).to(device)
    features = encoder(small, [layer])[layer]
    space = encoder.metric(layer)
    points = into_space(positions(features)[0], space).cpu()
    grid = (features.shape[-2], features.shape[-1])
    shares = torch.ones(len(points)) if mask is None else at(mask.cpu(), grid).flatten().clamp(min=1e-6)
    shares = shares / shares.sum()
    return Points(F.normalize(points - (shares[:, None] * points).sum(0), dim=1), shares, grid)


def _centres(points: Points, count: int, rounds: int = 15) -> Tensor:
    """K-means of directions: `count` unit vectors. Starts from the points farthest from those chosen before."""
    directions, shares = points.directions, points.shares
    chosen = [int((directions @ (shares[:, None] * directions).sum(0)).argmax())]
    for _ in range(count - 1):
        chosen.append(int((directions @ directions[chosen].T).amax(1).argmin()))
    centres = directions[chosen]
    for _ in range(rounds):
        nearest = F.one_hot((directions @ centres.T).argmax(1), count).to(shares) * shares[:, None]
        sums = nearest.T @ directions
        centres = torch.where(sums.norm(dim=1, keepdim=True) > 0, F.normalize(sums, dim=1), centres)
    return centres
