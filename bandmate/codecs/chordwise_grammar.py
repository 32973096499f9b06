"""The grammar of the codec `chordwise`: only keys that sound are held on, and the music ends in the last bar, sounding.

A new piece sounds in its first bar.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import chordwise as c
from bandmate.codecs.solo import END
from bandmate.codecs.solo_grammar import SoloGrammar
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.settings import UserError


class ChordwiseGrammar(SoloGrammar):
    """Streams of the codec `chordwise` under one request."""

    codec: c.Chordwise

    def __init__(self, codec: c.Chordwise, request: Request, rows: int, draft: Draft | None = None) -> None:
        codec.demand_words()
        super().__init__(codec, request, rows, draft)
        keys = self.pitches[codec.lowest:codec.lowest + codec.config.notes]
        self.held = codec.table == c.HELD
        self.plays = codec.table != c.SILENT
        self.words = ~(self.plays & ~keys).any(axis=1)
        if not (self.words & self.plays.any(axis=1) & ~self.held.any(axis=1)).any():
            raise UserError("the model knows no chord that keeps to this key and pitch range; widen the range, or take another "
                            "key")
        self.sounding = np.zeros((rows, codec.config.notes), bool)
        self.written = np.zeros(rows, np.int64)
        self.struck = np.full(rows, draft is not None)
        self._done = np.zeros(rows, bool)

    def _hear(self, draft: Draft) -> None:
        """Let silence before the new bars be heard, too."""
        super()._hear(draft)
        rest = max(self.given_steps - len(self.heard), 0) if len(self.heard) else 0
        silence = self.codec.first + int((self.codec.table == c.SILENT).all(axis=1).argmax())
        self.heard = np.concatenate([self.heard, np.full((rest, 1), silence, np.int16)])

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((self.rows, self.codec.sizes[0]), bool)
        for number, into in enumerate(out):
            now, sounds = self.written[number], self.sounding[number]
            if self._done[number]:
                into[self.codec.pad] = True
                continue
            into[END] = now > self.end - self.bar and sounds.any()
            if now < self.end:
                words = into[self.codec.first:]
                words[:] = self.words & ~(self.held & ~sounds).any(axis=1)
                if now == self.end - 1 or (now == self.bar - 1 and not self.struck[number]):
                    words &= self.plays.any(axis=1)
        return out

    def advance(self, chosen: np.ndarray) -> None:
        for number, word in enumerate(chosen[:, 0].tolist()):
            if word == END:
                self._done[number] = True
            elif not self._done[number]:
                self.sounding[number] = self.plays[word - self.codec.first]
                self.written[number] += 1
                self.struck[number] |= self.sounding[number].any()

    @property
    def done(self) -> np.ndarray:
        return self._done.copy()

    @property
    def progress(self) -> float:
        return float(np.where(self._done, 1.0, self.written / self.end).min())

    def sounds(self, stream: np.ndarray) -> np.ndarray:
        return self.codec.notes(stream)
