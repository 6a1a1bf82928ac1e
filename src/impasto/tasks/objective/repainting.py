"""The photo's features exchanged for those of the paintings that are most like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from impasto.losses import STYLE_LOSSES, replaced
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import Ingredient
from impasto.tasks.objective.style import Reader, targets
from impasto.tasks.scene.areas import Area


@torch.no_grad()
def repainted(context: Context, content: Mapping[str, Tensor], areas: Sequence[Area]) -> dict[str, Tensor]:
    """The photo's features `(1, C, H, W)` by layer, each exchanged for the nearest that its area's painting has.

    A position belongs to the area whose mask counts most there. Areas of no weight keep the photo's features.
    """
    areas = [area for area in areas if area.weight]
    nearest = Ingredient(STYLE_LOSSES["nearest"](), 1.0)
    found, most = dict(content), {layer: torch.zeros_like(features[:, :1]) for layer, features in content.items()}
    pairs = [(nearest, dict.fromkeys(content, 1.0), layer) for layer in content]
    paintings = targets(context, [(area, pairs) for area in areas])
    for area, clouds in zip(areas, paintings, strict=True):
        for (layer, features), cloud in zip(content.items(), clouds, strict=True):
            new = replaced(features, cloud)
            grid = (features.shape[-2], features.shape[-1])
            counts = Reader(context, nearest.loss, layer, area.mask, area.name).counts(grid)
            if counts is not None:
                counts = counts.to(features)
                new = torch.where(counts > most[layer], new, found[layer])
                most[layer] = torch.maximum(counts, most[layer])
            found[layer] = new
    return found
