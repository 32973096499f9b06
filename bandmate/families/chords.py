"""Chords: notes drawn at random from consonant chords, in a rhythm that was chosen before. It learns nothing.

The simplest machine that does not sound wrong, and the floor for every comparison: chord after chord comes by chance, so
there is neither melody nor form. Whatever learnt from music must do better.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, field_validator
from torch import Tensor
from torch.optim import Optimizer

from bandmate.codecs.notewise import Notewise
from bandmate.codecs.notewise_grammar import NotewiseGrammar
from bandmate.families.rhythmic import Beat, RhythmOptions, beat
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.music.chords import parse_chord
from bandmate.music.draft import Draft
from bandmate.music.grid import GridPiece
from bandmate.music.rhythm import lay_out
from bandmate.music.theory import TONICS, parse_key, scale
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

LOWEST, HIGHEST = 48, 83  # MIDI pitches between which it plays, unless a range is asked for
TRIADS = {"": (0, 4, 7), "m": (0, 3, 7)}
"""Consonant chords: pitch classes above the root."""

LEARNS_NOTHING = "the family 'chords' draws notes by chance and learns nothing; compose with it as it is, or train another"


class ChordsConfig(Settings):
    """What shapes the weights of `chords`: nothing, it has none."""


class ChordsOptions(RhythmOptions):
    """What a person may turn where chords are drawn."""

    IDLE = ("temperature", "top_k", "top_p", "min_p", "candidates")

    allowed: tuple[str, ...] = ()
    """Chords to draw from ("C,Am,F,G"); left out, the major and minor chords of the key; of C major if none is named."""
    most_notes: Annotated[int, Field(ge=1, le=6)] = 3
    """How many notes of a chord are struck together at most; 1 writes a line."""

    @field_validator("allowed", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


class Chords(Model):
    """The machine: see the top of this file. It sees pieces as words, to hear where a given one ends."""

    Config = ChordsConfig
    Options = ChordsOptions
    Codec = Notewise
    SIZES = {size: Size() for size in ("tiny", "small", "medium", "large")}
    codec: Notewise
    rhythm: Beat | None = None
    """What beats the rhythm "learnt", if a person brought it."""

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        raise UserError(LEARNS_NOTHING)

    def optimizers(self, lr: float) -> list[Optimizer]:
        raise UserError(LEARNS_NOTHING)

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        if prompt is None and options.task != "generate":
            raise UserError(f"there is no piece to {options.task}; give a prompt")
        chosen = options if isinstance(options, ChordsOptions) else ChordsOptions(**options.model_dump())
        if chosen.rhythm == "joint":
            raise UserError("the family 'chords' knows no rhythm of its own; leave the rhythm out, or take another")
        draft = None if prompt is None else Draft.of(options, prompt)
        grammar = NotewiseGrammar(self.codec, options, 1, draft)
        pieces: list[Piece] = []
        for variant in range(options.variants):
            pieces.append(self._piece(grammar, chosen.replace(seed=(options.seed + variant) % 2**63)))
            progress((variant + 1) / options.variants, lambda: list(pieces))
        return pieces

    def _piece(self, grammar: NotewiseGrammar, options: ChordsOptions) -> Piece:
        """Draw one piece."""
        steps = self.codec.steps_per_quarter
        slots = beat(options, grammar.end / steps, self.rhythm)
        random = np.random.default_rng(options.seed)
        chords = [np.flatnonzero(row) for row in self._playable(grammar, options)]
        events = []
        for _ in slots:
            chord = chords[random.integers(len(chords))]
            count = min(int(random.integers(1, options.most_notes + 1)), len(chord))
            events.append(sorted(random.choice(chord, count, replace=False).tolist()))
        notes = lay_out(events, slots, steps)
        bars = np.array([[0, 4, 4]], np.int32)  # the words do not say the metre
        return grammar.piece(self.codec.music(GridPiece(notes, bars, grammar.end, steps)).astype(np.int64))

    def _playable(self, grammar: NotewiseGrammar, options: ChordsOptions) -> np.ndarray:
        """Return which pitches each chord has within key and range: bool (chords, 128). Raises UserError if none has any."""
        number = np.arange(128)
        keyboard = (number >= grammar.codec.lowest) & (number < grammar.codec.lowest + len(grammar.keys))
        pitches = grammar.pitches & keyboard
        if not options.pitches:
            pitches &= (number >= LOWEST) & (number <= HIGHEST)
        chords = np.array([np.isin(number % 12, tones) for tones in allowed(options)]) & pitches
        chords = chords[chords.any(axis=1)]
        if not len(chords):
            raise UserError("no note of the allowed chords is left, with this key and pitch range; widen the range, or allow "
                            "other chords")
        return chords


def allowed(options: ChordsOptions) -> list[tuple[int, ...]]:
    """Return the pitch classes of each chord that may be drawn. Raises UserError for what is no chord."""
    if options.allowed:
        return [parse_chord(name).tones for name in options.allowed]
    mine = set(scale(parse_key(options.key or "C major")))
    triads = [tuple((root + step) % 12 for step in triad) for root in range(len(TONICS)) for triad in TRIADS.values()]
    return [triad for triad in triads if mine.issuperset(triad)]
