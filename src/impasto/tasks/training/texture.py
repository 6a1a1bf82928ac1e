"""Training of a texture network: from noise to a new image with the texture of a style image, in one pass.

With photos, the network paints a photo from noise, in another way for each noise (Ulyanov et al. 2016; the term of
diversity is that of Ulyanov et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto.encoders.extractor import layout
from impasto.errors import UsageError
from impasto.image import Source, fit, size_of
from impasto.losses.prior import alike
from impasto.networks import TextureNet
from impasto.networks.texture_net import TextureSettings
from impasto.settings.train import TrainTextureSettings
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.training.loop import TrainStep, train
from impasto.tasks.training.network_training import LOOK, NetworkTraining, Painted, contact_sheet, seeded
from impasto.tasks.training.photos import Photos, keyed_generator
from impasto.tasks.training.style import painting_provenance

SAMPLES = 4
"""Textures on a sheet."""

WAYS = 2
"""Results for each photo on a sheet."""


def train_texture_steps(
    painting: Source,
    settings: TrainTextureSettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train a network to make textures like `painting`, or to paint the photos of the settings after it.

    The network is in the file `out` at the end. See `train_style_steps`.

    >>> import impasto
    >>> settings = impasto.TrainTextureSettings(steps=1, size=64, batch=1, style_size=64)
    >>> for step in impasto.train_texture_steps("sample:flow", settings, out="flow.safetensors"):
    ...     print(step.index, "of", step.total)
    1 of 1
    """
    settings = settings or TrainTextureSettings()
    training = TextureTraining(painting, settings)
    before = Path(resume) if resume else None
    yield from train(training, settings, training.fingerprint, out=Path(out), resume=before, group=group)


class TextureTraining(NetworkTraining):
    """The training of a texture network on one style image, with or without photos.

    With `diversity` each photo comes twice in a row, with other noise. Several processes compare only their own
    pictures.
    """

    task = "train texture"
    settings: TrainTextureSettings

    def __init__(self, painting: Source, settings: TrainTextureSettings) -> None:
        photos = Photos(settings.photos, settings.seed) if settings.photos else None
        origin: dict[str, Any] = {"painting": painting_provenance(painting)}
        super().__init__(photos, settings, origin | ({"photos": photos.provenance()} if photos else {}))
        area = self.perceptual.read(painting)
        self.painting, self.target = area.style_images[0].pixels, self.perceptual.target(area)
        with seeded(settings.seed):
            shape = settings.scales, settings.channels, settings.norm, self.photos is not None
            made = TextureNet(TextureSettings(*shape))
        self._network = made.to(self.perceptual.device)
        self._network.to(memory_format=layout(self.perceptual.device))  # type: ignore[call-overload]

    @property
    def network(self) -> TextureNet:
        """See `loop.Training`."""
        return self._network

    def batch(self, numbers: Sequence[int]) -> Tensor | None:
        """Return the photos of these numbers; None without photos."""
        if self.photos is None:
            return None
        crops = {k: self.photos.random_crop(k, self.settings.size) for k in self._shown(numbers)}
        return self.placed(torch.cat([crops[k] for k in self._shown(numbers)]))

    def paint(self, photos: Tensor | None, numbers: Sequence[int]) -> Painted:
        """Make a picture from the noise of each number, and of its photo."""
        drawn = [self._noise(k, self.settings.size) for k in numbers]
        noise = [torch.cat(scale).to(self.perceptual.device) for scale in zip(*drawn, strict=True)]
        with self.perceptual.precision():
            made = self.network(noise, photos)
        return Painted(made, [self.target] * len(numbers), [self.painting] * len(numbers))

    def _shown(self, numbers: Sequence[int]) -> list[int]:
        """Return the numbers of the photos in a batch."""
        if self.photos is None:
            return [0] * len(numbers)
        twice = self.settings.diversity > 0
        return [numbers[k - k % 2] if twice else number for k, number in enumerate(numbers)]

    def batch_terms(self, pictures: Tensor, numbers: Sequence[int]) -> Mapping[str, Tensor]:
        """Return the loss of diversity, if it has a weight."""
        if not self.settings.diversity:
            return {}
        if len(pictures) < 2:
            raise UsageError("--diversity compares the pictures of a batch, and a process has one; raise --batch")
        return {"diversity": self.settings.diversity * alike(pictures, self._shown(numbers))}

    def sheet(self, network: nn.Module) -> Tensor:
        """Return the style image and textures of twice the training size; or photos down, each in several ways."""
        if self.photos is None:
            drawn = [self._noise(-1 - k, 2 * self.settings.size) for k in range(SAMPLES)]
            return contact_sheet([[self.painting.cpu(), *(self._made(network, noise) for noise in drawn)]])
        side = round(LOOK * self.settings.size)
        rows = [[fit(self.painting.cpu(), side), *WAYS * [torch.ones(1, 3, 1, 1)]]]
        for photo in self.photos.held(side):
            drawn = [self._noise(-1 - k, size_of(photo)) for k in range(WAYS)]
            rows.append([photo, *(self._made(network, noise, photo) for noise in drawn)])
        return contact_sheet(rows)

    def finished(self, network: nn.Module) -> TextureNet:
        """Return the network itself."""
        return cast(TextureNet, network)

    def _made(self, network: nn.Module, noise: Sequence[Tensor], photo: Tensor | None = None) -> Tensor:
        home = self.perceptual.device
        made: Tensor = network([z.to(home) for z in noise], None if photo is None else photo.to(home))
        return made.float().cpu()

    def _noise(self, k: int, size: int | tuple[int, int]) -> list[Tensor]:
        return self.network.noise(1, size, keyed_generator(self.settings.seed, "noise", k))
