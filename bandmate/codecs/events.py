"""Codecs that see a piece as a row of events, each a note or a chord: what `names` and `intervals` share.

Notes that start together are one event. Without rhythm in the ids, all events last as long as each other; with it
("joint"), each has two fields more: how long after the event before it starts, and how long it lasts, in steps. A chord
lasts as long as its shortest note.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np

from bandmate.codecs.codec import Grammar
from bandmate.codecs.learnt import Learnt, LearntConfig
from bandmate.codecs.solo import LOUDNESS
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, START, GridPiece
from bandmate.music.request import Request
from bandmate.music.rhythm import even, lay_out
from bandmate.settings import Settings

LONGEST = 96  # steps: two whole notes
MOST_PITCHES = 12  # of a chord; of a larger one the highest are kept
PITCHES_AT = 2  # letters: the time since the event before, the length, then the pitches from low to high, -1 for none
NONE = -1
EVENT_QUARTERS = 0.5  # how long every event lasts where the ids say nothing about it


class EventsConfig(LearntConfig):
    """What the ids of a codec of events depend on."""

    rhythm: Literal["none", "joint"] = "none"
    """Whether every row says when its event starts and how long it lasts, too."""


class Events(Learnt):
    """A codec of events; which word an event is, its heirs say."""

    Config = EventsConfig
    config: EventsConfig
    width = PITCHES_AT + MOST_PITCHES

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self.joint = self.config.rhythm == "joint"
        self._shape(self.first)

    def _shape(self, first: int) -> None:
        """Lay out the ids, so that the first word has the id ``first``."""
        self.first = first
        self.fields = ("word", "wait", "length")[:3 if self.joint else 1]
        self.sizes = (first + len(self.config.words), LONGEST + 2, LONGEST + 1)[:len(self.fields)]

    @abstractmethod
    def events(self, ids: np.ndarray) -> list[list[int]]:
        """Return the pitches of the event of each row (N, F) of the music that is an event."""

    def letters(self, grid: GridPiece) -> np.ndarray:
        notes = grid.notes.astype(np.int64)
        starts, first = np.unique(notes[:, START], return_index=True)
        rows = np.full((len(starts), self.width), NONE, np.int16)
        rows[:, 0] = np.minimum(np.diff(starts, prepend=0), LONGEST)
        for row, chord in zip(rows, np.split(notes, first[1:]), strict=True):
            pitches = np.unique(chord[:, PITCH])[-MOST_PITCHES:]
            row[1] = min(int(chord[:, DURATION].min()), LONGEST)
            row[PITCHES_AT:PITCHES_AT + len(pitches)] = pitches
        return rows

    def rows(self, letters: np.ndarray, words: np.ndarray) -> np.ndarray:
        columns = [self.first + words, letters[:, 0] + 1, letters[:, 1]]  # a wait of 0 has the id 1
        return np.column_stack(columns[:len(self.fields)]).astype(np.int16)

    def notes(self, ids: np.ndarray) -> np.ndarray:
        ids = ids[ids[:, 0] < self.sizes[0]]
        events = self.events(ids)
        if not self.joint:
            return lay_out(events, even(len(events) * EVENT_QUARTERS, EVENT_QUARTERS), self.steps_per_quarter)
        return self.at_their_times(events, ids[self.is_note(ids)])

    def at_their_times(self, events: list[list[int]], ids: np.ndarray, base: int = 0) -> np.ndarray:
        """Return the notes of events whose rows (N, 3) say their times; the first waits from step ``base``.

        An event ends where one of its pitches is struck again.
        """
        starts = base + np.maximum(ids[:, 1] - 1, 0).cumsum()
        notes: list[tuple[int, int, int, int, int]] = []
        struck: dict[int, int] = {}
        for pitches, start, length in zip(events[::-1], starts[::-1].tolist(), ids[::-1, 2].tolist(), strict=True):
            end = min([start + max(length, 1), *(struck[pitch] for pitch in pitches if struck.get(pitch, 0) > start)])
            notes += [(start, end - start, pitch, LOUDNESS, 0) for pitch in pitches]
            struck.update(dict.fromkeys(pitches, start))
        return np.array(notes[::-1], np.int64).reshape(-1, 5)

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.events_grammar import EventsGrammar
        return EventsGrammar(self, request, rows, draft)

    def word(self, row: tuple[int, ...]) -> str:
        number = row[0] - self.first
        text = self.config.words[number] if 0 <= number < len(self.config.words) else "nothing"
        return f"{text} +{row[1] - 1} {row[2]}" if self.joint else text

    # What may follow, for the grammar

    chord_sizes: np.ndarray
    """How many notes each word has: int (V,)."""

    def notes_in(self, ids: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros(self.first, np.int64), self.chord_sizes])[np.asarray(ids)[..., 0]]

    starts = 0
    """How many ids, right before the first word's, say where a piece starts; one of them comes first, if there are any."""

    @property
    def opens(self) -> np.ndarray:
        """Which words a piece may start with: bool (V,)."""
        return np.ones(len(self.config.words), bool)

    @abstractmethod
    def within(self, allowed: np.ndarray) -> np.ndarray:
        """Return which words may be played from which reference, given which pitches may: bool (R, V)."""

    def reference(self, row: np.ndarray, before: int) -> int:
        """Return the reference from which the next word is read, after a row (F,) that was read from ``before``."""
        return 0
