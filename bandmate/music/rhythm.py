"""Rhythm alone: when notes start, how long they last, how loud they are; the pitches come from elsewhere.

Euclid's rhythms E(k, n) spread k notes over n places as evenly as can be: with them go many of the world's rhythms
(Toussaint, The Euclidean Algorithm Generates Traditional Musical Rhythms, 2005; the construction is Bjorklund's, 2003).
The random rhythm draws a short figure, plays it a few times, and draws another. Every rhythm becomes *slots*, one a note
or chord, into which :func:`lay_out` puts pitches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from bandmate.music.grid import tidy
from bandmate.settings import Settings, UserError, nearest

LOUDNESS, ACCENTED = 85, 105  # velocities
SHORTEST = 1e-6  # quarters: below this two times are the same
MOST_PLACES = 64

PRESETS = {
    "khafif-e-ramal": (2, 5), "cumbia": (3, 4), "ruchenitza": (3, 7), "tresillo": (3, 8), "bolivian": (4, 7), "aksak": (4, 9),
    "outside-now": (4, 11), "york-samai": (5, 6), "nawakhat": (5, 7), "cinquillo": (5, 8), "agsag-samai": (5, 9),
    "pictures": (5, 11), "venda": (5, 12), "bossa-nova": (5, 16), "tuareg": (7, 8), "bell": (7, 12), "samba": (7, 16),
    "central-african": (9, 16), "aka": (11, 24), "aka-upper": (13, 24),
}
"""Euclid's rhythms by the names that Toussaint tells: notes, places."""

Slots = np.ndarray
"""Where notes go: float (N, 3), each start and length in quarters, and velocity; sorted by start."""


class Euclid(Settings):
    """A Euclidean rhythm and how it is played."""

    onsets: Annotated[int, Field(ge=0)] = 3
    """Notes in the pattern (k)."""
    places: Annotated[int, Field(ge=1, le=MOST_PLACES)] = 8
    """Places in the pattern (n)."""
    rotation: int = 0
    """How many places later in the pattern it begins."""
    step: Annotated[float, Field(gt=0, le=4)] = 0.25
    """Length of a place in quarters."""
    accents: Annotated[int, Field(ge=0)] = 0
    """Every so many notes one is loud, the first of all among them; 0 accents the first note of each pattern."""

    @model_validator(mode="after")
    def _check(self) -> Euclid:
        stages(self.onsets, self.places)
        return self

    @classmethod
    def parse(cls, text: str, **more: object) -> Euclid:
        """Read a preset ("tresillo") or numbers ("5/13", or rotated by two: "5/13+2")."""
        match = re.fullmatch(r"\s*(\d+)\s*[/,]\s*(\d+)\s*(?:\+\s*(\d+))?\s*", text)
        if match:
            return cls(**{"onsets": int(match[1]), "places": int(match[2]), "rotation": int(match[3] or 0), **more})
        name = text.strip().lower().replace(" ", "-")
        if name not in PRESETS:
            raise UserError(f"there is no rhythm '{text}'; a name or numbers such as 5/13 were expected; "
                            f"{nearest(name, PRESETS)}")
        return cls(**{"onsets": PRESETS[name][0], "places": PRESETS[name][1], **more})

    @classmethod
    def draw(cls, random: np.random.Generator, step: float = 0.25) -> Euclid:
        """Draw a rhythm of 5 to 16 places, a quarter to three quarters of them notes, rotated at random."""
        places = int(random.integers(5, 17))
        onsets = int(random.integers(-(-places // 4), 3 * places // 4 + 1))
        return cls(onsets=onsets, places=places, rotation=int(random.integers(places)), step=step)

    def pattern(self) -> tuple[int, ...]:
        """Return the pattern as it is played: 1 is a note, 0 none."""
        return euclid(self.onsets, self.places, self.rotation)

    def slots(self, quarters: float) -> Slots:
        """Play the pattern over so many quarters; each note lasts to the next. Raises UserError if it has no notes."""
        if not self.onsets:
            raise UserError(f"E(0, {self.places}) has no notes to play; ask for one at least")
        count = int(np.ceil(quarters / self.step - SHORTEST))
        places = np.flatnonzero(np.resize(self.pattern(), count))
        number = np.arange(len(places))
        loud = number % self.accents == 0 if self.accents else number % self.onsets == 0
        return _legato(places * self.step, quarters, np.where(loud, ACCENTED, LOUDNESS))


class RandomRhythm(Settings):
    """A rhythm drawn figure by figure. All times are in quarters."""

    notes: tuple[int, int] = (2, 5)
    """Fewest and most notes of a figure."""
    steps: Annotated[tuple[float, ...], Field(min_length=1)] = (0.5, 0.5, 0.5, 1.0, 1.5)
    """What may pass from one note to the next; what stands here more often is drawn more often."""
    extensions: Annotated[tuple[float, ...], Field(min_length=1)] = (0.0, 0.0, 0.5, 1.0, 1.5, 2.0)
    """How much longer than that a note may sound."""
    repeats: tuple[int, int] = (1, 4)
    """How often a figure is played, at least and at most."""

    @model_validator(mode="after")
    def _check(self) -> RandomRhythm:
        for name, (least, most) in (("notes", self.notes), ("repeats", self.repeats)):
            if not 1 <= least <= most:
                raise UserError(f"{name} is {least} to {most}; a range that begins at 1 or above was expected, smaller first")
        if min(self.steps) <= 0 or min(self.extensions) < 0:
            raise UserError("a step of the random rhythm is not longer than nothing, or an extension is negative; "
                            "steps above 0 and extensions from 0 were expected")
        return self

    def draw(self, random: np.random.Generator) -> Iterator[tuple[float, float]]:
        """Yield for each note the time to the next and its length, without end."""
        while True:
            count = int(random.integers(self.notes[0], self.notes[1] + 1))
            steps = random.choice(self.steps, count)
            lengths = steps + random.choice(self.extensions, count)
            for _ in range(int(random.integers(self.repeats[0], self.repeats[1] + 1))):
                yield from zip(steps.tolist(), lengths.tolist(), strict=True)

    def slots(self, quarters: float, seed: int) -> Slots:
        """Draw a rhythm of so many quarters; the same seed draws the same."""
        return slots_of(self.draw(np.random.default_rng(seed)), quarters)


# Euclid

def stages(onsets: int, places: int) -> list[tuple[list[str], list[str]]]:
    """Return the stages of building E(k, n): in each the groups, and the remainders that are yet to be dealt out to them.

    At first every note is a group and every rest a remainder. As long as there is more than one remainder, each of the
    shorter row is put behind one of the longer; what is left over are the new remainders. Raises UserError if k > n.
    """
    if not 0 <= onsets <= places or places < 1:
        raise UserError(f"E({onsets}, {places}) does not exist; at most as many notes as places were expected, and at least "
                        "one place")
    heads, tails = ["1"] * onsets, ["0"] * (places - onsets)
    done = [(heads, tails)]
    while len(tails) > 1 and heads:
        pairs = min(len(heads), len(tails))
        dealt = [head + tail for head, tail in zip(heads, tails, strict=False)]
        heads, tails = dealt, heads[pairs:] or tails[pairs:]
        done.append((heads, tails))
    return done


def euclid(onsets: int, places: int, rotation: int = 0) -> tuple[int, ...]:
    """Return E(k, n), 1 for a note, 0 for none, beginning ``rotation`` places later in the pattern."""
    heads, tails = stages(onsets, places)[-1]
    pattern = tuple(map(int, "".join(heads + tails)))
    return pattern[rotation % places:] + pattern[:rotation % places]


# Slots

def even(quarters: float, step: float = 0.5) -> Slots:
    """Return slots of one length."""
    return _legato(np.arange(0, quarters - SHORTEST, step), quarters, LOUDNESS)


def slots_of(rhythm: Iterable[tuple[float, float]], quarters: float) -> Slots:
    """Return the slots of a rhythm told note by note: time to the next, and length. A network may tell it.

    The rhythm is played until ``quarters`` are full; what reaches further is cut. Raises UserError if it ends before.
    """
    slots, now = [], 0.0
    for step, length in rhythm:
        if not step > 0 or not length > 0:
            raise UserError(f"a rhythm has a note {length} quarters long and {step} before the next; both must be above 0")
        slots.append((now, min(length, quarters - now), LOUDNESS))
        now += step
        if now > quarters - SHORTEST:
            return np.array(slots)
    raise UserError(f"the rhythm ends after {now:g} of {quarters:g} quarters; more notes were expected; let it repeat")


def lay_out(events: Sequence[Sequence[int]], slots: Slots, steps_per_quarter: int, program: int = 0) -> np.ndarray:
    """Put events, each the pitches of a note or chord, into slots one by one; return a note table (N, 5) on a grid.

    Events beyond the last slot are left out, as are slots beyond the last event. A voice of its own rhythm is a call of its
    own.
    """
    starts = np.rint(slots[:, 0] * steps_per_quarter).astype(int)
    ends = np.rint((slots[:, 0] + slots[:, 1]) * steps_per_quarter).astype(int)
    notes = [(start, max(end - start, 1), pitch, loudness, program)
             for event, start, end, loudness in zip(events, starts, ends, slots[:, 2].astype(int), strict=False)
             for pitch in event]
    return tidy(np.array(notes, np.int64).reshape(-1, 5))


def _legato(starts: np.ndarray, quarters: float, loudness: np.ndarray | int) -> Slots:
    """Return slots in which each note lasts to the next."""
    return np.column_stack([starts, np.diff(starts, append=quarters), np.broadcast_to(loudness, len(starts))]).astype(float)


RHYTHMS: dict[str, Callable[[float, int], Slots]] = {
    "none": lambda quarters, seed: even(quarters),
    "euclid": lambda quarters, seed: Euclid.draw(np.random.default_rng(seed)).slots(quarters),
    "random": lambda quarters, seed: RandomRhythm().slots(quarters, seed),
}
"""Rhythms that need no learning: the slots of so many quarters, from a seed."""
