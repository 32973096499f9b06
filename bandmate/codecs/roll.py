"""Roll: the codec of the five-instrument piano roll. Every step of the grid is a row: 128 keys for each of five parts.

All music is played by piano, guitar, bass, strings and drums: the rule of LPD-5, the Lakh Pianoroll Dataset (Dong et al. 2018,
arXiv 1709.06298), says which program belongs to which part. A key is off, struck, or held, so that repeated and long notes
differ, as they do not in LPD-5 itself. How loud is not kept. Models look at blocks of 32 steps, four bars at two steps a
quarter. There, notes go to the nearest step, and none is lost, where the older systems took every twelfth column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bandmate.codecs.codec import Codec, Variety
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, GridPiece, from_grid, note_table, tidy, to_grid
from bandmate.music.instruments import CLASSES, class_of
from bandmate.music.request import Request
from bandmate.music.theory import parse_metre, pitch_name
from bandmate.piece import DRUMS, Labels, Piece
from bandmate.settings import Settings, UserError

if TYPE_CHECKING:
    from bandmate.codecs.roll_grammar import RollGrammar

PARTS = ("piano", "guitar", "bass", "strings", "drums")
PITCHED = 4
"""The first so many parts are pitched; the last is the drums."""
PROGRAMS = (0, 24, 32, 48, DRUMS)
"""The program that plays each part, if none was asked for."""
KEYS = 128
CELLS = len(PARTS) * KEYS
OFF, ONSET, SUSTAIN = 1, 2, 3
BLOCK = 32
"""Steps that the families of rolls look at together."""
BAR_QUARTERS = 4
LOUDNESS = (102, 102, 102, 61, 102)  # 0.8 of the loudest, and of that 0.6 for the strings
TEMPO = 120.0  # quarters a minute
BEGINNINGS = 0.25  # share of the training windows that begin where the piece does
PIANO_KEYS = (21, 108)

PART_OF_CLASS = np.array([0, 3, 3, 1, 2, 3, 3, 3, 3, 3, 3, 3, -1, 3, -1, -1, 4])
"""The part of each instrument class, after LPD-5: what is no piano, guitar or bass is played by strings, and effects (programs
96 to 103), percussion and sounds (112 to 127) are left out: -1."""


class RollConfig(Settings):
    """What the ids of `roll` depend on."""

    steps_per_quarter: Literal[2, 4, 24] = 2
    """Steps a quarter: 2, 4, or the 24 of LPD-5."""
    common_time: bool = True
    """Whether only music in bars of two or four quarters is taken, so that blocks of 32 steps begin on a bar line; LPD-5
    (cleansed) is in 4/4 throughout."""


class Roll(Codec):
    """The codec: see the top of this file."""

    name = "roll"
    Config = RollConfig
    fields = tuple(f"{part} {pitch_name(key)}" for part in PARTS for key in range(KEYS))
    sizes = (SUSTAIN + 1,) * CELLS
    stored = "|i1"
    config: RollConfig

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        notes = note_table(piece) if table is None else table
        notes = notes[PART_OF_CLASS[notes[:, PROGRAM] // 8] >= 0]
        if not len(notes):
            raise UserError("nothing in the piece is for piano, guitar, bass, strings or drums; the codec 'roll' leaves "
                            "effects and sounds out, as LPD-5 does; take another piece")
        grid = to_grid(piece, self.config.steps_per_quarter, notes)
        lengths = set((grid.bar_lengths() / self.config.steps_per_quarter).tolist())
        if self.config.common_time and not lengths <= {BAR_QUARTERS, BAR_QUARTERS // 2}:
            raise UserError("the piece has bars of other lengths than two or four quarters; the codec 'roll' wants bars that "
                            "fit into its blocks; take another piece, or roll:common_time=false")
        return paint(grid.notes, PART_OF_CLASS[grid.notes[:, PROGRAM] // 8], grid.end)

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        ids = np.asarray(ids).reshape(-1, CELLS)
        metre = parse_metre(request.metre) if request else (4, 4)
        bar = max(metre[0] * 4 * self.config.steps_per_quarter // metre[1], 1)
        notes = notes_of(ids)
        programs = {**dict(enumerate(PROGRAMS)), **(programs_of(request) if request else {})}
        notes[:, PROGRAM] = np.array([programs[part] for part in range(len(PARTS))])[notes[:, PROGRAM]]
        tempo = request.tempo if request and request.tempo else TEMPO
        return from_grid(GridPiece(tidy(notes.astype(np.int32)), np.array([[0, *metre]], np.int32),
                                   -(-len(ids) // bar) * bar, self.config.steps_per_quarter, tempo))

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> RollGrammar:
        from bandmate.codecs.roll_grammar import RollGrammar
        return RollGrammar(self, request, rows, draft)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray((np.asarray(ids) == ONSET).any(axis=-1))

    def notes_in(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray((np.asarray(ids) == ONSET).sum(axis=-1))

    def given(self, ids: np.ndarray) -> np.ndarray:
        return np.zeros(len(ids), bool)

    def words(self, ids: np.ndarray) -> list[str]:
        return [" | ".join(filter(None, map(_chord, PARTS, row))) or ("rest" if row.any() else "pad")
                for row in cells(np.asarray(ids))]

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        """Cut a training window that begins with a block, and put it into another key."""
        last = max(len(ids) - length, 0) // self.stride
        start = 0 if random.random() < BEGINNINGS else int(random.integers(last + 1)) * self.stride
        window = np.asarray(ids[start:start + length])
        keys = [shift for shift in shifts(window) if abs(shift) <= variety.transpose]
        return transpose(window, int(random.choice(keys)))

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        return super().pages(ids, max(length // self.stride, 1) * self.stride)

    @property
    def stride(self) -> int:
        """Steps from one window to the next: blocks, and whole bars of 4/4."""
        return max(BLOCK, self.bar)

    @property
    def bar(self) -> int:
        """Steps of a bar of 4/4."""
        return BAR_QUARTERS * self.config.steps_per_quarter


def cells(ids: Any) -> Any:
    """View rows (..., 640), of numpy or torch, as keys of parts: (..., 5, 128)."""
    return ids.reshape(*ids.shape[:-1], len(PARTS), KEYS)


def sounding(ids: Any) -> Any:
    """Tell which keys sound in rows (..., 640), struck or held: bool (..., 5, 128)."""
    return cells(ids) >= ONSET


def onsets(ids: Any) -> Any:
    """Tell which keys are struck in rows (..., 640): bool (..., 5, 128)."""
    return cells(ids) == ONSET


def paint(notes: np.ndarray, parts: np.ndarray, steps: int) -> np.ndarray:
    """Write a note table (N, 5), with the part (N,) of each note, as rows: int16 (steps, 640).

    Where notes of one part overlap on a key, it sounds as long as any of them, and is struck where one begins.
    """
    cell, starts = parts * KEYS + notes[:, PITCH], notes[:, START]
    edges = np.zeros((steps + 1, CELLS), np.int16)
    np.add.at(edges, (starts, cell), 1)
    np.add.at(edges, (np.minimum(starts + notes[:, DURATION], steps), cell), -1)
    ids = np.where(edges[:-1].cumsum(0, dtype=np.int16) > 0, SUSTAIN, OFF).astype(np.int16)
    ids[starts, cell] = ONSET
    return ids


def notes_of(ids: np.ndarray) -> np.ndarray:
    """Read rows (T, 640) as notes on their grid, with the part as their program: int64 (N, 5). What is held but was not
    struck is passed over."""
    flat = np.pad(ids, ((0, 1), (0, 0)), constant_values=OFF).T.ravel()  # key after key, each with a last step that is off
    starts = np.flatnonzero(flat == ONSET)
    ends = np.flatnonzero(flat != SUSTAIN)
    lengths = ends[np.searchsorted(ends, starts, side="right")] - starts if len(starts) else starts
    cell, step = np.divmod(starts, len(ids) + 1)
    part, key = np.divmod(cell, KEYS)
    return np.column_stack([step, lengths, key, np.array(LOUDNESS)[part], part])


def mend(ids: np.ndarray) -> np.ndarray:
    """Return rows (..., T, 640) in which what is held but was not struck is struck."""
    before = np.zeros_like(ids)
    before[..., 1:, :] = ids[..., :-1, :]
    return np.where((ids == SUSTAIN) & (before < ONSET), ONSET, ids).astype(ids.dtype)


def shifts(ids: np.ndarray) -> list[int]:
    """Return by how many semitones rows (T, 640) may be transposed without leaving the piano; 0 always may."""
    played = np.flatnonzero(sounding(np.asarray(ids))[:, :PITCHED].any((0, 1)))
    if not len(played):
        return [0]
    least, most = PIANO_KEYS[0] - int(played[0]), PIANO_KEYS[1] - int(played[-1])
    return list(range(min(least, 0), max(most, 0) + 1))


def transpose(ids: np.ndarray, semitones: int) -> np.ndarray:
    """Return rows (T, 640) in another key (see ``shifts``), drums untouched."""
    out = cells(ids).copy()
    out[:, :PITCHED] = np.roll(out[:, :PITCHED], semitones, axis=-1)
    return out.reshape(-1, CELLS)


def programs_of(request: Request) -> dict[int, int]:
    """Return the parts that were asked for as {part: program}; none if the model is to choose.

    Raises UserError for instruments that belong to one part, or to none.
    """
    found: dict[int, int] = {}
    for program in (request.programs() or {}).values():
        part = int(PART_OF_CLASS[class_of(program)])
        if part < 0:
            raise UserError(f"{CLASSES[class_of(program)]} have no part in a roll of piano, guitar, bass, strings and drums; "
                            "name another instrument, or take a model with the codec 'bars'")
        if part in found:
            raise UserError(f"{CLASSES[class_of(found[part])]} and {CLASSES[class_of(program)]} are both the {PARTS[part]} of "
                            "a roll of five parts; name one of them, or take a model with the codec 'bars'")
        found[part] = program
    return found


def _chord(part: str, row: np.ndarray) -> str:
    """Spell what a part plays in a step; a held note has a tilde."""
    keys = [pitch_name(key) + "~" * int(row[key] == SUSTAIN) for key in np.flatnonzero(row >= ONSET).tolist()]
    return f"{part} {' '.join(keys)}" if keys else ""
