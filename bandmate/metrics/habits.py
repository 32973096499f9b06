"""Habits that give a composer away: going round in circles, one length of note, notes that hang, melodies that never step.

Each is a number of a single piece, to be read beside that of people: neither more nor less than theirs is good. Of drums
nothing is counted.
"""

from __future__ import annotations

import numpy as np

from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, to_grid
from bandmate.piece import DRUMS, Piece

GRID = 12  # steps a quarter
GRAM, FAR = 8, 64  # events of a stretch; how many events ago it may have stood
STEP, LEAP = 2, 7  # semitones: no more is a step, more is a leap
LONG = 4  # quarters: a note that lasts so long hangs


def events(piece: Piece) -> list[tuple[int, ...]]:
    """Return the pitches that start together, from low to high, moment after moment; drums are left out."""
    notes = _pitched(piece)
    starts, first = np.unique(notes[:, START], return_index=True)
    return [tuple(sorted(set(chord[:, PITCH].tolist()))) for chord in np.split(notes, first[1:])] if len(starts) else []


def repeated(piece: Piece) -> float:
    """Measure circles: of all stretches of eight events, those that began at most 64 events before as well, in %.

    Events are pitches, whenever they come. Undefined: fewer than nine events.
    """
    text = events(piece)
    grams = [tuple(text[at:at + GRAM]) for at in range(len(text) - GRAM + 1)]
    if len(grams) < 2:
        raise Undefined("fewer than nine events")
    return 100 * float(np.mean([gram in grams[max(0, at - FAR):at] for at, gram in enumerate(grams) if at]))


def longest_circle(piece: Piece) -> float:
    """Measure the longest stretch, in events, in which each is the one that stood there a round before, of 1 to 64 events."""
    text = events(piece)
    longest = 0
    for period in range(1, min(FAR, len(text) - 1) + 1):
        run = 0
        for now, before in zip(text[period:], text, strict=False):
            run = run + 1 if now == before else 0
            longest = max(longest, run)
    return float(longest)


def lengths(piece: Piece) -> float:
    """Count the different lengths of notes."""
    return float(len(np.unique(_pitched(piece)[:, DURATION])))


def gaps(piece: Piece) -> float:
    """Count the different times between one start and the next."""
    return float(len(np.unique(np.diff(np.unique(_pitched(piece)[:, START])))))


def hanging(piece: Piece) -> float:
    """Measure the notes that last four quarters or longer, in %. Undefined: no notes."""
    notes = _pitched(piece)
    if not len(notes):
        raise Undefined("no notes")
    return 100 * float((notes[:, DURATION] >= LONG * GRID).mean())


def stepwise(piece: Piece) -> float:
    """Measure the melody, the highest notes: moves of one or two semitones among all moves, in %. Undefined: it never moves."""
    return 100 * float((_moves(piece) <= STEP).mean())


def leaping(piece: Piece) -> float:
    """Measure the melody, the highest notes: moves of more than a fifth among all moves, in %. Undefined: it never moves."""
    return 100 * float((_moves(piece) > LEAP).mean())


def _pitched(piece: Piece) -> np.ndarray:
    """Return the notes that are not drums, in steps, by their starts: (N, 5)."""
    notes = to_grid(piece, GRID).notes
    return notes[notes[:, PROGRAM] != DRUMS]


def _moves(piece: Piece) -> np.ndarray:
    """Return by how many semitones the highest notes move, where they do: (N,), never empty."""
    moves = np.abs(np.diff([chord[-1] for chord in events(piece)]))
    if not moves.any():
        raise Undefined("the melody never moves")
    return moves[moves > 0]
