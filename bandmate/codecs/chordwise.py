"""Chordwise: what the whole keyboard does in one step is one word, a digit a key: 0 silent, 1 struck, 2 held.

After Clara (Payne 2018) and Maia (2020). The steps that a music uses are its vocabulary, learnt from it; a step that is
not in it is written as the one that differs in the fewest keys. In words for people only the keys that play are named:
"p27 h31" strikes one and holds another.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from bandmate.codecs.codec import Grammar
from bandmate.codecs.learnt import MOST_WORDS, Learnt, LearntConfig, in_columns
from bandmate.codecs.notewise import LOWEST
from bandmate.codecs.solo import LOUDNESS, fits
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, START, GridPiece
from bandmate.music.request import Request
from bandmate.settings import Settings

SILENT, STRUCK, HELD = range(3)
KEYS_A_LETTER = 7  # letters are numbers of 16 bits; two bits a key


class ChordwiseConfig(LearntConfig):
    """What the ids of `chordwise` depend on."""

    notes: Literal[38, 62, 88] = 62
    """Notes of the keyboard: 62 from A1, 38 from A2, or all 88."""
    steps: Literal[4, 12] = 4
    """Steps of a quarter."""
    most_words: Annotated[int, Field(ge=1, le=MOST_WORDS)] = 16_000
    """How many words are learnt at most, the commonest."""


class Chordwise(Learnt):
    """The codec: see the top of this file."""

    name = "chordwise"
    Config = ChordwiseConfig
    fields = ("word",)
    config: ChordwiseConfig

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self.steps_per_quarter = self.config.steps
        self.lowest = LOWEST[self.config.notes]
        self.width = -(-self.config.notes // KEYS_A_LETTER)
        self.sizes = (self.first + len(self.config.words),)
        self._moves: dict[int, np.ndarray] = {}

    @cached_property
    def table(self) -> np.ndarray:
        """What each word does with each key: int8 (V, notes)."""
        digits = np.frombuffer("".join(self.config.words).encode(), np.uint8) - ord("0")
        return digits.astype(np.int8).reshape(-1, self.config.notes)

    def letters(self, grid: GridPiece) -> np.ndarray:
        notes = fits(grid.notes, self.lowest, self.lowest + self.config.notes - 1)
        keys = np.zeros((int((notes[:, START] + notes[:, DURATION]).max(initial=0)), self.width * KEYS_A_LETTER), np.int64)
        for start, duration, pitch in notes[:, [START, DURATION, PITCH]].tolist():
            keys[start:start + duration, pitch - self.lowest] = HELD
            keys[start, pitch - self.lowest] = STRUCK
        places = 4 ** np.arange(KEYS_A_LETTER)
        return (keys.reshape(len(keys), self.width, KEYS_A_LETTER) * places).sum(axis=2).astype(np.int16)

    def texts(self, letters: np.ndarray) -> list[str]:
        digits = letters.astype(np.int64)[:, :, None] // 4 ** np.arange(KEYS_A_LETTER) % 4
        rows = digits.reshape(len(letters), -1)[:, :self.config.notes].astype(np.uint8) + ord("0")
        return [row.tobytes().decode() for row in rows]

    def learn(self, spelled) -> Learnt:  # type: ignore[no-untyped-def]  # as in Learnt
        """Learn words as every codec does; silence is always one."""
        learnt = super().learn(spelled)
        silence = str(SILENT) * self.config.notes
        if not learnt.has_words or silence in learnt.config.words:
            return learnt
        return type(self)(self.config.replace(words=(silence, *learnt.config.words[:self.config.most_words - 1])))

    def nearest(self, text: str) -> int:
        wanted = np.frombuffer(text.encode(), np.uint8) - ord("0")
        return int((self.table != wanted).sum(axis=1).argmin())

    def rows(self, letters: np.ndarray, words: np.ndarray) -> np.ndarray:
        return (self.first + words)[:, None].astype(np.int16)

    def notes(self, ids: np.ndarray) -> np.ndarray:
        words = ids[(ids[:, 0] >= self.first) & (ids[:, 0] < self.sizes[0]), 0] - self.first
        keys = np.concatenate([self.table[words], np.zeros((1, self.config.notes), np.int8)])
        notes = []
        for key in np.flatnonzero(keys.any(axis=0)).tolist():
            edges = np.flatnonzero(keys[:, key] != HELD)  # here something begins: a note, or silence
            starts = keys[edges, key] == STRUCK
            notes += [(start, end - start, self.lowest + key, LOUDNESS, 0)
                      for start, end in zip(edges[:-1][starts[:-1]].tolist(), edges[1:][starts[:-1]].tolist(), strict=True)]
        return np.array(notes, np.int64).reshape(-1, 5)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return self.notes_in(ids) > 0

    def notes_in(self, ids: np.ndarray) -> np.ndarray:
        struck = np.concatenate([np.zeros(self.first, np.int64), (self.table == STRUCK).sum(axis=1)])
        return struck[np.asarray(ids)[..., 0]]

    def parts(self, field: int) -> np.ndarray | None:
        """Words share the keys that they strike, those that they hold, and the classes of both."""
        if not self.has_words:
            return None
        size = self.config.notes
        at = {STRUCK: (1, 1 + 2 * size), HELD: (1 + size, 13 + 2 * size)}  # first number of keys, and of classes
        return in_columns([*[[]] * self.first, *(
            [number for digit, (keys, classes) in at.items() for key in np.flatnonzero(row == digit).tolist()
             for number in (keys + key, classes + (self.lowest + key) % 12)] for row in self.table)])

    def word(self, row: tuple[int, ...]) -> str:
        if row[0] >= self.sizes[0]:
            return "nothing"
        keys = self.table[row[0] - self.first]
        return " ".join(f"{' ph'[digit]}{key}" for key, digit in enumerate(keys.tolist()) if digit) or "silence"

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.chordwise_grammar import ChordwiseGrammar
        return ChordwiseGrammar(self, request, rows, draft)

    def shifts(self, ids: np.ndarray) -> list[int]:
        """Return the keys in which every step of some ids has a word."""
        words = np.unique(ids[ids[:, 0] >= self.first, 0]) - self.first
        return [shift for shift in range(-12, 13) if (self._moved(shift)[words] >= 0).all()]

    def transpose(self, ids: np.ndarray, semitones: int) -> np.ndarray:
        ids = ids.copy()
        word = ids[:, 0] >= self.first
        ids[word, 0] = self.first + self._moved(semitones)[ids[word, 0] - self.first]
        return ids

    def _moved(self, shift: int) -> np.ndarray:
        """Return which word each word is in another key, -1 for none: int (V,)."""
        if shift not in self._moves:
            numbers = {word: number for number, word in enumerate(self.config.words)}
            size, silence = self.config.notes, str(SILENT) * abs(shift)
            moved = [silence + word[:size - shift] if shift >= 0 else word[-shift:] + silence for word in self.config.words]
            lost = [word[size - shift:] if shift > 0 else word[:-shift] if shift < 0 else "" for word in self.config.words]
            self._moves[shift] = np.array([-1 if gone.strip("0") else numbers.get(word, -1)
                                           for word, gone in zip(moved, lost, strict=True)])
        return self._moves[shift]
