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
from impasto.tasks.run.memory_plan import MemoryBudget
from impasto.tasks.tiling.process_group import ProcessGroup

FEW = (100, 24)
"""Two tiles in each of the first stages."""

SIDES = [(0,), (32, 8, 4), (0, 16, 0, 4), (64, 0)]


def found(
    group: ProcessGroup, kind: str, sides: tuple[int, ...], may_tile: bool = True, extra: tuple[Term, ...] = ()
) -> Tensor:
    """The value, the parts and the gradient, one after the other."""
    encoder = network(kind)
    terms = [*everything(encoder, SIZE), *extra]
    context = Context(encoder, tile_sizes=lambda *_: sides, group=group, may_tile=may_tile)
    leaf = picture(5, *SIZE).requires_grad_()
    value, parts = evaluation(context, terms)(leaf, 0)
    (gradient,) = torch.autograd.grad(value, leaf)
    return torch.cat([torch.stack([value.detach(), *(parts[name] for name in sorted(parts))]), gradient.flatten()])


def cases(group: ProcessGroup) -> dict[str, Tensor]:
    """All that is compared between a team and one process."""
    results = {f"lite {sides}": found(group, "lite", sides) for sides in SIDES}
    results["resnet"] = found(group, "resnet-max", (32, 8, 4))
    results["whole"] = found(group, "lite", (0,), may_tile=False)
    layer = network("lite").default_style[0]
    results["in one piece"] = found(group, "lite", (0,), extra=(Term("edges", layer, 0.1, total_variation),))
    return results


def main() -> None:
    group = ProcessGroup(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    torch.distributed.init_process_group("gloo", rank=group.rank, world_size=group.size)
    results = cases(group) if group.size == 2 else {"lite": found(group, "lite", FEW, may_tile=False)}
    lite = network("lite")
    budget = MemoryBudget(1e9 + 1e6 * group.rank, 1e8 * group.rank, lite, frozenset(lite.default_style), frozenset())
    for given in (False, True):
        shared = budget.divided(group, fixed=given)
        results[f"budget {given}"] = torch.tensor([shared.total, shared.base])
    features = torch.full((1, 3, 4, 5), float(group.rank)).contiguous(memory_format=torch.channels_last)
    results["agreed"] = group.broadcast_(features + 7)
    results["sum"] = group.all_reduce_(features[:, :, 1:]).clone()
    results["share"] = torch.tensor(list(group.share(range(7))))
    torch.save(results, Path(sys.argv[1]) / f"{group.rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
