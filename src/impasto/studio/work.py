"""Requests as work: sources become files of the visitor, and names for the recipe of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from impasto.errors import UsageError, choose
from impasto.image import sample_names
from impasto.image.schemes import stem
from impasto.networks import describe, shipped
from impasto.settings.base import Settings
from impasto.settings.recipe import Recipe, recipe
from impasto.settings.studio import StudioSettings
from impasto.studio.forms import settings_of
from impasto.studio.schemas import RunRequest, StyleShare
from impasto.studio.store import Store
from impasto.tasks.scene.regions import Region

PICTURE, SAMPLE = "picture:", "sample:"

STYLE_AXIS = "style"
"""The name of an axis of paintings."""

NEEDS = {
    "stylize": ("content", "style"),
    "apply": ("content", "style"),
    "blend": ("content", "style"),
    "texture": ("style",),
    "reconstruct": ("content",),
}
"""The pictures that a task needs."""

Shares = list[tuple[str | Path, float]]


@dataclass(frozen=True)
class Work:
    """A request whose pictures are files of the store or samples.

    styles: sources or names of styles, with shares.
    settings: as the task takes them; regions and mixtures are apart.
    recipe: the metadata of the result, with the names that visitors gave to files.
    compared: the paintings of an axis of a sweep.
    """

    task: str
    content: str | Path | None
    styles: Shares
    regions: tuple[Region, ...]
    mask: str | Path | None
    settings: Settings
    recipe: Recipe
    compared: tuple[str | Path, ...] = ()

    @property
    def title(self) -> str:
        """The name of the result without a suffix, such as `cat-flow`, after its inputs."""
        stems = [stem(name) for name in self.recipe["inputs"].values()]
        if self.task == "apply" and self.styles:
            stems.append(stem(str(self.recipe["settings"].get("style", "")).partition("=")[0]))
        return "-".join(stems if len(stems) > 1 else [*stems, self.task])[:100]

    @property
    def files(self) -> list[Path]:
        """The files that the work reads."""
        sources = [self.content, self.mask, *self.compared, *(source for source, _ in self.styles)]
        sources += [part for region in self.regions for part in (region.mask, region.style)]  # type: ignore[misc]
        start = getattr(self.settings, "init", None)
        return [path for path in (*sources, Path(start) if start else None) if isinstance(path, Path)]


class Sources:
    """The pictures of one visitor, by the sources of requests."""

    def __init__(self, store: Store, visitor: str) -> None:
        self.store, self.visitor = store, visitor

    def file(self, source: str) -> str | Path:
        """Return the file of `picture:ID`, or `sample:NAME` itself.

        Raises MissingError for a picture that is not the visitor's, and UsageError for any other text.
        """
        if source.startswith(PICTURE):
            return self.store.path_of(self.visitor, source.removeprefix(PICTURE))
        if source.startswith(SAMPLE):
            choose(dict.fromkeys(sample_names()), source.removeprefix(SAMPLE), "sample")
            return source
        raise UsageError(f"a picture is sample:NAME or picture:ID, not {source[:40]!r}")

    def style(self, source: str) -> str | Path:
        """Return the file of a source, or the name of a style of one pass."""
        return source if source in style_titles() else self.file(source)

    def shares(self, style: str | Sequence[StyleShare]) -> Shares:
        """Return the files or names of styles of one pass, with their shares."""
        if isinstance(style, str):
            return [(self.style(style), 1.0)]
        return [(self.style(each.source), each.share) for each in style]

    def name(self, source: str) -> str:
        """Return the name of a source for people and for the recipe of a result."""
        if source.startswith(PICTURE):
            return self.store.picture(self.visitor, source.removeprefix(PICTURE)).name
        return source

    def names(self, request: RunRequest) -> dict[str, str]:
        """Return the names of all sources of a request."""
        return {source: self.name(source) for source in sources_of(request)}

    def work(self, request: RunRequest, limits: StudioSettings) -> Work:
        """Return the work of a request. Raises UsageError for invalid values, MissingError for unknown pictures."""
        self._check_parts(request)
        settings = settings_of(request.task, request.settings, limits)
        one_pass = request.task == "apply"
        read = self.style if one_pass else self.file
        regions = tuple(
            Region(self.file(region.mask), read(region.style), weight=region.weight) for region in request.regions
        )
        return Work(
            request.task,
            None if request.content is None else self.file(request.content),
            [(read(style.source), style.share) for style in request.style],
            regions,
            None if request.mask is None else self.file(request.mask),
            settings if request.init is None else replace(settings, init=str(self.file(request.init))),  # type: ignore[call-arg]
            self._recipe(request, settings),
            tuple(self.file(str(v)) for axis in request.axes if axis.name == STYLE_AXIS for v in axis.values),
        )

    @staticmethod
    def _check_parts(request: RunRequest) -> None:
        """Raise UsageError for pictures that are missing, or that the task does not take."""
        task = request.task
        for name in NEEDS[task]:
            if not getattr(request, name):
                raise UsageError(f"choose a {'photo' if name == 'content' else 'painting'} first")
        if "style" not in NEEDS[task] and request.style:
            raise UsageError(f"{task} takes no painting")
        if request.regions and task not in {"stylize", "apply"}:
            raise UsageError(f"{task} has no regions")
        if request.init and task in {"apply", "blend"}:
            raise UsageError(f"{task} has no start")
        if request.axes and request.regions:
            raise UsageError("a sweep has no regions")
        if request.mask and task != "blend":
            raise UsageError(f"{task} takes no mask; give it regions")
        if request.style and not sum(style.share for style in request.style) > 0:
            raise UsageError("the shares of the paintings are all 0")

    def _recipe(self, request: RunRequest, settings: Settings) -> Recipe:
        """Return the recipe of the result, as the command line would write it."""
        texts = _texts(request, self.name, settings)
        return recipe(request.task, _inputs(request, self.name), replace(settings, **texts))


def _inputs(request: RunRequest, name: Any) -> dict[str, str]:
    content = name(request.content) if request.content else ""
    style = name(request.style[0].source) if request.style else ""
    if request.task == "blend":
        return {"source": style, "target": content}
    inputs = {"content": content, "style": style}
    return {key: inputs[key] for key in NEEDS[request.task] if not (request.task == "apply" and key == "style")}


def _texts(request: RunRequest, name: Any, settings: Settings) -> dict[str, Any]:
    """Return the settings that name pictures, as texts of the command line."""
    texts: dict[str, Any] = {}
    fields = type(settings).__dataclass_fields__
    shares = sum(style.share for style in request.style) or 1.0
    if request.task == "apply":
        texts["style"] = ",".join(f"{name(style.source)}={style.share / shares:.4g}" for style in request.style)
        if len(request.style) == 1:
            texts["style"] = name(request.style[0].source)
    elif "mix" in fields:
        texts["mix"] = tuple(f"{name(style.source)}={style.share / shares:.4g}" for style in request.style[1:])
    if "region" in fields:
        texts["region"] = tuple(f"{name(r.mask)}:{name(r.style)}:{r.weight:g}" for r in request.regions)
    if request.init:
        texts["init"] = name(request.init)
    if request.mask:
        texts["mask"] = name(request.mask)
    return texts | {key: default for key, default in (("device", "auto"), ("memory", None)) if key in fields}


@cache
def style_titles() -> dict[str, str]:
    """Return the styles of one pass in the package: names, and titles for people."""
    networks = [describe(file) for file in shipped().values()]
    titles: dict[str, str] = {}
    for network in networks:
        if network["kind"] == "style":
            paintings = network["provenance"].get("paintings", {})
            titles |= {name: paintings.get(name, {}).get("title", name) for name in network["settings"]["styles"]}
    return titles


def sources_of(request: RunRequest) -> list[str]:
    """Return all sources of pictures, and names of styles, in a request."""
    styles = [style.source for style in request.style]
    parts = [part for region in request.regions for part in (region.mask, region.style)]
    parts += [str(value) for axis in request.axes if axis.name == STYLE_AXIS for value in axis.values]
    return [source for source in (request.content, request.init, request.mask, *styles, *parts) if source]
