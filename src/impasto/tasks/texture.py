"""A new image with the texture of a style image, but not its arrangement (Gatys, Ecker and Bethge 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from impasto.image import Size, size_of
from impasto.losses import Term
from impasto.settings.synthesis import TextureSettings
from impasto.synthesis import State, Step
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import parse_layers
from impasto.tasks.objective.parse_losses import layers_of, stochastic, style_losses
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import prior_terms
from impasto.tasks.run.build import build_job
from impasto.tasks.run.device import load_encoder
from impasto.tasks.run.run import Job, last
from impasto.tasks.scene.areas import Area, StyleImage, area_at_size, read_style_images, style_image_size
from impasto.tasks.scene.reading import full_size, requested_size, style_opener
from impasto.tasks.scene.regions import StyleSource, style_shares
from impasto.tasks.tiling.process_group import ProcessGroup


def example_side(settings: TextureSettings, example: StyleImage, full: Size) -> int:
    """Return the longer side, in pixels, to which the style image is resized for a result of size `full`.

    The side is that of the result. With a width or a height in the settings, which set other proportions, the side is
    that of the style image, at most `settings.size`.
    """
    own = max(example.pixels.shape[-2:])
    if settings.width is None and settings.height is None:
        return max(full)
    return min(own, settings.size or own)


def texture_job(
    style: StyleSource, settings: TextureSettings | None = None, *, group: ProcessGroup | None = None
) -> Job:
    """Return the run of `texture`, ready to start.

    `style` may be a sequence of pairs of a style image and its share. Raises UsageError as `texture` does.
    """
    settings = settings or TextureSettings()
    encoder = load_encoder(settings)
    examples = read_style_images(style_shares(style, settings.mix), read=style_opener(settings, settings.longer_side()))
    losses = style_losses(settings.style_loss)
    layers = parse_layers(encoder, settings.layers, encoder.default_style)
    own = size_of(examples[0].pixels)
    full = full_size(settings, own)
    side, area = example_side(settings, examples[0], full), Area("picture", examples)

    def terms(context: Context, size: Size, device: torch.device) -> list[Term]:
        longer = max(1, round(side * max(size) / max(full)))
        scaled_area = area_at_size(area, (longer, longer), settings, device)
        # The network without periodic borders reads the style images.
        style = style_terms(replace(context, encoder=encoder), [scaled_area], layers, 1.0, losses)
        return [*style, *prior_terms(settings, [image.pixels for image in scaled_area.style_images])]

    return build_job(
        settings,
        encoder,
        full,
        terms,
        style_layers=layers_of(encoder, losses, layers),
        style_sizes=[style_image_size(example, (side, side), settings.style_scale) for example in examples],
        starts={"painting": lambda: examples[0].pixels},
        stochastic=stochastic(losses),
        group=group,
        requested_size=requested_size(settings, own),
    )


def texture_steps(
    style: StyleSource,
    settings: TextureSettings | None = None,
    *,
    resume: State | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[Step]:
    """Run `texture` and yield a `Step` after each step; `step.image()` is the best image so far.

    Inputs and errors as for `texture`. `resume` is the `state()` of a step of the same run, which continues after it.
    `group`: the processes that share the work (see `tasks/tiling/process_group.py`).

    >>> import impasto
    >>> settings = impasto.TextureSettings(size=48, steps=2, scales=1)
    >>> [step.index for step in impasto.texture_steps("sample:flow", settings)]
    [1, 2]
    """
    yield from texture_job(style, settings, group=group).steps(resume)


def texture(style: StyleSource, settings: TextureSettings | None = None) -> Tensor:
    """Return a new image with the texture of `style`, `(1, 3, H, W)`, sRGB in [0, 1] (Gatys, Ecker and Bethge 2015).

    `style`: a file, a `sample:` name, a tensor `(3, H, W)` in [0, 1], an array, a PIL image, or a sequence of pairs of
    one of these and its share. Raises UsageError for inputs that cannot be read or are too small, and for settings that
    do not suit the network.

    >>> import impasto
    >>> settings = impasto.TextureSettings(size=48, steps=2, scales=1)
    >>> max(impasto.texture("sample:flow", settings).shape)
    48
    """
    return last(texture_steps(style, settings))
