from __future__ import annotations

import math

import pytest

from impasto.jobs.curves import BOTTOM, FEW, HEIGHT, LEFT, POINTS, RIGHT, TOP, WIDTH, chart
from impasto.jobs.results import Record


def points(text: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, point.split(","))) for point in text.split()]


def test_losses_are_drawn_by_their_logarithm() -> None:
    made = chart([Record("a", 0, losses=[(0, 100.0), (5, 1.0), (10, 0.01)])])
    assert made is not None
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    assert points(made.lines[0].points) == [(LEFT, TOP), middle, (WIDTH - RIGHT, HEIGHT - BOTTOM)]
    assert [tick.label for tick in made.losses] == ["0.01", "0.1", "1", "10", "100"]
    assert [tick.label for tick in made.steps] == ["0", "2", "4", "6", "8", "10"]


def test_a_long_run_is_thinned_and_keeps_its_ends() -> None:
    made = chart([Record("a", 0, losses=[(k, 1 / k) for k in range(1, 5001)])])
    assert made is not None
    drawn = points(made.lines[0].points)
    assert len(drawn) <= POINTS + 1
    assert drawn[-1] == (WIDTH - RIGHT, HEIGHT - BOTTOM)


def test_what_has_no_logarithm_is_left_out() -> None:
    bad = [(2, 0.0), (3, -1.0), (4, math.nan), (5, math.inf)]
    made = chart([Record("a", 0, losses=[(1, 2.0), *bad, (6, 1.0)])])
    assert made is not None
    assert len(points(made.lines[0].points)) == 2


@pytest.mark.parametrize("losses", [[], [(1, 1.0)], [(1, math.nan), (2, 0.0), (3, 1.0)]])
def test_nothing_to_draw_is_no_chart(losses: list[tuple[int, float]]) -> None:
    assert chart([Record("a", 0, losses=losses)]) is None


@pytest.mark.parametrize("level", [1e-30, 0.37, 4.2, 9.9e20])
def test_a_loss_that_stays_the_same_lies_within_the_frame_with_ticks(level: float) -> None:
    made = chart([Record("a", 0, losses=[(1, level), (2, level)])])
    assert made is not None
    assert all(TOP < y < HEIGHT - BOTTOM for _, y in points(made.lines[0].points))
    assert 2 <= len(made.losses) <= 8
    assert all(TOP <= tick.at <= HEIGHT - BOTTOM for tick in made.losses)


def test_ticks_are_few_over_any_range() -> None:
    for last in (1, 2, 7, 99, 5000):
        for factor in (1.5, 30, 1e4, 1e40):
            made = chart([Record("a", 0, losses=[(1, factor), (last + 1, 1.0)])])
            assert made is not None
            assert 2 <= len(made.losses) <= 8
            assert 3 <= len(made.steps) <= 7


def test_a_line_stands_before_the_first_step_of_a_size() -> None:
    records = [Record(str(k), k, losses=[(step, 1.0 + step) for step in range(11)], scales=(5,)) for k in range(3)]
    records.append(Record("late", 3, losses=[(0, 2.0), (10, 1.0)], scales=(9,)))
    made = chart(records)
    assert made is not None
    wide = WIDTH - LEFT - RIGHT
    assert made.scales == pytest.approx((LEFT + 0.45 * wide, LEFT + 0.85 * wide))


@pytest.mark.parametrize("count", [2, FEW, FEW + 1, 75])
def test_curves_have_colors_of_their_own_and_many_run_from_dark_to_light(count: int) -> None:
    made = chart([Record(str(k), k, losses=[(1, 2.0), (2, 1.0)]) for k in range(count)])
    assert made is not None
    colors = [(line.hue, line.lighter) for line in made.lines]
    assert len(set(colors)) == count
    if count > FEW:
        assert [lighter for _, lighter in colors] == sorted(lighter for _, lighter in colors)
        assert colors[-1][1] - colors[0][1] >= 20
