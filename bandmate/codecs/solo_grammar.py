"""What the grammars of one player share: what can be asked of them, which bars are to be written, what is heard before.

They write new pieces, and continue given ones. Key and pitch range are held, metre and tempo kept, one instrument plays.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from bandmate.codecs.codec import Grammar
from bandmate.codecs.solo import Solo
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PROGRAM, START, GridPiece, tidy
from bandmate.music.instruments import CLASSES, DRUM_CLASS
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.piece import Piece
from bandmate.settings import UserError, nearest

UNHELD = ("drums", "style", "chords", "max_polyphony", "max_leap", "density", "busyness", "polyphony", "tessitura", "loudness",
          "fresh")


class SoloGrammar(Grammar):
    """Streams of a codec of one player under one request. Times are steps from the start of the first bar to write."""

    codec: Solo

    def __init__(self, codec: Solo, request: Request, rows: int, draft: Draft | None = None) -> None:
        check(codec, request)
        self.codec, self.request, self.draft = codec, request, draft
        self.rows = rows
        self.family = next(iter(request.programs() or {0: 0}))
        self.header = codec.header(request.composer)
        if draft is None:
            self.prompt, self.heard = self.header, self.header[:0]
            self.bar, self.before = bar_steps(codec, request.metre), 0
            self.end = request.bars * self.bar
        else:
            self.prompt = self.header[:0]
            self._hear(draft)
        self.pitches = self._pitches()

    def _hear(self, draft: Draft) -> None:
        """Take in what a draft gives."""
        notes, lines = draft.on_grid(self.codec.steps_per_quarter)
        self.bar = int(lines[-1] - lines[-2])
        self.before = int(lines[np.flatnonzero(draft.write.any(axis=1))[0]])  # the step at which the new bars begin
        self.end = int(lines[-1]) - self.before
        notes = notes[(notes[:, PROGRAM] != DRUM_CLASS) & (notes[:, START] < self.before)]
        if not self.request.instruments and len(notes):
            self.family = int(np.bincount(notes[:, PROGRAM]).argmax())
        elif not self.request.instruments:
            raise UserError("only drums play before the bar to go on from, and drums are not heard by this model; name an "
                            "instrument that is to play, or go on later")
        notes[:, DURATION] = np.minimum(notes[:, DURATION], self.before - notes[:, START])
        notes[:, PROGRAM] = 0
        first = int(notes[:, START].min()) if len(notes) else 0
        empty = lines[np.searchsorted(lines, first, side="right") - 1]  # whole bars of silence
        notes[:, START] -= empty
        self.given_steps = self.before - int(empty)
        self.given = GridPiece(tidy(notes), np.array([[0, 4, 4]], np.int32), self.given_steps, self.codec.steps_per_quarter)
        self.heard = self.codec.music(self.given) if len(notes) else self.header[:0]

    def _pitches(self) -> np.ndarray:
        """Return which pitches may be played: bool (128,)."""
        number = np.arange(128)
        low, high = self.request.pitch_ranges().get(self.family, (0, 127))
        pitches = (number >= low) & (number <= high)
        if self.request.key:
            pitches &= np.isin(number % 12, scale(parse_key(self.request.key)))
        return pitches

    @abstractmethod
    def sounds(self, stream: np.ndarray) -> np.ndarray:
        """Read what a stream (T, F) adds: a note table (N, 5) in steps from the first bar to write."""

    def piece(self, stream: np.ndarray) -> Piece:
        notes = self.sounds(stream).astype(np.int64)
        if self.draft is None:
            return self.codec.build(notes, self.request)
        notes[:, START] += self.before
        notes[:, PROGRAM] = self.family
        return self.draft.finish(tidy(notes).astype(np.int64), self.codec.steps_per_quarter)

    def hear(self, number: int, stream: np.ndarray, room: int) -> np.ndarray:
        if self.draft is not None:
            stream = np.concatenate([self.header, self.heard, stream])
        return self.codec.window(stream, room, 1.0)


def check(codec: Solo, request: Request) -> None:
    """Raise UserError for what a codec of one player cannot hold."""
    name = codec.name
    if request.task not in ("generate", "continue"):
        raise UserError(f"a model with the codec '{name}' writes new pieces and continues given ones, and cannot "
                        f"{request.task}; take a model with the codec 'bars'")
    unheld = [wish for wish in UNHELD if getattr(request, wish)]
    if unheld:
        raise UserError(f"a model with the codec '{name}' cannot hold {' and '.join(unheld)}; "
                        "leave it out, or take a model with the codec 'bars'")
    parts = request.programs() or {}
    if len(parts) > 1 or DRUM_CLASS in parts:
        raise UserError(f"a model with the codec '{name}' writes for one pitched instrument, not for "
                        f"{' and '.join(CLASSES[part] for part in parts)}; name one, or take a model with the codec 'bars'")
    known = codec.config.composers
    if request.composer is not None and request.composer not in known:
        raise UserError(f"the model does not know the composer '{request.composer}'; "
                        f"{nearest(request.composer, known) if known else 'it was not told any; leave the composer out'}")


def bar_steps(codec: Solo, metre: str) -> int:
    """Return the steps of a bar. Raises UserError for a metre that does not fall on the grid."""
    numerator, denominator = parse_metre(metre)
    steps, rest = divmod(numerator * 4 * codec.steps_per_quarter, denominator)
    if rest:
        raise UserError(f"a bar of {metre} does not fall on the grid of the codec '{codec.name}', {codec.steps_per_quarter} "
                        "steps a quarter; choose another metre")
    return steps
