"""Sweeps over cells of a few steps at 64 px, in real processes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from impasto import encoders
from impasto.image import fit, load, read_metadata, resize, write
from impasto.jobs import sweep
from impasto.jobs.expansion import expand
from impasto.jobs.grid import arrange
from impasto.jobs.results import RESULTS, read_plan, read_results
from impasto.jobs.spec import built_in, from_mapping
from impasto.jobs.sweep import fitting, run_sweep, stand_in
from impasto.settings.recipe import command
from impasto.settings.synthesis import QUALITIES
from impasto.tasks.compare import style_distance

SPEC = {
    "title": "Two by two",
    "task": "stylize",
    "rows": "strength",
    "columns": "style",
    "inputs": {"content": "sample:chelsea", "style": ["sample:flow", "sample:glass"]},
    "settings": {"size": 64, "steps": 3, "scales": 1, "strength": [0.2, 0.8]},
}


def resized(size: tuple[int, int], longer: int) -> tuple[int, int]:
    height, width = (round(side * longer / max(size)) for side in size)
    return height, width


def made(folder: Path, task: str, inputs: dict[str, str], cases: list[dict[str, object]], **settings: object):
    """The records of a sweep of cases, by their names."""
    size = {"size": 64, "steps": 3, "scales": 1}
    spec = {"task": task, "inputs": inputs, "settings": size | settings, "cases": cases}
    records = [progress.record for progress in run_sweep(from_mapping(spec), folder, workers=2)]
    assert [record.error for record in records] == [None] * len(records)
    return {record.place["case"]: record for record in records}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished sweep."""
    folder = tmp_path_factory.mktemp("sweep")
    seen = list(run_sweep(from_mapping(SPEC), folder, workers=2))
    assert [progress.done for progress in seen] == [1, 2, 3, 4]
    return folder


def test_every_cell_is_made_measured_and_kept(folder):
    records = list(read_results(folder).values())
    assert [record.place for record in records] == [cell.place for cell in expand(from_mapping(SPEC))]
    for record in records:
        assert record.status == "done"
        assert load(folder / record.picture).size == (record.height, record.width) == (43, 64)
        assert load(folder / record.original).size == (43, 64)
        told = read_metadata(folder / record.picture)
        assert told["writing"]["threads"] >= 1
        assert "--threads" in command(told, "again.png")
        assert record.steps == 3
        assert len(record.losses) == 3
        assert record.seconds > 0
        assert record.peak_mb > 50
        assert set(record.terms) >= {"style", "content"}
        assert record.style["relu3_1"] > 0
        assert record.content["relu4_2"] > 0
        assert (record.network, record.instead_of, record.shared) == ("lite", "", None)
        assert record.scales == ()
        (painting,) = record.paintings
        assert painting == record.inputs["style"]
        assert load(folder / record.paintings[painting]).size == resized(load(painting).size, 256)
    weak, strong = (sum(r.style_distance for r in records if r.place["strength"] == s) for s in ("0.2", "0.8"))
    assert strong < weak


def test_the_plan_tells_the_page_what_the_grid_is(folder):
    plan = read_plan(folder)
    assert (plan.title, plan.rows, plan.columns) == ("Two by two", "strength", "style")
    assert [(axis.name, axis.labels) for axis in plan.axes] == [
        ("style", ("flow", "glass")),
        ("strength", ("0.2", "0.8")),
    ]


def test_what_is_there_is_not_made_again_and_what_is_missing_is(folder, tmp_path):
    lines = (folder / RESULTS).read_text().splitlines(keepends=True)
    (tmp_path / RESULTS).write_text("".join(lines[:3]) + lines[3][:40])
    seen = list(run_sweep(from_mapping(SPEC), tmp_path, workers=1))
    assert [progress.known for progress in seen] == [True, True, True, False]
    assert len(read_results(tmp_path)) == 4
    assert all(progress.known for progress in run_sweep(from_mapping(SPEC), tmp_path))


def test_a_failed_cell_is_told_in_its_place_and_stops_nothing(tmp_path):
    spec = SPEC | {"inputs": {"content": "sample:chelsea", "style": ["sample:flow", "nowhere.png"]}}
    seen = [progress.record for progress in run_sweep(from_mapping(spec), tmp_path, workers=2)]
    assert sorted(record.status for record in seen) == ["done", "done", "failed", "failed"]
    assert {record.error for record in seen if record.status == "failed"} == {"no such file 'nowhere.png'"}
    again = list(run_sweep(from_mapping(spec), tmp_path, workers=2))
    assert [progress.known for progress in again] == [True, True, False, False]


def test_a_photo_that_has_changed_is_painted_anew(tmp_path, monkeypatch):
    """And the page shows it; with the first photo again, that is shown and nothing is made."""
    monkeypatch.chdir(tmp_path)
    spec = SPEC | {"inputs": {"content": "photo.png", "style": "style.png"}, "columns": None}
    cat, cup, style = ((tmp_path / name) for name in ("cat.png", "cup.png", "style.png"))
    for path, name, size in ((cat, "chelsea", 64), (cup, "coffee", 64), (style, "flow", 300)):
        write(path, fit(load(f"sample:{name}").pixels, size).clamp(0, 1))

    def run(photo):
        Path("photo.png").write_bytes(photo.read_bytes())
        seen = list(run_sweep(from_mapping(spec), tmp_path / "out", workers=1))
        assert [progress.record.status for progress in seen] == ["done"] * 2
        shown = arrange(read_plan(tmp_path / "out"), read_results(tmp_path / "out")).records
        originals = {(tmp_path / "out" / record.original).read_bytes() for record in shown}
        paintings = {record.paintings["style.png"] for record in shown}
        return [progress.known for progress in seen], [record.picture for record in shown], originals, paintings

    known, first, original, painting = run(cat)
    assert known == [False, False]
    assert run(cat) == ([True, True], first, original, painting)
    known, second, other, same = run(cup)
    assert (known, same) == ([False, False], painting)
    assert not {*first} & {*second}
    assert not original & other
    assert run(cat) == ([True, True], first, original, painting)
    style.write_bytes(cup.read_bytes())
    known, third, original_still, new = run(cat)
    assert (known, original_still) == ([False, False], original)
    assert not {*first, *second} & {*third}
    assert new != painting


@pytest.mark.usefixtures("without_packages")
def test_cells_of_the_same_work_are_made_once(tmp_path):
    spec = SPEC | {"settings": SPEC["settings"] | {"strength": 0.5, "network": ["vgg16", "vgg19"]}, "rows": None}
    cells, notices = stand_in(expand(from_mapping(spec)))
    assert len(cells) == 4
    assert len({cell.work for cell in cells}) == 2
    assert [notice.split()[0] for notice in notices] == ["vgg16", "vgg19"]
    records = [progress.record for progress in run_sweep(from_mapping(spec), tmp_path, workers=2)]
    assert len(records) == 4
    assert len({record.picture for record in records}) == 2
    for record in records:
        first = next(other for other in records if other.picture == record.picture)
        assert record.shared == (None if record is first else first.key)
        assert (record.network, record.instead_of) == ("lite", record.place["network"])
    assert {key: record.shared for key, record in read_results(tmp_path).items()} == {r.key: r.shared for r in records}


def test_no_more_processes_than_cells_and_cores():
    cells = expand(from_mapping(SPEC))
    assert 1 <= fitting(cells) <= min(4, os.cpu_count() or 1)
    assert fitting(cells[:1]) == fitting([]) == 1


def test_no_more_processes_than_fit_into_memory(monkeypatch):
    """A process at 512 px takes 0.6 to 0.9 GB with what it has loaded; one at 1024 px three times as much."""
    monkeypatch.setattr(sweep, "_cores", lambda: 64)
    monkeypatch.setattr(sweep, "resident", lambda: 3e8)

    def at(size: object, free: float, **more: object) -> int:
        monkeypatch.setattr(sweep, "free_memory", lambda device: free)
        settings = {"size": size, "strength": [k / 64 for k in range(64)]} | more
        return fitting(expand(from_mapping({"task": "stylize", "inputs": SPEC["inputs"], "settings": settings})))

    assert at(512, 1e12) == 64
    assert 5 <= at(512, 6e9) <= 10
    assert 2 <= at(1024, 6e9) <= 4
    assert at(4096, 6e9) == 1
    assert at(512, 1.0) == 1
    assert at(1024, 6e9, memory="500MB") == 12
    assert at([64, 1024], 6e9) == at(1024, 6e9)


def test_settings_that_make_no_sense_are_left_to_the_cell(monkeypatch):
    monkeypatch.setattr(sweep, "_cores", lambda: 64)
    cells = expand(from_mapping(SPEC))
    wrong = [replace(cell, settings={**cell.settings, "memory": "much"}) for cell in cells]
    assert fitting(wrong) >= 1


SCRIPT = """
import sys
from impasto.jobs.spec import from_mapping
from impasto.jobs.sweep import run_sweep
if __name__ == "__main__":
    for progress in run_sweep(from_mapping({spec}), sys.argv[1], workers=1):
        print(progress.known, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_sweep_goes_on_with_no_cell_twice_and_none_lost(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("{spec}", repr(SPEC | {"rows": None})))
    folder = tmp_path / "sweep"
    run = subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.readline()
    run.send_signal(signal.SIGKILL)
    run.communicate()
    time.sleep(0.2)
    before = len((folder / RESULTS).read_text().splitlines())
    told = subprocess.run([sys.executable, script, folder], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert told.split().count("True") == before >= 2
    assert len((folder / RESULTS).read_text().splitlines()) == 4
    assert len(read_results(Path(folder))) == 4


def test_the_loss_is_that_of_the_picture(tmp_path):
    cases = [
        {"name": "adam", "optimizer": "adam", "rate": 0.5, "style_loss": "gram"},
        {"name": "two sizes", "scales": 2, "size": 192, "quality": "draft"},
        {"name": "draws", "style_loss": "sliced", "optimizer": "adam"},
        {"name": "enlarged", "scales": 2, "size": 192, "quality": "draft", "steps": 0},
    ]
    inputs = {"content": "sample:chelsea", "style": "sample:flow"}
    records = made(tmp_path, "stylize", inputs, cases, steps=6)
    losses = {name: [loss for _, loss in record.losses] for name, record in records.items()}
    assert records["adam"].loss <= min(losses["adam"]) < records["adam"].last_loss
    assert sum(records["adam"].terms.values()) == pytest.approx(records["adam"].loss, rel=1e-4)
    (first,) = records["two sizes"].scales
    assert first == QUALITIES["draft"].steps[0] + 1
    assert records["two sizes"].loss == min(losses["two sizes"][first - 1 :]) > 0
    assert records["draws"].loss < 2 * records["draws"].last_loss
    assert records["draws"].last_loss == losses["draws"][-1]
    assert records["enlarged"].loss is None
    assert list(records["enlarged"].scales) == []


def test_style_is_measured_to_what_was_asked_for(tmp_path):
    """Each picture is nearer to its own mixture, or its own areas, than to the first painting alone."""
    region = str(built_in()["spatial-control"].parent / "coffee.png")
    cases = [
        {"name": "flow", "style": "sample:flow"},
        {"name": "glass", "style": "sample:glass"},
        {"name": "all mixed", "style": "sample:glass", "mix": ["sample:flow=1"]},
        {"name": "mixed", "style": "sample:glass", "mix": ["sample:flow=0.5"]},
        {"name": "region", "style": "sample:glass", "region": [f"{region}:sample:flow"]},
    ]
    as_measured = {"style_loss": "gram", "style_layers": "usual"}
    found = made(
        tmp_path, "stylize", {"content": "sample:coffee"}, cases, size=128, steps=30, strength=1.0, **as_measured
    )
    for layer, distance in found["flow"].style.items():
        assert found["all mixed"].style[layer] == pytest.approx(distance, rel=1e-3)
    assert found["all mixed"].paintings == found["flow"].paintings
    assert set(found["mixed"].paintings) == set(found["region"].paintings) == {"sample:flow", "sample:glass"}
    encoder = encoders.load("lite")
    glass = resize(load("sample:glass").pixels, resized(load("sample:glass").size, 128)).clamp(0, 1)
    for name in ("mixed", "region"):
        picture = load(tmp_path / found[name].picture).pixels
        alone = style_distance(encoder, picture, glass, encoder.default_style)
        assert found[name].style_distance < 0.7 * sum(alone.values()) / len(alone)


def test_a_texture_of_two_paintings_is_measured_to_both(tmp_path):
    cases = [{"name": "flow", "style": "sample:flow"}, {"name": "both", "mix": ["sample:flow=1"]}]
    found = made(tmp_path, "texture", {"style": "sample:glass"}, cases)
    assert found["both"].style == pytest.approx(found["flow"].style, rel=1e-3)


def test_an_area_that_the_measure_does_not_see_fails_no_cell(tmp_path):
    mask = tmp_path / "mask.png"
    pixels = Image.new("L", (120, 80))
    pixels.putpixel((60, 40), 20)
    pixels.save(mask)
    cases = [{"name": "spot", "region": [f"{mask}:sample:flow"], "style_layers": "relu1_1"}]
    inputs = {"content": "sample:coffee", "style": "sample:glass"}
    found = made(tmp_path / "sweep", "stylize", inputs, cases, size=120)
    assert found["spot"].style == {}
    assert found["spot"].content
