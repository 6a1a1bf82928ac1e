from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from impasto.errors import ImpastoError, UsageError
from impasto.jobs.results import Axis, Plan, Record, append_result, read_plan, read_results, write_plan

RECORD = Record(
    "k1",
    3,
    {"style_weight": "1e4"},
    "stylize",
    {"content": "sample:chelsea"},
    {"size": 64},
    picture="cells/k1.png",
    seconds=1.5,
    paintings={"sample:flow": "cells/p.png"},
    network="lite",
    instead_of="vgg19",
    shared="k0",
    losses=((1, 4.0), (2, 0.1)),
    scales=(2,),
    loss=0.05,
    terms={"style": 0.1},
    style={"a": 0.1, "b": 0.3},
    content={"c": 0.5},
)
PLAN = Plan("t", (Axis("w", ("1", "2")),), rows="w", differences=("original", "w"), notices=("n",), impasto="0.1.0")


def append_twenty(folder: Path, first: int) -> None:
    for index in range(first, first + 20):
        append_result(folder, Record(f"k{index}", index, settings={"text": "x" * 3000}))


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    write_plan(tmp_path, PLAN)
    assert read_plan(tmp_path) == PLAN


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    append_result(tmp_path, RECORD)
    assert read_results(tmp_path) == {"k1": RECORD}


def test_a_record_sums_itself_up() -> None:
    assert RECORD.last_loss == 0.1
    assert RECORD.style_distance == pytest.approx(0.2)
    assert RECORD.content_distance == 0.5
    empty = Record("k", 0)
    assert (empty.last_loss, empty.style_distance, empty.content_distance) == (None, None, None)


def test_the_last_line_of_a_key_counts_and_the_index_orders(tmp_path: Path) -> None:
    append_result(tmp_path, Record("b", 2, status="failed", error="no memory"))
    append_result(tmp_path, Record("a", 1))
    append_result(tmp_path, Record("b", 2))
    assert [(key, record.status) for key, record in read_results(tmp_path).items()] == [("a", "done"), ("b", "done")]


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_line_is_passed_over_and_the_next_is_whole(tmp_path: Path, cut: int) -> None:
    append_result(tmp_path, Record("a", 0))
    append_result(tmp_path, Record("b", 1))
    file = tmp_path / "results.jsonl"
    file.write_bytes(file.read_bytes()[: -cut - 1])
    assert list(read_results(tmp_path)) == ["a"]
    append_result(tmp_path, Record("c", 2))
    assert list(read_results(tmp_path)) == ["a", "c"]


def test_a_line_without_its_end_counts_if_it_is_whole(tmp_path: Path) -> None:
    append_result(tmp_path, Record("a", 0))
    file = tmp_path / "results.jsonl"
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    append_result(tmp_path, Record("b", 1))
    assert list(read_results(tmp_path)) == ["a", "b"]


def test_numbers_that_json_lacks_are_null_and_come_back_as_nan(tmp_path: Path) -> None:
    append_result(tmp_path, Record("a", 0, losses=((1, math.inf),), terms={"style": math.nan}, seconds=math.nan))
    line = json.loads((tmp_path / "results.jsonl").read_text(), parse_constant=pytest.fail)
    assert line["losses"] == [[1, None]]
    record = read_results(tmp_path)["a"]
    assert math.isnan(record.losses[0][1])
    assert math.isnan(record.terms["style"])
    assert record.seconds is None


def test_writers_side_by_side_write_whole_lines(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda first: append_twenty(tmp_path, first), (0, 20, 40)))
    assert list(read_results(tmp_path)) == [f"k{index}" for index in range(60)]


def test_no_results_yet_are_no_error(tmp_path: Path) -> None:
    assert read_results(tmp_path) == {}


def test_what_a_later_version_adds_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('{"key": "a", "index": 0, "news": 1, "terms": null}\n')
    assert read_results(tmp_path) == {"a": Record("a", 0)}
    (tmp_path / "sweep.json").write_text('{"title": "t", "news": 1}')
    assert read_plan(tmp_path) == Plan("t")


def test_json_that_is_no_record_is_refused_with_its_line(tmp_path: Path) -> None:
    append_result(tmp_path, Record("a", 0))
    for line in ("[]", "3", '{"index": 1}', '{"key": "b", "index": 1, "status": "odd"}'):
        (tmp_path / "results.jsonl").write_text('{"key": "a", "index": 0}\n' + line + "\n")
        with pytest.raises(UsageError, match=r"line 2 of .*results\.jsonl' is no result of a cell"):
            read_results(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"title": "t", "axes": [{"name": "a"}]}', "{'title'"])
def test_a_damaged_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(UsageError, match="damaged, or no plan"):
        read_plan(tmp_path)


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder of a sweep"):
        read_plan(tmp_path)


def test_axes_and_differences_have_to_be_there(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan("t", (Axis("style_weight", ("1",)),), rows="style_wight"))
    with pytest.raises(UsageError, match=r"unknown axis .*did you mean 'style_weight'"):
        read_plan(tmp_path)
    write_plan(tmp_path, Plan("t", (Axis("a", ("1",)),), rows="a", columns="a"))
    with pytest.raises(UsageError, match="are both 'a'"):
        read_plan(tmp_path)
    write_plan(tmp_path, Plan("t", differences=("seed",)))
    with pytest.raises(UsageError, match=r"unknown difference .*allowed: original"):
        read_plan(tmp_path)


def test_a_disk_that_refuses_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ImpastoError, match="was not written"):
        append_result(tmp_path / "nowhere", RECORD)
