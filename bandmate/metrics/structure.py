"""How music repeats itself: harmony within a bar and within a phrase, rhythm from bar to bar, bars that come back.

H1, H4 and GS are measures of the Jazz Transformer (Wu and Yang, ISMIR 2020, arXiv 2008.01307). Real music has a lower
entropy in a bar than random notes, and its bars share a groove. We differ in two points, so that one piece has one value
and every metre has its place: all pairs of bars are compared, not 1,000 drawn ones, and a position is a 64th of a whole
note, so that only bars of one length are compared.
"""

from __future__ import annotations

import numpy as np

from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import PITCH, PROGRAM, START, GridPiece, to_grid
from bandmate.piece import DRUMS, Piece

POSITIONS_A_QUARTER = 16  # 64 in a 4/4 bar, as published
STEPS_A_QUARTER = 4  # of the similarity matrix: small differences of timing shall not hide that a bar comes back
_PHRASE = 4  # bars


def h1(piece: Piece) -> float:
    """Measure how many pitch classes compete within a bar: :func:`window_entropy` of one bar, 0 to 3.585 bits."""
    return window_entropy(piece, 1)


def h4(piece: Piece) -> float:
    """Measure how many pitch classes compete within a phrase: :func:`window_entropy` of four bars, 0 to 3.585 bits."""
    return window_entropy(piece, _PHRASE)


def window_entropy(piece: Piece, bars: int) -> float:
    """Return the mean entropy of the pitch-class histogram over every window of ``bars`` bars that has pitched notes.

    A note counts once, in the bar where it starts; a piece shorter than the window is one window. 0 to 3.585 bits. Source:
    Wu and Yang, 2020. Undefined: no pitched notes.
    """
    grid = to_grid(piece, POSITIONS_A_QUARTER)
    notes = grid.notes[grid.notes[:, PROGRAM] != DRUMS]
    if not len(notes):
        raise Undefined("no pitched notes")
    histograms = np.zeros((len(grid.bars), 12), np.int64)
    np.add.at(histograms, (bar_of(grid, notes), notes[:, PITCH] % 12), 1)
    sums = np.concatenate((np.zeros((1, 12), np.int64), histograms.cumsum(axis=0)))
    length = min(bars, len(histograms))
    windows = sums[length:] - sums[:-length]
    windows = windows[windows.any(axis=1)]
    shares = windows / windows.sum(axis=1, keepdims=True)
    return float(-(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1).mean()) + 0.0  # no minus zero


def grooving_similarity(piece: Piece) -> float:
    """Return how alike the rhythms of any two bars are, near or far.

    Mean over all pairs of bars of one length of 1 - Hamming distance of their onset vectors / positions, 0 to 1; all parts
    together, drums included. Source: Wu and Yang, 2020. Undefined: no notes; no two bars of one length.
    """
    grid = to_grid(piece, POSITIONS_A_QUARTER)
    if not len(grid.notes):
        raise Undefined("no notes")
    lengths, bar = grid.bar_lengths(), bar_of(grid, grid.notes)
    struck = np.zeros((len(grid.bars), int(lengths.max())), np.int64)
    struck[bar, grid.notes[:, START] - grid.bars[bar, 0]] = 1
    similarity, pairs = 0.0, 0
    for length in np.unique(lengths).tolist():
        alike = struck[lengths == length]
        count = len(alike)
        ones = alike.sum(axis=0)
        differing = int((ones * (count - ones)).sum())  # at a position, every struck bar differs from every silent one
        similarity += count * (count - 1) / 2 - differing / length
        pairs += count * (count - 1) // 2
    if not pairs:
        raise Undefined("no two bars of one length")
    return similarity / pairs


def self_similarity(piece: Piece) -> np.ndarray:
    """Compare every bar with every other, for a picture: float64 (bars, bars), symmetric, ones on the diagonal.

    Cosine of the counts of what is struck in which 16th of the bar: a pitch class, or a drum. 1 for the same music, octaves
    apart included, and for two empty bars; 0 for bars with nothing in common. After Foote, ACM Multimedia 1999. Undefined:
    no notes.
    """
    grid = to_grid(piece, STEPS_A_QUARTER)
    if not len(grid.notes):
        raise Undefined("no notes")
    bar, drums = bar_of(grid, grid.notes), grid.notes[:, PROGRAM] == DRUMS
    sound = np.where(drums, 12 + grid.notes[:, PITCH], grid.notes[:, PITCH] % 12)
    position = grid.notes[:, START] - grid.bars[bar, 0]
    events, event = np.unique(position * (12 + 128) + sound, return_inverse=True)
    counts = np.zeros((len(grid.bars), len(events) + 1))
    np.add.at(counts, (bar, event), 1)
    counts[:, -1] = ~counts.any(axis=1)  # silence is like silence
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    return np.clip(counts @ counts.T, 0, 1)


def bar_of(grid: GridPiece, notes: np.ndarray) -> np.ndarray:
    """Return the number of the bar in which each note of a table (N, 5) starts: int64 (N,)."""
    return np.searchsorted(grid.bars[:, 0], notes[:, START], side="right") - 1
