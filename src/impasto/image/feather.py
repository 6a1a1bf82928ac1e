"""Soft edges of a mask: a Gaussian blur of any width, in a time that hardly depends on the width."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.ndimage import gaussian_filter1d

Floats = NDArray[np.float32]

SHARP = 2.0
"""Deviation, in pixels, below which the kernel is so narrow that it is summed, and at which its spectrum ends in time.

From here on, the response at the highest frequency is below 3e-9.
"""

LINES = 1 << 20
"""Number of pixels that are blurred at a time; at least one line."""


def feather(values: Floats, deviations: tuple[float, float]) -> None:
    """Blur `values` `(H, W)` in place by a Gaussian with `deviations` along rows and columns (x, y), in pixels.

    Beyond its border the mask continues as its mirror image. The blur is a product with cosines, whose extension is
    this mirror image. Values stay in [0, 1].
    """
    for lines, deviation in ((values, deviations[0]), (values.T, deviations[1])):
        if deviation > 0:
            blur = _by_sums if deviation < SHARP else _by_cosines
            for part in _parts(lines):
                part[:] = blur(part, deviation).clip(0, 1)


def _parts(lines: Floats) -> Iterator[Floats]:
    count = max(1, LINES // lines.shape[1])
    return (lines[start : start + count] for start in range(0, lines.shape[0], count))


def _by_sums(lines: Floats, deviation: float) -> Floats:
    blurred: Floats = gaussian_filter1d(lines, deviation, axis=1, mode="reflect", truncate=5)
    return blurred


def _by_cosines(lines: Floats, deviation: float) -> Floats:
    frequency = np.arange(lines.shape[1]) * (np.pi / lines.shape[1])
    response = np.exp(-0.5 * (frequency * deviation) ** 2).astype(np.float32)
    blurred: Floats = idct(dct(lines, axis=1) * response, axis=1)
    return blurred
