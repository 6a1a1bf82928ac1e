from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

from impasto.encoders import weights
from impasto.encoders.weights import PUBLISHED, Published, fetch, home, status, verify, where
from impasto.errors import ImpastoError, UsageError

pytestmark = pytest.mark.usefixtures("without_packages")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))


@pytest.fixture
def published(site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The site as a mirror that has the file of vgg19."""
    entry = Published(f"vgg19-{hashlib.sha256(site.body).hexdigest()[:8]}.pth", 1)
    monkeypatch.setitem(PUBLISHED, "vgg19", entry)
    monkeypatch.setenv("IMPASTO_WEIGHTS_URL", f"{site.url}/mirror/")
    return site


def test_digests_are_in_the_names() -> None:
    digests = {name: entry.digest for name, entry in PUBLISHED.items()}
    assert digests == {"vgg16": "397923af", "vgg19": "dcbb9e9d", "resnet50": "0676ba61"}


def test_fetch_downloads_once(published: Any, tmp_path: Path) -> None:
    path = fetch("vgg19")
    assert path == where("vgg19") == tmp_path / "weights" / PUBLISHED["vgg19"].file
    assert path.read_bytes() == published.body
    assert fetch("vgg19") == path
    assert published.paths == [f"/mirror/{path.name}"]


def test_fetch_from_a_given_address(published: Any) -> None:
    fetch("vgg19", url=f"{published.url}/elsewhere")
    assert published.paths == ["/elsewhere"]


def test_the_default_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(weights, "download", lambda url, *_, **__: asked.append(url))
    monkeypatch.delenv("IMPASTO_WEIGHTS_URL", raising=False)
    fetch("resnet50")
    assert asked == ["https://download.pytorch.org/models/resnet50-0676ba61.pth"]


def test_failed_fetch_says_what_to_do(published: Any) -> None:
    published.failures = [404]
    with pytest.raises(ImpastoError, match="404") as caught:
        fetch("vgg19")
    message = str(caught.value)
    assert "\n" not in message
    for help_ in ("impasto weights fetch vgg19", f"copy the file to {where('vgg19')}", "--weights FILE", "`lite`"):
        assert help_ in message


def test_unknown_and_embedded_names() -> None:
    with pytest.raises(UsageError, match=r"unknown network 'vgg91' \(did you mean 'vgg19'\?\)"):
        fetch("vgg91")
    with pytest.raises(UsageError, match="inside the package"):
        verify("lite")


def test_verify(published: Any) -> None:
    with pytest.raises(ImpastoError, match="is not there; `impasto weights fetch vgg19`"):
        verify("vgg19")
    path = fetch("vgg19")
    assert verify("vgg19") == path
    path.write_bytes(b"rotten")
    with pytest.raises(
        ImpastoError, match=f"is damaged: SHA-256 {hashlib.sha256(b'rotten').hexdigest()[:8]}, expected"
    ):
        verify("vgg19")


def test_status(published: Any) -> None:
    path = fetch("vgg19")
    rows = {row.name: row for row in status()}
    assert list(rows) == list(PUBLISHED)
    assert (rows["vgg19"].present, rows["vgg19"].size, rows["vgg19"].verified) == (True, len(published.body), None)
    assert (rows["vgg16"].present, rows["vgg16"].size, rows["vgg16"].path) == (False, 553_000_000, where("vgg16"))
    assert {row.name: row.verified for row in status(check=True)} == {"vgg16": None, "vgg19": True, "resnet50": None}
    path.write_bytes(b"rotten")
    assert {row.name: row.verified for row in status(check=True)}["vgg19"] is False


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, ".cache/impasto"),
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/impasto"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, ".cache/impasto"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "Library/Caches/impasto"),
        ("win32", {}, "AppData/Local/impasto"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/impasto"),
        ("linux", {"IMPASTO_HOME": "/here", "XDG_CACHE_HOME": "/caches"}, "/here"),
        ("linux", {"IMPASTO_HOME": "~/here"}, "here"),
    ],
)
def test_home(
    platform: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for key in ("IMPASTO_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(key, raising=False)
    for key, value in {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), **environment}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert home() == tmp_path / expected  # an absolute `expected` stands for itself
    assert where() == home() / "weights"
