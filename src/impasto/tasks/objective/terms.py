"""Terms of content, and of what holds for any picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.losses import (
    IMAGE,
    Additive,
    Part,
    Term,
    alpha_norm,
    blotches_of,
    energy,
    in_strips,
    laplacian,
    laplacian_of,
    lattice,
    opponent,
    out_of_range,
    part_of_variation,
    repetition_of,
    total_variation,
)
from impasto.settings.synthesis import SynthesisSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import Layers, parse_layers
from impasto.tasks.objective.parse_losses import Ingredient, content_losses, layers_of
from impasto.tasks.objective.repainting import repainted
from impasto.tasks.scene.areas import Area

ONE_LEVEL = (1 / 255) ** 2
"""The variation of a picture whose neighbours differ by one level: the least that a flat one is taken to have."""

COARSE = 0.01
"""What `blotches` finds in a usual photo if it is compared with a plain one: the median of 100 is 0.011."""

REPEATED = 0.02
"""A tenth of what `repetition` finds in a pattern that anyone sees."""

Loss = Callable[[Tensor], Tensor]

LAPLACIAN_POOL = 4
"""Side of the squares whose means the Laplacian looks at (Li et al. 2017 find 4 and 16 to serve)."""


@torch.no_grad()
def content_terms(  # noqa: PLR0917 (what is asked for, in the order in which it matters)
    context: Context,
    content: Tensor,
    layers: Layers,
    weight: float,
    losses: Sequence[Ingredient] | None = None,
    window: tuple[int, int] | None = None,
    areas: Sequence[Area] = (),
) -> list[Term]:
    """The photo's features themselves: mean squared distance over their own mean square (1 is as far as nothing).

    Gatys et al. 2016, eq. 1, but normalised, so that the number means the same for every network, layer and size;
    other scales of weights are the context's. Layers share `weight` in the proportions of their own. `window`: only
    the central (height, width) of the features count. `areas`: what the losses that look at paintings have.
    """
    terms: list[Term] = []
    losses = content_losses("features") if losses is None else losses
    encoder = context.encoder
    everything = context.features(content, layers_of(encoder, losses, layers)) if weight else {}
    for ingredient in losses if weight else ():
        own = parse_layers(encoder, ingredient.layers, ()) if ingredient.layers else dict(layers)
        models = {layer: everything[layer] for layer in own}
        models = repainted(context, models, areas) if ingredient.loss.painted else models
        for layer, share in own.items():
            cut = _center(layer, models[layer], window)
            target, space = cut(models[layer]), encoder.metric(layer)
            if context.weighting is None:
                unit, factor = share / sum(own.values()), 1 / max(_energy(target, space), 1e-12)
            else:
                unit, factor = share, context.weighting.content(encoder.channels(layer), target[0, 0].numel())
            compare = ingredient.loss(target, space, context.dice, factor)
            total = weight * ingredient.weight * ingredient.loss.level * unit
            seen = compare if window is None else _then(cut, compare)
            terms.append(Term("content", layer, total, seen, context.normalize))
    return terms


def _energy(target: Tensor, space: Tensor | None) -> float:
    """The energy of features, which may live elsewhere than the network: strip by strip."""
    device = target.device if space is None else space.device
    return float(in_strips(Additive(lambda found, part: energy(found.to(device), space) * part.share), target))


def _then(first: Loss, second: Loss) -> Loss:
    return lambda features: second(first(features))


def _center(layer: str, features: Tensor, window: tuple[int, int] | None) -> Loss:
    """A function that cuts the central window out of features like these."""
    if window is None:
        return lambda found: found
    cut = []
    for side, wanted in zip(features.shape[-2:], window, strict=True):
        if wanted > side:
            asked, here = f"{window[1]}x{window[0]}", f"{features.shape[-1]}x{features.shape[-2]}"
            raise UsageError(f"a patch of {asked} features is larger than {layer} is, which has {here} here")
        cut.append(slice((side - wanted) // 2, (side - wanted) // 2 + wanted))
    rows, columns = cut
    return lambda found: found[:, :, rows, columns]


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

        def of(image: Tensor, where: Part, part: int = part) -> Tensor:
            return part_of_variation(opponent(image)[part], where, beta)

        variations = [float(in_strips(Additive(of, margin=1), picture)) for picture in pictures]
        own = max([*variations, ONE_LEVEL ** (beta / 2)])

        def whole(image: Tensor, part: int = part, own: float = own) -> Tensor:
            return total_variation(opponent(image)[part], beta, circular=True) / own

        def add(image: Tensor, where: Part, of: Callable[..., Tensor] = of, own: float = own) -> Tensor:
            return of(image, where) / own

        loss: Loss = whole if circular else Additive(add, margin=1)
        terms.append(Term("tv", IMAGE, weight * share, loss))
    return terms


def _part_out_of_range(image: Tensor, part: Part) -> Tensor:
    return out_of_range(image) * part.share


@torch.no_grad()
def lattice_terms(pictures: Sequence[Tensor], weight: float) -> list[Term]:
    """No more that keeps step with a network's grid than by chance, relative to the richest of `pictures`."""
    if not weight:
        return []
    own = max([*(float(lattice(picture)) for picture in pictures), ONE_LEVEL])
    return [Term("lattice", IMAGE, weight, lambda image: lattice(image) / own)]


@torch.no_grad()
def blotch_terms(content: Tensor, weight: float) -> list[Term]:
    """Nothing large that has nothing to do with the photo."""
    if not weight:
        return []
    return [Term("blotches", IMAGE, weight, blotches_of(content, 1 / COARSE))]


@torch.no_grad()
def repetition_terms(content: Tensor, usual: float, weight: float) -> list[Term]:
    """No texture that repeats more than the photo's own in the same window, or than `usual`, the painting's."""
    if not weight:
        return []
    return [Term("repetition", IMAGE, weight, repetition_of(content, usual, 1 / REPEATED))]


@torch.no_grad()
def laplacian_terms(content: Tensor, weight: float) -> list[Term]:
    """The photo's edges, as its Laplacian has them (Li et al. 2017, Laplacian-Steered Neural Style Transfer)."""
    if not weight:
        return []
    target = laplacian_of(content, LAPLACIAN_POOL)
    return [Term("laplacian", IMAGE, weight, lambda image: laplacian(image, target, LAPLACIAN_POOL))]
