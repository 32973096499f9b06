"""The one interface of every family: arrays in, losses out; options in, pieces out.

To add a family, write one file with a :class:`Model` in it and one line in ``families/__init__.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

import bandmate.codecs.codec as codecs
from bandmate.music.request import Request
from bandmate.piece import Piece
from bandmate.settings import Settings

SoFar = Callable[[], list[Piece]]
"""Reads what is written so far, one unfinished piece a variant."""

Progress = Callable[[float, SoFar], None]
"""Called while music is written, row after row: with the share that is done, 0 to 1, and a way to read what stands.

It may raise an exception to end the work.
"""


def unwatched(share: float, so_far: SoFar) -> None:
    """Watch nothing."""


class Options(Request):
    """What a person may turn when composing: the music that is wanted, and how freely to draw."""

    IDLE: ClassVar[tuple[str, ...]] = ()
    """Which of these mean nothing to a family, and are not offered."""

    variants: Annotated[int, Field(ge=1, le=64)] = 1
    """How many pieces to write for this one request."""
    candidates: Annotated[int, Field(ge=1, le=16)] = 1
    """How many to write for each variant; the one is kept in which those you named play most
    and that is nearest to the character asked for; among equals the likeliest."""
    temperature: Annotated[float, Field(ge=0, le=5)] = 0.9
    """How freely notes are drawn: 0 always takes the likeliest, 1 follows the model, more is wilder."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Draw only from the k likeliest ids; 0 draws from all."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Draw only from the likeliest ids that together have this probability."""
    min_p: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Leave out ids less likely than this share of the likeliest one."""


AnyOptions = Options
"""The type, for use inside families, each of which has Options of its own."""


class Size(Settings):
    """A named size: what shapes the weights, and what trains them well."""

    config: dict[str, Any] = {}
    """Fields of the family's Config."""
    codec: str | None = None
    """Codec that this size is for, if not the family's own."""
    training: dict[str, Any] = {}
    """Fields of the training settings."""


class Model(nn.Module, ABC):
    """A composer. It keeps its codec, so that it can write pieces."""

    Config: ClassVar[type[Settings]]
    """What shapes the weights; saved beside them."""
    Options: ClassVar[type[Options]] = Options
    """What a person may turn when composing."""
    Codec: ClassVar[type[codecs.Codec]]
    """How this family sees a piece, unless a size says otherwise."""
    SIZES: ClassVar[dict[str, Size]]
    """The dial: tiny, small, medium, large, and faithful settings by name."""

    note: str = ""
    """What the data card of its weights says beside."""

    def __init__(self, config: Settings, codec: codecs.Codec) -> None:
        super().__init__()
        self.config = config
        self.codec = codec

    @abstractmethod
    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return named scalars; "loss" is the one to lower.

        A batch holds ``ids`` (B, T, F) int64, padded with 0, and ``given`` (B, T) bool: rows not scored per note.
        """

    @abstractmethod
    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        """Write pieces, one a variant. Raises UserError for what this family cannot do."""

    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return sums over a batch of held-out windows: "nats" (of rows not given), "notes", and for each field of the
        codec "hits.FIELD" and "count.FIELD". Families without a likelihood raise NotImplementedError."""
        raise NotImplementedError(f"{type(self).__name__} has no likelihood")

    def optimizers(self, lr: float) -> list[Optimizer]:
        """Return the optimizers that train this model at peak learning rate ``lr``."""
        decayed = [p for p in self.parameters() if p.requires_grad and p.dim() >= 2]
        plain = [p for p in self.parameters() if p.requires_grad and p.dim() < 2]
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
        return [AdamW(groups, lr=lr, betas=(0.9, 0.95))]

    def step(self, batch: dict[str, Tensor], optimizers: list[Optimizer],
             backward: Callable[[Tensor], None]) -> dict[str, Tensor]:
        """Make one training step: losses, ``backward``, optimizers. Adversarial families replace this.

        ``backward`` computes gradients and clips them; the learning rate is already set.
        """
        losses = self.losses(batch)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        backward(losses["loss"])
        for optimizer in optimizers:
            optimizer.step()
        return losses

    def meet(self, prepared: Any) -> None:
        """Take out of the prepared music what is kept beside the weights, before anything is learnt."""

    def start_from(self, other: Model) -> None:
        """Take the weights of another model of the same family and Config."""
        self.load_state_dict(other.state_dict())

    def settle(self, data: Any) -> None:
        """Work out from training music, prepared data, what follows from all weights, before the model is examined and kept."""

    def make_room(self, shapes: dict[str, Any]) -> None:
        """Prepare for weights of these shapes, which are about to be read; for families that grow as they learn."""

    def parameter_count(self) -> int:
        """Return the number of weights."""
        return sum(p.numel() for p in _unique(self.parameters()))


def _unique(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    return list({id(p): p for p in parameters}.values())
