from __future__ import annotations

import base64
import builtins
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImpastoError, UsageError
from impasto.jobs import previews
from impasto.jobs.previews import difference, embed
from impasto.jobs.report import page, write_page
from impasto.jobs.results import Axis, Plan, Record, append_result, write_plan

VOID = {"meta", "img", "br", "input", "link", "line", "polyline", "wbr"}


class Page(HTMLParser):
    """Elements with their attributes, the text outside of scripts, and what was never closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def decoded(uri: str | None) -> Image.Image:
    assert uri
    assert uri.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_every_picture_is_inside_and_says_what_it_is(sweep: Path) -> None:
    html = Page(page(sweep))
    assert html.open == []
    images = html.all("img")
    shown = [image for image in images if image.get("src")]
    assert [image for image in images if image not in shown] == [{"alt": ""}, {"alt": ""}]  # the lightbox's two
    assert len(shown) == 1 + 1 + 5 + 5 + 2  # original, painting, cells, their differences from it, and of the weights
    assert all(decoded(image["src"]).size == (36, 24) and image["alt"] for image in shown)
    assert html.all("html")[0]["lang"] == "en"
    assert "stylize: style_weight 1e4, content_weight 1" in [image["alt"] for image in shown]


def test_pictures_look_as_they_did(sweep: Path) -> None:
    smooth = np.linspace(0, 255, 24 * 36 * 3).reshape(24, 36, 3).astype(np.uint8)
    Image.fromarray(smooth).save(sweep / "cells/k0.png")
    images = {image["alt"]: image.get("src") for image in Page(page(sweep)).all("img")}
    shown = np.asarray(decoded(images["stylize: style_weight 1e4, content_weight 1"])).astype(int)
    assert abs(shown - smooth).mean() < 3


def test_names_are_text_and_no_code(sweep: Path) -> None:
    text = page(sweep)
    html = Page(text)
    assert len(html.all("script")) == 1
    assert html.all("b") == html.all("step") == []
    assert "Weights </title><script>alert(2)</script>" in html.text
    assert '1e5 "<b>"' in html.text
    assert "<script>alert(1)</script>" in html.text
    assert "NaN in <step> 3" in html.text


def test_the_page_asks_the_network_for_nothing(sweep: Path) -> None:
    html = Page(page(sweep))
    policy = next(meta["content"] for meta in html.all("meta") if "http-equiv" in meta)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    links = [value for _, given in html.elements for name, value in given.items() if name in ("src", "href", "action")]
    assert all(str(link).startswith(("data:", "#cell-")) for link in links)
    assert "see http://example.org/" in html.text  # as a text only
    assert "url(" not in page(sweep)


def test_the_table_has_a_row_for_each_cell_and_links_that_lead_somewhere(sweep: Path) -> None:
    html = Page(page(sweep))
    ids = [given["id"] for _, given in html.elements if "id" in given]
    links = [link["href"] for link in html.all("a")]
    assert links == [f"#cell-k{index}" for index in range(6)]
    assert {str(link)[1:] for link in links} == set(ids)
    values = [cell["data-value"] for cell in html.all("td") if "data-value" in cell]
    assert values[:7] == ["1", "0", "0", "10.0", "3", "100.0", "0.05"]
    assert values[-10:] == ["6", "1", "2", "", "", "", "", "", "", ""]


def test_there_is_a_curve_with_a_name_for_each_cell_that_ran(sweep: Path) -> None:
    html = Page(page(sweep))
    keys = [group["data-key"] for group in html.all("g") if "data-key" in group]
    assert keys == [item["data-key"] for item in html.all("li") if "data-key" in item] == [f"k{k}" for k in range(5)]


def test_cells_without_a_picture_say_why(sweep: Path) -> None:
    (sweep / "cells/k0.png").unlink()
    (sweep / "cells/k1.png").write_bytes(b"no picture")
    append_result(sweep, Record("k2", 2, {"style_weight": "gone", "content_weight": "1"}))
    html = Page(page(sweep))
    assert html.text.count("its picture cannot be read") == 2
    assert html.text.count("no result yet") == 1


def test_pictures_outside_of_the_folder_are_not_shown(sweep: Path) -> None:
    inner = sweep / "inner"
    inner.mkdir()
    write_plan(inner, Plan("t", (Axis("a", ("1", "2")),)))
    append_result(inner, Record("x", 0, {"a": "1"}, picture="../cells/k0.png"))
    append_result(inner, Record("y", 1, {"a": "2"}, picture=str(sweep / "cells/k0.png")))
    assert "data:image" not in page(inner)


def test_a_sweep_of_one_cell_or_none_has_a_page(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan("t"))
    assert "no result yet" in Page(page(tmp_path)).text
    append_result(tmp_path, Record("x", 0, status="failed", error="no memory"))
    assert "failed: no memory" in Page(page(tmp_path)).text


def test_the_page_is_written_beside_the_results(sweep: Path) -> None:
    assert write_page(sweep) == sweep / "index.html"
    assert (sweep / "index.html").read_text(encoding="utf-8") == page(sweep)


def test_large_pictures_are_made_smaller(sweep: Path) -> None:
    images = [image for image in Page(page(sweep, max_side=18)).all("img") if image.get("src")]
    assert {decoded(image["src"]).size for image in images} == {(18, 12)}


def test_differences_are_half_on_grey() -> None:
    a, b = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    wanted = 0.5 + (a / 255 - b / 255) / 2
    assert np.abs(difference(a, b) / 255 - wanted).max() <= 0.5 / 255 + 1e-9
    assert np.ptp(difference(a, a)) == 0
    assert difference(a, b[:3, :4]).shape == a.shape


def test_seventy_five_pictures_make_a_page_of_less_than_thirty_megabytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    made = embed(dict.fromkeys(range(75), noise))  # the worst there is: nothing of it can be compressed
    assert len(made) == 75
    assert sum(len(preview.uri) for preview in made.values()) <= previews.BYTES < 20e6
    assert made[0].width == decoded(made[0].uri).width > 100


def test_pictures_that_fit_keep_their_size_and_quality() -> None:
    ramp = np.linspace(0, 255, 512 * 512 * 3).reshape(512, 512, 3).astype(np.uint8)
    made = embed(dict.fromkeys(range(75), ramp))
    assert made[0].width == 512
    assert abs(np.asarray(decoded(made[0].uri)).astype(int) - ramp).mean() < 2


def test_very_many_pictures_are_smaller_in_memory(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "PIXELS", 7 * 12**2)
    images = [image for image in Page(page(sweep)).all("img") if image.get("src")]
    assert {decoded(image["src"]).size for image in images} == {(12, 8)}


def test_without_the_extra_it_says_how_to_get_it(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "jinja2":
            raise ImportError(name)
        return whole(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImpastoError, match=re.escape('pip install "impasto[sweep]"')):
        page(sweep)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder of a sweep"):
        page(tmp_path)


def captions(html: Page) -> list[str | None]:
    """The whole names under the pictures that cells were made from."""
    return [given["title"] for given in html.all("figcaption") if "title" in given]


def test_originals_and_paintings_are_shown_once_by_their_names(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan("t", (Axis("a", ("1", "2", "3")),)))
    (tmp_path / "cells").mkdir()
    for name in ("large", "small", "wave"):
        Image.new("RGB", (36, 24)).save(tmp_path / f"cells/{name}.png")
    photo, wave = "/home/me/city.jpg", "/home/me/wave, great.jpg"
    for k, original in enumerate(("large", "small", "small")):
        append_result(
            tmp_path,
            Record(
                f"k{k}",
                k,
                {"a": str(k + 1)},
                inputs={"content": photo, "style": wave},
                original=f"cells/{original}.png",
                paintings={wave: "cells/wave.png", photo: "cells/large.png"} if k else {},
                width=36 + k,
                height=24,
            ),
        )
    html = Page(page(tmp_path))
    assert captions(html) == [photo, photo, wave]
    assert [text for text in ("city.jpg, 36 × 24", "city.jpg, 37 × 24", "wave, great.jpg") if text in html.text] == [
        "city.jpg, 36 × 24",
        "city.jpg, 37 × 24",
        "wave, great.jpg",
    ]
    assert "/home/me" not in html.text


def test_a_folder_without_paintings_has_a_page(sweep: Path) -> None:
    (sweep / "cells/painting.png").unlink()
    assert captions(Page(page(sweep))) == ["sample:chelsea"]


def test_texts_have_no_breaks_of_their_file(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan("t", about="\nOne\n  line,\ntwo", source="A\nB"))
    html = Page(page(tmp_path))
    assert "One line, two" in html.text
    assert "· A B" in html.text


def test_a_network_that_stands_in_is_named_under_its_picture(sweep: Path) -> None:
    assert "by lite" not in Page(page(sweep)).text
    place = {"style_weight": "1e4", "content_weight": "1"}
    append_result(sweep, Record("k0", 0, place, picture="cells/k0.png", network="lite", instead_of="vgg19"))
    assert Page(page(sweep)).text.count("by lite") == 1


def test_a_column_that_no_cell_has_a_figure_for_is_left_out(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan("t", (Axis("a", ("1", "2")),)))
    for k in (0, 1):
        append_result(tmp_path, Record(f"k{k}", k, {"a": str(k + 1)}, steps=3, content={"relu4_2": 0.5} if k else {}))
    text = Page(page(tmp_path)).text
    names = "seconds", "steps taken", "peak MB", "loss", "last loss", "style distance", "content distance"
    assert [name for name in names if f"\n{name}\n" in text] == ["steps taken", "content distance"]


def test_the_table_is_in_the_order_of_the_grid(tmp_path: Path) -> None:
    axes = Axis("row", ("x", "y")), Axis("column", ("1", "2")), Axis("group", ("late", "early"))
    write_plan(tmp_path, Plan("t", axes, "row", "column"))
    places = [{"row": r, "column": c, "group": g} for r in axes[0].labels for c in "12" for g in axes[2].labels]
    for k, place in enumerate(places):
        append_result(tmp_path, Record(f"k{k}", k, place))
    html = Page(page(tmp_path))
    values = [cell["data-value"] for cell in html.all("td") if "data-value" in cell]
    rows = [values[k : k + 4] for k in range(0, len(values), 4)]
    assert rows == [[str(k + 1), *f"{k:03b}"] for k in range(8)]  # sorted by its number, its group, row and column
    assert [link["href"] for link in html.all("a")][:3] == ["#cell-k0", "#cell-k2", "#cell-k4"]


def test_layers_that_the_network_lacks_are_told(sweep: Path) -> None:
    told = "lite ends with conv_13, which stands for conv_14 here"
    assert told not in Page(page(sweep)).text
    place = {"style_weight": "1e4", "content_weight": "1"}
    append_result(sweep, Record("k0", 0, place, settings={"style_layers": "conv_1,6,14"}, network="lite"))
    assert told in Page(page(sweep)).text


def test_labels_of_one_axis_have_one_style(tmp_path: Path) -> None:
    write_plan(tmp_path, Plan("t", (Axis("w", ("10000", "1e+06")),), rows="w"))
    append_result(tmp_path, Record("k", 0, {"w": "1e+06"}, error="no memory", status="failed"))
    text = Page(page(tmp_path)).text
    assert "1000000" in text
    assert "1e+06" not in text
    assert "failed: no memory" in text


def test_a_line_shows_where_a_size_begins(sweep: Path) -> None:
    lines = [line for line in Page(page(sweep)).all("line") if line["class"] == "scale"]
    assert len(lines) == 1
