"""Files and runs of one visitor are nobody else's, on any route and by any guess."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import Any

from tests.studio.conftest import FAST, Visitor

from impasto.studio.server import Server

GUESSES = 1000


def test_no_route_gives_a_picture_or_a_run_to_a_stranger(visitor: Visitor, stranger: Visitor, server: Server) -> None:
    photo = visitor.picture()
    request = {"task": "stylize", "content": photo, "style": [{"source": "sample:flow"}], "settings": FAST}
    run = visitor.wait(visitor.start(request)["id"])
    picture, routes = photo.removeprefix("picture:"), server.app.openapi()["paths"]
    asked = 0
    for path, methods in routes.items():
        for method in methods:
            for number in (picture, run["id"], run["result"]["id"]):
                if "{number}" not in path:
                    continue
                answer = stranger.http.request(method.upper(), path.removeprefix("/api/v1").format(number=number))
                assert answer.status_code == 404, (method, path)
                assert set(answer.json()) == {"error"}
                asked += 1
    assert asked >= 30
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/runs", request),
        ("/plan", request),
        ("/preview", {"content": photo, "style": "starry"}),
        ("/preview", {"content": "sample:chelsea", "style": photo}),
        ("/masks", {"photo": photo, "strokes": []}),
        ("/masks", {"photo": "sample:chelsea", "strokes": [], "base": photo}),
        ("/crops", {"source": photo, "box": [0, 0, 8, 8]}),
        ("/compare", {"a": photo, "b": "sample:chelsea"}),
        ("/runs", request | {"content": "sample:chelsea", "init": run["result"]["source"]}),
        ("/runs", request | {"content": "sample:chelsea", "regions": [{"mask": photo, "style": "sample:flow"}]}),
    ]
    for path, body in bodies:
        assert stranger.post(path, body).status_code == 404, (path, body)
    assert stranger.get("/pictures").json() == stranger.get("/runs").json() == []
    assert visitor.get(f"/pictures/{picture}").status_code == 200, "nothing was deleted"
    assert visitor.get(f"/runs/{run['id']}").status_code == 200


def test_guesses_find_nothing(visitor: Visitor, stranger: Visitor) -> None:
    own = visitor.picture().removeprefix("picture:")
    found = 0
    for k in range(GUESSES):
        guess = own[: k % 32] + secrets.token_hex(16)[k % 32 :]
        if guess != own:
            found += stranger.get(f"/pictures/{guess}").status_code != 404
    assert found == 0


def test_paths_for_ids_find_nothing(stranger: Visitor) -> None:
    for odd in ("..%2F..%2Fkey", "%2e%2e", "*", "a" * 32 + "%00", "A" * 32, "?" * 3):
        assert stranger.get(f"/pictures/{odd}").status_code in {400, 404, 422}, odd


def test_events_tell_a_visitor_about_own_runs_alone(visitor: Visitor, stranger: Visitor) -> None:
    request = {"task": "texture", "style": [{"source": "sample:flow"}], "settings": FAST}
    visitor.start(request)
    own = stranger.start(request)["id"]
    with closing(stranger.events()) as events:
        for _, run in events:
            assert run["id"] == own
            if run.get("state") == "done":
                break


def test_a_visitor_is_known_by_a_token_as_well(server: Server) -> None:
    with closing(Visitor(server.address)) as first:
        first.picture()
        token = first.http.cookies["impasto_visitor"]
        with closing(Visitor(server.address, Authorization=f"Bearer {token}")) as second:
            assert len(second.get("/pictures").json()) == 1
