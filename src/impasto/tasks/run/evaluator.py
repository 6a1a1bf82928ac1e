"""An objective as the loop asks for it: of a picture and a step, at once or in tiles, alone or with other processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.image import Size
from impasto.losses import Objective, Term
from impasto.synthesis import Evaluate
from impasto.tasks.objective.context import Context
from impasto.tasks.tiling.known_gradient import known
from impasto.tasks.tiling.memory import graph
from impasto.tasks.tiling.stages import Stage, computing, halved, keeping, shared
from impasto.tasks.tiling.tiled_objective import TiledObjective, adds_up

Found = tuple[Tensor, Mapping[str, Tensor]]

OutOfMemory: type[RuntimeError] = torch.cuda.OutOfMemoryError
"""What a GPU raises; called torch.OutOfMemoryError, too, from PyTorch 2.5 on."""


def evaluation(context: Context, terms: Sequence[Term]) -> Evaluate:
    """The objective of these terms as a function of the picture, of one or three channels, and the step."""
    return Evaluator(context, Objective(terms))


class Evaluator:
    """The objective of pictures `(1, C, H, W)`, C 1 or 3, as the context shows them to the network.

    The gradient of a picture is found with its loss. Of a team all members come to the same bits, whatever each of them
    computes by itself: those of the first one. Where a GPU has less memory than it seemed, the picture is seen in
    smaller tiles from then on, which changes neither value nor gradient. (Not run on a GPU so far: tests raise its
    error.)
    """

    def __init__(self, context: Context, objective: Objective) -> None:
        self.context, self.objective = context, objective
        self._stages: dict[Size, list[Stage]] = {}
        self._notice = ""

    def __call__(self, picture: Tensor, step: int) -> Found:
        """The loss, which gradients flow from, and its named parts."""
        size = picture.shape[-2], picture.shape[-1]
        if size not in self._stages:
            self._stages[size] = self._cut(size)
        while True:
            self.context.dice.roll(step)
            try:
                return self._agreed(picture, *self._evaluate(picture, self._stages[size]))
            except OutOfMemory:
                pass
            # Only here the error has gone, and with it the frames that held all that was computed so far.
            self._stages[size] = self._smaller(size)

    def told(self) -> str:
        """What a person should know that was not told before."""
        notice, self._notice = self._notice, ""
        return notice

    def _cut(self, size: Size) -> list[Stage]:
        """The stages in which the network sees a picture; none where no network does."""
        context, layers = self.context, self.objective.layers
        found = context.stages(layers, size) if layers else []
        if context.team.alone or not self._may_cut:
            return keeping(found, context.spare, graph)[0]
        return [shared(stage, context.team.size) for stage in found]

    @property
    def _may_cut(self) -> bool:
        return self.context.cuts and all(adds_up(term) for term in self.objective.terms)

    def _smaller(self, size: Size) -> list[Stage]:
        """Stages that take less memory: those that were whole are cut first."""
        device, before = computing(self.context.encoder), self._stages[size]
        if device.type == "cuda":
            torch.cuda.empty_cache()
        whole = any(stage.whole and halved(stage) is not stage for stage in before)
        found = [halved(stage) if stage.whole or not whole else stage for stage in before]
        here = f"a result of {size[1]}x{size[0]} does not fit into the memory of this {device.type} device"
        if not self.context.team.alone:
            # The others wait for what this one did not come to.
            raise ImpastoError(f"{here}; take a smaller --tile or --size, or less --memory for each process")
        if not self._may_cut or found == before:
            how = "even in the smallest tiles" if self._may_cut else "without tiles"
            raise ImpastoError(f"{here} {how}; take a smaller --size or --tile, or less --memory, to keep pictures out")
        side = max((stage.side for stage in found[:1]), default=0)
        how = f"tiles of {side} px" if side else "smaller tiles"
        self._notice = f"the memory of the {device.type} device was not enough; going on in {how}"
        return found

    def _evaluate(self, picture: Tensor, stages: list[Stage]) -> Found:
        context, objective = self.context, self.objective
        apart = bool(stages) and computing(context.encoder) != picture.device
        if apart or not all(stage.whole for stage in stages):
            return TiledObjective(objective, stages, context.allocate, context.team)(picture)
        leaf = picture.detach().requires_grad_(picture.requires_grad)
        shown = leaf.expand(-1, 3, -1, -1)
        total, parts = objective(shown, context.encoder(shown, objective.layers))
        if not total.requires_grad:
            return total, parts
        (gradient,) = torch.autograd.grad(total, leaf)
        return known(picture, total.detach(), gradient), parts

    def _agreed(self, picture: Tensor, total: Tensor, parts: Mapping[str, Tensor]) -> Found:
        """What the first member of the team found."""
        team = self.context.team
        if team.alone or not total.requires_grad:
            return total, parts
        (gradient,) = torch.autograd.grad(total, picture)
        numbers = team.agree_(torch.stack([total.detach(), *parts.values()]))
        found = dict(zip(parts, numbers[1:], strict=True))
        return known(picture, numbers[0], team.agree_(gradient)), found
