"""Leaning: what is asked of the character of music is helped along while it is written.

The words about character in the header (density, busyness, polyphony, tessitura, loudness) say to a model what is wanted,
and how well it listens depends on how long it has learnt. So what has been written of a stream is measured as it grows,
and the chances of what comes next lean towards what is missing: the farther off, the harder. It is the feedback that a
conductor gives; limits stay limits, for nothing that the grammar forbids becomes possible. And always notes lean away from
pitches that nobody writes for an instrument, where a model knows next to nothing. In the spirit of weighted
decoding (Ghazvininejad et al. 2017) and FUDGE (Yang and Klein 2021, arXiv 2104.05218), with measures for classifiers.
"""

from __future__ import annotations

import math

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_plan import Bar
from bandmate.music.character import BORDERS, LEVELS
from bandmate.music.instruments import DRUM_CLASS, USUAL_DRUMS, USUAL_PITCHES
from bandmate.music.request import Request

WIDEST = 1.5  # of what is missing, in nats, that is leant for
TRUSTED = 8.0  # quarters after which what was measured is believed in full; before, half of what is asked for is assumed
NOTHING = 0.3  # instead of none of something, so that a ratio exists

# How hard each word leans, in nats for a measure that is e times too low
CHORDS, CLOSER, LONGER, HIGHER, LOUDER = 6.0, 4.0, 3.0, 2.0, 0.6

BEYOND = 1.0  # nats for each semitone beyond what is usual for an instrument
FARTHEST = 8.0  # nats at most
RARE_DRUM = 2.0  # nats for a drum that is seldom played
IMPATIENCE = 1.5  # nats for each bar that a part has rested that was asked for by name
MOST_IMPATIENT = 3.0  # nats: what the model does not want at all is not called for again and again

_PITCH = np.tile(np.arange(128), DRUM_CLASS + 1)
_PITCHED = np.arange((DRUM_CLASS + 1) * 128) < DRUM_CLASS * 128


def _unusual() -> np.ndarray:
    """Return what each note (17, 128) is leant away from for its pitch: nats."""
    pitch, found = np.arange(128), np.zeros((DRUM_CLASS + 1, 128), np.float32)
    for family, (low, high) in enumerate(USUAL_PITCHES):
        found[family] = np.clip(BEYOND * np.maximum(low - pitch, pitch - high), 0, FARTHEST)
    found[DRUM_CLASS] = np.where(np.isin(pitch, list(USUAL_DRUMS)), 0, RARE_DRUM)
    return found


UNUSUAL = _unusual()


def resting(played: dict[int, int], bar: int) -> np.ndarray:
    """Return what each class (17, 1) is leant towards for its rest: ``played`` holds the bar that each played last."""
    found = np.zeros((DRUM_CLASS + 1, 1), np.float32)
    for family, last in played.items():
        found[family] = min(IMPATIENCE * max(bar - last - 1, 0), MOST_IMPATIENT)
    return found


def middle(name: str, level: int) -> float:
    """Return a value in the middle of a level (1 to 8) of a word."""
    borders = BORDERS[name]
    if level == 1:
        return borders[0] - (borders[1] - borders[0]) / 2
    if level == LEVELS:
        return borders[-1] + (borders[-1] - borders[-2]) / 2
    return (borders[level - 2] + borders[level - 1]) / 2


class Lean:
    """What one stream has of what is asked for, so far."""

    def __init__(self, wanted: dict[str, float], loud: tuple[int, int] | None) -> None:
        self.wanted, self.loud = wanted, loud
        self.on_time = bool(wanted.keys() & {"density", "busyness", "polyphony"})  # whether it has a say in when notes start
        self.past = self.steps = 0  # that the music has lasted before this bar, and with it
        self.notes = self.moments = self.pitched = 0
        self.last = -1
        self.pitches = self.held = 0.0
        self.sounding = np.zeros(0, bool)
        self.edge = 0  # step at which this bar began

    def begin(self, bar: Bar) -> None:
        """Take up a bar."""
        self.edge, self.last = bar.start, -1
        self.past = self.steps
        self.steps += bar.steps

    def play(self, position: int, what: int, how: int) -> None:
        """Take in a note."""
        family, pitch = divmod(what - b.NOTES, 128)
        self.notes += 1
        self.moments += position != self.last
        self.last = position
        if family != DRUM_CLASS:
            self.pitched += 1
            self.pitches += pitch
            start, length = self.edge + position, int(b.DURATIONS[(how - 1) // b.VELOCITIES])
            if start + length > len(self.sounding):
                self.sounding = np.pad(self.sounding, (0, start + length + 4096 - len(self.sounding)))
            self.sounding[start:start + length] = True
            self.held += length

    def _lack(self, name: str, position: int) -> float:
        """Return how far a measure is below what is asked for: the logarithm of the ratio; semitones / 12 for the register."""
        if name not in self.wanted:
            return 0.0
        wanted = self.wanted[name]
        past = max(self.past + position, 1) / b.STEPS_PER_QUARTER
        if name == "tessitura":
            found = self.pitches / self.pitched if self.pitched else wanted
            return (wanted - found) / 12
        if name == "polyphony":
            found = self.held / max(int(self.sounding.sum()), 1) if self.pitched else wanted
        else:
            found = (self.notes if name == "density" else self.moments) / past
        trust = min(past / TRUSTED, 1.0)
        return max(-WIDEST, min(WIDEST, math.log(wanted / max(trust * found + (1 - trust) * wanted, NOTHING))))

    def when(self, position: int, notes: int, steps: int, into: np.ndarray) -> None:
        """Lean where the next note starts: together with the last one, soon, or late; ``steps`` is the length of the bar."""
        dense, busy, many = (self._lack(name, position) for name in ("density", "busyness", "polyphony"))
        if "density" in self.wanted and "busyness" not in self.wanted:
            busy = dense
        away = np.arange(b.POSITIONS, dtype=float) - position
        into[b.POSITION:b.POSITION + b.POSITIONS] -= CLOSER * busy * np.minimum(away, b.STEPS_PER_QUARTER) / b.STEPS_PER_QUARTER
        into[b.BAR:b.BAR + b.PHRASE] -= CLOSER * busy * min(steps - position, b.STEPS_PER_QUARTER) / b.STEPS_PER_QUARTER
        if notes:
            into[b.POSITION + position] += CHORDS * (many + (dense - busy if "busyness" in self.wanted else 0.5 * dense))

    def note(self, field: int, position: int, share: float, into: np.ndarray) -> None:
        """Lean in the two fields that say which note starts at a position, when a ``share`` of the music is written."""
        if field == 1:
            self.what(position, into)
        else:
            self.how(position, share, into)

    def what(self, position: int, into: np.ndarray) -> None:
        """Lean towards high or low notes."""
        if "tessitura" in self.wanted:
            pull = HIGHER * max(-WIDEST, min(WIDEST, 4 * self._lack("tessitura", position)))
            into[b.NOTES:b.LEFT_AT] += np.where(_PITCHED, pull * (_PITCH - self.wanted["tessitura"]) / 12, 0)

    def how(self, position: int, share: float, into: np.ndarray) -> None:
        """Lean towards long or short notes, loud or soft ones, when a ``share`` of the music is written."""
        grid = into[1:1 + len(b.DURATIONS) * b.VELOCITIES].reshape(-1, b.VELOCITIES)
        many = self._lack("polyphony", position)
        grid += LONGER * many * np.log2(b.DURATIONS / b.STEPS_PER_QUARTER)[:, None]
        if self.loud is not None:
            level = self.loud[0] + (self.loud[1] - self.loud[0]) * (share >= 0.5)
            grid -= LOUDER * np.square(np.arange(1, b.VELOCITIES + 1) - level)[None]


def leaning(request: Request) -> Lean | None:
    """Return what a request asks of the character of music; None if it asks nothing."""
    wanted = {name: middle(name, getattr(request, name)) for name in b.CHARACTER if getattr(request, name) is not None}
    loud = request.loudness_levels()
    return Lean(wanted, loud) if wanted or loud else None
