"""Training of a network for any painting: its style is a code, predicted from the statistics of the painting's features
(Ghiasi et al. 2017, whose predictor sees the painting itself)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from impasto.encoders import mark
from impasto.encoders.extractor import layout
from impasto.errors import UsageError
from impasto.networks import AnyStyle, ManyStyles
from impasto.tasks.base import base_of
from impasto.tasks.codes import known_by
from impasto.tasks.lesson import Painted, PhotoLesson, begun, seeded
from impasto.tasks.photos import Photos, draws
from impasto.tasks.team import Team
from impasto.tasks.train_options import TrainAnySettings
from impasto.tasks.trainer import TrainStep, train

SAMPLE = 64
"""Pieces of paintings from which it is told how statistics spread."""


def train_any_steps(
    photos: str | Path,
    paintings: str | Path,
    settings: TrainAnySettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    team: Team | None = None,
) -> Iterator[TrainStep]:
    """Train a network to paint like any painting, on the photos of one folder and the paintings of another.

    Some photos and paintings are held back, for the sheets. A `base` among the settings is a trained network that this
    one starts from: its transformer has learnt to paint already, and soon takes the codes of other paintings. All else
    as for `train_style_steps`.
    """
    settings = settings or TrainAnySettings()
    pictures = Photos(paintings, settings.seed, settings.style_size, "painting")
    lesson = AnyLesson(Photos(photos, settings.seed), pictures, settings)
    before = Path(resume) if resume else None
    yield from train(lesson, settings, lesson.fingerprint, out=Path(out), resume=before, team=team)


class AnyLesson(PhotoLesson):
    """What is to be learnt from photos and paintings; see `trainer.Lesson`.

    A piece of a painting is a style: its code comes from its statistics, and the picture is judged by it. Some pieces
    change their colours first, of which a few paintings show too few.
    """

    task = "train any"

    def __init__(self, photos: Photos, paintings: Photos, settings: TrainAnySettings) -> None:
        about = {"count": len(paintings.paths), "sha256": paintings.fingerprint()}
        super().__init__(photos, settings, {"paintings": about})
        self.pictures, self.colours = paintings, settings.colours
        base = base_of(settings)
        self.layers = base.layers if isinstance(base, AnyStyle) else self.critic.encoder.default_style
        self.seen = [*dict.fromkeys([*self.layers, *self.critic.seen])]
        self._network = self._taken(base) if isinstance(base, AnyStyle) else self._begun(settings, base)
        self._network.to(self.critic.device)
        self._network.to(memory_format=layout(self.critic.device))  # type: ignore[call-overload]
        self.shown = [self.placed(painting) for painting in paintings.held(settings.style_size)]

    def _taken(self, base: AnyStyle) -> AnyStyle:
        """A network for any painting, as it is."""
        settings = self.settings
        if (base.encoder, base.pooling) != (settings.network, settings.pooling):
            theirs = f"--network {base.encoder} --pooling {base.pooling}"
            raise UsageError(f"'{settings.base}' sees paintings in another way; take {theirs}")
        known_by(base, settings.weights)
        return base

    def _begun(self, settings: TrainAnySettings, base: ManyStyles | None) -> AnyStyle:
        """A new predictor, of codes for the transformer of `base`, or for a new one."""
        sample = torch.cat([self._statistics(self._piece(k)) for k in range(SAMPLE)])
        transformer = base.transformer if base else begun(settings)
        with seeded(settings.seed):
            made = AnyStyle(
                transformer,
                sample.shape[1],
                settings.network,
                self.layers,
                settings.hidden,
                pooling=settings.pooling,
                weights=mark(settings.network, settings.weights),
            )
            if base:
                made.begin_among(base.codes.detach())
        made.standardise(sample)
        return made

    @property
    def network(self) -> AnyStyle:
        """See `trainer.Lesson`."""
        return self._network

    def paint(self, photos: Tensor, numbers: Sequence[int]) -> Painted:
        """Each photo after a piece of a painting."""
        paintings = torch.cat([self._piece(k) for k in numbers])
        with torch.no_grad():
            features = self.critic.encoder(paintings, self.seen)
        codes = self.network.code(AnyStyle.statistics({name: features[name] for name in self.layers}))
        with self.critic.precision():
            painted = self.network(photos, codes)
        return Painted(painted, self.critic.models(paintings, features, photos), torch.split(paintings, 1))

    def columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """The paintings that are held back."""
        own = cast(AnyStyle, network)
        return [(painting, own.code(self._statistics(painting))) for painting in self.shown]

    def finished(self, network: nn.Module) -> AnyStyle:
        """As it is."""
        return cast(AnyStyle, network)

    def told(self) -> str:
        """What a person should know that was not told before."""
        return "; ".join(filter(None, (self.photos.told(), self.pictures.told())))

    @torch.no_grad()
    def _statistics(self, painting: Tensor) -> Tensor:
        features = self.critic.encoder(painting, self.layers)
        return AnyStyle.statistics({name: features[name] for name in self.layers})

    def _piece(self, k: int) -> Tensor:
        return self.placed(recoloured(self.pictures.piece(k, self.settings.size), self.colours, self.settings.seed, k))


def recoloured(piece: Tensor, share: float, *key: object) -> Tensor:
    """A picture, or in a `share` of the cases one of its colours in other roles, lighter or darker, richer or paler."""
    generator = draws(*key, "colours")
    chance, contrast, light = torch.rand(3, generator=generator).tolist()
    if chance >= share:
        return piece
    roles = torch.randperm(3, generator=generator)
    middle = piece.mean(dim=(2, 3), keepdim=True)
    varied: Tensor = ((piece - middle) * (0.6 + 0.8 * contrast) + middle + 0.3 * (light - 0.5))[:, roles].clamp(0, 1)
    return varied
