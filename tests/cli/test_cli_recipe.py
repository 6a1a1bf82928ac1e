from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import impasto
from impasto.cli import main
from impasto.errors import UsageError
from impasto.image import write
from impasto.settings.recipe import command, flag, recipe
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, SynthesisSettings, TextureSettings

Cli = Callable[..., Any]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What command lines come to, instead of runs."""
    from impasto.cli import run  # noqa: PLC0415

    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        run, "run", lambda task, inputs, chosen, options, _: seen.append((task, inputs, chosen, options))
    )
    return seen


CASES: list[tuple[str, dict[str, str], SynthesisSettings]] = [
    ("stylize", {"content": "photo.jpg", "style": "sample:flow"}, StylizeSettings()),
    (
        "stylize",
        {"content": "my photo.jpg", "style": "-odd.png"},
        StylizeSettings(strength=0.1, style_layers="relu1_1,relu2_1=0.5", style_scale=1 / 3, init="-x.png", steps=0),
    ),
    ("reconstruct", {"content": "--output"}, ReconstructSettings(layers="conv_4", seed=2**63 - 1, size=0)),
    ("texture", {"style": "it's; rm -rf $HOME"}, TextureSettings(optimizer="adam", tv_weight=1e-12, device="cpu")),
]


@pytest.mark.parametrize(("task", "inputs", "chosen"), CASES)
def test_the_command_of_a_recipe_gives_equal_settings(
    parsed: list[tuple[Any, ...]], task: str, inputs: dict[str, str], chosen: SynthesisSettings
) -> None:
    stored = json.loads(json.dumps(recipe(task, inputs, chosen, writing={"bits": 16})))
    line = shlex.join(command(stored, "out.png"))
    assert main(shlex.split(line)[1:]) == 0
    found_task, found_inputs, found, options = parsed[0]
    assert (found_task, found_inputs, found) == (task, inputs, chosen)
    assert (options.bits, options.output) == (16, "out.png")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    strength=st.floats(0, 1),
    tv=st.floats(0, allow_infinity=False, allow_nan=False),
    text=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
)
def test_any_setting_survives_the_command_line(
    parsed: list[tuple[Any, ...]], strength: float, tv: float, text: str
) -> None:
    chosen = StylizeSettings(strength=strength, tv_weight=tv, init=text, content_layers=text)
    words = command(recipe("stylize", {"content": text, "style": text}, chosen), "out.png")
    assert main(shlex.split(shlex.join(words))[1:]) == 0
    assert parsed[-1][1:3] == ({"content": text, "style": text}, chosen)


def test_a_recipe_holds_no_time_and_nothing_at_its_default() -> None:
    made = recipe("stylize", {"content": "a", "style": "b"}, StylizeSettings(seed=3))
    assert made == {
        "impasto": impasto.__version__,
        "task": "stylize",
        "inputs": {"content": "a", "style": "b"},
        "settings": {"seed": 3},
    }


def test_flags() -> None:
    assert flag("style_scale", 0.5) == ["--style-scale", "0.5"]
    assert (flag("tiles", True), flag("tiles", False)) == (["--tiles"], ["--no-tiles"])


GOOD = recipe("stylize", {"content": "a", "style": "b"}, StylizeSettings())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"task": "stylise"}, "did you mean 'stylize'?"),
        ({"task": None}, "no recipe of Impasto"),
        ({"inputs": ["a", "b"]}, "its 'inputs'"),
        ({"inputs": {"content": "a"}}, "its 'style'"),
        ({"settings": {"strenght": 1}}, "did you mean 'strength'?"),
        ({"settings": {"strength": 7}}, "at most 1"),
        ({"settings": None}, "its 'settings'"),
        ({"writing": {"rm": 1}}, "'writing'"),
        ({"writing": {"bits": "16"}}, "'writing'"),
        ({"writing": {"photo_metadata": 1}}, "'writing'"),
        ({"writing": [16]}, "'writing'"),
        ({"inputs": {"content": "a\x1b[2J", "style": "b"}}, r"'a\x1b[2J'"),
        ({"inputs": {"content": "a\nrm", "style": "b"}}, "cannot be printed"),
    ],
)
def test_a_strange_recipe_is_refused(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        command(GOOD | change, "out.png")
    assert expected in str(caught.value)
    assert str(caught.value).isprintable()


def test_info_shows_the_recipe_and_a_command_that_makes_the_same_picture(stylize: Cli, cli: Cli, folder: Path) -> None:
    stylize("-o", "out.png", "--strength", "0.3")
    told = cli("info", "out.png")
    assert told.code == 0
    assert 'inputs: content "photo.png", style "painting.png"' in told.out
    line = told.out.splitlines()[-1]
    assert "--strength 0.3" in line
    first = (folder / "out.png").read_bytes()
    (folder / "out.png").unlink()
    assert cli(*shlex.split(line)[1:]).code == 0
    assert (folder / "out.png").read_bytes() == first
    assert json.loads(cli("info", "out.png", "--json").out)["settings"]["strength"] == 0.3


def test_info_tells_the_threads(stylize: Cli, cli: Cli) -> None:
    """Another number of threads rounds sums in another order."""
    assert stylize("-o", "out.png", "--threads", 1).code == 0
    told = cli("info", "out.png").out
    assert "threads 1" in told
    assert shlex.split(told.splitlines()[-1])[-6:-2] == ["--threads", "1", "--output", "out.png"]
    assert stylize("-o", "any.png").code == 0
    assert "threads: torch's choice" in cli("info", "any.png").out


def test_info_of_an_unfinished_picture_says_so(stylize: Cli, cli: Cli) -> None:
    stylize("-o", "out.png", "--save-every", "1")
    assert "saved on the way" in cli("info", "out-0001.png").out


def test_info_of_another_picture_is_an_error(cli: Cli, folder: Path) -> None:
    told = cli("info", "photo.png")
    assert (told.code, told.out) == (1, "")
    assert "carries no settings" in told.err


def test_info_lets_no_escape_sequence_through(cli: Cli, folder: Path) -> None:
    made = GOOD | {"impasto": "\x1b[31m", "\x1b[2J": "\x1b[2J"}
    write("evil.png", torch.zeros(1, 3, 8, 8), metadata=made)
    for more in ([], ["--json"]):
        assert "\x1b" not in cli("info", "evil.png", *more).out
