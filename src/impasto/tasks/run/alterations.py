"""What a run changes of a request, or leaves aside: one line for each, so that nothing of it happens in silence."""

from __future__ import annotations

from collections.abc import Iterator

from impasto.image import Size, same_shape
from impasto.settings.synthesis import StylizeSettings, SynthesisSettings
from impasto.tasks.run.schedule import SMALLEST, schedule
from impasto.tasks.scene.reading import COARSEST_STRIDE


def alterations(
    settings: SynthesisSettings, full: Size, asked: Size | None = None, start: Size | None = None, *, least: int = 1
) -> tuple[str, ...]:
    """The lines of a run whose result has size `full` instead of the size `asked` for (by default the same), all
    (height, width). `start`: the size of the painting that it starts from, if it does. `least`: as for `schedule`."""
    asked = asked or full
    found: list[str] = []
    if asked != full:
        found.append(
            f"the sides of a tileable texture are multiples of {COARSEST_STRIDE} px: "
            f"{_shape(full)} in place of {_shape(asked)}"
        )
    sizes = len(schedule(settings, full, least))
    if settings.scales is not None and sizes < settings.scales:
        found.append(
            f"scales is {settings.scales}, but sizes below {SMALLEST} px, or too narrow for the network, are left out: "
            f"{sizes} in place of it"
        )
    if start is not None and not same_shape(start, asked):
        found.append(f"the run starts from the painting, {_shape(start)}, stretched to another shape, {_shape(asked)}")
    if isinstance(settings, StylizeSettings):
        found += _without_effect(settings)
    return tuple(found)


def _without_effect(settings: StylizeSettings) -> Iterator[str]:
    """The options of `stylize` that do nothing without another one."""
    if settings.match_luminance and settings.keep_color == "no":
        yield "match_luminance has no effect without keep_color"
    if settings.match_when == "after" and settings.match_colors == "no":
        yield "match_when has no effect without match_colors"
    if settings.matching > 1 and settings.propagation != "all":
        yield f"matching has no effect with the propagation '{settings.propagation}'"
    if settings.segmentation and settings.mix:
        yield "the parts of the segmentation are painted after PAINTING alone; mix is for the rest of the photo"


def _shape(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
