"""The table of all measures of a single piece, in the order in which reports show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bandmate.metrics import chorale, structure, tonality
from bandmate.piece import Piece


class Measure(NamedTuple):
    """A measure, and how to read it."""

    of: Callable[[Piece], float]
    unit: str
    asks: str
    """The question that it answers."""


MEASURES: dict[str, Measure] = {
    "pitch-class entropy": Measure(tonality.pitch_class_entropy, "bits", "How evenly are the twelve notes used?"),
    "scale consistency": Measure(tonality.scale_consistency, "%", "How much lies in one scale?"),
    "groove consistency": Measure(tonality.groove_consistency, "%", "How alike are neighbouring bars in rhythm?"),
    "grooving similarity": Measure(structure.grooving_similarity, "0 to 1", "How alike are any two bars in rhythm?"),
    "H1": Measure(structure.h1, "bits", "How many notes compete within a bar?"),
    "H4": Measure(structure.h4, "bits", "How many notes compete within four bars?"),
    "pitch entropy": Measure(tonality.pitch_entropy, "bits", "How evenly are all pitches used?"),
    "pitch range": Measure(tonality.pitch_range, "semitones", "How far from the lowest to the highest note?"),
    "polyphony": Measure(tonality.polyphony, "notes", "How many notes sound at once?"),
    "polyphony rate": Measure(tonality.polyphony_rate, "%", "How much of the time do several notes sound?"),
    "empty beats": Measure(tonality.empty_beat_rate, "%", "How much is silence?"),
    "parallel fifths": Measure(chorale.parallel_fifths, "a 100 chord changes", "Do two voices move in parallel fifths?"),
    "parallel octaves": Measure(chorale.parallel_octaves, "a 100 chord changes", "Do two voices move in parallel octaves?"),
    "voice crossing": Measure(chorale.voice_crossing, "%", "How often does a voice lie above a higher one?"),
    "wide spacing": Measure(chorale.wide_spacing, "%", "How often are upper voices more than an octave apart?"),
}
"""Measures by name. What a set of pieces has as a whole is in muse.py, sets.py and ngrams.py."""
