"""The yardstick of the JSB benchmark: counts of what followed what, for each voice, in any key.

A voice is guessed as the interval from its last pitch. Contexts go from nothing to all that is near: the place in the
quarter, how long the note is held, where the voices stand that are already known (soprano, bass, alto, tenor), and the
intervals before. Each level mixes into the one before it as often as its context was met with something new (Witten and
Bell 1991). It learns in seconds, so a model that does not beat it has learnt little.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from bandmate.codecs.voices import HIGHEST, LOWEST, OUTCOMES, STEPS_PER_BAR, SUNG, VOICES

ORDER = (0, 3, 1, 2)  # soprano, bass, alto, tenor
HELD = 16  # steps from which a note is simply long
RESTS = 10_000  # the interval of a rest
NEW = 3.0  # how much weight the levels below keep, in contexts for each outcome seen


class Ngrams:
    """Counts of the training pieces; :meth:`surprise` scores a piece as the protocol wants it."""

    def __init__(self, pieces: Sequence[np.ndarray]) -> None:
        self.counts: list[defaultdict[Hashable, Counter[int]]] = []
        self.places: Counter[int] = Counter()
        for piece in pieces:
            self.places[len(piece) % STEPS_PER_BAR] += 1
            for _, interval, contexts, _ in _events(piece):
                while len(self.counts) < len(contexts):
                    self.counts.append(defaultdict(Counter))
                for level, context in zip(self.counts, contexts, strict=True):
                    level[context][interval] += 1

    def surprise(self, piece: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the nats (T, 4) of each voice of each step, and those of the place of the first step."""
        nats = np.zeros(piece.shape)
        for place, interval, contexts, outcomes in _events(piece):
            chance = 1 / OUTCOMES
            for level, context in zip(self.counts, contexts, strict=True):
                counter = level.get(context)
                if counter:
                    known = sum(count for outcome, count in counter.items() if outcome in outcomes)
                    kinds = NEW * len(counter)
                    chance = (counter[interval] + kinds * chance) / (known + kinds)
            nats[place] = -np.log(chance)
        first = (self.places[len(piece) % STEPS_PER_BAR] + 1) / (self.places.total() + STEPS_PER_BAR)
        return nats, float(-np.log(first))


def _events(piece: np.ndarray) -> Iterator[tuple[tuple[int, int], int, tuple[Hashable, ...], frozenset[int]]]:
    """Go through the voices of all steps: where, the interval sung, the contexts, and which intervals are outcomes at all."""
    last = [sum(SUNG[voice]) // 2 for voice in range(len(VOICES))]
    held, melody, outcomes = [0] * len(VOICES), [(0, 0)] * len(VOICES), [_outcomes(pitch) for pitch in last]
    sings = [True] * len(VOICES)
    upbeat = -len(piece) % STEPS_PER_BAR
    for step, now in enumerate(piece.tolist()):
        place = (step + upbeat) % STEPS_PER_BAR
        before, moves = last.copy(), dict[int, int]()
        for voice in ORDER:
            own = before[voice]
            interval = now[voice] - own if now[voice] >= LOWEST else RESTS
            known = tuple((voice_, last[voice_] - own, moves[voice_]) for voice_ in moves)
            others = tuple(before[other] - own for other in range(len(VOICES)) if other not in moves)
            beat, length = place % 4, min(held[voice], HELD)
            moving = tuple(move != 0 for move in moves.values())
            kind: tuple[Hashable, ...] = (voice, step == 0, sings[voice])
            near = tuple((gap, move != 0) for _, gap, move in known)
            contexts = (kind, (*kind, beat, length), (*kind, beat, length, moving),
                        (*kind, beat, length, known[-2:], melody[voice][-1]),
                        (*kind, beat, length, near, melody[voice][-1]),
                        (*kind, beat, length, known, others, melody[voice]))
            yield (step, voice), interval, contexts, outcomes[voice]
            moves[voice] = interval
            if interval != RESTS:
                last[voice] = now[voice]
        for voice in range(len(VOICES)):
            moved = moves[voice]
            rested = moved == RESTS
            if rested == sings[voice] or (moved and not rested):
                held[voice] = 0
                if not rested:
                    melody[voice] = (melody[voice][-1], moved)
                    outcomes[voice] = _outcomes(last[voice])
            held[voice] += 1
            sings[voice] = not rested


def _outcomes(pitch: int) -> frozenset[int]:
    """Return the intervals from a pitch to each pitch that there is, and a rest."""
    return frozenset((*range(LOWEST - pitch, HIGHEST + 1 - pitch), RESTS))
