"""A content image in the style of a painting (Gatys, Ecker and Bethge 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from impasto.image import Size, Source
from impasto.losses import Term
from impasto.settings.synthesis import StylizeSettings
from impasto.synthesis import State, Step
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import losses_of
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import blotch_terms, content_terms, laplacian_terms, prior_terms
from impasto.tasks.objective.weights import prior_scale
from impasto.tasks.run.build import build_job
from impasto.tasks.run.device import load_encoder
from impasto.tasks.run.run import Job, last
from impasto.tasks.scene.regions import Region, StyleSource
from impasto.tasks.scene.scene import read_scene
from impasto.tasks.tiling.process_group import ProcessGroup


def stylize_job(
    content: Source,
    style: StyleSource,
    settings: StylizeSettings | None = None,
    *,
    regions: Sequence[Region] = (),
    group: ProcessGroup | None = None,
) -> Job:
    """Return the run of `stylize`, ready to start.

    `content` and `style` are files, `sample:` names, tensors `(3, H, W)` in [0, 1], arrays or PIL images; `style` may
    be a sequence of pairs of a style image and its share. `regions` are added to those of the settings. `group`: the
    processes that share the work (see `tasks/tiling/process_group.py`). Raises UsageError as `stylize` does.
    """
    settings = settings or StylizeSettings()
    scene, encoder = read_scene(content, style, settings, regions), load_encoder(settings)
    losses = losses_of(encoder, settings)
    if settings.matching > 1 and losses.style_weight and settings.propagation == "all":
        scene = replace(scene, matcher=encoder)

    def terms(context: Context, size: Size, device: torch.device) -> list[Term]:
        view, full = scene.at(size, device), max(scene.size)
        style = style_terms(context, view.areas, losses.style_layers, losses.style_weight, losses.style, view.parts)
        weight = losses.content_weight * settings.content_growth ** round(math.log2(full / max(size)))
        content = content_terms(context, view.content, losses.content_layers, weight, losses.content, areas=view.areas)
        share, unit = prior_scale(settings, losses.style_weight, style, content)
        return [
            *style,
            *content,
            *prior_terms(settings, view.images, share, unit),
            *laplacian_terms(view.content, settings.laplacian_weight * unit),
            *blotch_terms(view.content, settings.blotch_weight * share),
        ]

    # A run without style keeps the content's colours, because no term would restore them.
    share = min(1.0, 2 * settings.strength) if losses.style_weight else 0.0
    return build_job(
        settings,
        encoder,
        scene.size,
        terms,
        content_layers=losses.content_reads,
        style_layers=losses.style_reads,
        style_sizes=scene.style_sizes,
        starts=scene.starts(share),
        stochastic=losses.stochastic,
        working_image=scene.working_image,
        final_image=scene.final_image,
        group=group,
    )


def stylize_steps(
    content: Source,
    style: StyleSource,
    settings: StylizeSettings | None = None,
    *,
    regions: Sequence[Region] = (),
    resume: State | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[Step]:
    """Run `stylize` and yield a `Step` after each step; `step.image()` is the best image so far.

    Inputs and errors as for `stylize`. To stop a run, stop reading. `resume` is the `state()` of a step of the same
    run, which continues after it. `group`: the processes that share the work (see `tasks/tiling/process_group.py`).

    >>> import impasto
    >>> settings = impasto.StylizeSettings(size=32, steps=2, scales=1)
    >>> [step.index for step in impasto.stylize_steps("sample:chelsea", "sample:flow", settings)]
    [1, 2]
    """
    yield from stylize_job(content, style, settings, regions=regions, group=group).steps(resume)


def stylize(
    content: Source, style: StyleSource, settings: StylizeSettings | None = None, *, regions: Sequence[Region] = ()
) -> Tensor:
    """Return `content` in the style of `style`, `(1, 3, H, W)`, sRGB in [0, 1] (Gatys, Ecker and Bethge 2016).

    `content` and `style` are files, `sample:` names, tensors `(3, H, W)` in [0, 1], arrays or PIL images; `style` may
    be a sequence of pairs of a style image and its share. `regions` are added to those of the settings. Raises
    UsageError for inputs that cannot be read or are too small, and for settings that do not suit the network.

    >>> import impasto
    >>> settings = impasto.StylizeSettings(size=32, steps=2, scales=1)
    >>> impasto.stylize("sample:chelsea", "sample:flow", settings).shape
    torch.Size([1, 3, 21, 32])
    """
    return last(stylize_steps(content, style, settings, regions=regions))
