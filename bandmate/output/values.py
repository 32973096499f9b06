"""Note values: how a note or rest of any length is written in a bar, so that a reader sees the beats.

A bar is a tree: halves, beats, halves or thirds of beats, and so on. A note that fits a branch is one value; one that does
not is cut where the branches meet, and tied, but for the few syncopations and dotted notes that every musician reads at
sight (Gould, Behind Bars, 2011, chapter "Metre").

Times are steps of which a quarter has ``FINEST`` = 24; a 32nd has 3, a triplet eighth 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bandmate.output.layout import FINEST
from bandmate.piece import TICKS_PER_QUARTER

THIRTY_SECOND = FINEST // 8
PLAIN = tuple(THIRTY_SECOND * 2**power for power in range(7))  # 32nd to double whole note
NOTATABLE = {*PLAIN, *(length * 3 // 2 for length in PLAIN[1:])}
"""Lengths in steps that one note value, dotted or not, can say."""


@dataclass(frozen=True)
class Bar:
    """A bar: first step, length in steps, metre."""

    start: int
    length: int
    numerator: int
    denominator: int

    @property
    def is_compound(self) -> bool:
        """Tell whether beats have three parts, as in 6/8."""
        return self.denominator >= 8 and self.numerator % 3 == 0 and self.numerator > 3

    @property
    def beat(self) -> int:
        """Return the steps of a beat: a quarter in 4/4, a dotted quarter in 6/8, an eighth in 7/8, a half in 3/2."""
        unit = max(4 * FINEST // self.denominator, THIRTY_SECOND)
        return 3 * unit if self.is_compound else unit

    def parts(self) -> list[int]:
        """Return the lengths of the bar's largest branches."""
        beat, beats = self.beat, self.numerator // 3 if self.is_compound else self.numerator
        if beats in (2, 4, 6, 8):
            sizes = [self.length // 2] * 2
        elif beats == 3:
            sizes = [beat] * 3
        elif self.denominator == 8:  # 7/8 is 2 + 2 + 3, the usual way
            sizes = [2 * beat] * (beats // 2 - 1) + [3 * beat]
        else:  # 5/4 is 3 + 2, 7/4 is 3 + 4
            sizes = [3 * beat, (beats - 3) * beat]
        return sizes if sum(sizes) == self.length and min(sizes) > 0 else _chunks(self.length, beat)


@dataclass(frozen=True)
class Symbol:
    """One note value in a bar: a chord, or a rest (no pitches). ``start`` counts steps from the start of the bar."""

    start: int
    length: int
    pitches: tuple[int, ...] = ()
    tied_before: bool = False
    tied_after: bool = False
    triplet: bool = False


def bars_of(table: np.ndarray) -> list[Bar]:
    """Make bars of a layout's table. Where a change of metre cuts a bar short, it ends on a 32nd."""
    step = THIRTY_SECOND * TICKS_PER_QUARTER // FINEST
    starts = [round(int(tick) / step) * THIRTY_SECOND for tick in table[:, 0]]
    rows = zip(starts, starts[1:], table[:, 1].tolist(), table[:, 2].tolist(), strict=False)
    return [Bar(start, end - start, numerator, denominator) for start, end, numerator, denominator in rows if end > start]


def write_values(start: int, end: int, pitches: tuple[int, ...], bar: Bar, triplets: set[int]) -> list[Symbol]:
    """Write a chord or rest that sounds from step ``start`` to ``end`` of a bar as tied values.

    ``triplets`` are the first steps (from the start of the bar) of quarters that are divided by three.
    """
    spans = _cut(start, end, 0, bar.length, bar, triplets, is_rest=not pitches)
    return [Symbol(first, last - first, pitches, bool(pitches) and index > 0, bool(pitches) and index < len(spans) - 1,
                   first // FINEST * FINEST in triplets and last - first < FINEST)
            for index, (first, last) in enumerate(spans)]


def _cut(start: int, end: int, left: int, right: int, bar: Bar, triplets: set[int], is_rest: bool) -> list[tuple[int, int]]:
    triplet = left // FINEST * FINEST in triplets and right - left <= FINEST and left // FINEST == (right - 1) // FINEST
    third = triplet and right - left < FINEST
    if (start, end) == (left, right) and ((end - start) * (3 if third else 2) // 2 in NOTATABLE):
        return [(start, end)]
    sizes = _branches(left, right, bar, triplet)
    if len(sizes) == 1:
        return [(start, end)]
    edges = (left + np.cumsum([0, *sizes])).tolist()
    if not is_rest and _is_clear(start, end, edges, triplet):
        return [(start, end)]
    if not is_rest and start in edges:  # as many whole branches as one value can say
        for edge in reversed(edges):
            if start < edge < end and edge - start in NOTATABLE and _is_clear(start, edge, edges, triplet):
                return [(start, edge), *_cut(edge, end, left, right, bar, triplets, is_rest)]
    first, last = next((first, last) for first, last in pairwise(edges) if start < last)
    spans = _cut(start, min(end, last), first, last, bar, triplets, is_rest)
    return spans + (_cut(last, end, left, right, bar, triplets, is_rest) if last < end else [])


def _branches(left: int, right: int, bar: Bar, triplet: bool) -> list[int]:
    """Return the lengths of the branches of a stretch of a bar."""
    length = right - left
    if length == bar.length and length > bar.beat:
        return bar.parts()
    if bar.is_compound and length > bar.beat and length % bar.beat == 0:
        return [bar.beat] * (length // bar.beat)
    if (triplet and length == FINEST) or (length % 9 == 0 and length // 3 in PLAIN):
        return [length // 3] * 3
    if length in PLAIN or length * 3 // 2 in PLAIN:
        return [length // 2] * 2 if length > THIRTY_SECOND + 1 else [length]
    return _chunks(length, bar.beat)


def _chunks(length: int, largest: int) -> list[int]:
    """Break an odd length into plain values, no longer than ``largest``, the longer ones first."""
    sizes = []
    while length:
        size = max((plain for plain in PLAIN if plain <= min(length, max(largest, THIRTY_SECOND))), default=length)
        sizes.append(size)
        length -= size
    return sizes


def _is_clear(start: int, end: int, edges: list[int], triplet: bool) -> bool:
    """Tell whether a note may be written as one value though it crosses the edges of branches."""
    length = end - start
    if triplet:  # two thirds of the beat
        return start in edges and end in edges
    if length not in NOTATABLE or not any(start < edge < end for edge in edges):
        return False
    sizes = {last - first for first, last in pairwise(edges)}
    if start in edges and end in edges:
        return True
    if len(sizes) != 1 or max(sizes) % 9 == 0:  # beats with three parts stay visible
        return False
    size = max(sizes)
    if (start - edges[0]) * 2 % size or (end - edges[0]) * 2 % size:  # must start and end on beats or half-way
        return False
    if len(edges) == 3:  # two halves: dotted from either end, or a syncopation in the middle
        return start == edges[0] or end == edges[-1] or start - edges[0] == edges[-1] - end
    return length == size or (length == size * 3 // 2 and (start in edges or end in edges))
