"""The grammar of the codec `frames`: as many bars as were asked for, on the keys that are allowed.

The first frame that is written sounds, and so does the last, so that the piece is as long as was asked for. Under a key only
its scale is played; a pitch range and a most number of notes at once hold in every frame.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import frames as c
from bandmate.codecs.codec import Grammar
from bandmate.music.draft import Draft
from bandmate.music.instruments import DRUM_CLASS, class_of
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.piece import Piece
from bandmate.settings import UserError

UNHELD = ("drums", "style", "composer", "chords", "max_leap", "fresh", "density", "busyness", "polyphony", "tessitura",
          "loudness")
OTHERS = "take a model with the codec 'bars'"


class FramesGrammar(Grammar):
    """Streams of the codec `frames` under one request; all are as long as each other."""

    codec: c.Frames
    family: int
    """The class of the instrument that is written for."""
    keys: np.ndarray
    """Which of the keys may be played: bool (88,)."""
    most: int
    """How many may sound at once."""

    def __init__(self, codec: c.Frames, request: Request, rows: int, draft: Draft | None = None) -> None:
        if unheld := [name for name in UNHELD if getattr(request, name)]:
            raise UserError(f"a model with the codec 'frames' writes a piano roll and cannot hold {' and '.join(unheld)}; "
                            f"leave it out, or {OTHERS}")
        self.codec, self.request, self.draft, self.rows, self.written = codec, request, draft, rows, 0
        self.first, self.frames, self.prompt = self._new() if draft is None else self._added(draft)
        low, high = request.pitch_ranges().get(self.family, (c.LOWEST, c.HIGHEST))
        pitches = np.arange(c.LOWEST, c.HIGHEST + 1)
        tones = np.isin(pitches % 12, scale(parse_key(request.key))) if request.key else np.ones(c.KEYS, bool)
        self.keys = (pitches >= low) & (pitches <= high) & tones
        if not self.keys.any():
            raise UserError("no key of the piano is left to play; a wider range, or another key, was expected; change one")
        self.most = request.limits("max_polyphony").get(self.family, c.KEYS)

    def _new(self) -> tuple[int, int, np.ndarray]:
        """Plan a new piece: its first frame, how many are to be written, and the rows that are heard before."""
        self.family = self._only(sorted(self.request.programs() or {class_of(c.PIANO): c.PIANO}))
        numerator, denominator = parse_metre(self.request.metre)
        bar, rest = divmod(numerator * 4 * self.codec.config.steps_per_quarter, denominator)
        if rest:
            raise UserError(f"a bar of {self.request.metre} is no whole number of frames, of which this model writes "
                            f"{self.codec.config.steps_per_quarter} a quarter; take another metre, or {OTHERS}")
        return 0, self.request.bars * bar, np.zeros((0, c.KEYS), np.int16)

    def _added(self, draft: Draft) -> tuple[int, int, np.ndarray]:
        """Plan what is added to a piece, in the same words."""
        if self.request.task != "continue":
            raise UserError(f"a model with the codec 'frames' writes new pieces and continues given ones, and cannot "
                            f"{self.request.task}; {OTHERS}")
        self.family = self._only(np.flatnonzero(draft.write.any(0)).tolist())
        cut = int(draft.bars[draft.write.any(1), 0][0])
        (first, rest), (end, other_rest) = (divmod(tick * self.codec.config.steps_per_quarter, draft.prompt.ticks_per_quarter)
                                            for tick in (cut, draft.end))
        if rest or other_rest:
            raise UserError(f"the new bars would not begin and end on a frame, of which this model writes "
                            f"{self.codec.config.steps_per_quarter} a quarter; take another metre, or {OTHERS}")
        start, roll = self.codec.roll(draft.prompt)
        heard = np.zeros((max(first - start, 0), c.KEYS), bool)
        heard[:len(roll)] = roll[:len(heard)]
        return first, end - first, c.rows_of(heard)

    def _only(self, families: list[int]) -> int:
        """Return the one class that is to be written."""
        if len(families) != 1 or families[0] == DRUM_CLASS:
            raise UserError("a model with the codec 'frames' writes for one pitched instrument; one was expected, not "
                            f"{', '.join(self.request.instruments) or len(families)}; name one, or {OTHERS}")
        return families[0]

    @property
    def sounds(self) -> bool:
        """Tell whether the next frame must sound."""
        return self.written in (0, self.frames - 1)

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((self.rows, c.ON + 1), bool)
        if self.written >= self.frames:
            out[:, self.codec.pad] = True
            return out
        count = (chosen[:, :field] == c.ON).sum(1)
        out[:, c.ON] = self.keys[field] & (count < self.most)
        late = self.sounds and not self.keys[field + 1:].any()  # the last key that could sound
        out[:, c.OFF] = ~(out[:, c.ON] & late & (count == 0))
        return out

    def advance(self, chosen: np.ndarray) -> None:
        self.written = min(self.written + 1, self.frames)

    def piece(self, stream: np.ndarray) -> Piece:
        if self.draft is None:
            return self.codec.decode(stream, self.request)
        new = c.notes_of(np.asarray(stream)[len(self.prompt):], self.family)
        new[:, 0] += self.first
        return self.draft.finish(new, self.codec.config.steps_per_quarter)

    @property
    def done(self) -> np.ndarray:
        return np.full(self.rows, self.written >= self.frames)

    @property
    def progress(self) -> float:
        return self.written / self.frames
