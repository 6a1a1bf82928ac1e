"""Glass: a sun over hills, a river and three poppies in leaded panes; light comes through from behind."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import label as components

from .fields import SCALE, Array, Rng, finish, grid, mix, noise, palette, ramp, relief, sample, smoothstep

SIZE = (768 * SCALE, 608 * SCALE)
SUN = (0.47, 0.40)
RAYS = palette("ffe27a ffc23a f98a1e e2481f b01c3c 6a1a6e 2d2a9a 1c58b8 2f8ec4")
HILLS = (palette("1f6f8c 2c9a8a 6cc09a"), palette("0f5a3c 2f8f3f 8cc23a"), palette("0c3d33 1a6a34 b0b82a"))
RIVER = palette("123a9c 2a7fd0 8fd4e6")
PETAL, LEAF = palette("6e0a1e b5121f e8351f ff7a3a"), palette("0a4a2a 2a8a35 9cc83c")
LEAD = palette("17161a")[0]


class Window:
    """The design: at every pixel the colour wanted, the form it belongs to and the piece of that form."""

    def __init__(self, rng: Rng) -> None:
        self.y, self.x = grid(*SIZE)
        self.rng = rng
        self.form = np.zeros(SIZE, np.int32)
        self.piece = np.zeros(SIZE, np.int32)
        self.colour = np.zeros((*SIZE, 3), np.float32)
        self.trace = np.zeros(SIZE, np.float32)  # lines painted on the glass and fired
        self.bend = 0.02 * noise(SIZE, 90 * SCALE, rng)

    def put(self, mask: NDArray[np.bool_], piece: NDArray, colour: Array) -> None:
        """Set a form over what is there."""
        self.form[mask] = self.form.max() + 1
        self.piece[mask] = np.asarray(piece, np.int32)[mask]
        self.colour[mask] = np.broadcast_to(colour, (*SIZE, 3))[mask]

    def shards(self, count: int) -> NDArray:
        """Pieces of a Voronoi tiling of `count` points."""
        seeds = self.rng.uniform((0, 0), (1, self.y.max()), (count, 2))
        places = np.stack([(self.x + self.bend).ravel(), (self.y + self.bend).ravel()], 1)
        return cKDTree(seeds).query(places)[1].reshape(SIZE)


def _sky(window: Window) -> None:
    """Rings around the sun cut by curved rays; every ring turns its cuts by half a piece."""
    dx, dy = window.x - SUN[0], window.y - SUN[1]
    r = np.hypot(dx, dy) * (1 + 0.6 * window.bend)
    rings = np.searchsorted([0.10, 0.165, 0.25, 0.36, 0.49, 0.64, 0.80], r)
    turn = np.arctan2(dy, dx) + 0.9 * r
    cuts = np.array([1, 12, 12, 18, 18, 24, 24, 24])[rings]
    slot = np.floor((turn / (2 * np.pi)) * cuts + 0.5 * (rings % 2) + 0.18 * np.sin(14 * r))
    slot = np.mod(slot, cuts)
    warm = r / 0.86 + 0.075 * np.where(slot % 2 == 0, 1, -1) * (rings > 0) + 0.09 * np.sin(slot * 2.4 + rings)
    window.put(np.ones(SIZE, bool), rings * 100 + slot, ramp(RAYS, warm))
    petals = 0.105 + 0.028 * np.abs(np.sin(6 * turn))
    window.trace += (np.abs(np.sin(36 * turn)) < 0.16) * smoothstep(0.064, 0.07, r) * smoothstep(0.115, 0.085, r)
    window.put(
        r < petals, np.floor(np.mod(turn / np.pi * 6, 12)), ramp(palette("fff0b0 ffd24a fba321"), (r - 0.05) / 0.08)
    )
    face = np.abs(np.sin(r * 260 + 0.8 * np.sin(6 * turn))) < 0.22
    window.trace += face * (r < 0.052) * 0.45
    window.put(r < 0.062, np.zeros(SIZE), palette("fff6cf")[0])


def _hills(window: Window) -> None:
    """Three hills one before the other, cut across by curves; a river winds down between them."""
    x, y = window.x, window.y
    tops = [
        0.68 + 0.055 * np.sin(5.2 * x + 0.5),
        0.77 + 0.065 * np.sin(4.1 * x + 2.9),
        0.92 + 0.05 * np.sin(5.0 * x + 0.2),
    ]
    for k, (top, colours) in enumerate(zip(tops, HILLS, strict=True)):
        depth = y - top
        bands = np.floor(depth / (0.075 + 0.02 * k) + 0.25 * np.sin(6 * x + k))
        across = np.floor(5.5 * x + 3.2 * depth + 0.5 * bands + 0.3 * np.sin(9 * y))
        tone = 0.75 - 1.6 * depth + 0.28 * np.sin(across * 2.1 + bands * 1.7)
        window.put(depth > 0, bands * 40 + across, ramp(colours, tone))
    middle = 0.50 + 0.16 * np.sin(8.2 * (y - 0.70)) * smoothstep(0.68, 0.95, y) + 0.05 * (y - 0.7)
    half = 0.022 + 0.26 * np.clip(y - 0.735, 0, 1)
    across = (x - middle) / half
    flow = np.floor(9 * np.sqrt(np.clip(y - 0.70, 0, 1)) * 2.2 + 0.5 * across**2)
    lane = np.floor(across * 1.5 + 0.5 + 0.3 * np.sin(20 * y))
    window.put(
        (np.abs(across) < 1) & (y > tops[0] + 0.055),
        flow * 10 + lane,
        ramp(RIVER, 0.5 + 0.4 * np.sin(flow * 2.3 + lane * 1.9)),
    )


def _poppy(window: Window, cx: float, cy: float, *, radius: float, turn: float, foot: float) -> None:
    """Stem, two leaves and a flower of six overlapping petals around a dark heart."""
    x, y = window.x, window.y
    stem = cx + (foot - cx) * smoothstep(cy, 1.3, y)
    on_stem = (np.abs(x - stem) < 0.011) & (y > cy)
    window.put(on_stem, np.floor((y + 0.03 * turn) / 0.12), palette("4a9a2e")[0])
    for side, place in ((-1, 0.50), (1, 0.68)):
        y0 = cy + (1.26 - cy) * place
        x0 = cx + (foot - cx) * float(smoothstep(cy, 1.3, np.float32(y0)))
        u = ((x - x0) * side * 0.83 - (y - y0) * 0.56) / 0.17
        v = ((y - y0) * 0.83 + (x - x0) * side * 0.56) / 0.17 + 0.22 * np.sin(np.pi * np.clip(u, 0, 1))
        belly = np.clip(np.sin(np.pi * np.clip(u, 0, 1)), 0, 1)
        blade = (np.abs(v) < 0.24 * belly**0.8 * (1 - 0.3 * u)) & (u > 0) & (u < 1)
        nerves = np.abs(np.sin(26 * (u + 0.8 * np.abs(v)))) < 0.16
        window.trace += blade * nerves * 0.8
        window.put(blade, (v > 0) * 3 + np.floor(u * 2), ramp(LEAF, 0.35 + 0.5 * (v < 0) + 0.2 * u))
    dx, dy = x - cx, (y - cy) * 1.06
    r, angle = np.hypot(dx, dy) / radius, np.arctan2(dy, dx) + turn
    for petals, reach, offset in ((6, 1.0, 0.0), (5, 0.68, 0.35)):
        wave = np.abs(np.cos(petals / 2 * (angle + offset)))
        outline = reach * (0.80 + 0.20 * wave**0.6)
        slot = np.floor(np.mod((angle + offset) / (2 * np.pi) * petals + 0.5, petals))
        ring = (r > 0.6 * reach + 0.08 * wave) if reach == 1.0 else np.zeros(SIZE, bool)
        tone = 0.25 + 0.55 * r / reach - 0.14 * (1 - wave) + 0.12 * np.sin(slot * 2.6 + offset) + 0.10 * ring
        window.put(r < outline, slot * 2, ramp(PETAL, tone))
    window.put(r < 0.30, np.zeros(SIZE), ramp(palette("e8c04a 4a1a3a 241030"), (r - 0.06) / 0.12))
    veins = np.abs(np.sin(12 * angle + 1.5 * np.sin(9 * r))) < 0.10 / np.maximum(r, 0.2)
    window.trace += veins * (r > 0.36) * (r < 0.94) * smoothstep(1.0, 0.3, r)


def _frame(window: Window) -> None:
    """A round arch of plain pieces, dark shards in the corners above it, a border of ruby, gold and blue."""
    x, y = window.x, window.y
    r = np.hypot(x - 0.5, y - 0.49)
    outer = np.where(y < 0.49, r, np.abs(x - 0.5))
    run = np.where(y < 0.49, np.arctan2(x - 0.5, 0.49 - y) * 0.45, np.sign(x - 0.5) * (0.707 + y - 0.49))
    window.put(
        (y < 0.49) & (r > 0.462),
        window.shards(90),
        ramp(palette("1a1450 2a2a92 5b2a8c 8c2a6e"), 0.5 + 0.3 * np.sin(9 * x + 13 * y)),
    )
    step = np.floor(run / 0.098 + 0.5)
    jewel = ramp(palette("a3142a e0a52a 1c4fae 1c7a6a"), np.mod(step * 0.6180 * 3, 3) / 3)
    window.put((outer > 0.415) & (outer < 0.462), step + 100, jewel)
    edge = np.minimum.reduce([x, y, x.max() - x, y.max() - y])
    side = np.where(np.minimum(x, x.max() - x) < np.minimum(y, y.max() - y), y, x + 7)
    step = np.floor(side / 0.0842)
    colour = ramp(palette("b5162c 7a1450 1d3fa8"), np.mod(step, 2) * 0.85 + 0.1 * np.sin(step * 3))
    window.put(edge < 0.038, step + 300 * (x > y) + 600 * (x + y > 1.13), colour)


def _panes(window: Window) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Numbered connected panes, slivers given to their neighbours; and where two forms meet."""
    _, joint = np.unique(window.form.astype(np.int64) * 100_000 + window.piece, return_inverse=True)
    label = components(joint.reshape(SIZE) + 1, connectivity=1)
    small = np.bincount(label.ravel())[label] < 260 * SCALE**2
    near = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    label, window.colour = label[tuple(near)], window.colour[tuple(near)]
    return np.unique(label, return_inverse=True)[1].reshape(SIZE).astype(np.int32), _seams(window.form[tuple(near)])


def _seams(label: NDArray) -> NDArray[np.bool_]:
    """Pixels where the label changes."""
    seam = np.zeros(SIZE, bool)
    seam[:, 1:] |= label[:, 1:] != label[:, :-1]
    seam[1:] |= label[1:] != label[:-1]
    return seam


def _glow(window: Window, label: NDArray[np.int32], rng: Rng) -> Array:
    """Each pane: its own colour, a slow change of depth across it, streaks of the pour, waviness and seeds."""
    count = int(label.max()) + 1
    index = np.arange(count)
    own = np.stack([ndimage.mean(window.colour[..., c], label, index) for c in range(3)], 1)
    own += rng.normal(0, 1, own.shape) * np.array([0.045, 0.014, 0.018])
    glass = own[label].astype(np.float32)
    glass = mix(glass, window.colour, 0.35)
    middle = np.array(ndimage.center_of_mass(np.ones(SIZE), label, index), np.float32)
    slope = rng.normal(0, 1, (count, 2)).astype(np.float32) / np.sqrt(np.bincount(label.ravel()))[:, None].astype(
        np.float32
    )
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    ramped = slope[label][..., 0] * (y - middle[label][..., 0]) + slope[label][..., 1] * (x - middle[label][..., 1])
    warp = 40 * noise(SIZE, 70 * SCALE, rng)
    across, down = noise(SIZE, (5 * SCALE, 60 * SCALE), rng, 3), noise(SIZE, (60 * SCALE, 5 * SCALE), rng, 3)
    swirl = sample(noise(SIZE, (9 * SCALE, 34 * SCALE), rng, 3), x + warp, y + 1.6 * warp)
    streak = np.choose(rng.integers(0, 3, count)[label], [across, down, swirl])
    glass[..., 0] += 0.10 * np.clip(ramped, -1.5, 1.5) + 0.048 * streak * (0.5 + glass[..., 0])
    glass[..., 1:] *= (1 + 0.14 * streak - 0.12 * np.clip(ramped, -1, 1))[..., None]
    turn = rng.normal(0, 0.022, (count, 2)).astype(np.float32)
    glass[..., 1:] += turn[label] * streak[..., None]
    ripple = noise(SIZE, 7 * SCALE, rng, 2) + 1.6 * noise(SIZE, 20 * SCALE, rng)
    shade, gloss = relief(ripple, 1.7, 1.5)
    glass[..., 0] += 0.13 * shade * glass[..., 0] + 0.10 * gloss
    from_sun = np.hypot(window.x - SUN[0], window.y - SUN[1])
    painted = ndimage.gaussian_filter(np.clip(window.trace, 0, 1), 1.0) * (0.75 + 0.2 * streak)
    glass *= 1 - 0.55 * np.clip(painted, 0, 1)[..., None]
    glass[..., 0] += 0.075 * np.exp(-((from_sun / 0.40) ** 2)) - 0.03
    return glass


def paint() -> Image.Image:
    """Panes lit from behind, patina where they meet the lead, and the rounded, soldered lead on top."""
    rng = np.random.default_rng(31)
    window = Window(rng)
    _sky(window)
    _hills(window)
    _poppy(window, 0.235, 0.815, radius=0.125, turn=0.3, foot=0.30)
    _poppy(window, 0.775, 0.885, radius=0.115, turn=1.0, foot=0.70)
    _poppy(window, 0.475, 1.03, radius=0.135, turn=2.2, foot=0.52)
    _frame(window)
    label, joints = _panes(window)
    glass = _glow(window, label, rng)
    seam = _seams(label)
    hand = 1 + 0.12 * noise(SIZE, 40 * SCALE, rng, 2)  # came is drawn and bent by hand
    thin = ndimage.distance_transform_edt(~seam) / (3.3 * hand)
    thick = ndimage.distance_transform_edt(~(joints & seam)) / (5.0 * hand)
    where = ndimage.gaussian_filter(np.minimum(thin, thick), 1.2).astype(np.float32)
    grime = 0.75 + 0.25 * noise(SIZE, 4 * SCALE, rng, 2)
    glass[..., 0] -= 0.20 * np.exp(-np.clip(where - 1, 0, None) / 1.3) * grime * (0.4 + glass[..., 0])
    corners = ndimage.uniform_filter(seam.astype(np.float32), 9)
    solder = smoothstep(0.33, 0.42, ndimage.gaussian_filter(corners, 2.0))
    round_ = np.sqrt(np.clip(1 - where**2, 0, 1)) * 3.2 + 1.2 * solder + 0.15 * noise(SIZE, 3 * SCALE, rng, 2)
    shade, gloss = relief(round_, 0.9, 1.2)
    lead = np.broadcast_to(LEAD, (*SIZE, 3)).copy()
    lead[..., 0] += 0.16 * shade + 0.30 * gloss + 0.05 * solder
    return finish(mix(glass, lead, 1 - smoothstep(0.86, 1.16, where)))
