"""The schedule of a run: its sizes and their steps, the optimizer, and the random draws."""

from __future__ import annotations

import math

from impasto.image import Size, fitted_size
from impasto.losses import RandomDraws
from impasto.settings.synthesis import COARSEST, QUALITIES, StylizeSettings, SynthesisSettings
from impasto.tasks.run.device import polishes
from impasto.tasks.scene.reading import whole_steps

SMALLEST = 96
"""Least longer side of a coarse size, in pixels: at smaller sizes, strokes are larger than objects."""


def schedule(settings: SynthesisSettings, full: Size, least: int = 1) -> list[tuple[Size, int]]:
    """Return the (height, width) and the steps of each size, coarse to fine, up to `full`.

    Sizes are halved while they are above `COARSEST`, and once in any case. Sizes with a longer side below `SMALLEST`,
    or with a side below `least` (the smallest image of the network), are left out. The smallest size determines the
    layout and the large strokes; each larger size adds detail and needs fewer steps (Gatys et al. 2017). A run with a
    polish by VGG-19 has the steps of the standard quality.

    >>> schedule(StylizeSettings(), (768, 1024))
    [((192, 256), 52), ((384, 512), 26), ((768, 1024), 14)]
    """
    longer, quality = max(full), QUALITIES["standard" if polishes(settings) else settings.quality]
    steps = quality.steps if isinstance(settings, StylizeSettings) else quality.unaided
    fitting = max(1, int(math.log2(max(longer / COARSEST, 1))))
    halvings = fitting if settings.scales is None else settings.scales - 1
    sides = [side for k in reversed(range(1, halvings + 1)) if (side := round(longer / 2**k)) >= SMALLEST]
    coarse = [whole_steps(settings, fitted_size(full, side)) for side in sides]
    sizes = [*(size for size in coarse if min(size) >= least), full]
    counts = [steps[min(i, len(steps) - 1)] for i in range(len(sizes))]
    return list(zip(sizes, [*counts[:-1], counts[-1] if settings.steps is None else settings.steps], strict=True))


def optimizer_of(settings: SynthesisSettings, stochastic: bool) -> str:
    """Return the name of the optimizer: by default L-BFGS, and Adam for stochastic losses.

    L-BFGS needs the same function at all steps, so it cannot have new random draws, and positions that are not drawn
    would never change: sliced Wasserstein, relaxed EMD and nearest neighbours then leave noise and fringes.
    """
    if settings.optimizer != "auto":
        return settings.optimizer
    return "adam" if stochastic else "lbfgs"


def draws_of(settings: SynthesisSettings, stochastic: bool) -> RandomDraws:
    """Return the random draws of a run: new draws at every step, except with L-BFGS."""
    return RandomDraws(settings.seed, fresh=not optimizer_of(settings, stochastic).startswith("lbfgs"))
