"""What the parts play in a step, by softmax: the three heads of the first multi-instrument networks, as they were.

"joint-softmax" is one softmax over all 640 keys: parts crowd each other out, so that some flood the music and others are
empty. "part-softmax" has one for each part, with a place for silence: parts know nothing of each other, so that their chords
clash. "counts" has one for each part, and draws as many keys from it as a person says, in each and every step. None of them
has a likelihood: a softmax is spread over the keys of a chord, which are drawn as if they were one after another.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs.roll import CELLS, KEYS, OFF, PARTS, SUSTAIN, cells
from bandmate.codecs.roll_grammar import RollGrammar
from bandmate.sampling import Dice

Way = Literal["joint-softmax", "part-softmax", "counts"]


class Softmax(nn.Module):
    """The head."""

    def __init__(self, heard: int, way: Way) -> None:
        super().__init__()
        self.way = way
        self.silence = way == "part-softmax"
        self.out = nn.Linear(heard, CELLS + self.silence * len(PARTS))

    def logits(self, memory: Tensor) -> Tensor:
        """Return the logits of each softmax: (N, 1, 640), or (N, 5, 128), with silence (N, 5, 129)."""
        return self.out(memory).view(len(memory), 1 if self.way == "joint-softmax" else len(PARTS), -1)

    def loss(self, memory: Tensor, sounds: Tensor) -> Tensor:
        """Return the loss of each softmax of some steps, bool (N, 5, 128): the target is spread evenly over what sounds."""
        logits = self.logits(memory)
        target = sounds.reshape(len(sounds), logits.shape[1], -1).float()
        if self.silence:
            target = torch.cat([target, (target.sum(-1, keepdim=True) == 0).float()], -1)
        target = target / target.sum(-1, keepdim=True).clamp(min=1)
        return -(target * F.log_softmax(logits, -1)).sum(-1)

    def draw(self, memory: Tensor, counts: tuple[int, ...], grammar: RollGrammar, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
        """Draw the next step of each stream: ids, and how much each cell wants to sound, both (B, 5, 128).

        ``counts`` says how many keys are drawn of each part; a joint softmax draws as many as all together.
        """
        logits = self.logits(memory).float().cpu().numpy()
        sounds = np.zeros((len(memory), len(PARTS), KEYS), bool)
        may = cells(grammar.may_strike | grammar.may_hold)
        for stream, rows in enumerate(logits):
            if self.way == "joint-softmax":
                sounds[stream].flat[_several(rows[0], may[stream].ravel(), sum(counts), stream, dice)] = True
                continue
            for part, row in enumerate(rows):
                allowed = np.append(may[stream, part], [True] * self.silence)
                drawn = _several(row, allowed, counts[part] if grammar.free[grammar.written, part] else 0, stream, dice)
                sounds[stream, part, [key for key in drawn if key < KEYS]] = True
        return np.where(sounds, SUSTAIN, OFF), logits[..., :CELLS if self.way == "joint-softmax" else KEYS]


def _several(logits: np.ndarray, allowed: np.ndarray, count: int, stream: int, dice: Dice) -> list[int]:
    """Draw up to ``count`` different ids; after silence, beyond the keys of a part, nothing more."""
    drawn: list[int] = []
    while len(drawn) < count and allowed.any() and not (drawn and drawn[-1] == KEYS == len(logits) - 1):
        drawn.append(dice.one(stream, logits, allowed))
        allowed[drawn[-1]] = False
    return drawn
