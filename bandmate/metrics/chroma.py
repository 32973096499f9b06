"""Is it still the same tune? How alike two pieces use the twelve notes, four bars after four bars.

The cosine of chroma vectors is the usual likeness of music whose notes may be set otherwise: chroma (Bartsch and Wakefield,
WASPAA 2001), here counted from notes.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, to_grid
from bandmate.piece import DRUMS, Piece

STEPS_A_QUARTER = 24
BARS = 4


def chroma(piece: Piece, bars: int = BARS) -> np.ndarray:
    """Return for how many steps each pitch class sounds in each ``bars`` bars: float64 (N, 12). Drums do not count."""
    grid = to_grid(piece, STEPS_A_QUARTER)
    notes = grid.notes[grid.notes[:, PROGRAM] != DRUMS]
    lines = np.append(grid.bars[::bars, 0], grid.end)
    found = np.zeros((len(lines) - 1, 12))
    for place, (start, end) in enumerate(pairwise(lines.tolist())):
        sounds = np.minimum(notes[:, START] + notes[:, DURATION], end) - np.maximum(notes[:, START], start)
        found[place] = np.bincount(notes[:, PITCH] % 12, weights=sounds.clip(0), minlength=12)
    return found


def chroma_cosine(piece: Piece, other: Piece, bars: int = BARS) -> float:
    """Measure how alike two pieces use the twelve notes: the mean cosine of their chroma over stretches of ``bars`` bars.

    0 to 1 (the same). The first stretch of one is compared with the first of the other, and so on while both go on; those in
    which one is silent are left out. Undefined: no stretch in which both sound.
    """
    one, two = chroma(piece, bars), chroma(other, bars)
    both = min(len(one), len(two))
    one, two = one[:both], two[:both]
    sound = one.any(axis=1) & two.any(axis=1)
    if not sound.any():
        raise Undefined("no stretch in which both sound")
    one, two = one[sound], two[sound]
    return float(((one * two).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)).mean())
