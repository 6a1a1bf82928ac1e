"""An objective as the loop asks for it: of a picture and a step, at once or in tiles, alone or with other processes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from impasto.losses import Objective
from impasto.tasks.context import Context
from impasto.tasks.known import known
from impasto.tasks.stages import Stage, shared
from impasto.tasks.tiled import TiledObjective, adds_up

Found = tuple[Tensor, Mapping[str, Tensor]]


class Evaluator:
    """The objective of pictures `(1, C, H, W)`, C 1 or 3, as the context shows them to the network.

    The gradient of a picture is found with its loss. Of a team all members come to the same bits, whatever each of them
    computes by itself: those of the first one.
    """

    def __init__(self, context: Context, objective: Objective) -> None:
        self.context, self.objective = context, objective
        self._stages: dict[tuple[int, ...], list[Stage]] = {}

    def __call__(self, picture: Tensor, step: int) -> Found:
        """The loss, which gradients flow from, and its named parts."""
        self.context.dice.roll(step)
        if picture.shape not in self._stages:
            self._stages[picture.shape] = self._cut(picture)
        return self._agreed(picture, *self._evaluate(picture, self._stages[picture.shape]))

    def _cut(self, picture: Tensor) -> list[Stage]:
        """The stages in which the network sees a picture; none where no network does."""
        context, layers = self.context, self.objective.layers
        found = context.stages(layers, (picture.shape[-2], picture.shape[-1])) if layers else []
        if context.team.alone or not context.shares or not all(adds_up(term) for term in self.objective.terms):
            return found
        return [shared(stage, context.team.size) for stage in found]

    def _evaluate(self, picture: Tensor, stages: list[Stage]) -> Found:
        context, objective = self.context, self.objective
        if not all(stage.whole for stage in stages):
            return TiledObjective(objective, stages, context.allocate, context.team)(picture)
        picture = picture.expand(-1, 3, -1, -1)
        return objective(picture, context.encoder(picture, objective.layers))

    def _agreed(self, picture: Tensor, total: Tensor, parts: Mapping[str, Tensor]) -> Found:
        """What the first member of the team found."""
        team = self.context.team
        if team.alone or not total.requires_grad:
            return total, parts
        (gradient,) = torch.autograd.grad(total, picture)
        numbers = team.agree_(torch.stack([total.detach(), *parts.values()]))
        found = dict(zip(parts, numbers[1:], strict=True))
        return known(picture, numbers[0], team.agree_(gradient)), found
