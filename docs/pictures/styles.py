"""Make docs/pictures/styles.jpg and styles-photos.jpg: bundled photos in every style of the network in the package.

python docs/pictures/styles.py
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

import impasto
from impasto import networks
from impasto.settings.apply import ApplySettings
from impasto.tasks.apply import painter
from impasto.tasks.training.network_training import contact_sheet

WIDTH = 320
PHOTOS = ("sample:astronaut", "sample:coffee", "sample:rocket")


def main() -> None:
    network = networks.load(networks.shipped()["styles"])
    paint = [painter(network, style, ApplySettings(size=WIDTH)) for style in network.styles]
    write("styles.jpg", [one("sample:chelsea") for one in paint], across=4)
    write("styles-photos.jpg", [one(photo) for one in paint for photo in PHOTOS], across=2 * len(PHOTOS))


def write(name: str, pictures: Sequence[Tensor], across: int) -> None:
    """A sheet beside this file, so many pictures in a row."""
    full = [*pictures, *[torch.ones_like(pictures[0])] * (-len(pictures) % across)]
    rows = [full[k : k + across] for k in range(0, len(full), across)]
    impasto.write(Path(__file__).with_name(name), contact_sheet(rows), quality=80)


if __name__ == "__main__":
    main()
