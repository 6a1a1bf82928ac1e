"""Make each method's picture of each pair, one process a picture, and record seconds and peak memory.

    OUT/pictures/METHOD/PAIR.png
    OUT/made.jsonl                  one line a picture: method, pair, command, size, seconds, peak MB (10^6 bytes)

A picture that exists is not made again, unless the command or the size has changed. Methods take turns pair by pair, so
that other work on the machine slows all of them alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.contract import measure
from benchmarks.judges.collection import Method, Pair, picture_in
from benchmarks.judges.pictures import fitted, open_rgb, resized

LOG = "made.jsonl"


@dataclass(frozen=True)
class Made:
    """A picture of one pair by one method, or the reason why there is none.

    `command`: the template, not the words. `seconds`, from start to exit of the process, and `peak_mb` are None where
    no command ran.
    """

    method: str
    pair: str
    command: tuple[str, ...] = ()
    size: int = 0
    seconds: float | None = None
    peak_mb: float | None = None
    picture: Path | None = None
    reason: str = ""


class Maker:
    """Makes pictures in the folder `out`, with a longer side of `size` pixels."""

    def __init__(self, out: Path, size: int) -> None:
        self.out, self.size = out, size
        self.log = out / LOG
        self.known = {(made.method, made.pair): made for made in read_log(self.log)}

    def make_all(
        self, pairs: list[Pair], methods: Iterable[Method], report: Callable[[str], None] = lambda _: None
    ) -> list[Made]:
        """Make what is missing. A picture that fails is reported and left out; the others are made."""
        plan = [(method, {pair.name for pair in method.chosen(pairs)}) for method in methods]
        results = []
        for pair in pairs:
            for method, chosen in plan:
                if pair.name in chosen:
                    results.append(made := self.make(method, pair))
                    if made.reason:
                        report(f"{made.method}, {made.pair}: {made.reason}")
        return results

    def make(self, method: Method, pair: Pair) -> Made:
        """Return the picture of a pair by a method, made now unless it is there."""
        if method.folder is not None:
            picture = picture_in(method.folder, pair)
            reason = "" if picture else f"no picture in {method.folder.name}"
            return Made(method.name, pair.name, picture=picture, reason=reason)
        target = self.out / "pictures" / method.name / f"{pair.name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        if method.copy_of:
            if not target.exists() or max(open_rgb(target).size) != self.size:
                image = open_rgb(pair.photo if method.copy_of == "photo" else pair.painting)
                resized(image, fitted(image.size, self.size)).save(target)
            return Made(method.name, pair.name, picture=target)
        return self._run(method, pair, target)

    def _run(self, method: Method, pair: Pair, target: Path) -> Made:
        """Run the command. The picture has another name until it is whole."""
        known = self.known.get((method.name, pair.name))
        if target.exists() and (known is None or (known.command, known.size) == (method.command, self.size)):
            return Made(
                *(method.name, pair.name, method.command, self.size),
                *((known.seconds, known.peak_mb) if known else (None, None)),
                picture=target,
            )
        partial = target.with_name(f"{pair.name}.part.png")
        partial.unlink(missing_ok=True)
        try:
            done = measure(method.words(pair, partial, self.size), cwd=Path.cwd(), environment=method.environment)
        except RuntimeError as error:
            return Made(method.name, pair.name, reason=str(error).strip().splitlines()[-1])
        if not partial.exists():
            return Made(method.name, pair.name, reason="the command wrote no picture")
        partial.replace(target)
        made = Made(method.name, pair.name, method.command, self.size, done.whole, done.peak_mb, target)
        self._record(made)
        return made

    def _record(self, made: Made) -> None:
        row = {name: value for name, value in asdict(made).items() if name not in ("picture", "reason")}
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.known[made.method, made.pair] = made


def read_log(file: Path) -> list[Made]:
    """Return the records of a log, the oldest first, without pictures; none if there is no file."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Made(**{**row, "command": tuple(row["command"])}) for row in map(json.loads, lines)]
