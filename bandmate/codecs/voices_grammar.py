"""The grammar of the codec `voices`: four voices, step after step, each in its range, for as many bars as were asked for.

A piece begins on a bar line. All voices sing at its first step and in its last bar; in between they may rest. Under a key
they keep to its scale.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import voices as c
from bandmate.codecs.codec import Grammar
from bandmate.music.draft import Draft
from bandmate.music.grid import DEFAULT_METRE
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.settings import UserError

UNHELD = ("instruments", "drums", "style", "composer", "pitches", "chords", "max_polyphony", "max_leap", "density", "busyness",
          "polyphony", "tessitura", "loudness")


class VoicesGrammar(Grammar):
    """Streams of the codec `voices` under one request; all are as long as each other."""

    def __init__(self, codec: c.Voices, request: Request, rows: int, draft: Draft | None = None) -> None:
        if draft is not None:
            raise UserError("a model with the codec 'voices' writes new pieces only; "
                            "take a model with the codec 'bars' to work on a piece")
        unheld = [name for name in UNHELD if getattr(request, name)]
        if unheld:
            raise UserError(f"a model with the codec 'voices' writes for four voices and cannot hold {' and '.join(unheld)}; "
                            "leave it out, or take a model with the codec 'bars'")
        if parse_metre(request.metre) != DEFAULT_METRE:
            raise UserError(f"a model with the codec 'voices' writes bars of 4/4, not {request.metre}; "
                            "leave the metre out, or take a model with the codec 'bars'")
        self.codec, self.request = codec, request
        self.prompt = np.zeros((0, len(codec.sizes)), np.int16)
        self.rows, self.written = rows, 0
        self.steps = request.bars * c.STEPS_PER_BAR
        pitches = np.arange(c.LOWEST, c.HIGHEST + 1)
        tones = np.isin(pitches % 12, scale(parse_key(request.key))) if request.key else np.ones(len(pitches), bool)
        self.sung = [(pitches >= low) & (pitches <= high) & tones for low, high in c.SUNG]

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((self.rows, self.codec.sizes[field]), bool)
        if self.written >= self.steps:
            out[:, self.codec.pad] = True
        elif field == 0:
            out[:, self.written % c.STEPS_PER_BAR + 1] = True
        else:
            out[:, c.PITCH_AT:] = self.sung[field - 1]
            out[:, c.REST] = 0 < self.written < self.steps - c.STEPS_PER_BAR
        return out

    def advance(self, chosen: np.ndarray) -> None:
        self.written = min(self.written + 1, self.steps)

    @property
    def done(self) -> np.ndarray:
        return np.full(self.rows, self.written >= self.steps)

    @property
    def progress(self) -> float:
        return self.written / self.steps
