"""How pitches and beats are used: tonal or atonal, in scale, in a groove, thick or thin.

The first three measures, with these definitions, are those of MusPy (Dong et al., ISMIR 2020, arXiv 2008.01951) by which the
Multitrack Music Transformer was judged (Dong et al., ICASSP 2023, arXiv 2207.06983). Drums have no pitch: they count for
groove and empty beats alone. Pitch measures count every note of the file once, however long it is.
"""

from __future__ import annotations

import numpy as np

from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, note_table, to_grid
from bandmate.piece import DRUMS, Piece
from bandmate.settings import UserError

STEPS_A_QUARTER = 24  # the grid on which sounding pitches are counted: 32nd notes and triplets have a place
STEPS_A_WHOLE_NOTE = 48  # of the groove, as published: 12 a quarter
_MAJOR, _NATURAL_MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_SCALES = np.array([[(pitch_class - tonic) % 12 in steps for pitch_class in range(12)]
                    for steps in (_MAJOR, _NATURAL_MINOR) for tonic in range(12)])


def entropy(histogram: np.ndarray) -> float:
    """Return the Shannon entropy of a histogram that is not all zero: -Σ p log2 p, in bits, with 0 log 0 = 0."""
    shares = histogram[histogram > 0] / histogram.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0  # no minus zero


def pitch_class_entropy(piece: Piece) -> float:
    """Measure how evenly the twelve pitch classes are used: the entropy of their histogram.

    0 (one pitch class) to log2 12 = 3.585 bits. Source: Wu and Yang, ISMIR 2020, arXiv 2008.01307, over a whole piece.
    Undefined: no pitched notes.
    """
    return entropy(np.bincount(_pitches(piece) % 12))


def pitch_entropy(piece: Piece) -> float:
    """Measure how evenly the 128 pitches are used: the entropy of their histogram.

    0 to 7 bits. Source: MusPy. Undefined: no pitched notes.
    """
    return entropy(np.bincount(_pitches(piece)))


def pitch_range(piece: Piece) -> float:
    """Return highest minus lowest pitch, 0 to 127 semitones. Source: MusPy. Undefined: no pitched notes."""
    return float(np.ptp(_pitches(piece)))


def scale_consistency(piece: Piece) -> float:
    """Return the share of notes that lie in the scale that fits best.

    max over the 24 major and natural minor scales of (notes in the scale / notes), 0 to 100 %. Source: Mogren, C-RNN-GAN,
    2016, arXiv 1611.09904; MusPy. Undefined: no pitched notes.
    """
    histogram = np.bincount(_pitches(piece) % 12, minlength=12)
    return float(100 * (_SCALES @ histogram).max() / histogram.sum())


def groove_consistency(piece: Piece, steps: int = STEPS_A_WHOLE_NOTE) -> float:
    """Measure how alike the rhythms of neighbouring bars are.

    1 - mean Hamming distance of the onset vectors of adjacent bars / steps a bar, 0 to 100 %; all parts together. ``steps``
    are the steps of a 4/4 bar (a multiple of 4); the finer, the higher the value. Source: Wu and Yang, 2020, and MusPy: as
    there, music that ends on a bar line is followed by a silent bar. Unlike MusPy, every bar has its own metre, and only
    neighbours of one length are compared. Undefined: no notes; no two neighbouring bars of one length.
    """
    if steps < 4 or steps % 4:
        raise UserError(f"a groove of {steps} steps a bar was asked for; a multiple of 4 was expected; use 16 or 48")
    grid = to_grid(piece, steps // 4)
    if not len(grid.notes):
        raise Undefined("no notes")
    lines, lengths = grid.bars[:, 0], grid.bar_lengths()
    ends_on_a_line = int((grid.notes[:, START] + grid.notes[:, DURATION]).max()) >= grid.end
    if ends_on_a_line:
        lines, lengths = np.append(lines, grid.end), np.append(lengths, lengths[-1])
    struck = np.zeros((len(lines), int(lengths.max())), bool)
    bar = np.searchsorted(lines, grid.notes[:, START], side="right") - 1
    struck[bar, grid.notes[:, START] - lines[bar]] = True
    alike = lengths[1:] == lengths[:-1]
    if not alike.any():
        raise Undefined("no two neighbouring bars of one length")
    distances = (struck[1:] != struck[:-1]).sum(axis=1) / lengths[1:]
    return float(100 * (1 - distances[alike].mean()))


def polyphony(piece: Piece) -> float:
    """Return the mean number of different pitches that sound together, while any sounds.

    From 1 on; on a grid of 24 steps a quarter. Source: MusPy. Undefined: no pitched notes.
    """
    sounding = _sounding(piece)
    return float(sounding[sounding > 0].mean())


def polyphony_rate(piece: Piece, threshold: int = 2) -> float:
    """Return the share of time in which more than ``threshold`` different pitches sound.

    0 to 100 % of the time from the first bar with notes to the end of the last note. Source: MusPy. Undefined: no pitched
    notes.
    """
    return float(100 * (_sounding(piece) > threshold).mean())


def empty_beat_rate(piece: Piece) -> float:
    """Return the share of quarters in which nothing sounds, drums included.

    0 to 100 % of the quarters from the first bar with notes to the end of the last note. Source: MusPy; there a note that
    ends on a beat also fills the next one, here not. Undefined: no notes.
    """
    notes = to_grid(piece, STEPS_A_QUARTER).notes
    if not len(notes):
        raise Undefined("no notes")
    first = notes[:, START] // STEPS_A_QUARTER
    end = -(-(notes[:, START] + notes[:, DURATION]) // STEPS_A_QUARTER)
    edges = np.zeros(int(end.max()) + 1, np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, end, -1)
    return float(100 * (edges.cumsum()[:-1] == 0).mean())


def piano_roll(notes: np.ndarray, steps: int) -> np.ndarray:
    """Return where a note table (N, 5) on a grid sounds: bool (steps, 128)."""
    edges = np.zeros((steps + 1, 128), np.int16)
    np.add.at(edges, (notes[:, START], notes[:, PITCH]), 1)
    np.add.at(edges, (np.minimum(notes[:, START] + notes[:, DURATION], steps), notes[:, PITCH]), -1)
    return edges[:-1].cumsum(axis=0, dtype=np.int16) > 0


def _pitches(piece: Piece) -> np.ndarray:
    notes = note_table(piece)
    pitches = notes[notes[:, PROGRAM] != DRUMS, PITCH]
    if not len(pitches):
        raise Undefined("no pitched notes")
    return pitches


def _sounding(piece: Piece) -> np.ndarray:
    """Return how many different pitches sound on each step until the end of the last note: int64 (steps,)."""
    notes = to_grid(piece, STEPS_A_QUARTER).notes
    pitched = notes[notes[:, PROGRAM] != DRUMS]
    if not len(pitched):
        raise Undefined("no pitched notes")
    last = int((notes[:, START] + notes[:, DURATION]).max())
    line = pitched[:, PITCH].astype(np.int64) * last  # pitches one after another on one line of time
    order = (line + pitched[:, START]).argsort()
    line, start = line[order], (line + pitched[:, START])[order]
    end = start + pitched[order, DURATION]
    start[1:] = np.maximum(start[1:], np.maximum.accumulate(end)[:-1])  # a pitch that several parts play counts once
    new = end > start
    edges = np.zeros(last + 1, np.int64)
    np.add.at(edges, (start - line)[new], 1)
    np.add.at(edges, (end - line)[new], -1)
    return edges[:-1].cumsum()
