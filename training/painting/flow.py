"""Flow: a moonlit valley in swirling oil strokes, each one following a vector field of whirls."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.interpolate import CubicSpline

from .brush import Brush, Canvas, scatter, streamlines
from .fields import SCALE, Array, Rng, finish, grid, mix, noise, palette, ramp, sample, smoothstep

SIZE = (608 * SCALE, 768 * SCALE)
MOON, MOON_RADIUS = (0.955, 0.215), 0.07
# whirls of the sky: x, y, radius, turn (its sign is the sense of rotation)
WHIRLS = [
    (0.955, 0.215, 0.19, 1.5),
    (0.53, 0.26, 0.17, -1.7),
    (0.70, 0.43, 0.075, 1.2),
    (0.20, 0.12, 0.10, 1.1),
    (1.18, 0.44, 0.08, -1.1),
]
STARS = [
    (0.70, 0.085, 0.020),
    (0.335, 0.085, 0.016),
    (0.735, 0.335, 0.014),
    (0.36, 0.37, 0.014),
    (1.17, 0.10, 0.017),
    (1.215, 0.31, 0.015),
    (0.06, 0.05, 0.018),
]
SKY = palette("0a1836 10305f 15559c 2584c2 5fb4cb aadbc6 f4ebb8")
# from a light outwards, gold to turquoise: straight from orange to blue would pass through grey
GLOW = palette("fff3c0 fdd56a f6a63a e2c878 8fcdbf 3f93b8")
DUSK = palette("2584c2 86c6c2 efe3ae f7bd58 e97d34 c4512e")
FAR, NEAR_HILL = palette("12264f 1f4a7d 4f83a0 9fb3a4 e3b27e"), palette("0c2436 14504f 2f7f5c 86a84e e6c65a")
FIELD = palette("5a2a1a a05a1c d68f22 efb83a fae08a")
WATER = palette("10245c 1f57a0 4f96bd b8cfae")
TREE = palette("071020 0c2a33 17503f 3f7a35 93962f e2b04a")
POPPY = palette("d92f1a ee5522 b8201c f58a3a d92f1a")
# drifts of poppies: centre, width, number
POPPIES = [
    ((0.36, 0.90), 0.06, 26),
    ((0.07, 0.94), 0.05, 22),
    ((0.62, 0.955), 0.07, 26),
    ((1.08, 0.90), 0.06, 22),
    ((0.88, 0.86), 0.03, 8),
]
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
        steps = ndimage.gaussian_gradient_magnitude(self.colour[..., 0], 5 * SCALE)
        self.detail = np.clip(steps / np.quantile(steps, 0.9), 0, 1)

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
        tone = 0.40 + 0.14 * drift + 0.30 * arms + 0.10 * np.sin(26 * (y + 0.07 * np.sin(x * 5.2 + 0.6)))
        sky = ramp(SKY, tone - 0.15 * smoothstep(0.3, 0.0, y))
        low = y + 0.03 * drift + 0.012 * np.sin(40 * y + 3 * x)
        sky = mix(sky, ramp(DUSK, (low - 0.40) / 0.22), smoothstep(0.40, 0.50, low))
        for cx, cy, radius in [(*MOON, 0.075), *STARS]:
            r = np.hypot(x - cx, y - cy) / radius
            halo = np.exp(-((r / 2.6) ** 4))
            sky = mix(sky, ramp(GLOW, 0.30 * r + 0.10 * np.cos(r * 5.5) - 0.1), 0.92 * halo)
            ring = np.exp(-((r / 2.0) ** 2)) * 30
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
        column = np.exp(-(((x - MOON[0]) / (0.055 + 0.5 * (y - 0.70))) ** 2)) * smoothstep(-0.9, 0.4, ripple)
        lake = mix(lake, ramp(GLOW, 0.45 - 0.4 * column), np.clip(1.5 * column, 0, 1))
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
        # the tree's shadow falls away from the moon
        shade = np.exp(-(((y - 0.925 - 0.30 * (0.225 - x)) / 0.020) ** 2)) * smoothstep(0.0, 0.02, 0.225 - x + 0.02)
        corn = mix(corn, palette("27306f")[0], 0.8 * shade)
        self._put(depth > 0, FIELD_ID, corn, np.arctan2(vy - y, vx - x) + 0.35 * np.sin(14 * x + 8 * y))

    def _tree(self) -> None:
        """A tree on the left: boughs are discs lit by the moon; the strokes lick up through them like flames."""
        x, y = self.x, self.y
        wobble = 0.014 * noise(SIZE, 22 * SCALE, self.rng, 2)
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
            self._put(r + wobble < radius, TREE_ID, leaves, -1.15 + 0.8 * np.sin(13 * x + 17 * y) + 0.5 * dx / radius)


def _lay(
    canvas: Canvas, scene: Scene, brush: Brush, *, width: float, gap: float, length: float, loose: float, open_: float
) -> None:
    """One coat, back to front: strokes of about `width` and `length`, their colour `loose`.

    Where there is little to draw the coat stays open by `open_`, and the broader strokes below it show.
    """
    rng = scene.rng
    seeds = scatter(SIZE, gap, rng)
    seeds = seeds[rng.uniform(size=len(seeds)) > open_ * (1 - sample(scene.detail, seeds[:, 0], seeds[:, 1]))]
    order = np.argsort(sample(scene.region, seeds[:, 0], seeds[:, 1]), kind="stable")
    for line in streamlines(scene.angle, scene.region, seeds[order], int(length / 4), 4.0):
        keep = int(len(line) * rng.uniform(0.6, 1))
        if keep < 3:
            continue
        start = rng.integers(0, len(line) - keep + 1)
        path, middle = line[start : start + keep], line[start + keep // 2]
        colour = sample(scene.colour, *middle) + rng.normal(0, 1, 3) * loose * np.array([0.042, 0.009, 0.012])
        if rng.uniform() < 0.05 and colour[0] > 0.4:  # a few strokes of the opposite colour keep the others alive
            colour = colour * np.array([1.05, -0.55, -0.55])
        second = colour + rng.normal(0, 1, 3) * np.array([0.085, 0.014, 0.020])
        size = width * rng.uniform(0.65, 1.25)
        brush.stroke(
            canvas,
            path,
            size,
            colour.astype(np.float32),
            second=second.astype(np.float32),
            dry=rng.uniform(0.15, 0.7),
            body=rng.uniform(0.7, 1.3),
        )


def _dabs(
    canvas: Canvas, brush: Brush, rng: Rng, places: NDArray, *, angle: float, size: float, colours: Array, body: float
) -> None:
    """Short loaded touches, the accents."""
    for at in places:
        turn = angle + rng.normal(0, 0.35)
        reach = size * rng.uniform(0.5, 1.1) * np.array([np.cos(turn), np.sin(turn)])
        colour = colours[rng.integers(len(colours))]
        brush.stroke(
            canvas, np.stack([at - reach, at + reach]), size * rng.uniform(0.7, 1.2), colour, dry=0.1, body=body
        )


def _trunk(canvas: Canvas, brush: Brush, rng: Rng) -> None:
    """Long strokes from the foot of the tree up into its boughs, lit on the moon's side."""
    unit = SIZE[0]
    ends = [(0.10, 0.56), (0.245, 0.53), (0.165, 0.49), (0.20, 0.42), (0.045, 0.64), (0.285, 0.60)]
    for k, (x, y) in enumerate(ends * 3):
        foot = np.array([0.178 + rng.uniform(-0.034, 0.034), 0.935 + rng.uniform(-0.012, 0.012)])
        waist = np.array([0.172 + rng.uniform(-0.013, 0.013), 0.80])
        fork = np.array([0.178 + 0.12 * (x - 0.178) + rng.uniform(-0.009, 0.009), 0.69])
        knots = np.stack([foot, waist, fork, np.array([x, y]) + rng.normal(0, 0.008, 2)]) * unit
        path = CubicSpline([0, 0.4, 0.65, 1], knots)(np.linspace(0, 1, 30))
        bark = palette("150c16 2a1420 4a2320 6f3a22 1c2438")[rng.integers(5)]
        brush.stroke(canvas, path, rng.uniform(15, 24), bark, dry=0.3, body=1.6, profile=(1, 0.8, 0.75, 0.6, 0.4, 0.2))
        if k % 3 == 0:
            lit = path[2:20] + np.array([10, 0])
            brush.stroke(canvas, lit, 8, palette("c9762c e8a848 a2542a")[rng.integers(3)], dry=0.8, body=1.8)


def _leaves(canvas: Canvas, scene: Scene, brush: Brush) -> None:
    """Touches of foliage before the boughs, the lit ones last."""
    rng = scene.rng
    seeds = scatter(SIZE, 26, rng)
    seeds = seeds[sample(scene.region, seeds[:, 0], seeds[:, 1]) == TREE_ID]
    seeds = seeds[np.argsort(sample(scene.colour, seeds[:, 0], seeds[:, 1])[:, 0])]
    for path in streamlines(scene.angle, scene.region, seeds, 16, 4.0):
        colour = sample(scene.colour, *path[len(path) // 2]) * rng.uniform(0.8, 1.3)
        width = rng.uniform(11, 18)
        brush.stroke(canvas, path, width, colour.astype(np.float32), dry=0.3, body=1.4, profile=(0.3, 1, 0.9, 0.4))


def _village(canvas: Canvas, brush: Brush, rng: Rng) -> None:
    """A few houses and a spire across the lake: a wall, two slopes of roof and a lit window each."""
    unit, up, walls = SIZE[0], -np.pi / 2, palette("e9d9a8 8fb0b8 c9a36a")
    for x, y, size in [
        (0.565, 0.698, 16),
        (0.62, 0.688, 20),
        (0.745, 0.690, 21),
        (0.80, 0.698, 17),
        (0.685, 0.702, 19),
    ]:
        at = np.array([x, y]) * unit
        _dabs(canvas, brush, rng, at + np.array([[-6, 0], [6, 0]]), angle=up, size=size, colours=walls, body=1.4)
        roof = at - np.array([0, size * 1.25])
        for side in (-1, 1):
            slope = roof + size * np.array([[0, -0.5], [side * 1.25, 0.55]])
            brush.stroke(canvas, slope, size * 0.8, palette("c8452a 9a2f2a e0702f")[rng.integers(3)], dry=0.1, body=1.6)
        _dabs(canvas, brush, rng, at + np.array([[2, 2]]), angle=up, size=5, colours=palette("ffd45a"), body=2.0)
    spire = np.array([0.668, 0.685]) * unit
    brush.stroke(canvas, spire - np.array([[0, 0], [0, 50]]), 22, palette("6f93a8")[0], dry=0.1, body=1.5)
    brush.stroke(canvas, spire - np.array([[0, 46], [0, 125]]), 23, palette("7a2c34")[0], dry=0.1, body=1.6, taper=0.95)


def _accents(canvas: Canvas, scene: Scene, brush: Brush) -> None:
    """Stars, the village, the trunk of the tree, the moon's path on the water, poppies."""
    rng, unit = scene.rng, SIZE[0]
    for cx, cy, radius in STARS:
        places = rng.normal((cx * unit, cy * unit), radius * unit * 0.22, (5, 2))
        _dabs(
            canvas, brush, rng, places, angle=-0.5, size=radius * unit * 0.8, colours=palette("fff6d0 fde59a"), body=2.2
        )
    _village(canvas, brush, rng)
    _trunk(canvas, brush, rng)
    _leaves(canvas, scene, brush)
    down = rng.uniform(0.725, 0.815, 42)
    path = np.stack([MOON[0] + rng.normal(0, 1, 42) * (0.018 + 0.5 * (down - 0.72)), down], 1)
    path = path[sample(scene.region, *(path * unit).T) == WATER_ID]
    _dabs(canvas, brush, rng, path * unit, angle=0.0, size=17, colours=palette("ffe690 fbc04a f3923a fff3c8"), body=1.8)
    spots = np.concatenate([rng.normal(c, (w, 0.018), (n, 2)) for c, w, n in POPPIES])
    spots = spots[np.argsort(spots[:, 1])]
    _dabs(canvas, brush, rng, spots * unit, angle=0.4, size=17, colours=POPPY, body=2.0)


def paint() -> Image.Image:
    """Dark ground, three coats from broad to fine, accents, then light across the ridges of the paint."""
    rng = np.random.default_rng(11)
    scene = Scene(rng)
    brush = Brush(rng, coarse=1.15)
    canvas = Canvas.primed(SIZE, mix(scene.colour, palette("3b2230")[0], 0.55))
    _lay(canvas, scene, brush, width=56, gap=34, length=300, loose=1.0, open_=0.0)
    _lay(canvas, scene, brush, width=32, gap=23, length=250, loose=1.2, open_=0.2)
    _lay(canvas, scene, brush, width=15, gap=16, length=160, loose=1.5, open_=0.75)
    _accents(canvas, scene, brush)
    return finish(canvas.lit(5.0, shade=0.17, gloss=0.08))
