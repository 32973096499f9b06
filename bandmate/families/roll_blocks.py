"""Blocks of 32 steps: what the families that write five piano rolls at once have in common.

A block is four bars of 4/4 at two steps a quarter: ids (5, 32, 128) of the codec `roll`. Such a family hears the block before
it and proposes the next one as a whole; the grammar then takes it step after step, and puts right what was not asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bandmate import sampling
from bandmate.codecs.codec import Codec
from bandmate.codecs.roll import BLOCK, KEYS, OFF, ONSET, PARTS, SUSTAIN
from bandmate.codecs.roll_grammar import RollGrammar
from bandmate.model import AnyOptions, Progress
from bandmate.piece import Piece


@dataclass(frozen=True)
class Moment:
    """What is known before the next block of some streams is written."""

    last: Tensor
    """The block before, ids (B, 5, 32, 128): off where the music is younger."""
    number: int
    """How many blocks were written before."""
    total: int
    """How many there will be."""
    given: Tensor
    """What is given in the next block, ids (5, 32, 128)."""
    played: Tensor
    """Which parts are wholly given there, and play: bool (5,). The others are to be written."""


Propose = Callable[[Moment], tuple[Tensor, Tensor]]
"""Proposes the next block: ids (B, 5, 32, 128), and of the same shape how much each cell wants to sound."""


def blocks_of(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Cut rows (B, T, 640) into blocks: ids int8 (B, N, 5, 32, 128), off where there is padding, and which steps are music:
    bool (B, N, 32)."""
    ids = F.pad(ids.to(torch.int8), (0, 0, 0, -ids.shape[1] % BLOCK))
    music = (ids[..., 0] > 0).unflatten(1, (-1, BLOCK))
    blocks = ids.clamp(min=OFF).unflatten(1, (-1, BLOCK)).unflatten(-1, (len(PARTS), KEYS))
    return blocks.transpose(2, 3), music


def rows_of(blocks: Tensor) -> Tensor:
    """Return blocks (..., 5, 32, 128) as rows (..., 32, 640)."""
    return blocks.transpose(-3, -2).flatten(-2)


def articulated(sounds: Tensor, strikes: Tensor, before: Tensor) -> Tensor:
    """Return ids (B, 5, 32, 128) of keys that sound, bool: struck where ``strikes`` says so, or where they did not sound just
    before; ``before`` is the block before, ids of the same shape."""
    earlier = torch.cat([before[..., -1:, :] >= ONSET, sounds[..., :-1, :]], -2)
    return torch.where(sounds, torch.where(strikes | ~earlier, ONSET, SUSTAIN), OFF)


def begin(codec: Codec, options: AnyOptions, prompt: Piece | None) -> RollGrammar:
    """Start a stream for each variant and candidate, as `sampling.begin` does."""
    return cast(RollGrammar, sampling.begin(codec, options, prompt))


@torch.inference_mode()
def write(grammar: RollGrammar, start: Tensor, propose: Propose, candidates: int, progress: Progress) -> Tensor:
    """Write block after block; return rows (B, T, 640), the prompt among them.

    What has no beginning goes on from ``start``, ids (B, 5, 32, 128). ``progress`` hears of each step.
    """
    ids = torch.from_numpy(grammar.prompt.astype(np.int64)).repeat(grammar.rows, 1, 1).to(start.device)
    total = -(-grammar.steps // BLOCK)
    for number in range(total):
        last = blocks_of(F.pad(ids[:, -BLOCK:], (0, 0, max(BLOCK - ids.shape[1], 0), 0)))[0][:, 0] if ids.shape[1] else start
        steps = slice(number * BLOCK, (number + 1) * BLOCK)
        given = torch.from_numpy(grammar.frame[steps])
        given = blocks_of(F.pad(given, (0, 0, 0, BLOCK - len(given)))[None])[0][0, 0].to(start.device)
        free = torch.from_numpy(grammar.free[steps].any(0)).to(start.device)
        proposed, wishes = propose(Moment(last, number, total, given, (given >= ONSET).any(-1).any(-1) & ~free))
        rows, scores = rows_of(proposed).cpu().numpy(), rows_of(wishes).cpu().numpy()
        for step in range(min(BLOCK, grammar.steps - number * BLOCK)):
            row = grammar.settle(rows[:, step], scores[:, step])
            grammar.advance(row)
            ids = torch.cat([ids, torch.from_numpy(row).to(ids)[:, None]], 1)
            progress(grammar.progress, partial(read, grammar, ids[::candidates]))
    return ids


def read(grammar: RollGrammar, ids: Tensor) -> list[Piece]:
    """Read streams (B, T, 640) as pieces."""
    return [grammar.piece(stream) for stream in ids.cpu().numpy()]


def kept(grammar: RollGrammar, ids: Tensor, cost: Tensor, candidates: int) -> Tensor:
    """Return the streams (variants, T, 640) to keep, of streams (B, T, 640): see :func:`bandmate.sampling.kept`. The cost (B,)
    is shared out among the notes, so that silence is not the cheapest."""
    notes = (ids == ONSET).sum((1, 2)).clamp(min=1).cpu().numpy()
    return ids[sampling.kept(grammar, list(ids.cpu().numpy()), cost.cpu().numpy() / notes, candidates)]


def empty(rows: int, device: torch.device) -> Tensor:
    """Return silent blocks, ids (rows, 5, 32, 128)."""
    return torch.full((rows, len(PARTS), BLOCK, KEYS), OFF, device=device)
