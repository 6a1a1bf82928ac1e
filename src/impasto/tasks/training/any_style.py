"""Training of a network for any painting: a decoder learns to paint features that have been moved to a painting's.

The network is one of transport (`networks/transport_net.py`). What it sees of a painting needs no training, so that
some hundreds of paintings are enough: all that it has to learn is what features look like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from impasto import encoders
from impasto.encoders.extractor import layout
from impasto.encoders.lite import Lite
from impasto.errors import UsageError
from impasto.networks import AnyStyle, TransportSettings
from impasto.networks.grain import SIDE
from impasto.settings.train import TrainAnySettings
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.training.axes import transport_net
from impasto.tasks.training.base_network import base_of
from impasto.tasks.training.lesson import Painted, PhotoLesson, seeded
from impasto.tasks.training.loop import TrainStep, train
from impasto.tasks.training.photos import Photos, draws

SAMPLE = 64
"""Pieces of photos, and as many of paintings, that tell the principal axes of features."""

PHOTO, PAINTING = (0.6, 1.25), (0.8, 1.2)
"""Longer sides at which photos and paintings are seen, in that of the paintings, `style_size`: near those at which they
will be, or strokes would be learnt too small."""

WIDER = 1.3
"""Sides of the pieces of paintings, in those of photos: statistics of a small piece are not the painting's."""


def train_any_steps(
    photos: str | Path,
    paintings: str | Path,
    settings: TrainAnySettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train a network to paint like any painting, on the photos of one folder and the paintings of another.

    Some photos and paintings are held back, for the sheets. A `base` among the settings is a network for any painting
    that is trained on. All else as for `train_style_steps`.
    """
    settings = settings or TrainAnySettings()
    pictures = Photos(paintings, settings.seed, what="painting")
    lesson = AnyLesson(Photos(photos, settings.seed), pictures, settings)
    before = Path(resume) if resume else None
    yield from train(lesson, settings, lesson.fingerprint, out=Path(out), resume=before, group=group)


class AnyLesson(PhotoLesson):
    """What is to be learnt from photos and paintings; see `loop.Lesson`.

    A piece of a painting is a style: photos are moved to it, and judged by it. Some pieces change their colours first,
    of which a few paintings show too few.
    """

    task = "train any"

    def __init__(self, photos: Photos, paintings: Photos, settings: TrainAnySettings) -> None:
        about = {"count": len(paintings.paths), "sha256": paintings.fingerprint()}
        super().__init__(photos, settings, {"paintings": about})
        self.pictures, self.colours = paintings, settings.colours
        self._network = self._taken(settings) if settings.base else self._begun(settings)
        self._network.to(self.critic.device)
        self._network.to(memory_format=layout(self.critic.device))  # type: ignore[call-overload]
        self.shown = [self.placed(painting) for painting in paintings.held(settings.style_size)]

    @staticmethod
    def _taken(settings: TrainAnySettings) -> AnyStyle:
        """A network for any painting, as it is."""
        base = base_of(settings)
        if not isinstance(base, AnyStyle):
            raise UsageError(f"'{settings.base}' is no network for any painting; only one of these can be trained on")
        base.transformer.decoder.requires_grad_(True)
        return base

    def _begun(self, settings: TrainAnySettings) -> AnyStyle:
        encoder = cast(Lite, encoders.load("lite", device=self.critic.device))  # whatever judges
        sample = [torch.cat([self._photo(-k), self._painting(-k, settings.size)]) for k in range(1, SAMPLE + 1)]
        with seeded(settings.seed):
            return AnyStyle(transport_net(encoder, [self.placed(each) for each in sample], TransportSettings()))

    @property
    def network(self) -> AnyStyle:
        """See `loop.Lesson`."""
        return self._network

    def pieces(self, numbers: Sequence[int]) -> Tensor:
        """Photos as near as they will be seen."""
        return torch.cat([self._photo(k) for k in numbers])

    def paint(self, photos: Tensor, numbers: Sequence[int]) -> Painted:
        """Each photo after a piece of a painting."""
        side = round(WIDER * self.settings.size / 8) * 8
        paintings = self.placed(torch.cat([self._painting(k, side) for k in numbers]))
        with torch.no_grad():
            features = self.critic.encoder(paintings, self.critic.seen)
            with self.critic.precision():
                codes = self.network.code(paintings)
        place = torch.randint(0, SIDE, (2,), generator=draws(self.settings.seed, "grain", numbers[0])).tolist()
        with self.critic.precision():
            painted = self.network.transformer(photos, codes, origin=(place[0], place[1]))
        return Painted(painted, self.critic.models(paintings, features, photos), torch.split(paintings, 1))

    def columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """The paintings that are held back."""
        own = cast(AnyStyle, network)
        return [(painting, own.code(painting)) for painting in self.shown]

    def finished(self, network: nn.Module) -> AnyStyle:
        """As it is."""
        return cast(AnyStyle, network)

    def pop_notice(self) -> str:
        """What a person should know that was not told before."""
        return "; ".join(filter(None, (self.photos.pop_notice(), self.pictures.pop_notice())))

    def _photo(self, k: int) -> Tensor:
        return self.photos.close(k, self.settings.size, *(share * self.settings.style_size for share in PHOTO))

    def _painting(self, k: int, side: int) -> Tensor:
        seen = self.pictures.close(k, side, *(share * self.settings.style_size for share in PAINTING))
        return recoloured(seen, self.colours, self.settings.seed, k)


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
