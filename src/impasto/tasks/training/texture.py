"""Training of a texture network: noise in, a new picture with the texture of a painting out, in one pass; or noise and
a photo in, the photo painted out, in another way for each noise (Ulyanov et al. 2016, and 2017 for what keeps pictures
apart)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto import networks
from impasto.encoders.extractor import layout
from impasto.errors import UsageError
from impasto.image import Source, fit
from impasto.losses.diversity import alike
from impasto.networks import TextureNet
from impasto.networks.texture_net import TextureSettings
from impasto.settings.train import OPEN, TrainTextureSettings
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.training.lesson import LOOK, away_from_colours, seeded
from impasto.tasks.training.loop import TrainStep, train
from impasto.tasks.training.perceptual_loss import Critic
from impasto.tasks.training.photos import Photos, draws
from impasto.tasks.training.sheet import contact
from impasto.tasks.training.style import origin
from impasto.version import __version__

SAMPLES = 4
"""Textures on a sheet."""

WAYS = 2
"""Pictures of each photo on a sheet."""


def train_texture_steps(
    painting: Source,
    settings: TrainTextureSettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train a network to make textures like `painting`, or, with photos among the settings, to paint these after it; it
    is in the file `out` at the end. See `train_style_steps`."""
    settings = settings or TrainTextureSettings()
    lesson = TextureLesson(painting, settings)
    before = Path(resume) if resume else None
    yield from train(lesson, settings, lesson.fingerprint, out=Path(out), resume=before, group=group)


class TextureLesson:
    """What is to be learnt from a painting, alone or with photos; see `loop.Lesson`.

    For the sake of `diversity` each photo comes twice in a row, with other noise. Several processes compare only the
    pictures that each makes itself.
    """

    def __init__(self, painting: Source, settings: TrainTextureSettings) -> None:
        self.settings = settings
        self.photos = Photos(settings.photos, settings.seed) if settings.photos else None
        held = self.photos.held(settings.size) if self.photos else []
        self.critic = Critic(settings, held, content=self.photos is not None)
        area = self.critic.read(painting)
        self.painting, self.model = area.style_images[0].pixels, self.critic.model(area)
        with seeded(settings.seed):
            shape = settings.scales, settings.channels, settings.norm, self.photos is not None
            made = TextureNet(TextureSettings(*shape))
        self._network = made.to(self.critic.device)
        self._network.to(memory_format=layout(self.critic.device))  # type: ignore[call-overload]
        told = {name: value for name, value in settings.to_mapping(defaults=False).items() if name != "photos"}
        self.provenance: dict[str, Any] = {
            "impasto": __version__,
            "task": "train texture",
            "settings": told,
            "painting": origin(painting),
        }
        if self.photos:
            self.provenance["photos"] = {"count": len(self.photos.paths), "sha256": self.photos.fingerprint()}

    @property
    def network(self) -> TextureNet:
        """See `loop.Lesson`."""
        return self._network

    @property
    def fingerprint(self) -> str:
        """What the run computes: a state belongs to one run only."""
        about = {**self.provenance, "impasto": "", "network": self.network.description()}
        about["settings"] = {name: value for name, value in about["settings"].items() if name not in OPEN}
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def loss(self, step: int, places: range) -> tuple[Tensor, dict[str, Tensor]]:
        """See `loop.Lesson`."""
        numbers = [(step - 1) * self.settings.batch + place for place in places]
        drawn = [self._noise(k, self.settings.size) for k in numbers]
        noise = [torch.cat(scale).to(self.critic.device) for scale in zip(*drawn, strict=True)]
        shown, photos = self._photos(numbers)
        with self.critic.precision():
            made = self.network(noise, photos)
        made = made.float()
        if photos is not None and step <= self.settings.recoloring:
            return away_from_colours(made, photos, [self.painting] * len(numbers))
        total, parts = self.critic(made, photos, [self.model] * len(numbers), numbers)
        if self.settings.diversity:
            parts["diversity"] = self.settings.diversity * self._alike(made, shown)
            total = total + parts["diversity"]
        return total, {name: part.detach() for name, part in parts.items()}

    def _photos(self, numbers: Sequence[int]) -> tuple[list[int], Tensor | None]:
        """The pieces of photos for these pictures, and their numbers."""
        if self.photos is None:
            return [0] * len(numbers), None
        twice = self.settings.diversity > 0
        shown = [numbers[k - k % 2] if twice else number for k, number in enumerate(numbers)]
        pieces = {k: self.photos.piece(k, self.settings.size) for k in dict.fromkeys(shown)}
        found = torch.cat([pieces[k] for k in shown])
        return shown, found.to(self.critic.device, memory_format=layout(self.critic.device))

    def _alike(self, made: Tensor, shown: Sequence[int]) -> Tensor:
        if len(made) < 2:
            raise UsageError("--diversity compares the pictures of a batch, and a process has one; raise --batch")
        return alike(made, shown)

    def sheet(self, network: nn.Module) -> Tensor:
        """The painting, and textures twice as large as those learnt from; or photos down, each in several ways."""
        if self.photos is None:
            drawn = [self._noise(-1 - k, 2 * self.settings.size) for k in range(SAMPLES)]
            return contact([[self.painting.cpu(), *(self._made(network, noise) for noise in drawn)]])
        side = round(LOOK * self.settings.size)
        rows = [[fit(self.painting.cpu(), side), *WAYS * [torch.ones(1, 3, 1, 1)]]]
        for photo in self.photos.held(side):
            drawn = [self._noise(-1 - k, (photo.shape[-2], photo.shape[-1])) for k in range(WAYS)]
            rows.append([photo, *(self._made(network, noise, photo) for noise in drawn)])
        return contact(rows)

    def _made(self, network: nn.Module, noise: Sequence[Tensor], photo: Tensor | None = None) -> Tensor:
        home = self.critic.device
        made: Tensor = network([z.to(home) for z in noise], None if photo is None else photo.to(home))
        return made.float().cpu()

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write the network with where it comes from."""
        networks.save(cast(TextureNet, network), path, {**self.provenance, "steps": step})

    def rates(self) -> Mapping[str, float]:
        """All alike."""
        return {}

    def pop_notice(self) -> str:
        """What a person should know that was not told before."""
        return self.photos.pop_notice() if self.photos else ""

    def _noise(self, k: int, size: int | tuple[int, int]) -> list[Tensor]:
        return self.network.noise(1, size, draws(self.settings.seed, "noise", k))
