"""Where one stream of the codec `bars` stands while it is written: what has sounded, what still must."""

from __future__ import annotations

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_header import Header
from bandmate.codecs.bars_limits import Limits
from bandmate.codecs.bars_plan import Bar
from bandmate.music.character import VELOCITY_STEP
from bandmate.music.grid import START
from bandmate.music.instruments import CLASSES, DRUM_CLASS
from bandmate.music.theory import pitch_name
from bandmate.settings import UserError


class Stream:
    """Where one stream stands."""

    def __init__(self, header: Header, required: set[int], table: np.ndarray) -> None:
        self.header = header
        self.at = -1  # which of the bars to be written
        self.reach = 0  # the bar up to which what is given has been heard
        self.between = False  # whether a run of bars has ended and the next has not begun
        self.position = 0
        self.what = 0  # the last note at this position
        self.notes = 0  # notes in this bar
        self.notes_in_run = 0
        self.silent = set(required)  # classes that have not played yet
        self.played = dict.fromkeys(required, -1)  # the bar in which each class that was asked for played last
        self.owed: set[int] = set()  # classes that must play in this bar
        self.ends: dict[int, int] = {}  # the step at which each voice (an id of "what") falls silent
        self.sounds_until = 0  # the step at which the last note written falls silent
        self.held: list[tuple[int, int]] = []  # voices that a given note holds, and until which step
        self.onset: dict[int, tuple[int, list[int]]] = {}  # where each class played last, and which pitches
        self.before: dict[int, np.ndarray] = {}  # the pitches of each class's onset before this position
        self.playing = np.ones(DRUM_CLASS + 1, bool)  # the classes that play in this bar
        self.bass_from = -1  # the position of the chord under which the bass has played last
        self.allow(table)
        self.done = False

    def last_onset(self) -> dict[int, np.ndarray]:
        """Return the pitches that each class played last, as they bear upon an onset after this position."""
        return {family: np.array(pitches) for family, (_, pitches) in self.onset.items()}

    def allow(self, table: np.ndarray) -> None:
        """Set which notes may play in this bar, whatever has sounded: bool (17, 128)."""
        self.table = table
        found = np.flatnonzero(table)
        self.highest = b.NOTES + int(found[-1]) if len(found) else 0

    def remember(self, given: np.ndarray, bar: Bar, limits: Limits) -> None:
        """Note what of the given notes (N, 5) bears upon a run that begins with ``bar``: what sounds on, and the last pitches.

        Raises UserError if a part cannot go on from what it played last.
        """
        self.held = []
        for start, duration, pitch, _, family in given[given[:, START] < bar.start].tolist():
            what = b.NOTES + family * 128 + pitch
            self.ends[what] = max(self.ends.get(what, 0), start + duration)
            if start + duration > bar.start:
                self.held.append((what - b.NOTES, start + duration))
            at, pitches = self.onset.get(family, (-1, []))
            if start >= at:
                self.onset[family] = (start, [pitch] if start > at else [*pitches, pitch])
        for family, limit in limits.leaps.items():
            before = self.last_onset().get(family)
            if before is None or not bar.parts[family]:
                continue
            near = np.abs(np.flatnonzero(limits.table[family])[:, None] - before) <= limit
            if not near.any():
                raise UserError(f"{CLASSES[family]} plays {pitch_name(int(before[0]))} before, from where a leap of at most "
                                f"{limit} semitones does not reach what the range and the key allow; widen one of them")


def notes_of(stream: np.ndarray, bars: list[Bar]) -> np.ndarray:
    """Read the notes (N, 5) of some bars that stand one after another in a stream (T, 3), whole or not yet."""
    notes = [np.zeros((0, 5), np.int64)]
    for bar, rows in zip(bars, np.split(stream, np.flatnonzero(b.bar_lines(stream[:, 0])))[1:], strict=False):
        when, what, how = rows[rows[:, 0] >= b.POSITION].T
        family, pitch = np.divmod(what - b.NOTES, 128)
        duration, velocity = np.divmod(how - 1, b.VELOCITIES)
        notes.append(np.column_stack([bar.start + when - b.POSITION, b.DURATIONS[duration], pitch,
                                      (velocity + 1) * VELOCITY_STEP, family]))
    return np.concatenate(notes)


def rests(stream: np.ndarray, families: set[int]) -> int:
    """Count for how many quarters of the bars of a stream (T, 3) each of some classes rests: 0 to 4 each, summed."""
    bars = [(rows[rows[:, 0] >= b.POSITION, 1] - b.NOTES) // 128
            for rows in np.split(stream, np.flatnonzero(b.bar_lines(stream[:, 0])))[1:]]
    return sum(round(4 * float(np.mean([family not in classes for classes in bars]))) for family in families) if bars else 0
