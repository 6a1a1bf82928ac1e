"""`impasto blend`: one picture set into another without a seam."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import torch

from impasto.cli.files import carried, changed, check, free_name, is_made_by, refuse_existing
from impasto.cli.options import RunOptions, default_output
from impasto.cli.progress import Watcher
from impasto.image import check_writable, corner, load, mask_source, write
from impasto.settings.editing import BlendSettings
from impasto.settings.recipe import recipe
from impasto.tasks.blend import blend


def run(inputs: Mapping[str, str], settings: BlendSettings, options: RunOptions, watcher: Watcher) -> None:
    """Make the picture that a command line asks for, and write it with its recipe."""
    began = time.perf_counter()
    if options.threads:
        torch.set_num_threads(options.threads)
    metadata = recipe("blend", inputs, settings, writing=changed(options))
    path = (
        Path(options.output) if options.output else free_name(default_output("blend", list(inputs.values())), metadata)
    )
    corner(settings.at)  # before anything is read
    check(path, options, [*inputs.values(), *(mask_source(settings.mask) if settings.mask else [])])
    if not is_made_by(path, {}):
        refuse_existing([path], options)
    source, target = (load(name) for name in inputs.values())
    check_writable(path, bits=options.bits, size=target.size)
    picture = blend(source, target, settings)
    notices = write(
        path,
        picture.pixels,
        alpha=picture.alpha,
        bits=options.bits,
        quality=options.output_quality,
        metadata=metadata,
        **carried(options, picture.origin),
    )
    for notice in (*picture.notices, *notices):
        watcher.notice(notice)
    watcher.made(str(path), picture.size, round(time.perf_counter() - began, 3))
