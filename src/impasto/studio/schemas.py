"""The bodies of the API: what a client sends, and what the server answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Text = Annotated[str, Field(min_length=1, max_length=200)]
Source = Annotated[str, Field(min_length=1, max_length=80, description="`sample:NAME` or `picture:ID`")]
StyleName = Annotated[str, Field(min_length=1, max_length=80, description="`sample:NAME`, `picture:ID` or a style")]
Share = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
TaskName = Literal["stylize", "texture", "reconstruct", "apply", "blend"]
State = Literal["queued", "running", "paused", "stopped", "done", "failed"]
Settings = Annotated[dict[str, JsonValue], Field(max_length=100)]


class Body(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Failure(BaseModel):
    """Every error."""

    error: str


class StyleShare(Body):
    """A painting, or for one pass the name of a style, and its share."""

    source: StyleName
    share: Share = 1.0


class RegionRequest(Body):
    """A part of the photo with a style of its own; `weight` is its strength."""

    mask: Source
    style: StyleName
    weight: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 1.0


class AxisRequest(Body):
    """An axis of a grid of pictures: a setting and its values, or `style` and paintings."""

    name: Text
    values: Annotated[list[JsonValue], Field(min_length=1, max_length=16)]


class RunRequest(Body):
    """A picture to be made.

    content: the photo, or the target of a blend.
    style: the paintings; for a blend the picture to set in.
    init: a picture to start from.
    mask: the part of a blend's picture to set in.
    axes: for a grid of pictures, a sweep, over one setting or two.
    """

    task: TaskName
    content: Source | None = None
    style: Annotated[list[StyleShare], Field(max_length=16)] = []
    regions: Annotated[list[RegionRequest], Field(max_length=16)] = []
    init: Source | None = None
    mask: Source | None = None
    axes: Annotated[list[AxisRequest], Field(max_length=2)] = []
    settings: Settings = {}


class PreviewRequest(Body):
    """A picture of one pass, at once."""

    content: Source
    style: StyleName | Annotated[list[StyleShare], Field(min_length=1, max_length=16)]
    size: Annotated[int, Field(ge=32, le=1024)] = 512
    settings: Settings = {}


class StrokeList(Body):
    """Strokes of a mask, in pixels of the photo; see `impasto.image.strokes`."""

    photo: Source
    strokes: Annotated[list[dict[str, JsonValue]], Field(max_length=2000)]
    feather: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.0
    base: Source | None = None


class CropRequest(Body):
    """A part of a picture: left, top, width and height in pixels."""

    source: Source
    box: tuple[int, int, int, int]


class CompareRequest(Body):
    """Two pictures to compare."""

    a: Source
    b: Source


class PictureAnswer(BaseModel):
    """A picture of the visitor."""

    id: str
    source: str
    name: str
    kind: Literal["upload", "mask", "result"]
    width: int
    height: int
    alpha: bool
    bytes: int
    notices: list[str]
    recipe: dict[str, Any] | None
    created: float


class SizeAnswer(BaseModel):
    """A size of a coarse-to-fine run, and its steps."""

    width: int
    height: int
    steps: int


class PlanAnswer(BaseModel):
    """Size, time and memory of a run, before it begins."""

    width: int
    height: int
    steps: int
    seconds: float
    peak_bytes: float
    fits: bool
    why: str | None
    sizes: list[SizeAnswer]
    notices: list[str]


class StepAnswer(BaseModel):
    """The last step of a run."""

    index: int
    total: int
    width: int
    height: int
    loss: float
    terms: dict[str, float]
    seconds: float
    seconds_left: float


class RunAnswer(BaseModel):
    """A run of the visitor."""

    id: str
    task: TaskName
    state: State
    request: RunRequest
    names: dict[str, str]
    created: float
    place: int | None
    wait_seconds: float | None
    plan: PlanAnswer | None
    step: StepAnswer | None
    curve: list[tuple[int, float]] | None
    preview: int
    notices: list[str]
    error: str | None
    result: PictureAnswer | None
    seconds: float


class FieldAnswer(BaseModel):
    """A setting, from which a form draws a control."""

    name: str
    type: Literal["number", "integer", "boolean", "text", "texts"]
    optional: bool
    default: JsonValue
    help: str
    minimum: float | None
    maximum: float | None
    choices: list[str] | None
    section: Literal["painting", "computing"]


class Limits(BaseModel):
    """Limits of this studio."""

    body_bytes: int
    pixels: int
    side: int
    queued_each: int
    queued_all: int
    store_bytes: float
    age_seconds: float


class AboutAnswer(BaseModel):
    """Facts about this studio."""

    version: str
    device: str
    memory_bytes: float
    limits: Limits
    password: bool
    sweeps: bool


class SamplesAnswer(BaseModel):
    """Names of the bundled pictures."""

    photos: list[str]
    paintings: list[str]


class StyleAnswer(BaseModel):
    """A style of one pass."""

    name: str
    title: str


class PresetAnswer(BaseModel):
    """A preset: settings by task."""

    name: str
    about: str
    tasks: dict[str, dict[str, JsonValue]]


class CommandAnswer(BaseModel):
    """The same run as a command line and as Python."""

    command: str
    python: str


class CompareAnswer(BaseModel):
    """Differences of two pictures: PSNR in dB (null for equal ones), SSIM, distances by layer."""

    psnr: float | None
    ssim: float
    style: dict[str, float]
    content: dict[str, float]
