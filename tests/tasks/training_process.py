"""One process that trains a small network, alone or in a team, and tells each step.

python training_process.py PHOTOS OUT, with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the environment where it
has others.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from impasto.settings.train import TrainStyleSettings
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.training.style import train_style_steps

STYLES = {"flow": "sample:flow", "ink": "sample:ink", "woodcut": "sample:woodcut"}

SMALL = TrainStyleSettings(
    base="none",
    size=64,
    style_size=64,
    batch=4,
    steps=8,
    rate=1e-3,
    warmup=2,
    recolor=0,
    width=8,
    blocks=1,
    checkpoint_every=3,
    ema=0.9,
)


FIRST = replace(SMALL, steps=1)
"""One step, after which the checkpoint holds its gradient."""


def losses(
    photos: Path, out: Path, settings: TrainStyleSettings = SMALL, group: ProcessGroup | None = None
) -> list[float]:
    """Those of all steps."""
    found = []
    for step in train_style_steps(photos, STYLES, settings, out=out, group=group):
        found.append(step.loss)
        if __name__ == "__main__":
            sys.stdout.write(json.dumps([step.index, step.loss]) + "\n")
            sys.stdout.flush()
    return found


def main() -> None:
    torch.set_num_threads(1)
    group = ProcessGroup(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
    if not group.single:
        torch.distributed.init_process_group("gloo", rank=group.rank, world_size=group.size)
    losses(Path(sys.argv[1]), Path(sys.argv[2]), group=group)
    for out in map(Path, sys.argv[3:]):
        for _ in train_style_steps(Path(sys.argv[1]), STYLES, FIRST, out=out, group=group):
            pass
    if not group.single:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
