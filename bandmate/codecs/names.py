"""Names: a piece as the names of its notes and chords, "C#4" or "C4.E4.G4", one after another.

In the faithful form a chord is its pitch classes in normal order ("0.4.7"): which octaves it had, and which note was its
bass, is forgotten. By default it keeps its pitches. After Skuli's Classical Piano Composer (2017), where the rhythm is
forgotten, too; here that is a choice.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np

from bandmate.codecs.events import PITCHES_AT, Events, EventsConfig
from bandmate.music.theory import parse_pitch, pitch_name
from bandmate.settings import Settings

MIDDLE = 60  # pitch classes sound in the octave above middle C
MOST_SHIFT = 12


class NamesConfig(EventsConfig):
    """What the ids of `names` depend on."""

    chords: Literal["pitches", "classes"] = "pitches"
    """How a chord is named: by its pitches, or by their pitch classes in normal order."""


class Names(Events):
    """The codec: see the top of this file."""

    name = "names"
    Config = NamesConfig
    config: NamesConfig

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self.pitches = [pitches_of(word) for word in self.config.words]
        self.chord_sizes = np.array([len(pitches) for pitches in self.pitches], np.int64)

    def texts(self, letters: np.ndarray) -> list[str]:
        return [self._text([pitch for pitch in row if pitch >= 0]) for row in letters[:, PITCHES_AT:].tolist()]

    def _text(self, pitches: list[int]) -> str:
        if len(pitches) > 1 and self.config.chords == "classes":
            return ".".join(map(str, normal_order(pitches)))
        return ".".join(map(pitch_name, pitches))

    @cached_property
    def _table(self) -> np.ndarray:
        """Which pitches each word has: bool (V, 128)."""
        table = np.zeros((len(self.pitches), 128), bool)
        for row, pitches in zip(table, self.pitches, strict=True):
            row[list(pitches)] = True
        return table

    def nearest(self, text: str) -> int:
        """Return the word with the most pitches in common and the fewest besides; a note for a note, if there is one."""
        pitches = pitches_of(text)
        wanted = np.isin(np.arange(128), pitches)
        sizes = self._table.sum(axis=1)
        alike = 2 * (self._table & wanted).sum(axis=1) - sizes
        far = np.abs(self._table.argmax(axis=1) - pitches[0])  # of the lowest notes
        kind = np.abs(sizes - len(pitches))
        return int(np.lexsort((far, kind, -alike))[0])

    def events(self, ids: np.ndarray) -> list[list[int]]:
        return [list(self.pitches[word - self.first]) for word in ids[:, 0].tolist() if word >= self.first]

    def parts(self, field: int) -> np.ndarray | None:
        """Words share their lowest and highest pitches, and every pitch class that they have; 0 stands for none."""
        if field or not self.has_words:
            return None
        table = self._table
        lowest, highest = table.argmax(axis=1), 127 - table[:, ::-1].argmax(axis=1)
        classes = np.stack([table[:, number::12].any(axis=1) for number in range(12)], axis=1)
        columns = np.column_stack([1 + lowest, 129 + highest, 257 + lowest % 12, np.where(classes, 269 + np.arange(12), 0)])
        return np.concatenate([np.zeros((self.first, columns.shape[1]), np.int64), columns])

    def within(self, allowed: np.ndarray) -> np.ndarray:
        return (~(self._table & ~allowed).any(axis=1))[None]

    @cached_property
    def _moved(self) -> np.ndarray:
        """Which word each word is in another key, -1 for none: int (2 * MOST_SHIFT + 1, V)."""
        moved = np.full((2 * MOST_SHIFT + 1, len(self.pitches)), -1)
        numbers = {word: number for number, word in enumerate(self.config.words)}
        for number, (word, pitches) in enumerate(zip(self.config.words, self.pitches, strict=True)):
            for shift in range(-MOST_SHIFT, MOST_SHIFT + 1):
                if word[0].isdigit():
                    text = ".".join(map(str, normal_order([pitch + shift for pitch in pitches])))
                elif pitches[0] + shift >= 0 and pitches[-1] + shift <= 127:
                    text = ".".join(pitch_name(pitch + shift) for pitch in pitches)
                else:
                    continue
                moved[shift + MOST_SHIFT, number] = numbers.get(text, -1)
        return moved

    def shifts(self, ids: np.ndarray) -> list[int]:
        """Return the keys in which every event of some ids has a word."""
        words = np.unique(ids[self.is_note(ids), 0]) - self.first
        return (np.flatnonzero((self._moved[:, words] >= 0).all(axis=1)) - MOST_SHIFT).tolist()

    def transpose(self, ids: np.ndarray, semitones: int) -> np.ndarray:
        ids = ids.copy()
        word = ids[:, 0] >= self.first
        ids[word, 0] = self.first + self._moved[semitones + MOST_SHIFT, ids[word, 0] - self.first]
        return ids


def pitches_of(word: str) -> tuple[int, ...]:
    """Return the pitches of a word, from low to high; pitch classes in the octave above middle C."""
    return tuple(sorted(MIDDLE + int(name) if name.isdigit() else parse_pitch(name) for name in word.split(".")))


def normal_order(pitches: list[int]) -> list[int]:
    """Return the pitch classes of a chord in their closest order.

    Of two orders as close, that is taken in which the notes lie closer to the first (Forte, The Structure of Atonal Music,
    1973); of two alike in all, that with the lower first note.
    """
    classes = sorted({pitch % 12 for pitch in pitches})
    orders = [classes[first:] + classes[:first] for first in range(len(classes))]
    return min(orders, key=lambda order: ((order[-1] - order[0]) % 12, *((note - order[0]) % 12 for note in order)))
