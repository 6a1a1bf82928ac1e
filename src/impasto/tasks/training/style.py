"""Training of a network for one painting or many: a photo in, painted after any of them in one pass.

Johnson et al. 2016 for one; Dumoulin et al. 2017 for many, whose paintings differ by the scales and shifts of the norms
alone, so that further ones can be added to a trained network by learning theirs. From a network for any painting comes
one that knows some paintings better.
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
from impasto.networks import AnyStyle, ManyStyles, Transformer, TransportNet
from impasto.networks.style_request import find
from impasto.settings.train import TrainStyleSettings
from impasto.tasks.scene.areas import StyleImage
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.training.base_network import base_of
from impasto.tasks.training.lesson import Painted, PhotoLesson, begun
from impasto.tasks.training.loop import TrainStep, train
from impasto.tasks.training.photos import Photos, shuffled

Paintings = Mapping[str, Source] | Sequence[str | Path]
"""Paintings by the names of their styles, or `FILE`s and `NAME=FILE`s."""

CODES = 10.0
"""The rate of codes, in that of weights."""

ALONE = 100.0
"""That of codes that are added to a trained network, whose weights do not move under them."""


def train_style_steps(
    photos: str | Path,
    paintings: Paintings,
    settings: TrainStyleSettings | None = None,
    *,
    out: str | Path,
    resume: str | Path | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[TrainStep]:
    """Train a network to paint like `paintings`, on the photos of a folder; it is in the file `out` at the end.

    A style is called as its file is, unless it is given as `NAME=FILE` or in a mapping. The state of the run is kept
    beside `out`, and the same call goes on from there; `resume` is a state elsewhere. `group`: the processes that do
    the same, and share each batch (see `tasks/tiling/group.py`).
    """
    settings = settings or TrainStyleSettings()
    if settings.adding and networks.describe(find(settings.base, ()))["kind"] == AnyStyle.kind:
        settings = replace(settings, whole=True)  # it knows no styles that it could forget
    lesson = StyleLesson(Photos(photos, settings.seed), named(paintings), settings)
    before = Path(resume) if resume else None
    yield from train(lesson, settings, lesson.fingerprint, out=Path(out), resume=before, group=group)


def named(paintings: Paintings) -> dict[str, Source]:
    """Paintings by the names of their styles. Raises UsageError for none, and for names that are taken or no names."""
    pairs = list(paintings.items()) if isinstance(paintings, Mapping) else [_named(str(text)) for text in paintings]
    if not pairs:
        raise UsageError("there is no painting; give at least one")
    found: dict[str, Source] = {}
    for name, source in pairs:
        if not name or set(name) & set("=,:") or not name.isprintable():
            raise UsageError(f"'{name}' cannot be the name of a style; write NAME={source}")
        if name in found:
            raise UsageError(f"two paintings are called '{name}'; write OTHER={source} for one of them")
        found[name] = source
    return found


def _named(text: str) -> tuple[str, str]:
    name, sign, file = text.partition("=")
    if sign and name.replace("_", "").replace("-", "").isalnum() and not Path(text).exists():
        return name, file
    return stem(text), text


class Pupil(nn.Module):
    """A network in training: what paints, and the codes of the styles that are learnt.

    Where styles are added to a `base` it is not trained, and its moments, where norms keep them, stay as they are. A
    style that is new to a base, or learnt anew, begins at the mean of the base's codes. Of the code of a network of
    transport what its painting says, `paintings`, stays, and the rest is learnt.
    """

    def __init__(
        self,
        settings: TrainStyleSettings,
        paintings: Mapping[str, StyleImage],
        base: ManyStyles | AnyStyle | None,
    ) -> None:
        super().__init__()
        known = base if isinstance(base, ManyStyles) else None
        self.styles, self.before = tuple(paintings), known.styles if known and settings.adding else ()
        _check_names(self.styles, self.before, settings.anew)
        self.transformer = base.transformer if base else begun(settings)
        start = known.codes.detach().mean(0) if known else self.transformer.plain_code()[0]
        kept = dict(zip(known.styles, known.codes.detach(), strict=True)) if known and settings.whole else {}
        codes, said = torch.stack([kept.get(name, start) for name in paintings]), start.new_zeros(len(paintings), 0)
        if isinstance(self.transformer, TransportNet):
            said = torch.cat([self.transformer.style_numbers(each.pixels, each.alpha) for each in paintings.values()])
            self.transformer.decoder.requires_grad_(not settings.adding)
        elif settings.adding:
            self.transformer.requires_grad_(False)
        self.register_buffer("said", said)
        self.codes = nn.Parameter(codes[:, said.shape[1] :])
        if self.before and known:
            self.register_buffer("codes_before", known.codes.detach().clone())

    def train(self, mode: bool = True) -> Pupil:
        """Begin or end training."""
        super().train(mode)
        if self.before and isinstance(self.transformer, Transformer):
            for norm in self.transformer.norms:
                norm.eval()
        return self

    @property
    def whole_codes(self) -> Tensor:
        """`(N, D)`: the codes of all styles that are learnt."""
        return torch.cat([cast(Tensor, self.said), self.codes], dim=1)

    def forward(self, photos: Tensor, styles: Sequence[int]) -> Tensor:
        """Photos `(B, 3, H, W)`, each painted after the style of that number."""
        chosen = self.whole_codes[torch.tensor(styles, device=self.codes.device)]
        return cast(Tensor, self.transformer(photos, chosen))

    def finished(self) -> ManyStyles:
        """The network to be used: the styles that it had before, in their order, and then those that are new."""
        codes = dict(zip(self.before, cast(Tensor, self.codes_before), strict=True)) if self.before else {}
        codes |= dict(zip(self.styles, self.whole_codes.detach(), strict=True))
        found = ManyStyles(self.transformer, tuple(codes))
        found.codes = nn.Parameter(torch.stack([*codes.values()]), requires_grad=False)
        return found


def _check_names(styles: Sequence[str], before: Sequence[str], anew: bool) -> None:
    """Raises UsageError for a style that would be lost, and where none is there to be learnt anew."""
    taken = sorted({*styles} & {*before})
    if taken and not anew:
        raise UsageError(f"the network to add to has a style '{taken[0]}' already; write OTHER=FILE, or give --anew")
    if anew and not taken:
        raise UsageError(f"there is nothing to learn anew: the network to start from has {', '.join(before)}")


class StyleLesson(PhotoLesson):
    """What is to be learnt from a folder of photos and some paintings; see `loop.Lesson`.

    Photos and paintings each come in an order of their own, drawn anew when all have come.
    """

    task = "train style"

    def __init__(self, photos: Photos, paintings: Mapping[str, Source], settings: TrainStyleSettings) -> None:
        super().__init__(photos, settings, {"paintings": {name: origin(p) for name, p in paintings.items()}})
        areas = [self.critic.read(painting) for painting in paintings.values()]
        self.paintings = [area.style_images[0].pixels for area in areas]
        seen = {name: _on_cpu(area.style_images[0]) for name, area in zip(paintings, areas, strict=True)}
        self._network = Pupil(settings, seen, base_of(settings))
        self._network.to(self.critic.device, memory_format=layout(self.critic.device))  # type: ignore[call-overload]
        self.models = [self.critic.model(area) for area in areas]

    @property
    def network(self) -> Pupil:
        """See `loop.Lesson`."""
        return self._network

    def paint(self, photos: Tensor, numbers: Sequence[int]) -> Painted:
        """Each photo after the painting whose turn it is."""
        styles = [shuffled(len(self.models), k, self.settings.seed, "style") for k in numbers]
        with self.critic.precision():
            painted = self.network(photos, styles)
        return Painted(painted, [self.models[style] for style in styles], [self.paintings[style] for style in styles])

    def rates(self) -> Mapping[str, float]:
        """Codes are numbers about 1, of which most steps see a few: weights' rate leaves them behind."""
        return {"codes": ALONE if self._network.before else CODES}

    def columns(self, network: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """All paintings."""
        return list(zip(self.paintings, torch.split(cast(Pupil, network).whole_codes, 1), strict=True))

    def finished(self, network: nn.Module) -> ManyStyles:
        """With the styles that it had before."""
        return cast(Pupil, network).finished()


def _on_cpu(painting: StyleImage) -> StyleImage:
    return StyleImage(painting.pixels.cpu(), alpha=None if painting.alpha is None else painting.alpha.cpu())


def origin(painting: Source) -> dict[str, str]:
    """What a network's file says of a painting: the file's name, and what tells its pixels from others."""
    levels = (load(painting).pixels * 255).round().to(torch.uint8)
    name = Path(painting).name if isinstance(painting, str | Path) else type(painting).__name__
    return {"source": name, "sha256": hashlib.sha256(levels.numpy().tobytes()).hexdigest()}
