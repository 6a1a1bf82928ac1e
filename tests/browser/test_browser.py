"""The page in a headless Chromium, against PyTorch. It needs Chromium and the runtime beside the page."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser
from tests.browser.window import ISOLATED, Window, launched, served
from tests.browser.window import window as opened
from tests.painters import anything, many, picture

from impasto.image import load, write
from impasto.settings.editing import ApplySettings
from impasto.tasks.apply import apply
from impasto.tasks.export import export

PAGE = Path(__file__).parents[2] / "docs" / "browser"
FILES = [file for file in PAGE.iterdir() if file.suffix in {".html", ".js", ".css", ".jpg"}]
RUNTIME = PAGE / "node_modules" / "onnxruntime-web"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LEVEL = 1.01 / 255
SECONDS = 90
"""For one wait, on a machine that has other work too; alone a test takes a second or two."""

needed = pytest.mark.skipif(
    CHROMIUM is None or not RUNTIME.is_dir(),
    reason="needs Chromium and npm (Debian: apt install chromium npm); then run `make test`",
)

ANY_AT = 96
"""The longer side at which paintings are seen here."""


def test_the_page_and_its_lock_name_no_other_server() -> None:
    assert {file.name for file in FILES} >= {"index.html", "page.js", "worker.js", "style.css", "sample.jpg"}
    for file in FILES:
        assert not re.search(rb"\w+://", file.read_bytes()), file
    packages = json.loads((PAGE / "package-lock.json").read_text())["packages"]
    wanted = json.loads((PAGE / "package.json").read_text())["dependencies"]
    assert packages.pop("")["dependencies"] == wanted
    assert packages["node_modules/onnxruntime-web"]["version"] == wanted["onnxruntime-web"]
    for name, about in packages.items():
        assert "resolved" not in about, name
        assert about["integrity"].startswith("sha512-"), name


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with two small networks; and where the any-style one, all of them, or the runtime is missing."""
    site = tmp_path_factory.mktemp("site")
    parts = {"all": "styles any", "isolated": "styles", "styles": "styles", "none": "", "unready": "styles"}
    networks: dict[str, Any] = {"styles": many(), "any": anything()}
    (site / "networks").mkdir()
    export(networks["styles"], site / "networks" / "styles.onnx")
    export(networks["any"], site / "networks" / "any.onnx", {"first": picture(90, 80, seed=1)}, style_image_size=ANY_AT)
    for part, names in parts.items():
        (site / part / "model").mkdir(parents=True)
        for file in FILES:
            shutil.copy(file, site / part)
        for file in (site / "networks").iterdir():
            if file.name.split(".")[0] in names.split():
                shutil.copy(file, site / part / "model")
        if part != "unready":
            (site / part / "node_modules").symlink_to(RUNTIME.parent)
    write(site / "photo.png", picture(72, 96))
    write(site / "painting.png", picture(80, 96, seed=7))
    return site


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site, {"isolated": ISOLATED}) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched(str(CHROMIUM)) as found:
        yield found


@pytest.fixture
def window(chromium: Browser) -> Iterator[Window]:
    with opened(chromium, SECONDS) as found:
        yield found


def shown(window: Window) -> torch.Tensor:
    """What the page shows, as a picture."""
    url = window.run("() => document.getElementById('result').toDataURL('image/png')")
    return load(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))).pixels


def set_to(window: Window, selector: str, value: float) -> None:
    window.run(
        "([selector, value]) => { const found = document.querySelector(selector);"
        "if (found.type === 'checkbox') found.checked = Boolean(value); else found.value = value;"
        "document.body.dataset.state = 'asked'; found.dispatchEvent(new Event('input')); }",
        [selector, value],
    )
    window.wait("done")


def shares(window: Window) -> dict[str, float]:
    """Where the sliders stand, by their names."""
    script = "() => [...document.querySelectorAll('.tile input')].map(e => [e.name, Number(e.value)])"
    return dict(window.run(script))


def differs(window: Window, wanted: torch.Tensor) -> float:
    """The largest difference of what is shown from what is wanted."""
    return float((shown(window) - wanted).abs().max())


@needed
def test_a_photo_is_painted_as_by_pytorch(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}all/")
    assert re.fullmatch(r"sea, 451x300 in \d+\.\d\d s", window.wait("done"))
    assert shares(window) == {"sea": 100, "sand": 0, "snow": 0}
    window.choose("#photo", site / "photo.png")
    assert window.wait("done").startswith("sea, 96x72 in ")
    photo, network = load(site / "photo.png").pixels, many()
    assert differs(window, apply(photo, network, "sea")) <= LEVEL

    set_to(window, "[name=snow]", 50)
    mixed = {"sea": 100, "snow": 50}
    assert differs(window, apply(photo, network, mixed)) <= LEVEL
    set_to(window, "#strength", 40)
    assert differs(window, apply(photo, network, mixed, ApplySettings(strength=0.4))) <= LEVEL
    set_to(window, "#colours", 1)
    settings = ApplySettings(strength=0.4, keep_color="ycbcr")
    assert differs(window, apply(photo, network, mixed, settings)) <= 2 * LEVEL
    set_to(window, "[name=sea]", 0)
    set_to(window, "[name=snow]", 0)
    assert torch.equal(shown(window), photo)


@needed
def test_tiles_surprises_and_the_way_back(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}styles/")
    window.wait("done")
    window.choose("#photo", site / "photo.png")
    window.wait("done")
    window.until("() => document.body.dataset.tiles === 'done'")
    tiles = window.run("() => [...document.querySelectorAll('.tile canvas')].map(e => e.toDataURL())")
    assert len(set(tiles)) == 3
    window.click("button[title='snow alone']")
    window.wait("done")
    assert shares(window) == {"sea": 0, "sand": 0, "snow": 100}
    photo = load(site / "photo.png").pixels
    assert differs(window, apply(photo, many(), "snow")) <= LEVEL
    set_to(window, "#strength", 40)

    window.click("#surprise")
    window.wait("done")
    found = shares(window)
    settings = ApplySettings(strength=0.4)
    assert differs(window, apply(photo, many(), [(name, share) for name, share in found.items()], settings)) <= LEVEL
    window.click("#reset")
    window.wait("done")
    assert shares(window) == {"sea": 100, "sand": 0, "snow": 0}
    assert differs(window, apply(photo, many(), "sea")) <= LEVEL
    window.click("#before")
    assert torch.equal(shown(window), photo)
    window.click("#before")
    assert differs(window, apply(photo, many(), "sea")) <= LEVEL


@needed
def test_what_is_saved_is_what_is_painted(window: Window, address: str, tmp_path: Path) -> None:
    window.open(f"{address}styles/")
    window.wait("done")
    painted = shown(window)
    window.click("#before")  # the photo is shown, the painted picture is what is wanted
    with window.page.expect_download() as saving:
        window.click("#save")
    assert saving.value.suggested_filename == "impasto.png"
    saving.value.save_as(tmp_path / "saved.png")
    assert torch.equal(load(tmp_path / "saved.png").pixels, painted)


@needed
def test_paintings_beside_styles(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}all/")
    window.wait("done")
    window.choose("#photo", site / "photo.png")
    window.wait("done")
    window.choose("#painting", site / "painting.png")
    assert window.wait("done").startswith("painting, 96x72 in ")
    assert shares(window) == {"sea": 0, "sand": 0, "snow": 0, "painting": 100}
    photo = load(site / "photo.png").pixels
    settings = ApplySettings(style_size=ANY_AT)
    assert differs(window, apply(photo, anything(), str(site / "painting.png"), settings)) <= LEVEL
    set_to(window, "[name=sand]", 30)  # of another network, whose codes mean other things
    assert shares(window) == {"sea": 0, "sand": 30, "snow": 0, "painting": 0}
    assert differs(window, apply(photo, many(), "sand")) <= LEVEL


def drop(window: Window, selector: str, file: Path) -> None:
    """Let a file fall on an element, as from the desktop."""
    window.run(
        "([selector, bytes, name]) => {"
        "const dataTransfer = new DataTransfer();"
        "dataTransfer.items.add(new File([new Uint8Array(bytes)], name));"
        "document.body.dataset.state = 'asked';"
        "const given = { bubbles: true, cancelable: true, dataTransfer };"
        "document.querySelector(selector).dispatchEvent(new DragEvent('drop', given)); }",
        [selector, list(file.read_bytes()), file.name],
    )


@needed
def test_what_is_dropped_is_a_painting_among_the_paintings_and_else_a_photo(
    window: Window, address: str, site: Path
) -> None:
    window.open(f"{address}all/")
    window.wait("done")
    drop(window, "#own .small", site / "painting.png")
    assert window.wait("done").startswith("painting, 451x300 in ")
    drop(window, "h1", site / "photo.png")
    assert window.wait("done").startswith("painting, 96x72 in ")
    photo, settings = load(site / "photo.png").pixels, ApplySettings(style_size=ANY_AT)
    assert differs(window, apply(photo, anything(), str(site / "painting.png"), settings)) <= LEVEL


@needed
def test_an_any_style_network_alone(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}all/?model=model/any.json")
    window.wait("done")
    window.choose("#photo", site / "photo.png")
    window.wait("done")
    photo, network = load(site / "photo.png").pixels, anything()
    settings = ApplySettings(style_size=ANY_AT)
    first = picture(90, 80, seed=1)
    assert differs(window, apply(photo, network, first, settings)) <= LEVEL
    window.choose("#painting", site / "painting.png")
    window.wait("done")
    set_to(window, "[name=first]", 100)
    mixed = [(first, 0.5), (str(site / "painting.png"), 0.5)]
    assert differs(window, apply(photo, network, mixed, settings)) <= LEVEL


@needed
def test_threads_where_the_server_isolates_the_page(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}isolated/")
    window.wait("done")
    assert window.run("() => crossOriginIsolated")
    window.choose("#photo", site / "photo.png")
    window.wait("done")
    assert differs(window, apply(load(site / "photo.png").pixels, many(), "sea")) <= LEVEL


@needed
def test_the_camera(window: Window, address: str) -> None:
    window.open(f"{address}styles/")
    window.wait("done")
    window.click("#camera")
    window.until("() => document.getElementById('result').ariaLabel.includes(' 512x384 ')")
    window.click("#camera")  # what it saw last stays, as a photo
    window.wait("done")
    assert window.find("#camera").text_content() == "Camera"
    set_to(window, "#strength", 0)
    last = shown(window)
    assert last.std() > 0.01
    set_to(window, "#strength", 100)
    difference = (shown(window) - apply(last, many(), "sea")).abs()
    assert (
        difference.mean() <= LEVEL / 2
    )  # of the 1/4 that rounding makes; the test picture is flat, where norms divide by little
    assert difference.max() <= 4 * LEVEL


@needed
def test_no_camera(window: Window, address: str) -> None:
    window.open(f"{address}styles/")
    window.wait("done")
    for name, told in {"NotFoundError": "no camera was found", "NotAllowedError": "the camera was refused"}.items():
        window.run(
            "name => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }",
            name,
        )
        window.click("#camera")
        assert window.wait("error").startswith(told)
    set_to(window, "[name=snow]", 50)


@needed
def test_what_is_missing_is_told_with_the_command_that_makes_it(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}none/")
    assert 'run "impasto export styles -o docs/browser/model"' in window.wait("error")
    window.open(f"{address}unready/")
    assert "run: npm ci --prefix docs/browser" in window.wait("error")
    window.open(f"{address}styles/?model=model/none.json")
    assert window.wait("error").startswith("model/none.json is not here")
    window.open(f"{address}styles/")
    window.wait("done")
    window.choose("#painting", site / "painting.png")
    assert 'run "impasto export any -o docs/browser/model"' in window.wait("error")


@needed
def test_pictures_that_are_none(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}styles/")
    window.wait("done")
    (site / "bad.png").write_bytes(b"no picture")
    window.choose("#photo", site / "bad.png")
    assert window.wait("error") == "bad.png is no picture that this browser can read"
    write(site / "small.png", picture(15, 40))
    window.choose("#photo", site / "small.png")
    assert window.wait("error") == "40x15 px is too small; at least 24 a side"
    window.choose("#photo", site / "photo.png")
    assert window.wait("done").startswith("sea, 96x72")


@needed
def test_all_controls_have_names_that_can_be_read_out(window: Window, address: str, site: Path) -> None:
    window.open(f"{address}all/")
    window.wait("done")
    window.choose("#painting", site / "painting.png")
    window.wait("done")
    controls = window.find("button, input, select, canvas#result").all()
    labels = [re.sub(r'^- \w+ "(.*?)".*', r"\1", control.aria_snapshot(), flags=re.DOTALL) for control in controls]
    assert all(labels)
    assert {"Photo", "Camera", "Before", "Save", "Strength", "Longer side", "snow alone", "share of snow"} <= set(
        labels
    )
    assert len(set(labels)) == len(labels)
