"""All style losses by name."""

from __future__ import annotations

from collections.abc import Callable

from impasto.losses import kernel, moments, patch, transport
from impasto.losses.style import StyleLoss

STYLE_LOSSES: dict[str, Callable[..., StyleLoss]] = {
    **moments.LOSSES,
    **kernel.LOSSES,
    **transport.LOSSES,
    **patch.LOSSES,
}
"""Factories: each makes a loss from its settings, which all have defaults."""
