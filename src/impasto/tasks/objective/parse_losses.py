"""Weighted sums of losses, parsed from text: `gram`, `gram,histogram(samples=4096)=0.5`, `sliced(layers=relu3_1)`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from impasto.encoders import Encoder
from impasto.errors import UsageError, choose, nearest
from impasto.losses import CONTENT_LOSSES, STYLE_LOSSES, StyleLoss, from_function
from impasto.settings.base import parse_weight
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.objective.layers import Layers, default_layers, parse_layers
from impasto.tasks.objective.weights import weights_of

T = TypeVar("T")

PART = re.compile(r"(?P<name>[^(=]*)(?:\((?P<arguments>[^)]*)\))?\s*(?:=(?P<weight>.*))?", re.DOTALL)


@dataclass(frozen=True)
class WeightedLoss:
    """A loss of a weighted sum, its weight, and the text of its own layers, or None."""

    loss: Any
    weight: float
    layers: str | None = None


def parse_losses(text: str, table: Mapping[str, Callable[..., Any]], what: str) -> list[WeightedLoss]:
    """Return the losses in a text, from the factories of `table`; `what` is their kind in messages ("style loss").

    Each loss is `NAME`, with optional settings in brackets and an optional weight after `=`. All losses have the
    setting `layers`, such as `layers=relu1_1+relu4_1`. Raises UsageError for unknown names and settings, with the
    nearest name, for invalid numbers, and for a text without a weight above 0.

    >>> [(part.loss.name, part.weight) for part in parse_losses("gram,mean=0.5", STYLE_LOSSES, "style loss")]
    [('gram', 1.0), ('mean', 0.5)]
    """
    losses = [_weighted_loss(part.strip(), table, what) for part in re.split(r",(?![^(]*\))", text)]
    if not any(weighted.weight for weighted in losses):
        raise UsageError(f"'{text}' leaves no {what} with a weight above 0")
    return [weighted for weighted in losses if weighted.weight]


def _weighted_loss(part: str, table: Mapping[str, Callable[..., Any]], what: str) -> WeightedLoss:
    match = PART.fullmatch(part)
    if match is None:
        raise UsageError(f"'{part}' is no {what}; write for example {next(iter(table))}(layers=relu3_1)=0.5")
    factory = choose(table, match["name"].strip(), what)
    arguments = dict(_argument(word, part) for word in (match["arguments"] or "").split(",") if word.strip())
    layers = arguments.pop("layers", None)
    allowed = list(inspect.signature(factory).parameters)
    for name in arguments:
        if name not in allowed:
            names = ", ".join([*allowed, "layers"])
            raise UsageError(f"'{match['name']}' has no setting '{name}'{nearest(name, allowed)}; allowed: {names}")
    weight = parse_weight(part, match["weight"] or "", f"{match['name'].strip()}=0.5")
    loss = factory(**{name: _number(value, part) for name, value in arguments.items()})
    return WeightedLoss(loss, weight, layers.replace("+", ",").replace(":", "=") if layers else None)


def _argument(word: str, part: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign or not value.strip():
        raise UsageError(f"'{word.strip()}' in '{part}' is no setting; write NAME=NUMBER")
    return name.strip(), value.strip()


def _number(value: str, part: str) -> int | float:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    raise UsageError(f"'{value}' in '{part}' is not a number")


def style_losses(setting: str | Callable[..., object]) -> list[WeightedLoss]:
    """Return the style losses of a setting: a text such as `gram,histogram=0.5`, a StyleLoss, or a function.

    Raises UsageError as `parse_losses` does.
    """
    if isinstance(setting, StyleLoss):
        return [WeightedLoss(setting, 1.0)]
    if callable(setting):
        return [WeightedLoss(from_function(setting), 1.0)]  # type: ignore[arg-type]
    return parse_losses(setting, STYLE_LOSSES, "style loss")


def content_losses(setting: str, *, with_style: bool = False) -> list[WeightedLoss]:
    """Return the content losses of a setting, such as `correlation` or `features,self-similarity=0.5`.

    Raises UsageError as `parse_losses` does, and for losses that need a style image if there is none (`with_style`).
    """
    losses = parse_losses(setting, CONTENT_LOSSES, "content loss")
    if not with_style and any(weighted.loss.needs_style for weighted in losses):
        raise UsageError(f"the content losses '{setting}' need a painting, which only stylize has")
    return losses


def content_layers(encoder: Encoder, losses: Sequence[WeightedLoss], text: str | None) -> dict[str, float]:
    """Return the layers of content losses: those of `text`, or the encoder's default for the kind of loss.

    Raises UsageError as `parse_layers` does.
    """
    structure = any(weighted.loss.structure for weighted in losses)
    return parse_layers(encoder, text, encoder.default_structure if structure else encoder.default_content)


def layers_of(encoder: Encoder, losses: Sequence[WeightedLoss], layers: Layers) -> dict[str, float]:
    """Return all layers that the losses read: `layers`, and the own layers of losses."""
    every = dict(layers)
    for weighted in losses:
        if weighted.layers:
            every |= parse_layers(encoder, weighted.layers, ())
    return every


def stochastic(losses: Sequence[WeightedLoss]) -> bool:
    """Return whether any of the losses is stochastic."""
    return any(weighted.loss.stochastic for weighted in losses)


@dataclass(frozen=True)
class Losses:
    """The content and style losses of `stylize`, with their layers and weights.

    content_layers, style_layers: the layers of losses without layers of their own.
    content_reads, style_reads: the names of all layers that the losses read.
    """

    content: Sequence[WeightedLoss]
    content_layers: Layers
    content_weight: float
    style: Sequence[WeightedLoss]
    style_layers: Layers
    style_weight: float
    content_reads: Sequence[str]
    style_reads: Sequence[str]

    @property
    def stochastic(self) -> bool:
        """Whether any of the losses is stochastic."""
        return stochastic([*self.content, *self.style])


def losses_of(encoder: Encoder, settings: StylizeSettings, *, with_style: bool = True) -> Losses:
    """Return the losses of the settings; `with_style` as for `content_losses`.

    Raises UsageError for unknown losses and layers, as `parse_losses` and `parse_layers` do.
    """
    content, style = content_losses(settings.content_loss, with_style=with_style), style_losses(settings.style_loss)
    default = encoder.default_style if settings.style_layers else default_layers(encoder)
    content_weight, style_weight = weights_of(settings)
    content_at = content_layers(encoder, content, settings.content_layers)
    style_at = parse_layers(encoder, settings.style_layers, default)
    return Losses(
        content,
        content_at,
        content_weight,
        style,
        style_at,
        style_weight,
        list(layers_of(encoder, content, content_at)),
        list(layers_of(encoder, style, style_at)),
    )
