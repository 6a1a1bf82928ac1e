"""The order of turns: each visitor has a queue, and whoever was served longest ago is next."""

from __future__ import annotations

from collections import deque

from impasto.studio.runs import Run


class Turns:
    """The waiting runs of all visitors. Not safe for several threads; the scheduler holds its lock."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Run]] = {}
        self._served: dict[str, int] = {}  # the number of the last turn of a visitor
        self._count = 0

    def __len__(self) -> int:
        """Return the number of waiting runs."""
        return sum(map(len, self._queues.values()))

    def of(self, visitor: str) -> int:
        """Return the number of waiting runs of a visitor."""
        return len(self._queues.get(visitor, ()))

    def add(self, run: Run, *, first: bool = False) -> None:
        """Add a run at the end, or at the front, of the queue of its visitor."""
        queue = self._queues.setdefault(run.visitor, deque())
        if first:
            queue.appendleft(run)
        else:
            queue.append(run)

    def remove(self, run: Run) -> None:
        """Remove a run, if it waits."""
        queue = self._queues.get(run.visitor, deque())
        if run in queue:
            queue.remove(run)

    def order(self) -> list[Run]:
        """Return the waiting runs in the order of their turns: one of each visitor, then the next of each."""
        queues = self._in_turn()
        longest = max(map(len, queues), default=0)
        return [queue[k] for k in range(longest) for queue in queues if k < len(queue)]

    def next(self) -> Run | None:
        """Remove and return the next run; None if none waits."""
        queues = self._in_turn()
        if not queues:
            return None
        run = queues[0].popleft()
        self._count += 1
        self._served[run.visitor] = self._count
        return run

    def others(self, visitor: str) -> bool:
        """Return whether a run of another visitor waits."""
        return len(self) > self.of(visitor)

    def _in_turn(self) -> list[deque[Run]]:
        waiting = [(visitor, queue) for visitor, queue in self._queues.items() if queue]
        self._queues = dict(waiting)
        return [queue for _, queue in sorted(waiting, key=lambda pair: self._served.get(pair[0], 0))]
