"""Matched parts: each part of the content image has the statistics of the style image's most similar parts.

One statistic of the whole style image puts everything in it everywhere: faces into plain skies, the largest tiles on
every wall. Here k-means of deep features (directions) splits the content image into a few soft parts. Each part has its
own statistics: the positions of the style image weighted by an optimal transport between the two images (Sinkhorn
iterations, Cuturi 2013). The style image's marginal is relaxed (Chizat et al. 2018), so that the transport leaves out
what the content image has nothing similar to. Parts are areas, with masks like those of regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.encoders import Encoder
from impasto.image import fitted_size, size_of
from impasto.losses.feature import into_space, positions
from impasto.tasks.scene.areas import Area, StyleImage, resize_clamped

SIDE = 256
"""Longer side, in pixels, at which content and style images are compared."""

FEWEST = 16
"""Least number of positions of the deep layer for each part: fewer have no statistics."""

SOFTNESS = 0.15
"""Temperature of the softmax over the cosines between a position and the centres of the parts."""

BLUR, RELAXATION, ITERATIONS = 0.05, 0.5, 60
"""The transport's weight of entropy, its weight of the style image's marginal, and its number of iterations."""

WHOLE_SHARE = 0.1
"""Share of the whole style image in the statistics of each part."""


@dataclass(frozen=True)
class Points:
    """Directions of feature vectors `(N, K)`, their weights `(N,)` with a sum of 1, and their grid (height, width)."""

    directions: Tensor
    shares: Tensor
    grid: tuple[int, int]

    def map_of(self, values: Tensor) -> Tensor:
        """Return values at the positions, `(N,)`, as a mask `(1, 1, h, w)` in [0, 1], averaged over 3x3 positions."""
        values = values.view(1, 1, *self.grid)
        smooth = F.avg_pool2d(F.pad(values, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return smooth.clamp(0, 1)


@torch.no_grad()
def matched(areas: Sequence[Area], content: Tensor, encoder: Encoder, count: int) -> list[Area]:
    """Split every area into up to `count` parts and return the parts.

    `content` `(1, 3, H, W)` in [0, 1] is the content image in the colours of its style images, so that the match does
    not depend on colour. The masks of an area's parts add up to the area's mask.
    """
    return [part for area in areas for part in _parts(area, content, encoder, count)]


def _parts(area: Area, content: Tensor, encoder: Encoder, count: int) -> list[Area]:
    ours = _points(encoder, content, area.mask)
    count = min(count, len(ours.directions) // FEWEST)
    if count < 2:
        return [area]
    membership = torch.softmax(ours.directions @ _centres(ours, count).T / SOFTNESS, 1)
    size = size_of(content)
    masks = [resize_clamped(ours.map_of(membership[:, k]), size) for k in range(count)]
    total = torch.stack(masks).sum(0)
    whole = torch.ones_like(total) if area.mask is None else resize_clamped(area.mask, size)
    images = [_masked_styles(image, encoder, ours, membership) for image in area.style_images]
    return [
        Area(f"part {k + 1} of {area.name}", tuple(each[k] for each in images), mask / total * whole, area.weight)
        for k, mask in enumerate(masks)
    ]


def _masked_styles(image: StyleImage, encoder: Encoder, ours: Points, membership: Tensor) -> list[StyleImage]:
    """Return the style image once for each part, with the mask that the part takes statistics over."""
    theirs = _points(encoder, image.pixels, image.mask, image.alpha)
    weights = transport(ours, theirs).T @ membership
    weights = weights / theirs.shares[:, None].clamp(min=1e-12)  # density over the style image
    found = []
    for k in range(membership.shape[1]):
        share = (1 - WHOLE_SHARE) * weights[:, k] / (weights[:, k] * theirs.shares).sum() + WHOLE_SHARE
        mask = theirs.map_of(share / share.max())
        if image.mask is not None:
            mask = mask * resize_clamped(image.mask, theirs.grid)
        found.append(replace(image, mask=mask))
    return found


def transport(ours: Points, theirs: Points) -> Tensor:
    """Return the transport plan `(N, M)` between two sets of points; its rows sum to the weights of the first."""
    kernel = ((ours.directions @ theirs.directions.T - 1) / BLUR).exp()
    left, right = ours.shares, torch.ones_like(theirs.shares)
    for _ in range(ITERATIONS):
        right = (theirs.shares / (kernel.T @ left).clamp(min=1e-30)) ** (RELAXATION / (RELAXATION + BLUR))
        left = ours.shares / (kernel @ right).clamp(min=1e-30)
    return left[:, None] * kernel * right


def _points(encoder: Encoder, picture: Tensor, mask: Tensor | None, alpha: Tensor | None = None) -> Points:
    """Return deep features of the image as directions from their mean; the mean tells no parts apart."""
    height, width = fitted_size(size_of(picture), min(SIDE, max(picture.shape[-2:])))
    layer = encoder.default_structure[-1]
    least = encoder.smallest([layer])
    device = next(encoder.parameters()).device
    small = resize_clamped(picture, (max(height, least), max(width, least)), alpha).to(device)
    features = encoder(small, [layer])[layer]
    space = encoder.metric(layer)
    points = into_space(positions(features)[0], space).cpu()
    grid = size_of(features)
    shares = torch.ones(len(points)) if mask is None else resize_clamped(mask.cpu(), grid).flatten().clamp(min=1e-6)
    shares = shares / shares.sum()
    return Points(F.normalize(points - (shares[:, None] * points).sum(0), dim=1), shares, grid)


def _centres(points: Points, count: int, rounds: int = 15) -> Tensor:
    """Return `count` unit vectors by k-means. The first centres are the points farthest from earlier ones."""
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
