"""Tiles cover a grid once, and their windows include the halo."""

import random

import numpy as np
import pytest

from impasto.image.tiles import tiles


def cases(count: int) -> list[tuple[tuple[int, int], int, int, int]]:
    """Grids, sides, steps and halos of all kinds, the same ones every time."""
    draw = random.Random(0)
    result = []
    for _ in range(count):
        step = draw.choice([1, 2, 3, 4, 8])
        grid = draw.randint(1, 150), draw.randint(1, 150)
        result.append(
            (grid, draw.choice([0, draw.randint(1, 12), draw.randint(1, 200)]), step, step * draw.randint(0, 5))
        )
    return result


CASES = [*cases(300), ((237, 311), 64, 4, 8), ((101, 97), 32, 4, 8), ((7, 5), 4, 8, 8), ((1, 1), 1, 1, 0)]


def test_every_position_is_in_exactly_one_tile():
    for case in CASES:
        grid, side, step, halo = case
        count = np.zeros(grid, int)
        for tile in tiles(grid, side, step, halo):
            count[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1
        assert (count == 1).all(), case


def test_windows_reach_the_halo_beyond_or_to_the_edge():
    for case in CASES:
        grid, side, step, halo = case
        for tile in tiles(grid, side, step, halo):
            for span, length in ((tile.rows, grid[0]), (tile.columns, grid[1])):
                assert 0 <= span.first <= span.start < span.stop <= span.last <= length, case
                assert span.start - span.first == halo or (span.first == 0 and span.start < halo), case
                assert span.last - span.stop == halo or (span.last == length and length - span.stop < halo), case


def test_tiles_and_windows_begin_at_whole_steps_and_end_there_or_at_the_edge():
    for case in CASES:
        grid, side, step, halo = case
        for tile in tiles(grid, side, step, halo):
            for span, length in ((tile.rows, grid[0]), (tile.columns, grid[1])):
                assert span.start % step == span.first % step == 0, case
                assert all(end % step == 0 or end == length for end in (span.stop, span.last)), case


def test_tiles_are_of_nearly_one_length_and_none_is_longer_than_asked_for():
    for case in CASES:
        grid, side, step, halo = case
        for axis in ("rows", "columns"):
            spans = [getattr(tile, axis) for tile in tiles(grid, side, step, halo)]
            lengths = [span.stop - span.start for span in spans]
            assert max(lengths) - min(lengths) < 2 * step, case
            if side:
                assert max(lengths) <= max(side, step) + step, case


def test_no_tile_is_shorter_than_a_step_so_that_every_layer_has_positions_there():
    shortest = set()
    for case in CASES:
        grid, side, step, halo = case
        for axis, length in zip(("rows", "columns"), grid, strict=True):
            spans = [getattr(tile, axis) for tile in tiles(grid, side, step, halo)]
            lengths = [span.stop - span.start for span in spans]
            assert min(lengths) >= min(step, length), case
            shortest.add(min(lengths) == step and len(lengths) > 1 and length % step > 0)
    assert shortest == {True, False}  # some are as short as can be


@pytest.mark.parametrize(("side", "count"), [(0, 1), (100, 1), (99, 2), (50, 2), (49, 6), (20, 15)])
def test_as_few_tiles_as_the_side_allows(side, count):
    assert len(list(tiles((50, 100), side, 2, 4))) == count


def test_tiles_come_row_by_row():
    result = [(tile.rows.start, tile.columns.start) for tile in tiles((37, 50), 10, 1, 3)]
    assert result == sorted(result)


def test_a_window_is_a_view_of_what_its_spans_say():
    rows, columns = np.indices((37, 50))
    for tile in tiles((37, 50), 10, 2, 6):
        (down, right) = (tile.window(x[None]) for x in (rows, columns))
        assert np.shares_memory(down, rows)
        assert (
            down.shape == right.shape == (1, tile.rows.last - tile.rows.first, tile.columns.last - tile.columns.first)
        )
        assert (down[0, 0, 0], down[0, -1, 0]) == (tile.rows.first, tile.rows.last - 1)
        assert (right[0, 0, 0], right[0, 0, -1]) == (tile.columns.first, tile.columns.last - 1)
