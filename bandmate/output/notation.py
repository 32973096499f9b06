"""From what is played to what is written: notes on a legible grid, in staves and voices.

Players and models are never quite on the beat, and hold notes a little short or long. Here every beat gets the simplest
division that fits its notes (halves, quarters, thirds, ...), small gaps and overlaps go, and at most two voices share
a staff. Every note is written; where more than two would sound on in a staff, the oldest is written shorter.

Times are steps of which a quarter has ``FINEST`` = 24.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from bandmate.music.instruments import class_of
from bandmate.output.drums import FEET
from bandmate.output.layout import FINEST, Part
from bandmate.output.values import THIRTY_SECOND, Bar, Symbol, write_values
from bandmate.piece import TICKS_PER_QUARTER

SIXTEENTH = FINEST // 4
# What a division of the beat costs beside the mean squared error in steps: simple ones win unless the notes disagree.
DIVISIONS = {1: 0.0, 2: 0.1, 4: 0.2, 3: 0.6, 8: 1.6, 6: 1.8}

KEYBOARDS = (*range(8), 8, 11, 12, *range(16, 22), 46)  # programs that are written on two staves: keyboards, mallets, harp
MIDDLE_C = 60
REACH = 7  # how far from middle C, in semitones, the border between the hands may move


@dataclass
class Chord:
    """Notes of one voice that start and end together; ``start`` and ``end`` count from the start of the piece."""

    start: int
    end: int
    pitches: list[int]


@dataclass(frozen=True)
class Staff:
    """One staff: for every bar one voice or two (the upper first). ``pitches`` are all that it holds."""

    bars: list[list[list[Symbol]]]
    pitches: np.ndarray


def write_staves(part: Part, bars: list[Bar]) -> list[Staff]:
    """Write a part on one staff, or on two for both hands of a keyboard that spans them."""
    notes = part.notes[:, :3].astype(float)
    notes[:, :2] *= FINEST / TICKS_PER_QUARTER
    if part.is_drums:
        feet = np.isin(notes[:, 2], FEET)
        return [_write(notes, [_stroke_chords(notes[~feet], bars), _stroke_chords(notes[feet], bars)], bars)]
    if part.program in KEYBOARDS and notes[:, 2].min() < MIDDLE_C - REACH / 2 and notes[:, 2].max() > MIDDLE_C + REACH / 2:
        left = _is_left(notes, bars)
        return [_write(hand, _voices(hand, bars), bars) for hand in (notes[~left], notes[left])]
    return [_write(notes, _voices(notes, bars), bars)]


def _is_left(notes: np.ndarray, bars: list[Bar]) -> np.ndarray:
    """Tell which notes the left hand plays: below the widest gap near middle C, bar by bar."""
    left = notes[:, 2] < MIDDLE_C
    edges = np.array([bar.start for bar in bars] + [bars[-1].start + bars[-1].length])
    bar_of = np.searchsorted(edges, notes[:, 0] + 0.5, side="right")
    for bar in np.unique(bar_of).tolist():
        here = bar_of == bar
        near = [pitch for pitch in np.unique(notes[here, 2]).tolist() if abs(pitch - MIDDLE_C) <= REACH]
        borders = [MIDDLE_C - REACH, *near, MIDDLE_C + REACH]
        # a border right at middle C is worth a gap of some semitones: hands should not jump
        score = [upper - lower - abs((upper + lower) / 2 - MIDDLE_C) * 0.6 for lower, upper in zip(borders, borders[1:], strict=False)]
        best = int(np.argmax(score))
        left[here] = notes[here, 2] < (borders[best] + borders[best + 1]) / 2
    return left


class _Grid:
    """The division of every beat of one staff, found from the notes that start in it."""

    def __init__(self, starts: np.ndarray, bars: list[Bar]) -> None:
        cells = [(bar.start + at, min(size, bar.length - at)) for bar in bars for size in [_cell_size(bar)]
                 for at in range(0, bar.length, size)]
        self.edges, self.sizes = np.array(cells).T
        self.units = self.sizes.astype(float)
        where = self._cell(starts)
        for cell in np.unique(where).tolist():
            self.units[cell] = _best_unit(starts[where == cell] - self.edges[cell], int(self.sizes[cell]))

    def starts(self, times: np.ndarray) -> np.ndarray:
        """Move onsets to the division of their beat."""
        cell = self._cell(times)
        return (self.edges[cell] + np.round((times - self.edges[cell]) / self.units[cell]) * self.units[cell]).astype(int)

    def ends(self, times: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Move ends to 16ths, in beats divided by three to thirds; a note keeps some length."""
        cell = self._cell(times)
        unit = np.minimum(np.where(self.is_triplet(cell), self.units[cell], SIXTEENTH), self.sizes[cell])
        ends = self.edges[cell] + np.minimum(np.round((times - self.edges[cell]) / unit) * unit, self.sizes[cell])
        first = self._cell(starts)
        least = np.where(self.is_triplet(first), self.units[first], np.minimum(self.units[first], SIXTEENTH))
        return np.maximum(ends, starts + least).astype(int)

    def is_triplet(self, cell: np.ndarray) -> np.ndarray:
        return (self.units[cell] == FINEST / 3) | (self.units[cell] == FINEST / 6)

    def triplets(self) -> set[int]:
        """Return the first steps of the beats that are divided by three."""
        return set(self.edges[self.is_triplet(np.arange(len(self.edges)))].tolist())

    def beat_end(self, step: int) -> int:
        """Return the end of the beat in which a note ends at ``step``, which may be just that end."""
        cell = int(self._cell(np.array([step - 1]))[0])
        return int(self.edges[cell] + self.sizes[cell])

    def _cell(self, times: np.ndarray) -> np.ndarray:
        return np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.edges) - 1)


def _cell_size(bar: Bar) -> int:
    """Return the steps within which one division holds: a quarter, or the unit of a metre of eighths."""
    return FINEST if bar.denominator <= 4 else max(4 * FINEST // bar.denominator, THIRTY_SECOND)


def _best_unit(offsets: np.ndarray, size: int) -> float:
    best, lowest = float(size), np.inf
    for division, cost in DIVISIONS.items():
        unit = size / division
        if unit < THIRTY_SECOND or unit % 1 or (division % 3 == 0 and size != FINEST):
            continue
        error = float(((offsets - np.round(offsets / unit) * unit) ** 2).mean()) + cost
        if error < lowest:
            best, lowest = unit, error
    return best
