"""A bristle brush: strokes laid along paths onto a canvas that keeps both colour and paint height."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .fields import Array, Rng, relief, sample, smoothstep

_STEP = 0.62  # pixels between the samples of a stroke: below 0.7, no pixel is missed even in a bend


@dataclass
class Canvas:
    """OKLab colour `(h, w, 3)`, or any three numbers that mix like paint, and paint height `(h, w)`."""

    colour: Array
    height: Array

    @classmethod
    def primed(cls, shape: tuple[int, int], ground: Array) -> "Canvas":
        """An empty canvas of one ground colour, or with a ground picture on it."""
        return cls(np.broadcast_to(ground, (*shape, 3)).astype(np.float32).copy(), np.zeros(shape, np.float32))

    def lit(self, strength: float, shade: float = 0.16, gloss: float = 0.1) -> Array:
        """The colours with the relief of the paint lit from the upper left."""
        shadow, shine = relief(self.height, strength)
        lab = self.colour.copy()
        lab[..., 0] += shade * shadow * (0.35 + lab[..., 0]) + gloss * shine
        return lab


class Brush:
    """Bristles are a fixed sheet of long streaks; each stroke uses its own piece of the sheet."""

    def __init__(self, rng: Rng, coarse: float = 1.6, drift: float = 50.0) -> None:
        streaks = ndimage.gaussian_filter(rng.standard_normal((2048, 768)), (drift, coarse))
        clumps = ndimage.gaussian_filter(rng.standard_normal((2048, 768)), (drift * 1.5, coarse * 4))
        sheet = streaks / streaks.std() + 0.7 * clumps / clumps.std()
        self.sheet = np.clip(0.5 + 0.26 * sheet, 0, 1).astype(np.float32)
        self.rng = rng

    def stroke(
        self,
        canvas: Canvas,
        path: NDArray,
        width: float,
        colour: Array,
        *,
        second: Array | None = None,
        opacity: float = 0.95,
        dry: float = 0.5,
        body: float = 1.0,
        taper: float = 0.25,
        profile: tuple[float, ...] = (),
    ) -> None:
        """Lay one stroke along `path` `(n, 2)` of x, y; `second` is a paint not fully mixed into the first.

        `dry` empties the bristles towards the end, `body` is the paint's height, `taper` how much the tip narrows;
        `profile` gives instead the widths along the stroke, as shares of `width`.
        """
        line, along, length = _resample(path)
        if length < 2:
            return
        half = 0.5 * width
        across = np.linspace(-1, 1, max(int(width / _STEP), 4), dtype=np.float32)
        bristle = self._piece(len(line), across, half)
        narrow = (
            1 - taper * smoothstep(0.3, 1.0, along / length) - 0.35 * taper * (1 - smoothstep(0, 0.2, along / length))
        )
        if profile:
            narrow = np.interp(along / length, np.linspace(0, 1, len(profile)), profile).astype(np.float32)
        tangent = np.gradient(line, axis=0)
        tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
        offset = narrow[:, None] * half * across
        x = line[:, :1] - tangent[:, 1:] * offset
        y = line[:, 1:] + tangent[:, :1] * offset
        cover = opacity * _cover(bristle, across, along[:, None], length=length, half=half, dry=dry)
        rows, cols = np.rint(y).astype(np.intp), np.rint(x).astype(np.intp)
        inside = (
            (rows >= 0)
            & (cols >= 0)
            & (rows < canvas.height.shape[0])
            & (cols < canvas.height.shape[1])
            & (cover > 0.02)
        )
        rows, cols, cover, bristle = rows[inside], cols[inside], cover[inside], bristle[inside]
        paint = np.broadcast_to(colour, (len(rows), 3)).copy()
        if second is not None:  # the bristles that took up more of the second paint show it in streaks
            paint += (second - colour) * smoothstep(0.45, 0.95, bristle)[:, None]
        paint[:, 0] += 0.12 * (bristle - 0.5)
        rim = np.broadcast_to(1 + 0.5 * across**6, inside.shape)[inside]  # paint is pushed out to the edges
        thick = body * (0.3 + 0.7 * bristle) * rim
        canvas.colour[rows, cols] += (paint - canvas.colour[rows, cols]) * cover[:, None]
        canvas.height[rows, cols] += (thick + 0.35 * canvas.height[rows, cols] - canvas.height[rows, cols]) * cover

    def _piece(self, rows: int, across: Array, half: float) -> Array:
        """Bristles under a stroke: a random piece of the sheet, at the sheet's own scale."""
        top = int(self.rng.integers(0, max(self.sheet.shape[0] - rows, 1)))
        left = float(self.rng.uniform(half, self.sheet.shape[1] - half - 1))
        columns = np.rint(left + across * half).astype(np.intp)
        at = np.minimum(top + np.rint(np.arange(rows) * _STEP).astype(np.intp), self.sheet.shape[0] - 1)
        return self.sheet[at][:, columns]


def _resample(path: NDArray) -> tuple[Array, Array, float]:
    """The path at even, sub-pixel steps, with the distance run at each point."""
    steps = np.hypot(*np.diff(path, axis=0).T)
    run = np.concatenate([[0.0], np.cumsum(steps)])
    along = np.arange(0, run[-1], _STEP)
    line = np.stack([np.interp(along, run, path[:, k]) for k in (0, 1)], 1)
    return line.astype(np.float32), along.astype(np.float32), float(run[-1])


def _cover(bristle: Array, across: Array, along: Array, *, length: float, half: float, dry: float) -> Array:
    """How much of the canvas each sample hides: ragged sides and ends, and bristles that run dry."""
    side = 1 - smoothstep(0.8 - 0.3 * bristle, 1.0 - 0.12 * bristle, np.abs(across) * np.ones_like(bristle))
    lift = 0.5 * min(half, 0.4 * length)
    start = smoothstep(0, 2.5, along - lift * (across**2 + 0.7 * (1 - bristle)))
    end = smoothstep(0, 4.0, length - along - lift * (1.2 * across**2 + 2.2 * (1 - bristle)))
    left = 1 - dry * (along / length) ** 1.5
    return side * start * end * smoothstep(-0.12, 0.12, bristle - 0.95 * (1 - left))


def streamlines(angle: Array, region: NDArray, seeds: NDArray, steps: int, step: float) -> list[NDArray]:
    """Paths `(n, 2)` through `seeds` along the directions `angle`, each kept inside the region it started in."""
    home = sample(region, seeds[:, 0], seeds[:, 1])
    halves = []
    for sense in (-1, 1):
        here, alive = seeds.astype(np.float64), np.ones(len(seeds), bool)
        count, points = np.ones(len(seeds), int), [here]
        for _ in range(steps // 2):
            turn = sample(angle, here[:, 0], here[:, 1])
            here = here + sense * step * np.stack([np.cos(turn), np.sin(turn)], 1)
            alive &= sample(region, here[:, 0], here[:, 1]) == home
            count += alive
            points.append(here)
        halves.append((np.stack(points, 1), count))
    (back, m), (ahead, n) = halves
    return [np.concatenate([b[1:i][::-1], a[:j]]) for b, i, a, j in zip(back, m, ahead, n, strict=True)]


def scatter(shape: tuple[int, int], gap: float, rng: Rng) -> NDArray:
    """Points `(n, 2)` of x, y, one to each jittered cell of about `gap` pixels, in random order."""
    rows, cols = int(np.ceil(shape[0] / gap)) + 1, int(np.ceil(shape[1] / gap)) + 1
    cells = np.stack(np.meshgrid(np.arange(cols), np.arange(rows)), -1).reshape(-1, 2).astype(np.float64)
    return rng.permutation((cells + rng.uniform(-0.5, 0.5, cells.shape)) * gap)
