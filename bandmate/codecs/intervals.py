"""Intervals: each note or chord as its distances, in semitones, from the first-listed note of the one before.

From D to the chord F A C and on to E G, that is "3,7,-2" and "-1,2": F, the root, is listed first, and is what E and G are
measured from. A piece and its transposition differ in nothing but the start, one row at the top of the piece. Where the
steps lead out of the keyboard, music is folded back by octaves; the grammar does not let them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from bandmate.codecs.events import PITCHES_AT, Events
from bandmate.codecs.learnt import in_columns
from bandmate.codecs.solo import fold
from bandmate.music.theory import pitch_name
from bandmate.settings import Settings

LOWEST, HIGHEST = 21, 108  # the piano
MIDDLE = 60  # where music starts that does not say it
THIRDS = {7: 4, 4: 3, 3: 3, 10: 2, 11: 2, 2: 1, 9: 0, 5: -1}
"""How well a note above another makes that one the root: its fifth, third, seventh, ninth; a fourth speaks against it."""


class Intervals(Events):
    """The codec: see the top of this file."""

    name = "intervals"
    starts = 128

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self.start = self.first
        """The id of a start on pitch 0."""
        self._shape(self.first + self.starts)
        self.steps = [tuple(map(int, word.split(","))) for word in self.config.words]
        self.chord_sizes = np.array([len(step) for step in self.steps], np.int64)
        width = max(map(len, self.steps), default=1)
        self._table = np.array([step + step[:1] * (width - len(step)) for step in self.steps], np.int16).reshape(-1, width)

    def texts(self, letters: np.ndarray) -> list[str]:
        chords = [listed([pitch for pitch in row if pitch >= 0]) for row in letters[:, PITCHES_AT:].tolist()]
        return [",".join(map(str, step)) for step in distances([chords[0][:1], *chords])] if chords else []

    def rows(self, letters: np.ndarray, words: np.ndarray) -> np.ndarray:
        if not len(letters):
            return super().rows(letters, words)
        first = [pitch for pitch in letters[0, PITCHES_AT:].tolist() if pitch >= 0]
        start = np.zeros((1, len(self.sizes)), np.int16)
        start[0, 0] = self.start + listed(first)[0]
        return np.concatenate([start, super().rows(letters, words)])

    def nearest(self, text: str) -> int:
        """Return the word that leads on from the same note, if there is one, with the most steps in common."""
        wanted = tuple(map(int, text.split(",")))
        return min(range(len(self.steps)), key=lambda number: (
            abs(self.steps[number][0] - wanted[0]), len({*self.steps[number]} ^ {*wanted}), number))

    def events(self, ids: np.ndarray) -> list[list[int]]:
        reference, events = MIDDLE, []
        for word in ids[:, 0].tolist():
            if self.start <= word < self.first:
                reference = word - self.start
            elif word >= self.first:
                events.append(self._play(self.steps[word - self.first], reference))
                reference = events[-1][0]
        return events

    def _play(self, step: Sequence[int], reference: int) -> list[int]:
        """Return the pitches of a step, the first-listed first; all move by octaves until that is on the keyboard."""
        first = int(fold(np.array(reference + step[0]), LOWEST, HIGHEST))
        others = first - step[0] + np.array(step[1:], np.int64)
        return [first, *fold(others, LOWEST, HIGHEST).tolist()]

    def word(self, row: tuple[int, ...]) -> str:
        return f"from {pitch_name(row[0] - self.start)}" if row[0] < self.first else super().word(row)

    def parts(self, field: int) -> np.ndarray | None:
        """Words share the step to their first note, how far the others lie from that, and each step but for octaves."""
        if field or not self.has_words:
            return None
        others, classes = 1 + 256, 1 + 2 * 256
        return in_columns([*[[]] * self.first, *(
            [1 + 128 + step[0], *(others + 128 + note - step[0] for note in step[1:]), *(classes + note % 12 for note in step)]
            for step in self.steps)])

    def within(self, allowed: np.ndarray) -> np.ndarray:
        allowed = allowed & (np.arange(128) >= LOWEST) & (np.arange(128) <= HIGHEST)
        played = np.arange(128, dtype=np.int16)[:, None, None] + self._table[None]
        may: np.ndarray = (allowed[np.clip(played, 0, 127)] & (played >= 0) & (played < 128)).all(axis=2)
        while True:  # only what leads to where music can go on
            going: np.ndarray = np.any(may, axis=1)
            leads = going[np.clip(played[:, :, 0], 0, 127)]
            if (may <= leads).all():
                return may
            may &= leads

    @property
    def opens(self) -> np.ndarray:
        return self._table[:, 0] == 0

    def reference(self, row: np.ndarray, before: int) -> int:
        word = int(row[0])
        return word - self.start if word < self.first else before + self.steps[word - self.first][0]


def listed(pitches: list[int]) -> list[int]:
    """Return the pitches of a chord from the root on: root, third, fifth, and so on, whatever octaves they lie in."""
    bass = min(pitches)

    def rooted(root: int) -> tuple[int, bool, int]:
        above = {(pitch - root) % 12 for pitch in pitches}
        return sum(THIRDS.get(step, 0) for step in above), root % 12 == bass % 12, -root

    root = max(pitches, key=rooted)
    return sorted(pitches, key=lambda pitch: ((pitch - root) % 12, pitch))


def distances(events: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return the steps from each event to the next: how far its notes, as listed, lie above the first-listed one before."""
    return [tuple(pitch - before[0] for pitch in event) for before, event in pairwise(events)]
