"""Two sets of pieces side by side: do new pieces lie among real ones as real ones lie among themselves?

The evaluation of Yang and Lerch (Neural Computing and Applications 32, 2020, DOI 10.1007/s00521-018-3849-7), known as
mgeval. Each piece gives a number or a table for each feature. The distances of every real piece to every other (within),
and of every new piece to every real one (between), are smoothed to two curves by Gaussian kernels: the Kullback-Leibler
divergence of the first from the second should be 0, the area that they share 1. Two halves of the real set show the ceiling.

Where we differ: all parts count, with transitions within a part; times are in quarters, not seconds; tables of transitions
sum to 1, not to the notes of the piece; features by bar see the first eight bars, silent ones where a piece is shorter;
integrals run over a fixed number of points beyond all distances, so that the same pieces always give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bandmate.metrics.structure import bar_of
from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, GridPiece, to_grid
from bandmate.piece import DRUMS, Piece

FEATURES = (
    "pitch count", "pitch count by bar", "pitch-class histogram", "pitch-class histogram by bar", "pitch-class transitions",
    "pitch range", "mean interval", "note count", "note count by bar", "mean inter-onset interval",
    "note-length histogram", "note-length transitions")
STEPS_A_QUARTER = 24
BARS = 8
NOTE_LENGTHS = np.array([96, 48, 24, 12, 6, 72, 36, 18, 9, 32, 16, 8])
"""Steps of the 12 note lengths: whole to 16th, dotted half to dotted 16th, triplets of half to eighth."""
POINTS = 1000  # at which curves are compared
_MARGIN = 4  # bandwidths beyond the farthest distance: what lies outside is nothing
_LEAST = 1e-12  # of a density, so that its logarithm exists


class Likeness(NamedTuple):
    """How the distances between two sets are spread, against those within the real one."""

    divergence: float
    """Kullback-Leibler divergence of within from between, in nats: 0 (the same) upwards."""
    overlap: float
    """Overlapping area of the two curves: 0 to 1 (the same)."""


def features(piece: Piece) -> dict[str, np.ndarray]:
    """Return all features that a piece has, by name; numbers as arrays without axes.

    "pitch count"; "pitch-class histogram" (12) by duration, summing to 1; "pitch-class transitions" (12, 12);
    "pitch range" and "mean interval" in semitones; "note count", drums included; "mean inter-onset interval" in quarters;
    "note-length histogram" (12) and "note-length transitions" (12, 12); for the first 8 bars "pitch count by bar" (8),
    "note count by bar" (8), "pitch-class histogram by bar" (8, 12). What has no value is left out: without pitched notes
    only counts of notes and onsets remain, with a single note no interval or transition.
    """
    grid = to_grid(piece, STEPS_A_QUARTER)
    found: dict[str, np.ndarray | float] = {}
    if len(grid.notes):
        found["note count"] = len(grid.notes)
        found["note count by bar"] = np.bincount(bar_of(grid, grid.notes), minlength=BARS)[:BARS]
        onsets = np.unique(grid.notes[:, START])
        if len(onsets) > 1:
            found["mean inter-onset interval"] = float(np.diff(onsets).mean()) / STEPS_A_QUARTER
    pitched = grid.notes[grid.notes[:, PROGRAM] != DRUMS]
    if len(pitched):
        found |= _pitch_features(grid, pitched) | _length_features(pitched)
    return {name: np.asarray(value, np.float64) for name, value in found.items()}


def within(values: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances of every piece from every other, leave-one-out: (N, ...) to float64 (N * (N - 1),)."""
    distances = between(values, values).reshape(len(values), len(values))
    return distances[~np.eye(len(values), dtype=bool)]


def between(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances of every piece from every other one: (N, ...), (M, ...) to float64 (N * M,)."""
    flat, other = values.reshape(len(values), -1), others.reshape(len(others), -1)
    return np.concatenate([np.linalg.norm(other - row, axis=1) for row in flat])


def density(samples: np.ndarray, points: np.ndarray, least_width: float) -> np.ndarray:
    """Estimate a density at ``points`` (P,) by Gaussian kernels on samples (N,), of Scott's width N ** -1/5 * deviation.

    The points are evenly spaced and reach beyond all samples; a sample counts for its two neighbours by nearness, which makes
    millions of samples quick. Kernels are not narrower than ``least_width``, for samples that are all equal. Source: Scott,
    Multivariate Density Estimation, 1992.
    """
    width, step = max(_scott(samples), least_width), points[1] - points[0]
    below, right = np.divmod((samples - points[0]) / step, 1)
    below = below.astype(np.int64)
    counts = np.bincount(below, 1 - right, len(points)) + np.bincount(below + 1, right, len(points))
    kernel = np.exp(-0.5 * (np.arange(1 - len(points), len(points)) * step / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.convolve(counts, kernel, "valid") / len(samples)


def likeness(within_real: np.ndarray, between_sets: np.ndarray) -> Likeness:
    """Compare two sets of distances; equal ones give 0 and 1. Undefined: no distances in one of them."""
    if not len(within_real) or not len(between_sets):
        raise Undefined("fewer than two pieces")
    low = min(within_real.min(), between_sets.min())
    high = max(within_real.max(), between_sets.max())
    margin = _MARGIN * max(_scott(within_real), _scott(between_sets)) or 1.0
    points = np.linspace(low - margin, high + margin, POINTS)
    step = points[1] - points[0]
    real, new = (density(samples, points, 2 * step) for samples in (within_real, between_sets))
    real, new = (curve / (curve.sum() * step) for curve in (real, new))
    divergence = (real * np.log(np.maximum(real, _LEAST) / np.maximum(new, _LEAST))).sum() * step
    return Likeness(max(float(divergence), 0.0), min(float(np.minimum(real, new).sum() * step), 1.0))


def compare(pieces: Sequence[Piece], real: Sequence[Piece]) -> dict[str, Likeness]:
    """Compare a set of pieces with real ones, feature by feature; pieces without a feature are left out of it.

    A feature that fewer than two pieces of either set have is left out. Undefined: fewer than two pieces in a set.
    """
    if min(len(pieces), len(real)) < 2:
        raise Undefined("fewer than two pieces")
    new_features, real_features = ([features(piece) for piece in each] for each in (pieces, real))
    found = {}
    for name in FEATURES:
        new_values, real_values = ([piece[name] for piece in each if name in piece] for each in (new_features, real_features))
        if min(len(new_values), len(real_values)) >= 2:
            known = np.stack(real_values)
            found[name] = likeness(within(known), between(np.stack(new_values), known))
    return found


def mean_overlap(pieces: Sequence[Piece], real: Sequence[Piece]) -> float:
    """Return the mean overlapping area over all features, 0 to 1. Undefined: fewer than two pieces; no feature in common."""
    found = compare(pieces, real)
    if not found:
        raise Undefined("no feature in common")
    return float(np.mean([each.overlap for each in found.values()]))


def _pitch_features(grid: GridPiece, notes: np.ndarray) -> dict[str, np.ndarray | float]:
    pitch, classes, bar = notes[:, PITCH], notes[:, PITCH] % 12, bar_of(grid, notes)
    by_bar, pitches_by_bar = np.zeros((len(grid.bars) + BARS, 12)), np.zeros((len(grid.bars) + BARS, 128), bool)
    np.add.at(by_bar, (bar, classes), notes[:, DURATION])
    pitches_by_bar[bar, pitch] = True
    histogram = by_bar.sum(axis=0)
    found: dict[str, np.ndarray | float] = {
        "pitch count": len(np.unique(pitch)),
        "pitch count by bar": pitches_by_bar[:BARS].sum(axis=1),
        "pitch-class histogram": histogram / histogram.sum(),
        "pitch-class histogram by bar": by_bar[:BARS] / np.maximum(by_bar[:BARS].sum(axis=1, keepdims=True), 1),
        "pitch range": float(np.ptp(pitch))}
    first, second = _followers(notes)
    if len(first):
        found["mean interval"] = float(np.abs(pitch[second] - pitch[first]).mean())
        found["pitch-class transitions"] = _transitions(classes, first, second)
    return found


def _length_features(notes: np.ndarray) -> dict[str, np.ndarray | float]:
    kind = np.abs(notes[:, DURATION, None] - NOTE_LENGTHS).argmin(axis=1)
    found: dict[str, np.ndarray | float] = {"note-length histogram": np.bincount(kind, minlength=len(NOTE_LENGTHS)) / len(kind)}
    first, second = _followers(notes)
    if len(first):
        found["note-length transitions"] = _transitions(kind, first, second)
    return found


def _followers(notes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of all notes that have a next one in their part, by start and pitch, and those of the next ones."""
    order = np.lexsort((notes[:, PITCH], notes[:, START], notes[:, PROGRAM]))
    together = notes[order[1:], PROGRAM] == notes[order[:-1], PROGRAM]
    return order[:-1][together], order[1:][together]


def _transitions(kind: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    table = np.zeros((12, 12))
    np.add.at(table, (kind[first], kind[second]), 1 / len(first))
    return table


def _scott(samples: np.ndarray) -> float:
    return float(len(samples) ** -0.2 * samples.std(ddof=1)) if len(samples) > 1 else 0.0
