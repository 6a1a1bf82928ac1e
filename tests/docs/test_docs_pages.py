"""The pages of `docs/` against the code: names exist, generated pages are up to date, links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import impasto

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

REFERENCE = re.compile(r"\[`(impasto[\w.]+)`\]\[\]")
LINK = re.compile(r"\]\(([^)\s:#]+)(?:#([^)\s]*))?\)")
PAGES = [
    page
    for page in sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])
    if "node_modules" not in page.parts and ".venv" not in page.parts
]


def found(name: str) -> object:
    """Import the longest part of a dotted name that is a module, and return what the rest names in it."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        try:
            value: object = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise
            continue
        for part in parts[count:]:
            value = getattr(value, part)
        return value
    raise AssertionError(name)


def referenced(page: str) -> list[str]:
    return sorted({*REFERENCE.findall((DOCS / page).read_text(encoding="utf-8"))})


def described() -> list[str]:
    """The modules whose functions the reference describes."""
    return re.findall(r"^::: (\S+)", (DOCS / "reference" / "functions.md").read_text(encoding="utf-8"), re.M)


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "reference" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", referenced("method.md"))
def test_what_the_method_names_exists_and_is_described(name: str) -> None:
    value = found(name)
    assert value.__doc__
    assert any(name.startswith(f"{module}.") for module in described()), f"{name} is not in reference/functions.md"


def test_the_method_names_every_loss() -> None:
    from impasto.losses import CONTENT_LOSSES, STYLE_LOSSES  # noqa: PLC0415 (imports torch)

    text = (DOCS / "method.md").read_text(encoding="utf-8")
    for name, factory in [*STYLE_LOSSES.items(), *CONTENT_LOSSES.items()]:
        assert f"| `{name}` |" in text
        assert f"[`{factory.__module__}.{factory.__name__}`][]" in text


def test_generated_pages_are_up_to_date() -> None:
    assert script().outdated() == [], "run `python docs/reference/generate.py`"


def test_the_python_page_has_every_public_name_once() -> None:
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    names = re.findall(r"^::: impasto\.(\S+)", text, re.M)
    apart = {"__version__", "encoders"}  # a text, and a package of which one function is described
    assert sorted(names) == sorted([*(set(impasto.__all__) - apart), "encoders.load"])
    assert all(f"`impasto.{name}`" in text for name in apart)


def test_the_modules_of_the_reference_exist() -> None:
    for module in described():
        importlib.import_module(module)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_files_lead_to_files_and_headings(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        file = (page.parent / target).resolve()
        assert file.exists(), target
        if heading and file.suffix == ".md":
            assert heading in headings(file), f"{target}#{heading}"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_a_link_that_leads_out_of_the_docs_becomes_a_path() -> None:
    spec = importlib.util.spec_from_file_location("links", DOCS / "links.py")
    assert spec is not None
    assert spec.loader is not None
    links = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(links)

    class File:
        src_uri = "notebook/lite.md"

    class Page:
        file = File

    text = "[how](../../training/README.md#lite), [here](../lite.md#a), [page](large.md), [x](https://a.b/c)"
    wanted = "how (`training/README.md`), [here](../lite.md#a), [page](large.md), [x](https://a.b/c)"
    assert links.on_page_markdown(text, Page) == wanted
