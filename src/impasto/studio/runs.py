"""A run of a visitor: its request and its state, stored as JSON so that a restarted server finds it again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.image.atomic import replace_file
from impasto.studio.schemas import PlanAnswer, RunAnswer, RunRequest, State, StepAnswer
from impasto.studio.store import MissingError, Store, StoredPicture, new_id

UNFINISHED = ("queued", "running", "paused")
"""States of runs that still need their pictures."""

POINTS = 400
"""Most points of the curve of a run; every second one is dropped beyond."""


@dataclass(eq=False)
class Run:
    """A run. The scheduler's thread changes it, others read it, both under `lock`.

    wish: the state that the visitor asked for while the run is running.
    names: the names of the sources for people.
    served: seconds of work so far, of all turns.
    """

    visitor: str
    request: RunRequest
    names: Mapping[str, str]
    folder: Path
    id: str = field(default_factory=new_id)
    created: float = field(default_factory=time.time)
    state: State = "queued"
    wish: State | None = None
    cancelled: bool = False
    plan: PlanAnswer | None = None
    step: StepAnswer | None = None
    curve: list[tuple[int, float]] = field(default_factory=list)
    preview: int = 0
    notices: list[str] = field(default_factory=list)
    error: str | None = None
    result: str | None = None
    served: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def checkpoint(self) -> Path:
        """The file of the state from which the run can go on."""
        return self.folder / "checkpoint"

    @property
    def preview_file(self) -> Path:
        """The file of the newest preview."""
        return self.folder / "preview.jpg"

    @property
    def frames(self) -> Path:
        """The folder of the frames of the timelapse."""
        return self.folder / "frames"

    @property
    def page(self) -> Path:
        """The page of a sweep."""
        return self.folder / "page.html"

    @property
    def unfinished(self) -> bool:
        """Whether the run still needs its pictures."""
        return self.state in UNFINISHED

    def notice(self, text: str) -> None:
        """Add a line for the visitor, once."""
        if text and text not in self.notices:
            self.notices.append(text)

    def add_point(self, index: int, loss: float) -> None:
        """Add a point to the curve of the loss."""
        self.curve.append((index, loss))
        if len(self.curve) > POINTS:
            self.curve[:] = self.curve[::2]

    def become(self, state: State, error: str | None = None) -> None:
        """Change the state; readers see it once it is on disk."""
        with self.lock:
            self.state, self.error = state, error
            self.save()

    def save(self) -> None:
        """Write the run to its folder."""
        with self.lock:
            about = {
                "id": self.id,
                "request": self.request.model_dump(),
                "names": dict(self.names),
                "created": self.created,
                "state": self.state,
                "plan": self.plan.model_dump() if self.plan else None,
                "step": self.step.model_dump() if self.step else None,
                "curve": self.curve,
                "preview": self.preview,
                "notices": self.notices,
                "error": self.error,
                "result": self.result,
                "served": self.served,
            }
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / "run.json", json.dumps(about).encode())

    def answer(self, store: Store, *, place: int | None = None, wait: float | None = None, curve: bool) -> RunAnswer:
        """Return the run for its visitor; `place` and `wait` are its place in the queue and its seconds to wait."""
        with self.lock:
            result = _picture(store, self.visitor, self.result)
            return RunAnswer(
                id=self.id,
                task=self.request.task,
                state=self.state,
                request=self.request,
                names=dict(self.names),
                created=self.created,
                place=place,
                wait_seconds=wait,
                plan=self.plan,
                step=self.step,
                curve=list(self.curve) if curve else None,
                preview=self.preview,
                notices=list(self.notices),
                error=self.error,
                result=None if result is None else picture_answer(result),  # type: ignore[arg-type]
                seconds=self.served,
            )


def load_run(visitor: str, folder: Path) -> Run | None:
    """Return the run of a folder, or None for a damaged one.

    A run that was running when the server ended is queued again.
    """
    try:
        about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return _from_mapping(visitor, folder, about)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def picture_answer(picture: StoredPicture) -> dict[str, Any]:
    """Return the record of a picture for its visitor."""
    return {**vars(picture), "source": picture.source, "notices": list(picture.notices)}


def _from_mapping(visitor: str, folder: Path, about: dict[str, Any]) -> Run:
    return Run(
        visitor=visitor,
        request=RunRequest.model_validate(about["request"]),
        names=about["names"],
        folder=folder,
        id=folder.name,
        created=about["created"],
        state="queued" if about["state"] == "running" else about["state"],
        plan=PlanAnswer.model_validate(about["plan"]) if about["plan"] else None,
        step=StepAnswer.model_validate(about["step"]) if about["step"] else None,
        curve=[(index, loss) for index, loss in about["curve"]],
        preview=about["preview"],
        notices=list(about["notices"]),
        error=about["error"],
        result=about["result"],
        served=about["served"],
    )


def _picture(store: Store, visitor: str, number: str | None) -> StoredPicture | None:
    if number is None:
        return None
    try:
        return store.picture(visitor, number)
    except MissingError:
        return None
