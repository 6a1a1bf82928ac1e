"""What trainings have in common that learn from a folder of photos by the losses of `stylize`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from impasto.encoders.extractor import layout
from impasto.image import fit
from impasto.networks import Transformer, TransformerSettings
from impasto.networks import save as save_network
from impasto.networks.checkpoint import Network
from impasto.settings.train import OPEN, PaintingOptions, TrainStyleSettings
from impasto.tasks.scene.areas import Area, StyleImage
from impasto.tasks.scene.coloring import recolor_content
from impasto.tasks.training.base_network import SHAPE, origin_of
from impasto.tasks.training.perceptual_loss import Critic, Found, Model
from impasto.tasks.training.photos import Photos, draws
from impasto.tasks.training.sheet import contact
from impasto.version import __version__

RECOLORING = 100.0
"""The loss of a picture that is white where it should be black."""

LOOK = 1.5
"""Longer side of the pictures on a sheet, in pieces' sides."""


class Painted(NamedTuple):
    """A batch `(B, 3, H, W)`, and of each picture what it is to be like, and the painting, `(1, 3, h, w)`."""

    pictures: Tensor
    models: Sequence[Model]
    paintings: Sequence[Tensor]


class PhotoLesson(ABC):
    """Photos in pieces, painted by a network and judged; see `loop.Lesson`.

    `origin`: what the network is made from, besides photos and settings.
    """

    task: str

    def __init__(self, photos: Photos, settings: PaintingOptions, origin: Mapping[str, Any]) -> None:
        self.photos, self.settings = photos, settings
        self.critic = Critic(settings, photos.held(settings.size))
        self.held = [photo.to(self.critic.device) for photo in photos.held(round(LOOK * settings.size))]
        self.provenance: dict[str, Any] = {
            "impasto": __version__,
            "task": self.task,
            "settings": {name: value for name, value in settings.to_mapping(defaults=False).items() if name != "base"},
            "photos": {"count": len(photos.paths), "sha256": photos.fingerprint()},
            **origin,
        }
        if settings.base:
            self.provenance["base"] = origin_of(settings.base)

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """The network in training."""

    @abstractmethod
    def paint(self, photos: Tensor, numbers: Sequence[int]) -> Painted:
        """A batch, painted."""

    @abstractmethod
    def columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """The paintings of a sheet, and their codes."""

    @abstractmethod
    def finished(self, network: Any) -> Network:
        """The network to be used."""

    @property
    def fingerprint(self) -> str:
        """What the run computes: a state belongs to one run only."""
        about = {**self.provenance, "impasto": ""}
        about["base"] = about.get("base", {}).get("sha256", "")
        about["network"] = self.finished(self.network).description()
        about["settings"] = {name: value for name, value in about["settings"].items() if name not in OPEN}
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def loss(self, step: int, places: range) -> tuple[Tensor, dict[str, Tensor]]:
        """See `loop.Lesson`."""
        numbers = [(step - 1) * self.settings.batch + place for place in places]
        photos = self.placed(self.pieces(numbers))
        painted = self.paint(photos, numbers)
        pictures = painted.pictures.float()
        if step <= self.settings.recoloring:
            return away_from_colours(pictures, photos, painted.paintings)
        return self.critic(pictures, photos, painted.models, numbers)

    def pieces(self, numbers: Sequence[int]) -> Tensor:
        """The photos of a batch."""
        return torch.cat([self.photos.piece(k, self.settings.size) for k in numbers])

    def placed(self, pictures: Tensor) -> Tensor:
        """Pictures on the device, as networks like them."""
        return pictures.to(self.critic.device, memory_format=layout(self.critic.device))

    def sheet(self, network: nn.Module) -> Tensor:
        """Paintings across, photos down."""
        columns, side = self.columns(network), round(LOOK * self.settings.size)
        rows = [[torch.ones(1, 3, 1, 1), *(fit(painting.cpu(), side) for painting, _ in columns)]]
        for photo in self.held:
            painted = [network.transformer(photo, code).float().cpu() for _, code in columns]  # type: ignore[operator]
            rows.append([photo.cpu(), *painted])
        return contact(rows)

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write the network with where it comes from."""
        save_network(self.finished(network), path, {**self.provenance, "steps": step})

    def rates(self) -> Mapping[str, float]:
        """All alike."""
        return {}

    def pop_notice(self) -> str:
        """What a person should know that was not told before."""
        return self.photos.pop_notice()


def away_from_colours(pictures: Tensor, photos: Tensor, paintings: Sequence[Tensor]) -> Found:
    """The sum over the pictures of how far each is from its photo in the colours of its painting: from where `stylize`
    begins. Learnt first, that is what style is then painted over; otherwise a network loses the photo, and finds it
    again late."""
    pairs = zip(torch.split(photos, 1), paintings, strict=True)
    targets = torch.cat(
        [recolor_content([Area("picture", (StyleImage(painting),))], photo, 1.0) for photo, painting in pairs]
    )
    away = RECOLORING * (pictures - targets).square().mean(dim=(1, 2, 3)).sum()
    return away, {"colours": away.detach()}


def begun(settings: TrainStyleSettings) -> Transformer:
    """A transformer with weights drawn from the seed."""
    made = {name: getattr(settings, name) for name in SHAPE}
    with seeded(settings.seed):
        return Transformer(TransformerSettings(**made))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What is drawn within, without a generator of its own, depends on the seed; nobody's numbers change for it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(draws(seed, "weights").initial_seed())
        yield
