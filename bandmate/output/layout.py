"""Which parts play, and in which bars: what the picture and the sheet music share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bandmate.music.grid import START, note_table, to_grid
from bandmate.music.instruments import program_name
from bandmate.piece import DRUMS, TICKS_PER_QUARTER, Piece
from bandmate.settings import UserError

FINEST = 24  # steps a quarter: holds 32nd notes and triplets of 16ths


@dataclass(frozen=True)
class Part:
    """One track. ``notes`` is an int64 table (N, 4), by start and pitch: start, end (ticks), pitch, velocity."""

    name: str
    program: int
    notes: np.ndarray

    @property
    def is_drums(self) -> bool:
        return self.program == DRUMS


@dataclass(frozen=True)
class Layout:
    """Parts that have notes, drums last, and bars: an int64 table (bars + 1, 3) of first tick, numerator, denominator.

    The last row is the end of the last bar. A quarter has ``TICKS_PER_QUARTER`` ticks; tick 0 is the start of the first bar
    in which anything sounds.
    """

    parts: list[Part]
    bars: np.ndarray
    tempo: float  # quarters a minute


def lay_out(piece: Piece) -> Layout:
    """Find the parts and bars of a piece. Raises UserError if it has no notes."""
    if piece.ticks_per_quarter != TICKS_PER_QUARTER:
        piece = piece.resample(TICKS_PER_QUARTER, 1)
    grid = to_grid(piece, FINEST)
    if not len(grid.notes):
        raise UserError("the piece has no notes; there is nothing to draw or to print; choose another piece")
    step = TICKS_PER_QUARTER // FINEST
    starts = note_table(piece)[:, START]
    first = (int(starts[starts >= 0].min()) + step // 2) // step  # as the grid rounds
    shift = (first - int(grid.notes[0, START])) * step  # the leading empty bars that the grid left out
    bars = np.concatenate([grid.bars, [[grid.end, *grid.bars[-1, 1:]]]]).astype(np.int64)
    bars[:, 0] *= step
    parts = []
    for track in piece.tracks:
        notes = track.notes.numpy()
        table = np.column_stack([notes["time"], notes["time"] + np.maximum(notes["duration"], 1), notes["pitch"],
                                 notes["velocity"]]).astype(np.int64)
        table = table[(table[:, 0] >= 0) & (table[:, 2] >= 0)]
        table[:, :2] -= shift
        if len(table):
            program = DRUMS if track.is_drum else min(max(track.program, 0), 127)
            name = " ".join(track.name.split()) or program_name(program).title()
            parts.append(Part(name, program, table[np.lexsort((table[:, 2], table[:, 0]))]))
    return Layout(sorted(parts, key=lambda part: part.is_drums), bars, grid.tempo)
