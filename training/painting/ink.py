"""Ink: misty mountains and bamboo in soot ink and a little colour, held as densities of pigment in paper."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .brush import Brush, Canvas, scatter
from .fields import SCALE, Array, Rng, finish, grid, noise, palette, sample, smoothstep, to_lab, to_srgb

SIZE = (768 * SCALE, 608 * SCALE)
UNIT = SIZE[1]
# what one unit of each pigment takes out of red, green and blue light
ABSORB = np.array([[1.75, 1.72, 1.60], [1.65, 0.80, 0.32], [0.22, 0.70, 1.75], [0.12, 1.55, 1.75]], np.float32)
INK, INDIGO, OCHRE, VERMILION = range(4)


class Sheet:
    """A sheet of paper and the density of four pigments in it."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.y, self.x = grid(*SIZE)
        self.density = np.zeros((*SIZE, 4), np.float32)
        self.fibres = _fibres(rng)
        self.tooth = 0.7 * noise(SIZE, 1.6 * SCALE, rng, 2) + 0.6 * self.fibres + 0.5 * noise(SIZE, 6 * SCALE, rng, 2)

    def soak(self, amount: Array, *pigments: tuple[int, float], rim: float = 0.9, grain: float = 0.16) -> None:
        """Let a wash dry: pigment creeps to the wet edge and settles in the hollows of the paper."""
        spread = ndimage.gaussian_filter(amount, 3.0 * SCALE)
        edge = np.clip(amount - spread, 0, None)
        settled = np.clip((amount + rim * edge) * (1 + grain * self.tooth), 0, None)
        for pigment, share in pigments:
            self.density[..., pigment] += share * settled

    def ragged(self, reach: float) -> tuple[Array, Array]:
        """Pixel coordinates shaken by the fibres: sampling through them feathers an edge."""
        rows, cols = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
        shake = [reach * noise(SIZE, 2.2 * SCALE, self.rng, 2) for _ in range(2)]
        return cols + shake[0], rows + shake[1]

    def brushed(self, canvas: Canvas, rim: float = 0.5, grain: float = 0.22, feather: float = 0.22) -> None:
        """Soak in strokes whose three `colours` were densities of ink, indigo and ochre."""
        x, y = self.ragged(feather * SCALE)
        strokes = sample(canvas.colour, x, y)
        for pigment in (INK, INDIGO, OCHRE):
            self.soak(strokes[..., pigment], (pigment, 1.0), rim=rim, grain=grain)

    def light(self) -> Array:
        """OKLab of the sheet: paper through which the pigments take their share of the light."""
        tone = 0.035 * noise(SIZE, 130 * SCALE, self.rng, 3) + 0.05 * self.fibres
        paper = palette("f1e4c8")[0] + np.zeros((*SIZE, 3), np.float32)
        paper[..., 0] += 0.25 * tone + 0.006 * self.tooth
        paper[..., 2] += 0.012 * noise(SIZE, 60 * SCALE, self.rng, 3)
        edge = np.minimum.reduce([self.x, self.y, 1 - self.x, self.y.max() - self.y])
        paper[..., 0] -= 0.06 * np.exp(-edge / 0.05)
        paper[..., 2] += 0.02 * np.exp(-edge / 0.06)
        linear = to_srgb(paper) ** 2.2 * np.exp(-self.density @ ABSORB)
        return to_lab(np.clip(linear, 0, 1) ** (1 / 2.2))


def _fibres(rng: Rng) -> Array:
    """Long plant fibres, crossed every way: thin random arcs, light and dark."""
    image = np.zeros(SIZE, np.float32)
    for _ in range(2600):
        length = int(rng.uniform(20, 90) * SCALE)
        turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.02) + rng.normal(0, 0.015, length))
        x = rng.uniform(0, SIZE[1]) + np.cumsum(np.cos(turn))
        y = rng.uniform(0, SIZE[0]) + np.cumsum(np.sin(turn))
        ok = (x >= 0) & (y >= 0) & (x < SIZE[1] - 1) & (y < SIZE[0] - 1)
        image[y[ok].astype(int), x[ok].astype(int)] += rng.normal(0, 1)
    image = ndimage.gaussian_filter(image, 1.0)
    return image / image.std()


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
    sheet: Sheet,
    ridge: Array,
    strength: float,
    fade: float,
    colours: list[tuple[int, float]],
    strokes: int,
    brush: Brush,
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
        path = (
            np.array([column, (ridge[column] + start) * UNIT])
            + t * length * way / 1.5
            + t**2 * length * bend * np.array([1, 0.1])
        )
        dark = strength * rng.uniform(0.25, 0.85) * np.exp(-start / fade)
        shares = np.array([dark, 0.25 * dark, 0.1 * dark], np.float32)
        brush.stroke(canvas, path, rng.uniform(3, 13), shares, dry=rng.uniform(0.5, 1.0), opacity=0.9, taper=0.6)
    sheet.brushed(canvas)


def _bamboo(sheet: Sheet, brush: Brush, foot: float, lean: float, width: float, dark: float, leaves: int) -> None:
    """A stem of jointed strokes drawn upwards, a dark hook at each joint, and sprays of pointed leaves."""
    rng = sheet.rng
    canvas, joints = Canvas.primed(SIZE, np.zeros(3, np.float32)), []
    at = np.array([foot, 1.30]) * UNIT
    while at[1] > -0.05 * UNIT:
        length = UNIT * rng.uniform(0.125, 0.17)
        turn = lean + 0.10 * (1 - at[1] / UNIT) + rng.normal(0, 0.012)
        end = at + length * np.array([np.sin(turn), -np.cos(turn)])
        shares = np.array([dark, 0.45 * dark, 0.35 * dark], np.float32) * rng.uniform(0.75, 1.05)
        brush.stroke(
            canvas,
            np.stack([at, (at + end) / 2 + rng.normal(0, 1, 2), end]),
            width,
            shares,
            second=shares * 0.35,
            dry=0.55,
            taper=0.05,
        )
        side = np.array([np.cos(turn), np.sin(turn)]) * width * 0.62
        hook = np.stack([end - side + [0, 3], end + [0, -3], end + side + [0, 4]])
        brush.stroke(canvas, hook, width * 0.26, np.array([1.5 * dark, 0.2, 0], np.float32), dry=0.2, taper=0.4)
        joints.append(end)
        at = end + np.array([np.sin(turn), -np.cos(turn)]) * 5
    for _ in range(leaves):
        joint = joints[rng.integers(1, len(joints))]
        _spray(canvas, brush, rng, joint, dark)
    sheet.brushed(canvas, rim=0.8)


def _spray(canvas: Canvas, brush: Brush, rng: Rng, joint: NDArray, dark: float) -> None:
    """A twig with a fan of drooping leaves at its end."""
    side = 1 if rng.uniform() < 0.68 else -1
    tip = joint + UNIT * np.array([side * rng.uniform(0.05, 0.16), rng.uniform(-0.07, 0.04)])
    tone = dark * rng.uniform(0.55, 1.7)
    brush.stroke(
        canvas,
        np.stack([joint, (joint + tip) / 2 - [0, 12], tip]),
        4.5,
        np.array([tone, 0.2, 0.1], np.float32),
        dry=0.2,
    )
    for _ in range(rng.integers(4, 8)):
        turn = np.pi / 2 - side * rng.uniform(0.05, 1.25)
        length = UNIT * rng.uniform(0.07, 0.135)
        t = np.linspace(0, 1, 9)[:, None]
        path = (
            tip
            + rng.normal(0, 5, 2)
            + t * length * np.array([np.cos(turn), np.sin(turn)])
            + t**2 * length * np.array([0.0, 0.14])
        )
        shade = tone * rng.uniform(0.7, 1.15)
        shares = np.array([shade, 0.35 * shade, 0.25 * shade], np.float32)
        _leaf(canvas, brush, path, length * 0.135, shares)


def _leaf(canvas: Canvas, brush: Brush, path: NDArray, width: float, shares: Array) -> None:
    """A leaf swells and runs to a point: full-width stroke for the belly, narrowing ones out to the tip."""
    brush.stroke(canvas, path[:6], width, shares, dry=0.1, taper=0.45)
    brush.stroke(canvas, path[1:8], width * 0.62, shares, dry=0.25, taper=0.7)
    brush.stroke(canvas, path[3:], width * 0.34, shares, dry=0.5, taper=0.95)


def _shore(sheet: Sheet, brush: Brush) -> None:
    """Still water: level dry-brush strokes, rocks with moss dots, and a small boat waiting."""
    rng, canvas = sheet.rng, Canvas.primed(SIZE, np.zeros(3, np.float32))
    for _ in range(130):
        y = rng.uniform(0.93, 1.26)
        x, length = rng.uniform(0.1, 1.05), rng.uniform(0.05, 0.28)
        tone = rng.uniform(0.05, 0.26) * (0.5 + (y - 0.9))
        path = np.array([[x, y], [x + length / 2, y + rng.normal(0, 0.003)], [x + length, y]]) * UNIT
        brush.stroke(
            canvas,
            path,
            rng.uniform(4, 20),
            np.array([0.6 * tone, 1.3 * tone, 0.15 * tone], np.float32),
            dry=1.0,
            opacity=0.9,
        )
    for cx, cy, size in [(0.86, 1.19, 0.15), (0.97, 1.14, 0.12), (0.74, 1.225, 0.075)]:
        _rock(canvas, brush, rng, np.array([cx, cy]) * UNIT, size * UNIT)
    hull = np.array([[0.445, 1.020], [0.475, 1.036], [0.53, 1.037], [0.575, 1.016]]) * UNIT
    brush.stroke(canvas, hull, 13, np.array([1.3, 0.2, 0.5], np.float32), dry=0.2, taper=0.5)
    for path, width in (
        ([[0.50, 1.03], [0.50, 0.995], [0.507, 0.98]], 12),
        ([[0.485, 0.985], [0.507, 0.974], [0.530, 0.987]], 6),
        ([[0.515, 1.0], [0.60, 1.055]], 3),
    ):
        brush.stroke(canvas, np.array(path) * UNIT, width, np.array([1.2, 0.3, 0.1], np.float32), dry=0.2)
    sheet.brushed(canvas, rim=0.7, grain=0.28)


def _rock(canvas: Canvas, brush: Brush, rng: Rng, at: NDArray, size: float) -> None:
    """A boulder of broken contour strokes, side-brush shading and moss dots."""
    for k in range(34):
        turn = np.pi * rng.uniform(0.95, 2.05)
        inner = rng.uniform(0.35, 1.0) if k > 8 else 1.0
        arc = turn + np.linspace(0, rng.uniform(0.25, 0.6), 6)
        path = (
            at
            + size
            * inner
            * np.stack([0.62 * np.cos(arc), 0.62 * np.sin(arc)], 1)
            * (1 + 0.10 * np.sin(5 * arc))[:, None]
        )
        tone = rng.uniform(0.3, 1.25) * (1.15 - 0.35 * np.cos(turn + 0.6))
        brush.stroke(
            canvas,
            path,
            size * rng.uniform(0.05, 0.24),
            np.array([0.75 * tone, 0.2 * tone, 0.45 * tone], np.float32),
            dry=0.9,
        )
    for _ in range(26):
        arc = np.pi * rng.uniform(1.05, 1.95)
        dot = at + size * rng.uniform(0.45, 0.72) * np.array([np.cos(arc), np.sin(arc)])
        brush.stroke(
            canvas,
            np.stack([dot, dot + rng.normal(0, 5, 2)]),
            rng.uniform(5, 11),
            np.array([1.7, 0.2, 0.3], np.float32),
            dry=0.1,
        )


def _birds(sheet: Sheet, brush: Brush) -> None:
    canvas = Canvas.primed(SIZE, np.zeros(3, np.float32))
    for x, y, size in [
        (0.47, 0.20, 0.022),
        (0.515, 0.175, 0.018),
        (0.56, 0.235, 0.016),
        (0.43, 0.25, 0.014),
        (0.60, 0.145, 0.013),
    ]:
        for side in (-1, 1):
            wing = (
                np.array([[x, y], [x + side * size * 0.5, y - size * 0.55], [x + side * size * 1.15, y - size * 0.25]])
                * UNIT
            )
            brush.stroke(canvas, wing, size * UNIT * 0.24, np.array([1.2, 0.1, 0.1], np.float32), dry=0.3, taper=0.9)
    sheet.brushed(canvas)


def _seal(sheet: Sheet) -> None:
    """A square seal of vermilion paste with strokes cut out of it, pressed a little unevenly."""
    x0, y0, size = 0.885, 0.74, 0.062
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
        radius = rng.uniform(0.0012, 0.0045) ** 1.0
        box = np.s_[max(int(y) - 24, 0) : int(y) + 24, max(int(x) - 24, 0) : int(x) + 24]
        r = np.hypot(sheet.x[box] - x / UNIT, sheet.y[box] - y / UNIT)
        sheet.density[box][..., INK] += (1 - smoothstep(radius * 0.8, radius * 1.15, r)) * rng.uniform(0.15, 0.6)


def paint() -> Image.Image:
    """From the far and pale to the near and dark, as the washes are laid; the seal comes last."""
    rng = np.random.default_rng(47)
    sheet, brush = Sheet(rng), Brush(rng, coarse=1.3, drift=70)
    _sky(sheet)
    far = _ridge(sheet, 0.55, 0.010, [(0.30, 0.20, 0.13), (0.52, 0.13, 0.11), (0.92, 0.19, 0.14), (0.05, 0.10, 0.1)])
    _mountain(sheet, far, 0.34, 0.13, [(INDIGO, 1.0), (INK, 0.35)], 0, brush)
    middle = _ridge(
        sheet, 0.70, 0.014, [(0.44, 0.30, 0.085), (0.36, 0.22, 0.07), (0.56, 0.19, 0.09), (1.0, 0.20, 0.11)]
    )
    _mountain(sheet, middle, 0.62, 0.16, [(INK, 0.75), (INDIGO, 0.5), (OCHRE, 0.1)], 420, brush)
    near = _ridge(sheet, 0.88, 0.016, [(0.80, 0.30, 0.10), (0.91, 0.24, 0.12), (0.66, 0.13, 0.08), (0.0, 0.16, 0.16)])
    _mountain(sheet, near, 0.95, 0.17, [(INK, 0.8), (INDIGO, 0.2), (OCHRE, 0.5)], 620, brush)
    _shore(sheet, brush)
    _birds(sheet, brush)
    _bamboo(sheet, brush, 0.045, 0.04, 40, 0.42, 5)
    _bamboo(sheet, brush, 0.255, -0.05, 26, 0.62, 8)
    _bamboo(sheet, brush, 0.135, 0.015, 33, 0.95, 11)
    _seal(sheet)
    _drops(sheet)
    return finish(sheet.light())
