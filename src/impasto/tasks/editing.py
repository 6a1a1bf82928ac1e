"""Tasks that change pictures without a network: their settings."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.tasks.settings import Settings, option

GRADIENTS = ("importing", "mixed")  # of impasto.image, which imports torch; a test holds them equal


@dataclass(frozen=True, kw_only=True)
class BlendSettings(Settings):
    """Settings of `blend`."""

    mask: str | None = option(
        None, "what to take of SOURCE: a grey picture, MAP#rrggbb, or ~ and either; its own alpha by default"
    )
    at: str = option("0,0", "where on TARGET the upper left corner of SOURCE lies, X,Y in pixels")
    gradients: str = option("importing", "which gradients to keep: SOURCE's, or the stronger ones", choices=GRADIENTS)
