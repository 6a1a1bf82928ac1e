"""The frames of a run as a film: a GIF by Pillow, or an MP4 by PyAV, which the extra `video` installs."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RATE = 12  # frames a second
HOLD = 18  # frames of the finished picture at the end

Frame = NDArray[np.uint8]


def _gif(frames: list[Frame]) -> bytes:
    # One palette for all frames, from the finished picture: separate palettes would flicker.
    palette = Image.fromarray(frames[-1]).quantize(256)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    buffer = io.BytesIO()
    pace = 1000 // RATE
    durations = [pace] * (len(images) - 1) + [pace * HOLD]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
    return buffer.getvalue()


def _mp4(frames: list[Frame]) -> bytes:
    import av  # noqa: PLC0415 (an extra)

    height, width = frames[0].shape[:2]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as film:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = film.add_stream(codec, rate=Fraction(RATE))
        # 4:2:0 needs even sides: an odd last row or column is dropped.
        stream.width, stream.height, stream.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
        stream.options = {"crf": "16"} if codec == "libx264" else {"qscale": "2"}
        for frame in frames + [frames[-1]] * (HOLD - 1):
            even = np.ascontiguousarray(frame[: stream.height, : stream.width])
            film.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        film.mux(stream.encode())
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[list[Frame]], bytes]] = {".gif": _gif, ".mp4": _mp4}
