"""The store: bounded in bytes and age, and nothing left of uploads that broke off."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.studio.conftest import FAST, Visitor, png, serving

from impasto.studio import store as stores
from impasto.studio.store import FullError, MissingError, Store, StoredPicture, new_id

VISITOR = "0" * 32


def add(store: Store, size: int, age: float = 0.0) -> StoredPicture:
    number, path = store.new_path(VISITOR)
    path.write_bytes(b"x" * size)
    picture = store.add(VISITOR, StoredPicture(number, "a.png", "upload", 8, 8, False, 0))
    for file in path.parent.glob(f"{number}.*"):
        os.utime(file, (time.time() - age,) * 2)
    return picture


def test_a_picture_is_found_by_its_visitor_alone(tmp_path: Path) -> None:
    store = Store(tmp_path, 1e6, 3600)
    picture = add(store, 100)
    assert store.picture(VISITOR, picture.id) == picture
    assert picture.bytes == 100
    for visitor, number in [("1" * 32, picture.id), (VISITOR, new_id()), (VISITOR, "../" + picture.id), ("..", "x")]:
        with pytest.raises(MissingError):
            store.picture(visitor, number)
        with pytest.raises(MissingError):
            store.path_of(visitor, number)


def test_old_pictures_go_and_young_ones_stay(tmp_path: Path) -> None:
    store = Store(tmp_path, 1e6, 3600)
    old, young = add(store, 100, age=3700), add(store, 100, age=3500)
    store.clean()
    assert [picture.id for picture in store.pictures(VISITOR)] == [young.id]
    assert not list(tmp_path.rglob(f"{old.id}*"))


def test_the_oldest_pictures_go_where_space_is_short(tmp_path: Path) -> None:
    store = Store(tmp_path, 10_000, 1e6)
    ids = [add(store, 3000, age=1000 - k).id for k in range(3)]
    last = add(store, 3000, age=100)
    assert {picture.id for picture in store.pictures(VISITOR)} == {*ids[1:], last.id}
    assert store.used <= 10_000


def test_a_full_store_keeps_what_was_just_used(tmp_path: Path) -> None:
    store = Store(tmp_path, 2000, 1e6)
    kept = add(store, 1200)
    with pytest.raises(FullError, match="full"):
        add(store, 1200)
    assert [picture.id for picture in store.pictures(VISITOR)] == [kept.id]
    assert len(list(tmp_path.rglob("*.picture"))) == 1, "nothing is left of the other one"


def test_a_file_that_a_run_needs_stays(tmp_path: Path) -> None:
    store = Store(tmp_path, 1e6, 3600)
    picture = add(store, 100, age=9999)
    store.is_busy = lambda path: path.stem == picture.id
    store.clean()
    assert store.pictures(VISITOR)


def test_remains_of_a_killed_server_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, 1e6, 3600)
    _, path = store.new_path(VISITOR)
    path.write_bytes(b"half")
    monkeypatch.setattr(stores, "RECENT", -1.0)
    Store(tmp_path, 1e6, 3600)
    assert not list(tmp_path.rglob("*.picture"))
    assert not (tmp_path / VISITOR).exists(), "an empty folder goes as well"


def test_uploads_that_are_too_large_for_the_store_leave_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, store_gb=0.01) as server, closing(Visitor(server.address)) as visitor:
        answer = visitor.upload(b"\x89PNG\r\n\x1a\n" + bytes(12_000_000), "large.png")
        assert answer.status_code == 507
        assert "0.01 GB" in answer.json()["error"]
        assert visitor.get("/pictures").json() == []
        assert not list(tmp_path.rglob("*.picture"))
        assert visitor.upload(png()).status_code == 201


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def half() -> object:
        yield png()[:100]
        raise httpx.WriteError("the client went away")

    with serving(tmp_path) as server, closing(Visitor(server.address)) as visitor:
        with pytest.raises(httpx.WriteError):
            visitor.http.post("/pictures", content=half())
        visitor.get("/about")
        for _ in range(100):
            if not list(tmp_path.rglob("*.picture")):
                break
            time.sleep(0.05)
        assert not list(tmp_path.rglob("*.picture"))


def test_runs_are_forgotten_with_their_folders(tmp_path: Path) -> None:
    with serving(tmp_path, hours=0.01) as server, closing(Visitor(server.address)) as visitor:
        run = visitor.wait(
            visitor.start({"task": "texture", "style": [{"source": "sample:flow"}], "settings": FAST})["id"]
        )
        for path in [*tmp_path.glob("*/runs/*"), *tmp_path.glob("*/pictures/*")]:
            os.utime(path, (time.time() - 99,) * 2)
        server.app.state.studio.store.clean()
        assert visitor.get("/runs").json() == []
        assert visitor.get(f"/runs/{run['id']}").status_code == 404
        assert visitor.get("/pictures").json() == []
