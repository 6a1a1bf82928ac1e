"""Woodcut: breakers under a coral sun, printed from five blocks; every form is cut with gouge lines along it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import CubicSpline

from .fields import SCALE, Array, Rng, finish, mix, noise, palette, sample, smoothstep

WIDTH, HEIGHT = 768, 576  # the drawing below is in these units
FINE = 4  # the blocks are cut at this many times the final size
PAPER, SKY, CORAL, LIGHT, BLUE, KEY = range(6)
INKS = palette("f0e3c6 e3b25c dd5f43 8fb9c4 1f5688 14213f")
SUN, HORIZON = (585.0, 150.0, 66.0), 356.0


class Block:
    """What remains to print at each point: one number of an ink, painted over as the design builds up."""

    def __init__(self) -> None:
        self.image = Image.new("L", (WIDTH * FINE, HEIGHT * FINE), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def fill(self, points: NDArray, ink: int) -> None:
        self.pen.polygon([(float(x) * FINE, float(y) * FINE) for x, y in points], fill=ink)

    def disc(self, x: float, y: float, r: float, ink: int) -> None:
        self.pen.ellipse([(x - r) * FINE, (y - r) * FINE, (x + r) * FINE, (y + r) * FINE], fill=ink)

    def ribbon(self, line: NDArray, widths: NDArray, ink: int) -> None:
        """A line whose width changes along it, as a gouge cuts when it is pushed in and let out."""
        along = np.gradient(line, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(
            np.linalg.norm(along, axis=1, keepdims=True), 1e-6
        )
        side = normal * widths[:, None] / 2
        self.fill(np.concatenate([line + side, (line - side)[::-1]]), ink)

    def where(self, mask: NDArray[np.bool_], ink: int) -> None:
        """Paint through a mask of the fine size."""
        self.image.paste(ink, (0, 0), Image.fromarray(mask))
        self.pen = ImageDraw.Draw(self.image)


def curve(points: list[tuple[float, float]], count: int = 240) -> NDArray:
    """A smooth curve through points, evenly stepped by chord length."""
    knots = np.array(points, float)
    run = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    return CubicSpline(run / run[-1], knots)(np.linspace(0, 1, count))


def _swell(s: NDArray, low: float, high: float) -> NDArray:
    """0 at both ends of `[low, high]`, 1 in between: the pressure on a gouge."""
    t = np.clip((s - low) / (high - low), 0, 1)
    return np.sin(np.pi * t) ** 0.7


def _sky(block: Block, rng: Rng) -> None:
    """Level cuts that part around the sun like water around a stone, opening and closing as they run."""
    y, x = np.mgrid[0 : HEIGHT * FINE, 0 : WIDTH * FINE].astype(np.float32) / FINE
    shape = y.shape
    block.where(y < HORIZON + 20, SKY)
    sx, sy, radius = SUN
    r2 = np.maximum((x - sx) ** 2 + (y - sy) ** 2, 1)
    stream = (
        sy
        + (y - sy) * (1 - 0.82 * (radius + 14) ** 2 / np.maximum(r2, (radius + 14) ** 2))
        + 5 * np.sin(x / 83 + y / 60)
        + 2.5 * np.sin(x / 31)
    )
    gap = 7.5
    steep = np.hypot(*np.gradient(stream)) * FINE  # a line is as wide where the rows spread as where they crowd
    line = np.abs(np.mod(stream / gap, 1) - 0.5) * gap / np.clip(steep, 0.3, 3)
    row = np.floor(stream / gap)
    phase = rng.uniform(0, 1, (400,)).astype(np.float32)[np.clip(row + 100, 0, 399).astype(int)]
    open_ = np.sin(2 * np.pi * (x / (190 + 90 * phase) + 7 * phase)) * 0.55 + 0.5 + 0.25 * noise(shape, 60 * FINE, rng)
    block.where((line < np.clip(1.5 * open_, 0, 2.1)) & (y < HORIZON + 20), PAPER)
    block.disc(sx, sy, radius + 9, PAPER)
    block.disc(sx, sy, radius, CORAL)
    for k in range(9):  # rays of the block's own grain, let into the lower half of the disc
        h = sy + 8 + 7 * k
        half = np.sqrt(max(radius**2 - (h - sy) ** 2, 0)) * 0.93
        s = np.linspace(0, 1, 60)
        block.ribbon(
            np.stack([sx - half + 2 * half * s, h + 1.3 * np.sin(9 * s + k)], 1),
            (0.6 + 0.30 * k) * _swell(s, 0, 1),
            PAPER,
        )


def _island(block: Block, rng: Rng) -> None:
    """A crag of two peaks on the horizon; cuts run from each top down its flanks, close on the dark side."""
    s = np.linspace(0, 1, 80)
    for x, y, left, right in [(742, 262, 668, 830), (672, 222, 556, 775)]:
        foot = HORIZON + 6
        run = np.linspace(left, right, 90)
        fall = np.abs(run - x) / np.where(run < x, x - left, right - x)
        jag = 5.5 * noise((2, 90), (9, 7), rng, 2)[0] * np.sin(np.pi * fall) ** 0.6
        outline = np.stack([run, foot - (foot - y) * (1 - fall) ** 1.35 + jag * (fall > 0.04)], 1)
        block.fill(outline, BLUE)
        for k, end in enumerate(np.linspace(left + 4, right - 4, 40)):
            line = np.array([x, y - 6.0]) + s[:, None] ** 0.85 * np.array([end - x, foot - y + 6])
            line[:, 0] -= (end - x) * 0.17 * np.sin(np.pi * s)
            line += np.sin(9 * s + 2.1 * k)[:, None] * np.array([1, 0])
            lit = end > x - 8
            low = rng.uniform(0.06, 0.3)
            width = rng.uniform(1.8, 3.4) if lit else rng.uniform(0.8, 1.8)
            block.ribbon(line, width * _swell(s, low, low + rng.uniform(0.4, 0.75)), PAPER if lit and k % 3 else LIGHT)
        block.ribbon(outline, np.full(len(outline), 1.9), KEY)


def _breaker(block: Block, rng: Rng, outer: NDArray, inner: NDArray, *, stripes: int, foam: float) -> None:
    """A wave between its back and its hollow face; the cuts run from foot to lip and crowd together there."""
    block.fill(np.concatenate([outer, inner[::-1]]), BLUE)
    s = np.linspace(0, 1, len(outer))
    gap = np.linalg.norm(outer - inner, axis=1) / stripes
    for k in range(stripes):
        t = (k + 0.5) / stripes
        line = outer * (1 - t) + inner * t
        ink = (LIGHT, PAPER, LIGHT, BLUE)[k % 4]
        if ink != BLUE:
            block.ribbon(line, gap * rng.uniform(0.45, 0.72) * _swell(s, rng.uniform(-0.15, 0.1), 1.04), ink)
        for offset in (-0.42, 0.0, 0.42):
            t2 = t + offset / stripes
            fine = outer * (1 - t2) + inner * t2
            start = rng.uniform(0, 0.45)
            ink2 = KEY if ink != BLUE or offset else LIGHT
            block.ribbon(fine, np.minimum(gap * 0.22, 2.4) * _swell(s, start, start + rng.uniform(0.35, 0.6)), ink2)
    for edge in (outer, inner):
        block.ribbon(edge, np.full(len(edge), 2.4) * (0.5 + 0.5 * _swell(s, -0.2, 1.1)), KEY)
    _foam(block, outer, inner, rng, foam)


def _foam(block: Block, outer: NDArray, inner: NDArray, rng: Rng, size: float) -> None:
    """Scalloped foam along the lip, claws that reach out of it, and spray beyond."""
    count = len(outer)
    claws = []
    for edge, low, sense in ((outer, 0.52, -1.0), (inner, 0.66, 1.0)):
        along = np.gradient(edge, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        out = np.stack([-along[:, 1], along[:, 0]], 1) * sense
        out *= np.sign((out * (edge - (outer + inner) / 2)).sum(1, keepdims=True) + 1e-9)
        step = max(int(count * 0.030), 1)
        for i in range(int(count * low), count, step):
            grow = 0.5 + 0.7 * (i / count - low) / (1 - low)
            claws.append((edge[i] + out[i] * 2, out[i] * 0.75 + along[i] * 0.8, size * grow * rng.uniform(0.85, 1.25)))
    crest = np.concatenate([outer[int(count * 0.56) :], inner[int(count * 0.68) :]])
    for grow, ink in ((1.6, KEY), (0, PAPER)):
        for at in crest:
            block.disc(*at, size * 0.38 + grow, ink)
        for at, _, radius in claws:
            block.disc(*at, radius * 0.62 + grow, ink)
        for at, way, radius in claws:
            _claw(block, at, way, size=radius, grow=grow, ink=ink)
    for at, way, radius in claws:
        for _ in range(2):
            turn = rng.uniform(0, 2 * np.pi)
            arc = turn + np.linspace(0, 2.2, 20)
            spot = at - way * radius * rng.uniform(0.0, 0.5)
            line = spot + radius * rng.uniform(0.2, 0.45) * np.stack([np.cos(arc), np.sin(arc)], 1)
            block.ribbon(line, 1.5 * _swell(np.linspace(0, 1, 20), 0, 1), BLUE if rng.uniform() < 0.7 else LIGHT)
        for _ in range(4):
            spot = at + way * radius * rng.uniform(2.2, 6.0) + rng.normal(0, radius * 0.9, 2)
            drop = np.linspace(0, 1, 10)
            tail = spot + way / np.linalg.norm(way) * rng.uniform(3, 7) * drop[:, None]
            block.ribbon(tail, rng.uniform(1.6, 3.6) * np.sin(np.pi * drop**0.6) ** 0.8, PAPER)


def _claw(block: Block, at: NDArray, way: NDArray, *, size: float, grow: float, ink: int) -> None:
    """A hooked finger of water, with a shorter one on each side; all of them bend down and over."""
    way = way / np.linalg.norm(way)
    cross = np.array([-way[1], way[0]]) * (1 if way[0] > 0 else -1)
    s = np.linspace(0, 1, 30)[:, None]
    width = size * 0.60 * (1 - s[:, 0] ** 2.4) * (0.8 + 0.35 * np.sin(np.pi * s[:, 0]))
    for turn, reach in ((0.75, 1.5), (-0.75, 1.5), (0.0, 2.3)):
        ahead = np.cos(turn) * way + np.sin(turn) * cross
        line = at + size * reach * ((s - 0.22 * s**3) * ahead + 0.60 * s**2 * cross + np.array([0, 0.16]) * s**2)
        block.ribbon(line, width + 2 * grow * (1 - 0.6 * s[:, 0] ** 6), ink)
        if grow:
            block.disc(*line[-1], 0.7 * grow, ink)


def _sea(
    block: Block, *, level: float, height: float, length: float, phase: float, ink: int, rows: int, gap: float
) -> None:
    """One swell across the sheet: scalloped crest, then row on row of cuts that repeat it and die away."""
    x = np.linspace(-20, WIDTH + 20, 700)
    wave = 0.5 * (x / length + phase)
    crest = (
        level - height * (1 - 1.9 * np.abs(np.sin(np.pi * wave)) ** 1.3) + 0.25 * height * np.sin(x / 47 + 3 * phase)
    )
    shore = np.stack([x, crest], 1)
    block.fill(np.concatenate([shore, [[WIDTH + 20, HEIGHT + 20], [-20, HEIGHT + 20]]]), ink)
    for k in range(rows):
        depth = 4 + gap * (k + 0.12 * k**1.15)
        line = np.stack([x, crest + depth + 1.5 * np.sin(x / 22 + k)], 1)
        pressure = 0.5 + 0.75 * np.sin(x / (55 + 7 * (k % 5)) + 2.3 * k + phase) + 0.2 * np.sin(x / 19 + k)
        widths = np.clip(pressure, 0, 1) * gap * (0.62 - 0.25 * k / rows)
        cut = (PAPER, LIGHT, PAPER, KEY)[k % 4] if ink == BLUE else (PAPER, BLUE, BLUE, PAPER)[k % 4]
        block.ribbon(line, widths, cut)
    block.ribbon(shore + np.array([0, 1.5]), 3.2 + 1.6 * np.sin(x / 37 + phase), PAPER)
    block.ribbon(shore, 1.5 + 0.6 * np.sin(x / 29), KEY)


def _gulls(block: Block) -> None:
    s = np.linspace(0, 1, 30)
    for x, y, size in [(468, 96, 17), (500, 70, 13), (438, 62, 11), (700, 120, 13), (728, 98, 10)]:
        for side in (-1, 1):
            wing = np.stack([x + side * size * s, y - size * (0.75 * np.sin(2.3 * s) - 0.28 * s)], 1)
            block.ribbon(wing, (0.8 + 3.2 * (1 - s)) * _swell(s, -0.3, 1), KEY)


def _cut(rng: Rng) -> NDArray[np.uint8]:
    """The whole design, back to front, as numbers of inks."""
    block = Block()
    _sky(block, rng)
    _island(block, rng)
    _sea(block, level=HORIZON + 10, height=5, length=150, phase=0.1, ink=LIGHT, rows=10, gap=5)
    _sea(block, level=HORIZON + 52, height=12, length=210, phase=0.62, ink=BLUE, rows=14, gap=6)
    small_out = curve([(900, 540), (800, 395), (735, 338), (668, 318), (612, 330), (580, 358), (572, 384)])
    small_in = curve([(585, 540), (668, 470), (684, 425), (660, 388), (618, 376), (584, 380), (573, 386)])
    _breaker(block, rng, small_out, small_in, stripes=9, foam=7.5)
    _sea(block, level=HORIZON + 112, height=16, length=260, phase=0.25, ink=LIGHT, rows=12, gap=7)
    big_out = curve(
        [(-190, 520), (-60, 345), (40, 232), (150, 136), (268, 82), (372, 84), (446, 128), (474, 196), (468, 222)]
    )
    big_in = curve([(440, 640), (352, 510), (276, 396), (262, 300), (306, 226), (376, 194), (436, 204), (466, 224)])
    _breaker(block, rng, big_out, big_in, stripes=17, foam=13)
    _sea(block, level=HORIZON + 150, height=24, length=330, phase=0.55, ink=BLUE, rows=12, gap=8)
    _sea(block, level=HORIZON + 200, height=18, length=240, phase=0.1, ink=BLUE, rows=8, gap=8)
    _gulls(block)
    return np.asarray(block.image)


def _printed(lab: Array, mask: Array, ink: Array, rng: Rng, *, grain: Array, shift: tuple[float, float]) -> Array:
    """One block pressed on: a little off its place, the ink thin along the grain and richer at its edges."""
    moved = ndimage.shift(mask, (shift[0] * SCALE, shift[1] * SCALE), order=1, mode="nearest")
    mottle = noise(mask.shape, 4 * SCALE, rng, 3)
    squeeze = np.clip(moved - ndimage.gaussian_filter(moved, 2.2 * SCALE), 0, 1)
    cover = moved * np.clip(0.90 + 0.085 * grain + 0.04 * mottle + 0.25 * squeeze, 0, 1)
    return mix(lab, ink + np.zeros_like(lab), cover)


def _wood(shape: tuple[int, int], rng: Rng, knots: int) -> Array:
    """Grain: level growth rings, bent around a few knots."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    bend = 14 * SCALE * noise(shape, (60 * SCALE, 260 * SCALE), rng, 2)
    for kx, ky in rng.uniform((0, 0), (shape[1], shape[0]), (knots, 2)):
        bend += (
            np.sign(y - ky) * 22 * SCALE * np.exp(-((((x - kx) / (70 * SCALE)) ** 2) + ((y - ky) / (26 * SCALE)) ** 2))
        )
    rings = np.sin((y + bend) / (2.1 * SCALE) + 2.5 * noise(shape, (20 * SCALE, 400 * SCALE), rng, 2))
    pores = sample(noise(shape, (1.4 * SCALE, 30 * SCALE), rng, 2), x, y + bend)
    return (0.8 * rings + 0.7 * pores).astype(np.float32)


def paint() -> Image.Image:
    """Light inks first and under the darker ones, each block with its own grain and its own slight misplacement."""
    rng = np.random.default_rng(8)
    cut = _cut(rng)
    shape = (HEIGHT * SCALE, WIDTH * SCALE)

    def mask(*inks: int) -> Array:
        image = Image.fromarray(np.isin(cut, inks).astype(np.float32))
        return np.asarray(image.resize(shape[::-1], Image.Resampling.BOX)).copy()

    y = np.mgrid[0 : shape[0], 0 : shape[1]][0].astype(np.float32) / SCALE
    lab = INKS[PAPER] + np.zeros((*shape, 3), np.float32)
    lab[..., 0] += 0.010 * noise(shape, 3 * SCALE, rng, 3) + 0.008 * noise(shape, (40 * SCALE, 60 * SCALE), rng, 3)
    grain = _wood(shape, rng, 4)
    # the sky's block is inked twice, each time wiped to nothing across the middle: ochre below, blue above
    wipe = y + 9 * noise(shape, (30 * SCALE, 90 * SCALE), rng, 3)
    ochre = mix(INKS[SKY] + 0 * lab, palette("e5835a")[0], smoothstep(HORIZON - 110, HORIZON, y))
    lab = _printed(lab, mask(SKY) * smoothstep(120, 235, wipe), ochre, rng, grain=1.4 * grain, shift=(0.5, -0.8))
    above = mix(INKS[LIGHT] + 0 * lab, palette("2f6f9c")[0], smoothstep(130, 0, y))
    lab = _printed(lab, mask(SKY) * (1 - smoothstep(90, 225, wipe)), above, rng, grain=1.4 * grain, shift=(0.5, -0.8))
    lab = _printed(lab, mask(LIGHT, BLUE, KEY), INKS[LIGHT], rng, grain=1.3 * _wood(shape, rng, 5), shift=(-0.6, 0.9))
    coral = mix(INKS[CORAL] + 0 * lab, palette("f0a05a")[0], smoothstep(SUN[1], SUN[1] + 80, y))
    lab = _printed(lab, mask(CORAL), coral, rng, grain=1.3 * grain, shift=(0.9, 0.9))
    deep = mix(INKS[BLUE] + 0 * lab, palette("163a78")[0], smoothstep(380, 576, y))
    lab = _printed(lab, mask(BLUE, KEY), deep, rng, grain=0.9 * _wood(shape, rng, 5), shift=(0.4, 0.6))
    lab = _printed(lab, mask(KEY), INKS[KEY], rng, grain=0.4 * grain, shift=(0.0, 0.0))
    return finish(lab)
