"""Make docs/pictures/styles.jpg: a bundled photograph in every style of the network in the package.

python docs/pictures/styles.py
"""

from pathlib import Path

import torch

import impasto
from impasto import networks
from impasto.tasks.apply import painter
from impasto.tasks.apply_options import ApplySettings
from impasto.tasks.sheet import contact

ACROSS, WIDTH = 4, 320


def main() -> None:
    network = networks.load(networks.shipped()["styles"])
    settings = ApplySettings(size=WIDTH)
    pictures = [painter(network, style, settings)("sample:chelsea") for style in network.styles]
    pictures += [torch.ones_like(pictures[0])] * (-len(pictures) % ACROSS)
    sheet = contact([pictures[k : k + ACROSS] for k in range(0, len(pictures), ACROSS)])
    impasto.write(Path(__file__).with_name("styles.jpg"), sheet, quality=80)


if __name__ == "__main__":
    main()
