"""The pace of a machine: seconds for each pixel of a step, measured on a small image, to estimate the time of a run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from impasto.encoders import Encoder
from impasto.synthesis import LBFGS, Descent, Evaluation, Pixels
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.style import style_terms
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.scene.areas import Area, StyleImage

SIDE = 256
"""Side of the small image, in pixels."""


def measure(encoder: Encoder, layers: Sequence[str], device: torch.device, steps: int = 4) -> float:
    """Return the seconds for each pixel of a step with Gram matrices at `layers`, the minimum over `steps` steps.

    The first step, which fills caches, does not count. The global random state does not change.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    picture, painting = (torch.rand(1, 3, SIDE, SIDE, generator=generator).to(device) for _ in range(2))
    terms = style_terms(Context(encoder), [Area("picture", (StyleImage(painting),))], dict.fromkeys(layers, 1.0), 1.0)
    descent = Descent(picture, Evaluation(Pixels((SIDE, SIDE)), evaluation(Context(encoder), terms)), LBFGS())
    durations = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        descent.step()
        durations.append(time.perf_counter() - start)
    return min(durations[1:]) / SIDE**2
