"""Which notes a request lets a stream of `bars` play, where it stands: the controls that always hold.

Some hold for the whole piece (instruments, key, pitch ranges), some for a place in the bar (chords), some depend on
what has sounded (most voices, widest leap).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_plan import Bar
from bandmate.music.chords import Chord, parse_chords, spans, strong_beats
from bandmate.music.instruments import CLASSES, DRUM_CLASS, DRUM_KIT
from bandmate.music.request import Request
from bandmate.music.theory import key_name, scale
from bandmate.settings import UserError

BASS = CLASSES.index("bass")

Voices = dict[int, int]
"""The step at which each voice (an id of "what") falls silent."""


class Limits:
    """The limits of one request. Tables are bool (17, 128): which pitches each instrument class may play."""

    def __init__(self, request: Request, programs: dict[int, int] | None, drums: bool | None, key: int | None,
                 first: int) -> None:
        self.key, self.first = key, first  # the number of the bar with the first chord
        self.most = request.limits("max_polyphony")
        self.leaps = request.limits("max_leap")
        self.chords = parse_chords(request.chords) if request.chords else []
        self.table = self._table(request, programs, drums)
        for chord in {chord for bar in self.chords for chord in bar}:
            self._check(chord)
        self._bars: dict[int, _Harmony] = {}

    @property
    def plain(self) -> bool:
        """Tell whether the same notes are allowed everywhere, whatever has sounded."""
        return not (self.most or self.leaps or self.chords)

    def _table(self, request: Request, programs: dict[int, int] | None, drums: bool | None) -> np.ndarray:
        table = np.ones((len(CLASSES), 128), bool)
        if self.key is not None:
            table[:DRUM_CLASS] &= np.isin(np.arange(128) % 12, scale(self.key))
        table[DRUM_CLASS] = np.isin(np.arange(128), DRUM_KIT)
        for family, (low, high) in request.pitch_ranges().items():
            table[family, :low] = table[family, high + 1:] = False
        if programs is not None:
            table[[family for family in range(len(CLASSES)) if family not in programs]] = False
        if drums is False:
            table[DRUM_CLASS] = False
        for family in programs if programs is not None else range(len(CLASSES) - (drums is False)):
            if not table[family].any():
                raise UserError(f"{CLASSES[family]} has no pitch in the range and key asked for; widen the range")
        return table

    def _check(self, chord: Chord) -> None:
        """See that a chord has notes in the key and in the ranges."""
        for pitches, what in ((chord.tones, "note"), ((chord.bass,), "bass note")):
            if self.key is not None and not {*pitches} & {*scale(self.key)}:
                raise UserError(f"the chord {chord.name} has no {what} in {key_name(self.key)}; "
                                "choose another chord, or leave the key out")

    def harmony(self, bar: Bar) -> _Harmony:
        """Return what the chords of a bar allow."""
        if bar.number not in self._bars:
            self._bars[bar.number] = _Harmony(self, bar)
        return self._bars[bar.number]

    def allowed(self, bar: Bar, parts: np.ndarray, position: int, voices: Voices, last: dict[int, np.ndarray],
                bass_due: bool) -> np.ndarray:
        """Return which notes of some classes, ``parts`` (17,), may start at a position of a bar: bool (17, 128).

        ``last`` holds the pitches of each class's onset before this one; ``bass_due`` says that the bass has not played
        under the chord of this position yet.
        """
        harmony = self.harmony(bar)
        table = harmony.tables[harmony.kinds[position]] & parts[:, None]
        if bass_due:
            table = table.copy()
            table[BASS] &= harmony.bass_of(position)
        return self._moving(table, voices, last, bar.start + position)

    def _moving(self, table: np.ndarray, voices: Voices, last: dict[int, np.ndarray], now: int) -> np.ndarray:
        table = table.copy()
        for family, limit in self.leaps.items():
            if family in last:
                pitches = np.arange(128)
                table[family] &= (np.abs(pitches[:, None] - last[family]) <= limit).any(axis=1)
        for family, limit in self.most.items():
            if self.free_at(family, limit, voices) > now:
                table[family] = False
        return table

    @staticmethod
    def free_at(family: int, limit: int, voices: Voices) -> int:
        """Return the step from which one more note of a class may sound."""
        ends = sorted(end for what, end in voices.items() if (what - b.NOTES) // 128 == family)
        return ends[-limit] if len(ends) >= limit else 0

    def places(self, bar: Bar, parts: np.ndarray, voices: Voices, last: dict[int, np.ndarray], bass_from: int) -> np.ndarray:
        """Tell at which positions of a bar some classes may start a note: bool (steps,).

        ``bass_from`` is the first position of the chord under which the bass has played last, or -1.
        """
        harmony = self.harmony(bar)
        playing = np.zeros((len(harmony.kinds), len(CLASSES)), bool)
        for kind, start in harmony.starts:
            due = start != bass_from and bool(self.chords)
            first = int(np.argmax((harmony.kinds == kind) & (harmony.chord_starts == start)))
            table = harmony.tables[kind] & parts[:, None]
            if due:
                table = table.copy()
                table[BASS] &= harmony.bass_of(first)
            table = self._moving(table, {}, last, 0)
            playing[(harmony.kinds == kind) & (harmony.chord_starts == start)] = table.any(axis=1)
        for family, limit in self.most.items():
            playing[: max(0, self.free_at(family, limit, voices) - bar.start), family] = False
        return np.asarray(playing.any(axis=1))


class _Harmony:
    """What the chords of one bar allow, position by position."""

    def __init__(self, limits: Limits, bar: Bar) -> None:
        self.kinds = np.zeros(min(bar.steps, b.POSITIONS), np.int64)
        self.chord_starts = np.zeros(len(self.kinds), np.int64)
        self.tables = [limits.table]
        self.chords: dict[int, Chord] = {}
        if limits.chords:
            strong = strong_beats(*bar.metre, b.STEPS_PER_QUARTER)
            names = limits.chords[(bar.number - limits.first) % len(limits.chords)]
            self.tables = []
            for start, chord in spans(names, bar.steps, strong):
                self.chords[start] = chord
                self.kinds[start:], self.chord_starts[start:] = len(self.tables), start
                self.tables.append(limits.table & _only(chord.scale))
                places = [start, *(beat for beat in strong if beat > start)]
                self.kinds[[place for place in places if place < len(self.kinds)]] = len(self.tables)
                self.tables.append(limits.table & _only(chord.tones))
        self.starts = sorted({*zip(self.kinds.tolist(), self.chord_starts.tolist(), strict=True)})

    def bass_of(self, position: int) -> np.ndarray:
        """Return which pitches are the bass note of the chord at a position: bool (128,)."""
        return np.arange(128) % 12 == self.chords[int(self.chord_starts[position])].bass

    @cached_property
    def start_of(self) -> list[int]:
        """The position at which the chord of each position starts."""
        return self.chord_starts.tolist()


def _only(classes: tuple[int, ...]) -> np.ndarray:
    """Return a table that lets drums play, and others only some pitch classes: bool (17, 128)."""
    table = np.ones((len(CLASSES), 128), bool)
    table[:DRUM_CLASS] = np.isin(np.arange(128) % 12, classes)
    return table
