"""The yardsticks of the frame benchmark: what mere counting comes to.

``Coins`` throws a coin for each key, weighed by how often it was on in training: at any time, or after what the same key
did in the frames before. ``Ngrams`` takes a frame note by note from the lowest up, as the family `frames` does: how often this
note came next above that one, after these frames, blended with shorter memories (Witten and Bell 1991, DOI 10.1109/18.87000).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from bandmate.codecs.frames import KEYS

END = KEYS


class Coins:
    """Counts of each key alone, of which the last ``memory`` frames are remembered."""

    def __init__(self, rolls: Sequence[np.ndarray], memory: int) -> None:
        self.memory = memory
        on, total = np.zeros((2, KEYS, 2 ** memory))
        for roll in rolls:
            past = self._past(roll)
            for history in range(2 ** memory):
                total[:, history] += (past == history).sum(0)
                on[:, history] += (roll & (past == history)).sum(0)
        share = (on.sum(1, keepdims=True) + 0.5) / (total.sum(1, keepdims=True) + 1)
        self.chance = (on + share) / (total + 1)  # a history that never came has the chance of the key

    def surprise(self, roll: np.ndarray) -> np.ndarray:
        """Return the nats (T,) of each frame of a piano roll, bool (T, 88)."""
        chance = self.chance[np.arange(KEYS), self._past(roll)]
        return -np.log(np.where(roll, chance, 1 - chance)).sum(1)

    def _past(self, roll: np.ndarray) -> np.ndarray:
        """Number what each key did in the frames before: (T, 88)."""
        past = np.zeros(roll.shape, np.int64)
        for frames in range(1, self.memory + 1):
            past[frames:] += roll[:-frames].astype(np.int64) << (frames - 1)
        return past


class Ngrams:
    """Counts of the next note above, after the notes below it and up to two frames."""

    def __init__(self, rolls: Sequence[np.ndarray]) -> None:
        self.counts: defaultdict[Hashable, Counter[int]] = defaultdict(Counter)
        for roll in rolls:
            for _, _, answer, contexts in _questions(roll):
                for context in contexts:
                    self.counts[context][answer] += 1

    def surprise(self, roll: np.ndarray) -> np.ndarray:
        """Return the nats (T,) of each frame of a piano roll, bool (T, 88)."""
        nats = np.zeros(len(roll))
        for frame, below, answer, contexts in _questions(roll):
            chance = 1 / (END - below)  # all keys above, and the end, alike
            for context in contexts:
                if context in self.counts:
                    came = self.counts[context]
                    chance = (came[answer] + len(came) * chance) / (came.total() + len(came))
            nats[frame] -= np.log(chance)
        return nats


def _questions(roll: np.ndarray) -> Iterator[tuple[int, int, int, tuple[Hashable, ...]]]:
    """Go through the notes of all frames and their ends: frame, note below, answer, and contexts from short to long."""
    last: tuple[int, ...] = ()
    second_last: tuple[int, ...] = ()
    for number, frame in enumerate(roll):
        notes = tuple(np.flatnonzero(frame).tolist())
        for count, (below, answer) in enumerate(zip((-1, *notes), (*notes, END), strict=True)):
            chosen = notes[:count]
            anchor = last[min(count, len(last) - 1)] if last else None
            yield number, below, answer, ((below, count), (below, count, anchor), (chosen, last), (chosen, last, second_last))
        last, second_last = notes, last
