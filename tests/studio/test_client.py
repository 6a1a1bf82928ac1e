"""The client of the examples, against a studio that listens."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from tests.studio.conftest import png

import impasto
from impasto.image import read_metadata
from impasto.studio.server import Server

EXAMPLE = Path(__file__).parents[2] / "examples" / "studio_client.py"


def test_the_client_paints_a_picture(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photo one.png").write_bytes(png(64))
    (tmp_path / "painting.png").write_bytes(png(64, 1))
    module = runpy.run_path(str(EXAMPLE))
    files = [str(tmp_path / name) for name in ("photo one.png", "painting.png", "painted.png")]
    module["main"](*files, f"{server.address}api/v1")
    assert impasto.load(tmp_path / "painted.png").size == (128, 128)
    assert "step 18 of 18" in capsys.readouterr().out
    recipe = read_metadata(tmp_path / "painted.png")
    assert recipe is not None
    assert recipe["inputs"] == {"content": "photo one.png", "style": "painting.png"}


def test_an_error_of_the_studio_is_a_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "no picture.jpg").write_text("no picture")
    module = runpy.run_path(str(EXAMPLE))
    with pytest.raises(SystemExit, match=r"no picture\.jpg"):
        module["main"](*[str(tmp_path / "no picture.jpg")] * 2, "out.png", f"{server.address}api/v1")


def test_the_client_is_short() -> None:
    code = [line for line in EXAMPLE.read_text().splitlines() if line.strip()]
    assert len(code) <= 70
