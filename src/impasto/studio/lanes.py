"""Work outside the queue, one piece at a time, each in a thread of its own that ends with it.

GNU OpenMP keeps a team of threads for every thread that has computed, and lets all teams spin a tenth as long while
there are more such threads than processors: a run beside an idle team of another thread took 18 % longer. The team of
a thread that has ended is gone. So no thread that computes is kept, except that of the queue.
"""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Lane:
    """A lane for work: the pieces follow one another, whoever asks for them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._busy = threading.Lock()

    async def __call__(self, work: Callable[..., T], *arguments: object) -> T:
        """Return `work(*arguments)`, or raise its error."""
        loop = get_running_loop()
        answer: Future[T] = loop.create_future()

        def run() -> None:
            with self._busy:
                try:
                    result = work(*arguments)
                except Exception as error:
                    _settle(loop, answer, Future.set_exception, error)
                else:
                    _settle(loop, answer, Future.set_result, result)

        threading.Thread(target=run, name=f"impasto-{self.name}", daemon=True).start()
        return await answer


def _settle(loop: AbstractEventLoop, answer: Future[T], settle: Callable[..., None], value: object) -> None:
    """Give a future its value in its loop, unless the visitor has gone away, or the loop with the server."""

    def give() -> None:
        if not answer.done():
            settle(answer, value)

    with suppress(RuntimeError):
        loop.call_soon_threadsafe(give)
