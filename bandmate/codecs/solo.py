"""What the codecs of one player share: all pitched parts of a piece become one, drums are left out.

A piece is its composer (if the codec knows any), a beginning, the music, an end. A window from the middle of a piece
still says who the composer is. Metre, tempo and instrument are not written; they come from the request.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, cast

import numpy as np
from pydantic import Field

from bandmate.codecs.codec import Codec, Variety
from bandmate.music.grid import DEFAULT_TEMPO, DURATION, PITCH, PROGRAM, START, GridPiece, from_grid, note_table, tidy, to_grid
from bandmate.music.request import Request
from bandmate.music.theory import parse_metre
from bandmate.piece import DRUMS, Labels, Piece
from bandmate.settings import Settings, UserError

BEGIN, END, COMPOSER = 1, 2, 3
"""Ids of the first field: a piece begins, a piece ends, the first composer. The words of the music follow."""

LOUDNESS = 90  # the velocity of notes where a codec says nothing about it


class SoloConfig(Settings):
    """What the ids of every codec of one player depend on."""

    composers: Annotated[tuple[str, ...], Field(max_length=128)] = ()
    """Composers with an id of their own, in the order of their ids."""


class Solo(Codec):
    """A codec of one player. The first field holds a word; ``first`` is the id of the first word of the music."""

    Config = SoloConfig
    config: SoloConfig
    steps_per_quarter = 12

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self.first = COMPOSER + len(self.config.composers)

    # What every such codec says for itself

    @abstractmethod
    def music(self, grid: GridPiece) -> np.ndarray:
        """Write notes on this codec's grid, of one part: ids (N, F), without beginning and end."""

    @abstractmethod
    def notes(self, ids: np.ndarray) -> np.ndarray:
        """Read ids (N, F): a note table (M, 5) in steps, of program 0. What makes no sense is passed over."""

    @abstractmethod
    def word(self, row: tuple[int, ...]) -> str:
        """Spell one row of the music."""

    def shifts(self, ids: np.ndarray) -> list[int]:
        """Return by how many semitones ids (N, F) may be transposed; 0 always may."""
        return [0]

    def transpose(self, ids: np.ndarray, semitones: int) -> np.ndarray:
        """Return a copy of some ids in another key."""
        return ids.copy()

    def notes_in(self, ids: np.ndarray) -> np.ndarray:
        """Count the notes that rows of ids (..., F) complete, all of a chord: int (...)."""
        return self.is_note(ids).astype(np.int64)

    # What follows from that

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        return self.between(self.music(one_part(piece, self.steps_per_quarter, table)), labels)

    def between(self, music: np.ndarray, labels: Labels | None = None) -> np.ndarray:
        """Put music between composer and beginning, and end: int16 (N, F)."""
        return np.concatenate([self.header(labels.composer if labels else ""), music, self._row(END)]).astype(np.int16)

    def header(self, composer: str | None) -> np.ndarray:
        """Return the rows before the music: int16 (1 or 2, F)."""
        rows = [self._row(COMPOSER + self.config.composers.index(composer))] if composer in self.config.composers else []
        return np.concatenate([*rows, self._row(BEGIN)])

    def _row(self, word: int) -> np.ndarray:
        row = np.full((1, len(self.sizes)), self.pad, np.int16)
        row[0, 0] = word
        return row

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        return self.build(self.notes(np.asarray(ids, np.int64).reshape(-1, len(self.sizes))), request or Request())

    def build(self, notes: np.ndarray, request: Request) -> Piece:
        """Make a piece of notes (N, 5) in steps: with the metre, tempo and instrument of a request."""
        numerator, denominator = parse_metre(request.metre)
        notes = tidy(notes)
        notes[:, PROGRAM] = next((program for program in (request.programs() or {}).values() if program != DRUMS), 0)
        end = int((notes[:, START] + notes[:, DURATION]).max(initial=0))
        bars = np.array([[0, numerator, denominator]], np.int32)
        return from_grid(GridPiece(notes, bars, end, self.steps_per_quarter, request.tempo or DEFAULT_TEMPO))

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray(ids)[..., 0] >= self.first

    def words(self, ids: np.ndarray) -> list[str]:
        known = {self.pad: "pad", BEGIN: "begin", END: "end",
                 **{COMPOSER + number: name for number, name in enumerate(self.config.composers)}}
        return [known[row[0]] if row[0] in known else self.word(tuple(row))
                for row in np.asarray(ids, np.int64).reshape(-1, len(self.sizes)).tolist()]

    def given(self, ids: np.ndarray) -> np.ndarray:
        word = np.asarray(ids)[:, 0]
        return (np.arange(len(word)) == 0) | ((word != END) & (word < self.first))

    # Windows

    def _top(self, ids: np.ndarray) -> int:
        """Return how many rows at the top of some ids name the composer."""
        return int(COMPOSER <= ids[0, 0] < COMPOSER + len(self.config.composers)) if len(ids) else 0

    def window(self, ids: np.ndarray, length: int, start: float) -> np.ndarray:
        top = self._top(ids)
        return np.concatenate([ids[:top], super().window(ids[top:], max(length - top, 1), start)])

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        """Cut a piece into windows; the first row of one, which is not scored, is the last of that before it."""
        top = self._top(ids)
        again = 1 - top
        step = max(length - 1, 1)
        return [np.concatenate([ids[:top], ids[first:first + step + again]])
                for first in range(top, max(len(ids) - again, 1), step)]

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        top = self._top(ids)
        window = self.window(ids if random.random() < variety.keep_header else ids[top:], length, random.random())
        keys = [shift for shift in self.shifts(window) if abs(shift) <= variety.transpose]
        return self.transpose(window, int(random.choice(keys)))


def one_part(piece: Piece, steps_per_quarter: int, table: np.ndarray | None = None) -> GridPiece:
    """Return a piece on a grid with all pitched parts as one, program 0. Raises UserError if there is none."""
    table = note_table(piece) if table is None else table
    table = table[table[:, PROGRAM] != DRUMS]
    if not len(table):
        raise UserError("no pitched instrument plays in the piece; this codec leaves drums out; take a piece with a melody, or "
                        "the codec 'bars'")
    table[:, PROGRAM] = 0
    return to_grid(piece, steps_per_quarter, cast(np.ndarray, table))


def fold(pitches: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    """Move pitches by octaves until they lie between ``lowest`` and ``highest``, both included, at least an octave apart."""
    pitches = np.where(pitches < lowest, lowest + (pitches - lowest) % 12, pitches)
    return np.where(pitches > highest, highest - (highest - pitches) % 12, pitches)


def fits(notes: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    """Return a tidy note table in which all pitches are folded into a range."""
    notes = notes.astype(np.int64)
    notes[:, PITCH] = fold(notes[:, PITCH], lowest, highest)
    return tidy(notes).astype(np.int64)


def overlapping(ids: np.ndarray, length: int = 512) -> list[np.ndarray]:
    """Cut ids (N, F) of one piece into windows that overlap by half, as Maia learnt from; the last may be shorter."""
    half = length // 2
    return [ids[first:first + length] for first in range(0, max(len(ids) - half, 1), half)]
