"""What is known before each frame of a piano roll, and each note of it: the part of the family `frames` that learns nothing.

Nothing here looks ahead. What a frame is told of the past: the frames before it, and its *echo*: what came next the last
time that the music went as it goes now (as in prediction by partial matching, Cleary and Witten 1984,
DOI 10.1109/TCOM.1984.1096090), once by whole frames and once by the highest notes alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from bandmate.codecs.frames import KEYS

END = KEYS  # the outcome "no further note in this frame"
LONGEST = 31  # frames beyond which one match is as long as another
PHRASE, OFTEN = 8, 4  # how often so many frames were heard before is counted, up to so many times
MATCHES = 2 * (LONGEST + 1 + OFTEN + 1)  # numbers that say how far the two echoes are to be trusted
CLOCKS = (2, 3, 4, 6, 8, 12, 16, 32)  # frames: periods in which frames are counted from the first
MIDDLE = 39  # the key that stands in where nothing has sounded
FAR = 24  # keys beyond which one interval is like another
MOST = 8  # notes beyond which one count is like another


def before(x: Tensor, frames: int = 1) -> Tensor:
    """Return what stood so many frames earlier in (B, T, ...), 0 at the first frames."""
    earlier = torch.zeros_like(x)
    earlier[:, frames:] = x[:, :-frames]
    return earlier


def clock(roll: Tensor) -> Tensor:
    """Count frames: cosines and sines (T, 2 periods) of each frame's place in each period."""
    turns = torch.arange(roll.shape[1], device=roll.device)[:, None] / torch.tensor(CLOCKS, device=roll.device)
    return torch.cat([(2 * torch.pi * turns).cos(), (2 * torch.pi * turns).sin()], -1)


class Echo(NamedTuple):
    """What came next after the longest match of the frames before each frame, the latest of equally long ones."""

    roll: Tensor
    """The frame that came next: (B, T, 88), zeros where nothing matches."""
    length: Tensor
    """How many frames matched: int64 (B, T), at most LONGEST."""
    times: Tensor
    """How often the last PHRASE frames came before: int64 (B, T), at most OFTEN."""


@torch.no_grad()
def echo(roll: Tensor, names: Tensor) -> Echo:
    """Look for matches in piano rolls (B, T, 88); ``names`` int64 (B, T) says which frames count as the same."""
    echoes, lengths, often = torch.zeros_like(roll), torch.zeros_like(names), torch.zeros_like(names)
    step = torch.arange(names.shape[1], device=names.device)
    lag = step[1:, None]
    for number, row in enumerate(names if len(lag) else ()):  # one by one: the table of all pairs is large
        same = (row == row[(step - lag).clamp(min=0)]) & (step >= lag)  # (lags, T)
        run = (step - torch.where(same, -1, step).cummax(1).values).clamp(max=LONGEST)
        score, best = (run * len(row) - lag).max(0)
        length = torch.where(score > 0, -(-score // len(row)), 0)[:-1]
        then = (step - best)[:-1].clamp(min=0)  # the frame after the match, which lies best + 1 frames back
        echoes[number, 1:] = torch.where(length[:, None] > 0, roll[number, then], 0)
        lengths[number, 1:] = length
        often[number, 1:] = (run >= PHRASE).sum(0)[:-1].clamp(max=OFTEN)
    return Echo(echoes, lengths, often)


class Heard:
    """A batch of piano rolls, float (B, T, 88) of 0 and 1, as heard up to each frame."""

    def __init__(self, roll: Tensor, echoes: bool = True) -> None:
        self.roll = roll
        self.last, self.second_last = before(roll), before(roll, 2)
        nothing = torch.zeros(roll.shape[:2], dtype=torch.long, device=roll.device)
        self.echoes = [Echo(torch.zeros_like(roll), nothing, nothing)] * 2
        """That of whole frames, and that of the highest notes."""
        if echoes:
            number = torch.arange(1, KEYS + 1, device=roll.device)
            mixed = (number * 0x9E3779B97F4A7C1) ^ (number * number * 0xBF58476D1CE4E5B)  # a name for each set of keys
            self.echoes = [echo(roll, (roll.long() * mixed).sum(-1)), echo(roll, (roll.long() * number).amax(-1))]

    def past(self) -> Tensor:
        """Return what stands above each key in each frame: the last two frames, the two echoes: (B, T, 4, 88)."""
        return torch.stack([self.last, self.second_last, *(one.roll for one in self.echoes)], 2)

    def matches(self) -> Tensor:
        """Say in a vector how far each echo is to be trusted: (B, T, MATCHES)."""
        return torch.cat([part for one in self.echoes for part in (F.one_hot(one.length, LONGEST + 1).float(),
                                                                   F.one_hot(one.times, OFTEN + 1).float())], -1)


@dataclass(frozen=True)
class Questions:
    """One question for each note of some frames, and one for the end of each frame: which note is the next above?

    Notes are asked for from the lowest up; the answer is a key above the one before, or END. N questions.
    """

    frame: Tensor
    """The frame that each belongs to: int64 (N,)."""
    below: Tensor
    """The note below, -1 for the first question of a frame."""
    count: Tensor
    """How many notes lie below."""
    answer: Tensor
    """The right answer, 0 to 88."""

    @classmethod
    def of(cls, roll: Tensor) -> Questions:
        """Ask about whole frames (F, 88)."""
        frame, answer = F.pad(roll, (0, 1), value=1.0).nonzero().unbind(1)
        first = torch.ones_like(frame, dtype=torch.bool)
        first[1:] = frame[1:] != frame[:-1]
        below = torch.where(first, -1, answer.roll(1))
        place = torch.arange(len(frame), device=frame.device)
        return cls(frame, below, place - torch.where(first, place, 0).cummax(0).values, answer)


@dataclass(frozen=True)
class Situation:
    """What is known about the past and the frame so far when a question is asked."""

    below: Tensor
    """The note below, or the anchor if there is none: int64 (N,)."""
    anchor: Tensor
    """The note of the last frame that has as many notes below it, the highest if it has fewer: int64 (N,)."""
    chosen: Tensor
    """The keys on so far: float (N, 88)."""
    past: Tensor
    """What stood above each key: float (N, 4, 88), see ``Heard.past``."""


def situation(ask: Questions, roll: Tensor, past: Tensor) -> Situation:
    """Tell what is known at each question about frames (F, 88) with their past (F, 4, 88)."""
    keys = torch.arange(KEYS, device=roll.device)
    last = past[:, 0]
    rank = torch.where(last > 0, last.cumsum(-1), 0)  # 1 for the lowest note
    wanted = torch.minimum(ask.count + 1, last.sum(-1).long()[ask.frame].clamp(min=1))
    found = (rank[ask.frame] == wanted[:, None]).float()
    anchor = torch.where(found.any(-1), found.argmax(-1), MIDDLE)
    chosen = roll[ask.frame] * (keys <= ask.below[:, None])
    return Situation(torch.where(ask.below < 0, anchor, ask.below), anchor, chosen, past[ask.frame])


def around(x: Tensor, centre: Tensor, far: int = FAR) -> Tensor:
    """Cut the keys around a centre (N,) out of (N, ..., 88): (N, ..., 2 far + 1), 0 beyond the piano."""
    wide = F.pad(x, (far, far))
    index = centre[:, None] + torch.arange(2 * far + 1, device=x.device)
    return wide.gather(-1, index.reshape(len(x), *[1] * (x.dim() - 2), -1).expand(*x.shape[:-1], -1))
