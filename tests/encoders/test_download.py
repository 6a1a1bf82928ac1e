from __future__ import annotations

import hashlib
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import OpenerDirector

import pytest

from impasto.encoders import download as module
from impasto.encoders.download import DownloadError, download, sha256
from impasto.errors import ImpastoError, UsageError


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "net-12345678.pth"


def get(site: Any, target: Path, **options: Any) -> None:
    download(f"{site.url}/{target.name}", target, digest=hashlib.sha256(site.body).hexdigest()[:8], **options)


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def leave_part(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(content)


def test_whole_file_with_progress(site: Any, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    get(site, target, on_progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == site.body
    assert not part_of(target).exists()
    assert site.asked == [None]
    assert seen[-1] == (len(site.body), len(site.body))
    assert len(seen) == -(-len(site.body) // module.CHUNK)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_server_that_does_not_say_the_size(site: Any, target: Path) -> None:
    site.sized = False
    seen: list[int | None] = []
    get(site, target, on_progress=lambda _, total: seen.append(total))
    assert target.read_bytes() == site.body
    assert set(seen) == {None}


def test_broken_off_is_resumed_in_the_same_call(site: Any, target: Path) -> None:
    site.cuts = [300_000, 500_000]
    get(site, target)
    assert target.read_bytes() == site.body
    assert site.asked == [None, "bytes=300000-", "bytes=800000-"]


def test_every_bit_of_progress_earns_new_tries(site: Any, target: Path) -> None:
    site.cuts = [1000] * 9
    get(site, target)
    assert target.read_bytes() == site.body
    assert len(site.asked) == 10


def test_no_progress_gives_up_and_keeps_the_part(site: Any, target: Path) -> None:
    site.cuts = [1000, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke off after 1000 of 1024000 bytes"):
        get(site, target)
    assert part_of(target).read_bytes() == site.body[:1000]
    assert not target.exists()


def test_part_of_an_earlier_run_is_resumed(site: Any, target: Path) -> None:
    leave_part(target, site.body[:123_456])
    seen: list[tuple[int, int | None]] = []
    get(site, target, on_progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == site.body
    assert site.asked == ["bytes=123456-"]
    assert seen[0][0] > 123_456
    assert seen[-1] == (len(site.body), len(site.body))


def test_complete_part_of_an_earlier_run_needs_no_network(site: Any, target: Path) -> None:
    leave_part(target, site.body)
    get(site, target)
    assert target.read_bytes() == site.body
    assert site.asked == []


def test_interrupted_by_the_caller_then_resumed(site: Any, target: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(site, target, on_progress=stop)
    get(site, target)
    assert target.read_bytes() == site.body
    assert site.asked == [None, f"bytes={module.CHUNK}-"]


def test_server_without_ranges_starts_over(site: Any, target: Path) -> None:
    site.ranges = False
    site.cuts = [300_000]
    get(site, target)
    assert target.read_bytes() == site.body
    assert site.asked == [None, "bytes=300000-"]


def test_unsatisfiable_range_starts_over(site: Any, target: Path) -> None:
    leave_part(target, b"x" * (len(site.body) + 5))
    get(site, target)
    assert target.read_bytes() == site.body
    assert site.asked == [f"bytes={len(site.body) + 5}-", None]


def test_stalled_connection_times_out_and_is_resumed(site: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.1)
    site.stalls = [module.CHUNK]
    get(site, target)
    assert target.read_bytes() == site.body
    assert site.asked == [None, f"bytes={module.CHUNK}-"]


def test_busy_server_is_asked_again(site: Any, target: Path) -> None:
    site.failures = [503, 429]
    get(site, target)
    assert target.read_bytes() == site.body


def test_not_found_is_final(site: Any, target: Path) -> None:
    site.failures = [404]
    with pytest.raises(DownloadError, match="answered 404 Not Found"):
        get(site, target)
    assert len(site.asked) == 1


def test_wrong_hash_deletes_the_part(site: Any, target: Path) -> None:
    result = hashlib.sha256(site.body).hexdigest()[:8]
    with pytest.raises(DownloadError, match=f"SHA-256 {result}, expected 0badc0de"):
        download(f"{site.url}/x", target, digest="0badc0de")
    assert not part_of(target).exists()
    assert not target.exists()


def test_web_page_by_its_type_leaves_an_earlier_part_alone(site: Any, target: Path) -> None:
    leave_part(target, site.body[:1000])
    site.kind = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="web page instead of weights"):
        get(site, target)
    assert part_of(target).read_bytes() == site.body[:1000]


def test_web_page_by_its_content(site: Any, target: Path) -> None:
    site.body = b"\n<!DOCTYPE html><title>Log in</title>"
    with pytest.raises(DownloadError, match="is a web page, not weights"):
        download(f"{site.url}/x", target, digest="0badc0de")


def test_refused_connection_fails_at_once(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITS", (60.0,))  # would be noticed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DownloadError, match=rf"cannot reach http://127\.0\.0\.1:{port}/x .*refused"):
        download(f"http://127.0.0.1:{port}/x", target, digest="00")


def test_network_that_goes_away_for_a_moment(site: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.cuts = [1000]
    there, build_opener = iter([True, False, True]), module.build_opener

    def opener() -> OpenerDirector:
        if next(there):
            return build_opener()
        raise URLError("Network is unreachable")

    monkeypatch.setattr(module, "build_opener", opener)
    get(site, target)
    assert target.read_bytes() == site.body
    assert site.asked == [None, "bytes=1000-"]


def test_unknown_host(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DownloadError, match=r"cannot reach http://weights\.invalid/x .*not known"):
        download("http://weights.invalid/x", target, digest="00")


def test_only_http(target: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="http or https"):
        download((tmp_path / "file").as_uri(), target, digest="00")


def test_at_once_from_several_places_downloads_once(site: Any, target: Path) -> None:
    threads = [threading.Thread(target=get, args=(site, target)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == site.body
    assert len(site.asked) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk(site: Any, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).symlink_to("/dev/full")
    with pytest.raises(ImpastoError, match=r"cannot write .*No space left.*IMPASTO_HOME") as caught:
        get(site, target)
    assert not isinstance(caught.value, DownloadError)


def test_folder_that_cannot_be_made(site: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImpastoError, match="cannot write"):
        get(site, tmp_path / "file" / "net.pth")
    assert site.asked == []


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # the first example of FIPS 180-4
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
