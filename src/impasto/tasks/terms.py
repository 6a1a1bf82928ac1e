"""Terms of an objective: where an encoder, pictures and losses meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.image import propagate
from impasto.losses import (
    CONTENT_LOSSES,
    IMAGE,
    STYLE_LOSSES,
    Additive,
    Dice,
    Features,
    Objective,
    Part,
    Sampled,
    StyleLoss,
    Term,
    alpha_norm,
    energy,
    from_function,
    laplacian,
    laplacian_of,
    opponent,
    out_of_range,
    part_of_variation,
    total_variation,
)
from impasto.synthesis import Evaluate
from impasto.tasks.layers import Layers, parse_layers
from impasto.tasks.mixture import Ingredient, parse_losses
from impasto.tasks.options import SynthesisSettings
from impasto.tasks.regions import Area, Manner
from impasto.tasks.strength import LEVELS
from impasto.tasks.weighting import Weighting

ONE_LEVEL = (1 / 255) ** 2
"""The variation of a picture whose neighbours differ by one level: the least that a flat one is taken to have."""

Loss = Callable[[Tensor], Tensor]

LAPLACIAN_POOL = 4
"""Side of the squares whose means the Laplacian looks at (Li et al. 2017 find 4 and 16 to serve)."""


@dataclass(frozen=True, eq=False)
class Context:
    """What the terms of one evaluation share: the network, the random draws, the scale of weights.

    `normalize`: each term's gradient is divided by its own size (see `Term`). `propagation`: which neurons belong to a
    region.
    """

    encoder: Encoder
    dice: Dice = field(default_factory=Dice)
    weighting: Weighting | None = None
    normalize: bool = False
    propagation: str = "all"


def style_losses(given: str | Callable[..., object]) -> list[Ingredient]:
    """The style losses of a setting: text such as `gram,histogram=0.5`, a StyleLoss, or a function of two features."""
    if isinstance(given, StyleLoss):
        return [Ingredient(given, 1.0)]
    if callable(given):
        return [Ingredient(from_function(given), 1.0)]  # type: ignore[arg-type]
    return parse_losses(given, STYLE_LOSSES, "style loss")


def content_losses(given: str) -> list[Ingredient]:
    """The content losses of a setting: `features`, `self-similarity`, or both with weights."""
    return parse_losses(given, CONTENT_LOSSES, "content loss")


def layers_of(encoder: Encoder, losses: Sequence[Ingredient], layers: Layers) -> dict[str, float]:
    """All layers that these losses look at."""
    found = dict(layers)
    for ingredient in losses:
        if ingredient.layers:
            found |= parse_layers(encoder, ingredient.layers, ())
    return found


@torch.no_grad()
def content_terms(  # noqa: PLR0917 (what is asked for, in the order in which it matters)
    context: Context,
    photo: Tensor,
    layers: Layers,
    weight: float,
    losses: Sequence[Ingredient] | None = None,
    window: tuple[int, int] | None = None,
) -> list[Term]:
    """The photo's features themselves: mean squared distance over their own mean square (1 is as far as nothing).

    Gatys et al. 2016, eq. 1, but normalised, so that the number means the same for every network, layer and size;
    other scales of weights are the context's. Layers share `weight` in the proportions of their own. `window`: only
    the central (height, width) of the features count.
    """
    terms: list[Term] = []
    losses = content_losses("features") if losses is None else losses
    encoder = context.encoder
    everything = encoder(photo, layers_of(encoder, losses, layers)) if weight else {}
    for ingredient in losses if weight else ():
        own = parse_layers(encoder, ingredient.layers, ()) if ingredient.layers else dict(layers)
        for layer, share in own.items():
            cut = _center(layer, everything[layer], window)
            target, space = cut(everything[layer]), encoder.metric(layer)
            if context.weighting is None:
                unit, factor = share / sum(own.values()), 1 / max(float(energy(target, space)), 1e-12)
            else:
                unit, factor = share, context.weighting.content(encoder.channels(layer), target[0, 0].numel())
            compare = ingredient.loss(target, space, context.dice, factor)
            total = weight * ingredient.weight * unit
            seen = compare if window is None else _then(cut, compare)
            terms.append(Term("content", layer, total, seen, context.normalize))
    return terms


def _then(first: Loss, second: Loss) -> Loss:
    return lambda features: second(first(features))


def _center(layer: str, features: Tensor, window: tuple[int, int] | None) -> Loss:
    """A function that cuts the central window out of features like these."""
    if window is None:
        return lambda found: found
    cut = []
    for side, wanted in zip(features.shape[-2:], window, strict=True):
        if wanted > side:
            here = f"{features.shape[-2]}x{features.shape[-1]}"
            raise UsageError(f"a patch of {window[0]}x{window[1]} features is larger than {layer} is, which has {here}")
        cut.append(slice((side - wanted) // 2, (side - wanted) // 2 + wanted))
    rows, columns = cut
    return lambda found: found[:, :, rows, columns]


@torch.no_grad()
def style_terms(
    context: Context,
    areas: Sequence[Area],
    layers: Layers,
    weight: float,
    losses: Sequence[Ingredient] | None = None,
) -> list[Term]:
    """The paintings' statistics, area by area: distance over what nothing would be away (1 is as far as nothing).

    With Gram matrices Gatys et al. 2016, eqs. 4 and 5, but normalised, layer by layer. Layers share `weight` in the
    proportions of their own. An area counts in proportion to its extent: its statistics are means over its positions,
    so that each of these then feels the same push as without areas.
    """
    terms: list[Term] = []
    losses = style_losses("gram") if losses is None else losses
    encoder = context.encoder
    for area in areas if weight else ():
        wanted = layers_of(encoder, losses, layers)
        seen = [(manner, encoder(manner.pixels, wanted)) for manner in area.manners]
        for ingredient in losses:
            own = parse_layers(encoder, ingredient.layers, ()) if ingredient.layers else dict(layers)
            for layer in [IMAGE] if ingredient.loss.pixels else own:
                paintings = [_seen(context, layer, m, f, f"the painting of {area.name}") for m, f in seen]
                target = ingredient.loss.target(paintings, [manner.share for manner in area.manners])
                unit = _share(context, ingredient.loss, target, own, layer)
                level = LEVELS.get(ingredient.loss.name, 1.0)
                total = weight * ingredient.weight * level * area.weight * area.extent * unit
                loss = _style(context, ingredient.loss, target, area, layer)
                terms.append(Term("style", layer, total, loss, context.normalize))
    return terms


def _share(context: Context, loss: StyleLoss, target: Tensor, layers: Layers, layer: str) -> float:
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


def _style(context: Context, loss: StyleLoss, target: object, area: Area, layer: str) -> Loss:
    """The comparison of a picture's features at one layer with the target, over an area."""
    masks: dict[tuple[int, int], Tensor] = {}  # one evaluation after the other asks for the same grid
    space = None if layer == IMAGE else context.encoder.metric(layer)

    def mask(grid: tuple[int, int]) -> Tensor | None:
        if area.mask is not None and grid not in masks:
            masks[grid] = _mask(context, layer, area.mask, grid, area.name)
        return masks.get(grid)

    def statistic(values: Tensor, part: Part) -> Any:
        counts = mask(part.grid)
        return loss.statistic(Features(values, None if counts is None else part.of(counts).to(values), space))

    def share(part: Part) -> float:
        counts = mask(part.grid)
        return part.share if counts is None else float(part.of(counts).sum() / counts.sum())

    def add(values: Tensor, part: Part) -> Tensor:
        found: Tensor = statistic(values, part) if share(part) else 0 * loss.statistic(Features(values, None, space))
        return found * share(part)

    def compare(values: Tensor) -> Tensor:
        return loss.distance(statistic(values, Part.whole(values)), target, context.dice)

    if loss.pixels:
        return compare
    if loss.additive:
        return Additive(add, lambda total: loss.distance(total, target, context.dice), whole=compare)
    sample = Sampled(loss, target, space, mask, context.dice)
    return Additive(sample.add, sample.finish, whole=compare)


def _seen(context: Context, layer: str, manner: Manner, found: Mapping[str, Tensor], name: str) -> Features:
    """A painting at one layer, or at the pixels."""
    values = manner.pixels if layer == IMAGE else found[layer]
    space = None if layer == IMAGE else context.encoder.metric(layer)
    if manner.mask is None:
        return Features(values, None, space)
    mask = _mask(context, layer, manner.mask, (values.shape[-2], values.shape[-1]), name)
    return Features(values, mask.to(values), space)


def _mask(context: Context, layer: str, mask: Tensor, grid: tuple[int, int], name: str) -> Tensor:
    """How much each position of a layer belongs to a region."""
    if layer == IMAGE:
        return mask
    about = context.encoder.layers[layer]
    found = propagate(mask, grid, about.stride, about.receptive_field, context.propagation)
    if float(found.max()) < 1e-3:
        here = f"whose grid is {grid[1]}x{grid[0]} here"
        raise UsageError(
            f"the region '{name}' vanishes at {layer}, {here}; take shallower style layers, a larger size"
            + (" or the propagation 'all'" if context.propagation == "inside" else "")
        )
    return found


@torch.no_grad()
def prior_terms(
    settings: SynthesisSettings, pictures: Sequence[Tensor], share: float = 1.0, unit: float = 1.0
) -> list[Term]:
    """What holds for any picture: no more variation than its models, in light and in colour, and values in [0, 1].

    Total variation counts relative to the richest of `pictures` (the photo and the painting at this size): a weight of
    1 makes as much variation as theirs a loss of 1. So a smooth painting holds speckle down harder than a rough one,
    and a painting rich in colour keeps it. `share` of the settings' weights of variation is taken; `unit` is what a
    loss of 1 is in the other terms' scale of weights.
    """
    terms = [
        Term("range", IMAGE, settings.range_weight * unit, Additive(_part_out_of_range)),
        Term("alpha", IMAGE, settings.alpha_weight * unit, lambda image: alpha_norm(image, settings.alpha)),
    ]
    beta = settings.tv_beta
    circular = bool(getattr(settings, "tileable", False))
    for part, weight in enumerate((settings.tv_weight, settings.tv_chroma_weight)):
        own = max([float(total_variation(opponent(p)[part], beta)) for p in pictures] + [ONE_LEVEL ** (beta / 2)])

        def whole(image: Tensor, part: int = part, own: float = own) -> Tensor:
            return total_variation(opponent(image)[part], beta, circular=True) / own

        def add(image: Tensor, where: Part, part: int = part, own: float = own) -> Tensor:
            return part_of_variation(opponent(image)[part], where, beta) / own

        loss: Loss = whole if circular else Additive(add, margin=1)
        terms.append(Term("tv", IMAGE, weight * share, loss))
    return terms


def _part_out_of_range(image: Tensor, part: Part) -> Tensor:
    return out_of_range(image) * part.share


@torch.no_grad()
def laplacian_terms(photo: Tensor, weight: float) -> list[Term]:
    """The photo's edges, as its Laplacian has them (Li et al. 2017, Laplacian-Steered Neural Style Transfer)."""
    target = laplacian_of(photo, LAPLACIAN_POOL)
    return [Term("laplacian", IMAGE, weight, lambda image: laplacian(image, target, LAPLACIAN_POOL))]


def evaluation(context: Context, terms: Sequence[Term]) -> Evaluate:
    """The objective of these terms as a function of the picture, of one or three channels, and the step."""
    objective = Objective(terms)

    def evaluate(picture: Tensor, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        context.dice.roll(step)
        picture = picture.expand(-1, 3, -1, -1)
        return objective(picture, context.encoder(picture, objective.layers))

    return evaluate
