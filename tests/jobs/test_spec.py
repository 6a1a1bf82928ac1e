import hashlib
import json

import pytest

from impasto.errors import UsageError
from impasto.jobs.expansion import expand
from impasto.jobs.spec import axes, from_mapping

GRID = {
    "task": "stylize",
    "rows": "style_weight",
    "columns": "style",
    "inputs": {"content": "sample:chelsea", "style": ["sample:flow", "pictures/sea.jpg"]},
    "settings": {"size": 64, "style_weight": [1e4, 1e5], "preset": "tutorial"},
}


def test_every_list_is_an_axis_and_every_combination_a_cell():
    sweep = from_mapping(GRID)
    assert axes(sweep) == {"style": ["flow", "sea"], "style_weight": ["10000", "100000"]}
    cells = expand(sweep)
    assert [cell.index for cell in cells] == [0, 1, 2, 3]
    assert [tuple(cell.place.values()) for cell in cells][:2] == [("flow", "10000"), ("flow", "100000")]
    assert cells[3].inputs == {"content": "sample:chelsea", "style": "pictures/sea.jpg"}
    assert cells[3].settings["style_weight"] == 1e5
    assert cells[3].settings["weighting"] == "tutorial", "the preset lies beneath"
    assert len({cell.key for cell in cells}) == len({cell.work for cell in cells}) == 4


def test_keys_are_the_same_every_time_and_differ_with_the_work():
    again, other = expand(from_mapping(GRID)), expand(from_mapping(GRID | {"settings": GRID["settings"] | {"seed": 1}}))
    assert [c.key for c in again] == [c.key for c in expand(from_mapping(GRID))]
    assert not {c.key for c in again} & {c.key for c in other}


def test_keys_change_with_the_files_that_settings_name(tmp_path):
    """Masks, weights, starts, the photos that a network learns from; wherever the spec lies, the keys are alike."""
    spec = {"task": "stylize", "inputs": {"content": "sample:chelsea", "style": "spec:sea.jpg"}, "settings": {}}
    spec["settings"] = {"region": [["~spec:m.png#ff0000:sample:ink:0.5"]], "init": "spec:start.png"}
    learnt = {"task": "one-pass", "inputs": spec["inputs"], "settings": {"photos": "spec:photos"}}
    names = ("sea.jpg", "m.png", "start.png", "photos/a.png", "photos/more/b.png")

    def keys(folder):
        cells = [*expand(from_mapping(spec, folder)), *expand(from_mapping(learnt, folder))]
        return [cells[0].key, cells[1].key, cells[1].network]

    for folder in (tmp_path / "here", tmp_path / "there"):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(name.encode())
    before = keys(tmp_path / "here")
    assert keys(tmp_path / "here") == keys(tmp_path / "there") == before
    for name, changed in zip(names, ((1, 1, 1), (1, 0, 0), (1, 0, 0), (0, 1, 1), (0, 1, 1)), strict=True):
        (tmp_path / "here" / name).write_bytes(name.upper().encode())  # as long as before
        assert [a != b for a, b in zip(before, keys(tmp_path / "here"), strict=True)] == [bool(c) for c in changed]
        (tmp_path / "here" / name).write_bytes(name.encode())
    assert keys(tmp_path / "here") == before


def test_keys_without_files_are_those_of_earlier_versions():
    """What was made of samples is not made again."""
    about = ["stylize", {"content": "sample:chelsea", "style": "sample:flow"}, {}]
    table = {"task": about[0], "inputs": about[1]}
    (cell,) = expand(from_mapping(table))
    assert cell.work == hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def test_cases_bring_inputs_and_settings_that_belong_together():
    table = {
        "task": "stylize",
        "columns": "case",
        "inputs": {"style": "sample:flow"},
        "cases": [{"name": "cat", "content": "sample:chelsea"}, {"name": "cup", "content": "sample:coffee", "seed": 3}],
    }
    cat, cup = expand(from_mapping(table))
    assert (cat.place, cup.place) == ({"case": "cat"}, {"case": "cup"})
    assert cup.inputs["content"] == "sample:coffee"
    assert (cat.settings, cup.settings) == ({}, {"seed": 3})


def test_a_setting_that_is_a_list_is_an_axis_only_as_a_list_of_lists(tmp_path):
    table = GRID | {"rows": None, "settings": {"mix": ["sample:ink=0.5"]}}
    assert list(axes(from_mapping(table))) == ["style"]
    table["settings"] = {"mix": [[], ["sample:ink=0.5"]], "region": ["spec:m.png:sample:ink"]}
    sweep = from_mapping(table, tmp_path)
    assert axes(sweep)["mix"] == ["none", "ink=0.5"]
    assert expand(sweep)[1].settings == {"mix": ["sample:ink=0.5"], "region": [f"{tmp_path}/m.png:sample:ink"]}


def test_cases_without_a_name_are_named_by_their_values():
    cases = [
        {"content": "sample:chelsea", "size": 64},
        {"content": "a/b.png", "size": 64},
        {"content": "c/b.png", "size": 64},
    ]
    table = GRID | {"inputs": {"style": "sample:flow"}, "settings": {}, "rows": None, "columns": None, "cases": cases}
    assert axes(from_mapping(table)) == {"case": ["chelsea, 64", "b, 64", "b, 64 (2)"]}


def test_a_spec_makes_the_same_cells_wherever_it_lies(tmp_path):
    inputs = {"content": "spec:photo.png", "style": "sample:flow"}
    table = GRID | {"inputs": inputs, "settings": {"region": ["spec:m.png:sample:ink"]}, "rows": None, "columns": None}
    here, there = (expand(from_mapping(table, tmp_path / name))[0] for name in ("here", "there"))
    assert here.inputs["content"] == f"{tmp_path}/here/photo.png"
    assert here.key == there.key
    elsewhere = expand(from_mapping(table | {"settings": {}}, tmp_path))[0]
    assert elsewhere.key != here.key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "x"}, "a spec has no 'titel' .did you mean 'title'"),
        ({"task": "paint"}, "unknown task 'paint'"),
        (
            {"rows": "stile"},
            "rows is 'stile' .did you mean 'style'..., which is no axis; the axes: style, style_weight",
        ),
        ({"differences": ["seed"]}, "differences are of original or an axis, not 'seed'"),
        ({"inputs": {"content": "a.jpg"}}, "the inputs of stylize are content and style; given: content"),
        ({"inputs": {"content": "a", "style": "b", "photo": "c"}}, "the inputs of stylize are content and style"),
        ({"settings": {"size": []}, "rows": None}, "'size' is an empty list"),
    ],
)
def test_bad_specs_are_refused(change, message):
    with pytest.raises(UsageError, match=message.replace("'...,", "'..,")):
        from_mapping(GRID | change)


def test_a_spec_needs_a_task_and_settings_that_are_allowed():
    with pytest.raises(UsageError, match="a spec needs a task: stylize, reconstruct, texture"):
        from_mapping({"inputs": {}})
    with pytest.raises(UsageError, match="unknown setting 'sise'"):
        expand(from_mapping(GRID | {"settings": {"sise": 3}, "rows": None}))
