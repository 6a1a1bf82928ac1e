"""The perceptual loss of a batch: the losses of `stylize` for each picture, from one pass of the encoder.

Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution".
"""

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
    """The terms of a style image, and the repetition of its texture (see `losses.repetition`)."""

    terms: Sequence[Term]
    repetition: float


LossAndParts = tuple[Tensor, dict[str, Tensor]]
"""A loss, and its parts by name."""


@dataclass(frozen=True, eq=False)
class _Precomputed(Context):
    """A context with the features of one image, from the features of a batch."""

    by_layer: Mapping[str, Tensor] = field(default_factory=dict)

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the precomputed features."""
        return dict(self.by_layer)

    def show(self, picture: Tensor, layers: Iterable[str], visit: Callable[[str, Tensor, Part], None]) -> None:
        """Call `visit` with the precomputed features."""
        for layer in layers:
            visit(layer, self.by_layer[layer], Part.whole(self.by_layer[layer]))


class PerceptualLoss:
    """The losses of `stylize` for batches of photos and of painted pictures, `(B, 3, size, size)`.

    `photos` are examples of photos: their total variation, and that of the style image, is the reference for pictures.
    Without `content` there are no photos and no content terms. The constructor raises UsageError for unknown losses and
    layers, and for crops that are too small for the layers.
    """

    def __init__(self, settings: TrainSettings, photos: Sequence[Tensor] = (), content: bool = True) -> None:
        self.settings, self.losses, self.device = settings, settings.losses(), device_of(settings.losses())
        self.encoder = load_encoder(self.losses)
        self.photos = [photo.to(self.device) for photo in photos]
        losses = losses_of(self.encoder, self.losses, with_style=False)
        self.contents, self.content_layers, self.content_weight = losses.content, losses.content_layers, 0.0
        self.styles, self.style_layers, self.style_weight = losses.style, losses.style_layers, losses.style_weight
        self._style = self.style_weight, self.styles
        if content:
            self.content_weight = losses.content_weight
        self.draws = RandomDraws(settings.seed, fresh=True)
        self.style_reads = losses.style_reads
        self.content_reads = losses.content_reads if self.content_weight else []
        size = settings.size
        check_size(self.encoder, [*self.style_reads, *self.content_reads], (size, size), "crop of a photo")

    def precision(self) -> AbstractContextManager[None]:
        """Return a context manager within which the network in training has the precision of the encoder."""
        kind = self.encoder.half_type
        return nullcontext() if kind is None else torch.autocast(self.device.type, kind)

    def read(self, painting: Source) -> Area:
        """Return a style image at the size of training, on the device; its transparent pixels do not count.

        Raises UsageError for an image that is too small for the layers or for the repetition loss.
        """
        side = self.settings.style_size
        area = Area("picture", read_style_images([(painting, 1.0)], read=style_opener(self.losses, side)))
        scaled_area = area_at_size(area, (side, side), self.losses, self.device)
        height, width = scaled_area.style_images[0].pixels.shape[-2:]
        name = f"painting '{painting}'" if isinstance(painting, str | Path) else "painting"
        check_size(self.encoder, self.style_reads, (height, width), name)
        if self.settings.repetition_weight and min(height, width) < LEAST:
            raise UsageError(
                f"the {name} comes out at {width}x{height} px; repetition needs {LEAST} px a side: give "
                "a larger style_size, or a repetition_weight of 0"
            )
        return scaled_area

    def target(self, painting: Area) -> StyleTarget:
        """Return the style terms of a style image, with the priors."""
        style = style_terms(Context(self.encoder, self.draws), [painting], self.style_layers, *self._style)
        examples = [*self.photos, *(image.pixels for image in painting.style_images)]
        return self._style_target([*style, *self._priors(examples)], [image.pixels for image in painting.style_images])

    def targets(self, paintings: Tensor, features: Mapping[str, Tensor], photos: Tensor) -> list[StyleTarget]:
        """Return the style terms of each style image of a batch, with the priors for the photo with the same index.

        `features` are those of the style images at the layers `style_reads`.
        """
        result: list[StyleTarget] = []
        for k, (painting, photo) in enumerate(zip(torch.split(paintings, 1), torch.split(photos, 1), strict=True)):
            context = _Precomputed(
                self.encoder, self.draws, by_layer={name: each[k : k + 1] for name, each in features.items()}
            )
            area = Area("picture", (StyleImage(painting),))
            style = style_terms(context, [area], self.style_layers, *self._style)
            result.append(self._style_target([*style, *self._priors([photo, painting])], [painting]))
        return result

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
        """Return the sum of the losses of all pictures, and its parts; `numbers` seed the random draws of each."""
        objectives = [
            Objective([*target.terms, *content])
            for target, content in zip(targets, self._content_terms(photos, targets, numbers), strict=True)
        ]
        layers = sorted({layer for objective in objectives for layer in objective.layers})
        features = (
            {layer: torch.split(batch, 1) for layer, batch in self.encoder(pictures, layers).items()} if layers else {}
        )
        total, parts = pictures.new_zeros(()), dict[str, Tensor]()
        for k, picture in enumerate(torch.split(pictures, 1)):
            self.draws.set_step(numbers[k])
            loss, own = objectives[k](picture, {layer: split[k] for layer, split in features.items()})
            total = total + loss
            parts = {name: parts.get(name, torch.zeros_like(value)) + value for name, value in own.items()}
        return total, parts

    @torch.no_grad()
    def _content_terms(
        self, photos: Tensor | None, targets: Sequence[StyleTarget], numbers: Sequence[int]
    ) -> list[list[Term]]:
        """Return the content terms of each photo, with the priors that compare a picture with its photo."""
        if photos is None:
            return [[] for _ in numbers]
        features = self.encoder(photos, self.content_reads) if self.content_reads else {}
        terms = []
        share, settings = self.style_weight / BALANCE, self.settings
        for k, (photo, target) in enumerate(zip(torch.split(photos, 1), targets, strict=True)):
            context = _Precomputed(
                self.encoder, self.draws, by_layer={name: each[k : k + 1] for name, each in features.items()}
            )
            content = content_terms(context, photo, self.content_layers, self.content_weight, self.contents)
            blotch = blotch_terms(photo, settings.blotch_weight * share)
            terms.append(
                [*content, *blotch, *repetition_terms(photo, target.repetition, settings.repetition_weight * share)]
            )
        return terms
