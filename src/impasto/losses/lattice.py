"""What of a picture keeps step with the grid on which a network computes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

PERIOD = 4
"""Pixels from one position of a network's blocks to the next."""

CELLS = 6
"""Periods down and across that are compared: hatching seldom stays the same over more."""


def lattice(image: Tensor, period: int = PERIOD, cells: int = CELLS) -> Tensor:
    """The mean square of what repeats every `period` pixels, down and across, over `cells` x `cells` periods; a scalar.

    A network that computes on a grid, one position for every so many pixels, makes texture most easily as the same
    pattern at all positions (Odena et al. 2016 show it for the finest one). In a picture that knows no grid, the
    pixels at one place of their period are on average like those at any other. `image`, `(B, C, H, W)`: fine detail is
    taken, which is the picture less two means over `period` x `period` pixels in a row, none of which has any of the
    pattern; then the means of each place of the period over a window, in windows half over each other, less the mean
    of all places. White noise of variance v has about `v / cells^2`; a pattern of variance v all of it, v.
    """
    smooth, edge = image, period - 1
    for _ in range(2):  # down and then across: a square at once would take `period` times as long
        smooth = F.avg_pool2d(F.avg_pool2d(smooth, (period, 1), 1), (1, period), 1)
    fine = image[..., edge:-edge, edge:-edge] - smooth
    height, width = (side // period * period for side in fine.shape[-2:])
    places = F.pixel_unshuffle(fine[..., :height, :width], period)
    window = min(cells, height // period, width // period)
    means = F.avg_pool2d(places, window, max(1, window // 2))
    means = means.reshape(*image.shape[:2], period * period, -1)
    return (means - means.mean(2, keepdim=True)).square().mean()
