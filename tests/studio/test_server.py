"""The socket of the studio."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.studio.conftest import serving


def test_answers_are_sent_at_once(tmp_path: Path) -> None:
    """asyncio sets TCP_NODELAY for sockets of this protocol number alone."""
    with serving(tmp_path) as server:
        assert server.socket.proto == socket.IPPROTO_TCP
        assert server.address == f"http://127.0.0.1:{server.socket.getsockname()[1]}/"
