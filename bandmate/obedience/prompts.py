"""Pieces to work on: old scores that music21 brings along, and pieces that are built to be awkward.

The awkward ones have a pickup, changing metres and tempos, one bar, 200 bars, empty tracks, drums alone, 16 tracks, notes off
every grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

import symusic

from bandmate.obedience.heard import hear
from bandmate.piece import DRUMS, TICKS_PER_QUARTER, Piece

SCORES = (
    "bach/bwv66.6.mxl", "bach/bwv269.mxl", "bach/bwv7.7.mxl", "bach/bwv26.6.mxl", "bach/bwv281.mxl", "bach/bwv347.mxl",
    "bach/bwv390.mxl", "bach/bwv438.mxl", "corelli/opus3no1/1grave.xml")
"""Scores of music21's corpus: chorales with and without a pickup, and strings."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """A piece to work on."""

    name: str
    piece: Piece
    midi: bytes
    bars: int
    families: tuple[int, ...]

    @classmethod
    def of(cls, name: str, piece: Piece) -> Prompt:
        """Look at a piece as another program sees it."""
        midi = piece.dumps_midi()
        heard = hear(midi)
        return cls(name, piece, midi, len(heard.bars(heard.end)), tuple(sorted({note.family for note in heard.notes})))


def prompts(scores: int = len(SCORES)) -> Iterator[Prompt]:
    """Yield prompts: that many scores of old masters, and all the awkward ones."""
    from music21 import common

    from bandmate.music.scores import read_score
    for name in SCORES[:scores]:
        path = common.getCorpusFilePath() / name
        yield Prompt.of(name, read_score(path.read_bytes(), path.suffix)[0])
    for name, piece in awkward().items():
        yield Prompt.of(name, piece)


Tune = list[tuple[float, float, int]]
"""Start and length in quarters, and pitch."""


def awkward() -> dict[str, Piece]:
    """Build pieces that are easily got wrong, by name."""
    band = {0: _tune(16), 33: _tune(16, 36, 2), 73: _tune(16, 72, 0.5), DRUMS: _tune(16, 36)}
    empty = _piece(band)
    for program in (24, 56):
        empty.tracks.insert(0, symusic.Track("silent", program, False))
    changing: dict[float, tuple[int, int]] = {0: (4, 4), 8: (3, 4), 17: (6, 8), 23: (7, 8), 30: (4, 4), 36: (5, 4), 39: (2, 2)}
    random = Random(0)
    performed = [(max(start + random.uniform(-0.06, 0.06), 0), length * random.uniform(0.5, 1.2), pitch)
                 for start, length, pitch in _tune(32, step=0.5)]
    return {
        "pickup": _piece({73: [(3.5, 0.5, 67), *((start + 4, length, pitch) for start, length, pitch in _tune(20))]}),
        "short first bar": _piece({73: _tune(17), 0: _tune(17, 48)}, {0: (1, 4), 1: (4, 4)}),
        "metre changes": _piece({0: _tune(44), 40: _tune(44, 67, 0.5)}, changing),
        "cut bars": _piece({0: _tune(20), 33: _tune(20, 40)}, {0: (4, 4), 6: (4, 4), 9: (3, 4), 11: (4, 4)}),
        "tempo changes": _piece(band, tempos={0: 90, 4: 120, 7.3: 55.5, 12: 181}),
        "one bar": _piece({0: _tune(4)}),
        "one note": _piece({52: [(0, 1, 60)]}),
        "200 bars": _piece({0: _tune(800, step=2), 33: _tune(800, 36, 4), DRUMS: _tune(800, 38)}, tempos={0: 140, 400: 150}),
        "empty tracks": empty,
        "drums only": _piece({DRUMS: _tune(12, 36, 0.5)}),
        "16 tracks": _piece({program: _tune(24, 48 + program % 24) for program in (*range(0, 120, 8), DRUMS)}),
        "performed": _piece({4: performed}, ticks=384),
        "late start": _piece({16: [(start + 13, length, pitch) for start, length, pitch in _tune(12)]}, {0: (3, 4)}),
        "rests": _piece({56: _tune(4) + [(start + 30, length, pitch) for start, length, pitch in _tune(6)]}),
        "held notes": _piece({48: [(0, 31, 48), (0, 31, 55), (2, 20, 64)], 0: _tune(32, step=0.5)}, ticks=96),
        "two of a family": _piece({40: _tune(16, 67), 42: _tune(16, 43, 2), 48: _tune(16, 55, 4)}),
    }


def _tune(quarters: float, lowest: int = 60, step: float = 1) -> Tune:
    """Return notes that wander through a major scale in even steps."""
    scale, random = (0, 2, 4, 5, 7, 9, 11, 12), Random(lowest)
    return [(number * step, step, lowest + random.choice(scale)) for number in range(int(quarters / step))]


def _piece(parts: dict[int, Tune], metres: Mapping[float, tuple[int, int]] | None = None,
           tempos: Mapping[float, float] | None = None, ticks: int = TICKS_PER_QUARTER) -> Piece:
    piece = symusic.Score(ticks)
    for start, tempo in (tempos or {0: 100}).items():
        piece.tempos.append(symusic.Tempo(round(start * ticks), tempo))
    for start, metre in (metres or {0: (4, 4)}).items():
        piece.time_signatures.append(symusic.TimeSignature(round(start * ticks), *metre))
    for program, notes in parts.items():
        track = symusic.Track("", program % DRUMS, program == DRUMS)
        for start, length, pitch in notes:
            track.notes.append(symusic.Note(round(start * ticks), max(round(length * ticks), 1), pitch, 60 + pitch % 40))
        piece.tracks.append(track)
    return piece
