"""`impasto blend` and `impasto compare`: two pictures in, one picture or a table out, without steps."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from impasto.cli.files import check, file_settings, free_name, is_made_by, photo_metadata, refuse_existing
from impasto.cli.lists import show_rows
from impasto.cli.options import RunOptions, default_output
from impasto.cli.progress import Watcher
from impasto.cli.weights import fetch_weights
from impasto.image import check_writable, corner, load, mask_source, write
from impasto.settings.editing import BlendSettings, CompareSettings
from impasto.settings.recipe import recipe
from impasto.tasks.blend import blend
from impasto.tasks.compare import Comparison, compare


def run_blend(inputs: Mapping[str, str], settings: BlendSettings, options: RunOptions, watcher: Watcher) -> None:
    """Blend the two pictures of a command line, and write the result with its recipe.

    Raises UsageError for settings, inputs and outputs that are not possible, before the work begins.
    """
    began = time.perf_counter()
    if options.threads:
        torch.set_num_threads(options.threads)
    metadata = recipe("blend", inputs, settings, writing=file_settings(options))
    default = default_output("blend", list(inputs.values()))
    path = Path(options.output) if options.output else free_name(default, metadata)
    corner(settings.at)  # refuses a wrong place before any picture is read
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
        **photo_metadata(options, picture.origin),
    )
    for notice in (*picture.notices, *notices):
        watcher.notice(notice)
    watcher.wrote(str(path), picture.size, round(time.perf_counter() - began, 3))


def run_compare(
    inputs: Mapping[str, str], settings: CompareSettings, options: RunOptions, watcher: Watcher
) -> Comparison:
    """Return the comparison of the two pictures of a command line; write their difference to `--output`, if set.

    Raises UsageError for settings, inputs and outputs that are not possible.
    """
    began = time.perf_counter()
    if options.threads:
        torch.set_num_threads(options.threads)
    path = Path(options.output) if options.output else None
    metadata = recipe("compare", inputs, settings, writing=file_settings(options))
    if path:
        check(path, options, [*inputs.values(), *([settings.weights] if settings.weights else [])])
        if not is_made_by(path, {}):
            refuse_existing([path], options)
    pictures = [load(name) for name in inputs.values()]
    if path:
        check_writable(path, bits=options.bits, size=pictures[0].size)
    fetch_weights(settings.network, settings.weights, watcher)
    comparison = compare(pictures[0], pictures[1], settings)
    for notice in comparison.notices:
        watcher.notice(notice)
    if path:
        quality = options.output_quality
        for notice in write(path, comparison.difference, bits=options.bits, quality=quality, metadata=metadata):
            watcher.notice(notice)
        watcher.wrote(str(path), pictures[0].size, round(time.perf_counter() - began, 3))
    return comparison


def show_comparison(comparison: Comparison, options: RunOptions) -> None:
    """Print a comparison on standard output: two tables, one line of JSON with `--json`, nothing with `--quiet`.

    PSNR is in dB; the distances of style and content are relative, layer by layer.
    """
    if options.json:
        sys.stdout.write(json.dumps({"event": "comparison"} | comparison.to_mapping()) + "\n")
    elif not options.quiet:
        show_rows([("PSNR", f"{comparison.psnr:.2f} dB"), ("SSIM", f"{comparison.ssim:.4f}")])
        sys.stdout.write("\n")
        style, content = comparison.style, comparison.content
        rows = [(layer, f"{style[layer]:.4f}", f"{content[layer]:.4f}") for layer in style]
        show_rows([("layer", "style", "content"), *rows])
