"""Points: a river at sundown in divided colour, dots of near-pure pigment that only add up in the eye."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .brush import Canvas, scatter
from .fields import SCALE, Array, Rng, finish, grid, mix, noise, palette, ramp, sample, smoothstep

SIZE = (608 * SCALE, 768 * SCALE)
HORIZON, SUN = 0.50, (0.36, 0.395)
SKY = palette("ffd25a f9a552 ee8f74 c98fb0 8f93cf 5f86c9 3f6fb8")
BANK = palette("2a2a6c 4a4796 7a62a8 b7808f")
WATER = palette("f7c35e ec9270 b487b4 6f86c6 3a68ae 24488c")
GRASS = palette("1c2f5e 1f5c50 3f8a3e 94b23a e8cf4a")
TREE = palette("1d1a55 173f63 1c6a4c 5b9a35 d8b83a f08a35")
PIGMENTS = palette("e8361f f26a1b f79a1e fbc81f f3e24a a6c832 3f9e45 15806a 1a8fa8 2468c4 2a3c9e 4b2f92 85379a c2387e")


def _scene(rng: Rng) -> Array:
    """Target colours: sky and far bank, river with everything upside down in it, poplars, sail, near bank."""
    y, x = grid(*SIZE)
    wobble = noise(SIZE, 14 * SCALE, rng, 2)
    mirrored = np.abs(y - HORIZON)  # the water repeats the sky about the horizon
    from_sun = np.hypot((x - SUN[0]) * 0.75, mirrored - (HORIZON - SUN[1]))
    cloud = noise(SIZE, (16 * SCALE, 130 * SCALE), rng, 3)
    bands = 0.05 * np.sin(34 * mirrored + 5 * np.sin(3 * x) + wobble) + 0.07 * cloud
    land = ramp(SKY, 0.02 + 1.25 * from_sun + bands)
    wet = ramp(WATER, 0.02 + 1.25 * from_sun + 0.05 * np.sin(170 * y + 2 * wobble) + 0.12 * (y > HORIZON))
    scene = np.where((y < HORIZON)[..., None], land, wet)
    scene = mix(scene, palette("fff2b0")[0], 0.95 * (1 - smoothstep(0.045, 0.06, np.hypot(x - SUN[0], y - SUN[1]))))
    glitter = np.exp(-(((x - SUN[0]) / (0.03 + 0.28 * (y - HORIZON))) ** 2)) * (y > HORIZON)
    scene = mix(scene, palette("ffd768")[0], 0.85 * glitter * smoothstep(-0.4, 0.8, np.sin(150 * y + 3 * wobble)))
    crest = 0.045 + 0.018 * np.sin(9 * x) + 0.012 * np.sin(23 * x + 1) + 0.004 * wobble + 0.05 * smoothstep(0.7, 1.3, x)
    far = mirrored < np.maximum(crest, 0.02)
    scene[far] = mix(
        ramp(BANK, 0.75 - 8 * mirrored + 0.3 * np.exp(-(((x - SUN[0]) / 0.3) ** 2))), wet, 0.35 * (y > HORIZON)
    )[far]
    for place, tall, wide in [
        (0.80, 0.33, 0.035),
        (0.885, 0.42, 0.042),
        (0.985, 0.38, 0.040),
        (1.085, 0.46, 0.048),
        (1.20, 0.41, 0.046),
    ]:
        scene = _poplar(scene, x, y, wobble, place=place, tall=tall, wide=wide)
    scene = _sail(scene, x, y)
    return _near_bank(scene, x, y, wobble)


def _poplar(scene: Array, x: Array, y: Array, wobble: Array, *, place: float, tall: float, wide: float) -> Array:
    """A flame-shaped tree, lit from the sun's side, and its paler, shaken reflection."""
    t = np.abs(y - HORIZON) / tall
    shake = np.where(y > HORIZON, 0.008 * np.sin(120 * y + 9 * x), 0)
    across = (x - place + shake) / (wide * np.sqrt(np.clip(np.sin(np.pi * np.clip(t * 0.93 + 0.07, 0, 1)), 1e-3, 1)))
    crown = (np.abs(across) + 0.16 * wobble < 1) & (t < 1)
    leaves = ramp(TREE, 0.42 - 0.38 * across + 0.10 * wobble + 0.12 * np.sin(18 * t + 3 * across))
    leaves = mix(leaves, palette("4f6fb8")[0], 0.38 * (y > HORIZON))
    return np.where(crown[..., None], leaves, scene)


def _sail(scene: Array, x: Array, y: Array) -> Array:
    """A small boat left of the middle, the picture's lightest and its reddest spot side by side."""
    foot, mast = 0.575, 0.60
    for flip, fade in ((1, 0.0), (-1, 0.45)):
        up = (foot - y) * flip
        lee = (up > 0.012) & (up < 0.19) & (x > mast) & (x - mast < 0.075 * (1 - up / 0.19) + 0.012 * np.sin(16 * up))
        luff = (up > 0.02) & (up < 0.16) & (x < mast - 0.006) & (mast - x < 0.045 * (1 - up / 0.16))
        hull = (up < 0.012) & (up > -0.014) & (np.abs(x - mast - 0.01) < 0.075 - 1.2 * np.abs(up - 0.012))
        for mask, colour in ((lee, "fff0cf"), (luff, "f7b58a"), (hull, "b3262a")):
            scene = np.where(mask[..., None], mix(palette(colour)[0] + 0 * scene, scene, fade), scene)
    return scene


def _near_bank(scene: Array, x: Array, y: Array, wobble: Array) -> Array:
    """The shore at the viewer's feet: sunlit grass with bushes of flowers and blue shadows."""
    top = 0.885 - 0.16 * smoothstep(0.42, -0.05, x) + 0.022 * np.sin(7 * x) + 0.010 * wobble
    tall = ramp(GRASS, 0.45 + 0.30 * np.sin(13 * x - 20 * y + wobble) + 0.18 * wobble - 1.2 * (y - 0.93))
    scene = np.where((y > top)[..., None], tall, scene)
    for cx, cy, radius, colours in [
        (0.10, 0.80, 0.12, "21205f 5b2f86 c2438a f2a0a8"),
        (0.30, 0.93, 0.09, "5a1f4a c0392b f58a35 fbd35a"),
        (1.16, 0.95, 0.11, "1b2a63 2e6f8a 8cb04a f6df6a"),
    ]:
        r = np.hypot(x - cx, (y - cy) * 1.25) / radius
        lit = 0.5 + 0.38 * ((x - cx) * np.sign(SUN[0] - cx) - (y - cy)) / radius + 0.15 * wobble
        scene = np.where((r + 0.14 * wobble < 1)[..., None], ramp(palette(colours), lit), scene)
    return scene


def _chips() -> Array:
    """Every pigment pure, deepened with ultramarine and in three tints with white: the whole box of paints."""
    white, deep = palette("fff6e6")[0], palette("1c1f5a")[0]
    return np.concatenate([PIGMENTS, mix(PIGMENTS, deep, 0.45), *(mix(PIGMENTS, white, w) for w in (0.3, 0.55, 0.8))])


def _divide(target: Array, chips: Array, spread: float, opposite: float, rng: Rng) -> Array:
    """For each target colour one chip: near in lightness, loosely near in hue, at times the complement."""
    wanted = target + rng.normal(0, 1, target.shape) * spread * np.array([0.45, 1, 1])
    turned = rng.uniform(size=len(target)) < opposite
    wanted[turned, 1:] *= -1.3
    metric = np.array([1.5, 1.0, 1.0])
    gaps = ((wanted[:, None] - chips) * metric) ** 2
    return mix(chips[gaps.sum(-1).argmin(1)], target, np.float32(0.22)).astype(np.float32)


def _stamps(diameter: int, rng: Rng, count: int = 12) -> list[tuple[Array, Array]]:
    """Cover and height of slightly uneven round touches: a low dome with a rim and a smear."""
    size = diameter + 6
    y, x = (np.mgrid[0:size, 0:size] - (size - 1) / 2).astype(np.float32)
    stamps = []
    for _ in range(count):
        turn, squash = rng.uniform(0, np.pi), rng.uniform(0.82, 1.0)
        u, v = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) / squash
        r = np.hypot(u, v) * 2 / diameter
        r *= 1 + 0.06 * np.sin(3 * np.arctan2(v, u) + rng.uniform(0, 6))
        grain = ndimage.gaussian_filter(rng.standard_normal((size, size)), (1.0, 2.2))
        dome = np.sqrt(np.clip(1 - 0.75 * r**2, 0, 1)) + 0.35 * np.exp(-(((r - 0.85) / 0.16) ** 2)) + 0.25 * grain
        edge = 1.6 / diameter * 2
        stamps.append((1 - smoothstep(1 - edge, 1 + edge, r), dome.astype(np.float32)))
    return stamps


def _coat(
    canvas: Canvas, scene: Array, chips: Array, rng: Rng, *, diameter: int, gap: float, spread: float, keep: float
) -> None:
    """One coat of dots of about `diameter`; each coat leaves some of the one below to be seen."""
    places = scatter(SIZE, gap, rng)
    places = places[rng.uniform(size=len(places)) < keep]
    colours = _divide(sample(scene, places[:, 0], places[:, 1]), chips, spread, 0.10, rng)
    boxes = {d: _stamps(d, rng) for d in (diameter - 2, diameter, diameter + 2)}
    sizes = rng.choice(list(boxes), len(places))
    for (x, y), colour, size in zip(places, colours, sizes, strict=True):
        dot = boxes[size][rng.integers(12)]
        reach = len(dot[0]) // 2
        _stamp(canvas, int(x) - reach, int(y) - reach, dot, colour)


def _stamp(canvas: Canvas, left: int, top: int, dot: tuple[Array, Array], colour: NDArray) -> None:
    """One dot, cut at the border of the canvas."""
    cover, dome = dot
    y0, x0 = max(-top, 0), max(-left, 0)
    y1, x1 = min(len(cover), SIZE[0] - top), min(len(cover), SIZE[1] - left)
    if y0 >= y1 or x0 >= x1:
        return
    here = np.s_[top + y0 : top + y1, left + x0 : left + x1]
    alpha, thick = 0.95 * cover[y0:y1, x0:x1], dome[y0:y1, x0:x1]
    canvas.colour[here] += (colour - canvas.colour[here]) * alpha[..., None]
    canvas.height[here] += (thick + 0.3 * canvas.height[here] - canvas.height[here]) * alpha


def paint() -> Image.Image:
    """A toned ground, a coat of broad dots to close it, then two of smaller dots that carry the drawing."""
    rng = np.random.default_rng(23)
    scene, chips = _scene(rng), _chips()
    canvas = Canvas.primed(SIZE, palette("d9b98c")[0])
    _coat(canvas, scene, chips, rng, diameter=18, gap=12.0, spread=0.045, keep=1.0)
    _coat(canvas, scene, chips, rng, diameter=14, gap=11.5, spread=0.050, keep=0.85)
    _coat(canvas, scene, chips, rng, diameter=10, gap=9.5, spread=0.060, keep=0.70)
    return finish(canvas.lit(1.1, shade=0.11, gloss=0.05))
