"""Near-duplicates: the same music in another key, in another arrangement or under another file name.

Each part of a piece is heard as the line of its top notes; every run of intervals in that line is a shingle. Two pieces
belong together if one part of each shares most shingles, estimated by MinHash (Broder, 1997) and found by banding
(Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3). Intervals do not change with the key. Such
pieces are kept, on one side of the split; only of the very same notes (see :func:`fingerprint`) one copy is enough.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, VELOCITY
from bandmate.piece import DRUMS

STEPS = 96  # a quarter, for exact copies
HASHES = 32  # of a signature
BANDS = 16  # of two hashes each: parts that share half their shingles meet in a band 99 % of the time
INTERVALS = 7  # of a shingle: eight notes in a row; _runs is written for seven
LEAST_SHINGLES = 20  # a part with fewer is compared as a whole, and only equals itself
LEAST_VARIETY = 0.4  # different shingles a note: an accompaniment that repeats its pattern has fewer than a melody
MOST_PARTS = 6  # of a piece, the ones with most shingles
ALIKE = 0.65  # share of equal hashes at which two parts count as the same music
NEIGHBOURS = 3  # in a band each part is compared with so many before it

_random = np.random.default_rng(2_038_074_743)
_FACTORS = _random.integers(2**31, 2**32, HASHES, dtype=np.uint32) | np.uint32(1)
_SHIFTS = _random.integers(0, 2**32, HASHES, dtype=np.uint32)
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # products wrap around, as they should
_POWERS = np.full(4, _MIXER) ** np.arange(4, dtype=np.uint64)


def signatures(notes: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """Return the signatures of the parts in a note table (N, 5): uint32 (parts, HASHES); some pieces have none."""
    step = max(ticks_per_quarter // 8, 1)
    drums = notes[:, PROGRAM] == DRUMS
    if not drums.all():
        notes = notes[~drums]
    start = (notes[:, START] + step // 2) // step  # 32nd notes: what is played together starts together
    order = np.argsort((notes[:, PROGRAM] << 48) + (start << 7) + 127 - notes[:, PITCH])
    start, program, pitch = start[order], notes[order, PROGRAM], notes[order, PITCH]
    top = np.ones(len(order), bool)
    top[1:] = (start[1:] != start[:-1]) | (program[1:] != program[:-1])
    pitch, program = pitch[top], program[top]
    cuts = [0, *(np.flatnonzero(program[1:] != program[:-1]) + 1).tolist(), len(program)]
    runs = _runs(pitch)
    parts = sorted(((_distinct(runs[first:max(stop - INTERVALS, first)]), stop - first) for first, stop in pairwise(cuts)),
                   key=lambda part: -len(part[0]))
    varied = [shingles for shingles, length in parts if len(shingles) >= max(LEAST_SHINGLES, LEAST_VARIETY * length)]
    if varied:
        return np.stack([_minhash(shingles) for shingles in varied[:MOST_PARTS]])
    if len(parts[0][0]) > 2:  # short or monotonous: only equals what has the very same lines
        everything = np.concatenate([shingles for shingles, _ in parts])
        return _minhash(_mix(everything).sum(keepdims=True, dtype=np.uint64))[None]
    return np.zeros((0, HASHES), np.uint32)


def fingerprint(notes: np.ndarray, ticks_per_quarter: int) -> str:
    """Return 32 hex digits that only the very same notes share, in whatever order, tracks and file they stand."""
    start, duration = (notes[:, column] * STEPS // max(ticks_per_quarter, 1) for column in (START, DURATION))
    sound = (notes[:, PITCH] << 16) + (notes[:, VELOCITY] << 8) + notes[:, PROGRAM]
    mixed = _mix(_mix(start.astype(np.uint64)) + ((duration << 24) + sound).astype(np.uint64))
    return f"{int(mixed.sum(dtype=np.uint64)):016x}{int(np.bitwise_xor.reduce(mixed * _MIXER)):016x}"


def _runs(pitches: np.ndarray) -> np.ndarray:
    """Return the hashed run of intervals that begins at each note of a line: uint64 (notes - INTERVALS,)."""
    intervals = (pitches[1:] - pitches[:-1]).astype(np.uint64)
    pairs = intervals[:-1] * _MIXER + intervals[1:]
    fours = pairs[:-2] * _POWERS[2] + pairs[2:]
    return fours[:-3] * _POWERS[3] + pairs[4:-1] * _MIXER + intervals[6:] if len(fours) > 3 else intervals[:0]


def _distinct(runs: np.ndarray) -> np.ndarray:
    runs = np.sort(runs)
    return runs[np.append(runs[1:] != runs[:-1], True)] if len(runs) else runs


def _minhash(shingles: np.ndarray) -> np.ndarray:
    """Return the least of some shingles under each of the hashes: uint32 (HASHES,)."""
    mixed = (_mix(shingles) >> np.uint64(32)).astype(np.uint32)
    return (mixed[:, None] * _FACTORS + _SHIFTS).min(axis=0)


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Stir the bits of uint64 numbers, so that near ones get far (after the finalizer of Steele et al., SplitMix, 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(31))) * _MIXER + _MIXER
    return numbers ^ (numbers >> np.uint64(29))


def groups(table: np.ndarray, owners: np.ndarray, pieces: int) -> np.ndarray:
    """Join pieces by the signatures of their parts; return the group of each piece, its lowest member: int64 (pieces,).

    ``table`` is uint32 (parts, HASHES), ``owners`` says whose part each is.
    """
    parent = list(range(pieces))

    def root(piece: int) -> int:
        while parent[piece] != piece:
            parent[piece] = parent[parent[piece]]
            piece = parent[piece]
        return piece

    width = HASHES // BANDS
    for band in range(BANDS):
        columns = table[:, band * width:(band + 1) * width]
        order = np.lexsort((*table[:, :2].T, *columns.T))
        for gap in range(1, NEIGHBOURS + 1):
            left, right = order[gap:], order[:-gap]
            met = (columns[left] == columns[right]).all(axis=1) & (owners[left] != owners[right])
            left, right = left[met], right[met]
            alike = (table[left] == table[right]).mean(axis=1) >= ALIKE
            for one, other in zip(owners[left[alike]].tolist(), owners[right[alike]].tolist(), strict=True):
                low, high = sorted((root(one), root(other)))
                parent[high] = low
    return np.array([root(piece) for piece in range(pieces)], np.int64)
