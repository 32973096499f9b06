"""Chords by the symbols that musicians write, where they change in a bar, and which notes fit them.

A chord's scale is the first of SCALES that has all of its notes (its bass included), after the chord scales of Nettles
and Graf (The Chord Scale Theory and Jazz Harmony, 1997). They choose by the place in a key, which we do not know: among
ionian, lydian and mixolydian for major chords, and dorian, phrygian and aeolian for minor ones, we take the one in the
middle (ionian, aeolian), so that any diatonic triad leaves its key by one note at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from bandmate.settings import UserError, nearest

SCALES = {
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "whole-half": (0, 2, 3, 5, 6, 8, 9, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "lydian dominant": (0, 2, 4, 6, 7, 9, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "lydian augmented": (0, 2, 4, 6, 8, 9, 11),
    "mixolydian b9 b13": (0, 1, 4, 5, 7, 8, 10),
    "half-whole": (0, 1, 3, 4, 6, 7, 9, 10),
    "altered": (0, 1, 3, 4, 6, 8, 10),
}
"""Pitch classes above the root. A chord takes the first that fits."""

_THIRDS = {"maj": "maj major Maj MAJ Ma ma M Δ △ ^".split(), "m": "min minor Min MIN Mi mi m - −".split(),
           "dim": "dim ° º o".split(), "aug": "aug +".split(), "ø": "ø Ø".split()}
_TRIADS = {"": (0, 4, 7), "maj": (0, 4, 7), "m": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "ø": (0, 3, 6, 10)}
_ABOVE = {"9": (2,), "11": (2, 5), "13": (2, 9)}  # what lies above the seventh; a thirteenth goes without the eleventh
_CHANGES = {"b5": 6, "#5": 8, "b9": 1, "#9": 3, "#11": 6, "b13": 8, "add2": 2, "add4": 5, "add9": 2, "add11": 5, "add13": 9}
_INSTEAD = {"b5": 7, "#5": 7, "b9": 2, "#9": 2}  # a changed fifth or ninth takes the place of the plain one


def _either(words: list[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_MAJOR = _either(_THIRDS["maj"])
_ROOT = r"[A-G](?:##|bb|#|b)?"
_SYMBOL = re.compile(
    rf"({_ROOT})({_either([word for words in _THIRDS.values() for word in words])})?({_MAJOR})?"
    rf"(5(?!\d)|6/?9|6|7|9|11|13)?(sus[24]?|alt)?((?:{_either([*_CHANGES])})*)(?:/({_ROOT}))?")
_USUAL = ("", "m", "dim", "aug", "sus2", "sus4", "5", "6", "m6", "7", "maj7", "m7", "mMaj7", "m7b5", "dim7", "9", "maj9", "m9",
          "add9", "11", "13", "7b5", "7#5", "7b9", "7#9", "7#11", "7sus4")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Chord:
    """A chord. All notes are pitch classes, 0 (C) to 11 (B)."""

    name: str  # as it was written
    root: int
    tones: tuple[int, ...]  # from the root upwards; the bass is one of them
    bass: int
    scale: tuple[int, ...]  # sorted; all tones are in it


def parse_chord(text: str) -> Chord:
    """Read a chord symbol such as "Am", "F#m7b5/E", "B♭maj7", "C°7" or "G7(b9)".

    Raises UserError, with the spelling that was probably meant, for what is no chord.
    """
    name = text.strip()
    match = _SYMBOL.fullmatch(_plain(name))
    intervals = _intervals(*match.group(2, 3, 4, 5, 6)) if match else None
    if match is None or intervals is None:
        raise UserError(f"'{name}' is not a chord; chords look like 'Am', 'F#m7b5', 'Bbmaj7' or 'C/E'; {_meant(name)}")
    root = _pitch_class(match[1])
    bass = _pitch_class(match[7]) if match[7] else root
    intervals = tuple(sorted({*intervals, (bass - root) % 12}))
    return Chord(name, root, tuple((root + step) % 12 for step in intervals), bass,
                 tuple(sorted((root + step) % 12 for step in _scale(intervals))))


def _plain(name: str) -> str:
    """Spell a symbol without brackets, and with # and b."""
    name = name.replace("♯", "#").replace("♭", "b").replace("𝄪", "##").replace("𝄫", "bb")
    root, rest = re.match(rf"({_ROOT})?(.*)", name, re.DOTALL).groups("")  # type: ignore[union-attr]
    return root + re.sub(r"[(),\s]", "", rest)


def _pitch_class(root: str) -> int:
    return (_LETTERS[root[0]] + root.count("#") - root.count("b")) % 12


def _intervals(third: str | None, major: str | None, number: str | None, special: str | None,
               changes: str) -> tuple[int, ...] | None:
    """Return the notes of a chord above its root; None if its parts do not go together."""
    quality = next((name for name, words in _THIRDS.items() if third in words), "")
    if (quality and number == "5") or (major and (quality == "maj" or number in ("5", "6", "69", "6/9"))):
        return None
    tones = list(_TRIADS[quality])
    if number == "5":
        tones = [0, 7]
    elif number in ("6", "69", "6/9"):
        tones += [9] if number == "6" else [9, 2]
    elif number or major or third in ("Δ", "△", "^"):
        sharp = major or quality == "maj"
        tones += [11 if sharp else 9 if quality == "dim" else 10, *_ABOVE.get(number or "7", ())]
    if special == "alt":
        if number != "7" or quality:
            return None
        changes = "#5#9"
    elif special:
        if quality not in ("", "maj"):
            return None
        tones[1:2] = [2 if special == "sus2" else 5]
    for change in re.findall(_either([*_CHANGES]), changes):
        if change in _INSTEAD:
            tones = [tone for tone in tones if tone != _INSTEAD[change]]
        tones.append(_CHANGES[change])
    return tuple(dict.fromkeys(tones))


def _scale(intervals: tuple[int, ...]) -> set[int]:
    """Return the first scale that has all notes of a chord; if none has, the nearest, with these notes added."""
    best = max(SCALES.values(), key=lambda scale: len({*scale} & {*intervals}))  # of equals, max takes the first
    return {*best, *intervals}


def _meant(name: str) -> str:
    """Say which chord a misspelt symbol was probably meant to be."""
    if re.search(r"^[Hh]|/[Hh]", name):
        return f"the German H is B here; did you mean '{re.sub('[Hh]', 'B', name)}'?"
    if len(name) == 1 and name in "abcdefg":
        return f"did you mean '{name.upper()}' or '{name.upper()}m'?"
    english = name.replace("dom", "").replace("sharp", "#").replace("flat", "b")
    for guess in (name[:1].upper() + name[1:], name[:1].upper() + name[1:].lower(), english,
                  name.replace("j", ""), name.replace("2", "sus2"), name.replace("4", "sus4")):
        if guess != name and _reads(guess):
            return f"did you mean '{guess}'?"
    apart = re.sub(r"[-–—>→]+", " ", name).split()
    if len(apart) > 1 and all(map(_reads, apart)):
        return f"did you mean '{' '.join(apart)}'?"
    root = re.match(_ROOT, name[:1].upper() + name[1:])
    if not root:
        return "begin with a letter from A to G"
    return nearest(name, [root[0] + rest for rest in _USUAL])


def _reads(name: str) -> bool:
    match = _SYMBOL.fullmatch(_plain(name))
    return match is not None and _intervals(*match.group(2, 3, 4, 5, 6)) is not None


def parse_chords(text: str) -> list[list[Chord]]:
    """Read a progression, which repeats over a piece: the chords of each of its bars.

    Without bar lines every word is a bar ("Am F C G"); with them bars stand between them ("Am | F G | C"), and "%" is
    the bar before once more. Raises UserError for an empty bar or what is no chord.
    """
    words = re.sub(r",(?![^(]*\))", " ", text)
    bars = words.strip().strip("|").split("|") if "|" in words else words.split()
    progression: list[list[Chord]] = []
    for number, bar in enumerate(bars, 1):
        if bar.strip() == "%" and progression:
            progression.append(progression[-1])
        elif bar.strip():
            progression.append([parse_chord(word) for word in bar.split()])
        else:
            raise UserError(f"bar {number} of the chords is empty; every bar has a chord; write % to repeat the bar before")
    if not progression:
        raise UserError("there are no chords in the progression; chords look like 'Am F C G'; name one at least")
    return progression


def spans(chords: list[Chord], steps: int, strong: list[int], steps_per_quarter: int = 24) -> list[tuple[int, Chord]]:
    """Share a bar of ``steps`` steps evenly among its chords; return the step at which each starts, and the chord.

    Chords change on strong beats if these are enough, else on quarters, on eighths and so on: three in 4/4 last 2, 1 and
    1 quarters. In a bar with fewer steps than chords the last chords are left out.
    """
    places = [beat for beat in strong if beat < steps]
    unit = steps_per_quarter if all(beat % steps_per_quarter == 0 for beat in (*strong, steps)) else steps_per_quarter // 2
    while len(places) < len(chords) and unit:
        places = list(range(0, steps, unit))
        unit //= 2
    chords = chords[:len(places)]
    return [(places[-(-number * len(places) // len(chords))], chord) for number, chord in enumerate(chords)]


def strong_beats(numerator: int, denominator: int, steps_per_quarter: int) -> list[int]:
    """Return the steps of a bar that are strong: chord tones fall there.

    They are the first of every bar; the middle of bars of 4, 8 or 16; and each group of three in 6/8, 9/8, 12/8 and the like.
    """
    if numerator > 3 and numerator % 3 == 0:
        groups = numerator // 3
    else:
        groups = 2 if numerator % 4 == 0 else 1
    whole = Fraction(numerator * 4 * steps_per_quarter, denominator)
    return [int(whole * group / groups) for group in range(groups)]
