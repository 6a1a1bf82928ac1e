"""The evaluator: an objective as a function of image and step, whole or in tiles, in one process or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.image import Size, size_of
from impasto.losses import Objective, Term
from impasto.losses.objective import with_gradient
from impasto.synthesis import Evaluate
from impasto.tasks.objective.context import Context
from impasto.tasks.tiling.memory import graph
from impasto.tasks.tiling.stages import Stage, halve_tiles, keep_graphs, network_device, share_tiles
from impasto.tasks.tiling.tiled_objective import TiledObjective, is_additive

LossAndParts = tuple[Tensor, Mapping[str, Tensor]]
"""A loss and its named parts."""

OutOfMemory: type[RuntimeError] = torch.cuda.OutOfMemoryError
"""The error of a GPU without memory; its other name from PyTorch 2.5 on is torch.OutOfMemoryError."""


def evaluation(context: Context, terms: Sequence[Term]) -> Evaluate:
    """Return the objective of these terms as a function of an image with one or three channels, and of the step."""
    return Evaluator(context, Objective(terms))


class Evaluator:
    """An objective of images `(1, C, H, W)`, C 1 or 3, which the context shows to the network.

    The gradient of the image is computed with the loss. All processes of a group return the same bits, those of rank 0.
    If a GPU runs out of memory, the evaluator continues with smaller tiles, which change neither value nor gradient.
    (Not run on a GPU so far: tests raise the error.)
    """

    def __init__(self, context: Context, objective: Objective) -> None:
        self.context, self.objective = context, objective
        self._stages: dict[Size, list[Stage]] = {}
        self._notice = ""

    def __call__(self, picture: Tensor, step: int) -> LossAndParts:
        """Return the loss, with gradient, and its named parts."""
        size = size_of(picture)
        if size not in self._stages:
            self._stages[size] = self._stages_at(size)
        while True:
            self.context.draws.set_step(step)
            try:
                return self._agreed(picture, *self._evaluate(picture, self._stages[size]))
            except OutOfMemory:
                pass
            # Here the error is gone, and with it the frames that held the tensors of the evaluation.
            self._stages[size] = self._smaller(size)

    def pop_notice(self) -> str:
        """Return the notice for the user, once; an empty text for none."""
        notice, self._notice = self._notice, ""
        return notice

    def _stages_at(self, size: Size) -> list[Stage]:
        """Return the stages of the network for a picture of this size; none where no term reads the network."""
        context, layers = self.context, self.objective.layers
        found = context.stages(layers, size) if layers else []
        if context.group.single or not self._may_tile:
            return keep_graphs(found, context.spare, graph)[0]
        return [share_tiles(stage, context.group.size) for stage in found]

    @property
    def _may_tile(self) -> bool:
        return self.context.may_tile and all(is_additive(term) for term in self.objective.terms)

    def _smaller(self, size: Size) -> list[Stage]:
        """Return stages that take less memory: whole stages are tiled first."""
        device, before = network_device(self.context.encoder), self._stages[size]
        if device.type == "cuda":
            torch.cuda.empty_cache()
        whole = any(stage.whole and halve_tiles(stage) is not stage for stage in before)
        found = [halve_tiles(stage) if stage.whole or not whole else stage for stage in before]
        here = f"a result of {size[1]}x{size[0]} does not fit into the memory of this {device.type} device"
        if not self.context.group.single:
            # The other processes wait for sums that this one did not send.
            raise ImpastoError(f"{here}; take a smaller --tile or --size, or less --memory for each process")
        if not self._may_tile or found == before:
            how = "even in the smallest tiles" if self._may_tile else "without tiles"
            raise ImpastoError(f"{here} {how}; take a smaller --size or --tile, or less --memory, to keep pictures out")
        side = max((stage.side for stage in found[:1]), default=0)
        how = f"tiles of {side} px" if side else "smaller tiles"
        self._notice = f"the memory of the {device.type} device was not enough; going on in {how}"
        return found

    def _evaluate(self, picture: Tensor, stages: list[Stage]) -> LossAndParts:
        context, objective = self.context, self.objective
        offloaded = bool(stages) and network_device(context.encoder) != picture.device
        if offloaded or not all(stage.whole for stage in stages):
            return TiledObjective(objective, stages, context.allocate, context.group)(picture)
        leaf = picture.detach().requires_grad_(picture.requires_grad)
        shown = leaf.expand(-1, 3, -1, -1)
        total, parts = objective(shown, context.encoder(shown, objective.layers))
        if not total.requires_grad:
            return total, parts
        (gradient,) = torch.autograd.grad(total, leaf)
        return with_gradient(picture, total.detach(), gradient), parts

    def _agreed(self, picture: Tensor, total: Tensor, parts: Mapping[str, Tensor]) -> LossAndParts:
        """Return the numbers and the gradient of rank 0."""
        group = self.context.group
        if group.single or not total.requires_grad:
            return total, parts
        (gradient,) = torch.autograd.grad(total, picture)
        numbers = group.broadcast_(torch.stack([total.detach(), *parts.values()]))
        found = dict(zip(parts, numbers[1:], strict=True))
        return with_gradient(picture, numbers[0], group.broadcast_(gradient)), found
