"""Reconstruction of an image from its features (Mahendran and Vedaldi 2015; Gatys et al. 2016, figure 1, content).

The objective: |Phi(x) - Phi(content)|^2 / |Phi(content)|^2 + alpha_weight R_alpha(x) + tv_weight R_beta(x): relative
distance of features, the alpha-norm and total variation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import Size, Source
from impasto.losses import Term
from impasto.settings.synthesis import ReconstructSettings
from impasto.synthesis import State, Step
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import content_layers, content_losses, layers_of, stochastic
from impasto.tasks.objective.terms import content_terms, prior_terms
from impasto.tasks.run.build import build_job
from impasto.tasks.run.device import load_encoder
from impasto.tasks.run.run import Job, last
from impasto.tasks.scene.areas import resize_clamped
from impasto.tasks.scene.reading import content_opener, full_size
from impasto.tasks.tiling.process_group import ProcessGroup


def parse_patch(text: str | None) -> tuple[int, int] | None:
    """Return (height, width) of a patch, in features, from a text such as `5x3`; None for None.

    Raises UsageError for any other text.

    >>> parse_patch("5x3")
    (3, 5)
    """
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text.strip())
    if match is None:
        raise UsageError(f"a patch is WIDTHxHEIGHT in features, such as 5x5, not '{text}'")
    return int(match[2]), int(match[1])


def reconstruct_job(
    content: Source, settings: ReconstructSettings | None = None, *, group: ProcessGroup | None = None
) -> Job:
    """Return the run of `reconstruct`, ready to start. Raises UsageError as `reconstruct` does."""
    settings = settings or ReconstructSettings()
    image, encoder = content_opener(settings)(content), load_encoder(settings)
    image.check_visible()
    window, losses = parse_patch(settings.patch), content_losses(settings.content_loss)
    layers = content_layers(encoder, losses, settings.layers)

    def terms(context: Context, size: Size, device: torch.device) -> list[Term]:
        target = resize_clamped(image.pixels, size, image.alpha).to(device)
        return [*content_terms(context, target, layers, 1.0, losses, window), *prior_terms(settings, [target])]

    return build_job(
        settings,
        encoder,
        full_size(settings, image.size),
        terms,
        content_layers=layers_of(encoder, losses, layers),
        starts={"photo": lambda: image.pixels},
        stochastic=stochastic(losses),
        group=group,
    )


def reconstruct_steps(
    content: Source,
    settings: ReconstructSettings | None = None,
    *,
    resume: State | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[Step]:
    """Run `reconstruct` and yield a `Step` after each step; `step.image()` is the best image so far.

    Inputs and errors as for `reconstruct`. `resume` is the `state()` of a step of the same run, which continues after
    it. `group`: the processes that share the work (see `tasks/tiling/process_group.py`).

    >>> import impasto
    >>> settings = impasto.ReconstructSettings(size=32, steps=2, scales=1)
    >>> [step.index for step in impasto.reconstruct_steps("sample:chelsea", settings)]
    [1, 2]
    """
    yield from reconstruct_job(content, settings, group=group).steps(resume)


def reconstruct(content: Source, settings: ReconstructSettings | None = None) -> Tensor:
    """Return an image with the features of `content`, `(1, 3, H, W)`, sRGB in [0, 1] (Mahendran and Vedaldi 2015).

    `content`: a file, a `sample:` name, a tensor `(3, H, W)` in [0, 1], an array or a PIL image. Raises UsageError for
    an input that cannot be read, and for settings that do not suit the network.

    >>> import impasto
    >>> settings = impasto.ReconstructSettings(size=32, steps=2, scales=1)
    >>> impasto.reconstruct("sample:chelsea", settings).shape
    torch.Size([1, 3, 21, 32])
    """
    return last(reconstruct_steps(content, settings))
