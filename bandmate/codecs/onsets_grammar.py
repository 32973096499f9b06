"""The grammar of the codec `onsets`: notes in the order of their times and heights, stretches of four bars, until the last
bar sounds.

The first bar of a new piece sounds, and so does every stretch. No note sounds past the end.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import onsets as o
from bandmate.codecs.solo import END, fits
from bandmate.codecs.solo_grammar import SoloGrammar
from bandmate.music.draft import Draft
from bandmate.music.grid import START
from bandmate.music.request import Request
from bandmate.settings import UserError, nearest

NONE = -1


class OnsetsGrammar(SoloGrammar):
    """Streams of the codec `onsets` under one request."""

    codec: o.Onsets

    def __init__(self, codec: o.Onsets, request: Request, rows: int, draft: Draft | None = None) -> None:
        if codec.config.label == "style" and request.style not in (None, *codec.labels):
            raise UserError(f"the model does not know the style '{request.style}'; " + (
                nearest(str(request.style), codec.labels) if codec.labels else "it was not told any; leave the style out"))
        label = getattr(request, codec.config.label)
        super().__init__(codec, request.replace(style=None) if codec.config.label == "style" else request, rows, draft)
        self.header = codec.header(label, self.bar)
        if draft is None:
            self.prompt = self.header
        self.keys = self.pitches[o.LOWEST:o.LOWEST + o.KEYS]
        if not self.keys.any():
            raise UserError(f"no note of the codec '{codec.name}' is left, with this key and pitch range; its keys are those "
                            "of a piano, A0 to C8; widen the range")
        self.base = np.zeros(rows, np.int64)
        """The step at which the stretch begins that is being written."""
        self.now = np.zeros(rows, np.int64)  # when the last note began
        self.last = np.full(rows, NONE)  # its key; none yet in this stretch
        self.until: list[dict[int, int]] = [{} for _ in range(rows)]  # key -> the step to which it sounds, struck last
        self._done = np.zeros(rows, bool)

    def _hear(self, draft: Draft) -> None:
        super()._hear(draft)
        notes = fits(self.given.notes, o.LOWEST, o.LOWEST + o.KEYS - 1)
        recent = max(self.given_steps - o.BARS * self.bar, 0)
        self.before_it = notes[notes[:, START] >= recent] - np.array([recent, 0, 0, 0, 0])
        """The notes (N, 5) of the four bars before the first that is to be written, timed from their beginning."""
        self.heard = self.codec.cut(notes, self.bar)

    @property
    def ends(self) -> np.ndarray:
        """The step at which the stretch of each stream ends: int (B,)."""
        return np.minimum(self.base + o.BARS * self.bar, self.end)

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((self.rows, self.codec.sizes[field]), bool)
        for number, (into, end) in enumerate(zip(out, self.ends.tolist(), strict=True)):
            now, last = int(self.now[number]), int(self.last[number])
            if self._done[number] or (field and chosen[number, o.KEY] == END):
                into[self.codec.pad] = True
            elif field == o.KEY:
                into[self.codec.first:] = self.keys
                if last != NONE and now == end - 1:  # nothing may begin later
                    into[self.codec.first:self.codec.first + last + 1] = False
                into[END] = last != NONE and now >= end - self.bar and (  # no stretch falls silent before its last bar
                    end < self.end or max(self.until[number].values()) > self.end - self.bar)
            elif field == o.WAIT:
                soonest = int(last != NONE and chosen[number, o.KEY] - self.codec.first <= last)
                opens = self.draft is None and last == NONE and not self.base[number]
                latest = min(o.LONGEST, (min(self.bar, end) if opens else end) - 1 - now)
                into[o.WAIT_AT + soonest:o.WAIT_AT + latest + 1] = True
            else:
                start = now + int(chosen[number, o.WAIT]) - o.WAIT_AT
                into[1:self.end - start + 1] = True
        return out

    def advance(self, chosen: np.ndarray) -> None:
        for number, (key, wait, length) in enumerate(chosen.tolist()):
            if self._done[number]:
                continue
            if key == END:
                self.now[number] = self.base[number] = self.ends[number]
                self.last[number] = NONE
                self._done[number] = self.base[number] == self.end
            else:
                self.now[number] += wait - o.WAIT_AT
                self.last[number] = key - self.codec.first
                self.until[number][key] = int(self.now[number]) + length

    @property
    def done(self) -> np.ndarray:
        return self._done.copy()

    @property
    def progress(self) -> float:
        return float(np.where(self._done, 1.0, self.now / self.end).min())

    def sounds(self, stream: np.ndarray) -> np.ndarray:
        return self.codec.notes(stream, self.bar)
