"""Ink: misty mountains, bamboo and a plum branch in soot ink and a little thinned colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.interpolate import CubicSpline

from .brush import Brush, Canvas, scatter
from .fields import SCALE, Array, Rng, finish, noise, sample, smoothstep
from .paper import INDIGO, INK, OCHRE, SIZE, UNIT, VERMILION, Sheet

Shares = list[tuple[int, float]]  # pigments of a wash, each with its part
LEAF = (0.15, 0.65, 0.95, 1.0, 0.9, 0.72, 0.5, 0.28, 0.08)  # widths of a bamboo leaf from stalk to tip
BOUGH = (1, 0.8, 0.95, 0.6, 0.7, 0.4, 0.2)  # and of a knotty branch


def _sky(sheet: Sheet) -> None:
    """A wash of thin indigo let run from the top, with back-runs where wet paper was touched again; a low sun."""
    x, y, rng = sheet.x, sheet.y, sheet.rng
    cloud = noise(SIZE, (70 * SCALE, 170 * SCALE), rng, 4)
    wash = np.clip(0.30 - 0.36 * y + 0.10 * cloud, 0, None)
    bloom = noise(SIZE, 95 * SCALE, rng, 4)
    wash *= 0.75 + 0.5 * smoothstep(-0.05, 0.05, bloom) * np.exp(-np.clip(bloom, 0, None) * 1.5)
    sheet.soak(wash, (INDIGO, 0.9), (INK, 0.35), rim=1.8)
    warm = np.exp(-(((y - 0.47) / 0.16) ** 2)) * (0.55 + 0.25 * cloud)
    sheet.soak(np.clip(warm, 0, None) * 0.20, (OCHRE, 1.0), (VERMILION, 0.45), rim=0.5)
    r = np.hypot(x - 0.69, y - 0.215) + 0.0025 * noise(SIZE, 12 * SCALE, rng, 3)
    disc = (1 - smoothstep(0.070, 0.073, r)) * (0.60 + 0.09 * bloom + 0.25 * smoothstep(0.19, 0.29, y))
    sheet.density *= (1 - 0.8 * (1 - smoothstep(0.070, 0.073, r)))[..., None]
    sheet.soak(np.clip(disc, 0, None), (VERMILION, 1.0), (OCHRE, 0.35), rim=1.1)
    sheet.soak(0.10 * np.exp(-r / 0.09), (VERMILION, 1.0), (OCHRE, 0.6))


def _ridge(sheet: Sheet, level: float, height: float, peaks: list[tuple[float, float, float]]) -> Array:
    """A skyline: steep peaks `(place, height, width)` on rough ground, one height per column."""
    x = sheet.x[0]
    line = np.zeros_like(x)
    for place, tall, wide in peaks:
        line = np.maximum(line, tall * np.exp(-(np.abs((x - place) / wide) ** 1.35)))
    rough = noise((4, SIZE[1]), (400, 60 * SCALE), sheet.rng, 6)[0]
    return level - line - height * rough * (0.35 + line / 0.2)


def _mountain(
    sheet: Sheet, brush: Brush, ridge: Array, *, strength: float, fade: float, colours: Shares, strokes: int
) -> None:
    """One range: a wash that is dark along the ridge and dissolves in mist, then texture strokes down its flanks."""
    rng = sheet.rng
    depth = sheet.y - ridge
    mist = noise(SIZE, (45 * SCALE, 130 * SCALE), rng, 4)
    folds = noise(SIZE, (60 * SCALE, 14 * SCALE), rng, 4)
    x, y = sheet.ragged(0.4 * SCALE)
    body = np.exp(-np.clip(depth, 0, None) / fade * (1 + 0.25 * mist)) * (0.75 + 0.22 * folds + 0.12 * mist)
    body *= smoothstep(-0.001, 0.0025, depth)
    sheet.soak(sample(np.clip(body * strength, 0, None), x, y), *colours, rim=0.8)
    if not strokes:
        return
    canvas = Canvas.primed(SIZE, np.zeros(3, np.float32))
    columns = rng.integers(0, SIZE[1], strokes)
    slope = np.gradient(ndimage.gaussian_filter1d(ridge, 8 * SCALE)) * UNIT
    for column in columns:
        start = rng.exponential(fade * 0.30)
        steep = 1.15 + 0.5 * rng.uniform()
        way = np.array([np.sign(slope[column]) * rng.uniform(0.25, 0.9), steep])
        length = rng.uniform(0.25, 1.0) * fade * 0.55 * UNIT
        bend = rng.normal(0, 0.25)
        t = np.linspace(0, 1, 8)[:, None]
        top = np.array([column, (ridge[column] + start) * UNIT])
        path = top + length * (t * way / 1.5 + t**2 * bend * np.array([1, 0.1]))
        dark = strength * rng.uniform(0.25, 0.85) * np.exp(-start / fade)
        shares = np.array([dark, 0.25 * dark, 0.1 * dark], np.float32)
        brush.stroke(canvas, path, rng.uniform(3, 13), shares, dry=rng.uniform(0.5, 1.0), opacity=0.9, taper=0.6)
    sheet.brushed(canvas)


def _bamboo(sheet: Sheet, brush: Brush, *, foot: float, lean: float, width: float, dark: float, leaves: int) -> None:
    """A stem of jointed strokes drawn upwards, a dark hook at each joint, and sprays of pointed leaves."""
    rng = sheet.rng
    canvas, joints = Canvas.primed(SIZE, np.zeros(3, np.float32)), []
    at = np.array([foot, 1.30]) * UNIT
    while at[1] > -0.05 * UNIT:
        length = UNIT * rng.uniform(0.125, 0.17)
        turn = lean + 0.10 * (1 - at[1] / UNIT) + rng.normal(0, 0.012)
        end = at + length * np.array([np.sin(turn), -np.cos(turn)])
        shares = np.array([dark, 0.45 * dark, 0.35 * dark], np.float32) * rng.uniform(0.75, 1.05)
        stem = np.stack([at, (at + end) / 2 + rng.normal(0, 1, 2), end])
        brush.stroke(canvas, stem, width, shares, second=shares * 0.35, dry=0.55, taper=0.05)
        side = np.array([np.cos(turn), np.sin(turn)]) * width * 0.62
        hook = end + np.stack([-side, 0 * side, side]) + np.array([[0, 3], [0, -3], [0, 4]])
        brush.stroke(canvas, hook, width * 0.26, np.array([1.5 * dark, 0.2, 0], np.float32), dry=0.2, taper=0.4)
        joints.append(end)
        at = end + np.array([np.sin(turn), -np.cos(turn)]) * 5
    for _ in range(leaves):
        joint = joints[rng.integers(1, len(joints))]
        _spray(canvas, brush, rng, joint, dark)
    sheet.brushed(canvas, rim=0.8)


def _spray(canvas: Canvas, brush: Brush, rng: Rng, joint: NDArray, dark: float) -> None:
    """A twig with drooping leaves in fans along it, each swelling and running out to a point."""
    side = 1 if rng.uniform() < 0.7 else -1
    tip = joint + UNIT * np.array([side * rng.uniform(0.05, 0.17), rng.uniform(-0.07, 0.03)])
    tone = dark * rng.uniform(0.6, 1.9)
    bend = (joint + tip) / 2 - np.array([0, 12])
    twig = np.array([tone, 0.2, 0.1], np.float32)
    brush.stroke(canvas, np.stack([joint, bend, tip]), 5, twig, dry=0.2, profile=(1, 0.8, 0.7, 0.5))
    for root, count in ((bend, 2), (tip, 5)):
        for turn in np.pi / 2 - side * np.sort(rng.uniform(-0.15, 1.25, count + rng.integers(0, 3))):
            length = UNIT * rng.uniform(0.085, 0.165)
            t = np.linspace(0, 1, 10)[:, None]
            sag = t**2 * length * np.array([0.0, rng.uniform(0.05, 0.22)])
            path = root + rng.normal(0, 3, 2) + t * length * np.array([np.cos(turn), np.sin(turn)]) + sag
            shade = tone * rng.uniform(0.75, 1.15)
            shares = np.array([shade, 0.35 * shade, 0.25 * shade], np.float32)
            brush.stroke(canvas, path, length * 0.17, shares, second=shares * 0.8, dry=0.3, profile=LEAF)


def _shore(sheet: Sheet, brush: Brush) -> None:
    """Still water: level dry-brush strokes, and a small boat waiting."""
    rng, canvas = sheet.rng, Canvas.primed(SIZE, np.zeros(3, np.float32))
    for _ in range(130):
        y = rng.uniform(0.93, 1.26)
        x, length = rng.uniform(0.1, 1.05), rng.uniform(0.05, 0.28)
        tone = rng.uniform(0.05, 0.26) * (0.5 + (y - 0.9))
        path = np.array([[x, y], [x + length / 2, y + rng.normal(0, 0.003)], [x + length, y]]) * UNIT
        shares = tone * np.array([0.6, 1.3, 0.15], np.float32)
        brush.stroke(canvas, path, rng.uniform(4, 20), shares, dry=1.0, opacity=0.9)
    hull = np.array([[0.445, 1.020], [0.475, 1.036], [0.53, 1.037], [0.575, 1.016]]) * UNIT
    brush.stroke(canvas, hull, 13, np.array([1.3, 0.2, 0.5], np.float32), dry=0.2, taper=0.5)
    for path, width in (
        ([[0.50, 1.03], [0.50, 0.995], [0.507, 0.98]], 12),
        ([[0.485, 0.985], [0.507, 0.974], [0.530, 0.987]], 6),
        ([[0.515, 1.0], [0.60, 1.055]], 3),
    ):
        brush.stroke(canvas, np.array(path) * UNIT, width, np.array([1.2, 0.3, 0.1], np.float32), dry=0.2)
    sheet.brushed(canvas, rim=0.7, grain=0.28)


def _plum(sheet: Sheet, brush: Brush) -> None:
    """An old plum branch reaching in from the lower right, and its blossoms in thinned vermilion."""
    rng, canvas = sheet.rng, Canvas.primed(SIZE, np.zeros(3, np.float32))
    limbs = [
        ([(1.06, 1.20), (0.95, 1.165), (0.87, 1.10), (0.79, 1.085), (0.69, 1.02), (0.61, 1.005)], 40),
        ([(0.87, 1.10), (0.855, 1.02), (0.875, 0.95), (0.845, 0.88)], 17),
        ([(0.95, 1.165), (0.86, 1.19), (0.78, 1.175), (0.70, 1.20), (0.63, 1.185)], 20),
        ([(0.79, 1.085), (0.745, 1.10), (0.69, 1.095)], 11),
        ([(0.69, 1.02), (0.675, 0.965), (0.635, 0.925)], 10),
        ([(0.86, 1.03), (0.93, 0.975), (0.985, 0.96)], 10),
    ]
    places = []
    for knots, width in limbs:
        line = np.array(knots) * UNIT
        path = CubicSpline(np.arange(len(line)), line)(np.linspace(0, len(line) - 1, 40))
        path += np.cumsum(rng.normal(0, 1.1, path.shape), 0) * np.linspace(0, 1, 40)[:, None]
        dark = np.array([1.25, 0.25, 0.35], np.float32)
        brush.stroke(canvas, path, width, dark, second=dark * 0.35, dry=0.75, profile=BOUGH)
        path[:, 1] += 0.3 * width
        brush.stroke(canvas, path, 0.4 * width, dark * 1.4, dry=0.9, profile=BOUGH)  # its dark underside
        places += [path[k] + rng.normal(0, 15, 2) for k in rng.integers(8, 40, 8)] + [path[-1]]
        for k in rng.integers(4, 38, 7):
            dot = path[k] + rng.normal(0, width * 0.4, 2)
            brush.stroke(canvas, np.stack([dot, dot + rng.normal(0, 5, 2)]), rng.uniform(6, 11), dark * 1.5, dry=0.1)
    sheet.brushed(canvas, rim=0.7, grain=0.3)
    for at in places:
        _blossom(sheet, rng, at / UNIT, rng.uniform(0.016, 0.026))


def _blossom(sheet: Sheet, rng: Rng, at: NDArray, size: float) -> None:
    """Five wet petals around an ink heart with a few stamens; the paint gathers at the rim of each petal."""
    box = np.s_[
        max(int((at[1] - 0.06) * UNIT), 0) : int((at[1] + 0.06) * UNIT),
        max(int((at[0] - 0.06) * UNIT), 0) : int((at[0] + 0.06) * UNIT),
    ]
    dx, dy = sheet.x[box] - at[0], (sheet.y[box] - at[1]) * rng.uniform(1.0, 1.35)
    r, turn = np.hypot(dx, dy) / size, np.arctan2(dy, dx) + rng.uniform(0, 6)
    outline = 0.62 + 0.38 * np.sqrt(np.abs(np.cos(2.5 * turn))) + 0.03 * sheet.tooth[box]
    petal = 1 - smoothstep(outline - 0.05, outline + 0.05, r)
    pooled = petal * (0.30 + 0.55 * (r / outline) ** 4 + 0.08 * sheet.tooth[box])
    sheet.density[box] *= (1 - 0.65 * petal)[..., None]  # opaque white was mixed in
    sheet.density[box][..., VERMILION] += np.clip(pooled, 0, None) * rng.uniform(0.6, 1.25)
    spokes = (np.abs(np.sin(4 * turn)) < 0.25 / np.maximum(r, 0.1) * 0.25) & (r < 0.55)
    sheet.density[box][..., INK] += 1.1 * spokes * (r > 0.12) + 1.0 * (1 - smoothstep(0.08, 0.16, r))
    sheet.density[box][..., OCHRE] += 0.9 * np.exp(-(((r - 0.5) / 0.12) ** 2)) * (np.abs(np.sin(4 * turn)) < 0.3)


def _birds(sheet: Sheet, brush: Brush) -> None:
    """Five birds before the sun, a stroke to each wing."""
    canvas = Canvas.primed(SIZE, np.zeros(3, np.float32))
    shares = np.array([1.2, 0.1, 0.1], np.float32)
    for x, y, size in [
        (0.47, 0.20, 0.022),
        (0.515, 0.175, 0.018),
        (0.56, 0.235, 0.016),
        (0.43, 0.25, 0.014),
        (0.60, 0.145, 0.013),
    ]:
        for side in (-1, 1):
            wing = np.array([x, y]) + size * np.array([[0, 0], [side * 0.5, -0.55], [side * 1.15, -0.25]])
            brush.stroke(canvas, wing * UNIT, size * UNIT * 0.3, shares, dry=0.2, profile=LEAF)
    sheet.brushed(canvas)


def _seal(sheet: Sheet) -> None:
    """A square seal of vermilion paste with strokes cut out of it, pressed a little unevenly."""
    x0, y0, size = 0.345, 1.145, 0.062
    u, v = (sheet.x - x0) / size + 0.02 * (sheet.y - y0) / size, (sheet.y - y0) / size - 0.02 * (sheet.x - x0) / size
    wear = 0.05 * noise(SIZE, 5 * SCALE, sheet.rng, 3)
    box = np.maximum(np.abs(u - 0.5), np.abs(v - 0.5)) + 0.5 * wear
    mark = 1 - smoothstep(0.49, 0.51, box)
    cuts = [
        (0.12, 0.16, 0.44, 0.16),
        (0.28, 0.16, 0.28, 0.86),
        (0.12, 0.42, 0.44, 0.42),
        (0.12, 0.86, 0.44, 0.62),
        (0.58, 0.14, 0.58, 0.86),
        (0.58, 0.14, 0.88, 0.14),
        (0.88, 0.14, 0.88, 0.86),
        (0.58, 0.50, 0.88, 0.50),
        (0.73, 0.50, 0.73, 0.86),
    ]
    for ax, ay, bx, by in cuts:
        t = np.clip(((u - ax) * (bx - ax) + (v - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        away = np.hypot(u - ax - t * (bx - ax), v - ay - t * (by - ay)) + wear
        mark *= smoothstep(0.030, 0.062, away)
    patch = 0.9 + 0.25 * noise(SIZE, 9 * SCALE, sheet.rng, 3)
    sheet.soak(mark * np.clip(patch, 0, None) * 1.25, (VERMILION, 1.0), (INK, 0.06), rim=0.2, grain=0.12)


def _drops(sheet: Sheet) -> None:
    """A few drops flicked from the brush."""
    rng = sheet.rng
    for x, y in scatter((int(SIZE[0] * 1.1), SIZE[1]), 190, rng)[:26]:
        radius = rng.uniform(0.0012, 0.0045)
        box = np.s_[max(int(y) - 24, 0) : int(y) + 24, max(int(x) - 24, 0) : int(x) + 24]
        r = np.hypot(sheet.x[box] - x / UNIT, sheet.y[box] - y / UNIT)
        sheet.density[box][..., INK] += (1 - smoothstep(radius * 0.8, radius * 1.15, r)) * rng.uniform(0.15, 0.6)


def paint() -> Image.Image:
    """From the far and pale to the near and dark, as the washes are laid; the seal comes last."""
    rng = np.random.default_rng(47)
    sheet, brush = Sheet(rng), Brush(rng, coarse=1.3, drift=70)
    _sky(sheet)
    far = _ridge(sheet, 0.55, 0.010, [(0.30, 0.20, 0.13), (0.52, 0.13, 0.11), (0.92, 0.19, 0.14), (0.05, 0.10, 0.1)])
    blue: Shares = [(INDIGO, 1.0), (INK, 0.35)]
    _mountain(sheet, brush, far, strength=0.34, fade=0.13, colours=blue, strokes=0)
    middle = _ridge(
        sheet, 0.70, 0.014, [(0.44, 0.30, 0.085), (0.36, 0.22, 0.07), (0.56, 0.19, 0.09), (1.0, 0.20, 0.11)]
    )
    grey: Shares = [(INK, 0.75), (INDIGO, 0.5), (OCHRE, 0.1)]
    _mountain(sheet, brush, middle, strength=0.62, fade=0.16, colours=grey, strokes=420)
    near = _ridge(sheet, 0.88, 0.016, [(0.80, 0.30, 0.10), (0.91, 0.24, 0.12), (0.66, 0.13, 0.08), (0.0, 0.16, 0.16)])
    brown: Shares = [(INK, 0.8), (INDIGO, 0.2), (OCHRE, 0.5)]
    _mountain(sheet, brush, near, strength=0.95, fade=0.17, colours=brown, strokes=620)
    _shore(sheet, brush)
    _birds(sheet, brush)
    _bamboo(sheet, brush, foot=0.035, lean=0.055, width=44, dark=0.34, leaves=6)
    _bamboo(sheet, brush, foot=0.245, lean=-0.09, width=22, dark=0.55, leaves=9)
    _bamboo(sheet, brush, foot=0.115, lean=0.02, width=34, dark=0.95, leaves=16)
    _plum(sheet, brush)
    _seal(sheet)
    _drops(sheet)
    return finish(sheet.light())
