"""`impasto compare`: how alike two pictures are, as a table; and their difference, as a picture."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from impasto.cli.files import changed, check, is_made_by, refuse_existing
from impasto.cli.lists import show_rows
from impasto.cli.options import RunOptions
from impasto.cli.progress import Watcher
from impasto.cli.weights import fetch_weights
from impasto.image import check_writable, load, write
from impasto.settings.editing import CompareSettings
from impasto.settings.recipe import recipe
from impasto.tasks.compare import Comparison, compare


def run(inputs: Mapping[str, str], settings: CompareSettings, options: RunOptions, watcher: Watcher) -> Comparison:
    """Compare the two pictures of a command line; where it names a file, write their difference into it."""
    began = time.perf_counter()
    if options.threads:
        torch.set_num_threads(options.threads)
    path = Path(options.output) if options.output else None
    metadata = recipe("compare", inputs, settings, writing=changed(options))
    if path:
        check(path, options, [*inputs.values(), *([settings.weights] if settings.weights else [])])
        if not is_made_by(path, {}):
            refuse_existing([path], options)
    pictures = [load(name) for name in inputs.values()]
    if path:
        check_writable(path, bits=options.bits, size=pictures[0].size)
    fetch_weights(settings.network, settings.weights, watcher)
    found = compare(pictures[0], pictures[1], settings)
    for notice in found.notices:
        watcher.notice(notice)
    if path:
        quality = options.output_quality
        for notice in write(path, found.difference, bits=options.bits, quality=quality, metadata=metadata):
            watcher.notice(notice)
        watcher.made(str(path), pictures[0].size, round(time.perf_counter() - began, 3))
    return found


def show(found: Comparison, options: RunOptions) -> None:
    """Print the numbers: a table, or a line of JSON."""
    if options.json:
        sys.stdout.write(json.dumps({"event": "comparison"} | found.to_mapping()) + "\n")
    elif not options.quiet:
        show_rows([("PSNR", f"{found.psnr:.2f} dB"), ("SSIM", f"{found.ssim:.4f}")])
        sys.stdout.write("\n")
        rows = [(layer, f"{found.style[layer]:.4f}", f"{found.content[layer]:.4f}") for layer in found.style]
        show_rows([("layer", "style", "content"), *rows])
