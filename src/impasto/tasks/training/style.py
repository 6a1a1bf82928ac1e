"""Training of a network for one style or many: from a photo to the painted photo in one pass.

Johnson et al. 2016 train one style. Dumoulin et al. 2017 train many, which differ only in the scales and shifts of the
norms, so styles can be added to a trained network. The training of an any-style network can continue with some styles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from impasto import networks
from impasto.encoders.extractor import layout
from impasto.errors import UsageError
from impasto.image import Source, load
from impasto.image.schemes import stem
from impasto.networks import AnyStyle, ManyStyles, Transformer, TransformerSettings, TransportNet
from impasto.networks.style_request import find
from impasto.settings.train import TrainStyleSettings
from impasto.tasks.scene.areas import StyleImage
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.training.loop import TrainStep, train
from impasto.tasks.training.network_training import SHAPE, Painted, PhotoTraining, load_base, seeded
from impasto.tasks.training.photos import Photos, shuffled_index

Paintings = Mapping[str, Source] | Sequence[str | Path]
"""Paintings by the names of their styles, or texts `FILE` and `NAME=FILE`."""

CODES = 10.0
"""Learning rate of codes, over that of weights."""

ALONE = 100.0
"""The same for codes that are added to a base network, whose weights are not trained."""


def train_style_steps(
    photos: str | Path,
    paintings: Paintings,
    settings: TrainStyleSettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train a network for the styles of `paintings`; yield a `TrainStep` after each step.

    photos: a folder of photos for training.
    paintings: files, whose names are those of the styles, texts `NAME=FILE`, or a mapping from names to images.
    out: the file of the network. The checkpoint of the run is beside `out`, and the same call continues from it.
    resume: another checkpoint to continue from.
    group: the processes that share each batch (see `tasks/tiling/process_group.py`).

    Raises UsageError for inputs that cannot be read, for invalid names, and for checkpoints of other runs; ImpastoError
    for a loss that is not finite.

    >>> import impasto
    >>> steps = impasto.train_style_steps("photos", ["dawn=painting.jpg"], out="dawn.safetensors")
    >>> for step in steps:  # doctest: +SKIP
    ...     print(step.index, step.loss)
    """
    settings = settings or TrainStyleSettings()
    if settings.adding and networks.describe(find(settings.base, ()))["kind"] == AnyStyle.kind:
        settings = replace(settings, whole=True)  # an any-style network has no styles to keep
    training = StyleTraining(Photos(photos, settings.seed), named(paintings), settings)
    before = Path(resume) if resume else None
    yield from train(training, settings, training.fingerprint, out=Path(out), resume=before, group=group)


def named(paintings: Paintings) -> dict[str, Source]:
    """Return paintings by the names of their styles. Raises UsageError for no painting, and for invalid or equal names.

    >>> named(["dawn=painting.jpg", "sea.jpg"])
    {'dawn': 'painting.jpg', 'sea': 'sea.jpg'}
    """
    pairs = list(paintings.items()) if isinstance(paintings, Mapping) else [_named(str(text)) for text in paintings]
    if not pairs:
        raise UsageError("there is no painting; give at least one")
    by_name: dict[str, Source] = {}
    for name, source in pairs:
        if not name or set(name) & set("=,:") or not name.isprintable():
            raise UsageError(f"'{name}' cannot be the name of a style; write NAME={source}")
        if name in by_name:
            raise UsageError(f"two paintings are called '{name}'; write OTHER={source} for one of them")
        by_name[name] = source
    return by_name


def _named(text: str) -> tuple[str, str]:
    """Return the name and the file of a text `NAME=FILE` or `FILE`."""
    name, sign, file = text.partition("=")
    if sign and name.replace("_", "").replace("-", "").isalnum() and not Path(text).exists():
        return name, file
    return stem(text), text


class TrainableStyles(nn.Module):
    """A network and the codes of the styles in training.

    If styles are added to a `base`, the base is not trained, and the running statistics of its norms do not change. A
    style that is new to the base, or trained again, starts from the mean of the base's codes. A code of a network of
    transport has two parts: `said` is computed from the style image and not trained; the rest, `codes`, is trained.
    """

    def __init__(
        self,
        settings: TrainStyleSettings,
        paintings: Mapping[str, StyleImage],
        base: ManyStyles | AnyStyle | None,
    ) -> None:
        super().__init__()
        styles = base if isinstance(base, ManyStyles) else None
        self.styles, self.before = tuple(paintings), styles.styles if styles and settings.adding else ()
        _check_names(self.styles, self.before, settings.anew)
        self.transformer = base.transformer if base else new_transformer(settings)
        start = styles.codes.detach().mean(0) if styles else self.transformer.plain_code()[0]
        base_codes = dict(zip(styles.styles, styles.codes.detach(), strict=True)) if styles and settings.whole else {}
        codes = torch.stack([base_codes.get(name, start) for name in paintings])
        said = start.new_zeros(len(paintings), 0)
        if isinstance(self.transformer, TransportNet):
            said = torch.cat([self.transformer.style_numbers(each.pixels, each.alpha) for each in paintings.values()])
            self.transformer.decoder.requires_grad_(not settings.adding)
        elif settings.adding:
            self.transformer.requires_grad_(False)
        self.register_buffer("said", said)
        self.codes = nn.Parameter(codes[:, said.shape[1] :])
        if self.before and styles:
            self.register_buffer("codes_before", styles.codes.detach().clone())

    def train(self, mode: bool = True) -> TrainableStyles:
        """Set the training mode, but not for the norms of a base whose weights are not trained."""
        super().train(mode)
        if self.before and isinstance(self.transformer, Transformer):
            for norm in self.transformer.norms:
                norm.eval()
        return self

    @property
    def whole_codes(self) -> Tensor:
        """The codes of all styles in training, `(N, D)`."""
        return torch.cat([cast(Tensor, self.said), self.codes], dim=1)

    def forward(self, photos: Tensor, styles: Sequence[int]) -> Tensor:
        """Return photos `(B, 3, H, W)` in the styles with these numbers."""
        codes = self.whole_codes[torch.tensor(styles, device=self.codes.device)]
        return cast(Tensor, self.transformer(photos, codes))

    def finished(self) -> ManyStyles:
        """Return the network for a file: with the styles of the base, in their order, and then the new styles."""
        codes = dict(zip(self.before, cast(Tensor, self.codes_before), strict=True)) if self.before else {}
        codes |= dict(zip(self.styles, self.whole_codes.detach(), strict=True))
        network = ManyStyles(self.transformer, tuple(codes))
        network.codes = nn.Parameter(torch.stack([*codes.values()]), requires_grad=False)
        return network


def new_transformer(settings: TrainStyleSettings) -> Transformer:
    """Return a transformer with random weights from the seed."""
    shape = {name: getattr(settings, name) for name in SHAPE}
    with seeded(settings.seed):
        return Transformer(TransformerSettings(**shape))


def _check_names(styles: Sequence[str], before: Sequence[str], anew: bool) -> None:
    """Raise UsageError for a style of the base without `anew`, and for `anew` without a style of the base."""
    common = sorted({*styles} & {*before})
    if common and not anew:
        raise UsageError(f"the base network has a style '{common[0]}' already; write OTHER=FILE, or give --anew")
    if anew and not common:
        raise UsageError(f"there is no style to learn anew: the base network has {', '.join(before)}")


class StyleTraining(PhotoTraining):
    """The training of styles by name.

    Photos and paintings have two independent orders, which are shuffled again after each pass.
    """

    task = "train style"

    def __init__(self, photos: Photos, paintings: Mapping[str, Source], settings: TrainStyleSettings) -> None:
        super().__init__(
            photos, settings, {"paintings": {name: painting_provenance(p) for name, p in paintings.items()}}
        )
        areas = [self.perceptual.read(painting) for painting in paintings.values()]
        self.paintings = [area.style_images[0].pixels for area in areas]
        images = {name: _on_cpu(area.style_images[0]) for name, area in zip(paintings, areas, strict=True)}
        self._network = TrainableStyles(settings, images, load_base(settings))
        self._network.to(self.perceptual.device, memory_format=layout(self.perceptual.device))  # type: ignore[call-overload]
        self.targets = [self.perceptual.target(area) for area in areas]

    @property
    def network(self) -> TrainableStyles:
        """See `loop.Training`."""
        return self._network

    def paint(self, photos: Tensor, numbers: Sequence[int]) -> Painted:
        """Return the photos in the styles of the next paintings of a shuffled order."""
        styles = [shuffled_index(len(self.targets), k, self.settings.seed, "style") for k in numbers]
        with self.perceptual.precision():
            painted = self.network(photos, styles)
        return Painted(painted, [self.targets[style] for style in styles], [self.paintings[style] for style in styles])

    def rates(self) -> Mapping[str, float]:
        """Return a higher learning rate for codes: they are about 1, and most steps train only some of them."""
        return {"codes": ALONE if self._network.before else CODES}

    def sheet_columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Return all paintings and their codes."""
        return list(zip(self.paintings, torch.split(cast(TrainableStyles, network).whole_codes, 1), strict=True))

    def finished(self, network: nn.Module) -> ManyStyles:
        """Return the network with the styles of its base."""
        return cast(TrainableStyles, network).finished()


def _on_cpu(painting: StyleImage) -> StyleImage:
    return StyleImage(painting.pixels.cpu(), alpha=None if painting.alpha is None else painting.alpha.cpu())


def painting_provenance(painting: Source) -> dict[str, str]:
    """Return the provenance of a painting: the name of its file, and the hash of its pixels."""
    levels = (load(painting).pixels * 255).round().to(torch.uint8)
    name = Path(painting).name if isinstance(painting, str | Path) else type(painting).__name__
    return {"source": name, "sha256": hashlib.sha256(levels.numpy().tobytes()).hexdigest()}
