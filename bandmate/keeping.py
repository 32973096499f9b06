"""What is kept of a training run: how far it is, its running losses, and the best model so far.

The best model waits in memory and is written before the last one, so that a run which is killed never loses it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.evaluate import Scores
from bandmate.model import Model
from bandmate.run import Run
from bandmate.settings import UserError


class Keeper:
    """Where a run stands. Everything here but the best weights is saved beside the optimizers."""

    def __init__(self, model: Model, run: Run, choices: dict[str, Any]) -> None:
        self.model, self.run, self.choices = model, run, choices
        self.step = 0
        self.before: float | None = None
        self.best = Scores()
        self._best_weights: dict[str, Tensor] | None = None  # not yet written
        self._sums: dict[str, Tensor] = {}  # of the losses since the last row
        self._count = 0

    def add(self, losses: dict[str, Tensor]) -> None:
        """Take in the losses of one step."""
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, 0) + loss.detach().float()
        self._count += 1
        self.step += 1

    def means(self) -> dict[str, Tensor]:
        """Return the mean losses since the last time."""
        means = {name: total / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means

    def check(self, losses: dict[str, float]) -> None:
        """Raise UserError if a loss is no longer a number."""
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise UserError(f"the training failed by step {self.step}: '{name}' is no longer a number; "
                                "train again with a lower --lr or a longer --warmup")

    def judge(self, scores: Scores, writes: bool) -> None:
        """Keep the model if it is the best so far; without a likelihood, the latest is. Only one process ``writes``."""
        nats, best = scores.nats_per_note, self.best.nats_per_note
        if nats is None or best is None or nats < best:
            self.best = scores
            if writes:
                self._best_weights = {name: weight.detach().cpu().clone() for name, weight in self.model.state_dict().items()}

    def save(self, optimizers: list[Optimizer], seconds: float) -> None:
        """Write the best model so far, then the last with its optimizers."""
        sums = {name: float(total) for name, total in self._sums.items()}
        self.check(sums)
        known = {name: value for name, value in self.choices.items() if name in Card.model_fields}
        card = Card(**known, steps=self.step, minutes=round(seconds / 60, 2), nats_per_note=self.best.nats_per_note,
                    accuracy=self.best.accuracy)
        if self._best_weights is not None:
            checkpoint.save(self.model, self.run.folder / checkpoint.BEST, card, weights=self._best_weights)
            self._best_weights = None
        state = {"step": self.step, "seconds": seconds, "before": self.before, "best": self.best.model_dump(),
                 "sums": sums, "count": self._count}
        checkpoint.save_run(self.model, optimizers, self.run.folder / checkpoint.LAST, card, state)

    def restore(self, optimizers: list[Optimizer]) -> float:
        """Go back to the last save, and return the seconds of training until then."""
        state = checkpoint.load_run(self.run.folder / checkpoint.LAST, self.model, optimizers)
        device = next(self.model.parameters()).device
        self.step, self.before, self.best = state["step"], state["before"], Scores(**state["best"])
        self._sums = {name: torch.tensor(total, device=device) for name, total in state["sums"].items()}
        self._count = state["count"]
        return state["seconds"]
