"""Training of a texture network: noise in, a new picture with the texture of a painting out, in one pass (Ulyanov et
al. 2016)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto import networks
from impasto.encoders.extractor import layout
from impasto.image import Source
from impasto.networks import TextureNet
from impasto.networks.texture_net import TextureSettings
from impasto.tasks.critic import Critic
from impasto.tasks.lesson import seeded
from impasto.tasks.photos import draws
from impasto.tasks.sheet import contact
from impasto.tasks.team import Team
from impasto.tasks.train_options import OPEN, TrainTextureSettings
from impasto.tasks.train_style import origin
from impasto.tasks.trainer import TrainStep, train
from impasto.version import __version__

SAMPLES = 4
"""Textures on a sheet."""


def train_texture_steps(
    painting: Source,
    settings: TrainTextureSettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    team: Team | None = None,
) -> Iterator[TrainStep]:
    """Train a network to make textures like `painting`; it is in the file `out` at the end. See `train_style_steps`."""
    settings = settings or TrainTextureSettings()
    lesson = TextureLesson(painting, settings)
    before = Path(resume) if resume else None
    yield from train(lesson, settings, lesson.fingerprint, out=Path(out), resume=before, team=team)


class TextureLesson:
    """What is to be learnt from a painting alone; see `trainer.Lesson`."""

    def __init__(self, painting: Source, settings: TrainTextureSettings) -> None:
        self.settings, self.critic = settings, Critic(settings, content=False)
        area = self.critic.read(painting)
        self.painting, self.model = area.manners[0].pixels, self.critic.model(area)
        with seeded(settings.seed):
            made = TextureNet(TextureSettings(settings.scales, settings.channels, settings.norm))
        self._network = made.to(self.critic.device)
        self._network.to(memory_format=layout(self.critic.device))  # type: ignore[call-overload]
        self.provenance: dict[str, Any] = {
            "impasto": __version__,
            "task": "train texture",
            "settings": settings.to_mapping(defaults=False),
            "painting": origin(painting),
        }

    @property
    def network(self) -> TextureNet:
        """See `trainer.Lesson`."""
        return self._network

    @property
    def fingerprint(self) -> str:
        """What the run computes: a state belongs to one run only."""
        about = {**self.provenance, "impasto": "", "network": self.network.description()}
        about["settings"] = {name: value for name, value in about["settings"].items() if name not in OPEN}
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def loss(self, step: int, places: range) -> tuple[Tensor, dict[str, Tensor]]:
        """See `trainer.Lesson`."""
        numbers = [(step - 1) * self.settings.batch + place for place in places]
        drawn = [self._noise(k, self.settings.size) for k in numbers]
        noise = [torch.cat(scale).to(self.critic.device) for scale in zip(*drawn, strict=True)]
        with self.critic.precision():
            made = self.network(noise)
        return self.critic(made.float(), None, [self.model] * len(numbers), numbers)

    def sheet(self, network: nn.Module) -> Tensor:
        """The painting, and textures twice as large as those learnt from."""
        drawn = [self._noise(-1 - k, 2 * self.settings.size) for k in range(SAMPLES)]
        made = [network([z.to(self.critic.device) for z in noise]).float().cpu() for noise in drawn]
        return contact([[self.painting.cpu(), *made]])

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write the network with where it comes from."""
        networks.save(cast(TextureNet, network), path, {**self.provenance, "steps": step})

    def rates(self) -> Mapping[str, float]:
        """All alike."""
        return {}

    def told(self) -> str:
        """Nothing."""
        return ""

    def _noise(self, k: int, size: int) -> list[Tensor]:
        return self.network.noise(1, size, draws(self.settings.seed, "noise", k))
