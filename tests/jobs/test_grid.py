from __future__ import annotations

from impasto.jobs.grid import Pair, arrange, caption, pairs
from impasto.jobs.results import Axis, Plan, Record

A, B, C = Axis("a", ("a1", "a2")), Axis("b", ("b1", "b2", "b3")), Axis("c", ("c1", "c2"))


def whole(*axes: Axis) -> dict[str, Record]:
    places: list[dict[str, str]] = [{}]
    for axis in axes:
        places = [{**place, axis.name: label} for place in places for label in axis.labels]
    keys = ("".join(place.values()) or "one" for place in places)
    made = zip(keys, places, strict=True)
    return {key: Record(key, k, place, picture=key, original="o") for k, (key, place) in enumerate(made)}


def keys(plan: Plan, records: dict[str, Record]) -> list[list[list[str | None]]]:
    groups = arrange(plan, records).groups
    return [[[record.key if record else None for record in line] for line in group.lines] for group in groups]


def test_rows_columns_and_groups_are_where_the_plan_says() -> None:
    plan = Plan("t", (A, B, C), rows="c", columns="a")
    grid = arrange(plan, whole(A, B, C))
    assert [group.place for group in grid.groups] == [{"b": "b1"}, {"b": "b2"}, {"b": "b3"}]
    assert keys(plan, whole(A, B, C))[1] == [["a1b2c1", "a2b2c1"], ["a1b2c2", "a2b2c2"]]


def test_axes_left_over_are_columns_and_rows() -> None:
    assert keys(Plan("t", (A, B)), whole(A, B)) == [[["a1b1", "a1b2", "a1b3"], ["a2b1", "a2b2", "a2b3"]]]
    assert keys(Plan("t", (A, B), columns="a"), whole(A, B)) == [[["a1b1", "a2b1"], ["a1b2", "a2b2"], ["a1b3", "a2b3"]]]
    assert keys(Plan("t", (A,)), whole(A)) == [[["a1", "a2"]]]
    assert keys(Plan("t", (A,), rows="a"), whole(A)) == [[["a1"], ["a2"]]]
    assert keys(Plan("t"), whole()) == [[["one"]]]


def test_missing_results_leave_gaps_and_strange_ones_have_no_place() -> None:
    records = whole(A) | {"old": Record("old", 9, {"a": "a9"}), "other": Record("other", 10, {"z": "1"})}
    del records["a1"]
    assert keys(Plan("t", (A,)), records) == [[[None, "a2"]]]


def test_a_place_in_words() -> None:
    assert caption({"style_weight": "1e4", "seed": "7"}) == "style_weight 1e4, seed 7"


def test_differences_pair_neighbours_and_originals() -> None:
    plan = Plan("t", (A, B), rows="a", columns="b", differences=("original", "b"))
    records = whole(A, B)
    records["a2b2"] = Record("a2b2", 4, {"a": "a2", "b": "b2"}, status="failed", error="no")
    found = dict(pairs(plan, arrange(plan, records)))
    assert [pair.a for pair in found["original"]] == ["a1b1", "a1b2", "a1b3", "a2b1", "a2b3"]
    assert {pair.b for pair in found["original"]} == {"o"}
    assert found["b"] == [Pair("b b1 − b2, a a1", "a1b1", "a1b2")]


def test_an_axis_of_one_value_has_no_difference() -> None:
    single = Axis("s", ("s1",))
    plan = Plan("t", (single,), differences=("s",))
    assert dict(pairs(plan, arrange(plan, whole(single)))) == {"s": []}
