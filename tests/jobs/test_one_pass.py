"""Cells that train a network, on a few pieces of 32 px, and show it a photo."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import impasto
from impasto.errors import UsageError
from impasto.image import load
from impasto.jobs import one_pass, sweep
from impasto.jobs.expansion import Cell, expand
from impasto.jobs.kinds import ONE_PASS, OnePassSettings, as_run
from impasto.jobs.one_pass import network_input
from impasto.jobs.report import page
from impasto.jobs.results import RESULTS, Record, read_results
from impasto.jobs.spec import Sweep, from_mapping
from impasto.jobs.sweep import fitting, run_sweep
from impasto.networks import describe
from impasto.settings.train import TrainStyleSettings

SPEC = {
    "task": "one-pass",
    "rows": "norm",
    "columns": "contrast",
    "inputs": {"content": "sample:chelsea", "style": "sample:glass"},
    "settings": {
        **{"norm": ["instance", "batch"], "contrast": [1.0, 0.5], "steps": 8, "recolor": 2, "size": 32, "batch": 2},
        **{"width": 8, "blocks": 1, "detail": 4, "deep": 0, "style_size": 64, "shown": 96},
    },
}


def spec(**settings: object) -> Sweep:
    made = {**SPEC["settings"], **settings}  # type: ignore[dict-item]
    axes = {name: name if isinstance(made[name], list) else None for name in ("norm", "contrast")}
    return from_mapping({**SPEC, "settings": made, "rows": axes["norm"], "columns": axes["contrast"]})


def run(made: Sweep, folder: Path) -> list[Record]:
    records = [progress.record for progress in run_sweep(made, folder, workers=2)]
    assert [record.error for record in records] == [None] * len(records)
    return list(read_results(folder).values())


def levels(path: Path) -> NDArray[np.float64]:
    return np.asarray(Image.open(path), np.float64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    run(spec(), folder)
    return folder


def norm_of(network: Path) -> str:
    return str(describe(network)["provenance"]["settings"].get("norm", "instance"))


def cells(folder: Path) -> dict[tuple[str, str], Record]:
    return {(r.place["norm"], r.place["contrast"]): r for r in read_results(folder).values()}


def test_cells_that_differ_in_the_photo_share_a_network(folder: Path) -> None:
    found = cells(folder)
    files = sorted((folder / "networks").iterdir())
    assert len(files) == 2
    assert {norm_of(file) for file in files} == {"instance", "batch"}
    for norm in ("instance", "batch"):
        assert found[norm, "1"].losses == found[norm, "0.5"].losses
        assert [step for step, _ in found[norm, "1"].losses] == list(range(1, 9))
        assert list(found[norm, "1"].scales) == [3], "steps of colours alone end with the second"
    assert found["instance", "1"].losses != found["batch", "1"].losses


def test_the_picture_is_what_the_network_makes_of_the_photo(folder: Path) -> None:
    found = {norm_of(file): file for file in (folder / "networks").iterdir()}
    for (norm, _), record in cells(folder).items():
        assert (record.loss, record.terms) == (None, {})
        assert max(record.width or 0, record.height or 0) == 96
        painted = impasto.apply(str(folder / str(record.original)), str(found[norm]))
        again = (painted[0].permute(1, 2, 0) * 255).round().numpy()
        assert np.abs(again - levels(folder / str(record.picture))).max() <= 1
        assert record.style["relu3_1"] > 0
        assert record.content["relu4_2"] > 0
        assert list(record.paintings) == ["sample:glass"]


def test_the_photo_is_shown_with_the_contrast_and_light_asked_for() -> None:
    cell = expand(spec(norm="instance", contrast=0.4, light=0.25, shown=451))[0]
    photo = (load("sample:chelsea").pixels[0] * 255).round().numpy()
    wanted = np.rint(np.clip(127.5 + 0.4 * (photo - 127.5) + 0.25 * 255, 0, 255))
    seen = network_input(cell, OnePassSettings.from_mapping(cell.settings))[0].numpy() * 255
    assert np.abs(seen - wanted).max() < 1.01  # ties
    assert np.abs(seen - wanted).mean() < 0.01
    assert np.abs(seen - np.rint(seen)).max() < 1e-3


def test_instance_norm_makes_nearly_the_same_of_less_contrast_and_batch_norm_does_not(folder: Path) -> None:
    found = cells(folder)
    for norm in ("instance", "batch"):
        plain, weak = found[norm, "1"], found[norm, "0.5"]
        assert plain.apart is None
        pictures = (levels(folder / str(record.picture)) for record in (plain, weak))
        assert weak.apart == pytest.approx(np.abs(next(pictures) - next(pictures)).mean(), abs=0.5)
    one, many = (found[norm, "0.5"].apart or 0.0 for norm in ("instance", "batch"))
    assert one < 0.5 * many


def test_the_page_shows_the_photos_with_what_was_done_to_them(folder: Path) -> None:
    text = page(folder)
    assert "contrast 0.5" in text
    assert "levels apart" in text


def test_a_network_that_is_there_is_not_trained_again(folder: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (folder / "networks").iterdir()}
    pictures = {key: (folder / str(r.picture)).read_bytes() for key, r in cells(folder).items()}
    (folder / RESULTS).unlink()
    run(spec(), folder)
    assert {file: file.stat().st_mtime_ns for file in (folder / "networks").iterdir()} == before
    assert {key: (folder / str(r.picture)).read_bytes() for key, r in cells(folder).items()} == pictures


def test_it_learns_from_the_photos_of_a_folder(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for k in range(3):
        pixels = np.random.default_rng(k).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{k}.png")
    one, other = spec(norm="instance", contrast=1.0, photos=str(photos)), spec(norm="instance", contrast=1.0)
    assert expand(one)[0].network != expand(other)[0].network
    (record,) = run(one, tmp_path / "sweep")
    (file,) = (tmp_path / "sweep" / "networks").iterdir()
    assert describe(file)["provenance"]["photos"]["count"] == 2  # the third is held back
    assert len(describe(file)["provenance"]["losses"]) == record.steps == 8


def test_what_the_network_is_trained_by_tells_networks_apart_and_nothing_else_does() -> None:
    names = {
        norm: {cell.network for cell in expand(spec(norm=norm, light=[-0.1, 0.1]))} for norm in ("instance", "batch")
    }
    assert [len(found) for found in names.values()] == [1, 1]
    assert names["instance"] != names["batch"]
    (plain,) = names["instance"]
    other = expand(spec(norm="instance", contrast=1.0, shown=128, network="lite"))[0]
    assert other.network == plain
    assert expand(spec(norm="instance", contrast=1.0, seed=5))[0].network != plain
    own = OnePassSettings.from_mapping(other.settings).training()
    assert own == TrainStyleSettings.from_mapping(own.to_mapping())
    stylize = {"task": "stylize", "inputs": SPEC["inputs"], "settings": {"size": 64}}
    assert expand(from_mapping(stylize))[0].network is None


def test_no_two_cells_train_one_network_at_a_time() -> None:
    waiting = expand(spec(contrast=[1.0, 0.5, 0.25]))
    assert [cell.place["norm"] for cell in waiting] == ["instance"] * 3 + ["batch"] * 3
    running: list[Cell] = []
    for norm in ("instance", "batch"):
        cell = sweep._next(waiting, running)
        assert cell is not None
        assert (cell.place["norm"], cell.place["contrast"]) == (norm, "1")
        running.append(cell)
    assert sweep._next(waiting, running) is None
    assert len(waiting) == 4
    cell = sweep._next(waiting, running[1:])
    assert cell is not None
    assert (cell.place["norm"], cell.place["contrast"]) == ("instance", "0.5")
    plain = expand(from_mapping({"task": "stylize", "inputs": SPEC["inputs"], "settings": {"seed": [0, 1]}}))
    assert sweep._next(plain, [*plain]) is not None, "nothing is trained for these"


def test_a_larger_batch_is_counted_as_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_cores", lambda: 64)
    monkeypatch.setattr(sweep, "resident", lambda: 3e8)
    monkeypatch.setattr(sweep, "free_memory", lambda device: 6e9)
    many = [k / 64 for k in range(64)]
    few, more = (fitting(expand(spec(contrast=many, size=128, batch=batch))) for batch in (1, 16))
    assert 1 <= more < few <= 64
    settings = OnePassSettings(size=128, batch=4, strength=0.2, network="vgg16")
    assert (as_run(settings).size, as_run(settings).network) == (256, "vgg16")


def test_what_is_no_setting_of_it_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown setting 'contrats' .did you mean 'contrast'"):
        expand(spec(contrats=1.0))
    with pytest.raises(UsageError, match="contrast must be at most 4"):
        expand(spec(contrast=5.0))
    with pytest.raises(UsageError, match=f"unknown preset of {ONE_PASS}"):
        expand(spec(preset="gatys2016"))


def test_a_training_that_fails_fails_its_cell_and_leaves_no_network(tmp_path: Path) -> None:
    made = spec(norm="instance", photos=str(tmp_path / "none"))
    errors = {progress.record.error for progress in run_sweep(made, tmp_path / "sweep", workers=2)}
    assert errors == {f"'{tmp_path / 'none'}' is no folder; expected one with pictures"}
    assert list((tmp_path / "sweep" / "networks").iterdir()) == []


def test_a_training_that_is_cut_short_leaves_nothing_and_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = expand(spec(norm="batch", contrast=1.0, steps=4, checkpoint_every=1))[0]
    settings, whole = OnePassSettings.from_mapping(cell.settings), one_pass.train_style_steps

    def cut(*args: Any, **more: Any) -> Any:
        yield from islice(whole(*args, **more), 3)
        raise KeyboardInterrupt

    monkeypatch.setattr(one_pass, "train_style_steps", cut)
    with pytest.raises(KeyboardInterrupt):
        one_pass.network_file(cell, settings, tmp_path)
    monkeypatch.undo()
    assert list((tmp_path / "networks").iterdir()) == []
    path = one_pass.network_file(cell, settings, tmp_path)
    assert list((tmp_path / "networks").iterdir()) == [path]
    assert len(describe(path)["provenance"]["losses"]) == 4
    steps = list(one_pass.one_pass_steps(cell, settings, tmp_path))
    assert [(step.index, step.scale) for step in steps] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert [set(step.terms) >= {"style", "content"} for step in steps] == [False, False, True, True]
