"""Server-sent events: changes of a visitor's runs, at most a few a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from pydantic import BaseModel

INTERVAL = 0.2
"""Least seconds between two batches of events of a connection."""

HEARTBEAT = 15.0
"""Seconds without an event, after which a comment keeps the connection open."""


class Hub:
    """The connections of all visitors, each with the ids of the runs that changed since its last batch."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: dict[str, set[_Connection]] = {}
        self._closed = False

    def open(self) -> None:
        """Take events from now on; called in the event loop of the server."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """End all connections."""
        self._closed = True
        for connections in self._connections.values():
            for connection in connections:
                connection.event.set()

    def changed(self, visitor: str, run: str) -> None:
        """Tell the connections of a visitor that a run changed; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):  # the loop may be closed between both lines
                self._loop.call_soon_threadsafe(self._mark, visitor, run)

    async def stream(
        self, visitor: str, first: list[str], answer: Callable[[str], BaseModel | None], only: str | None = None
    ) -> AsyncIterator[str]:
        """Yield events: one for each run of `first`, then one for each run that changes.

        `answer` returns the run of an id, or None if it is gone. `only`: the id of the only run to tell about.
        """
        connection = _Connection()
        connection.changed.update(first)
        connection.event.set()
        self._connections.setdefault(visitor, set()).add(connection)
        try:
            while not self._closed:
                try:
                    await asyncio.wait_for(connection.event.wait(), HEARTBEAT)
                except asyncio.TimeoutError:
                    yield ": still here\n\n"
                    continue
                connection.event.clear()
                runs, connection.changed = connection.changed, set()
                for run in runs:
                    if only is None or run == only:
                        yield _event(run, answer(run))
                await asyncio.sleep(INTERVAL)
        finally:
            self._connections[visitor].discard(connection)
            if not self._connections[visitor]:
                del self._connections[visitor]

    def _mark(self, visitor: str, run: str) -> None:
        for connection in self._connections.get(visitor, ()):
            connection.changed.add(run)
            connection.event.set()


class _Connection:
    """An open stream of events."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.event = asyncio.Event()


def _event(run: str, answer: BaseModel | None) -> str:
    if answer is None:
        return f'event: gone\ndata: {{"id": "{run}"}}\n\n'
    return f"event: run\ndata: {answer.model_dump_json()}\n\n"
