"""Tesserae: a leaping fish in stone and gold; tiles stand in rows along the level lines of each form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from .fields import SCALE, Array, Rng, finish, grid, mix, noise, palette, ramp, relief, sample, smoothstep

SIZE = (768 * SCALE, 768 * SCALE)
SUN, SEA = (0.735, 0.235), 0.63
GOLD = palette("8a5a1a b98226 d9a63a ecc766 f6e2a0")
SEA_RAMP = palette("10184a 17307e 1c55a6 2a86b4 5fb6bd d8ead8")
FISH = palette("4a1420 8e2a22 c2502c e08a4a f3cd8e fbf0d4")
SUN_RAMP = palette("fff4d2 fbdc7a f0a93a d9632a a52a22")


@dataclass
class Part:
    """A form of the motif: where it is, the field its rows follow (in pixels), tile size and colours."""

    mask: NDArray[np.bool_]
    rows: Array
    tile: float
    colour: Array


def _parts(rng: Rng) -> list[Part]:
    """From the back to the front; later parts cover earlier ones."""
    y, x = grid(*SIZE)
    unit = SIZE[0]
    drift = noise(SIZE, 80 * SCALE, rng, 2)
    from_sun = np.hypot(x - SUN[0], y - SUN[1])
    angle = np.arctan2(y - SUN[1], x - SUN[0])
    everywhere = np.ones(SIZE, bool)
    tone = 0.50 + 0.16 * np.sin(22 * from_sun) + 0.10 * drift + 0.30 * np.exp(-from_sun / 0.2) - 0.25 * from_sun
    sky = mix(
        ramp(GOLD, tone),
        palette("a5432a")[0],
        0.75 * smoothstep(0.55, 0.9, np.sin(angle * 16 + 7 * from_sun)) * smoothstep(0.95, 0.3, from_sun),
    )
    parts = [Part(everywhere, from_sun * unit + 6 * drift, 29, sky)]
    parts.append(
        Part(from_sun < 0.135, from_sun * unit, 24, ramp(SUN_RAMP, from_sun / 0.135 + 0.06 * np.sin(angle * 12)))
    )
    parts += _sea(x, y, unit, drift)
    parts += _fish(x, y, unit)
    edge = np.minimum.reduce([x, y, x.max() - x, y.max() - y])
    along = np.where((x == edge) | (x.max() - x == edge), y, x)
    colours = np.where((edge > 0.013) & (edge < 0.027), np.sign(np.sin(along * 58)) * 0.5 + 0.5, 0)
    frame = mix(np.broadcast_to(palette("141a44")[0], (*SIZE, 3)), palette("e9dcc0")[0], colours.astype(np.float32))
    parts.append(
        Part(edge < 0.0405, edge * unit, 20.7, np.where((edge > 0.027)[..., None], palette("9c3a26")[0], frame))
    )
    return parts


def _sea(x: Array, y: Array, unit: int, drift: Array) -> list[Part]:
    """Three swells, each with a light crest and its own bend."""
    parts = []
    for k, (level, height, pace, phase) in enumerate(
        [(SEA, 0.022, 15, 0.3), (SEA + 0.10, 0.032, 11, 2.2), (SEA + 0.225, 0.036, 8.5, 4.4)]
    ):
        crest = level + height * (1 - 2 * np.abs(np.sin(0.5 * pace * x + phase)) ** 1.4)
        depth = y - crest
        tone = (
            0.95
            - 8.5 * depth
            + 3.2 * np.clip(depth - 0.07, 0, 1)
            + 0.09 * drift
            - 0.06 * k
            + 0.12 * np.sin(depth * 130)
        )
        parts.append(
            Part(
                depth > 0,
                depth * unit / np.sqrt(1 + 0.15 * np.cos(0.5 * pace * x + phase) ** 2),
                27,
                ramp(SEA_RAMP, tone),
            )
        )
    return parts


def _fish(x: Array, y: Array, unit: int) -> list[Part]:
    """The fish bends along a circle: `along` runs from nose to tail, `across` from belly to back."""
    cx, cy, radius, span = 0.505, 0.835, 0.345, 0.74 * np.pi
    r, turn = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx)
    along = np.mod(-0.30 * np.pi - turn, 2 * np.pi) / span  # 0 at the nose, right; 1 at the tail, left
    along = np.where(along > 1.5, along - 2 * np.pi / span, along)
    length = radius * span
    across = r - radius
    half = 0.112 * np.clip(np.sin(np.pi * np.clip(along, 0, 1) ** 0.70), 0, 1) ** 0.72 * (1 - 0.5 * along) + 0.005
    body = (np.abs(across) < half) & (along > 0) & (along < 0.86)
    flare = np.clip((along - 0.80) / 0.20, 0, 1)
    tail = (along >= 0.80) & (along < 1.0 - 0.09 * np.exp(-((across / 0.035) ** 2)))
    tail &= np.abs(across) < 0.030 + 0.125 * flare**1.3
    arch = np.clip((along - 0.24) / 0.46, 0, 1)
    fin_height = 0.085 * np.clip(np.sin(np.pi * arch**0.7), 0, 1) ** 0.6 * (0.86 + 0.14 * np.abs(np.sin(arch * 22)))
    fin = (across > 0) & (across < half + fin_height) & (along > 0.24) & (along < 0.70)
    belly = np.clip((along - 0.44) / 0.18, 0, 1)
    fin |= (across < 0) & (-across < half + 0.06 * np.sin(np.pi * belly**1.4)) & (along > 0.44) & (along < 0.62)
    outside = ndimage.distance_transform_edt(~(body | tail | fin)).astype(np.float32)
    rays, fan = np.sin(along * 64 - 9 * across), np.sin(across * 150)
    edging = np.where((outside < 19)[..., None], palette("160f2a")[0], palette("f3e3bd")[0])
    scales = np.sin(along * 74) * np.sin(across * 150)
    tone = 0.52 - 0.48 * across / np.maximum(half, 0.02) + 0.17 * scales
    gill = np.hypot((along - 0.03) * length, across * 0.75)
    head = body & (gill < 0.135)
    cheek = ramp(palette("f7dca0 e59a48 b8502c 7a2230"), 0.30 + 0.8 * across / 0.1 + 0.25 * np.sin(gill * 150))
    mouth = (np.abs(across + 0.016 + 0.10 * along) < 0.007) & (along < 0.085) & body
    eye = np.hypot((along - 0.118) * length, across - 0.026)
    ring = ramp(palette("0c0a18 0c0a18 fbf6e6 1c4fa0"), eye / 0.032)
    return [
        Part(outside < 38, outside, 19, edging),
        Part(fin & ~body, along * length * unit, 19, ramp(FISH, 0.42 + 0.28 * rays)),
        Part(tail, across * unit * (0.7 - 0.2 * flare), 17, ramp(FISH, 0.42 + 0.25 * fan + 0.18 * flare)),
        Part(body, across * unit, 19, ramp(FISH, tone)),
        Part(head, gill * unit, 17, cheek),
        Part(mouth, across * unit, 14, np.broadcast_to(palette("1a0f20")[0], (*SIZE, 3))),
        Part(eye < 0.032, eye * unit + 4, 13, ring),
    ]


def _rows(part: Part, visible: NDArray[np.bool_], rng: Rng) -> list[tuple[float, float, float, float]]:
    """Tile centres `(x, y, angle, size)` at even steps along the level lines of the part."""
    values = part.rows[visible]
    tiles = []
    for level in np.arange(np.floor(values.min() / part.tile) + 0.5, values.max() / part.tile):
        for line in find_contours(part.rows, level * part.tile, mask=visible):
            steps = np.hypot(*np.diff(line, axis=0).T)
            run = np.concatenate([[0], np.cumsum(steps)])
            at = np.cumsum(
                part.tile * rng.uniform(0.82, 1.25, int(run[-1] / part.tile / 0.8) + 1)
            ) - part.tile * rng.uniform(0.2, 0.8)
            at = at[(at >= 0) & (at <= run[-1])]
            ys, xs = np.interp(at, run, line[:, 0]), np.interp(at, run, line[:, 1])
            reach = part.tile / 2
            dy = np.interp(at + reach, run, line[:, 0]) - np.interp(at - reach, run, line[:, 0])
            dx = np.interp(at + reach, run, line[:, 1]) - np.interp(at - reach, run, line[:, 1])
            tiles += [
                (a, b, t, part.tile)
                for a, b, t in zip(xs, ys, np.arctan2(dy, dx) + rng.normal(0, 0.05, len(xs)), strict=True)
            ]
    return tiles


def _thinned(tiles: NDArray) -> NDArray:
    """Tiles without those that would stand on an earlier one."""
    tree = cKDTree(tiles[:, :2])
    keep = np.ones(len(tiles), bool)
    for i, near in enumerate(tree.query_ball_point(tiles[:, :2], tiles[:, 3] * 0.6)):
        keep[i] = not any(j < i and keep[j] for j in near)
    return tiles[keep]


def _set(tiles: NDArray, label: NDArray[np.int32], reach: Array, owner: NDArray[np.int8], first: int) -> None:
    """Each pixel goes to the tile whose square, grown evenly, gets there first; tiles so cut each other to fit."""
    for k, (cx, cy, angle, size) in enumerate(tiles, start=first):
        x0, y0 = max(int(cx - size), 0), max(int(cy - size), 0)
        here = np.s_[y0 : min(int(cy + size) + 1, SIZE[0]), x0 : min(int(cx + size) + 1, SIZE[1])]
        y, x = np.mgrid[here]
        u = np.cos(angle) * (x - cx) + np.sin(angle) * (y - cy)
        v = np.cos(angle) * (y - cy) - np.sin(angle) * (x - cx)
        far = np.maximum(np.abs(u), np.abs(v)) / (size / 2)
        home = sample(owner, np.array(cx), np.array(cy))
        wins = (far < reach[here]) & (owner[here] == home)
        reach[here][wins], label[here][wins] = far[wins], k


def _lay(parts: list[Part], rng: Rng) -> tuple[NDArray[np.int32], NDArray]:
    """The label of the tile at every pixel, and the tiles."""
    owner = np.zeros(SIZE, np.int8)
    for k, part in enumerate(parts):
        owner[part.mask] = k
    tiles = np.concatenate(
        [_thinned(np.array(_rows(part, owner == k, rng))) for k, part in enumerate(parts) if (owner == k).any()]
    )
    label, reach = np.zeros(SIZE, np.int32), np.full(SIZE, 1.45, np.float32)
    _set(tiles, label, reach, owner, 1)
    for _ in range(2):  # chips of stone for the holes that are left where rows meet
        depth = ndimage.distance_transform_edt(label == 0)
        peaks = (depth == ndimage.maximum_filter(depth, 9)) & (depth > 2.5)
        ys, xs = np.nonzero(peaks)
        chips = np.stack([xs, ys, rng.uniform(0, np.pi, len(xs)), 3.0 * depth[peaks]], 1)
        _set(chips, label, reach, owner, len(tiles) + 1)
        tiles = np.concatenate([tiles, chips])
    return label, tiles


def paint() -> Image.Image:
    """Rows of tiles, each tipped and coloured a little differently, bevelled, in a dark bed of mortar."""
    rng = np.random.default_rng(5)
    parts = _parts(rng)
    colour = np.zeros((*SIZE, 3), np.float32)
    for part in parts:
        colour = np.where(part.mask[..., None], part.colour, colour).astype(np.float32)
    label, tiles = _lay(parts, rng)
    own = sample(colour, tiles[:, 0], tiles[:, 1]) + rng.normal(0, 1, (len(tiles), 3)) * np.array([0.048, 0.010, 0.014])
    own = np.concatenate([palette("2e2722"), own]).astype(np.float32)
    tip = rng.normal(0, 1, (len(tiles) + 1, 2)).astype(np.float32)  # no tile lies quite level
    middle = np.concatenate([[[0, 0]], tiles[:, :2]]).astype(np.float32)
    seams = np.zeros(SIZE, bool)
    seams[:, 1:] |= label[:, 1:] != label[:, :-1]
    seams[1:] |= label[1:] != label[:-1]
    inset = ndimage.gaussian_filter(ndimage.distance_transform_edt(~seams & (label > 0)), 0.7).astype(np.float32)
    grain = noise(SIZE, (4 * SCALE, 9 * SCALE), rng, 2)
    inset += 0.3 * noise(SIZE, 6 * SCALE, rng)
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    slant = (tip[label] * np.stack([x - middle[label][..., 0], y - middle[label][..., 1]], -1)).sum(-1)
    stone = own[label]
    stone[..., 0] += 0.0035 * slant + 0.010 * grain
    shade, gloss = relief(np.minimum(inset, 4.5) + 0.12 * grain, 0.55, 1.1)
    stone[..., 0] += 0.17 * shade * (0.4 + stone[..., 0]) + 0.10 * gloss
    mortar = palette("443a32")[0] + noise(SIZE, 3 * SCALE, rng, 2)[..., None] * np.array([0.02, 0, 0.004], np.float32)
    return finish(mix(mortar, stone, smoothstep(1.0, 2.6, inset)))
