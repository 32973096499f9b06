"""The drum kit of General MIDI: what each key of channel 10 strikes, and where drummers write it on the staff.

Names follow General MIDI (MMA, 1991). Places follow the Percussive Arts Society's guide (Weinberg, Guide to Standardized
Drumset Notation, 1998): what the feet play has stems down, cymbals have crosses for heads.
"""

from __future__ import annotations

from typing import NamedTuple


class Drum(NamedTuple):
    """One drum or cymbal: its name, its place on a staff (as if in the treble clef), its note head."""

    name: str
    place: str
    head: str = "normal"


FEET = (35, 36, 44)
"""The pitches that feet play."""

DRUM_KIT = {
    36: Drum("Kick", "F4"), 35: Drum("Kick 2", "E4"), 44: Drum("Pedal hi-hat", "D4", "x"),
    41: Drum("Floor tom 2", "G4"), 43: Drum("Floor tom", "A4"), 45: Drum("Low tom", "B4"), 47: Drum("Mid tom 2", "D5"),
    48: Drum("Mid tom", "D5"), 50: Drum("High tom", "E5"),
    38: Drum("Snare", "C5"), 40: Drum("Snare 2", "C5"), 37: Drum("Side stick", "C5", "x"), 39: Drum("Clap", "D5", "x"),
    42: Drum("Hi-hat", "G5", "x"), 46: Drum("Open hi-hat", "G5", "circle-x"),
    51: Drum("Ride", "F5", "x"), 59: Drum("Ride 2", "F5", "x"), 53: Drum("Ride bell", "F5", "diamond"),
    49: Drum("Crash", "A5", "x"), 57: Drum("Crash 2", "B5", "x"), 55: Drum("Splash", "B5", "x"), 52: Drum("China", "B5", "x"),
    54: Drum("Tambourine", "B5", "triangle"), 56: Drum("Cowbell", "E5", "triangle"), 58: Drum("Vibraslap", "E5", "diamond"),
    60: Drum("High bongo", "E5"), 61: Drum("Low bongo", "D5"), 62: Drum("Muted conga", "D5", "x"),
    63: Drum("Open conga", "D5"), 64: Drum("Low conga", "B4"), 65: Drum("High timbale", "E5"), 66: Drum("Low timbale", "D5"),
    67: Drum("High agogo", "E5", "triangle"), 68: Drum("Low agogo", "D5", "triangle"), 69: Drum("Cabasa", "A5", "x"),
    70: Drum("Maracas", "A5", "x"), 71: Drum("Short whistle", "B5"), 72: Drum("Long whistle", "B5"),
    73: Drum("Short guiro", "A5", "x"), 74: Drum("Long guiro", "A5", "x"), 75: Drum("Claves", "E5", "x"),
    76: Drum("High block", "E5", "triangle"), 77: Drum("Low block", "D5", "triangle"), 78: Drum("Muted cuica", "B4", "x"),
    79: Drum("Open cuica", "B4"), 80: Drum("Muted triangle", "A5", "triangle"), 81: Drum("Open triangle", "A5", "triangle"),
}
"""Drums by pitch, in the order in which they are drawn from the bottom up: feet, toms, snare, cymbals, percussion."""

DRUM_ORDER = {pitch: place for place, pitch in enumerate(DRUM_KIT)}


def drum(pitch: int) -> Drum:
    """Return what a pitch (0 to 127) strikes; outside General MIDI it has only a number."""
    return DRUM_KIT.get(pitch) or Drum(f"Drum {pitch}", "E5", "diamond")
