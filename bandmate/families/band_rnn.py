"""Band RNN: a recurrent network that writes for five instruments at once, step after step of a piano roll.

The first such networks heard 32 steps of 5 x 128 keys and judged the next 640 by softmax, in one of three ways (sizes
"joint-softmax", "part-softmax" and "counts"). They failed as described in ``band_softmax``. The default repairs this: parts are
drawn in turn, each hearing those already drawn in the step (as in the RNN-NADE of Boulanger-Lewandowski et al. 2012, arXiv
1206.6392, here over instruments); notes are struck or held; how many sound is learnt; the chances of all steps sum to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

import bandmate.codecs.codec as codecs
from bandmate import model, sampling
from bandmate.codecs.roll import CELLS, ONSET, PARTS, Roll, cells
from bandmate.codecs.roll_grammar import RollGrammar
from bandmate.families import roll_blocks
from bandmate.families.band_in_turn import InTurn, Moment, classes
from bandmate.families.band_softmax import Softmax
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

MEMORY = 32  # steps of which the pitch classes are remembered
COUNTS = (2, 3, 1, 2, 2)
CANONICAL = 0.5  # share of the training windows in which the parts are drawn in their usual order
WINDOWS = {"length": 64, "batch": 16, "lr": 2e-3, "evaluate_pieces": 24, "evaluate_every": 250, "keep_every": 500}
FAITHFUL = {"width": 256, "layers": 2, "cells": "lstm", "hears": 32, "dropout": 0.2}


class BandRnnConfig(Settings):
    """What shapes the weights of `band_rnn`."""

    way: Literal["in-turn", "joint-softmax", "part-softmax", "counts"] = "in-turn"
    """How a step is drawn: part after part, or in one of the three ways of the first systems."""
    cells: Literal["gru", "lstm"] = "gru"
    """What the memory is made of."""
    width: Annotated[int, Field(ge=8)] = 256
    """Width of the memory."""
    layers: Annotated[int, Field(ge=1)] = 1
    """Layers of the memory."""
    head_width: Annotated[int, Field(ge=8)] = 160
    """Width of what a part makes up its mind from (in-turn)."""
    hears: Annotated[int, Field(ge=0)] = 0
    """Steps that are heard before each step when composing; 0 hears all."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of units that fall silent in training."""


class BandRnnOptions(model.Options):
    """What a person may turn."""

    counts: tuple[int, ...] | None = None
    """How many keys piano, guitar, bass, strings and drums play in each step ("2,3,1,2,2"), for models of the first three
    ways; a joint softmax draws as many as all together."""

    @field_validator("counts", mode="before")
    @classmethod
    def _five(cls, value: object) -> object:
        counts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if isinstance(counts, list | tuple) and (len(counts) != len(PARTS) or not all(str(one).isdigit() for one in counts)):
            raise ValueError(f"five numbers were expected, for {', '.join(PARTS)}")
        return counts


@dataclass(frozen=True)
class Past:
    """What stands before each step of some rolls (B, T, 640)."""

    struck: Tensor  # bool (B, T, 640): in the step before
    before: Tensor  # that sounded in the step before
    bar_struck: Tensor  # a bar ago
    bar_before: Tensor
    classes: Tensor  # (B, T, 12): mean number of pitched notes of each class in the last MEMORY steps
    place: Tensor  # int64 (T,): the step's place in its stretch of blocks

    @classmethod
    def of(cls, ids: Tensor, bar: int, stride: int, start: int = 0) -> Past:
        """Look back from each of some rows (B, T, 640), the first of which is step ``start`` of the music."""
        struck, sounds = ids == ONSET, ids >= ONSET
        total = F.pad(classes(cells(sounds)).sum(-2).cumsum(1), (0, 0, 1, 0))[:, :-1]
        times = torch.arange(ids.shape[1], device=ids.device)
        mean = (total - total[:, (times - MEMORY).clamp(min=0)]) / times.clamp(1, MEMORY)[:, None]
        return cls(_earlier(struck, 1), _earlier(sounds, 1), _earlier(struck, bar), _earlier(sounds, bar), mean,
                   (times + start) % stride)

    def last(self) -> Past:
        """Keep the last step alone."""
        return Past(self.struck[:, -1:], self.before[:, -1:], self.bar_struck[:, -1:], self.bar_before[:, -1:],
                    self.classes[:, -1:], self.place[-1:])

    def moment(self, memory: Tensor, wanted: Tensor) -> Moment:
        """Return what is known before the ``wanted`` steps, bool (B, T), with the memory (B, T, width) of all."""
        return Moment(memory[wanted], cells(self.struck[wanted]), cells(self.before[wanted]), cells(self.bar_struck[wanted]),
                      cells(self.bar_before[wanted]), self.classes[wanted])


class BandRnn(Model):
    """The model: see the top of this file."""

    Config = BandRnnConfig
    Options = BandRnnOptions
    Codec = Roll
    SIZES = {
        "tiny": Size(config={"width": 48, "head_width": 32, "dropout": 0.1}, training={"steps": 300, **WINDOWS}),
        "small": Size(training={"steps": 2000, **WINDOWS}),
        "medium": Size(config={"width": 512, "head_width": 256}, training={"steps": 6000, **WINDOWS, "lr": 1e-3}),
        "large": Size(config={"width": 1024, "layers": 2, "head_width": 384},
                      training={"steps": 20_000, **WINDOWS, "batch": 32, "lr": 6e-4}),
        **{way: Size(config={**FAITHFUL, "way": way}, training={"steps": 2000, **WINDOWS, "transpose": 0})
           for way in ("joint-softmax", "part-softmax", "counts")},
    }

    config: BandRnnConfig
    codec: Roll

    def __init__(self, config: BandRnnConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        self.head: Any
        if config.way == "in-turn":
            self.head = InTurn(config.width, config.head_width, config.dropout)
            self.place: nn.Embedding | None = nn.Embedding(self.codec.stride, config.width)
            self.read = nn.Linear(4 * CELLS, config.width)
        else:
            self.head = Softmax(config.width, config.way)
            self.place, self.read = None, nn.Linear(CELLS, config.width)
        self.dropout = nn.Dropout(config.dropout)
        kind = nn.GRU if config.cells == "gru" else nn.LSTM
        self.network = kind(config.width, config.width, config.layers, batch_first=True,
                            dropout=config.dropout if config.layers > 1 else 0.0)

    def past(self, ids: Tensor, start: int = 0) -> Past:
        """Look back from each step of a batch (B, T, 640)."""
        return Past.of(ids, self.codec.bar, self.codec.stride, start)

    def remember(self, past: Past, state: object = None) -> tuple[Tensor, object]:
        """Return what the network makes of all before each step, (B, T, width), and its state after the last."""
        if self.place is None:
            heard = self.read(past.before.float())
        else:
            rolls = torch.cat([past.struck, past.before, past.bar_struck, past.bar_before], -1).float()
            heard = self.dropout(F.silu(self.read(rolls) + self.place(past.place)))
        memory, state = self.network(heard, state)
        return self.dropout(memory), state

    # Learning

    def nats(self, ids: Tensor, order: Tensor) -> Tensor:
        """Return the nats (F, 5) of each part in the steps of a batch (B, T, 640) that are not padding.

        ``order`` int64 (B, 5) ranks the parts: each hears those of lower rank. What a window begins with in the middle of a
        note is given.
        """
        past, wanted = self.past(ids), ids[..., 0] > 0
        known = (order[:, None] < order[:, :, None])[wanted.nonzero()[:, 0]]
        first = wanted.nonzero()[:, 1] == 0
        return self.head.nats(past.moment(self.remember(past)[0], wanted), cells(ids)[wanted], known, first)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        ids = batch["ids"]
        if isinstance(self.head, Softmax):
            memory, wanted = self.remember(self.past(ids))[0], ids[..., 0] > 0
            return {"loss": self.head.loss(memory[wanted], cells(ids)[wanted] >= ONSET).sum(-1).mean()}
        usual = torch.arange(len(PARTS), device=ids.device).expand(len(ids), -1)
        mixed = torch.rand(usual.shape, device=ids.device).argsort(-1)
        nats = self.nats(ids, torch.where(torch.rand(len(ids), 1, device=ids.device) < CANONICAL, usual, mixed)).mean(0)
        return {"loss": nats.sum(), **{part: nats[number].detach() for number, part in enumerate(PARTS)}}

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.config.way != "in-turn":
            return super().score(batch)
        ids = batch["ids"]
        order = torch.arange(len(PARTS), device=ids.device).expand(len(ids), -1)
        return {"nats": self.nats(ids, order).sum(), "notes": (ids == ONSET).sum().float()}

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        counts = getattr(options, "counts", None)
        if counts and self.config.way == "in-turn":
            raise UserError("this model has learnt how many keys each part plays; counts are for models of the sizes "
                            "joint-softmax, part-softmax and counts; leave them out, or set max_polyphony")
        grammar = roll_blocks.begin(self.codec, options, prompt)
        with sampling.quietly(self):
            return self._write(grammar, options, counts or COUNTS, progress)

    @torch.inference_mode()
    def _write(self, grammar: RollGrammar, options: AnyOptions, counts: tuple[int, ...], progress: Progress) -> list[Piece]:
        """Draw step after step; of candidates the likeliest is kept."""
        dice = sampling.Dice(options, grammar.rows)
        device = next(self.parameters()).device
        ids = torch.from_numpy(grammar.prompt.astype(np.int64)).repeat(grammar.rows, 1, 1).to(device)
        state: object = None
        while not grammar.done.all():
            at, state = self._hear(ids, state)
            if isinstance(self.head, Softmax):
                step, wish = self.head.draw(at.memory, counts, grammar, dice)
            else:
                step, wish = self.head.draw(at, grammar, dice)
            row = grammar.settle(step, wish)
            grammar.advance(row)
            ids = torch.cat([ids, torch.from_numpy(row).to(ids)[:, None]], 1)
            progress(grammar.progress, partial(_read, grammar, ids[::options.candidates]))
        best = sampling.kept(grammar, list(ids.cpu().numpy()), dice.mean_surprise(), options.candidates)
        return _read(grammar, ids[best])

    def _hear(self, ids: Tensor, state: object) -> tuple[Moment, object]:
        """Return what is known before the next step of some streams (B, T, 640), and the state of the network there.

        With a ``state``, only the last row is new to the network.
        """
        heard = ids[:, -self.config.hears:] if self.config.hears else ids
        if state is not None:
            heard = ids[:, -max(MEMORY, self.codec.bar):]
        past = self.past(F.pad(heard, (0, 0, 0, 1)), ids.shape[1] - heard.shape[1])
        memory, after = self.remember(past if state is None else past.last(), state)
        at = past.last().moment(memory[:, -1:], torch.ones(len(ids), 1, dtype=torch.bool, device=ids.device))
        return at, None if self.config.hears else after


def _earlier(rolls: Tensor, steps: int) -> Tensor:
    """Return what stood so many steps before each of some steps (B, T, 640); nothing before the first."""
    return F.pad(rolls, (0, 0, steps, 0))[:, :rolls.shape[1]]


def _read(grammar: RollGrammar, ids: Tensor) -> list[Piece]:
    """Read what is written so far."""
    return [grammar.piece(stream) for stream in ids.cpu().numpy()]
