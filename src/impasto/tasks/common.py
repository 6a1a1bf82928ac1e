"""What every task that optimises a picture shares: its device and network, and its schedule of sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor

from impasto import encoders
from impasto.encoders import Encoder
from impasto.errors import ImpastoError, UsageError, nearest
from impasto.image import Picture, fitted_size, load, resize
from impasto.synthesis import OPTIMIZERS, Evaluate, Scale, Step, generator, noise, synthesise
from impasto.tasks.options import QUALITIES, SynthesisSettings

Size = tuple[int, int]

SMALLEST = 96
"""No coarse size goes below this longer side: strokes of a smaller one are larger than what they paint."""


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
    return encoders.load(
        settings.network, weights=settings.weights, pooling=settings.pooling, device=device_of(settings)
    )


def schedule(settings: SynthesisSettings, full: Size) -> list[tuple[Size, int]]:
    """Sizes and steps, coarse to fine, ending at `full`; the shape is kept, and sizes that come out too small are left
    out."""
    quality = QUALITIES[settings.quality]
    steps = quality.steps if settings.steps is None else settings.steps
    longer = max(full)
    sides = [round(longer / 2**k) for k in reversed(range(1, settings.scales or quality.scales))]
    return [(fitted_size(full, side), quality.coarse) for side in sides if side >= SMALLEST] + [(full, steps)]


def full_size(settings: SynthesisSettings, picture: Picture) -> Size:
    """Height and width of the result: the picture's shape at the size asked for."""
    height, width = picture.pixels.shape[-2:]
    return fitted_size((height, width), settings.size or max(height, width))


def check_room(encoder: Encoder, layers: Iterable[str], size: Size, what: str) -> None:
    """Refuse, before any work, a `what` ("photo") that comes out too small for the deepest layer."""
    least = encoder.smallest(layers)
    if min(size) < least:
        shape = f"{size[1]}x{size[0]}"
        raise UsageError(
            f"the {what} comes out at {shape} px, but these layers of {encoder.name} need at least {least} px a side"
        )


def starting_point(init: str, starts: Mapping[str, Callable[[], Tensor]], full: Size, seed: int) -> Tensor:
    """The first picture `(1, 3, H, W)` of a run: one of the named `starts`, `noise` at the `full` size, or a file."""
    if init in starts:
        return starts[init]()
    if init == "noise":
        return noise(full, generator(seed))
    try:
        return load(init).pixels
    except UsageError as error:
        names = [*starts, "noise"]
        raise UsageError(f"init must be {', '.join(names)} or a picture: {error}{nearest(init, names)}") from error


def last(steps: Iterable[Step]) -> Tensor:
    """Run to the end: the picture of the last step."""
    step = None
    for step in steps:  # noqa: B007 (only the last one counts)
        pass
    if step is None:
        raise ImpastoError("the run made no step")
    return step.image()


def run(
    settings: SynthesisSettings,
    start: Tensor,
    full: Size,
    prepare: Callable[[Size], Evaluate],
) -> Iterator[Step]:
    """Optimise `start` over the schedule of the settings; `prepare` makes the objective of one size."""

    def scale(size: Size, steps: int) -> Scale:
        return Scale(size, steps, lambda: prepare(size), OPTIMIZERS[settings.optimizer])

    scales = [scale(size, steps) for size, steps in schedule(settings, full)]
    yield from synthesise(start.to(device_of(settings)), scales, resize)
