"""What every task that optimises a picture shares: its device and network, and its schedule of sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.compiled import compile_network
from impasto.encoders.precision import has_bfloat16
from impasto.encoders.weights import find
from impasto.errors import ImpastoError, UsageError, nearest
from impasto.image import Opener, check_shape, fitted_size, load
from impasto.losses import Dice
from impasto.settings.synthesis import COARSEST, QUALITIES, StylizeSettings, SynthesisSettings, TextureSettings
from impasto.synthesis import (
    Step,
    generator,
    noise,
    pink_noise,
)
from impasto.tasks.room import Room
from impasto.tasks.tiling.memory import limits, outside

Size = tuple[int, int]

NOISES = {"noise": noise, "pink": pink_noise}

SMALLEST = 96
"""No coarse size goes below this longer side: strokes of a smaller one are larger than what they paint."""


TILE = 32
"""The stride of the coarsest layer of any network here."""


def device_of(settings: SynthesisSettings) -> torch.device:
    """The device asked for; `auto` takes a GPU where there is one."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if settings.device == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present[settings.device]:
        allowed = ", ".join(["auto", *(name for name, there in present.items() if there)])
        raise UsageError(f"there is no {settings.device} device here; allowed: {allowed}")
    return torch.device(settings.device)


def load_encoder(settings: SynthesisSettings) -> Encoder:
    """The network of the settings, on their device."""
    device = device_of(settings)
    dtype = precision_of(settings, device)
    encoder = encoders.load(
        settings.network, weights=settings.weights, pooling=settings.pooling, device=device, dtype=dtype
    )
    return compile_network(encoder) if settings.compile else encoder


def may_polish(settings: SynthesisSettings) -> bool:
    """Whether VGG-19 would make the last steps if it had weights: of `stylize` by `lite` in the quality "fine"."""
    lite = settings.network == "lite" and settings.weights is None
    return lite and isinstance(settings, StylizeSettings) and settings.quality == "fine"


def polishes(settings: SynthesisSettings) -> bool:
    """Whether VGG-19 makes the last steps: it may, and its weights are on this machine."""
    return may_polish(settings) and find("vgg19") is not None


def polisher(settings: SynthesisSettings) -> Encoder | None:
    """VGG-19 for the last steps, or None."""
    return load_encoder(replace(settings, network="vgg19")) if polishes(settings) else None


def precision_of(settings: SynthesisSettings, device: torch.device) -> torch.dtype:
    """The type of the network's numbers: `auto` takes bfloat16 on GPUs that have it: pictures come out as good, but for
    very long runs (docs/precision.md)."""
    name = settings.precision
    if name == "auto":
        name = "bfloat16" if has_bfloat16(device) else "float32"
    found: torch.dtype = getattr(torch, name)
    return found


def schedule(settings: SynthesisSettings, full: Size, least: int = 1) -> list[tuple[Size, int]]:
    """Sizes and steps, coarse to fine, ending at `full`; the shape is kept, and sizes that come out too small, or with
    a side below `least`, the network's, are left out.

    Sizes are halved as long as they stay above `COARSEST`, and once in any case. The smallest decides the layout and
    the large strokes, each larger one adds detail and needs fewer steps. What VGG-19 polishes has the standard's steps.
    """
    longer, quality = max(full), QUALITIES["standard" if polishes(settings) else settings.quality]
    steps = quality.steps if isinstance(settings, StylizeSettings) else quality.unaided
    fitting = max(1, int(math.log2(max(longer / COARSEST, 1))))
    halvings = fitting if settings.scales is None else settings.scales - 1
    sides = [side for k in reversed(range(1, halvings + 1)) if (side := round(longer / 2**k)) >= SMALLEST]
    coarse = [_whole(settings, fitted_size(full, side)) for side in sides]
    sizes = [*(size for size in coarse if min(size) >= least), full]
    counts = [steps[min(i, len(steps) - 1)] for i in range(len(sizes))]
    return list(zip(sizes, [*counts[:-1], counts[-1] if settings.steps is None else settings.steps], strict=True))


def asked_size(settings: SynthesisSettings, own: Size) -> Size:
    """Height and width that the settings ask for: the shape of the result's model, whose size is `own`; for a texture,
    also any other."""
    height, width = fitted_size(own, settings.longer_side(max(own)) or max(own))
    if isinstance(settings, TextureSettings):
        return settings.height or height, settings.width or width
    return height, width


def full_size(settings: SynthesisSettings, own: Size) -> Size:
    """Height and width of the result: those that the settings ask for, but for a tileable texture, see `TILE`."""
    return _whole(settings, asked_size(settings, own))


def endless(settings: SynthesisSettings) -> bool:
    """Whether the result is to repeat without a seam."""
    return isinstance(settings, TextureSettings) and settings.tileable


def _whole(settings: SynthesisSettings, size: Size) -> Size:
    """The size; of a tileable texture in whole steps of the coarsest layers, without which its edges would not meet."""
    if not endless(settings):
        return size
    height, width = (max(1, round(side / TILE)) * TILE for side in size)
    return height, width


def check_room(encoder: Encoder, layers: Iterable[str], size: Size, what: str) -> None:
    """Refuse, before any work, a `what` ("photo") that comes out too small for the deepest layer."""
    least = encoder.smallest(layers)
    if min(size) < least:
        shape = f"{size[1]}x{size[0]}"
        raise UsageError(
            f"the {what} comes out at {shape} px, but these layers of {encoder.name} need at least {least} px a side"
        )


def starting_point(
    init: str,
    starts: Mapping[str, Callable[[], Tensor]],
    full: Size,
    seed: int,
    read: Opener = load,
    *,
    asked: Size | None = None,
) -> Callable[[], Tensor]:
    """What makes the first picture `(1, 3, H, W)` of a run: one of the named `starts`, `noise` at the `full` size, or a
    file, which `read` opens at once.

    Raises UsageError for a file whose proportions are not those of the size `asked` for, by default `full`.
    """
    if init in starts:
        return starts[init]
    if init in NOISES:
        return lambda: NOISES[init](full, generator(seed))
    try:
        picture = read(init)
    except UsageError as error:
        names = [*starts, *NOISES]
        raise UsageError(f"init must be {', '.join(names)} or a picture: {error}{nearest(init, names)}") from error
    check_shape(picture.size, asked or full, f"the start '{init}'", "result")
    return lambda: picture.pixels


def optimizer_of(settings: SynthesisSettings, stochastic: bool) -> str:
    """The name of the optimizer: by default L-BFGS, and Adam where losses draw at random.

    L-BFGS needs one function throughout, so that draws have to stay what they are, and what was never drawn is never
    painted: seen as noise and fringes in sliced Wasserstein, relaxed EMD and nearest neighbours.
    """
    if settings.optimizer != "auto":
        return settings.optimizer
    return "adam" if stochastic else "lbfgs"


MODEST = 1.45e9
"""Bytes for each megapixel that a run with `lite` takes on a CPU beside the process itself, unless it is told how many:
with the process 1.8 GB at 1024x1024. A laptop has other work, too. As a whole such a run took 2.3 GB, and a sixth less
time."""


def room_of(
    settings: SynthesisSettings,
    encoder: Encoder,
    layers: Iterable[str],
    kept: Iterable[str],
    *,
    full: Size,
    draws: bool,
) -> Room:
    """The memory of a run up to `full` size that looks at `layers`, and keeps the features of `kept`.

    `draws`: it is stochastic.
    """
    total, base = limits(settings, device_of(settings))
    if settings.memory is None and settings.network == "lite" and device_of(settings).type == "cpu":
        total = min(total, base + MODEST * max(1.0, full[0] * full[1] / 2**20))
    return Room(
        total,
        base,
        encoder,
        frozenset(layers),
        frozenset(kept),
        optimizer_of(settings, draws),
        # The network of a picture without end sees no parts of it.
        0 if endless(settings) else settings.tile,
        settings.scratch,
        tuple(schedule(settings, full, encoder.smallest(layers))),
        outside=outside(device_of(settings)),
    )


def dice_of(settings: SynthesisSettings, stochastic: bool) -> Dice:
    """The random draws of a run: new ones every step, unless the optimizer compares the gradients of successive
    steps."""
    return Dice(settings.seed, fresh=not optimizer_of(settings, stochastic).startswith("lbfgs"))


def last(steps: Iterable[Step]) -> Tensor:
    """Run to the end: the picture of the last step."""
    step = None
    for step in steps:  # noqa: B007 (only the last one counts)
        pass
    if step is None:
        raise ImpastoError("the run made no step")
    return step.image()
