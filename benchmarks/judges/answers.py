"""Count the answers of blind comparisons: wins, ties and losses, the sign test, and agreement between lookers.

Answers come as text, a line `SHEET LEFT|RIGHT|TIE` each with the key of the sheets, or as the JSON file that the page
saves, which has its own key.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import comb
from pathlib import Path
from typing import NamedTuple

from benchmarks.judges.blind import Sheet, read_key
from impasto.errors import UsageError

FORMAT = "impasto-blind-answers"
CHOICES = ("LEFT", "RIGHT", "TIE")


class Comparison(NamedTuple):
    """Two methods on one pair, in alphabetical order, so that `a:b` and `b:a` are counted as one."""

    a: str
    b: str
    pair: str


Look = dict[Comparison, int]
"""The answers of one looker: 1 where `a` won, -1 where `b` won, 0 for a tie."""


class Count(NamedTuple):
    """Wins of the first method, ties, and losses."""

    wins: int
    ties: int
    losses: int

    @property
    def p(self) -> float:
        """Two-sided p-value of the sign test; ties do not count."""
        return sign_test(self.wins, self.losses)

    def __str__(self) -> str:
        return f"{self.wins} won, {self.ties} ties, {self.losses} lost; sign test p = {self.p:.3g}"


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided p-value of the sign test: how likely is so uneven a count if both methods are equal?

    Twice the probability of at most min(wins, losses) successes in wins + losses throws of a fair coin, at most 1
    (Dixon and Mood 1946). 1 without any decision.
    """
    throws = wins + losses
    tail = sum(comb(throws, k) for k in range(min(wins, losses) + 1))
    p: float = min(1.0, 2 * tail / 2**throws)
    return p


def read_answers(file: Path, key: Path | None = None) -> Look:
    """Return the answers in a file of text or of the page. Raises UsageError for what cannot be understood."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the answers {file}") from error
    if text.lstrip().startswith("{"):
        return _of_page(text, file)
    if key is None:
        raise UsageError(f"{file} has the answers to sheets: give their key with --key")
    return _of_sheets(text, file, read_key(key))


def count(looks: Iterable[Look]) -> dict[tuple[str, str], Count]:
    """Return the count over all answers for each two methods."""
    table: dict[tuple[str, str], Counter[int]] = {}
    for look in looks:
        for comparison, won in look.items():
            table.setdefault((comparison.a, comparison.b), Counter())[won] += 1
    return {names: Count(found[1], found[0], found[-1]) for names, found in sorted(table.items())}


def majority(looks: Sequence[Look]) -> Look:
    """Return one answer a comparison: the side with more votes, or a tie.

    Answers of several lookers to one sheet depend on each other; the sign test is valid over these.
    """
    votes: Counter[Comparison] = Counter()
    for look in looks:
        votes.update(look)
    return {comparison: (total > 0) - (total < 0) for comparison, total in votes.items()}


def agreement(one: Look, two: Look) -> tuple[int, int]:
    """Return how many answers of two lookers are equal, and how many comparisons both answered."""
    both = one.keys() & two.keys()
    return sum(one[comparison] == two[comparison] for comparison in both), len(both)


def summary(looks: Mapping[str, Look]) -> list[str]:
    """Return what `count` prints, a line each, for the answers by name of the looker."""
    lines = [f"{a} against {b}: {found}" for (a, b), found in count(looks.values()).items()]
    if len(looks) > 1:
        by_sheet = count([majority(list(looks.values()))])
        lines += [f"{a} against {b}, one vote a pair: {found}" for (a, b), found in by_sheet.items()]
        for (one, first), (two, second) in itertools.combinations(looks.items(), 2):
            equal, both = agreement(first, second)
            lines.append(f"{one} and {two} agree on {equal} of {both}")
    return lines


def _of_sheets(text: str, file: Path, key: Mapping[str, Sheet]) -> Look:
    """Lines that do not begin with a sheet's name are passed over."""
    look: Look = {}
    for line in text.splitlines():
        words = line.replace("|", " ").replace(":", " ").split()
        if words and (name := words[0].removesuffix(".png")) in key:
            _add(look, key[name], words[1] if len(words) > 1 else "", file)
    return look


def _of_page(text: str, file: Path) -> Look:
    look: Look = {}
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise UsageError(f"{file} is not a file of answers: its format is {data['format']}")
        for row in data["answers"]:
            _add(look, Sheet(row["pair"], data["a"], data["b"], row["left"]), row["choice"], file)
    except UsageError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is not a file of answers") from error
    return look


def _add(look: Look, sheet: Sheet, choice: str, file: Path) -> None:
    choice = choice.upper()
    if choice not in CHOICES:
        raise UsageError(f"{file}: the answer to {sheet.pair} is '{choice}'; allowed: {', '.join(CHOICES)}")
    right = sheet.b if sheet.left == sheet.a else sheet.a
    a, b = sorted((sheet.a, sheet.b))
    winner = {"LEFT": sheet.left, "RIGHT": right, "TIE": None}[choice]
    look[Comparison(a, b, sheet.pair)] = 0 if winner is None else 1 if winner == a else -1
