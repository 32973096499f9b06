"""The manner of some bars of music, in numbers that a musician would look at to tell one composer or style from another.

Which notes of the key are used and which lie in the bass, how melodies step, which intervals are struck together, where in
the bar and in the beat notes begin, how long they are, who plays, what the drums do, metre, tempo, density and loudness.
Pitches count from the tonic of the key that is found, so that a piece in another key has the same manner. Histograms of this
kind, with a statistical classifier, are the tools of McKay and Fujinaga (jSymbolic, ISMIR 2006).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bandmate.metrics.undefined import Undefined
from bandmate.music.character import measures
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, VELOCITY, GridPiece, to_grid
from bandmate.music.instruments import CLASSES
from bandmate.music.theory import find_key
from bandmate.piece import DRUMS, Piece

STEPS_A_QUARTER = 24
WIDEST = 12  # semitones: wider steps of a melody count as this wide
PLACES_IN_BAR, PLACES_IN_QUARTER = 16, 12
LENGTHS = 24 * np.array([1 / 6, 0.26, 0.35, 0.6, 0.8, 1.1, 1.6, 2.1, 3.1])
"""Borders between ten note lengths, in steps: up to 32nds; 16ths; triplets; eighths; dotted ones; quarters; ..."""
DRUM_GROUPS = {"kick": (35, 36), "snare": (37, 38, 39, 40), "hi-hat": (42, 44, 46), "toms": (41, 43, 45, 47, 48, 50),
               "cymbals": (49, 51, 52, 53, 55, 57, 59)}
METRES = ((4, 4), (3, 4), (2, 4), (2, 2), (6, 8))

TRAITS = {
    "pitch classes above the tonic": 12, "minor": 1, "bass above the tonic": 12, "steps of melodies": 2 * WIDEST + 1,
    "intervals above the lowest": 12, "places in the bar": PLACES_IN_BAR, "places in the beat": PLACES_IN_QUARTER,
    "note lengths": len(LENGTHS) + 1, "gaps between onsets": len(LENGTHS) + 1, "share of the notes": len(CLASSES),
    "who plays": len(CLASSES), "drums in the bar": (len(DRUM_GROUPS) + 1) * PLACES_IN_BAR, "metre": len(METRES),
    "character": 4, "loudness": 3, "compass": 3, "tempo": 1}
"""The traits in order, and how many numbers each has."""

PITCH_CLASSES = slice(0, TRAITS["pitch classes above the tonic"])
"""Where the pitch-class histogram stands."""


def stretches(piece: Piece, bars: int, most: int = 0) -> list[GridPiece]:
    """Cut a piece into stretches of ``bars`` bars that have notes, at most ``most`` (0: all), evenly spread.

    A piece that is shorter is one stretch; bars that are left over at the end of a longer one are left out.
    """
    grid = to_grid(piece, STEPS_A_QUARTER)
    if not len(grid.notes):
        return []
    lines = np.append(grid.bars[:, 0], grid.end)
    firsts = np.arange(0, max(len(grid.bars) - bars, 0) + 1, bars)
    counts = np.diff(grid.notes[:, START].searchsorted(lines))
    firsts = firsts[[counts[first:first + bars].any() for first in firsts]]
    if most and len(firsts) > most:
        firsts = firsts[np.linspace(0, len(firsts) - 1, most).round().astype(int)]
    return [_cut(grid, first, min(first + bars, len(grid.bars)), lines) for first in firsts.tolist()]


def _cut(grid: GridPiece, first: int, stop: int, lines: np.ndarray) -> GridPiece:
    """Return some bars as a piece of their own; notes end with it."""
    start, end = int(lines[first]), int(lines[stop])
    notes = grid.notes[(grid.notes[:, START] >= start) & (grid.notes[:, START] < end)].copy()
    notes[:, DURATION] = np.minimum(notes[:, DURATION], end - notes[:, START])
    bars = grid.bars[first:stop].copy()
    notes[:, START] -= start
    bars[:, 0] -= start
    return replace(grid, notes=notes, bars=bars, end=end - start)


def manner(grid: GridPiece) -> np.ndarray:
    """Return the traits of some music on the grid of 24 steps a quarter: float32 (sum of TRAITS,).

    Histograms sum to 1; without pitched notes or drums theirs are 0. Undefined: no notes.
    """
    if not len(grid.notes):
        raise Undefined("no notes")
    notes = grid.notes.astype(np.int64)
    pitched = notes[notes[:, PROGRAM] != DRUMS]
    family = notes[:, PROGRAM] // 8
    place = _place_in_bar(grid, notes)
    loud = notes[:, VELOCITY] / 127
    shares = _shares(family, len(CLASSES))
    found = [*_harmony(pitched), _steps(pitched), *_together(pitched),
             _shares(place, PLACES_IN_BAR), _shares(notes[:, START] % STEPS_A_QUARTER * PLACES_IN_QUARTER // STEPS_A_QUARTER,
                                                    PLACES_IN_QUARTER),
             _shares(np.searchsorted(LENGTHS, pitched[:, DURATION]), len(LENGTHS) + 1),
             _shares(np.searchsorted(LENGTHS, np.diff(np.unique(notes[:, START]))), len(LENGTHS) + 1),
             shares, shares > 0, _drums(notes, place), [(grid.bars[:, 1:] == metre).all(axis=1).mean() for metre in METRES],
             _character(notes, grid.end), [loud.mean(), loud.std(), len(np.unique(notes[:, VELOCITY])) / 16],
             _compass(pitched), [np.log2(grid.tempo / 120)]]
    return np.concatenate([np.asarray(part, np.float32) for part in found])


def _shares(numbers: np.ndarray, count: int) -> np.ndarray:
    """Return which share of some numbers is 0, 1, ...: (count,), all 0 if there are none."""
    return np.bincount(numbers, minlength=count) / max(len(numbers), 1)


def _place_in_bar(grid: GridPiece, notes: np.ndarray) -> np.ndarray:
    """Return in which sixteenth part of its bar each note begins."""
    bar = grid.bars[:, 0].searchsorted(notes[:, START], side="right") - 1
    return (notes[:, START] - grid.bars[bar, 0]) * PLACES_IN_BAR // grid.bar_lengths()[bar]


def _harmony(pitched: np.ndarray) -> tuple[np.ndarray, list[float], np.ndarray]:
    """Return pitch classes above the tonic by duration, whether the key is minor, and the lowest notes above the tonic."""
    if not len(pitched):
        return np.zeros(12), [0.0], np.zeros(12)
    key = find_key(pitched[:, PITCH], pitched[:, DURATION])
    above = (pitched[:, PITCH] - key) % 12
    classes = np.bincount(above, weights=pitched[:, DURATION], minlength=12) / pitched[:, DURATION].sum()
    lowest = above[np.lexsort((pitched[:, PITCH], pitched[:, START]))]
    return classes, [float(key >= 12)], _shares(lowest[_firsts(np.sort(pitched[:, START]))], 12)


def _steps(pitched: np.ndarray) -> np.ndarray:
    """Return how often the highest notes of each instrument class move by -12 to 12 semitones."""
    family = pitched[:, PROGRAM] // 8
    order = np.lexsort((-pitched[:, PITCH], pitched[:, START], family))
    family, start, pitch = family[order], pitched[order, START], pitched[order, PITCH]
    tops = _firsts(family * (int(start.max(initial=0)) + 1) + start)
    moves = np.diff(pitch[tops])[np.diff(family[tops]) == 0]
    return _shares(moves.clip(-WIDEST, WIDEST) + WIDEST, 2 * WIDEST + 1)


def _together(pitched: np.ndarray) -> list[np.ndarray]:
    """Return which intervals, within an octave, are struck above the lowest note of a moment."""
    order = np.lexsort((pitched[:, PITCH], pitched[:, START]))
    start, pitch = pitched[order, START], pitched[order, PITCH]
    first = _firsts(start)
    above = pitch - pitch[first].repeat(np.diff(np.append(np.flatnonzero(first), len(start))))
    return [_shares(above[~first] % 12, 12)]


def _firsts(numbers: np.ndarray) -> np.ndarray:
    """Mark the first of each run of equal numbers."""
    return np.concatenate([np.ones(min(len(numbers), 1), bool), numbers[1:] != numbers[:-1]])


def _drums(notes: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return where in the bar each group of drums is struck, in strokes a drum note."""
    struck = notes[:, PROGRAM] == DRUMS
    group = np.full(128, len(DRUM_GROUPS))
    for number, pitches in enumerate(DRUM_GROUPS.values()):
        group[list(pitches)] = number
    return _shares(group[notes[struck, PITCH]] * PLACES_IN_BAR + place[struck], (len(DRUM_GROUPS) + 1) * PLACES_IN_BAR)


def _character(notes: np.ndarray, steps: int) -> list[float]:
    """Return density, busyness and polyphony in doublings, and the register in octaves from middle C."""
    found = measures(notes[:, START], notes[:, DURATION], notes[:, PITCH], notes[:, PROGRAM] // 8, STEPS_A_QUARTER, steps)
    thick = [float(np.log2(found.get(name, 1))) for name in ("density", "busyness", "polyphony")]
    return [*thick, (found.get("tessitura", 60) - 60) / 12]


def _compass(pitched: np.ndarray) -> list[float]:
    """Return lowest and highest pitch in octaves from middle C, and the spread between, in octaves."""
    if not len(pitched):
        return [0.0, 0.0, 0.0]
    low, high = np.percentile(pitched[:, PITCH], (2, 98))
    return [(low - 60) / 12, (high - 60) / 12, float(pitched[:, PITCH].std()) / 12]
