"""`impasto studio`: its start, its end, and the lines of its refusals."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from impasto.cli import main

SECONDS = 120


def start(*words: str) -> tuple[subprocess.Popen[str], str]:
    """Start a studio; return the process and its address."""
    command = [sys.executable, "-m", "impasto", "studio", "--port", "0", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("The studio is at http://127.0.0.1:"), line
    return process, line.split()[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_a_studio_serves_until_a_signal(tmp_path: Path, number: int, code: int) -> None:
    process, address = start("--folder", str(tmp_path))
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    with process:
        with urllib.request.urlopen(address) as page:
            assert b"Impasto" in page.read()
        process.send_signal(number)
        out, errors = process.communicate()
    watchdog.cancel()
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("impasto: stopped"), errors


def test_the_api_alone(tmp_path: Path) -> None:
    process, address = start("--folder", str(tmp_path), "--api-only")
    with process:
        with urllib.request.urlopen(f"{address}api/v1/about") as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address)
        process.kill()
        process.communicate()


def test_a_taken_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["studio", "--port", str(port), "--folder", str(tmp_path)]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"impasto: the studio cannot listen on 127.0.0.1, port {port}")
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--host", "0.0.0.0"], "a password of at least 8 characters is needed"),
        (["--tls-certificate", "cert.pem"], "https needs both files"),
        (["--tls-certificate", "no.pem", "--tls-key", "no.pem"], "'no.pem' is no file"),
        (["--password-file", "no.txt"], "no.txt"),
        (["--port", "99999"], "at most 65535"),
        (["--folder", ""], "empty"),
    ],
)
def test_refusals_are_one_line(
    words: list[str], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMPASTO_PASSWORD", raising=False)
    assert main(["studio", *words]) == 2
    line = capsys.readouterr().err
    assert part in line
    assert line.count("\n") == 1
    assert not list(tmp_path.iterdir()), "nothing was made"


def test_without_the_extra_a_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["studio"]) == 1
    assert capsys.readouterr().err == 'impasto: the studio needs its extra: pip install "impasto[studio]"\n'
