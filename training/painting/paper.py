"""Absorbent paper: washes are densities of pigment that creep to their edges and settle in the fibres."""

import numpy as np
from scipy import ndimage

from .brush import Canvas
from .fields import SCALE, Array, Rng, grid, noise, palette, sample, to_lab, to_srgb

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
        self.tooth = 0.7 * noise(SIZE, 1.6 * SCALE, rng, 2) + 0.35 * self.fibres + 0.5 * noise(SIZE, 6 * SCALE, rng, 2)

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
        tone = 0.035 * noise(SIZE, 130 * SCALE, self.rng, 3) + 0.025 * self.fibres
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
