"""The perceptual loss of a batch: the losses of `stylize` for each picture, on one pass of the encoder (Johnson et al.
2016)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import Source
from impasto.losses import Objective, Part, RandomDraws, Term, repetition
from impasto.losses.repetition import LEAST
from impasto.settings.train import TrainSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import check_size
from impasto.tasks.objective.parse_losses import losses_of
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import blotch_terms, content_terms, lattice_terms, prior_terms, repetition_terms
from impasto.tasks.objective.weights import BALANCE
from impasto.tasks.run.device import device_of, load_encoder
from impasto.tasks.scene.areas import Area, StyleImage, area_at_size, read_style_images
from impasto.tasks.scene.reading import style_opener


class StyleTarget(NamedTuple):
    """The terms of a style image, and the repetition of its texture: see `losses.repetition`."""

    terms: Sequence[Term]
    repetition: float


LossAndParts = tuple[Tensor, dict[str, Tensor]]
"""A loss, and its parts by name."""


@dataclass(frozen=True, eq=False)
class _Precomputed(Context):
    """A context with the features of one image, taken from those of a batch."""

    found: Mapping[str, Tensor] = field(default_factory=dict)

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the precomputed features."""
        return dict(self.found)

    def show(self, picture: Tensor, layers: Iterable[str], visit: Callable[[str, Tensor, Part], None]) -> None:
        """Call `visit` with the precomputed features."""
        for layer in layers:
            visit(layer, self.found[layer], Part.whole(self.found[layer]))


class PerceptualLoss:
    """The losses of `stylize` for batches of photos and of painted pictures, `(B, 3, size, size)`.

    `photos` are examples of photos: their total variation, and that of the style image, is the reference for pictures.
    Without `content` there are no photos and no terms of content.
    """

    def __init__(self, settings: TrainSettings, photos: Sequence[Tensor] = (), content: bool = True) -> None:
        self.settings, self.losses, self.device = settings, settings.losses(), device_of(settings.losses())
        self.encoder = load_encoder(self.losses)
        self.photos = [photo.to(self.device) for photo in photos]
        chosen = losses_of(self.encoder, self.losses, with_style=False)
        self.contents, self.content_layers, self.content_weight = chosen.content, chosen.content_layers, 0.0
        self.styles, self.style_layers, self.style_weight = chosen.style, chosen.style_layers, chosen.style_weight
        self._style = self.style_weight, self.styles
        if content:
            self.content_weight = chosen.content_weight
        self.draws = RandomDraws(settings.seed, fresh=True)
        self.style_reads = chosen.style_reads
        self.content_reads = chosen.content_reads if self.content_weight else []
        size = settings.size
        check_size(self.encoder, [*self.style_reads, *self.content_reads], (size, size), "piece of a photo")

    def precision(self) -> AbstractContextManager[None]:
        """Return a context in which the network in training computes in the precision of the encoder."""
        kind = self.encoder.half_type
        return nullcontext() if kind is None else torch.autocast(self.device.type, kind)

    def read(self, painting: Source) -> Area:
        """Read a style image at its size, on the device; its transparent pixels do not count."""
        side = self.settings.style_size
        area = Area("picture", read_style_images([(painting, 1.0)], read=style_opener(self.losses, side)))
        found = area_at_size(area, (side, side), self.losses, self.device)
        height, width = found.style_images[0].pixels.shape[-2:]
        name = f"painting '{painting}'" if isinstance(painting, str | Path) else "painting"
        check_size(self.encoder, self.style_reads, (height, width), name)
        if self.settings.repetition_weight and min(height, width) < LEAST:
            raise UsageError(
                f"the {name} comes out at {width}x{height} px; repetition is seen from {LEAST} px a side on: take "
                "a larger style_size, or a repetition_weight of 0"
            )
        return found

    def target(self, painting: Area) -> StyleTarget:
        """Return the terms of style of a style image, with the priors."""
        style = style_terms(Context(self.encoder, self.draws), [painting], self.style_layers, *self._style)
        examples = [*self.photos, *(image.pixels for image in painting.style_images)]
        return self._style_target([*style, *self._priors(examples)], [image.pixels for image in painting.style_images])

    def targets(self, paintings: Tensor, features: Mapping[str, Tensor], photos: Tensor) -> list[StyleTarget]:
        """Return the terms of style of each of a batch of style images, for the picture of each photo.

        `features` are those of the style images at the layers `style_reads`.
        """
        found: list[StyleTarget] = []
        for k, (painting, photo) in enumerate(zip(torch.split(paintings, 1), torch.split(photos, 1), strict=True)):
            context = _Precomputed(
                self.encoder, self.draws, found={name: each[k : k + 1] for name, each in features.items()}
            )
            area = Area("picture", (StyleImage(painting),))
            style = style_terms(context, [area], self.style_layers, *self._style)
            found.append(self._style_target([*style, *self._priors([photo, painting])], [painting]))
        return found

    @torch.no_grad()
    def _style_target(self, terms: Sequence[Term], paintings: Sequence[Tensor]) -> StyleTarget:
        counts = self.settings.repetition_weight > 0
        return StyleTarget(terms, max(float(repetition(each).mean()) for each in paintings) if counts else 0.0)

    def _priors(self, examples: Sequence[Tensor]) -> list[Term]:
        share = self.style_weight / BALANCE
        terms = prior_terms(self.losses, examples, share)
        return [*terms, *lattice_terms(examples, self.settings.lattice_weight * share)]

    def __call__(
        self, pictures: Tensor, photos: Tensor | None, targets: Sequence[StyleTarget], numbers: Sequence[int]
    ) -> LossAndParts:
        """Return the sum of the losses of all pictures; `numbers` seed the random draws of each."""
        objectives = [
            Objective([*target.terms, *content])
            for target, content in zip(targets, self._content_terms(photos, targets, numbers), strict=True)
        ]
        wanted = sorted({layer for objective in objectives for layer in objective.layers})
        features = (
            {layer: torch.split(found, 1) for layer, found in self.encoder(pictures, wanted).items()} if wanted else {}
        )
        total, parts = pictures.new_zeros(()), dict[str, Tensor]()
        for k, picture in enumerate(torch.split(pictures, 1)):
            self.draws.set_step(numbers[k])
            loss, own = objectives[k](picture, {layer: found[k] for layer, found in features.items()})
            total = total + loss
            parts = {name: parts.get(name, torch.zeros_like(value)) + value for name, value in own.items()}
        return total, parts

    @torch.no_grad()
    def _content_terms(
        self, photos: Tensor | None, targets: Sequence[StyleTarget], numbers: Sequence[int]
    ) -> list[list[Term]]:
        """Return the terms of content of each photo, with the priors that compare with it."""
        if photos is None:
            return [[] for _ in numbers]
        features = self.encoder(photos, self.content_reads) if self.content_reads else {}
        terms = []
        share, settings = self.style_weight / BALANCE, self.settings
        for k, (photo, target) in enumerate(zip(torch.split(photos, 1), targets, strict=True)):
            context = _Precomputed(
                self.encoder, self.draws, found={name: each[k : k + 1] for name, each in features.items()}
            )
            content = content_terms(context, photo, self.content_layers, self.content_weight, self.contents)
            blotch = blotch_terms(photo, settings.blotch_weight * share)
            terms.append(
                [*content, *blotch, *repetition_terms(photo, target.repetition, settings.repetition_weight * share)]
            )
        return terms
