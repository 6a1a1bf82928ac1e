"""From the terms of a task to a run: checks, memory, starting point, notices, and the objective of each size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from impasto.encoders import Encoder
from impasto.errors import UsageError, nearest
from impasto.image import Size, check_shape, same_shape, size_of
from impasto.losses import Term
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, SynthesisSettings, TextureSettings
from impasto.synthesis import Evaluate, Step, generator, noise, pink_noise
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import check_size
from impasto.tasks.objective.weights import WEIGHTINGS
from impasto.tasks.run.device import device_of, load_encoder, polisher
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.run.memory_plan import MemoryBudget
from impasto.tasks.run.run import Job, Polish
from impasto.tasks.run.schedule import SMALLEST, draws_of, optimizer_of, schedule
from impasto.tasks.scene.reading import COARSEST_STRIDE, is_periodic, opener
from impasto.tasks.tiling.memory import host_limits, limits
from impasto.tasks.tiling.process_group import ProcessGroup

MODEST = 1.45e9
"""Default memory of a run with `lite` on a CPU, in bytes for each megapixel, without the process itself.

With the process a run of 1024x1024 takes 1.8 GB, so that a laptop has memory for other programs. Without the limit such
a run takes 2.3 GB and a sixth less time."""

POLISH = 8
"""Steps of VGG-19 at the end of a fine run: almost the result of VGG-19 alone, in a fraction of its time."""

NOISES = {"noise": noise, "pink": pink_noise}

RunSettings = StylizeSettings | ReconstructSettings | TextureSettings

Terms = Callable[[Context, Size, torch.device], list[Term]]
"""A function that returns the terms of one size, with targets on the device."""


def build_job(
    settings: RunSettings,
    encoder: Encoder,
    full: Size,
    terms: Terms,
    *,
    starts: Mapping[str, Callable[[], Tensor]],
    content_layers: Iterable[str] = (),
    style_layers: Iterable[str] = (),
    style_sizes: Sequence[Size] = (),
    stochastic: bool = False,
    working_image: Callable[[Tensor], Tensor] = lambda image: image,
    final_image: Callable[[Tensor], Tensor] | None = None,
    group: ProcessGroup | None = None,
    requested_size: Size | None = None,
) -> Job:
    """Return a run that optimises an image of size `full` against `terms`, over the schedule of the settings.

    starts: functions that make the starting points, by name.
    content_layers, style_layers: all layers that the losses read; features at `content_layers` are kept as targets.
    style_sizes: the sizes of the style images for a result of size `full`.
    stochastic: whether the objective is stochastic.
    working_image: maps a starting point to the image that is optimised.
    final_image: maps an optimised image to the result.
    group: the processes that share the work.
    requested_size: the size of the settings, if `full` differs from it.

    Raises UsageError for images that are too small for the layers, and for an invalid starting point.
    """
    target_layers, layers = list(content_layers), [*content_layers, *style_layers]
    network = _periodic(settings) if is_periodic(settings) else encoder
    check_size(network, layers, full, "result")
    for size in style_sizes:
        check_size(encoder, style_layers, size, "painting")
    start = starting_point(settings, starts, full, requested_size)

    def budget_for(network: Encoder) -> MemoryBudget:
        budget = budget_of(settings, network, layers, target_layers, full=full, stochastic=stochastic)
        return budget.divided(group or ProcessGroup(), fixed=settings.memory is not None)

    def prepare(budget: MemoryBudget, size: Size) -> Evaluate:
        context = budget.context(_context(settings, budget.encoder, stochastic), size)
        return evaluation(context, terms(context, size, budget.image_device(size)))

    def finish(step: Step) -> Step:
        return step if final_image is None else replace(step, image=lambda: final_image(step.image()))

    budget, polish_network = budget_for(network), polisher(settings)
    polish = None
    if polish_network:
        polish_budget = budget_for(polish_network)
        polish = Polish(POLISH, partial(prepare, polish_budget), polish_budget)
    first = starts[settings.init]() if settings.init == "painting" else None
    start_size = None if first is None else size_of(first)
    return Job(
        settings,
        full,
        lambda: working_image(start()),
        partial(prepare, budget),
        budget,
        stochastic,
        finish,
        polish,
        notices_of(settings, full, requested_size, start_size, least=network.smallest(layers)),
    )


def starting_point(
    settings: RunSettings,
    starts: Mapping[str, Callable[[], Tensor]],
    full: Size,
    requested_size: Size | None = None,
) -> Callable[[], Tensor]:
    """Return a function that makes the first image `(1, 3, H, W)`: one of `starts`, noise of size `full`, or a file.

    The file is read in this call. Raises UsageError for an unknown starting point, and for a file whose proportions are
    not those of `requested_size`, by default `full`.
    """
    init = settings.init
    if init in starts:
        return starts[init]
    if init in NOISES:
        return lambda: NOISES[init](full, generator(settings.seed))
    try:
        picture = opener(settings, max(full))(init)
    except UsageError as error:
        names = [*starts, *NOISES]
        raise UsageError(f"init must be {', '.join(names)} or a picture: {error}{nearest(init, names)}") from error
    check_shape(picture.size, requested_size or full, f"the start '{init}'", "result")
    return lambda: picture.pixels


def budget_of(
    settings: SynthesisSettings,
    encoder: Encoder,
    layers: Iterable[str],
    target_layers: Iterable[str],
    *,
    full: Size,
    stochastic: bool,
) -> MemoryBudget:
    """Return the memory budget of a run up to size `full` with a network that reads `layers`.

    `target_layers` are the layers whose features are kept as targets. `stochastic`: whether the objective is
    stochastic.
    """
    total, base = limits(settings, device_of(settings))
    if settings.memory is None and settings.network == "lite" and device_of(settings).type == "cpu":
        total = min(total, base + MODEST * max(1.0, full[0] * full[1] / 2**20))
    return MemoryBudget(
        total,
        base,
        encoder,
        frozenset(layers),
        frozenset(target_layers),
        optimizer_of(settings, stochastic),
        # A network with periodic borders has no tiles.
        0 if is_periodic(settings) else settings.tile,
        settings.scratch,
        tuple(schedule(settings, full, encoder.smallest(layers))),
        host=host_limits(device_of(settings)),
    )


def _periodic(settings: SynthesisSettings) -> Encoder:
    """Return a network with periodic borders, for the result of a tileable texture but not for its style images."""
    network = load_encoder(settings)
    network.make_periodic()
    return network


def _context(settings: SynthesisSettings, encoder: Encoder, stochastic: bool) -> Context:
    context = Context(encoder, draws_of(settings, stochastic), normalize=settings.normalize_gradients)
    if not isinstance(settings, StylizeSettings):
        return context
    return replace(context, weighting=WEIGHTINGS[settings.weighting], propagation=settings.propagation)


def notices_of(
    settings: SynthesisSettings,
    full: Size,
    requested_size: Size | None = None,
    start: Size | None = None,
    *,
    least: int = 1,
) -> tuple[str, ...]:
    """Return the differences between a run and its settings, one line each.

    full: the size of the result.
    requested_size: the size of the settings, by default `full`.
    start: the size of the style image that the run starts from, or None.
    least: see `schedule`.
    """
    requested_size = requested_size or full
    notices: list[str] = []
    if requested_size != full:
        notices.append(
            f"the sides of a tileable texture are multiples of {COARSEST_STRIDE} px: "
            f"{_shape(full)} in place of {_shape(requested_size)}"
        )
    sizes = len(schedule(settings, full, least))
    if settings.scales is not None and sizes < settings.scales:
        notices.append(
            f"scales is {settings.scales}, but sizes below {SMALLEST} px, or too narrow for the network, are left out: "
            f"the run has {sizes}"
        )
    if start is not None and not same_shape(start, requested_size):
        shapes = f"{_shape(start)}, stretched to another shape, {_shape(requested_size)}"
        notices.append(f"the run starts from the painting, {shapes}")
    if isinstance(settings, StylizeSettings):
        notices += _without_effect(settings)
    return tuple(notices)


def _without_effect(settings: StylizeSettings) -> Iterator[str]:
    """Return a notice for each option of `stylize` that has no effect without another one."""
    if settings.match_luminance and settings.keep_color == "no":
        yield "match_luminance has no effect without keep_color"
    if settings.match_when == "after" and settings.match_colors == "no":
        yield "match_when has no effect without match_colors"
    if settings.matching > 1 and settings.propagation != "all":
        yield f"matching has no effect with the propagation '{settings.propagation}'"
    if settings.segmentation and settings.mix:
        yield "the regions of the segmentation have the style of PAINTING alone; mix is for the rest of the photo"


def _shape(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
