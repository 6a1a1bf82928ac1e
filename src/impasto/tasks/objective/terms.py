"""Content terms, and priors: terms that hold for any image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import size_of
from impasto.losses import (
    IMAGE,
    STYLE_LOSSES,
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
    replaced,
    total_variation,
)
from impasto.settings.synthesis import SynthesisSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import Layers, parse_layers
from impasto.tasks.objective.parse_losses import WeightedLoss, content_losses, layers_of
from impasto.tasks.objective.style import StatisticReader, targets
from impasto.tasks.scene.areas import Area

ONE_LEVEL = (1 / 255) ** 2
"""Variation of an image whose neighbours differ by one level of 255: the least reference, for flat images."""

COARSE = 0.01
"""Unit of the loss against blotches: 0.011 is the median, over 100 photos, of `blotches` of a flat image."""

REPEATED = 0.02
"""Unit of the loss against repetition: a tenth of the `repetition` of an obvious pattern."""

Loss = Callable[[Tensor], Tensor]

LAPLACIAN_POOL = 4
"""Side of the average pooling before the Laplacian (Li et al. 2017 recommend 4 and 16)."""


@torch.no_grad()
def content_terms(  # noqa: PLR0917 (in the order in which they matter)
    context: Context,
    content: Tensor,
    layers: Layers,
    weight: float,
    losses: Sequence[WeightedLoss] | None = None,
    window: tuple[int, int] | None = None,
    areas: Sequence[Area] = (),
) -> list[Term]:
    """Return the terms of content: distances to the features of `content` `(1, 3, H, W)`.

    Gatys et al. 2016, eq. 1, but normalised: 1 is the distance of features that are 0, with every network, layer and
    size. The context may define another scale of weights. Layers share `weight` in proportion to their own weights.
    `window`: (height, width) of the central features that count. `areas`: the style images, for losses that need them.
    Raises UsageError for a window that is larger than the features.
    """
    terms: list[Term] = []
    losses = content_losses("features") if losses is None else losses
    encoder = context.encoder
    features = context.features(content, layers_of(encoder, losses, layers)) if weight else {}
    for weighted in losses if weight else ():
        own = parse_layers(encoder, weighted.layers, ()) if weighted.layers else dict(layers)
        references = {layer: features[layer] for layer in own}
        if weighted.loss.needs_style:
            references = nearest_features(context, references, areas)
        for layer, share in own.items():
            crop = _center(layer, references[layer], window)
            target, space = crop(references[layer]), encoder.metric(layer)
            if context.weighting is None:
                unit, factor = share / sum(own.values()), 1 / max(_energy(target, space), 1e-12)
            else:
                unit, factor = share, context.weighting.content(encoder.channels(layer), target[0, 0].numel())
            compare = weighted.loss(target, space, context.draws, factor)
            total = weight * weighted.weight * weighted.loss.level * unit
            loss = compare if window is None else _then(crop, compare)
            terms.append(Term("content", layer, total, loss, context.normalize))
    return terms


def _energy(target: Tensor, space: Tensor | None) -> float:
    """Return the mean squared length of features, strip by strip: they may be on another device than the network."""
    device = target.device if space is None else space.device
    return float(in_strips(Additive(lambda features, part: energy(features.to(device), space) * part.share), target))


def _then(first: Loss, second: Loss) -> Loss:
    return lambda features: second(first(features))


def _center(layer: str, features: Tensor, window: tuple[int, int] | None) -> Loss:
    """Return a function that crops features to the central window."""
    if window is None:
        return lambda features: features
    crop = []
    for side, length in zip(features.shape[-2:], window, strict=True):
        if length > side:
            patch, grid = f"{window[1]}x{window[0]}", f"{features.shape[-1]}x{features.shape[-2]}"
            raise UsageError(f"a patch of {patch} features is larger than the grid of {layer}, which is {grid} here")
        crop.append(slice((side - length) // 2, (side - length) // 2 + length))
    rows, columns = crop
    return lambda features: features[:, :, rows, columns]


@torch.no_grad()
def nearest_features(context: Context, content: Mapping[str, Tensor], areas: Sequence[Area]) -> dict[str, Tensor]:
    """Return content features `(1, C, H, W)` by layer, with each feature replaced by the nearest style feature.

    A style feature is one of the style images of the area with the largest mask at the position. Areas of weight 0 keep
    the content features. The result is the target of losses that need the style (Kolkin et al. 2022).
    """
    areas = [area for area in areas if area.weight]
    nearest = WeightedLoss(STYLE_LOSSES["nearest"](), 1.0)
    result, most = dict(content), {layer: torch.zeros_like(features[:, :1]) for layer, features in content.items()}
    pairs = [(nearest, dict.fromkeys(content, 1.0), layer) for layer in content]
    clouds = targets(context, [(area, pairs) for area in areas])
    for area, own in zip(areas, clouds, strict=True):
        for (layer, features), cloud in zip(content.items(), own, strict=True):
            new = replaced(features, cloud)
            grid = size_of(features)
            counts = StatisticReader(context, nearest.loss, layer, area.mask, area.name).counts(grid)
            if counts is not None:
                counts = counts.to(features)
                new = torch.where(counts > most[layer], new, result[layer])
                most[layer] = torch.maximum(counts, most[layer])
            result[layer] = new
    return result


@torch.no_grad()
def prior_terms(
    settings: SynthesisSettings, references: Sequence[Tensor], share: float = 1.0, unit: float = 1.0
) -> list[Term]:
    """Return the priors: total variation of luminance and of colour, the alpha-norm, and the range [0, 1].

    Total variation is divided by the largest total variation of the `references`, the content and style images at this
    size. So a smooth style image removes more speckle than a rough one, and a colourful one keeps its colours. `share`
    multiplies the weights of variation, `unit` the weights of the other priors.
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

        variations = [float(in_strips(Additive(of, margin=1), picture)) for picture in references]
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
    """Return the term against patterns with the period of a network's grid, relative to the maximum over `pictures`.

    The list is empty for a weight of 0.
    """
    if not weight:
        return []
    own = max([*(float(lattice(picture)) for picture in pictures), ONE_LEVEL])
    return [Term("lattice", IMAGE, weight, lambda image: lattice(image) / own)]


@torch.no_grad()
def blotch_terms(content: Tensor, weight: float) -> list[Term]:
    """Return the term against large structures that the content image does not have; an empty list for weight 0."""
    if not weight:
        return []
    return [Term("blotches", IMAGE, weight, blotches_of(content, 1 / COARSE))]


@torch.no_grad()
def repetition_terms(content: Tensor, usual: float, weight: float) -> list[Term]:
    """Return the term against texture that repeats more than in the content image and more than `usual`.

    `usual` is the `repetition` of the style image. The list is empty for a weight of 0.
    """
    if not weight:
        return []
    return [Term("repetition", IMAGE, weight, repetition_of(content, usual, 1 / REPEATED))]


@torch.no_grad()
def laplacian_terms(content: Tensor, weight: float) -> list[Term]:
    """Return the term of the content image's Laplacian, which keeps its edges; an empty list for a weight of 0.

    Li et al. 2017, "Laplacian-Steered Neural Style Transfer".
    """
    if not weight:
        return []
    target = laplacian_of(content, LAPLACIAN_POOL)
    return [Term("laplacian", IMAGE, weight, lambda image: laplacian(image, target, LAPLACIAN_POOL))]
