"""The checker's own reading of what a person writes: keys, chords, pitches, instruments, regions.

Nothing here comes from the code that composers use, so that a mistake in one of them shows.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from bandmate.obedience.heard import GRID
from bandmate.settings import UserError

DRUM_FAMILY = 16
BASS_FAMILY = 4

_FAMILIES = (
    "piano harpsichord clavinet", "mallets celesta glockenspiel vibraphone marimba xylophone dulcimer",
    "organ accordion harmonica", "guitar", "bass", "strings violin viola cello contrabass harp timpani",
    "ensemble choir voice", "brass trumpet trombone tuba horn", "reed sax saxophone oboe bassoon clarinet",
    "pipe piccolo flute recorder ocarina whistle", "lead", "pad", "effects", "world sitar banjo shamisen koto kalimba",
    "percussion", "sounds", "drums")
_FAMILY_OF = {word: family for family, words in enumerate(_FAMILIES) for word in words.split()}
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "#": 1, "b": -1}

# Notes of the scales, then of the chords, as distances from the root.
_IONIAN, _AEOLIAN = {0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 10}
_IN_ORDER = (_IONIAN, {0, 2, 4, 5, 7, 9, 10}, _AEOLIAN, {0, 2, 3, 5, 7, 9, 10}, {0, 1, 3, 5, 6, 8, 10},
             {0, 2, 3, 5, 6, 8, 9, 11}, {0, 2, 3, 5, 7, 9, 11}, {0, 2, 4, 6, 7, 9, 11}, {0, 2, 4, 6, 7, 9, 10},
             {0, 2, 4, 6, 8, 10}, {0, 2, 4, 6, 8, 9, 11}, {0, 1, 4, 5, 7, 8, 10}, {0, 1, 3, 4, 6, 7, 9, 10},
             {0, 1, 3, 4, 6, 8, 10})
QUALITIES = {
    "": "0 4 7", "m": "0 3 7", "dim": "0 3 6", "aug": "0 4 8", "sus2": "0 2 7", "sus4": "0 5 7", "5": "0 7", "6": "0 4 7 9",
    "m6": "0 3 7 9", "7": "0 4 7 10", "maj7": "0 4 7 11", "m7": "0 3 7 10", "mMaj7": "0 3 7 11", "m7b5": "0 3 6 10",
    "dim7": "0 3 6 9", "9": "0 2 4 7 10", "maj9": "0 2 4 7 11", "m9": "0 2 3 7 10", "add9": "0 2 4 7", "11": "0 2 4 5 7 10",
    "13": "0 2 4 7 9 10", "7b5": "0 4 6 10", "7#5": "0 4 8 10", "7b9": "0 1 4 7 10", "7#9": "0 3 4 7 10", "7#11": "0 4 6 7 10",
    "7sus4": "0 5 7 10",
}
"""The kinds of chord that the checker knows, and their notes above the root."""


class Harmony(NamedTuple):
    """A chord, as pitch classes."""

    tones: frozenset[int]
    scale: frozenset[int]
    bass: int


def family_of(name: str) -> int:
    """Return the General MIDI family (0 to 15; 16 drums) of an instrument by its name or program number."""
    if name.strip().isdigit():
        return int(name) // 8
    try:
        return _FAMILY_OF[name.strip().lower()]
    except KeyError:
        raise UserError(f"the checker does not know the instrument '{name}'; it knows {', '.join(_FAMILY_OF)}") from None


def pitch_class(name: str) -> int:
    """Return the pitch class of a name such as "F#"."""
    return sum(_PITCH_CLASSES[letter] for letter in name) % 12


def key_notes(text: str) -> set[int]:
    """Return the pitch classes of a key; a minor key has both sevenths."""
    letter, accidental, mode = re.fullmatch(r"\s*([A-Ga-g])([#b]?)\s*(\w*)\s*", text).groups()  # type: ignore[union-attr]
    minor = mode in ("minor", "min", "m", "moll") or (not mode and letter.islower())
    return {(pitch_class(letter.upper() + accidental) + step) % 12 for step in (_AEOLIAN | {11} if minor else _IONIAN)}


def pitch_number(text: str) -> int:
    """Return the MIDI number of a pitch such as "C4" (60)."""
    if text.isdigit():
        return int(text)
    octave = re.search(r"-?\d$", text)[0]  # type: ignore[index]
    name = text.removesuffix(octave)
    return sum(_PITCH_CLASSES[letter] for letter in name[0].upper() + name[1:]) + 12 * (int(octave) + 1)


def pitch_ranges(words: tuple[str, ...]) -> dict[int, range]:
    """Return the pitches that each family may play, out of words such as "piano:C3-C6"."""
    found = {}
    for word in words:
        name, low, high = re.fullmatch(r"(.+?):(.+?\d?)-([A-Ga-g].*|\d+)", word).groups()  # type: ignore[union-attr]
        found[family_of(name)] = range(pitch_number(low), pitch_number(high) + 1)
    return found


def limits(words: tuple[str, ...]) -> dict[int, int]:
    """Return the limit of each family, out of words such as "4" (every pitched part) or "piano:6"."""
    found = dict.fromkeys(range(DRUM_FAMILY), max((int(word) for word in words if ":" not in word), default=0))
    found = {family: limit for family, limit in found.items() if limit}
    return found | {family_of(word.split(":")[0]): int(word.split(":")[1]) for word in words if ":" in word}


def bar_numbers(region: str) -> set[int]:
    """Return the bars of a region such as "1-2,5", counted from 0."""
    found: set[int] = set()
    for part in region.replace(" ", "").split(","):
        ends = [int(number) for number in part.split("-")]
        found |= {*range(ends[0] - 1, ends[-1])}
    return found


def harmony(symbol: str) -> Harmony:
    """Read a chord. Its scale is the first in order that has all of its notes, the bass included."""
    match = re.fullmatch(r"([A-G][#b]?)(.*?)(?:/([A-G][#b]?))?", symbol)
    if not match or match[2] not in QUALITIES:
        raise UserError(f"the checker does not know the chord '{symbol}'; it knows the kinds {', '.join(QUALITIES)}")
    root, bass = pitch_class(match[1]), pitch_class(match[3] or match[1])
    notes = {int(step) for step in QUALITIES[match[2]].split()} | {(bass - root) % 12}
    scale = next((scale for scale in _IN_ORDER if notes <= scale), None)
    if scale is None:  # the one that has most of them, and the others
        scale = notes | sorted(_IN_ORDER, key=lambda scale: -len(notes & scale))[0]
    return Harmony(frozenset((root + step) % 12 for step in notes), frozenset((root + step) % 12 for step in scale), bass)


def progression(text: str) -> list[list[Harmony]]:
    """Read the chords of each bar: "Am F" is two bars, "Am | F G" is two bars, of which the second has two chords."""
    bars = text.strip(" |").split("|") if "|" in text else text.split()
    return [[harmony(symbol) for symbol in bar.split()] for bar in bars]


def strong_steps(numerator: int, denominator: int) -> set[int]:
    """Return the steps of a bar that are strong: its first; its middle, if it has 4, 8 or 16 beats; groups of three."""
    beat = Fraction(4 * GRID, denominator)
    if numerator in (6, 9, 12, 15, 18, 21, 24):
        return {int(beat * first) for first in range(0, numerator, 3)}
    return {0, int(beat * numerator / 2)} if numerator % 4 == 0 else {0}


def chord_steps(count: int, steps: int, numerator: int, denominator: int) -> list[int]:
    """Return the steps at which ``count`` chords of a bar begin: evenly on strong beats, or else on quarters, and so on."""
    strong = strong_steps(numerator, denominator)
    finest = GRID if all(step % GRID == 0 for step in strong | {steps}) else GRID // 2
    choices = [sorted(step for step in strong if step < steps)]
    choices += [[*range(0, steps, unit)] for unit in (24, 12, 6, 3, 1) if unit <= finest]
    places = next((choice for choice in choices if len(choice) >= count), choices[-1])
    count = min(count, len(places))
    return [places[(number * len(places) + count - 1) // count] for number in range(count)]
