"""What a run found: figures by pair and method, cached by the content of the files, and kept for the page and sheets.

OUT/figures.jsonl     one line a picture: the SHA-256 of photo, painting and picture, and the figures
OUT/run.json          what the last run compared: pairs, methods, pictures, figures, conditions
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from benchmarks.contract import Row
from benchmarks.judges.collection import Pair
from benchmarks.judges.judge import FIGURES, PROTOCOL, Figures
from impasto.encoders.download import sha256
from impasto.errors import UsageError
from impasto.image.atomic import replace_file

CACHE, RUN = "figures.jsonl", "run.json"


@dataclass(frozen=True)
class Result:
    """One picture and its figures. `seconds` and `peak_mb` (10^6 bytes) are None for finished pictures and anchors."""

    method: str
    pair: str
    photo: Path
    painting: Path
    picture: Path
    figures: Figures
    seconds: float | None = None
    peak_mb: float | None = None


@dataclass(frozen=True)
class Run:
    """All results of a run. `notices`: a line for each anchor or picture that is not there, and for each method whose
    pictures have another size. `conditions`: see `benchmarks.contract.conditions`."""

    size: int
    methods: list[str]
    results: list[Result]
    notices: list[str] = field(default_factory=list)
    conditions: Row = field(default_factory=dict)

    @property
    def pairs(self) -> list[str]:
        """The names of the pairs, in order."""
        return list(dict.fromkeys(result.pair for result in self.results))

    def of(self, method: str) -> list[Result]:
        """The results of one method, pair by pair."""
        return [result for result in self.results if result.method == method]

    def write(self, folder: Path) -> None:
        """Write the run to `RUN` in `folder`."""
        replace_file(folder / RUN, json.dumps(asdict(self), indent=1, default=str).encode())


def read_run(folder: Path) -> Run:
    """Read the run in `folder`. Raises UsageError if there is none."""
    file = folder / RUN
    if not file.is_file():
        raise UsageError(f"there is no run in {folder}: it has no {RUN}")
    data = json.loads(file.read_text(encoding="utf-8"))
    places = ("photo", "painting", "picture")
    results = [Result(**{**row, **{place: Path(row[place]) for place in places}}) for row in data.pop("results")]
    return Run(results=results, **data)


class Cache:
    """Figures by the content of the three files. A change of `PROTOCOL` makes all of them expire."""

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        rows = [row for row in map(json.loads, lines) if row["protocol"] == PROTOCOL]
        self.known: dict[tuple[str, ...], Figures] = {tuple(row["files"]): row["figures"] for row in rows}

    def figures(self, result: Result, judge: Callable[[Path, Path, Path], Figures]) -> Figures:
        """Return the figures of a picture; `judge` computes them if the cache does not know them."""
        paths = (result.photo, result.painting, result.picture)
        key = tuple(sha256(path) for path in paths)
        if key not in self.known:
            self.known[key] = judge(*paths)
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"protocol": PROTOCOL, "files": key, "figures": self.known[key]}) + "\n")
        return {name: self.known[key][name] for name in FIGURES}

    def judged(self, result: Result, judge: Callable[[Path, Path, Path], Figures]) -> Result:
        """Return `result` with its figures."""
        return replace(result, figures=self.figures(result, judge))


def result_of(pair: Pair, method: str, picture: Path, seconds: float | None, peak_mb: float | None) -> Result:
    """Return a result whose figures are still to come."""
    return Result(method, pair.name, pair.photo, pair.painting, picture, {}, seconds, peak_mb)
