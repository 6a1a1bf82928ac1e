"""Requests that pages of other sites make a browser send, and paths that could be read in two ways."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message
from tests.studio.test_security_client import ask, echo

from impasto.studio.security import PlainRequest, SameOrigin

APP = SameOrigin(echo)
OWN = "http://127.0.0.1:8000"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("headers", [{}, {"Origin": OWN}, {"Sec-Fetch-Site": "same-origin", "Origin": OWN}])
def test_the_own_page_and_scripts_are_allowed(method: str, headers: dict[str, str]) -> None:
    assert ask(APP, method, headers=headers).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1.evil.example:8000",
        "http://127.0.0.1:8000.evil.example",
        "http://evil.example/127.0.0.1:8000",
        "http://127.0.0.1:8000@evil.example",
        "http://evil.example@127.0.0.1:8000",
        "http://localhost:8000",
        "http://127.0.0.1:8001",
        "http://127.0.0.1",
        "https://127.0.0.1:8000",
        "file://",
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000, http://evil.example",
        "127.0.0.1:8000",
        "HTTP://127.0.0.1:8000\n",
        b"http://127.0.0.1:8000\xff",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/runs"), ("DELETE", "/x"), ("GET", "/api/v1/runs")])
def test_another_origin_is_refused(origin: str | bytes, method: str, path: str) -> None:
    answer = ask(APP, method, path, {"Origin": origin})
    assert answer.status == 403
    assert "another origin" in answer.error


def test_two_origins_are_refused() -> None:
    assert ask(APP, "POST", headers={"Origin": OWN}, raw=[(b"origin", OWN.encode())]).status == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "[::1]:8000", "LOCALHOST:80"])
def test_default_ports_and_upper_case_are_the_same_origin(host: str) -> None:
    origin = "http://[::1]:8000" if host.startswith("[") else "http://localhost"
    assert ask(APP, "POST", headers={"Origin": origin}, host=host).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE", "", "none, cross-site"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("GET", "/api/v1/events"), ("PROPFIND", "/x")])
def test_other_sites_are_refused(site: str, method: str, path: str) -> None:
    """With `same-site`, another program on another port of localhost asks."""
    assert ask(APP, method, path, {"Sec-Fetch-Site": site}).status == 403
    assert ask(APP, method, path, {"Sec-Fetch-Site": site, "Origin": OWN}).status == 403


def test_a_link_to_the_page_works_from_other_sites() -> None:
    assert ask(APP, "GET", "/", {"Sec-Fetch-Site": "cross-site"}).status == 200


def test_a_preflight_of_another_site_is_refused_without_permissions() -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "DELETE"}
    answer = ask(APP, "OPTIONS", headers=headers)
    assert answer.status == 403
    assert not [name for name, _ in answer.headers if name.startswith(b"access-control")]


def test_with_tls_the_origin_is_https() -> None:
    app = SameOrigin(echo, tls=True)
    assert ask(app, "POST", headers={"Origin": "https://127.0.0.1:8000"}).status == 200
    assert ask(app, "POST", headers={"Origin": OWN}).status == 403


@pytest.mark.parametrize(("behind_proxy", "status"), [(True, 200), (False, 403)])
def test_the_scheme_of_a_proxy_counts_only_behind_a_proxy(behind_proxy: bool, status: int) -> None:
    app = SameOrigin(echo, behind_proxy=behind_proxy)
    headers = {"Origin": "https://studio.example", "X-Forwarded-Proto": "https"}
    assert ask(app, "POST", headers=headers, host="studio.example").status == status


@pytest.mark.parametrize("scheme", ["http", "https,http", "ftp", ""])
def test_other_schemes_of_a_proxy_are_not_https(scheme: str) -> None:
    app = SameOrigin(echo, behind_proxy=True)
    headers = {"Origin": "https://studio.example", "X-Forwarded-Proto": scheme}
    assert ask(app, "POST", headers=headers, host="studio.example").status == 403


@pytest.mark.parametrize(
    "path",
    [
        "//api",
        "//evil.example/x",
        "/api//v1/runs",
        "/page/../api/v1/runs",
        "/page/..",
        "/..",
        "/.",
        "/page/./x",
        "/page/\\..\\api",
        "/page/\x00",
        "/page/x\nforged line",
        "/\x7f",
        "",
        "*",
        "http://localhost/",
        "page",
    ],
)
def test_odd_paths_are_refused(path: str) -> None:
    answer = ask(PlainRequest(echo), path=path)
    assert answer.status == 400
    assert "path" in answer.error


@pytest.mark.parametrize(
    "path", ["/", "/page/page.js", "/page/..js", "/page/a..b", "/api/v1/samples/x.y/image", "/ä ö"]
)
def test_plain_paths_are_allowed(path: str) -> None:
    assert ask(PlainRequest(echo), path=path).status == 200


def test_web_sockets_are_refused() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(PlainRequest(echo)({"type": "websocket", "path": "/", "headers": []}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
