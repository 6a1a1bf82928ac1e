"""The notebook of the documentation: kept without outputs, and its cells run."""

import json
from pathlib import Path

import pytest
from PIL import Image

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "first-picture.ipynb"

MOST = 192
"""The longer side of a picture that paints in seconds, in pixels."""


def cells(kind: str) -> list[dict[str, object]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def test_it_is_kept_without_outputs() -> None:
    for cell in cells("code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_its_cells_run_and_paint_small_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join("".join(map(str, cell["source"])) for cell in cells("code"))  # type: ignore[call-overload]
    names: dict[str, object] = {}

    exec(compile(quicker(code), str(NOTEBOOK), "exec"), names)

    with Image.open("painted.png") as painted:
        assert max(painted.size) <= MOST
    losses = names["losses"]
    assert isinstance(losses, list)
    assert losses[-1] < losses[0]


def quicker(code: str) -> str:
    """Return the code with smaller pictures: sizes change no name and no call."""
    assert f"size={MOST}" in code
    return code.replace(f"size={MOST}", "size=64")
