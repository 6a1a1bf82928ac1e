"""`impasto losses`: what --style-loss and --content-loss can be."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from impasto.cli.table import show_rows
from impasto.losses import CONTENT_LOSSES, STYLE_LOSSES


def show() -> None:
    """A line a loss: its kind, its name with its settings, and the first sentence on it."""
    rows = [("style", *_about(name, factory)) for name, factory in STYLE_LOSSES.items()]
    show_rows(rows + [("content", *_about(name, factory)) for name, factory in CONTENT_LOSSES.items()])


def _about(name: str, factory: Callable[..., Any]) -> tuple[str, str]:
    settings = [
        f"{p.name}={p.default}" for p in inspect.signature(factory).parameters.values() if p.default is not None
    ]
    first = " ".join((factory.__doc__ or "").split("\n\n")[0].split())
    return f"{name}({', '.join(settings)})" if settings else name, first
