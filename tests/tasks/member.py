"""One process of a team: evaluates objectives together with the others, and writes what it found.

python member.py FOLDER, with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the environment.
"""

import os
import sys
from pathlib import Path

import torch
from test_tiled import SIZE, everything, network, picture
from torch import Tensor

from impasto.losses import Term, total_variation
from impasto.tasks.objective.context import Context
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.run.memory_plan import Room
from impasto.tasks.tiling.team import Team

FEW = (100, 24)
"""Two tiles in each of the first stages."""

SIDES = [(0,), (32, 8, 4), (0, 16, 0, 4), (64, 0)]


def found(team: Team, kind: str, sides: tuple[int, ...], cuts: bool = True, extra: tuple[Term, ...] = ()) -> Tensor:
    """The value, the parts and the gradient, one after the other."""
    encoder = network(kind)
    terms = [*everything(encoder, SIZE), *extra]
    context = Context(encoder, cut=lambda *_: sides, team=team, cuts=cuts)
    leaf = picture(5, *SIZE).requires_grad_()
    value, parts = evaluation(context, terms)(leaf, 0)
    (gradient,) = torch.autograd.grad(value, leaf)
    return torch.cat([torch.stack([value.detach(), *(parts[name] for name in sorted(parts))]), gradient.flatten()])


def cases(team: Team) -> dict[str, Tensor]:
    """All that is compared between a team and one process."""
    results = {f"lite {sides}": found(team, "lite", sides) for sides in SIDES}
    results["resnet"] = found(team, "resnet-max", (32, 8, 4))
    results["whole"] = found(team, "lite", (0,), cuts=False)
    layer = network("lite").default_style[0]
    results["in one piece"] = found(team, "lite", (0,), extra=(Term("edges", layer, 0.1, total_variation),))
    return results


def main() -> None:
    team = Team(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    torch.distributed.init_process_group("gloo", rank=team.rank, world_size=team.size)
    results = cases(team) if team.size == 2 else {"lite": found(team, "lite", FEW, cuts=False)}
    lite = network("lite")
    room = Room(1e9 + 1e6 * team.rank, 1e8 * team.rank, lite, frozenset(lite.default_style), frozenset())
    for asked in (False, True):
        shared = room.of(team, asked=asked)
        results[f"room {asked}"] = torch.tensor([shared.total, shared.base])
    features = torch.full((1, 3, 4, 5), float(team.rank)).contiguous(memory_format=torch.channels_last)
    results["agreed"] = team.agree_(features + 7)
    results["sum"] = team.sum_(features[:, :, 1:]).clone()
    results["share"] = torch.tensor(list(team.share(range(7))))
    torch.save(results, Path(sys.argv[1]) / f"{team.rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
