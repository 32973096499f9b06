"""From what is played to what is written: notes on a legible grid, in staves and voices.

Players and models are never quite on the beat, and hold notes a little short or long. Here every beat gets the simplest
division that fits its notes (halves, quarters, thirds, ...), small gaps and overlaps go, and at most two voices share
a staff. Every note is written; where more than two would sound on in a staff, the oldest is written shorter.

Times are steps of which a quarter has ``FINEST`` = 24.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, zip_longest

import numpy as np

from bandmate.output.drums import FEET
from bandmate.output.layout import FINEST, Part
from bandmate.output.values import THIRTY_SECOND, Bar, Symbol, write_values
from bandmate.piece import TICKS_PER_QUARTER

SIXTEENTH = FINEST // 4
# What a division of the beat costs beside the mean squared error in steps: simple ones win unless the notes disagree.
DIVISIONS = {1: 0.0, 2: 0.1, 4: 0.2, 3: 0.6, 8: 1.6, 6: 1.8}

KEYBOARDS = (*range(8), 8, 11, 12, *range(16, 22), 46)  # programs that are written on two staves: keyboards, mallets, harp
MIDDLE_C = 60
ONE_HAND = 0.1  # with a smaller share of the notes for one hand, one staff is enough
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
    if part.program in KEYBOARDS and not _is_melody(notes):
        left = _is_left(notes, bars)
        if ONE_HAND < left.mean() < 1 - ONE_HAND:
            return [_staff(notes[~left], bars), _staff(notes[left], bars)]
    return [_drum_staff(notes, bars) if part.is_drums else _staff(notes, bars)]


def _is_melody(notes: np.ndarray) -> bool:
    """Tell whether a part is one line of no more than two octaves, whatever instrument it names."""
    overlaps = notes[1:, 0] < notes[:-1, 1] - SIXTEENTH
    return bool(np.ptp(notes[:, 2]) <= 24 and overlaps.sum() <= ONE_HAND * len(notes))


def _staff(notes: np.ndarray, bars: list[Bar]) -> Staff:
    grid = _Grid(notes[:, 0], bars)
    voices = share_voices(_chords(notes, grid))
    for voice in voices:
        _close_gaps(voice, grid)
    written = [_write_bar([_cut_out(voice, bar, grid) for voice in voices], sort=True) for bar in bars]
    return Staff(written, notes[:, 2])


def _drum_staff(notes: np.ndarray, bars: list[Bar]) -> Staff:
    """Write hands with the upper voice, feet with the lower one; a stroke lasts until the next one, or the end of the beat."""
    grid = _Grid(notes[:, 0], bars)
    feet = np.isin(notes[:, 2], FEET)
    voices = []
    for limb in (notes[~feet], notes[feet]):
        limb[:, 1] = limb[:, 0] + 1  # strokes have no length of their own
        voice = [Chord(start, start, sorted({pitch for chord in group for pitch in chord.pitches}))
                 for start, group in groupby(_chords(limb, grid), key=lambda chord: chord.start)]
        for chord, following in zip_longest(voice, voice[1:]):
            chord.end = min(grid.beat_end(chord.start + 1), following.start if following else grid.end)
        voices.append(voice)
    return Staff([_write_bar([_cut_out(voice, bar, grid) for voice in voices], sort=False) for bar in bars], notes[:, 2])


def _is_left(notes: np.ndarray, bars: list[Bar]) -> np.ndarray:
    """Tell which notes the left hand plays: below the widest gap near middle C, bar by bar."""
    left = notes[:, 2] < MIDDLE_C
    edges = np.array([bar.start for bar in bars] + [bars[-1].start + bars[-1].length])
    bar_of = np.searchsorted(edges, notes[:, 0] + 0.5, side="right")
    for bar in np.unique(bar_of).tolist():
        here = bar_of == bar
        near = [pitch for pitch in np.unique(notes[here, 2]).tolist() if abs(pitch - MIDDLE_C) <= REACH]
        borders = [MIDDLE_C - REACH, *near, MIDDLE_C + REACH]
        gaps = [(upper - lower, (upper + lower) / 2) for lower, upper in pairwise(borders)]
        # a border near middle C is worth some semitones of gap: hands should not jump about
        left[here] = notes[here, 2] < max(gaps, key=lambda gap: gap[0] - 0.6 * abs(gap[1] - MIDDLE_C))[1]
    return left


class _Grid:
    """The division of every beat of one staff, found from the notes that start in it."""

    def __init__(self, starts: np.ndarray, bars: list[Bar]) -> None:
        cells = [(bar.start + at, min(size, bar.length - at)) for bar in bars for size in [_cell_size(bar)]
                 for at in range(0, bar.length, size)]
        self.edges, self.sizes = np.array(cells).T
        self.end = bars[-1].start + bars[-1].length
        self.units = self.sizes.astype(float)
        where = self._cell(starts)
        for cell in np.unique(where).tolist():
            self.units[cell] = _best_unit(starts[where == cell] - self.edges[cell], int(self.sizes[cell]))
        self.triplets = self.edges[self.is_triplet(np.arange(len(self.edges)))].tolist()  # where beats divided by three start

    def starts(self, times: np.ndarray) -> np.ndarray:
        """Move onsets to the division of their beat."""
        cell = self._cell(times)
        starts = self.edges[cell] + np.round((times - self.edges[cell]) / self.units[cell]) * self.units[cell]
        return np.minimum(starts, self.end - self._least(cell)).astype(int)  # what rounds to the end begins just before

    def ends(self, times: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Move ends to 16ths, in beats divided by three to thirds; a note keeps some length."""
        cell = self._cell(times)
        unit = np.minimum(np.where(self.is_triplet(cell), self.units[cell], SIXTEENTH), self.sizes[cell])
        ends = self.edges[cell] + np.minimum(np.round((times - self.edges[cell]) / unit) * unit, self.sizes[cell])
        return np.minimum(np.maximum(ends, starts + self._least(self._cell(starts))), self.end).astype(int)

    def is_triplet(self, cell: np.ndarray) -> np.ndarray:
        return (self.units[cell] == FINEST / 3) | (self.units[cell] == FINEST / 6)

    def _least(self, cell: np.ndarray) -> np.ndarray:
        """Return the shortest note of a beat: its division, but no more than a 16th."""
        return np.where(self.is_triplet(cell), self.units[cell], np.minimum(self.units[cell], SIXTEENTH))

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


def _chords(notes: np.ndarray, grid: _Grid) -> list[Chord]:
    """Gather notes into chords of equal start and end, in order of time."""
    starts = grid.starts(notes[:, 0])
    ends = grid.ends(notes[:, 1], starts)
    together: dict[tuple[int, int], set[int]] = {}
    for start, end, pitch in zip(starts.tolist(), ends.tolist(), notes[:, 2].astype(int).tolist(), strict=True):
        together.setdefault((start, end), set()).add(pitch)
    return [Chord(start, end, sorted(pitches)) for (start, end), pitches in sorted(together.items())]


def share_voices(chords: list[Chord]) -> tuple[list[Chord], list[Chord]]:
    """Share chords, sorted by start, out to two voices. The second is used only where notes sound on under others."""
    voices: tuple[list[Chord], list[Chord]] = ([], [])
    for start, group in groupby(chords, key=lambda chord: chord.start):
        arriving = _at_most_two(list(group))
        left = [_left_over(voice, start) for voice in voices]
        if len(arriving) == 2 and max(left):  # a third voice would be needed: the two go together
            arriving = [_joined(arriving)]
        if len(arriving) == 1:
            chosen = [0 if left[0] <= left[1] else 1]
        else:
            chosen = [0, 1]
        for chord, index in zip(arriving, chosen, strict=True):
            if voices[index]:
                voices[index][-1].end = min(voices[index][-1].end, start)
            voices[index].append(chord)
    return voices


def _left_over(voice: list[Chord], start: int) -> int:
    """Return the steps that a voice still sounds at ``start``; 0 for a small overlap, as legato players make."""
    if not voice or voice[-1].end <= start:
        return 0
    left, length = voice[-1].end - start, voice[-1].end - voice[-1].start
    return 0 if left <= max(SIXTEENTH, length // 4) else left


def _at_most_two(group: list[Chord]) -> list[Chord]:
    """Join chords that start together, unless some notes are held more than twice as long: upper ones first then."""
    pairs = sorted((pitch, chord.end) for chord in group for pitch in chord.pitches)
    start, ends = group[0].start, [end for _, end in pairs]
    if len(set(ends)) == 1 or max(ends) - start <= 2 * (min(ends) - start):
        return [_joined(group)]
    spread, cut = min((np.ptp(ends[:cut]) + np.ptp(ends[cut:]), cut) for cut in range(1, len(pairs)))
    if spread > (max(ends) - min(ends)) // 2:
        return [_joined(group)]
    halves = ((pairs[cut:], max(ends[cut:])), (pairs[:cut], max(ends[:cut])))
    return [Chord(start, end, sorted({pitch for pitch, _ in half})) for half, end in halves]


def _joined(group: list[Chord]) -> Chord:
    pitches = {pitch for chord in group for pitch in chord.pitches}
    return Chord(group[0].start, max(chord.end for chord in group), sorted(pitches))


def _close_gaps(voice: list[Chord], grid: _Grid) -> None:
    """Write notes that are played short at the value that is meant: up to the next note, or to the end of the beat."""
    for chord, following in zip_longest(voice, voice[1:]):
        free = following.start if following else grid.end
        least = min(chord.start + FINEST // 2, free)
        if chord.start % (FINEST // 2) == 0 and chord.end < least:
            chord.end = least
        target = min(free, grid.beat_end(chord.end))
        if target - chord.end <= max(SIXTEENTH, chord.end - chord.start):
            chord.end = target
        if free - chord.end <= SIXTEENTH:
            chord.end = free


def _cut_out(voice: list[Chord], bar: Bar, grid: _Grid) -> list[Symbol]:
    """Write what a voice has in a bar, rests included; nothing if nothing sounds."""
    stop = bar.start + bar.length
    first = bisect_right(voice, bar.start, key=lambda chord: chord.end)
    last = bisect_left(voice, stop, key=lambda chord: chord.start)
    triplets = {step - bar.start for step in grid.triplets if bar.start <= step < stop}
    symbols: list[Symbol] = []
    at = 0
    for chord in voice[first:last]:
        start, end = max(chord.start, bar.start) - bar.start, min(chord.end, stop) - bar.start
        symbols += write_values(at, start, (), bar, triplets) if at < start else []
        values = write_values(start, end, tuple(chord.pitches), bar, triplets)
        if chord.start < bar.start:
            values[0] = replace(values[0], tied_before=True)
        if chord.end > stop:
            values[-1] = replace(values[-1], tied_after=True)
        symbols += values
        at = end
    return symbols + (write_values(at, bar.length, (), bar, triplets) if 0 < at < bar.length else [])


def _write_bar(voices: list[list[Symbol]], sort: bool) -> list[list[Symbol]]:
    """Leave out empty voices; put the higher voice first if ``sort``, as voices may have crossed."""
    heard = [voice for voice in voices if voice]
    if sort:
        heard.sort(key=lambda voice: -float(np.mean([pitch for symbol in voice for pitch in symbol.pitches])))
    return heard if sort or len(heard) != 1 or voices[0] else [[], heard[0]]
