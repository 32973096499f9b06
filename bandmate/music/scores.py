"""Scores: MusicXML, ABC and kern, read through music21 (Cuthbert and Ariza, ISMIR 2010) and turned into pieces.

Repeats are played out. A first bar that is not full, or any other short bar, keeps its length, so that bar lines stay
where they are printed.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import symusic

from bandmate.music.instruments import parse_instrument
from bandmate.piece import Labels, Piece
from bandmate.settings import UserError

_FORMATS = {".abc": "abc", ".krn": "humdrum"}
_VOICES = {"soprano", "alto", "tenor", "baritone", "cantus", "discantus", "altus", "quintus", "voice"}
CHOIR = 52  # the program for sung parts
_NAMELESS = "score-without-name"
_NAMED_BY_SOFTWARE = re.compile(rf"(music21|{_NAMELESS}|untitled|title|composer).*|.*\.(mxl|xml|musicxml|krn|abc)",
                                re.IGNORECASE)
_DAMAGED = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, RuntimeError, SyntaxError, TypeError,
            ValueError, zipfile.BadZipFile)  # what a parser makes of a broken file


def read_score(data: bytes, suffix: str) -> tuple[Piece, Labels]:
    """Read the bytes of a score file, and what it says about itself. Raises UserError for a damaged or silent one."""
    import music21
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{_NAMELESS}{suffix}")
        path.write_bytes(data)
        try:  # forceSource: music21 must neither read nor write its cache of pickles
            score = music21.converter.parseFile(path, format=_FORMATS.get(suffix, "musicxml"), forceSource=True,
                                                storePickle=False)
            if isinstance(score, music21.stream.Opus):
                score = score.scores[0]
            piece = _to_piece(score)
        except (*_DAMAGED, music21.exceptions21.Music21Exception) as error:
            raise UserError(f"the score is damaged ({type(error).__name__}: {str(error)[:100]}); export it again") from None
    if not piece.note_num():
        raise UserError("there are no notes in this score; a score with music was expected; export it again")
    return piece, _labels(score)


def _to_piece(score: Any) -> Piece:
    from music21.exceptions21 import Music21Exception
    from music21.midi.translate import streamToMidiFile

    from bandmate.music.files import read_midi
    try:
        played = score.expandRepeats()
        midi = streamToMidiFile(played).writestr()
    except Music21Exception:  # repeats that do not add up, or one mark that stands in two places
        played = _simplified(score)
        midi = streamToMidiFile(played).writestr()
    piece = read_midi(midi)
    _mark_short_bars(piece, played)
    names = [track.name.lower().strip() for track in piece.tracks]
    for track, name in zip(piece.tracks, names, strict=True):
        if not track.program and not track.is_drum:
            track.program = _program(name, names)
    return piece


def _simplified(score: Any) -> Any:
    from music21 import bar, repeat
    seen = set()
    for measure in list(score.recurse().getElementsByClass("Measure")):
        for side in ("leftBarline", "rightBarline"):
            if isinstance(getattr(measure, side), bar.Repeat):
                setattr(measure, side, None)
        measure.removeByClass(repeat.RepeatMark)
        for mark in list(measure.getElementsByClass(("TimeSignature", "MetronomeMark"))):
            if id(mark) in seen:
                measure.remove(mark)
            seen.add(id(mark))
    return score


def _mark_short_bars(piece: Piece, score: Any) -> None:
    """Begin the metre anew after every bar that is shorter than its metre says."""
    marked, metre = {mark.time for mark in piece.time_signatures}, None
    for measure in next(iter(score.parts), score).getElementsByClass("Measure"):
        metre = measure.timeSignature or metre
        length = measure.highestTime
        if metre is None or not 0 < length < metre.barDuration.quarterLength:
            continue
        end = round((measure.offset + length) * piece.ticks_per_quarter)
        if end not in marked:
            piece.time_signatures.append(symusic.TimeSignature(end, metre.numerator, metre.denominator))
    piece.time_signatures.sort(lambda mark: mark.time, inplace=True)


def _program(name: str, names: list[str]) -> int:
    """Guess a program from the name of a part: "Violin II" is a violin; voices sing; what is unknown is a piano."""
    name = re.sub(r"\b([ivx]+|\d+|in [a-g]\w*)\b|[.:]", "", name).strip()
    if name in _VOICES or (name in ("bass", "bassus") and any(other in _VOICES for other in names)):
        return CHOIR
    for word in (name, name.removesuffix("s")):
        try:
            return min(parse_instrument(word), 127) if word else 0
        except UserError:
            continue
    return 0


def _labels(score: Any) -> Labels:
    metadata = score.metadata
    if metadata is None:
        return Labels()
    known = {"title": metadata.title or metadata.movementName, "composer": metadata.composer}
    lines = {name: str(text).strip().partition("\n")[0].strip() for name, text in known.items() if text}
    return Labels(**{name: line for name, line in lines.items() if not _NAMED_BY_SOFTWARE.fullmatch(line)})
