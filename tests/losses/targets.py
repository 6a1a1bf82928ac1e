"""The target of a style loss, as the terms of an objective make it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from impasto.losses import LayerFeatures, StyleLoss


def target_of(loss: StyleLoss, styles: Sequence[LayerFeatures], shares: Sequence[float]) -> Any:
    """The statistic of several style images in these shares, without gradient."""
    with torch.no_grad():
        return loss.mixed([loss.statistic(features) for features in styles], shares)
