"""What every medium shares: noise, smooth steps, colour in OKLab, relief lit from the upper left."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Array = NDArray[np.float32]
Rng = np.random.Generator

SCALE = 2  # every painting is drawn this many times larger, then brought down with a Lanczos filter

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_LAB, _FROM_LMS = np.linalg.inv(_TO_LAB), np.linalg.inv(_TO_LMS)


def grid(height: int, width: int) -> tuple[Array, Array]:
    """Pixel coordinates `(y, x)` in units of the shorter side, so scenes do not depend on the size."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / min(height, width)
    return y, x


def smoothstep(low: float | Array, high: float | Array, x: Array) -> Array:
    """0 below `low`, 1 above `high`, a smooth S between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def noise(shape: tuple[int, int], cell: float | tuple[float, float], rng: Rng, octaves: int = 1) -> Array:
    """Value noise of about unit deviation: random lattices of `cell` pixels, halved each octave."""
    cy, cx = cell if isinstance(cell, tuple) else (cell, cell)
    total, weight = np.zeros(shape, np.float32), 0.0
    for octave in range(octaves):
        sy, sx = max(cy / 2**octave, 1.0), max(cx / 2**octave, 1.0)
        lattice = rng.standard_normal((int(shape[0] / sy) + 4, int(shape[1] / sx) + 4)).astype(np.float32)
        box = (1.5, 1.5, 1.5 + shape[1] / sx, 1.5 + shape[0] / sy)
        fine = Image.fromarray(lattice).resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box)
        total += np.asarray(fine) * 0.5**octave
        weight += 0.25**octave
    return total / np.float32(0.75 * np.sqrt(weight))


def sample(image: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """Values of `image` at the pixels nearest to `(x, y)`, clamped to the border."""
    rows = np.clip(np.rint(y).astype(np.intp), 0, image.shape[0] - 1)
    return image[rows, np.clip(np.rint(x).astype(np.intp), 0, image.shape[1] - 1)]


def to_lab(srgb: NDArray) -> Array:
    """SRGB in [0, 1] to OKLab, where mixing and jitter look even to the eye."""
    srgb = np.asarray(srgb, np.float32)
    linear = np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92).astype(np.float32)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def to_srgb(lab: Array) -> Array:
    """OKLab to sRGB in [0, 1], clipped to what a screen can show."""
    linear = np.clip((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0, 1)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, linear * 12.92).astype(np.float32)


def palette(codes: str) -> Array:
    """OKLab rows `(n, 3)` of hexadecimal colours written with spaces between."""
    return to_lab(np.array([[int(c[k : k + 2], 16) / 255 for k in (0, 2, 4)] for c in codes.split()]))


def mix(a: Array, b: Array, amount: float | Array) -> Array:
    """`a` turned into `b` by `amount`; a plane of amounts mixes picture by picture."""
    amount = np.asarray(amount, np.float32)
    return a + (b - a) * (amount[..., None] if amount.ndim else amount)


def ramp(colours: Array, position: Array) -> Array:
    """Colours at `position` in [0, 1] along an evenly spaced, interpolated row of colours."""
    at = np.clip(position, 0, 1) * (len(colours) - 1)
    stops = np.arange(len(colours))
    return np.stack([np.interp(at, stops, colours[:, c]) for c in range(3)], -1).astype(np.float32)


def relief(height: Array, strength: float, softness: float = 0.8) -> tuple[Array, Array]:
    """Shade and gloss of a height field lit from the upper left: shade is 0 on the flat, gloss is >= 0."""
    smooth = ndimage.gaussian_filter(height, softness)
    dy, dx = np.gradient(smooth * strength)
    length = np.sqrt(dx * dx + dy * dy + 1)
    light, half = np.array([-0.55, -0.6, 0.58]), np.array([-0.31, -0.34, 0.89])
    shade = (-dx * light[0] - dy * light[1] + light[2]) / length - light[2]
    gloss = np.clip((-dx * half[0] - dy * half[1] + half[2]) / length, 0, 1) ** 24 - half[2] ** 24
    return shade.astype(np.float32), np.clip(gloss, 0, 1).astype(np.float32)


def finish(lab: Array) -> Image.Image:
    """The drawing brought down to its final size."""
    pixels = np.rint(to_srgb(lab.astype(np.float32)) * 255).astype(np.uint8)
    size = (lab.shape[1] // SCALE, lab.shape[0] // SCALE)
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
