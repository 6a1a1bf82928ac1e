"""What all trainings of a network share: the perceptual loss of batches, provenance, fingerprint, and sheets."""

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
from impasto.settings.train import OPEN, PaintingOptions, TrainStyleSettings, TrainTextureSettings
from impasto.tasks.scene.areas import Area, StyleImage
from impasto.tasks.scene.coloring import recolor_content
from impasto.tasks.training.base_network import SHAPE, base_provenance
from impasto.tasks.training.perceptual_loss import LossAndParts, PerceptualLoss, StyleTarget
from impasto.tasks.training.photos import Photos, keyed_generator
from impasto.version import __version__

RECOLORING = 100.0
"""The colour loss of an image that is white where it should be black."""

LOOK = 1.5
"""Longer side of the images on a sheet, over the side of training crops."""

GAP = 8
"""Pixels between the images of a sheet."""


class Painted(NamedTuple):
    """A painted batch `(B, 3, H, W)`, and the style target and the style image `(1, 3, h, w)` of each picture."""

    pictures: Tensor
    targets: Sequence[StyleTarget]
    paintings: Sequence[Tensor]


class NetworkTraining(ABC):
    """A network, batches of crops of photos (or none), and their perceptual loss; see `loop.Training`.

    `origin`: the entries of the provenance about photos and style images.
    """

    task: str

    def __init__(
        self, photos: Photos | None, settings: PaintingOptions | TrainTextureSettings, origin: Mapping[str, Any]
    ) -> None:
        self.photos, self.settings = photos, settings
        held = photos.held(settings.size) if photos else []
        self.perceptual = PerceptualLoss(settings, held, content=photos is not None)
        changed = settings.to_mapping(defaults=False).items()
        self.provenance: dict[str, Any] = {
            "impasto": __version__,
            "task": self.task,
            "settings": {name: value for name, value in changed if name not in {"base", "photos"}},
            **origin,
        }

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """The network in training."""

    @abstractmethod
    def batch(self, numbers: Sequence[int]) -> Tensor | None:
        """Return the photos with these numbers, `(B, 3, H, W)` on the device, or None."""

    @abstractmethod
    def paint(self, photos: Any, numbers: Sequence[int]) -> Painted:
        """Paint the pictures with these numbers; `photos` are those of `batch`."""

    @abstractmethod
    def sheet(self, network: nn.Module) -> Tensor:
        """Return pictures to judge the network by."""

    @abstractmethod
    def finished(self, network: Any) -> Network:
        """Return the network for use."""

    @property
    def fingerprint(self) -> str:
        """A hash of everything that the run computes; a checkpoint belongs to one run only."""
        about = {**self.provenance, "impasto": ""}
        if isinstance(self.settings, PaintingOptions):
            about["base"] = about.get("base", {}).get("sha256", "")
        about["network"] = self.finished(self.network).description()
        about["settings"] = {name: value for name, value in about["settings"].items() if name not in OPEN}
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def loss(self, step: int, places: range) -> LossAndParts:
        """Return the loss of the pictures at these places of the step's batch; see `loop.Training`."""
        numbers = [(step - 1) * self.settings.batch + place for place in places]
        photos = self.batch(numbers)
        painted = self.paint(photos, numbers)
        pictures = painted.pictures.float()
        if photos is not None and step <= self.settings.recoloring:
            return color_loss(pictures, photos, painted.paintings)
        total, parts = self.perceptual(pictures, photos, painted.targets, numbers)
        for name, term in self.batch_terms(pictures, numbers).items():
            total, parts[name] = total + term, term.detach()
        return total, parts

    def batch_terms(self, pictures: Tensor, numbers: Sequence[int]) -> Mapping[str, Tensor]:
        """Return losses that compare the pictures of a batch with each other; none by default."""
        return {}

    def placed(self, pictures: Tensor) -> Tensor:
        """Return pictures on the device, in the memory layout of networks."""
        return pictures.to(self.perceptual.device, memory_format=layout(self.perceptual.device))

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write the network with its provenance."""
        save_network(self.finished(network), path, {**self.provenance, "steps": step})

    def rates(self) -> Mapping[str, float]:
        """Return no other rates."""
        return {}

    def pop_notice(self) -> str:
        """Return the notices about photos, once."""
        return self.photos.pop_notice() if self.photos else ""


class PhotoTraining(NetworkTraining):
    """The training of a network that paints photos after style images with codes."""

    photos: Photos
    settings: PaintingOptions

    def __init__(self, photos: Photos, settings: PaintingOptions, origin: Mapping[str, Any]) -> None:
        super().__init__(photos, settings, {"photos": photos.provenance(), **origin})
        self.held = [photo.to(self.perceptual.device) for photo in photos.held(round(LOOK * settings.size))]
        if settings.base:
            self.provenance["base"] = base_provenance(settings.base)

    @abstractmethod
    def sheet_columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Return the style images of a sheet, and their codes."""

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """Return the crops with these numbers."""
        return self.placed(self.crops(numbers))

    def crops(self, numbers: Sequence[int]) -> Tensor:
        """Return the crops with these numbers, on the CPU."""
        return torch.cat([self.photos.random_crop(k, self.settings.size) for k in numbers])

    def sheet(self, network: nn.Module) -> Tensor:
        """Return the photos that are held back, painted: style images across, photos down."""
        columns, side = self.sheet_columns(network), round(LOOK * self.settings.size)
        rows = [[torch.ones(1, 3, 1, 1), *(fit(painting.cpu(), side) for painting, _ in columns)]]
        for photo in self.held:
            painted = [network.transformer(photo, code).float().cpu() for _, code in columns]  # type: ignore[operator]
            rows.append([photo.cpu(), *painted])
        return contact_sheet(rows)


def color_loss(pictures: Tensor, photos: Tensor, paintings: Sequence[Tensor]) -> LossAndParts:
    """Return the sum of the distances of pictures to their photos in the colours of their style images.

    `stylize` starts from these. A network that learns them first keeps the photo; otherwise it loses the photo and
    finds it again late.
    """
    pairs = zip(torch.split(photos, 1), paintings, strict=True)
    targets = torch.cat(
        [recolor_content([Area("picture", (StyleImage(painting),))], photo, 1.0) for photo, painting in pairs]
    )
    loss = RECOLORING * (pictures - targets).square().mean(dim=(1, 2, 3)).sum()
    return loss, {"colours": loss.detach()}


def new_transformer(settings: TrainStyleSettings) -> Transformer:
    """Return a transformer with weights drawn from the seed."""
    made = {name: getattr(settings, name) for name in SHAPE}
    with seeded(settings.seed):
        return Transformer(TransformerSettings(**made))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the default generator within the block, and restore its state after it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(keyed_generator(seed, "weights").initial_seed())
        yield


def contact_sheet(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return pictures `(1, 3, h, w)` in rows and columns on white, `(1, 3, H, W)` in [0, 1].

    Each picture is in the middle of its cell, which is as high as its row needs and as wide as its column does.
    """
    heights = [max(picture.shape[-2] for picture in row) for row in rows]
    widths = [max(picture.shape[-1] for picture in column) for column in zip(*rows, strict=True)]
    sheet = torch.ones(1, 3, sum(heights) + GAP * (len(heights) - 1), sum(widths) + GAP * (len(widths) - 1))
    for j, row in enumerate(rows):
        for i, picture in enumerate(row):
            height, width = picture.shape[-2:]
            top = sum(heights[:j]) + GAP * j + (heights[j] - height) // 2
            left = sum(widths[:i]) + GAP * i + (widths[i] - width) // 2
            sheet[..., top : top + height, left : left + width] = picture.clamp(0, 1)
    return sheet
