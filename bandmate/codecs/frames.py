"""Frames: the codec of the piano roll. Every quarter (or part of one) is a row, and in it each of the 88 keys is on or off.

This is how polyphonic music was first given to recurrent networks (Boulanger-Lewandowski et al. 2012, arXiv 1206.6392).
A key is on if it sounds at the very moment of the frame, whoever plays it; drums are left out. Held and repeated notes are
the same here: where a key stays on, one long note is written. Rows run from the first frame that sounds to the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, field_validator

from bandmate.codecs.codec import Codec, Variety
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, GridPiece, from_grid, note_table, tidy
from bandmate.music.instruments import DRUM_CLASS
from bandmate.music.request import Request
from bandmate.music.theory import parse_metre, pitch_name
from bandmate.piece import DRUMS, TICKS_PER_QUARTER, Labels, Piece
from bandmate.settings import Settings, UserError

if TYPE_CHECKING:
    from bandmate.codecs.frames_grammar import FramesGrammar

KEYS = 88
LOWEST, HIGHEST = 21, 108  # A0 to C8, the keys of a piano
OFF, ON = 1, 2
PIANO = 0
LOUDNESS = 80
TEMPO = 100.0  # quarters a minute
BEGINNINGS = 0.5  # share of the training windows that begin where the piece does
WHOLE = 2048  # rows: pieces up to here are examined whole


class FramesConfig(Settings):
    """What the ids of `frames` depend on."""

    steps_per_quarter: Annotated[int, Field(ge=1, le=24)] = 1
    """Frames a quarter; a divisor of 480."""

    @field_validator("steps_per_quarter")
    @classmethod
    def _divides(cls, steps: int) -> int:
        if TICKS_PER_QUARTER % steps:
            raise ValueError(f"a divisor of {TICKS_PER_QUARTER} was expected")
        return steps


class Frames(Codec):
    """The codec: see the top of this file."""

    name = "frames"
    Config = FramesConfig
    fields = tuple(pitch_name(pitch) for pitch in range(LOWEST, HIGHEST + 1))
    sizes = (ON + 1,) * KEYS
    config: FramesConfig

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        return rows_of(self.roll(piece, table)[1])

    def roll(self, piece: Piece, table: np.ndarray | None = None) -> tuple[int, np.ndarray]:
        """Return the first frame that sounds, counted from the start of a piece, and the roll from there: bool (T, 88)."""
        notes = note_table(piece) if table is None else table
        notes = notes[notes[:, PROGRAM] != DRUMS]
        steps = self.config.steps_per_quarter
        starts, ends = (-(-ticks * steps // piece.ticks_per_quarter)
                        for ticks in (notes[:, START], notes[:, START] + notes[:, DURATION]))
        sounds = ends > starts  # short notes between two frames are not heard
        if not sounds.any():
            raise UserError("no pitched note sounds on a frame; the codec 'frames' writes what sounds at each of "
                            f"{steps} moments a quarter; take another piece, or more frames a quarter")
        starts, ends, pitches = starts[sounds], ends[sounds], notes[sounds, PITCH]
        if pitches.min() < LOWEST or pitches.max() > HIGHEST:
            wrong = int(pitches.min() if pitches.min() < LOWEST else pitches.max())
            raise UserError(f"the piece has a {pitch_name(wrong)}; the codec 'frames' knows the keys of a piano, "
                            f"{pitch_name(LOWEST)} to {pitch_name(HIGHEST)}; transpose the piece or take another")
        first = int(starts.min())
        roll = np.zeros((int(ends.max()) - first, KEYS), bool)
        for start, end, key in zip(starts - first, ends - first, pitches - LOWEST, strict=True):
            roll[start:end, key] = True
        return first, roll

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        ids = np.asarray(ids).reshape(-1, KEYS)
        metre = parse_metre(request.metre) if request else (4, 4)
        bar = max(metre[0] * 4 * self.config.steps_per_quarter // metre[1], 1)
        tempo = request.tempo if request and request.tempo else TEMPO
        notes = tidy(notes_of(ids, program_of(request)).astype(np.int32))
        return from_grid(GridPiece(notes, np.array([[0, *metre]], np.int32), -(-len(ids) // bar) * bar,
                                   self.config.steps_per_quarter, tempo))

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> FramesGrammar:
        from bandmate.codecs.frames_grammar import FramesGrammar
        return FramesGrammar(self, request, rows, draft)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray((np.asarray(ids) == ON).any(axis=-1))

    def given(self, ids: np.ndarray) -> np.ndarray:
        return np.zeros(len(ids), bool)

    def words(self, ids: np.ndarray) -> list[str]:
        names = [" ".join(pitch_name(LOWEST + key) for key in np.flatnonzero(row == ON).tolist()) for row in np.asarray(ids)]
        return [(name or "rest") if row.any() else "pad" for name, row in zip(names, np.asarray(ids), strict=True)]

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        keys = [shift for shift in shifts(ids) if abs(shift) <= variety.transpose]
        start = 0.0 if random.random() < BEGINNINGS else random.random()
        return transpose(self.window(ids, length, start), int(random.choice(keys)))

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        """Leave a piece whole, however short the windows are that are learnt from."""
        return super().pages(ids, max(length, WHOLE))


def rows_of(roll: np.ndarray) -> np.ndarray:
    """Write a piano roll, bool (T, 88) from A0 up, as ids: int16 (T, 88)."""
    return np.where(roll, ON, OFF).astype(np.int16)


def notes_of(ids: np.ndarray, program: int = PIANO) -> np.ndarray:
    """Read rows (T, 88) as notes on their grid, one for each stretch that a key is on: int64 (N, 5)."""
    edges = np.diff(np.pad(ids == ON, ((1, 1), (0, 0))).astype(np.int8), axis=0).T
    key, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    alike = np.ones_like(key)
    return np.column_stack([starts, ends - starts, key + LOWEST, LOUDNESS * alike, program * alike])


def shifts(ids: np.ndarray) -> list[int]:
    """Return by how many semitones rows (T, 88) may be transposed without leaving the piano, from down to up."""
    played = np.flatnonzero((np.asarray(ids) == ON).any(0))
    if not len(played):
        return [0]
    return list(range(-int(played[0]), KEYS - int(played[-1])))


def transpose(ids: np.ndarray, semitones: int) -> np.ndarray:
    """Return rows (T, 88) in another key; no note may leave the piano (see ``shifts``)."""
    return np.roll(ids, semitones, axis=-1)


def program_of(request: Request | None) -> int:
    """Return the program of the one instrument that was asked for; a piano if none was."""
    parts = (request.programs() if request else None) or {}
    return next((program for family, program in parts.items() if family != DRUM_CLASS), PIANO)
