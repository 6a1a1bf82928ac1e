"""Masks from strokes: areas against formulas and other programs, order, scale, checks and files."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.draw import polygon2mask

from impasto.errors import UsageError
from impasto.image import Stroke, draw_mask, files_in, load, load_mask, pieces, read_drawing, strokes_from, write
from impasto.image import canvas as canvas_module
from impasto.image.mask import resize_mask
from impasto.image.spaces import SPACES

RNG = np.random.default_rng(5)
SQUARE = [(10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0)]


def brush(*points: tuple[float, float], radius: float = 6, erase: bool = False) -> Stroke:
    return Stroke("brush", points, erase, radius)


def scribble(count: int, step: float, start: tuple[float, float]) -> list[tuple[float, float]]:
    turn = np.cumsum(np.random.default_rng(count).normal(0, 0.4, count))
    points = np.asarray(start) + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1) * step, 0)
    return [(float(x), float(y)) for x, y in points]


def distances(points: list[tuple[float, float]], height: int, width: int, fine: int) -> np.ndarray[Any, Any]:
    """Return the distances from a line, plainly, of `fine` x `fine` points in each pixel."""
    y, x = ((np.arange(side * fine) + 0.5) / fine for side in (height, width))
    place = np.stack(np.meshgrid(x, y), -1)
    least = np.full(place.shape[:2], np.inf)
    for a, b in zip(points, points[1:] or points, strict=False):
        start, step = np.asarray(a), np.subtract(b, a)
        share = ((place - start) @ step / max(step @ step, 1e-12)).clip(0, 1)
        least = np.minimum(least, np.hypot(*np.moveaxis(place - start - share[..., None] * step, -1, 0)))
    return least


@pytest.mark.parametrize("radius", [0.5, 1, 1.7, 2, 5, 21.3, 40])
@pytest.mark.parametrize("centre", [(50, 50), (50.5, 49.5), (49.31, 50.77)])
def test_the_area_of_a_disc(radius: float, centre: tuple[float, float]) -> None:
    area = float(draw_mask([brush(centre, radius=radius)], (100, 101)).sum())
    assert area == pytest.approx(math.pi * radius**2, rel=0.005)


@pytest.mark.parametrize("angle", [0, 0.3, math.pi / 4, 1.2, math.pi / 2])
@pytest.mark.parametrize("radius", [0.3, 1, 3, 12.4])
def test_the_area_of_a_thick_segment(angle: float, radius: float) -> None:
    end = (60 + 40 * math.cos(angle), 20.4 + 40 * math.sin(angle))
    area = float(draw_mask([brush((60, 20.4), end, radius=radius)], (100, 160)).sum())
    assert area == pytest.approx(math.pi * radius**2 + 2 * radius * 40, rel=0.005)


@pytest.mark.parametrize("radius", [0.7, 4, 15])
def test_a_line_is_the_points_within_its_radius(radius: float) -> None:
    points = scribble(24, 4, (40, 45))
    expected = (distances(points, 100, 90, 10) <= radius).reshape(100, 10, 90, 10).mean((1, 3))
    mask = draw_mask([brush(*points, radius=radius)], (100, 90))[0, 0].numpy()
    error = np.abs(mask - expected)
    assert (error > 0.05).mean() < 0.002  # the reference has 100 points in a pixel
    assert error.mean() < 0.002
    assert mask.sum() == pytest.approx(expected.sum(), rel=0.002)
    assert mask[expected == 1].min() > 0.93  # least where two segments meet at the inner side of a bend
    assert 0.005 < expected.mean() < 0.9


def test_a_line_beyond_the_canvas_is_cut() -> None:
    whole = draw_mask([brush((-30, 20), (90, 50), radius=25)], (70, 70))
    inner = draw_mask([brush((-30 + 30, 20 + 30), (90 + 30, 50 + 30), radius=25)], (130, 130))[..., 30:100, 30:100]
    torch.testing.assert_close(whole, inner, atol=1e-6, rtol=0)
    assert draw_mask([brush((500, 500)), brush((-5e5, -5e5))], (70, 70)).max() == 0
    assert draw_mask([brush((-5e5, 20), (5e5, 20), radius=1e6)], (70, 70)).min() == 1


@pytest.mark.parametrize("corners", [3, 5, 12])
def test_polygons_of_another_program(corners: int) -> None:
    turn = np.sort(RNG.uniform(0, 2 * np.pi, corners))
    reach = RNG.uniform(20, 55, corners)
    points = np.stack([60 + reach * np.cos(turn), 65 + reach * np.sin(turn)], 1)
    mask = draw_mask([Stroke("polygon", points.tolist())], (130, 125))[0, 0].numpy()
    # The centre of a pixel is a whole number there, and the axes are (row, column).
    fine = polygon2mask((130 * 8, 125 * 8), points[:, ::-1] * 8 - 0.5).reshape(130, 8, 125, 8).mean((1, 3))
    assert np.abs(mask - fine).max() < 0.15
    assert (np.abs(mask - fine) > 0.06).mean() < 0.002
    x, y = points.T
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert mask.sum() == pytest.approx(area, rel=1e-5)


def test_polygons_are_even_odd() -> None:
    corners = [(50 + 40 * math.sin(4 * math.pi * i / 5), 50 - 40 * math.cos(4 * math.pi * i / 5)) for i in range(5)]
    mask = draw_mask([Stroke("polygon", corners)], (100, 100))[0, 0]
    assert mask[50, 50] == 0  # the star is hollow
    assert mask[20, 50] == 1
    twice = draw_mask([Stroke("polygon", SQUARE + SQUARE)], (40, 40))
    assert twice.max() == 0


def test_polygons_may_reach_beyond_the_canvas() -> None:
    points = [(-40.5, 12.25), (25.0, -31.0), (90.0, 17.5), (13.0, 80.0), (20.0, 20.0)]
    moved = [(x + 50, y + 40) for x, y in points]
    inner = draw_mask([Stroke("polygon", moved)], (140, 160))[..., 40:90, 50:110]
    torch.testing.assert_close(draw_mask([Stroke("polygon", points)], (50, 60)), inner, atol=1e-6, rtol=0)
    assert 0.2 < float(inner.mean()) < 0.99
    far = [(-1e6, -1e6), (1e6, -1e6), (1e6, 1e6), (-1e6, 1e6)]
    assert draw_mask([Stroke("polygon", far)], (50, 60)).min() == 1


def test_a_polygon_on_whole_pixels_is_sharp() -> None:
    expected = torch.zeros(1, 1, 40, 50)
    expected[..., 10:30, 10:30] = 1
    for points in (SQUARE, SQUARE[::-1], [*SQUARE, SQUARE[0]]):
        assert torch.equal(draw_mask([Stroke("polygon", points)], (40, 50)), expected)


def patches() -> torch.Tensor:
    """A photo of noise in 12 colours, in pieces of several sizes."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(700, 600)), 6)
    ranks = np.digitize(smooth, np.quantile(smooth, np.linspace(0, 1, 5)[1:-1]))
    colors = torch.tensor([[0.1, 0.2, 0.8], [0.15, 0.25, 0.8], [0.9, 0.5, 0.1], [0.2, 0.7, 0.3]])
    return colors[torch.from_numpy(ranks)].permute(2, 0, 1)[None]


@pytest.mark.parametrize("tolerance", [0.0, 0.08, 0.3, 1.0])
def test_floods_are_labels_of_another_program(tolerance: float) -> None:
    photo = patches()
    lab = SPACES["oklab"].forward(photo)[0].numpy()
    for x, y in [(0.0, 0.0), (300.5, 350.2), (600.0, 700.0), (17.9, 444.4)]:
        row, column = min(int(y), 699), min(int(x), 599)
        similar = np.linalg.norm(lab - lab[:, row, column][:, None, None], axis=0) <= tolerance + 1e-5
        labels, _ = ndimage.label(similar)
        flood = Stroke("flood", [(x, y)], tolerance=tolerance)
        mask = draw_mask([flood], (700, 600), photo=photo)[0, 0].numpy()
        np.testing.assert_array_equal(mask, labels == labels[row, column])
    assert tolerance < 1 or mask.min() == 1


def test_a_flood_at_another_size_is_found_in_the_photo() -> None:
    photo = patches()
    flood = Stroke("flood", [(300.5, 350.2)], tolerance=0.08)
    whole = draw_mask([flood], (700, 600), photo=photo)
    small = draw_mask([flood], (140, 120), photo=photo)
    torch.testing.assert_close(small, resize_mask(whole, (140, 120)))
    assert 0 < float(whole.mean()) < 1
    # A smaller copy of the photo has the same coordinates.
    half = Stroke("flood", [(601, 700.4)], tolerance=0.08)
    torch.testing.assert_close(draw_mask([half], (700, 600), photo=photo, photo_size=(1400, 1200)), whole)


def test_a_flood_needs_its_photo() -> None:
    with pytest.raises(UsageError, match="a flood needs the photo"):
        draw_mask([Stroke("flood", [(3, 3)], tolerance=0.1)], (20, 20))
    with pytest.raises(UsageError, match="the point 601,3 of a flood is outside of the photo of 600x700"):
        draw_mask([Stroke("flood", [(601, 3)], tolerance=0.1)], (700, 600), photo=torch.zeros(1, 3, 700, 600))


def mixed() -> list[Stroke]:
    return [
        brush(*scribble(30, 7, (60, 80)), radius=9.3),
        Stroke("polygon", [(100, 20), (180, 60.5), (120.25, 110), (90, 70)]),
        brush(*scribble(20, 9, (120, 60)), radius=4.2, erase=True),
        brush((30, 130), radius=17.9),
        Stroke("invert"),
        brush((150, 100), (170, 30), radius=2.5, erase=True),
    ]


@pytest.mark.parametrize("factor", [2, 3])
def test_shapes_are_the_same_at_every_size(factor: int) -> None:
    size = (150, 200)
    large = draw_mask(mixed(), (150 * factor, 200 * factor), photo_size=size)
    means = large.view(1, 1, 150, factor, 200, factor).mean((3, 5))
    error = (means - draw_mask(mixed(), size)).abs()
    assert (error > 1 / 255).float().mean() < 0.004  # where edges cross within a pixel
    assert error.mean() < 2e-4


def test_any_two_sizes() -> None:
    """Edges of pixels are rounded numbers of the photo, and must not lead beyond the last pixel."""
    random = np.random.default_rng(9)
    for _ in range(200):
        photo, size = ((int(side[0]), int(side[1])) for side in random.integers(1, 300, (2, 2)))
        points = [(float(x), float(y)) for x, y in random.uniform(-0.2, 1.2, (5, 2)) * photo[::-1]]
        radius = float(random.uniform(0.05, 1) * max(photo))
        for stroke in (brush(*points, radius=radius), Stroke("polygon", points)):
            mask = draw_mask([stroke], size, photo_size=photo)
            assert mask.shape == (1, 1, *size)
            assert 0 <= mask.min() <= mask.max() <= 1


def test_both_axes_have_their_own_scale() -> None:
    """A preview is rounded to whole pixels, so its scale is not quite the same on both axes."""
    strokes = [brush((100, 75), radius=50), Stroke("polygon", [(10, 10), (60, 20), (20, 90)])]
    squeezed = draw_mask(strokes, (150, 100), photo_size=(150, 200))
    means = draw_mask(strokes, (150, 200)).view(1, 1, 150, 100, 2).mean(4)
    assert (squeezed - means).abs().max() < 0.01


def test_strokes_are_drawn_in_order() -> None:
    add, erase = brush((20, 20), radius=15), brush((30, 20), radius=15, erase=True)
    first, then = draw_mask([add, erase], (40, 50)), draw_mask([erase, add], (40, 50))
    assert torch.equal(then, draw_mask([add], (40, 50)))
    cut = draw_mask([brush((30, 20), radius=15)], (40, 50))
    assert torch.equal(first, torch.minimum(then, 1 - cut))
    assert first[0, 0, 20, 20] == 0
    assert first[0, 0, 20, 8] == 1


def test_a_stroke_twice_is_the_same_as_once() -> None:
    for stroke in mixed()[:4]:
        start = [Stroke("all")] if stroke.erase else []
        assert torch.equal(draw_mask([*start, stroke, stroke], (150, 200)), draw_mask([*start, stroke], (150, 200)))


def test_undo_is_the_last_stroke_left_out() -> None:
    """Each stroke on the mask of the strokes before it is the same as all at once."""
    strokes, size = mixed(), (150, 200)
    for count in range(1, len(strokes) + 1):
        before = draw_mask(strokes[: count - 1], size)
        assert torch.equal(draw_mask([strokes[count - 1]], size, base=before), draw_mask(strokes[:count], size))


def test_all_and_invert() -> None:
    spot = brush((20, 20))
    assert draw_mask([Stroke("all")], (30, 40)).min() == 1
    assert draw_mask([spot, Stroke("all", erase=True)], (30, 40)).max() == 0
    torch.testing.assert_close(draw_mask([spot, Stroke("invert")], (30, 40)), 1 - draw_mask([spot], (30, 40)))
    assert draw_mask([], (30, 40)).shape == (1, 1, 30, 40)
    assert draw_mask([], (30, 40)).dtype == torch.float32


def test_a_base_of_any_size() -> None:
    base = torch.rand(1, 1, 60, 80, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(draw_mask([], (30, 40), base=base), resize_mask(base, (30, 40)))
    before = base.clone()
    draw_mask([Stroke("all")], (60, 80), base=base)
    assert torch.equal(base, before)


@pytest.mark.parametrize("deviation", [0.4, 1.9, 2.1, 9.0, 70.0])
def test_feather_is_a_gaussian(deviation: float) -> None:
    mask = draw_mask(mixed(), (150, 200)).numpy()[0, 0].astype(np.float64)
    expected = ndimage.gaussian_filter(mask, deviation, mode="reflect", truncate=8)
    result = draw_mask(mixed(), (150, 200), feather=deviation)[0, 0].numpy()
    np.testing.assert_allclose(result, expected, atol=1 / 1000)
    assert result.min() >= 0
    assert result.max() <= 1


def test_feather_is_in_pixels_of_the_photo() -> None:
    """The blur of an edge: a quarter and three quarters are 0.6745 deviations to both sides of it."""
    edge = Stroke("polygon", [(-10, -10), (100, -10), (100, 400), (-10, 400)])
    row = draw_mask([edge], (75, 50), photo_size=(300, 200), feather=20)[0, 0, 37]
    below = (np.interp([-0.75, -0.25], -row.numpy(), np.arange(50)) + 0.5) * 4
    np.testing.assert_allclose(below, [100 - 0.6745 * 20, 100 + 0.6745 * 20], atol=0.1)


@pytest.mark.parametrize("feather", [-1, math.nan, math.inf, "3", True, 1e9])
def test_wrong_feather(feather: Any) -> None:
    with pytest.raises(UsageError, match="feather is"):
        draw_mask([], (20, 20), feather=feather)


def test_wrong_sizes() -> None:
    for size in ((0, 5), (5, -1), (100_000, 100_000)):
        with pytest.raises(UsageError, match="pixels"):
            draw_mask([], size)
        with pytest.raises(UsageError, match="the photo is"):
            draw_mask([], (20, 20), photo_size=size)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1], "it is a list; expected an object"),
        ({}, "it has no tool; allowed: brush, polygon, flood, all, invert"),
        ({"tool": 3}, "the tool is 3"),
        ({"tool": "brsh", "points": [[1, 2]], "radius": 3}, r"unknown tool 'brsh' \(did you mean 'brush'\?\)"),
        ({"tool": "brush", "points": [[1, 2]], "raduis": 3}, r"unknown name 'raduis' \(did you mean 'radius'\?\)"),
        ({"tool": "brush", "points": [[1, 2]], 7: 3}, "unknown name '7'"),
        ({"tool": "brush", "points": [[1, 2]]}, "radius of brush is missing; allowed: numbers from 0.05 to 1e"),
        ({"tool": "brush", "points": [[1, 2]], "radius": 0}, "radius of brush is 0"),
        ({"tool": "brush", "points": [[1, 2]], "radius": -2.5}, "radius of brush is -2.5"),
        ({"tool": "brush", "points": [[1, 2]], "radius": "4"}, "radius of brush is '4'"),
        ({"tool": "brush", "points": [[1, 2]], "radius": True}, "radius of brush is true"),
        ({"tool": "brush", "points": [[1, 2]], "radius": math.nan}, "radius of brush is nan"),
        ({"tool": "brush", "points": [[1, 2]], "radius": 10**400}, "radius of brush is a huge number"),
        ({"tool": "brush", "points": [[1, 2]], "radius": 3, "tolerance": 0.5}, "brush has no tolerance"),
        ({"tool": "brush", "points": [], "radius": 3}, "brush has 0 points; allowed: 1 to 20000"),
        ({"tool": "brush", "radius": 3}, "brush has 0 points"),
        ({"tool": "brush", "points": "12", "radius": 3}, "points of brush is '12'; expected a list"),
        ({"tool": "brush", "points": {"0": [1, 2]}, "radius": 3}, "points of brush is a dict; expected a list"),
        ({"tool": "brush", "points": [[1, 2], [3]], "radius": 3}, r"point 2 of brush is a list; expected \[x, y\]"),
        ({"tool": "brush", "points": [[1, 2, 3]], "radius": 3}, r"point 1 of brush is a list; expected \[x, y\]"),
        ({"tool": "brush", "points": [["1", 2]], "radius": 3}, "x of point 1 of brush is '1'"),
        ({"tool": "brush", "points": [[1, None]], "radius": 3}, "y of point 1 of brush is missing"),
        ({"tool": "brush", "points": [[1, math.inf]], "radius": 3}, "y of point 1 of brush is inf"),
        ({"tool": "brush", "points": [[-2e6, 1]], "radius": 3}, r"x of point 1 of brush is -2e\+06; allowed: numbers"),
        ({"tool": "brush", "points": [[1, 2]], "radius": 3, "erase": 1}, "erase of brush is 1; allowed: true or false"),
        ({"tool": "polygon", "points": [[1, 2], [3, 4]]}, "polygon has 2 points; allowed: 3 to 20000"),
        (
            {"tool": "polygon", "points": [[1, 2]] * 3, "radius": 2},
            "polygon has no radius; it has: tool, erase, points",
        ),
        ({"tool": "flood", "points": [[1, 2]]}, "tolerance of flood is missing; allowed: numbers from 0 to 1"),
        ({"tool": "flood", "points": [[1, 2]] * 2, "tolerance": 0.1}, "flood has 2 points; allowed: 1"),
        ({"tool": "flood", "points": [[1, 2]], "tolerance": 1.1}, "tolerance of flood is 1.1"),
        ({"tool": "all", "points": [[1, 2]]}, "all has 1 points; allowed: 0"),
        ({"tool": "invert", "erase": True}, "erase of invert is true; allowed: false"),
        ({"tool": "x" * 10**6}, "unknown tool 'xxx"),
    ],
)
def test_every_value_is_checked(values: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Stroke.from_mapping(values)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    with pytest.raises(UsageError, match=f"stroke 2: {message}"):
        strokes_from([{"tool": "all"}, values])


def test_valid_strokes_of_the_page() -> None:
    values = [
        {"tool": "brush", "erase": False, "radius": 8, "points": [[1, 2.5], [3, 4]]},
        {"tool": "polygon", "erase": True, "points": [[1, 2], [3, 4], [5, 6]]},
        {"tool": "flood", "erase": False, "points": [[3, 4]], "tolerance": 0},
        {"tool": "all", "erase": True, "points": []},
        {"tool": "invert", "points": []},
    ]
    strokes = strokes_from(json.loads(json.dumps(values)))
    assert [stroke.tool for stroke in strokes] == ["brush", "polygon", "flood", "all", "invert"]
    assert strokes[0] == Stroke("brush", ((1.0, 2.5), (3.0, 4.0)), False, 8.0)
    assert len({*strokes, *strokes}) == 5  # they can be keys


def test_too_many_are_refused() -> None:
    with pytest.raises(UsageError, match="the mask has 2001 strokes; at most 2000"):
        strokes_from([{"tool": "all"}] * 2001)
    lines = [{"tool": "brush", "radius": 1, "points": [[1, 2]] * 5001}] * 4
    with pytest.raises(UsageError, match="the mask has 20004 points; at most 20000"):
        strokes_from(lines)
    with pytest.raises(UsageError, match="2001 strokes"):
        draw_mask([Stroke("invert")] * 2001, (4, 4))
    with pytest.raises(UsageError, match="the strokes are a dict; expected a list"):
        strokes_from({})
    with pytest.raises(UsageError, match="the strokes are missing"):
        strokes_from(None)


def test_work_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas_module, "MAX_WORK", 20_000)
    draw_mask([brush((50, 50), radius=20)], (100, 100))
    dense = [(float(x), float(y)) for x, y in RNG.uniform(50, 51, (4000, 2))]
    every = [Stroke("invert")] * 500, [brush(*dense, radius=30)], [Stroke("polygon", SQUARE)] * 500
    for strokes in every:
        with pytest.raises(UsageError, match="the strokes take too long to draw at 100x100"):
            draw_mask(strokes, (100, 100))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "photo.png", patches(), bits=16)
    values = {
        "version": 1,
        "size": [700, 600],
        "strokes": [
            {"tool": "flood", "points": [[300.5, 350.2]], "tolerance": 0.08},
            {"tool": "brush", "points": [[100, 100], [400, 300]], "radius": 20},
        ],
        "feather": 3,
        "photo": "photo.png",
    }
    (tmp_path / "m.json").write_text(json.dumps(values), encoding="utf-8")
    return tmp_path / "m.json"


def test_a_file_is_a_mask(file: Path) -> None:
    drawing = read_drawing(file)
    assert (drawing.size, drawing.feather, len(drawing.strokes)) == ((700, 600), 3, 2)
    photo = load(file.parent / "photo.png").pixels
    expected = draw_mask(drawing.strokes, (700, 600), photo=photo, feather=3)
    assert torch.equal(load_mask(f"strokes:{file}"), expected)
    assert torch.equal(load_mask(f"~strokes:{file}"), 1 - expected)
    small = draw_mask(drawing.strokes, (70, 60), photo=photo, feather=3)
    assert torch.equal(load_mask(f"strokes:{file}", (70, 60)), small)
    assert 0.02 < float(expected.mean()) < 0.95
    assert float(expected[0, 0, 350, 300]) > 0.2  # the flood


def test_a_file_is_a_source_of_masks_only(file: Path) -> None:
    with pytest.raises(UsageError, match=r"'strokes:.*m.json' is a mask, not a picture"):
        load(f"strokes:{file}")
    assert files_in("strokes:a/m.json") == ["a/m.json"]
    assert pieces("~strokes:m.json:sample:flow:0.5") == ["~strokes:m.json", "sample:flow", "0.5"]
    with pytest.raises(UsageError, match=r"'strokes:' is incomplete; expected strokes:FILE.json"):
        load_mask("strokes:")


def test_floods_alone_need_the_photo(file: Path) -> None:
    (file.parent / "photo.png").unlink()
    with pytest.raises(UsageError, match=r"no such file '.*photo.png'"):
        load_mask(f"strokes:{file}")
    values = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**values, "strokes": values["strokes"][1:]}), encoding="utf-8")
    assert load_mask(f"strokes:{file}").shape == (1, 1, 700, 600)
    del values["photo"]
    file.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(UsageError, match=r"m.json': a flood needs the photo"):
        load_mask(f"strokes:{file}")
    file.write_text(json.dumps({**values, "photo": "sample:chelsea"}), encoding="utf-8")
    with pytest.raises(UsageError, match="the photo 'sample:chelsea' has another shape than the drawing"):
        load_mask(f"strokes:{file}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON: Expecting property name"),
        ("[1, 2]", "it holds a list; expected an object with size and strokes"),
        ("7", "it holds 7"),
        ('{"size": [9, 9], "strokes": [], "version": 2}', "it has version 2; this Impasto reads version 1"),
        ('{"size": [9, 9], "strokes": [], "version": "1"}', "it has version '1'"),
        ('{"size": [9, 9], "strokes": [], "fether": 2}', r"unknown name 'fether' \(did you mean 'feather'\?\)"),
        ('{"strokes": []}', r"the size is missing; expected \[height, width\] in whole pixels"),
        ('{"size": [9, 9.5], "strokes": []}', "the size is a list"),
        ('{"size": [9, true], "strokes": []}', "the size is a list"),
        ('{"size": [0, 9], "strokes": []}', "the size is a list"),
        ('{"size": [99999999, 99999999], "strokes": []}', "the size has more than 200000000 pixels"),
        ('{"size": [9, 9]}', "the strokes are missing; expected a list"),
        ('{"size": [9, 9], "strokes": [{"tool": "al"}]}', r"stroke 1: unknown tool 'al' \(did you mean 'all'\?\)"),
        ('{"size": [9, 9], "strokes": [], "feather": NaN}', "is no JSON: NaN is no number of JSON"),
        ('{"size": [9, 9], "strokes": [], "feather": 1e999}', "feather is inf; allowed: numbers from 0 to 1e"),
        ('{"size": [9, 9], "strokes": [], "feather": 1' + "0" * 400 + "}", "feather is a huge number"),
        ('{"size": [9, 9], "strokes": [], "feather": 1' + "0" * 9000 + "}", "is no JSON|feather is a huge number"),
        ('{"size": [9, 9], "strokes": [], "photo": 3}', "the photo is 3; expected the name of a file"),
        ("[" * 200_000, "is nested too deep"),
        (" " * (5 << 20), "has more than 4194304 bytes"),
        ("\udcff", "is no JSON: 'utf-8' codec can't decode"),
    ],
)
def test_what_is_no_file_of_strokes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=message) as caught:
        load_mask(f"strokes:{path}")
    assert str(caught.value).count(str(path)) == 1
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_its_neighbour(file: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file '.*n.json' .did you mean 'm.json'"):
        load_mask(f"strokes:{file.parent / 'n.json'}")
