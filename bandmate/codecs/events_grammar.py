"""The grammar of the codecs of events: as many as there are slots in the rhythm, or, where each says its time, until the
last bar sounds.

The slots are eighths, unless :meth:`EventsGrammar.keep_time` gives others. Only words are drawn that keep to key, range
and keyboard.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import events as e
from bandmate.codecs.solo import END
from bandmate.codecs.solo_grammar import SoloGrammar
from bandmate.music.draft import Draft
from bandmate.music.grid import PROGRAM, START
from bandmate.music.instruments import DRUM_CLASS
from bandmate.music.request import Request
from bandmate.music.rhythm import Slots, even, lay_out
from bandmate.settings import UserError


class EventsGrammar(SoloGrammar):
    """Streams of `names` or `intervals` under one request."""

    codec: e.Events

    def __init__(self, codec: e.Events, request: Request, rows: int, draft: Draft | None = None) -> None:
        codec.demand_words()
        self.base = 0
        """The step from which the first event waits, counted from the first bar to write."""
        super().__init__(codec, request, rows, draft)
        self.words = codec.within(self.pitches)
        self.origins = (self.words & codec.opens).any(axis=1)
        """The references from which a piece may start."""
        if not self.origins.any():
            raise UserError("the model knows no notes that keep to this key and pitch range; widen the range, or take another "
                            "key")
        self.origin = self._origin()
        self.slots = even(self.end / codec.steps_per_quarter, e.EVENT_QUARTERS)
        self.references = np.full(rows, self.origin)
        self.starts = np.full(rows, self.base)  # of the last event
        self.ends = np.zeros(rows, np.int64)  # the step to which music sounds
        self.counts = np.full(rows, -int(self._says_start))  # events written
        self._done = np.zeros(rows, bool)

    def keep_time(self, slots: Slots) -> None:
        """Play the events in these slots. Raises UserError where each event says its own time, or they reach too far."""
        quarters = self.end / self.codec.steps_per_quarter
        if self.codec.joint:
            raise UserError("this model writes its own rhythm with the notes; leave the other rhythm out, or take a model that "
                            "learnt pitches alone")
        if not len(slots) or (slots[:, 0] + slots[:, 1]).max() > quarters + 1e-6:
            raise UserError(f"the rhythm does not fit into {quarters:g} quarters; it must have notes, and end with the last "
                            "bar; shorten it")
        self.slots = slots

    def _hear(self, draft: Draft) -> None:
        super()._hear(draft)
        notes = draft.on_grid(self.codec.steps_per_quarter)[0]
        heard = (notes[:, PROGRAM] != DRUM_CLASS) & (notes[:, START] < self.before)
        last = int(notes[heard, START].max(initial=0)) - self.before
        self.base = last if len(self.heard) and -last < e.LONGEST else -1

    def _origin(self) -> int:
        """Return the reference from which the stream goes on: the last one heard, or the nearest from which music can."""
        heard = self.codec.events(self.heard.astype(np.int64))
        possible = np.flatnonzero(self.words.any(axis=1))
        return int(possible[np.abs(possible - (heard[-1][0] if heard else 0)).argmin()])

    @property
    def _says_start(self) -> bool:
        """Tell whether a row that says where the piece starts comes first."""
        return bool(self.codec.starts) and self.draft is None

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((self.rows, self.codec.sizes[field]), bool)
        for number, into in enumerate(out):
            if self._done[number]:
                into[self.codec.pad] = True
            elif field == 0:
                self._word(number, into)
            elif chosen[number, 0] < self.codec.first:
                into[self.codec.pad] = True
            elif field == 1:
                self._wait(number, into)
            else:
                start = self.starts[number] + int(chosen[number, 1]) - 1
                into[1:self.end - start + 1] = True
        return out

    def _word(self, number: int, into: np.ndarray) -> None:
        first, events = self.codec.first, self.counts[number]
        if self._says_start and events < 0:
            into[first - self.codec.starts:first] = self.origins
            return
        if self.codec.joint:
            into[END] = self.ends[number] > self.end - self.bar
            full = self.starts[number] >= self.end - 1
        else:
            full = into[END] = events >= len(self.slots)
        if not full:
            into[first:] = self.words[self.references[number]]
            if self._says_start and not events:
                into[first:] &= self.codec.opens

    def _wait(self, number: int, into: np.ndarray) -> None:
        now = int(self.starts[number])
        first = self.draft is None and not self.counts[number]
        soonest = max(-now, 0 if first else 1)
        latest = min(e.LONGEST, (self.bar if first else self.end) - 1 - now)
        into[1 + soonest:2 + latest] = True

    def advance(self, chosen: np.ndarray) -> None:
        for number, row in enumerate(chosen):
            if self._done[number]:
                continue
            if row[0] == END:
                self._done[number] = True
                continue
            self.counts[number] += 1
            self.references[number] = self.codec.reference(row, int(self.references[number]))
            if self.codec.joint and row[0] >= self.codec.first:
                self.starts[number] += row[1] - 1
                self.ends[number] = max(self.ends[number], self.starts[number] + row[2])

    @property
    def done(self) -> np.ndarray:
        return self._done.copy()

    @property
    def progress(self) -> float:
        share = self.starts / self.end if self.codec.joint else self.counts / len(self.slots)
        return float(np.where(self._done, 1.0, np.clip(share, 0, 1)).min())

    def sounds(self, stream: np.ndarray) -> np.ndarray:
        if self.codec.starts and self.draft is not None:
            origin = np.zeros((1, stream.shape[1]), np.int64)
            origin[0, 0] = self.codec.first - self.codec.starts + self.origin
            stream = np.concatenate([origin, stream])
        events = self.codec.events(stream)
        if self.codec.joint:
            return self.codec.at_their_times(events, stream[self.codec.is_note(stream)], self.base)
        return lay_out(events, self.slots, self.codec.steps_per_quarter)
