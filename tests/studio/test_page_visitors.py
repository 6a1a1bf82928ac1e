"""The page, in Chromium: two visitors at once, and a page that says how it does without the server."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect
from tests.studio.conftest import serving
from tests.studio.window import Window, fixtures, needed, opened, saved

from impasto.studio.server import Server

chromium, window, photo = fixtures()


@needed
def test_two_visitors_see_only_their_own(
    window: Window, chromium: Browser, server: Server, photo: Path, tmp_path: Path
) -> None:
    with opened(chromium, server.address) as other:
        window.start().upload(photo)
        other.start().upload(saved(tmp_path / "meadow.png", 90, 120, seed=3))
        for visitor, painting in ((window, "flow"), (other, "ink")):
            visitor.painting(f"sample:{painting}")
            visitor.previewed(painting.capitalize())
            visitor.shorten(steps=300)
        first = window.begin()
        window.says(".progress small", "Step ")
        second = other.begin()
        for _ in range(2):  # both take turns, or wait: in any case each hears of its own alone
            assert window.get("/runs")[0]["id"] == first
            assert other.get("/runs")[0]["id"] == second
            expect(window.find("#queue li")).to_have_count(0)
            expect(other.find("#queue li")).to_have_count(0)
        other.says(".progress strong", "Waiting")
        window.click("#stop")
        window.finished()
        other.says(".progress small", "Step ")
        other.click("#stop")
        other.finished()
        for visitor, number, name in ((window, first, "harbour.png"), (other, second, "meadow.png")):
            assert [run["id"] for run in visitor.get("/runs")] == [number]
            assert {picture["name"] for picture in visitor.get("/pictures") if picture["kind"] == "upload"} == {name}
            expect(visitor.find("#results .tile")).to_have_count(1)
        wrong = other.context.request.get(f"{server.address}api/v1/runs/{first}/picture")
        assert wrong.status == 404
        other.page.reload()
        expect(other.find("#results .tile")).to_have_count(1)
        expect(other.by(f"run-{second}")).to_have_count(1)


@needed
def test_a_second_run_waits_and_can_be_cancelled(window: Window, photo: Path) -> None:
    window.start().upload(photo)
    window.painting("sample:flow")
    window.previewed("Flow")
    window.shorten(steps=2000)
    window.begin()
    window.says(".progress small", "Step ")
    window.says("#paint", "Paint next")
    window.painting("sample:ink")
    second = window.begin()
    window.says(".progress strong", "Waiting, next")
    expect(window.find("#queue li")).to_have_count(1)
    window.click("#cancel")
    expect(window.by(f"run-{second}")).to_have_count(0)
    window.says(".progress small", "Step ")
    window.click("#stop")
    window.until("() => document.querySelectorAll('#results .tile.active').length === 0")


@needed
def test_a_failed_request_keeps_the_choices(window: Window, photo: Path) -> None:
    window.allowed.append("ERR_FAILED")
    window.start().upload(photo)
    window.context.route("**/api/v1/preview", lambda route: route.abort())
    window.painting("sample:flow")
    window.says("#trouble", "The server does not answer. Your choices are kept; try again in a moment.")
    window.context.unroute_all()
    window.says("#plan", " × ")
    window.shorten(steps=2)
    window.paint()
    expect(window.find("#trouble")).to_be_empty()


@needed
def test_a_password_is_asked_for_once(chromium: Browser, tmp_path: Path, photo: Path) -> None:
    (tmp_path / "password").write_text("correct horse battery")
    (tmp_path / "password").chmod(0o600)
    settings = {"password_file": str(tmp_path / "password")}
    with (
        serving(tmp_path / "studio", **settings) as server,
        opened(chromium, server.address, forget=False) as window,
    ):
        window.allowed.append("status of 401")
        window.page.goto(server.address)
        window.find("#password").fill("wrong")
        window.page.keyboard.press("Enter")
        expect(window.find("#login .trouble")).not_to_be_empty()
        window.find("#password").fill("correct horse battery")
        window.page.keyboard.press("Enter")
        window.state("ready")
        window.upload(photo)
        window.page.reload()
        window.state("ready")
        window.says("#photo", "harbour")
        expect(window.find("#login")).to_have_count(0)
        window.click("#log-out")
        expect(window.find("#password")).to_be_visible()
