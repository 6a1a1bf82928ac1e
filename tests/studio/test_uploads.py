"""Uploads of all kinds: a readable line for each bad one, the server alive, and nothing left."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from tests.studio.bad_pictures import CASES, Case
from tests.studio.conftest import Visitor, png, serving

from impasto.studio.pictures import clean_name
from impasto.studio.server import Server


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_upload_is_a_picture_or_a_line(visitor: Visitor, server: Server, case: Case) -> None:
    folder: Path = server.app.state.studio.store.folder
    before = set(folder.rglob("*.picture"))
    answer = visitor.upload(case.make(), f"{case.name}.jpg")
    if case.expected == "picture" and case.name != "too large.png":
        assert answer.status_code == 201, answer.text
        shown = visitor.get(f"/pictures/{answer.json()['id']}/image", params={"side": 64})
        assert shown.status_code == 200
        Image.open(io.BytesIO(shown.content)).load()
    else:
        assert answer.status_code in {400, 413}, answer.text
        line = answer.json()["error"]
        assert line
        assert "\n" not in line
        assert str(folder) not in line, "no path of this machine"
        assert ".picture" not in line
        assert "Traceback" not in line
        assert "Python" not in line
        assert set(folder.rglob("*.picture")) == before, "nothing is left"
    assert visitor.get("/about").status_code == 200


def test_a_picture_above_the_pixels_of_this_studio_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, megapixels=1) as server, closing(Visitor(server.address)) as visitor:
        assert visitor.upload(png(1000)).status_code == 201
        answer = visitor.upload(png(1001), "large.png")
        assert answer.status_code == 400
        assert "large.png" in answer.json()["error"]


def test_a_body_above_the_limit_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path, body_mb=1) as server, closing(Visitor(server.address)) as visitor:
        answer = visitor.upload(bytes(1_000_001))
        assert answer.status_code == 413
        assert "error" in answer.json()
        assert not list(tmp_path.rglob("*.picture"))


def test_orientation_is_applied(visitor: Visitor) -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 48), "red").save(buffer, "JPEG", exif=exif)
    picture = visitor.upload(buffer.getvalue(), "turned.jpg").json()
    assert (picture["width"], picture["height"]) == (48, 80)
    shown = visitor.get(f"/pictures/{picture['id']}/image")
    assert Image.open(io.BytesIO(shown.content)).size == (48, 80)


def test_a_transparent_picture_is_shown_transparent(visitor: Visitor) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 32), (255, 0, 0, 128)).save(buffer, "PNG")
    picture = visitor.upload(buffer.getvalue(), "glass.png").json()
    assert picture["alpha"]
    shown = visitor.get(f"/pictures/{picture['id']}/image")
    assert shown.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(shown.content)).getpixel((0, 0))[3] == 128


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("cat.jpg", "cat.jpg"),
        ("/etc/passwd", "passwd"),
        ("C:\\photos\\cat.jpg", "cat.jpg"),
        ("../../..", "picture"),
        ("", "picture"),
        ("a\x1b[31m\n.png", "a[31m.png"),
        ("é日本.png", "é日本.png"),
        ("x" * 500 + ".png", ("x" * 500 + ".png")[-120:]),
    ],
)
def test_names_are_for_people_alone(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def test_a_crop_is_a_part(visitor: Visitor) -> None:
    source = visitor.picture(64)
    crop = visitor.post("/crops", {"source": source, "box": [8, 16, 32, 24]}).json()
    assert (crop["width"], crop["height"]) == (32, 24)
    whole = Image.open(io.BytesIO(png(64))).crop((8, 16, 40, 40))
    shown = Image.open(io.BytesIO(visitor.get(f"/pictures/{crop['id']}/image").content))
    assert max(abs(a - b) for a, b in zip(shown.tobytes(), whole.tobytes(), strict=True)) < 40, "a JPEG"
    assert visitor.post("/crops", {"source": "sample:flow", "box": [0, 0, 64, 64]}).json()["name"] == "flow"
    for box in ([0, 0, 65, 8], [-1, 0, 8, 8], [0, 0, 0, 8]):
        assert visitor.post("/crops", {"source": source, "box": box}).status_code == 400


def test_comparing_a_picture_with_itself(visitor: Visitor) -> None:
    source = visitor.picture(64)
    same = visitor.post("/compare", {"a": source, "b": source}).json()
    assert same["psnr"] is None
    assert same["ssim"] == 1
    other = visitor.post("/compare", {"a": source, "b": visitor.picture(64, 1)}).json()
    assert other["ssim"] < 0.9
    assert other["style"]
