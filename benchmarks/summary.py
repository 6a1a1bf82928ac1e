"""What rows of the speed part say together: a side's step, the time of its whole picture, its peak memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.contract import Row, Spread, spread
from benchmarks.parts import FULL, PROGRAM

NAMES = {
    "textbook": "textbook loop, VGG-19, {0} iterations",
    "neural-style": "neural-style's algorithm, {0} iterations",
    "crowson": "Crowson's coarse to fine, sizes: {1}, {0} steps",
    "vgg19": "Impasto at the textbook's settings, VGG-19, {0} steps",
    "standard": "`impasto stylize`, default settings, {0} steps",
    "draft": "`impasto stylize --quality draft`, {0} steps",
    PROGRAM + "neural-style": "the program neural-style (PyTorch), {0} iterations",
    PROGRAM + "pastiche": "the program pastiche, {0} iterations",
    PROGRAM + "style-transfer-pytorch": "the program style-transfer-pytorch, sizes: {1}, {0} steps",
}

PAIRS = 100
"""So many pairs of pictures L-BFGS keeps at all of these sides, once it has made so many steps."""
LBFGS = {"textbook", "vgg19", "neural-style", PROGRAM + "neural-style", PROGRAM + "pastiche"}


@dataclass(frozen=True)
class Side:
    """`step` is one at the greatest size; `extrapolated` where `whole` is not the time of a run to its end."""

    key: str
    name: str
    step: Spread
    whole: float
    extrapolated: bool
    peak_mb: float
    done: int
    published: int

    @property
    def history_grows(self) -> bool:
        """Whether the peak misses pairs of L-BFGS that a run to its end keeps."""
        return self.extrapolated and self.key in LBFGS and self.done < min(self.published, PAIRS)


def steady(steps: Sequence[float]) -> Sequence[float]:
    """Steps without the first of a size, which also warms up."""
    return steps[1:] if len(steps) > 1 else steps


def whole_picture(row: Row) -> float:
    """Seconds from start to exit: as measured, or with each size's own number of steps instead of those done."""
    if row["complete"]:
        return row["whole"]
    done = sum(sum(steps) for _, steps in row["scales"])
    return row["whole"] - done + sum(count * statistics.median(steady(steps)) for count, steps in row["scales"])


def summarise(rows: Sequence[Row]) -> list[Side]:
    """The sides in the order in which they were measured; the textbook's whole run counts where there is one."""
    keys = dict.fromkeys(row["side"] for row in rows if not row["side"].endswith(FULL))
    return [side(key, [row for row in rows if row["side"] == key], _full(key, rows)) for key in keys]


def side(key: str, rows: Sequence[Row], full: Row | None) -> Side:
    """One side, of all its rows; `full` is a run to its end apart from them."""
    whole = statistics.median(whole_picture(row) for row in ([full] if full else rows))
    sizes, complete = rows[0]["scales"], bool(full or rows[0]["complete"])
    return Side(
        key=key,
        name=NAMES.get(key, key).format(sum(count for count, _ in sizes), len(sizes)),
        step=spread([seconds for row in rows for seconds in steady(row["scales"][-1][1])]),
        whole=whole,
        extrapolated=not complete,
        peak_mb=max(row["peak_mb"] for row in ([full] if full else rows)),
        done=len(sizes[-1][1]),
        published=sizes[-1][0],
    )


def trusted(rows: Sequence[Row]) -> tuple[float, float] | None:
    """The textbook's whole run as measured, and as its short runs extrapolate it."""
    full, short = _full("textbook", rows), [row for row in rows if row["side"] == "textbook"]
    if full is None or not short or short[0]["complete"]:
        return None
    return full["whole"], statistics.median(map(whole_picture, short))


def _full(key: str, rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if row["side"] == key + FULL), None)
