"""The timelapse of a run: a GIF by Pillow, or an MP4 by PyAV, which the extra `video` installs."""

from __future__ import annotations

from pathlib import Path

from impasto.cli.files import try_folder
from impasto.errors import ImpastoError, UsageError, choose
from impasto.image import resize
from impasto.image.atomic import replace_file
from impasto.jobs.timelapse import ENCODERS, Frame
from impasto.synthesis import Step

FRAMES = 120
"""Largest number of frames."""

PIXELS = 200_000_000
"""Largest number of pixels of all frames together, which stay in memory until the end."""


class Timelapse:
    """Frames of a run, all at the final `size`, and their file.

    Raises UsageError for a suffix other than .gif and .mp4 and for a file that cannot be written, ImpastoError for an
    .mp4 without PyAV.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path, self.size = path, size
        self._encode = choose(ENCODERS, path.suffix.lower(), f"suffix of a timelapse in '{path}':")
        if path.is_dir():
            raise UsageError(f"'{path}' cannot be written: it is a folder")
        try_folder(path)
        if path.suffix.lower() == ".mp4":
            _check_video()
        self._most = max(2, min(FRAMES, PIXELS // (size[0] * size[1])))
        self._frames: list[Frame] = []
        self._index = -1  # of the step in the last frame

    def add(self, step: Step) -> None:
        """Add the picture of `step`, for at most `FRAMES` frames at equal distances."""
        every = max(1, -(-step.total // (self._most - 1)))  # one frame is left for the last step
        if (step.index - 1) % every == 0:
            self._take(step)

    def save(self, last: Step) -> int:
        """Write the film with `last` as the last frame; return the number of frames."""
        if last.index != self._index:
            self._take(last)
        replace_file(self.path, self._encode(self._frames))
        return len(self._frames)

    def _take(self, step: Step) -> None:
        self._frames.append(self._frame(step))
        self._index = step.index

    def _frame(self, step: Step) -> Frame:
        pixels = resize(step.image(), self.size).clamp(0, 1)[0]
        array: Frame = (pixels.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        return array


def _check_video() -> None:
    try:
        import av  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        raise ImpastoError(
            'an .mp4 needs the extra "video": pip install "impasto[video]" (a .gif needs nothing)'
        ) from None
