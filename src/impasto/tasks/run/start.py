"""What a run starts from, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from impasto.errors import ImpastoError, UsageError, nearest
from impasto.image import Opener, check_shape, load
from impasto.synthesis import Step, generator, noise, pink_noise
from impasto.tasks.run.schedule import Size

NOISES = {"noise": noise, "pink": pink_noise}


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


def last(steps: Iterable[Step]) -> Tensor:
    """Run to the end: the picture of the last step."""
    step = None
    for step in steps:  # noqa: B007 (only the last one counts)
        pass
    if step is None:
        raise ImpastoError("the run made no step")
    return step.image()
