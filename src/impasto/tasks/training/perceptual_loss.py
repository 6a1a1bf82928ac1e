"""How far a batch of pictures is from what `stylize` would make of its photos: the same losses, picture by picture, on
one pass of the encoder (Johnson et al. 2016)."""

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
from impasto.losses import Dice, Objective, Part, Term, repetition
from impasto.losses.repetition import LEAST
from impasto.settings.train import TrainSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import check_size
from impasto.tasks.objective.parse_losses import layers_of, losses_of
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import blotch_terms, content_terms, lattice_terms, prior_terms, repetition_terms
from impasto.tasks.objective.weights import BALANCE
from impasto.tasks.run.device import device_of, load_encoder
from impasto.tasks.scene.areas import Area, StyleImage, area_at_size, read_style_images
from impasto.tasks.scene.reading import style_opener


class Model(NamedTuple):
    """The terms of a painting, and how regular its texture is: see `losses.repetition`."""

    terms: Sequence[Term]
    repetition: float


Found = tuple[Tensor, dict[str, Tensor]]
"""A loss, and its parts by name."""


@dataclass(frozen=True, eq=False)
class _Seen(Context):
    """A context in which the picture has been seen already, as one of a batch."""

    found: Mapping[str, Tensor] = field(default_factory=dict)

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Those that were found."""
        return dict(self.found)

    def show(self, picture: Tensor, layers: Iterable[str], visit: Callable[[str, Tensor, Part], None]) -> None:
        """Those that were found, all at once."""
        for layer in layers:
            visit(layer, self.found[layer], Part.whole(self.found[layer]))


class Critic:
    """The losses of `stylize` for batches: photos and their painted pictures, `(B, 3, size, size)`, one model each.

    `photos`: some photos as they will come. A painting's total variation, and theirs, is what a picture may have.
    Without `content` there are none.
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
        self.dice = Dice(settings.seed, fresh=True)
        self.seen = list(layers_of(self.encoder, self.styles, self.style_layers))
        self.kept = list(layers_of(self.encoder, self.contents, self.content_layers)) if self.content_weight else []
        size = settings.size
        check_size(self.encoder, [*self.seen, *self.kept], (size, size), "piece of a photo")

    def precision(self) -> AbstractContextManager[None]:
        """Within it the network in training computes as this one does."""
        kind = self.encoder.half_type
        return nullcontext() if kind is None else torch.autocast(self.device.type, kind)

    def read(self, painting: Source) -> Area:
        """A painting at its size, on the device; what is transparent of it does not count."""
        side = self.settings.style_size
        area = Area("picture", read_style_images([(painting, 1.0)], read=style_opener(self.losses, side)))
        found = area_at_size(area, (side, side), self.losses, self.device)
        height, width = found.style_images[0].pixels.shape[-2:]
        name = f"painting '{painting}'" if isinstance(painting, str | Path) else "painting"
        check_size(self.encoder, self.seen, (height, width), name)
        if self.settings.repetition_weight and min(height, width) < LEAST:
            raise UsageError(
                f"the {name} comes out at {width}x{height} px; repetition is seen from {LEAST} px a side on: take "
                "a larger style_size, or a repetition_weight of 0"
            )
        return found

    def model(self, painting: Area) -> Model:
        """What a painting asks of every picture: its style, and what holds for any picture beside it."""
        style = style_terms(Context(self.encoder, self.dice), [painting], self.style_layers, *self._style)
        examples = [*self.photos, *(style_image.pixels for style_image in painting.style_images)]
        return self._model(
            [*style, *self._priors(examples)], [style_image.pixels for style_image in painting.style_images]
        )

    def models(self, paintings: Tensor, features: Mapping[str, Tensor], photos: Tensor) -> list[Model]:
        """What each of a batch of paintings asks, whose `features` at the layers `seen` are known, of the picture of
        each photo."""
        found: list[Model] = []
        for k, (painting, photo) in enumerate(zip(torch.split(paintings, 1), torch.split(photos, 1), strict=True)):
            context = _Seen(self.encoder, self.dice, found={name: each[k : k + 1] for name, each in features.items()})
            area = Area("picture", (StyleImage(painting),))
            style = style_terms(context, [area], self.style_layers, *self._style)
            found.append(self._model([*style, *self._priors([photo, painting])], [painting]))
        return found

    @torch.no_grad()
    def _model(self, terms: Sequence[Term], paintings: Sequence[Tensor]) -> Model:
        counts = self.settings.repetition_weight > 0
        return Model(terms, max(float(repetition(each).mean()) for each in paintings) if counts else 0.0)

    def _priors(self, examples: Sequence[Tensor]) -> list[Term]:
        share = self.style_weight / BALANCE
        terms = prior_terms(self.losses, examples, share)
        return [*terms, *lattice_terms(examples, self.settings.lattice_weight * share)]

    def __call__(
        self, pictures: Tensor, photos: Tensor | None, models: Sequence[Model], numbers: Sequence[int]
    ) -> Found:
        """The sum over the pictures of what each is away from its photo and its model; `numbers` are their own, from
        which they draw what is random."""
        objectives = [
            Objective([*model.terms, *content])
            for model, content in zip(models, self._contents(photos, models, numbers), strict=True)
        ]
        wanted = sorted({layer for objective in objectives for layer in objective.layers})
        features = (
            {layer: torch.split(found, 1) for layer, found in self.encoder(pictures, wanted).items()} if wanted else {}
        )
        total, parts = pictures.new_zeros(()), dict[str, Tensor]()
        for k, picture in enumerate(torch.split(pictures, 1)):
            self.dice.roll(numbers[k])
            loss, own = objectives[k](picture, {layer: found[k] for layer, found in features.items()})
            total = total + loss
            parts = {name: parts.get(name, torch.zeros_like(value)) + value for name, value in own.items()}
        return total, parts

    @torch.no_grad()
    def _contents(self, photos: Tensor | None, models: Sequence[Model], numbers: Sequence[int]) -> list[list[Term]]:
        """The terms of each photo."""
        if photos is None:
            return [[] for _ in numbers]
        features = self.encoder(photos, self.kept) if self.kept else {}
        terms = []
        share, settings = self.style_weight / BALANCE, self.settings
        for k, (photo, model) in enumerate(zip(torch.split(photos, 1), models, strict=True)):
            context = _Seen(self.encoder, self.dice, found={name: each[k : k + 1] for name, each in features.items()})
            content = content_terms(context, photo, self.content_layers, self.content_weight, self.contents)
            blotch = blotch_terms(photo, settings.blotch_weight * share)
            terms.append(
                [*content, *blotch, *repetition_terms(photo, model.repetition, settings.repetition_weight * share)]
            )
        return terms
