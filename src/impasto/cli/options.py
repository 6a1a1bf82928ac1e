"""Options of a run besides the settings of the task: where to write, what to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto.settings.base import Settings, option

SHORT = {"output": "-o", "quiet": "-q"}

WITHOUT_STEPS = ("output", "overwrite", "bits", "output_quality", "photo_metadata", "threads", "json", "quiet")
"""Flags of RunOptions for commands without steps."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(Settings):
    """Flags of every run. They change no pixel of the result, except by its format."""

    output: str | None = option(None, "the file to write; its suffix chooses the format")
    overwrite: bool = option(False, "replace existing files of another command or of other programs")
    bits: int = option(8, "8 or 16 bits a channel (16 in PNG and TIFF)")
    output_quality: int = option(95, "quality of a JPEG or WebP", minimum=1, maximum=100)
    photo_metadata: str = option(
        "kept",
        "the photo's author, rights, dates, camera (EXIF), XMP and dpi; `location` keeps the place as well",
        choices=("kept", "location", "none"),
    )
    save_every: int | None = option(None, "also write OUTPUT-0010.png and so on, every so many steps", minimum=1)
    timelapse: str | None = option(None, "also write the run as a film, .gif or .mp4")
    settings: str | None = option(None, "a .toml or .json file of settings; flags override it")
    preset: str | None = option(
        None, "settings named after their source, see `impasto presets`; all other settings override these"
    )
    checkpoint: str | None = option(
        None,
        "file with the state of the run, to continue after an interruption; beside OUTPUT by default; no: none",
    )
    checkpoint_every: float = option(60.0, "seconds between checkpoints; 0 for every step", minimum=0)
    threads: int | None = option(None, "processor threads to use, instead of torch's choice", minimum=1)
    json: bool = option(False, "report each step as a line of JSON on standard output")
    quiet: bool = option(False, "show nothing but errors")


@dataclass(frozen=True, kw_only=True)
class FolderOptions(RunOptions):
    """Flags of a command that also takes a folder."""

    recursive: bool = option(False, "also the pictures in the folders inside a folder")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Settings):
    """Flags of every training that do not change the trained network."""

    output: str | None = option(None, "the network's file, .safetensors")
    resume: str | None = option(
        None, "file with the state of a run to continue from; by default the checkpoint beside OUTPUT"
    )
    settings: str | None = option(None, "a .toml or .json file of settings; flags override it")
    sheet_every: int = option(500, "steps between sheets of sample pictures, in OUTPUT's .png; 0 for none", minimum=0)
    log: str | None = option(None, "folder of curves for TensorBoard; needs the extra `tensorboard`")
    threads: int | None = option(None, "processor threads to use, instead of torch's choice", minimum=1)
    json: bool = option(False, "report each step as a line of JSON on standard output")
    quiet: bool = option(False, "show nothing but errors")


def default_output(task: str, inputs: Sequence[str]) -> str:
    """Return `photo-painting.png`, or `photo-reconstruct.png` for one input, in the working folder.

    >>> default_output("stylize", ["photos/cat.jpg", "sample:flow"])
    'cat-flow.png'
    """
    from impasto.image.schemes import stem  # noqa: PLC0415 (its package imports torch)

    stems = [stem(name) for name in inputs]
    return "-".join(stems if len(stems) > 1 else [*stems, task]) + ".png"
