import pytest

from impasto.errors import UsageError
from impasto.jobs.expansion import expand
from impasto.jobs.spec import axes, changed, from_mapping, read_sweep

GRID = {
    "task": "stylize",
    "rows": "style_weight",
    "columns": "style",
    "inputs": {"content": "sample:chelsea", "style": ["sample:flow", "pictures/sea.jpg"]},
    "settings": {"size": 64, "style_weight": [1e4, 1e5]},
}


def test_changes_take_the_place_of_what_the_spec_says():
    sweep = changed(from_mapping(GRID), {"style": "sample:ink"}, {"style_weight": 5.0})
    assert axes(sweep) == {}
    assert (sweep.rows, sweep.columns) == (None, None)
    (cell,) = expand(sweep)
    assert cell.inputs["style"] == "sample:ink"


def test_a_setting_is_changed_where_cases_set_it_too():
    cells = expand(changed(read_sweep("networks"), {}, {"size": 96, "network": "lite"}))
    assert len(cells) == 25
    assert {cell.settings["size"] for cell in cells} == {96}


def test_a_case_with_nothing_left_of_its_own_is_none():
    table = GRID | {"cases": [{"name": "a", "seed": 1}, {"name": "b", "seed": 2}]}
    assert "case" in axes(from_mapping(table))
    assert "case" not in axes(changed(from_mapping(table), {}, {"seed": 5}))
    assert "case" in axes(changed(from_mapping(table), {}, {"size": 96}))


def test_pictures_of_cases_are_replaced_one_for_one_wherever_they_are_named():
    sweep = changed(read_sweep("spatial-control"), {"content": "p.jpg", "style": ["a.jpg", "b.jpg"]}, {})
    cells = expand(sweep)
    assert [cell.inputs["style"] for cell in cells] == ["a.jpg", "b.jpg", "a.jpg", "a.jpg", "b.jpg"]
    assert cells[2].settings["mix"] == ["b.jpg=0.5"]
    assert [cell.settings["region"][0].rsplit(":", 1)[1] for cell in cells[3:]] == ["b.jpg", "a.jpg"]
    photos = expand(changed(read_sweep("networks"), {"content": ["1.png", "2.png", "3.png", "4.png"]}, {}))
    assert [cell.inputs["content"] for cell in photos[:5]] == ["1.png", "2.png", "3.png", "4.png", "1.png"]


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("texture-layers", {"content": "a.jpg"}, "this sweep takes no content"),
        ("networks", {"content": "a.jpg"}, "the cases of this sweep have 4 contents: sample:.*; given: 1"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(name, inputs, message):
    with pytest.raises(UsageError, match=message):
        changed(read_sweep(name), inputs, {})
