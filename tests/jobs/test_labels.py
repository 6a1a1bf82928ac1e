from __future__ import annotations

import pytest

from impasto.jobs.labels import name_of, pieces, shown, tidy, wrapped
from impasto.jobs.results import Axis, Plan, Record


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10000", "100000", "1e+06"], ["10000", "100000", "1000000"]),
        (["0.001", "1e-05", "0"], ["0.001", "0.00001", "0"]),
        (["1e-07", "0.5", "0"], ["1e-7", "5e-1", "0"]),
        (["1e+06", "2.5e+07"], ["1e6", "2.5e7"]),
        (["1e4", "1e5"], ["1e4", "1e5"]),
        (["0.1", "1", "100"], ["0.1", "1", "100"]),
        (["1e5", "none"], ["1e5", "none"]),
        (["1e+05", "100000"], ["1e+05", "100000"]),
        (["1e5", "nan"], ["1e5", "nan"]),
        ([""], [""]),
    ],
)
def test_numbers_of_an_axis_have_one_style(labels: list[str], expected: list[str]) -> None:
    assert list(shown(labels)) == labels
    assert list(shown(labels).values()) == expected


def test_long_lists_of_layers_are_told_by_their_ends() -> None:
    layers = [f"relu{k}_1" for k in range(1, 6)]
    labels = [",".join(layers[:k]) for k in range(1, 6)]
    assert list(shown(labels).values()) == [
        "relu1_1",
        "relu1_1,relu2_1",
        "relu1_1 … relu3_1 (3)",
        "relu1_1 … relu4_1 (4)",
        "relu1_1 … relu5_1 (5)",
    ]


def test_different_labels_stay_different() -> None:
    labels = ["relu1_1,relu2_1,relu4_1", "relu1_1,relu3_1,relu4_1"]
    assert list(shown(labels).values()) == labels


def test_places_go_with_their_axes_and_keys_stay() -> None:
    plan = Plan("t", (Axis("w", ("1e+06", "1")),))
    records = {"k": Record("k", 0, {"w": "1e+06"}), "old": Record("old", 1, {"w": "gone", "x": "1e+06"})}
    shown_plan, shown_records = tidy(plan, records)
    assert shown_plan.axes == (Axis("w", ("1000000", "1")),)
    assert shown_records["k"] == Record("k", 0, {"w": "1000000"})
    assert shown_records["old"].place == {"w": "gone", "x": "1e+06"}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/home/me/my, pictures/sea.jpg", "sea.jpg"),
        ("C:\\pictures\\sea.jpg", "sea.jpg"),
        ("sea.jpg", "sea.jpg"),
        ("sample:flow", "sample:flow"),
        ("generator:faces?seed=8", "generator:faces?seed=8"),
        ("blend:sample:coffee,/a/b/sea.jpg?mask=/a/cup.png&at=1,2", "blend:sample:coffee,sea.jpg?mask=cup.png&at=1,2"),
    ],
)
def test_names_have_no_folders(source: str, name: str) -> None:
    assert name_of(source) == name


def test_lines_end_behind_pieces_and_hold_all() -> None:
    assert pieces("a b_c,d=1") == ["a ", "b_", "c,", "d=", "1"]
    assert pieces("histogram(layers=relu1_1+relu4_1)") == ["histogram(layers=", "relu1_1+", "relu4_1)"]
    assert wrapped("mosaic_ducks", 9) == ["mosaic_", "ducks"]
    assert wrapped("relu1_1 … relu5_1 (5)", 12) == ["relu1_1 …", "relu5_1 (5)"]
    assert wrapped("abcdefgh ij", 3) == ["abc", "def", "gh", "ij"]
    assert wrapped("", 5) == [""]
    text = "gram,histogram(layers=relu1_1+relu4_1) and more"
    for width in range(1, 60):
        lines = wrapped(text, width)
        assert max(map(len, lines)) <= width
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
