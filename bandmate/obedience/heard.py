"""What another program hears in a MIDI file: notes, tempos, metres and bars, read with mido.

Times are ticks. Two moments count as one if they fall on the same 24th of a quarter, the finest that composers write.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import mido

DRUM_CHANNEL = 9
DRUMS = 128  # the program that stands for a drum kit
GRID = 24  # steps a quarter
DEFAULT_TEMPO = 500_000  # microseconds a quarter


class Note(NamedTuple):
    """A note of a file."""

    start: int
    end: int
    pitch: int
    velocity: int
    program: int

    @property
    def family(self) -> int:
        """The General MIDI family, 0 to 15; 16 is the drum kit."""
        return self.program // 8


class Bar(NamedTuple):
    """A bar of a file: from tick to tick, half-open, and its metre."""

    start: int
    end: int
    numerator: int
    denominator: int


@dataclass(frozen=True)
class Heard:
    """A MIDI file as it was heard."""

    quarter: int  # ticks
    notes: tuple[Note, ...]  # sorted by start
    tempos: tuple[tuple[int, int], ...]  # (tick, microseconds a quarter) of every change; the first is at 0
    metres: tuple[tuple[int, int, int], ...]  # (tick, numerator, denominator) of every mark; the first is at 0

    @property
    def end(self) -> int:
        """The tick at which the last note ends."""
        return max((note.end for note in self.notes), default=0)

    def step(self, tick: int) -> int:
        """Return the 24th of a quarter that is nearest to a tick."""
        return (2 * tick * GRID + self.quarter) // (2 * self.quarter)

    def bars(self, until: int) -> list[Bar]:
        """Return the bars from the start to a tick, at least one; a new metre inside a bar cuts that bar short."""
        marks = [mark for mark in self.metres if mark[0] < max(until, 1)]
        bars = []
        for (start, numerator, denominator), (stop, *_) in zip(marks, [*marks[1:], (None,)], strict=True):
            length = bar_length(self.quarter, numerator, denominator)
            at = start
            while at < (max(until, start + 1) if stop is None else stop):
                end = at + length if stop is None else min(at + length, stop)
                bars.append(Bar(at, end, numerator, denominator))
                at = end
        cuts = [mark[0] for mark in self.metres if bars[-1].start < mark[0] < bars[-1].end]
        return [*bars[:-1], bars[-1]._replace(end=min([bars[-1].end, *cuts]))]


def bar_length(quarter: int, numerator: int, denominator: int) -> int:
    """Return the ticks of a whole bar."""
    return max(quarter * 4 * numerator // denominator, 1)


def bar_of(bars: list[Bar], tick: int) -> int:
    """Return the number, counted from 0, of the bar that holds a tick; after the last bar it is their count."""
    if bars and tick >= bars[-1].end:
        return len(bars)
    return max(bisect_right(bars, tick, key=lambda bar: bar.start) - 1, 0)


@lru_cache(maxsize=64)
def hear(data: bytes) -> Heard:
    """Read the bytes of a MIDI file of type 0 or 1. Of equal notes that overlap, the one that began first ends first."""
    file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    notes: list[Note] = []
    tempos, metres = {0: DEFAULT_TEMPO}, {0: (4, 4)}
    for track in file.tracks:
        sounding: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
        programs: dict[int, int] = {}
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempos[tick] = message.tempo
            elif message.type == "time_signature":
                metres[tick] = (message.numerator, message.denominator)
            elif message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type == "note_on" and message.velocity:
                program = DRUMS if message.channel == DRUM_CHANNEL else programs.get(message.channel, 0)
                sounding[message.channel, message.note].append((tick, message.velocity, program))
            elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
                start, velocity, program = sounding[message.channel, message.note].pop(0)
                notes.append(Note(start, tick, message.note, velocity, program))
    changes = sorted(tempos.items())
    return Heard(file.ticks_per_beat, tuple(sorted(notes)),
                 tuple(change for number, change in enumerate(changes) if not number or change[1] != changes[number - 1][1]),
                 tuple((tick, *metre) for tick, metre in sorted(metres.items())))
