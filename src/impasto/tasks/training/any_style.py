"""Training of a network for any style: a decoder learns to invert features that were moved to those of a style image.

The network is a network of transport (`networks/transport_net.py`). Its statistics of a style image need no training,
so some hundreds of style images are enough: the decoder learns the inverse of the features alone.
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
from impasto.tasks.training.loop import TrainStep, train
from impasto.tasks.training.network_training import Painted, PhotoTraining, load_base, seeded
from impasto.tasks.training.photos import Photos, keyed_generator
from impasto.tasks.training.transport_init import transport_net

SAMPLE = 64
"""Number of crops of photos, and of style images, for the principal axes."""

PHOTO, PAINTING = (0.6, 1.25), (0.8, 1.2)
"""Ranges of the longer sides of photos and style images, over `style_size`.

They are near the sizes of use: with smaller images, strokes would be too small."""

WIDER = 1.3
"""Side of the crops of style images over that of photos: a small crop has other statistics than the image."""


def train_any_steps(
    photos: str | Path,
    paintings: str | Path,
    settings: TrainAnySettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train an any-style network on folders of photos and of paintings; yield a `TrainStep` after each step.

    The network is written to the file `out`. Some photos and paintings are not used for training, but for the sheets.
    The `base` of the settings is an any-style network whose training continues. `resume`, `group`, the checkpoint and
    errors are as for `train_style_steps`.

    >>> import impasto
    >>> for step in impasto.train_any_steps("photos", "paintings", out="any.safetensors"):  # doctest: +SKIP
    ...     print(step.index, step.loss)
    """
    settings = settings or TrainAnySettings()
    pictures = Photos(paintings, settings.seed, what="painting")
    training = AnyStyleTraining(Photos(photos, settings.seed), pictures, settings)
    before = Path(resume) if resume else None
    yield from train(training, settings, training.fingerprint, out=Path(out), resume=before, group=group)


class AnyStyleTraining(PhotoTraining):
    """The training of an any-style network.

    The style of each photo of a batch is a crop of a painting. The colours of some crops are augmented, because some
    hundreds of paintings have too few colours.
    """

    task = "train any"

    def __init__(self, photos: Photos, paintings: Photos, settings: TrainAnySettings) -> None:
        super().__init__(photos, settings, {"paintings": paintings.provenance()})
        self.style_images, self.colours = paintings, settings.colours
        self._network = self._from_base(settings) if settings.base else self._new(settings)
        self._network.to(self.perceptual.device)
        self._network.to(memory_format=layout(self.perceptual.device))  # type: ignore[call-overload]
        self.sheet_paintings = [self.placed(painting) for painting in paintings.held(settings.style_size)]

    @staticmethod
    def _from_base(settings: TrainAnySettings) -> AnyStyle:
        """Return the base network, with a decoder in training. Raises UsageError for a network of another kind."""
        base = load_base(settings)
        if not isinstance(base, AnyStyle):
            raise UsageError(f"'{settings.base}' is no network for any painting, which --base has to be here")
        base.transformer.decoder.requires_grad_(True)
        return base

    def _new(self, settings: TrainAnySettings) -> AnyStyle:
        """Return a network with the principal axes of a sample of photos and paintings."""
        encoder = cast(Lite, encoders.load("lite", device=self.perceptual.device))
        sample = [torch.cat([self._photo(-k), self._painting(-k, settings.size)]) for k in range(1, SAMPLE + 1)]
        with seeded(settings.seed):
            return AnyStyle(transport_net(encoder, [self.placed(each) for each in sample], TransportSettings()))

    @property
    def network(self) -> AnyStyle:
        """See `loop.Training`."""
        return self._network

    def crops(self, numbers: Sequence[int]) -> Tensor:
        """Return crops of photos at the scale of use."""
        return torch.cat([self._photo(k) for k in numbers])

    def paint(self, photos: Tensor, numbers: Sequence[int]) -> Painted:
        """Return the photos, each in the style of a crop of a painting."""
        side = round(WIDER * self.settings.size / 8) * 8
        paintings = self.placed(torch.cat([self._painting(k, side) for k in numbers]))
        with torch.no_grad():
            features = self.perceptual.encoder(paintings, self.perceptual.style_reads)
            with self.perceptual.precision():
                codes = self.network.code(paintings)
        place = torch.randint(
            0, SIDE, (2,), generator=keyed_generator(self.settings.seed, "grain", numbers[0])
        ).tolist()
        with self.perceptual.precision():
            painted = self.network.transformer(photos, codes, origin=(place[0], place[1]))
        return Painted(painted, self.perceptual.targets(paintings, features, photos), torch.split(paintings, 1))

    def sheet_columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Return the paintings for sheets, and their codes."""
        own = cast(AnyStyle, network)
        return [(painting, own.code(painting)) for painting in self.sheet_paintings]

    def finished(self, network: nn.Module) -> AnyStyle:
        """Return the network itself."""
        return cast(AnyStyle, network)

    def pop_notice(self) -> str:
        """Return the notices about photos and paintings, once each."""
        return "; ".join(filter(None, (self.photos.pop_notice(), self.style_images.pop_notice())))

    def _photo(self, k: int) -> Tensor:
        return self.photos.scaled_crop(k, self.settings.size, *(share * self.settings.style_size for share in PHOTO))

    def _painting(self, k: int, side: int) -> Tensor:
        crop = self.style_images.scaled_crop(k, side, *(share * self.settings.style_size for share in PAINTING))
        return augment_colors(crop, self.colours, self.settings.seed, k)


def augment_colors(crop: Tensor, share: float, *key: object) -> Tensor:
    """Return the crop `(1, 3, H, W)` in [0, 1], with augmented colours in a `share` of all cases.

    The augmentation permutes the channels and changes contrast and brightness, at random by the `key`.
    """
    generator = keyed_generator(*key, "colours")
    chance, contrast, light = torch.rand(3, generator=generator).tolist()
    if chance >= share:
        return crop
    order = torch.randperm(3, generator=generator)
    mean = crop.mean(dim=(2, 3), keepdim=True)
    result: Tensor = ((crop - mean) * (0.6 + 0.8 * contrast) + mean + 0.3 * (light - 0.5))[:, order].clamp(0, 1)
    return result
