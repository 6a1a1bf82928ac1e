"""Blind comparison: sheets and their key, answers, the sign test, and the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from benchmarks.judges import __main__ as command
from benchmarks.judges.answers import FORMAT, Comparison, Count, agreement, count, majority, read_answers, sign_test
from benchmarks.judges.blind import QUESTION, draw_sheet, make_sheets, matches, read_key
from benchmarks.judges.judge import FIGURES
from benchmarks.judges.page import page
from benchmarks.judges.pictures import open_rgb
from benchmarks.judges.results import Result, Run
from PIL import Image
from scipy.stats import binomtest

from impasto.errors import UsageError

COLORS = {"red": (220, 0, 0), "blue": (0, 0, 220), "green": (0, 200, 0)}
GREY, BROWN = (90, 90, 90), (120, 80, 20)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Six pairs by two methods whose pictures have one colour each; a third method has one pair."""
    for name, color in {**COLORS, "grey": GREY, "brown": BROWN}.items():
        Image.new("RGB", (64, 32), color).save(tmp_path / f"{name}.png")

    def result(method: str, pair: int) -> Result:
        files = (tmp_path / f"{name}.png" for name in ("grey", "brown", method))
        return Result(method, f"p{pair}", *files, dict.fromkeys(FIGURES, 0.5))

    pictures = [result(method, pair) for pair in range(6) for method in ("red", "blue")]
    return Run(64, ["red", "blue", "green"], [*pictures, result("green", 0)], ["anchor x: <left> out"])


@pytest.mark.parametrize("decided", [1, 2, 7, 20, 101])
def test_the_sign_test_is_scipys(decided: int) -> None:
    for wins in {0, 1, decided // 3, decided // 2, decided}:
        expected = binomtest(wins, decided, 0.5).pvalue
        assert sign_test(wins, decided - wins) == pytest.approx(expected, rel=1e-12)


def test_no_decision_shows_nothing() -> None:
    assert sign_test(0, 0) == 1


def test_a_sheet_shows_inputs_above_and_results_below(run: Run) -> None:
    (red, blue), *_ = matches(run, [("red", "blue")])
    sheet = np.asarray(draw_sheet(blue, red))
    assert sheet.shape == (784, 1040, 3)
    assert tuple(sheet[128, 256]) == GREY
    assert tuple(sheet[128, 784]) == BROWN
    assert tuple(sheet[528, 256]) == COLORS["blue"]
    assert tuple(sheet[528, 784]) == COLORS["red"]
    assert tuple(sheet[280, 256]) == (255, 255, 255)  # a wide picture is whole


def test_sheets_say_nothing_that_their_key_does_not(run: Run, tmp_path: Path) -> None:
    folder, key = tmp_path / "sheets", tmp_path / "key.json"
    assert make_sheets(matches(run, [("red", "blue"), ("green", "red")]), folder, key, seed=3) == 7
    sheets = read_key(key)
    assert sorted(file.name for file in folder.iterdir()) == [f"q{k:03d}.png" for k in range(7)]
    for name, sheet in sheets.items():
        left = open_rgb(folder / f"{name}.png").getpixel((256, 528))
        assert left == COLORS[sheet.left]
        assert sheet.left in (sheet.a, sheet.b)
    assert {sheet.left == sheet.a for sheet in sheets.values()} == {True, False}
    assert [sheet.pair for sheet in sheets.values()] != sorted(sheet.pair for sheet in sheets.values())
    other = tmp_path / "other.json"
    make_sheets(matches(run, [("red", "blue"), ("green", "red")]), tmp_path / "again", other, seed=3)
    assert read_key(other) == sheets


def test_what_cannot_be_compared(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown method 'gren' \(did you mean 'green'\?\)"):
        matches(run, [("red", "gren")])
    with pytest.raises(UsageError, match="with itself"):
        matches(run, [("red", "red")])
    with pytest.raises(UsageError, match="must not be in the folder"):
        make_sheets(matches(run, [("red", "blue")]), tmp_path / "s", tmp_path / "s" / "key.json")


def key_of(tmp_path: Path, *left: str) -> Path:
    file = tmp_path / "key.json"
    sheets = {f"q{k:03d}": {"pair": f"p{k}", "a": "red", "b": "blue", "left": name} for k, name in enumerate(left)}
    file.write_text(json.dumps({"sheets": sheets}))
    return file


def test_answers_are_counted(tmp_path: Path) -> None:
    key = key_of(tmp_path, "red", "blue", "red", "blue")
    (tmp_path / "a.txt").write_text("My answers\nq000 LEFT clearly\n| q001.png | left |\nq002: tie\nq003 right\n")
    look = read_answers(tmp_path / "a.txt", key)
    # the names in alphabetical order: 1 where blue won
    assert look == {Comparison("blue", "red", f"p{k}"): won for k, won in enumerate((-1, 1, 0, -1))}
    assert count([look, look]) == {("blue", "red"): Count(2, 2, 4)}


def test_answers_of_the_page_need_no_key(tmp_path: Path) -> None:
    answers = [{"pair": "p0", "left": "red", "choice": "LEFT"}, {"pair": "p1", "left": "red", "choice": "RIGHT"}]
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({"format": FORMAT, "a": "red", "b": "blue", "looker": "", "answers": answers}))
    assert count([read_answers(file)]) == {("blue", "red"): Count(1, 0, 1)}


def test_answers_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("q000 LEFTISH")
    with pytest.raises(UsageError, match="'LEFTISH'; allowed: LEFT, RIGHT, TIE"):
        read_answers(file, key_of(tmp_path, "red"))
    with pytest.raises(UsageError, match="--key"):
        read_answers(file)
    file.write_text('{"format": "another"}')
    with pytest.raises(UsageError, match="not a file of answers"):
        read_answers(file)
    with pytest.raises(UsageError, match="is not the key"):
        read_key(file)


def test_lookers_agree_and_a_pair_has_one_vote() -> None:
    comparisons = [Comparison("blue", "red", f"p{k}") for k in range(4)]
    first = dict(zip(comparisons, (1, 1, 0, -1), strict=True))
    second = dict(zip(comparisons[:3], (1, -1, 0), strict=True))
    third = {comparisons[1]: 1}
    assert agreement(first, second) == (2, 3)
    assert majority([first, second]) == dict(zip(comparisons, (1, 0, 0, -1), strict=True))
    assert majority([first, second, third])[comparisons[1]] == 1


def test_the_command_counts(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.write(tmp_path)
    sheets = tmp_path / "sheets"
    assert command.main(["blind", str(tmp_path), "red:blue", "--sheets", str(sheets), "--seed", "1"]) == 0
    key = tmp_path / "sheets-key.json"
    lines = [f"{name} {'LEFT' if sheet.left == 'red' else 'RIGHT'}" for name, sheet in read_key(key).items()]
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    files = [str(tmp_path / f"{name}.txt") for name in ("one", "two")]
    assert command.main(["count", *files, "--key", str(key)]) == 0
    told = capsys.readouterr().out
    assert f"blue against red: 0 won, 0 ties, 12 lost; sign test p = {binomtest(0, 12).pvalue:.3g}" in told
    assert f"one vote a pair: 0 won, 0 ties, 6 lost; sign test p = {binomtest(0, 6).pvalue:.3g}" in told
    assert "agree on 6 of 6" in told
    assert command.main(["blind", str(tmp_path), "red", "--sheets", str(sheets)]) == 2


def test_the_page_holds_everything_and_nothing_from_elsewhere(run: Run, tmp_path: Path) -> None:
    run.results.append(Result("photo", "p0", *[tmp_path / "grey.png"] * 3, dict.fromkeys(FIGURES, 0.0)))
    run.methods.append("photo")
    text = page(run)
    assert not re.search(r"\w+://", text)
    assert re.search(r'<meta http-equiv="Content-Security-Policy" content="default-src \'none\';', text)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    data = json.loads(found[1])
    assert data["question"] == QUESTION
    assert data["methods"] == ["red", "blue", "green"]  # the photo stands beside the pair
    assert [pair["name"] for pair in data["pairs"]] == [f"p{k}" for k in range(6)]
    assert list(data["pairs"][0]["pictures"]) == ["red", "blue", "green"]
    assert list(data["pairs"][1]["pictures"]) == ["red", "blue"]
    assert data["pairs"][0]["figures"]["red"].startswith("eff 0.5 · gram 0.5 · lpips 0.500")
    assert data["notices"] == ["anchor x: <left> out"]
    assert data["pairs"][0]["photo"].startswith("data:image/jpeg;base64,")
    assert "<left>" not in found[1]  # no markup inside the script
    for control in ("ArrowLeft", "ArrowRight", "ArrowDown", 'data-choice="TIE"', "Math.random"):
        assert control in text
