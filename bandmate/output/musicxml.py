"""Sheet music as MusicXML 4.0 (W3C, 2021), which every notation program opens.

We write the text ourselves, for music21 takes some 4 s to build a page that this takes 0.1 s for; tests read it back
with music21 and with verovio.
"""

from __future__ import annotations

from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from bandmate.music.instruments import class_of
from bandmate.output.beams import find_beams, find_triplets
from bandmate.output.drums import drum
from bandmate.output.layout import FINEST, Layout, Part
from bandmate.output.notation import Staff, write_staves
from bandmate.output.spelling import Accidentals, spell
from bandmate.output.values import Bar, Symbol, bars_of
from bandmate.piece import DRUMS

TYPES = {3: "32nd", 6: "16th", 12: "eighth", 24: "quarter", 48: "half", 96: "whole", 192: "breve"}
SIGNS = {-1: "flat", 0: "natural", 1: "sharp"}
DYNAMICS = ((24, "ppp"), (40, "pp"), (56, "p"), (72, "mp"), (88, "mf"), (104, "f"), (120, "ff"), (128, "fff"))
"""A mean velocity below each number is marked so."""

# Short names of the 17 instrument classes, for the second line on.
SHORT = ("Pno.", "Mal.", "Org.", "Gtr.", "Bass", "Str.", "Ens.", "Brs.", "Rd.", "Fl.", "Lead", "Pad", "Fx.", "Wld.", "Perc.",
         "Snd.", "Dr.")
SHORT_PROGRAMS = {40: "Vln.", 41: "Vla.", 42: "Vc.", 43: "Cb.", 46: "Hp.", 47: "Timp.", 56: "Tpt.", 57: "Tbn.", 58: "Tba.",
                  60: "Hn.", 64: "Sax.", 65: "Sax.", 66: "Sax.", 67: "Sax.", 68: "Ob.", 70: "Bsn.", 71: "Cl.", 72: "Picc."}
LONGEST_NAME, LONGEST_SHORT_NAME = 20, 8  # letters that stand before a line without pushing it aside
GUITARS, VIOLA = range(24, 32), 41


def to_musicxml(layout: Layout, sharps: int, title: str = "", composer: str = "") -> str:
    """Write a piece as MusicXML text, with a key signature of ``sharps`` (flats are negative)."""
    root = Element("score-partwise", version="4.0")
    if title:
        _text(SubElement(root, "work"), "work-title", title)
    identification = SubElement(root, "identification")
    if composer:
        _text(identification, "creator", composer, type="composer")
    _text(SubElement(identification, "encoding"), "software", "bandmate")
    part_list = SubElement(root, "part-list")
    bars = bars_of(layout.bars)
    channels = [channel for channel in range(1, 17) if channel != 10]
    for number, part in enumerate(layout.parts):
        channel = 10 if part.is_drums else channels[number % len(channels)]
        _declare(part_list, part, f"P{number + 1}", channel)
        tempo = layout.tempo if number == 0 else None
        _PartWriter(SubElement(root, "part", id=f"P{number + 1}"), part, write_staves(part, bars), sharps).write(bars, tempo)
    indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _text(parent: Element, tag: str, text: object, **attributes: str) -> Element:
    """Add an element with text, without letters that XML forbids."""
    element = SubElement(parent, tag, attributes)
    element.text = "".join(letter for letter in str(text) if letter.isprintable())
    return element


def _declare(part_list: Element, part: Part, name: str, channel: int) -> None:
    """List a part with its name and its sound; every drum is an instrument of its own."""
    element = SubElement(part_list, "score-part", id=name)
    _text(element, "part-name", part.name if len(part.name) <= LONGEST_NAME else part.name[:LONGEST_NAME - 1] + "…")
    short = SHORT_PROGRAMS.get(part.program, SHORT[class_of(part.program)])
    _text(element, "part-abbreviation", part.name if len(part.name) <= LONGEST_SHORT_NAME else short)
    sounds = [(f"{name}-I{pitch}", drum(pitch).name, pitch) for pitch in np.unique(part.notes[:, 2]).tolist()]
    if not part.is_drums:
        sounds = [(f"{name}-I1", part.name, None)]
    for identity, label, _ in sounds:
        _text(SubElement(element, "score-instrument", id=identity), "instrument-name", label)
    for identity, _, pitch in sounds:
        midi = SubElement(element, "midi-instrument", id=identity)
        _text(midi, "midi-channel", channel)
        _text(midi, "midi-program", 1 if part.program == DRUMS else part.program + 1)
        if pitch is not None:
            _text(midi, "midi-unpitched", pitch + 1)


class _PartWriter:
    """Writes the bars of one part."""

    def __init__(self, root: Element, part: Part, staves: list[Staff], sharps: int) -> None:
        self.root, self.part, self.staves = root, part, staves
        self.sharps = 0 if part.is_drums else sharps

    def write(self, bars: list[Bar], tempo: float | None) -> None:
        """Write all bars; a tempo stands over the first."""
        metre = None
        for number, bar in enumerate(bars):
            measure = SubElement(self.root, "measure", number=str(number + 1))
            if (bar.numerator, bar.denominator) != metre:
                metre = (bar.numerator, bar.denominator)
                self._attributes(measure, bar, is_first=number == 0)
            if number == 0:
                if tempo:
                    _tempo(measure, bar, tempo)
                self._dynamic(measure)
            for index, staff in enumerate(self.staves):
                if index:
                    _text(SubElement(measure, "backup"), "duration", bar.length)
                self._staff(measure, bar, staff.bars[number], index)
        _text(SubElement(measure, "barline", location="right"), "bar-style", "light-heavy")

    def _attributes(self, measure: Element, bar: Bar, is_first: bool) -> None:
        attributes = SubElement(measure, "attributes")
        if is_first:
            _text(attributes, "divisions", FINEST)
            _text(SubElement(attributes, "key"), "fifths", self.sharps)
        time = SubElement(attributes, "time")
        _text(time, "beats", bar.numerator)
        _text(time, "beat-type", bar.denominator)
        if is_first:
            if len(self.staves) > 1:
                _text(attributes, "staves", len(self.staves))
            for number, (sign, line, octave) in enumerate(_clefs(self.part, self.staves)):
                clef = SubElement(attributes, "clef", number=str(number + 1))
                _text(clef, "sign", sign)
                _text(clef, "line", line)
                if octave:
                    _text(clef, "clef-octave-change", octave)

    def _dynamic(self, measure: Element) -> None:
        loudness = float(self.part.notes[:, 3].mean())
        mark = next(name for below, name in DYNAMICS if loudness < below)
        direction = SubElement(measure, "direction", placement="below")
        SubElement(SubElement(SubElement(direction, "direction-type"), "dynamics"), mark)

    def _staff(self, measure: Element, bar: Bar, voices: list[list[Symbol]], staff: int) -> None:
        """Write the voices of a bar one after another; the second leaves its rests out."""
        heard = [(number, voice) for number, voice in enumerate(voices) if voice]
        signs = self._signs([symbol for _, voice in heard for symbol in voice])
        for place, (number, voice) in enumerate(heard):
            if place:
                _text(SubElement(measure, "backup"), "duration", bar.length)
            stem = "" if len(heard) == 1 and not self.part.is_drums else "down" if number else "up"
            beams, triplets = find_beams(voice, bar), find_triplets(voice)
            for index, symbol in enumerate(voice):
                look = _Look(4 * staff + number + 1, staff + 1, stem, signs, beams.get(index, []), triplets.get(index, ""))
                if place and not symbol.pitches and not symbol.triplet:
                    skip = SubElement(measure, "forward")
                    _text(skip, "duration", symbol.length)
                    _text(skip, "voice", look.voice)
                    continue
                for rank, pitch in enumerate(symbol.pitches or (None,)):
                    self._note(SubElement(measure, "note"), symbol, pitch, rank > 0, look)
        if not heard:
            note = SubElement(measure, "note")
            SubElement(note, "rest", measure="yes")
            _text(note, "duration", bar.length)
            _text(note, "voice", 4 * staff + 1)
            _text(note, "staff", staff + 1)

    def _signs(self, symbols: list[Symbol]) -> set[tuple[int, int]]:
        """Return (start, pitch) of the notes of a bar that need a sharp, flat or natural printed."""
        if self.part.is_drums:
            return set()
        accidentals = Accidentals(self.sharps)
        return {(symbol.start, pitch) for symbol in sorted(symbols, key=lambda symbol: symbol.start) for pitch in symbol.pitches
                if accidentals.needs_sign(spell(pitch, self.sharps), symbol.tied_before)}

    def _note(self, note: Element, symbol: Symbol, pitch: int | None, in_chord: bool, look: _Look) -> None:
        """Write one note or rest (no pitch), its elements in the order that MusicXML demands."""
        if in_chord:
            SubElement(note, "chord")
        self._pitch(note, pitch)
        _text(note, "duration", symbol.length)
        ties = [kind for kind, tied in (("stop", symbol.tied_before), ("start", symbol.tied_after)) if tied]
        for kind in ties:
            SubElement(note, "tie", type=kind)
        if self.part.is_drums and pitch is not None:
            SubElement(note, "instrument", id=f"{self.root.get('id')}-I{pitch}")
        _text(note, "voice", look.voice)
        written = symbol.length * 3 // 2 if symbol.triplet else symbol.length
        _text(note, "type", TYPES[written if written in TYPES else written * 2 // 3])
        if written not in TYPES:
            SubElement(note, "dot")
        if (symbol.start, pitch) in look.signs:
            _text(note, "accidental", SIGNS[spell(pitch or 0, self.sharps).alter])
        if symbol.triplet:
            ratio = SubElement(note, "time-modification")
            _text(ratio, "actual-notes", 3)
            _text(ratio, "normal-notes", 2)
        if look.stem and pitch is not None and written < 96:
            _text(note, "stem", look.stem)
        if self.part.is_drums and pitch is not None and drum(pitch).head != "normal":
            _text(note, "notehead", drum(pitch).head)
        _text(note, "staff", look.staff)
        for level, beam in enumerate([] if in_chord else look.beams):
            _text(note, "beam", beam, number=str(level + 1))
        if ties or (look.triplet and not in_chord):
            notations = SubElement(note, "notations")
            for kind in ties:
                SubElement(notations, "tied", type=kind)
            if look.triplet and not in_chord:
                SubElement(notations, "tuplet", type=look.triplet, number="1", bracket="no" if look.beams else "yes")

    def _pitch(self, note: Element, pitch: int | None) -> None:
        if pitch is None:
            SubElement(note, "rest")
        elif self.part.is_drums:
            unpitched = SubElement(note, "unpitched")
            _text(unpitched, "display-step", drum(pitch).place[0])
            _text(unpitched, "display-octave", drum(pitch).place[1])
        else:
            spelled = spell(pitch, self.sharps)
            element = SubElement(note, "pitch")
            _text(element, "step", spelled.letter)
            if spelled.alter:
                _text(element, "alter", spelled.alter)
            _text(element, "octave", spelled.octave)


class _Look(NamedTuple):
    """How a note looks beside its value: voice and staff (from 1), stem direction, signs of the bar, beams, triplet bracket."""

    voice: int
    staff: int
    stem: str
    signs: set[tuple[int, int]]
    beams: list[str]
    triplet: str


def _clefs(part: Part, staves: list[Staff]) -> list[tuple[str, int, int]]:
    """Choose a clef a staff: sign, line, octave change."""
    if part.is_drums:
        return [("percussion", 2, 0)]
    if len(staves) == 2:
        return [("G", 2, 0), ("F", 4, 0)]
    middle = float(np.median(staves[0].pitches))
    if part.program in GUITARS and 48 < middle < 69:
        return [("G", 2, -1)]
    if part.program == VIOLA and 52 < middle < 74:
        return [("C", 3, 0)]
    if middle < 57:
        return [("F", 4, -1 if middle < 43 else 0)]
    return [("G", 2, 1 if middle > 88 else 0)]


def _tempo(measure: Element, bar: Bar, tempo: float) -> None:
    """Write the tempo over a bar; in compound metres it counts dotted quarters."""
    direction = SubElement(measure, "direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
    _text(metronome, "beat-unit", "quarter")
    dotted = bar.is_compound and bar.denominator == 8
    if dotted:
        SubElement(metronome, "beat-unit-dot")
    _text(metronome, "per-minute", round(tempo / 1.5 if dotted else tempo))
    SubElement(direction, "sound", tempo=f"{tempo:g}")
