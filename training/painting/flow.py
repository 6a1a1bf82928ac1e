"""Flow: a moonlit valley in swirling oil strokes, each one following a vector field of whirls."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .brush import Brush, Canvas, scatter, streamlines
from .fields import SCALE, Array, Rng, finish, grid, mix, noise, palette, ramp, sample, smoothstep

SIZE = (608 * SCALE, 768 * SCALE)
MOON, MOON_RADIUS = (0.955, 0.215), 0.07
# whirls of the sky: x, y, radius, turn (its sign is the sense of rotation)
WHIRLS = [
    (0.955, 0.215, 0.19, 1.5),
    (0.53, 0.26, 0.17, -1.7),
    (0.74, 0.41, 0.075, 1.2),
    (0.20, 0.12, 0.10, 1.1),
    (1.18, 0.44, 0.08, -1.1),
]
STARS = [
    (0.70, 0.085, 0.020),
    (0.335, 0.085, 0.016),
    (0.79, 0.245, 0.013),
    (0.36, 0.37, 0.014),
    (1.17, 0.10, 0.017),
    (1.12, 0.34, 0.012),
    (0.06, 0.05, 0.018),
]
SKY = palette("0d1740 152a6e 1d459c 2f6fc0 5aa2cf a3cdc9 e6dfae")
GLOW = palette("f6d98a f3a63c e0702a b8452f")
FAR, NEAR_HILL = palette("1b2a63 33508f 6a7fae b48a8f"), palette("0f2b3c 1c5358 3f7f62 91a35a d8b45a")
FIELD = palette("4a2a1c 8e4f1f c98424 e8b13c f6dc84")
WATER = palette("10245c 1f57a0 4f96bd b8cfae")
TREE = palette("08121f 0e2b33 1d4a3a 4a6b2f a3792c")
SKY_ID, FAR_ID, HILL_ID, WATER_ID, FIELD_ID, TREE_ID, MOON_ID = range(7)


class Scene:
    """Target colour, stroke direction and region of every pixel."""

    def __init__(self, rng: Rng) -> None:
        self.y, self.x = grid(*SIZE)
        self.region = np.zeros(SIZE, np.int8)
        self.colour = np.zeros((*SIZE, 3), np.float32)
        self.angle = np.zeros(SIZE, np.float32)
        self.rng = rng
        self._sky()
        self._hills()
        self._water()
        self._field()
        self._tree()

    def _put(self, mask: NDArray, region: int, colour: Array, angle: Array) -> None:
        self.region[mask], self.colour[mask], self.angle[mask] = region, colour[mask], angle[mask]

    def _sky(self) -> None:
        """A wind from the left bent by the whirls; light and dark arms spiral around each of them."""
        x, y = self.x, self.y
        u = np.ones(SIZE, np.float32)
        v = 0.45 * np.sin(x * 5.2 + 2.2 * y + 0.6)
        arms = np.zeros(SIZE, np.float32)
        for cx, cy, radius, turn in WHIRLS:
            dx, dy = x - cx, y - cy
            r = np.hypot(dx, dy) + 1e-4
            near = np.exp(-((r / radius) ** 2))
            pull = 4.5 * turn * near
            u, v = u - pull * dy / r - 0.12 * abs(pull) * dx / r, v + pull * dx / r - 0.12 * abs(pull) * dy / r
            arms += near * np.sin(2 * np.arctan2(dy, dx) * np.sign(turn) - 9 * r / radius) + 0.9 * np.exp(
                -((r / (0.3 * radius)) ** 2)
            )
        drift = noise(SIZE, (90 * SCALE, 220 * SCALE), self.rng, 3)
        tone = 0.40 + 0.13 * drift + 0.24 * arms + 0.10 * np.sin(26 * (y + 0.07 * np.sin(x * 5.2 + 0.6)))
        sky = ramp(SKY, tone - 0.15 * smoothstep(0.3, 0.0, y))
        low = smoothstep(0.40, 0.62, y + 0.03 * drift) * (0.75 + 0.25 * np.sin(40 * y + 3 * x))
        sky = mix(sky, ramp(GLOW, 0.9 - 0.6 * smoothstep(0.42, 0.64, y)), 0.8 * low)
        for cx, cy, radius in [(*MOON, 0.075), *STARS]:
            r = np.hypot(x - cx, y - cy) / radius
            halo = np.exp(-((r / 2.3) ** 2)) * (0.78 + 0.22 * np.cos(r * 4.2))
            sky = mix(sky, ramp(GLOW, 0.12 + 0.2 * r), 0.95 * np.clip(halo, 0, 1))
            ring = np.exp(-((r / 1.5) ** 2)) * 30
            u, v = u - ring * (y - cy) / (r * radius + 1e-4), v + ring * (x - cx) / (r * radius + 1e-4)
        self._put(np.ones(SIZE, bool), SKY_ID, sky, np.arctan2(v, u))
        r = np.hypot(x - MOON[0], y - MOON[1])
        face = ramp(palette("fff3c4 fbd568 f2a23a"), r / MOON_RADIUS * 0.9 + 0.1 * drift)
        self._put(r < MOON_RADIUS, MOON_ID, face, np.arctan2(x - MOON[0], -(y - MOON[1])))

    def _ridge(self, level: float, *waves: tuple[float, float, float]) -> Array:
        """A skyline: sines of (height, frequency, phase) about `level`."""
        return level + sum((a * np.sin(f * self.x + p) for a, f, p in waves), np.zeros(SIZE, np.float32))

    def _slope(self, ridge: Array) -> Array:
        """Directions along a skyline, swinging over into the hill below it."""
        return np.arctan(np.gradient(ridge, axis=1) / np.gradient(self.x, axis=1))

    def _hills(self) -> None:
        x, y = self.x, self.y
        far = self._ridge(0.585, (0.035, 7.0, 0.4), (0.014, 17.0, 2.0), (0.006, 41.0, 0.0))
        light = 0.45 + 0.35 * np.sin(30 * x + 90 * (y - far)) * 0.5 + 0.25 * (x - 0.6)
        self._put(y > far, FAR_ID, ramp(FAR, light - 2.2 * (y - far) + 0.15), self._slope(far) + 0.55 * np.sin(14 * x))
        near = self._ridge(0.665, (0.045, 4.6, 2.6), (0.014, 11.0, 0.5))
        depth = y - near
        fields = 0.5 * np.sin(16 * x + 55 * depth) + 0.3 * np.sin(9 * x - 80 * depth + 1)
        light = 0.42 + 0.42 * fields - 0.9 * depth + 0.20 * smoothstep(0.03, 0.0, depth)
        self._put(depth > 0, HILL_ID, ramp(NEAR_HILL, light), self._slope(near) + 0.5 * np.sin(9 * x + 20 * depth))

    def _water(self) -> None:
        """A lake under the moon; its light comes down as a broken column of orange."""
        x, y = self.x, self.y
        shore = 0.715 + 0.012 * np.sin(9 * x)
        edge = smoothstep(0.42, 0.62, x) * 0.115
        ripple = 0.5 * np.sin(150 * y + 4 * np.sin(7 * x)) + 0.5 * noise(SIZE, (10 * SCALE, 60 * SCALE), self.rng, 2)
        lake = ramp(WATER, 0.36 + 0.24 * ripple + 0.2 * smoothstep(0.8, 0.71, y))
        column = np.exp(-(((x - MOON[0]) / (0.055 + 0.5 * (y - 0.70))) ** 2)) * smoothstep(-0.5, 0.7, ripple)
        lake = mix(lake, ramp(GLOW, 0.55 - 0.5 * column), np.clip(1.15 * column, 0, 1))
        self._put((y > shore) & (y < shore + edge), WATER_ID, lake, 0.12 * np.sin(12 * x + 30 * y))

    def _field(self) -> None:
        """Corn in rows that run together at a point on the horizon, and bend with the wind."""
        x, y = self.x, self.y
        top = self._ridge(0.80, (0.035, 3.4, 3.7), (0.010, 9.0, 0.0))
        depth = y - top
        vx, vy = 0.80, 0.60
        fan = np.arctan2(x - vx, y - vy) + 0.5 * depth * np.sin(6 * x)
        rows = np.sin(fan * 30)
        patches = noise(SIZE, 110 * SCALE, self.rng, 2)
        corn = ramp(FIELD, 0.60 + 0.30 * rows + 0.10 * patches + 0.25 * np.exp(-(((x - 0.98) / 0.3) ** 2)) - 0.1)
        shadow = smoothstep(0.15, 0.9, -rows) * (0.35 + 0.35 * smoothstep(0.5, 0.0, x))
        corn = mix(corn, palette("2a2f6b")[0], np.clip(shadow, 0, 0.75))
        self._put(depth > 0, FIELD_ID, corn, np.arctan2(vy - y, vx - x) + 0.35 * np.sin(14 * x + 8 * y))

    def _tree(self) -> None:
        """A wind-bent tree on the left: boughs are discs, and the strokes turn around each."""
        x, y = self.x, self.y
        wobble = 0.014 * noise(SIZE, 22 * SCALE, self.rng, 2)
        trunk = 0.185 + 0.055 * np.sin(3.4 * (y - 0.45)) + 0.4 * np.clip(y - 0.84, 0, 1) ** 2
        wide = 0.015 + 0.05 * np.clip(y - 0.62, 0, 1)
        bark = ramp(palette("140d18 3a1f1c 86461f d9913a"), 0.30 + 9 * (x - trunk))
        self._put((np.abs(x - trunk) < wide) & (y > 0.5) & (y < 0.93), TREE_ID, bark, np.full(SIZE, -1.45, np.float32))
        boughs = [
            (0.19, 0.60, 0.085),
            (0.10, 0.55, 0.075),
            (0.26, 0.51, 0.07),
            (0.15, 0.46, 0.08),
            (0.215, 0.39, 0.062),
            (0.30, 0.585, 0.05),
            (0.045, 0.63, 0.05),
            (0.255, 0.315, 0.038),
        ]
        for cx, cy, radius in boughs:
            dx, dy = x - cx, y - cy
            r = np.hypot(dx, dy)
            lit = (dx * 0.8 - dy * 0.6) / radius  # the moon stands to the upper right
            leaves = ramp(TREE, 0.30 + 0.34 * lit + 0.22 * np.sin(9 * r / radius + 2 * np.arctan2(dy, dx)))
            self._put(r + wobble < radius, TREE_ID, leaves, np.arctan2(dx, -dy) + 0.5)


def _lay(
    canvas: Canvas, scene: Scene, brush: Brush, *, width: float, gap: float, length: float, loose: float, body: float
) -> None:
    """One coat: strokes of about `width` and `length` all over, back to front, their colour `loose`."""
    rng = scene.rng
    seeds = scatter(SIZE, gap, rng)
    order = np.argsort(sample(scene.region, seeds[:, 0], seeds[:, 1]), kind="stable")
    for path in streamlines(scene.angle, scene.region, seeds[order], int(length / 4), 4.0):
        keep = int(len(path) * rng.uniform(0.6, 1))
        if keep < 3:
            continue
        start = rng.integers(0, len(path) - keep + 1)
        path, middle = path[start : start + keep], path[start + keep // 2]
        colour = sample(scene.colour, *middle) + rng.normal(0, 1, 3) * loose * np.array([0.045, 0.018, 0.022])
        second = colour + rng.normal(0, 1, 3) * np.array([0.06, 0.025, 0.035])
        size = width * rng.uniform(0.65, 1.25)
        brush.stroke(
            canvas,
            path,
            size,
            colour.astype(np.float32),
            second=second.astype(np.float32),
            dry=rng.uniform(0.15, 0.7),
            body=body * rng.uniform(0.7, 1.2),
        )


def _dabs(
    canvas: Canvas, brush: Brush, rng: Rng, places: NDArray, angle: float, size: float, colours: Array, body: float
) -> None:
    """Short loaded touches, the accents."""
    for at in places:
        turn = angle + rng.normal(0, 0.35)
        reach = size * rng.uniform(0.5, 1.1) * np.array([np.cos(turn), np.sin(turn)])
        colour = colours[rng.integers(len(colours))]
        brush.stroke(
            canvas, np.stack([at - reach, at + reach]), size * rng.uniform(0.7, 1.2), colour, dry=0.1, body=body
        )


def _accents(canvas: Canvas, scene: Scene, brush: Brush) -> None:
    rng, unit = scene.rng, SIZE[0]
    for cx, cy, radius in STARS:
        _dabs(
            canvas,
            brush,
            rng,
            rng.normal((cx * unit, cy * unit), radius * unit * 0.22, (5, 2)),
            -0.5,
            radius * unit * 0.8,
            palette("fff6d0 fde59a"),
            2.2,
        )
    poppies = np.stack([rng.uniform(0.0, 1.26, 150), 1 - 0.19 * rng.uniform(0, 1, 150) ** 1.5], 1)
    poppies = poppies[noise((64, 64), 9, rng)[(poppies[:, 1] * 63).astype(int), (poppies[:, 0] * 50).astype(int)] > 0.1]
    _dabs(canvas, brush, rng, poppies * unit, 0.3, 13, palette("d8341c ef5a24 b32018 f58a3a"), 1.8)


def paint() -> Image.Image:
    """Dark ground, three coats from broad to fine, accents, then light across the ridges of the paint."""
    rng = np.random.default_rng(11)
    scene = Scene(rng)
    brush = Brush(rng)
    canvas = Canvas.primed(SIZE, mix(scene.colour, palette("3b2230")[0], 0.55))
    _lay(canvas, scene, brush, width=44, gap=30, length=260, loose=1.2, body=0.8)
    _lay(canvas, scene, brush, width=24, gap=19, length=220, loose=1.2, body=1.0)
    _lay(canvas, scene, brush, width=13, gap=15, length=150, loose=1.6, body=1.2)
    _accents(canvas, scene, brush)
    return finish(canvas.lit(1.6))
