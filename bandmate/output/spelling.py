"""How notes are spelled in a key: G sharp or A flat, and when the sharp or flat is printed.

Pitches are spelled by the line of fifths (... Bb F C G D A E B F# ...): a key's own seven names, and around them the
raised and lowered ones that its music uses most (Temperley, The Cognition of Basic Musical Structures, 2001, chapter 5).
"""

from __future__ import annotations

from typing import NamedTuple

LETTERS = "FCGDAEB"  # the line of fifths from one below C on
SHARPS = {0: 0, 7: 1, 2: 2, 9: 3, 4: 4, 11: 5, 6: 6, 1: -5, 8: -4, 3: -3, 10: -2, 5: -1}
"""Sharps (flats are negative) in the signature of the major key on each pitch class."""


class Spelled(NamedTuple):
    """A written pitch: letter, semitones by which it is raised, octave (middle C begins octave 4)."""

    letter: str
    alter: int
    octave: int


def signature(key: int) -> int:
    """Return the sharps (flats are negative) of a key number: 0 to 11 major, 12 to 23 minor."""
    return SHARPS[(key + 3) % 12 if key >= 12 else key]


def spell(pitch: int, sharps: int) -> Spelled:
    """Spell a MIDI pitch in a key signature of ``sharps`` (flats are negative)."""
    lowest = sharps - 3  # from the lowered third to the raised fifth of the major scale
    fifths = lowest + (pitch * 7 - lowest) % 12
    if not -8 <= fifths <= 12:  # nobody wants to read a double sharp or a double flat
        fifths += 12 if fifths < 0 else -12
    alter, letter = divmod(fifths + 1, 7)
    return Spelled(LETTERS[letter], alter, (pitch - alter) // 12 - 1)


class Accidentals:
    """What holds in a bar: the key signature until a sign changes it."""

    def __init__(self, sharps: int) -> None:
        self._sharps = sharps
        self._in_bar: dict[tuple[str, int], int] = {}

    def needs_sign(self, note: Spelled, tied_before: bool) -> bool:
        """Tell whether a note needs its sign printed; remember it for the rest of the bar."""
        place = (note.letter, note.octave)
        order = LETTERS.index(note.letter)
        in_key = 1 if order < self._sharps else -1 if 6 - order < -self._sharps else 0
        if tied_before or self._in_bar.get(place, in_key) == note.alter:
            return False
        self._in_bar[place] = note.alter
        return True
