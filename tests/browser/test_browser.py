"""The page in a headless Chromium, against PyTorch. It needs Chromium, its driver, and the runtime beside the page."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.browser.driver import Browser, browser, served
from tests.painters import anything, many, picture

from impasto.image import load, write
from impasto.tasks.apply import apply
from impasto.tasks.apply_options import ApplySettings
from impasto.tasks.export import export

PAGE = Path(__file__).parents[2] / "docs" / "browser"
RUNTIME = PAGE / "node_modules" / "onnxruntime-web"
DRIVER = shutil.which("chromedriver")
LEVEL = 1.01 / 255

needed = pytest.mark.skipif(
    DRIVER is None or not RUNTIME.is_dir(), reason="needs chromedriver, and `npm install` in docs/browser"
)


def test_the_runtime_is_one_version_everywhere() -> None:
    version = json.loads((PAGE / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    assert f'const VERSION = "{version}";' in (PAGE / "worker.js").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as it would be served, with two small networks."""
    folder = tmp_path_factory.mktemp("site")
    for file in ("index.html", "page.js", "worker.js", "style.css"):
        shutil.copy(PAGE / file, folder)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "onnxruntime-web").symlink_to(RUNTIME)
    (folder / "model").mkdir()
    export(many(), folder / "model" / "many.onnx")
    export(anything(), folder / "model" / "any.onnx", {"first": picture(90, 80, seed=1)}, painting_size=96)
    write(folder / "photo.png", picture(72, 96))
    write(folder / "painting.png", picture(80, 96, seed=7))
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as found:
        yield found


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with browser(str(DRIVER), tmp_path_factory.mktemp("profile"), *camera) as found:
        yield found


def shown(window: Browser) -> torch.Tensor:
    """What the page shows, as a picture."""
    url = window.run("return document.getElementById('result').toDataURL('image/png')")
    return load(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))).pixels


def set_to(window: Browser, selector: str, value: float) -> None:
    window.run(
        "const found = document.querySelector(arguments[0]);"
        "if (found.type === 'checkbox') found.checked = Boolean(arguments[1]); else found.value = arguments[1];"
        "document.body.dataset.state = 'asked'; found.dispatchEvent(new Event('input'))",
        selector,
        value,
    )
    window.wait("done")


@needed
def test_a_photo_is_painted_as_by_pytorch(window: Browser, address: str, site: Path) -> None:
    window.open(address)
    assert window.wait("ready") == "ready"
    assert window.run("return [...document.querySelectorAll('#styles span')].map(e => e.textContent)") == [
        "sea",
        "sand",
        "snow",
    ]
    window.choose("#photo", site / "photo.png")
    assert window.wait("done").startswith("96x72 in ")
    photo, network = load(site / "photo.png").pixels, many()
    assert (shown(window) - apply(photo, network, "sea")).abs().max() <= LEVEL

    set_to(window, "[name=snow]", 50)
    assert (shown(window) - apply(photo, network, {"sea": 100, "snow": 50})).abs().max() <= LEVEL
    set_to(window, "#strength", 40)
    settings = ApplySettings(strength=0.4)
    assert (shown(window) - apply(photo, network, {"sea": 100, "snow": 50}, settings)).abs().max() <= LEVEL
    set_to(window, "#colours", 1)
    settings = ApplySettings(strength=0.4, keep_color="ycbcr")
    assert (shown(window) - apply(photo, network, {"sea": 100, "snow": 50}, settings)).abs().max() <= 2 * LEVEL
    set_to(window, "[name=sea]", 0)
    set_to(window, "[name=snow]", 0)
    assert torch.equal(shown(window), photo)


@needed
def test_paintings_for_an_any_style_network(window: Browser, address: str, site: Path) -> None:
    window.open(f"{address}?model=model/any.json")
    window.wait("ready")
    window.choose("#photo", site / "photo.png")
    window.wait("done")
    photo, network = load(site / "photo.png").pixels, anything()
    settings = ApplySettings(style_size=96)
    assert (shown(window) - apply(photo, network, picture(90, 80, seed=1), settings)).abs().max() <= LEVEL
    window.choose("#painting", site / "painting.png")
    window.wait("done")
    assert (shown(window) - apply(photo, network, str(site / "painting.png"), settings)).abs().max() <= LEVEL


@needed
def test_the_camera(window: Browser, address: str) -> None:
    window.open(address)
    window.wait("ready")
    window.run("document.getElementById('camera').click()")
    for _ in range(200):
        if window.run("return document.body.dataset.seconds") and shown(window).std() > 0.01:
            break
    assert max(shown(window).shape) == 512
    window.run("document.getElementById('camera').click()")
    assert window.run("return document.getElementById('camera').textContent") == "Camera"


@needed
def test_what_goes_wrong_is_told(window: Browser, address: str, site: Path) -> None:
    window.open(f"{address}?model=model/none.json")
    assert "404" in window.wait("error")
    window.open(address)
    window.wait("ready")
    (site / "bad.png").write_bytes(b"no picture")
    window.choose("#photo", site / "bad.png")
    assert window.wait("error") == "bad.png is no picture that this browser can read"
    window.choose("#photo", site / "photo.png")
    assert window.wait("done").startswith("96x72")
