"""The base classes of trainings: base network, loss of a batch, provenance, fingerprint, and sheets."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from impasto import networks
from impasto.encoders.extractor import layout
from impasto.errors import UsageError
from impasto.image import fit
from impasto.networks import AnyStyle, ManyStyles, TextureNet, Transformer
from impasto.networks.checkpoint import Network
from impasto.networks.style_request import find
from impasto.settings.train import OPEN, PaintingOptions, TrainTextureSettings
from impasto.tasks.scene.areas import Area, StyleImage
from impasto.tasks.scene.coloring import recolor_content
from impasto.tasks.training.perceptual_loss import LossAndParts, PerceptualLoss, StyleTarget
from impasto.tasks.training.photos import Photos, keyed_generator
from impasto.version import __version__

SHAPE = ("width", "blocks", "ends", "norm", "detail", "deep")
"""Settings of the shape of a new transformer."""

RECOLORING = 100.0
"""Weight of the colour loss, which is 1 without the weight for white in place of black."""

LOOK = 1.5
"""Longer side of the images on a sheet, over the side of the crops."""

GAP = 8
"""Pixels between the images of a sheet."""


class Painted(NamedTuple):
    """A batch of results `(B, 3, H, W)`, and the style target and style image `(1, 3, h, w)` of each."""

    pictures: Tensor
    targets: Sequence[StyleTarget]
    paintings: Sequence[Tensor]


class NetworkTraining(ABC):
    """A network, batches of crops of photos (or none), and the perceptual loss; see `loop.Training`.

    `origin`: the entries of the provenance about photos and style images.
    """

    task: str

    def __init__(
        self, photos: Photos | None, settings: PaintingOptions | TrainTextureSettings, origin: Mapping[str, Any]
    ) -> None:
        self.photos, self.settings = photos, settings
        examples = photos.held(settings.size) if photos else []
        self.perceptual = PerceptualLoss(settings, examples, content=photos is not None)
        options = settings.to_mapping(defaults=False).items()
        self.provenance: dict[str, Any] = {
            "impasto": __version__,
            "task": self.task,
            "settings": {name: value for name, value in options if name not in {"base", "photos"}},
            **origin,
        }

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """The network in training."""

    @abstractmethod
    def batch(self, numbers: Sequence[int]) -> Tensor | None:
        """Return the crops with these numbers, `(B, 3, H, W)` on the device, or None without photos."""

    @abstractmethod
    def paint(self, photos: Any, numbers: Sequence[int]) -> Painted:
        """Return the results of the network for the crops of `batch`; `numbers` seed random numbers."""

    @abstractmethod
    def sheet(self, network: nn.Module) -> Tensor:
        """Return pictures by the network, to judge its quality."""

    @abstractmethod
    def finished(self, network: Any) -> Network:
        """Return the network for a file."""

    @property
    def fingerprint(self) -> str:
        """A hash of everything that affects the result of the run, to assign checkpoints to runs."""
        facts = {**self.provenance, "impasto": ""}
        if isinstance(self.settings, PaintingOptions):
            facts["base"] = facts.get("base", {}).get("sha256", "")
        facts["network"] = self.finished(self.network).description()
        facts["settings"] = {name: value for name, value in facts["settings"].items() if name not in OPEN}
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def loss(self, step: int, places: range) -> LossAndParts:
        """Return the loss of the pictures at `places` of the step's batch; see `loop.Training`."""
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
        """Return the losses that compare the pictures of a batch with each other; none by default."""
        return {}

    def placed(self, pictures: Tensor) -> Tensor:
        """Return pictures on the device, in the memory layout of networks."""
        return pictures.to(self.perceptual.device, memory_format=layout(self.perceptual.device))

    def save(self, network: nn.Module, path: Path, step: int) -> None:
        """Write the network with its provenance."""
        networks.save(self.finished(network), path, {**self.provenance, "steps": step})

    def rates(self) -> Mapping[str, float]:
        """Return no factors: all learning rates are equal."""
        return {}

    def pop_notice(self) -> str:
        """Return the notices about photos, once."""
        return self.photos.pop_notice() if self.photos else ""


class PhotoTraining(NetworkTraining):
    """The training of a network that paints photos by the codes of style images."""

    photos: Photos
    settings: PaintingOptions

    def __init__(self, photos: Photos, settings: PaintingOptions, origin: Mapping[str, Any]) -> None:
        super().__init__(photos, settings, {"photos": photos.provenance(), **origin})
        self.sheet_photos = [photo.to(self.perceptual.device) for photo in photos.held(round(LOOK * settings.size))]
        if settings.base:
            self.provenance["base"] = base_provenance(settings.base)

    @abstractmethod
    def sheet_columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Return the style images of a sheet, and their codes."""

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """Return the crops with these numbers, on the device."""
        return self.placed(self.crops(numbers))

    def crops(self, numbers: Sequence[int]) -> Tensor:
        """Return the crops with these numbers, on the CPU."""
        return torch.cat([self.photos.random_crop(k, self.settings.size) for k in numbers])

    def sheet(self, network: nn.Module) -> Tensor:
        """Return the results for the photos for sheets: a column for each style image, a row for each photo."""
        columns, side = self.sheet_columns(network), round(LOOK * self.settings.size)
        rows = [[torch.ones(1, 3, 1, 1), *(fit(painting.cpu(), side) for painting, _ in columns)]]
        for photo in self.sheet_photos:
            results = [network.transformer(photo, code).float().cpu() for _, code in columns]  # type: ignore[operator]
            rows.append([photo.cpu(), *results])
        return contact_sheet(rows)


def color_loss(pictures: Tensor, photos: Tensor, paintings: Sequence[Tensor]) -> LossAndParts:
    """Return the sum of the mean squared distances of pictures to their photos in the colours of their style images.

    These photos are the starting points of `stylize`. A network that learns them first keeps the photo. Otherwise a
    network loses the photo, and restores it only late in the training.
    """
    pairs = zip(torch.split(photos, 1), paintings, strict=True)
    targets = torch.cat(
        [recolor_content([Area("picture", (StyleImage(painting),))], photo, 1.0) for photo, painting in pairs]
    )
    loss = RECOLORING * (pictures - targets).square().mean(dim=(1, 2, 3)).sum()
    return loss, {"colours": loss.detach()}


def load_base(settings: PaintingOptions) -> ManyStyles | AnyStyle | None:
    """Return the base network of the settings, or None.

    Raises UsageError for a texture network, and for settings with another shape than that of the base.
    """
    if settings.base is None:
        return None
    base = networks.load(find(settings.base, ()))
    if isinstance(base, TextureNet):
        raise UsageError(f"'{settings.base}' is a texture network; one that paints photos is needed to start from")
    shape = vars(base.transformer.settings) if isinstance(base.transformer, Transformer) else {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in SHAPE and value not in {field.default, shape.get(field.name, field.default)}:
            actual = f" of {field.name} {shape[field.name]}" if shape else ""
            raise UsageError(
                f"{field.name} is {value}, but '{settings.base}' is a network{actual} already; give --base none as well"
            )
    return base


def base_provenance(name: str) -> dict[str, Any]:
    """Return the provenance of a base network: the name of its file, its hash, and its own provenance."""
    file = find(name, ())
    provenance = networks.describe(file)["provenance"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"source": file.name, "sha256": digest, "provenance": provenance}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the default random generator within the block, and restore its state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(keyed_generator(seed, "weights").initial_seed())
        yield


def contact_sheet(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return pictures `(1, 3, h, w)` in rows and columns on white, `(1, 3, H, W)` in [0, 1].

    A cell is as high as the highest picture of its row and as wide as the widest of its column, and its picture is in
    the middle.
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
