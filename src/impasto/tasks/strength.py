"""One number for how much style there is to be."""

from __future__ import annotations

from impasto.settings.synthesis import StylizeSettings

BALANCE = 50.0
"""The style weight beside a content weight of 1 at strength 0.5."""

LEVELS = {
    "mean": 4.0,
    "mmd-linear": 4.0,
    "bn": 3.3,
    "covariance": 0.5,
    "coral": 0.4,
    "w2": 0.6,
    "mmd-gaussian": 4.0,
    "sliced": 2.5,
    "histogram": 5.0,
    "moments": 0.15,
    "palette": 0.3,
    "patches": 0.2,
}
"""What a style loss is multiplied by, so that a strength means the same for it as for Gram matrices (and for those left
out): at 0.5 a run then goes about as far from the photo, in relative content distance, as with these. Measured on three
pairs of samples at 192 px, to within a quarter. Losses that leave out much of a style (`mean`) reach the same distance
with less of it, and those of patches with more."""


def weights_of(settings: StylizeSettings) -> tuple[float, float]:
    """Weights of content and style: those given, or from the strength `s`, in the ratio `BALANCE * (s / (1 - s))^2`.

    The losses are normalised (`tasks/terms.py`), so that a strength means the same for every network and size. At 0 the
    style has no weight, at 1 the content has none.
    """
    s = settings.strength
    content = min(1.0, ((1 - s) / s) ** 2) if s > 0 else 1.0
    style = BALANCE * min(1.0, (s / (1 - s)) ** 2) if s < 1 else BALANCE
    return (
        content if settings.content_weight is None else settings.content_weight,
        style if settings.style_weight is None else settings.style_weight,
    )
