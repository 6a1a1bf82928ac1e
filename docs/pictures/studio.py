"""Makes the screenshots of docs/guides/studio.md and the README: `python docs/pictures/studio.py`. Needs Chromium.

A studio is started on a folder of its own, and a window does the three clicks of the guide: a photo, a painting, Paint.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
PATIENCE = 600_000
"""Milliseconds that a window waits for a picture."""

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@contextmanager
def studio() -> Iterator[str]:
    """Start a studio, and yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "impasto", "studio", "--port", "0", "--folder", folder]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            address = process.stderr.readline().split()[-1]
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield address
            process.terminate()


@contextmanager
def window(browser: Browser, address: str, size: dict[str, int], scheme: str) -> Iterator[Page]:
    phone = size is PHONE
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        has_touch=phone,
        is_mobile=phone,
        device_scale_factor=2 if phone else 1,
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("() => document.body.dataset.state === 'ready'")
    yield page
    context.close()


def shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(800)  # transitions
    page.screenshot(path=HERE / f"studio-{name}.jpg", type="jpeg", quality=82)
    print(f"studio-{name}.jpg", flush=True)


def photo(page: Page) -> None:
    """The first click; then the strip of styles fills."""
    page.click("[data-testid=sample-coffee]")
    page.wait_for_function("() => document.querySelectorAll('#film [data-testid^=style-] img').length >= 16")


def painting(page: Page) -> None:
    """The second click; then the preview comes."""
    page.click("[data-testid='painting-sample:flow']")
    page.wait_for_function("() => document.querySelector('#caption').textContent.startsWith('Preview')")


def paint(page: Page) -> None:
    """The third click."""
    page.wait_for_function("() => !document.querySelector('#paint').disabled")
    page.click("#paint")


def half(page: Page) -> None:
    """Wait for the second of three sizes."""
    page.wait_for_function("() => document.querySelector('.progress small')?.textContent.includes('512')")


def main() -> None:
    with sync_playwright() as play, studio() as address:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with window(browser, address, DESKTOP, "light") as page:
            shoot(page, "empty")
            photo(page)
            shoot(page, "photo")
            painting(page)
            shoot(page, "preview")
            paint(page)
            half(page)
            shoot(page, "painting")
            page.wait_for_function("() => document.body.dataset.state === 'done'")
            shoot(page, "desktop-light")
        for name, size, scheme in [
            ("desktop-dark", DESKTOP, "dark"),
            ("phone-light", PHONE, "light"),
            ("phone-dark", PHONE, "dark"),
        ]:
            with window(browser, address, size, scheme) as page:
                photo(page)
                painting(page)
                shoot(page, name)
        browser.close()


if __name__ == "__main__":
    main()
