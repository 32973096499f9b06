"""Near-duplicates: the same music in another key, in another arrangement or under another file name.

A piece is heard as lines: the top notes of each track, and of the whole its top and its bottom notes. Every run of
intervals in a line is a shingle; intervals do not change with the key. Of each line the least hashes of its shingles are
kept, whatever its length: a sketch (Broder, 1997), from which one reads how much of the shorter of two lines stands in the
longer one. Such pieces are kept, on one side of the split; only of the very same notes (see :func:`fingerprint`) one copy
is enough.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from bandmate.music.grid import PITCH, PROGRAM, START, VELOCITY
from bandmate.piece import DRUMS

STEPS = 96  # a quarter, for exact copies
KEPT = 48  # hashes of a line
NONE = np.uint32(2**32 - 1)  # fills the sketches of shorter lines
INTERVALS = 9  # of a shingle: ten notes in a row; _runs and _turns are written for nine
LEAST_TURNS = 3  # of a shingle, places where the pattern changes: scales, trills and repeated notes are everyone's
LEAST_SHINGLES = 10  # a line with fewer is compared as a whole, and only equals itself
LEAST_VARIETY = 0.12  # different shingles a note: a pattern that only repeats has fewer
MOST_LINES = 20  # of a piece, the ones with most shingles

COMMON = 200  # a shingle in more lines than this says nothing
NEIGHBOURS = 3  # each line is compared with so many before it of those that share a shingle
MEETINGS = 3  # shingles that two lines must share in that way to be compared at all
ALIKE, ALIKE_SHINGLES = 0.4, 8  # share of the shorter line, and hashes, at which two lines are alike
SAME, SAME_SHINGLES = 0.92, 16  # ... and at which they are the same
COVER = 0.5  # share of the pieces of its group that a line must stand in to speak for the group
AT_ONCE = 50_000  # pairs of lines compared at a time

_MIXER = np.uint64(0x9E3779B97F4A7C15)  # products wrap around, as they should
_POWERS = np.full(5, _MIXER) ** np.arange(5, dtype=np.uint64)
_LOW, _HALF = np.uint64(2**32 - 1), np.uint64(32)
_PLACES = np.arange(KEPT)  # in the sketch of a line


def signatures(notes: np.ndarray, tracks: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """Return the sketches of the lines of a piece: uint32 (lines, KEPT), each ascending; some pieces have none.

    ``notes`` is a note table (N, 5), ``tracks`` says in which track each note stands.
    """
    pitches, bounds = _lines(notes, tracks, ticks_per_quarter)
    if len(pitches) <= INTERVALS:
        return np.zeros((0, KEPT), np.uint32)
    intervals = pitches[1:] - pitches[:-1]
    runs = _runs(intervals)
    inside = np.ones(len(runs), bool)
    for bound in bounds[1:-1].tolist():  # no run goes over from one line into the next
        inside[max(bound - INTERVALS, 0):bound] = False
    told = (inside & (_turns(intervals) >= LEAST_TURNS)).nonzero()[0]
    shingles = _mix(runs[told])
    shingles >>= _HALF
    lines = np.arange(len(bounds), dtype=np.uint64) << _HALF
    shingles += lines[:-1].repeat(np.diff(told.searchsorted(bounds)))
    shingles.sort()
    shingles = shingles[_changes(shingles)[:-1].nonzero()[0]]
    first = shingles.searchsorted(lines)
    counts = first[1:] - first[:-1]
    varied = (counts >= np.maximum(LEAST_SHINGLES, LEAST_VARIETY * (np.diff(bounds) - INTERVALS))).nonzero()[0]
    if not len(varied):
        return _whole(runs[inside])
    richest = varied[np.argsort(-counts[varied], kind="stable")[:MOST_LINES], None]
    table = shingles.take(first[richest] + _PLACES, mode="clip").astype(np.uint32)
    return np.where(counts[richest] > _PLACES, table, NONE)


def fingerprint(notes: np.ndarray, ticks_per_quarter: int) -> str:
    """Return 32 hex digits that only the very same notes share, in whatever order, tracks and file they stand."""
    start, sound = times = notes.T[:PITCH] * STEPS
    times //= max(ticks_per_quarter, 1)
    for column in (PITCH, VELOCITY, PROGRAM):  # after the duration
        sound <<= 8
        sound += notes[:, column]
    mixed = _mix(_mix(start.view(np.uint64)) + sound.view(np.uint64))
    return f"{int(mixed.sum()):016x}{int(np.bitwise_xor.reduce(mixed * _MIXER)):016x}"


def _lines(notes: np.ndarray, tracks: np.ndarray, ticks_per_quarter: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pitches of all lines one after another, int8, and the bounds of the lines.

    First comes the top of the whole, then its bottom if that is another line, then the tops of the tracks.
    """
    step = max(ticks_per_quarter // 8, 1)  # what starts within a 32nd is together; top note first
    keys = notes[:, START] + step // 2
    keys //= step
    keys <<= 7
    keys += 127 - notes[:, PITCH]
    pitched = notes[:, PROGRAM] != DRUMS
    if 0 < np.count_nonzero(pitched) < len(keys):  # drums are compared only where there is nothing else
        keys, tracks = keys[pitched], tracks[pitched]
    whole = np.sort(keys)
    new = _changes(whole >> 7)
    lines = [whole[new[:-1].nonzero()[0]]]
    if len(lines[0]) < len(whole):
        lines.append(whole[new[1:].nonzero()[0]])
    bounds = [0, *accumulate(map(len, lines))]
    if len(tracks) and tracks[0] != tracks[-1]:
        keys += tracks << 40
        keys.sort()
        lines.append(keys[_changes(keys >> 7)[:-1].nonzero()[0]])
        bounds += (bounds[-1] + lines[-1].searchsorted(np.arange(1, tracks[-1] + 2) << 40)).tolist()
    return 127 - (np.concatenate(lines, dtype=np.int8, casting="unsafe") & 127), np.array(bounds)


def _changes(numbers: np.ndarray) -> np.ndarray:
    """Tell which numbers differ from the one before; one longer, first and last True, so that [1:] tells of the one after."""
    new = np.ones(len(numbers) + 1, bool)
    np.not_equal(numbers[1:], numbers[:-1], out=new[1:-1])
    return new


def _runs(intervals: np.ndarray) -> np.ndarray:
    """Return the hashed run of INTERVALS that begins at each of some intervals: uint64 (intervals - INTERVALS + 1,)."""
    numbers = intervals.astype(np.int64).view(np.uint64)
    twos = numbers[:-1] * _MIXER
    twos += numbers[1:]
    fours = twos[:-2] * _POWERS[2]
    fours += twos[2:]
    runs = fours[:-5] * _POWERS[4]
    runs += fours[4:-1]
    runs *= _MIXER
    runs += numbers[8:]
    return runs


def _turns(intervals: np.ndarray) -> np.ndarray:
    """Count in the run that begins at each interval those that repeat neither of the two before them."""
    turns = ((intervals[2:] != intervals[1:-1]) & (intervals[2:] != intervals[:-2])).view(np.int8)
    twos = turns[:-1] + turns[1:]
    return twos[:-5] + twos[2:-3] + twos[4:-1] + turns[6:]


def _whole(runs: np.ndarray) -> np.ndarray:
    """Return a sketch that only the very same set of runs has, for what is short or monotonous."""
    runs = np.unique(runs)
    if len(runs) <= 2:
        return np.zeros((0, KEPT), np.uint32)
    total = _mix(runs).sum(dtype=np.uint64)
    return np.sort((_mix(total + _MIXER * np.arange(KEPT, dtype=np.uint64)) >> _HALF).astype(np.uint32))[None]


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Stir the bits of uint64 numbers, so that near ones get far (after the finalizer of Steele et al., SplitMix, 2014)."""
    stirred = numbers >> np.uint64(31)
    stirred ^= numbers
    stirred *= _MIXER
    stirred += _MIXER
    stirred ^= stirred >> np.uint64(29)
    return stirred


def groups(table: np.ndarray, owners: np.ndarray, pieces: int) -> np.ndarray:
    """Join pieces by the sketches of their lines; return the group of each piece, its lowest member: int64 (pieces,).

    Pieces with the same line belong together. So do those with lines that are merely alike, if either line stands in
    most pieces of its group: a tune does, an accompaniment that two songs happen to share does not. ``table`` is uint32
    (lines, KEPT), ``owners`` says whose line each is.
    """
    order = np.lexsort(table[:, :3].T)  # so that the order of the files does not matter
    table, owners = table[order], owners[order]
    left, right, same = _likenesses(table, owners)
    families, groups_ = _Joined(len(table)), _Joined(pieces)
    families.join(left[same], right[same])
    groups_.join(owners[left[same]], owners[right[same]])
    family, group = families.lowest(), groups_.lowest()
    stands_in = np.bincount(np.unique((family << 32) + owners) >> 32, minlength=len(table))[family]
    speaks = stands_in >= COVER * np.bincount(group, minlength=pieces)[group[owners]]
    both = ~same & speaks[left] & speaks[right]
    groups_.join(owners[left[both]], owners[right[both]])
    return groups_.lowest()


def _likenesses(table: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of lines that are alike, left and right, and which of them are the same."""
    known = table[:, -1]  # a full sketch knows a line up to its last hash, any other knows all of it
    pairs, common = _meetings(table, owners)
    if len(common):
        table = np.where(np.isin(table, common), NONE, table)
    found = [np.zeros((3, 0), np.int64)]
    for first in range(0, len(pairs), AT_ONCE):
        some = pairs[first:first + AT_ONCE]
        left, right = (some >> _HALF).astype(np.int64), (some & _LOW).astype(np.int64)
        limit = np.minimum(known[left], known[right])[:, None]
        sketches = [np.where(table[side] <= limit, table[side], NONE) for side in (left, right)]
        merged = np.sort(np.concatenate(sketches, axis=1), axis=1)
        shared = ((merged[:, 1:] == merged[:, :-1]) & (merged[:, 1:] != NONE)).sum(axis=1)
        shorter = np.minimum(*((sketch != NONE).sum(axis=1) for sketch in sketches))
        alike = (shared >= ALIKE_SHINGLES) & (shared >= ALIKE * shorter)
        same = (shared >= SAME_SHINGLES) & (shared >= SAME * shorter)
        found.append(np.stack([left, right, same])[:, alike])
    left, right, same = np.concatenate(found, axis=1)
    return left, right, same.astype(bool)


def _meetings(table: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of lines worth comparing, left << 32 | right, and the shingles that are too common to count."""
    index = (table.astype(np.uint64) << _HALF) + np.arange(len(table), dtype=np.uint64)[:, None]
    index = np.sort(index[table != NONE])
    shingles, lines = (index >> _HALF).astype(np.uint32), (index & _LOW).astype(np.uint32)
    starts = np.flatnonzero(np.append(True, shingles[1:] != shingles[:-1])[:len(shingles)])
    counts = np.diff(starts, append=len(shingles))
    shared = np.repeat((counts > 1) & (counts <= COMMON), counts)
    common = shingles[starts[counts > COMMON]]
    shingles, lines = shingles[shared], lines[shared]
    pairs = []
    for gap in range(1, NEIGHBOURS + 1):
        left, right = lines[:-gap], lines[gap:]
        met = (shingles[gap:] == shingles[:-gap]) & (owners[left] != owners[right])
        pairs.append((left[met].astype(np.uint64) << _HALF) + right[met])
    together = np.sort(np.concatenate(pairs))
    often = together[MEETINGS - 1:] == together[:len(together) - MEETINGS + 1]
    return np.unique(together[MEETINGS - 1:][often]), common


class _Joined:
    """Things that are joined step by step."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def join(self, ones: np.ndarray, others: np.ndarray) -> None:
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            low, high = sorted((self._root(one), self._root(other)))
            self._parents[high] = low

    def lowest(self) -> np.ndarray:
        """Return for each the lowest of those it is joined with: int64."""
        return np.array([self._root(one) for one in range(len(self._parents))], np.int64)

    def _root(self, one: int) -> int:
        parents = self._parents
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one
