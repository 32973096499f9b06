"""The grammar of the codec `triples`: when, how, what, again and again, inside what was asked for.

The stream has no bar lines and no end of its own. The bars asked for are counted out in the clock's units; a time that
leads past them ends the piece. The first and the last bar sound, every part that was asked for plays (by a quarter of
the piece the silent ones must begin), and no note outlasts the piece. Counters and the outro stand where the encoder
would put them. The instrument named first leads.
"""

from __future__ import annotations

import math

import numpy as np

from bandmate.codecs import triples as t
from bandmate.codecs.codec import Grammar
from bandmate.codecs.triples_groups import DRUM_GROUP, GROUPS, parts_asked
from bandmate.music.instruments import CLASSES, class_of
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.settings import UserError

MOST_NOTES_AT_ONCE = 32  # an onset with more is a model that is stuck
OUTRO_BARS = 4  # some 50 onsets: how long before the end the encoder puts the outro

ABOVE_ALL = (128, 0)

UNHELD = ("chords", "max_polyphony", "max_leap", "density", "busyness", "polyphony", "tessitura", "loudness")


class _Row:
    """Where one stream stands."""

    def __init__(self, slot: int, lead: int, allowed: np.ndarray, silent: set[int]) -> None:
        self.slot = slot  # which header slot is next
        self.next = 0  # what the next id says: 0 when, 1 how, 2 what
        self.allow(allowed)
        self.silent = set(silent)  # groups that must play and have not yet
        self.lead = lead
        self.now = 0
        self.onsets = 0
        self.counted = 0  # counters written
        self.warned = False  # whether the outro is written
        self.marked = False  # whether a counter or the outro came last: a new onset follows
        self.notes = 0  # at this onset
        self.below = ABOVE_ALL  # notes that start together fall in pitch, then rise in group: (pitch, -group)
        self.end = 0  # of the note being written
        self.ends: dict[int, int] = {}  # when each voice (an id of "what") falls silent
        self.done = False

    def allow(self, notes: np.ndarray) -> None:
        """Set which notes may play: bool (12, 128)."""
        self.allowed = notes
        pitch = int(notes.any(axis=0).argmax())
        self.lowest = (pitch, -int(np.flatnonzero(notes[:, pitch])[-1]))


class TriplesGrammar(Grammar):
    """Streams of the codec `triples` under one request."""

    def __init__(self, codec: t.Triples, request: Request, rows: int) -> None:
        for what, name in (("style", request.style), ("composer", request.composer)):
            if name is not None:
                raise UserError(f"a model with the codec 'triples' knows no {what}s, so not '{name}'; leave the {what} out, "
                                "or take a model with the codec 'bars'")
        unheld = [name for name in UNHELD if getattr(request, name)]
        if unheld:
            raise UserError(f"a model with the codec 'triples' cannot hold {' and '.join(unheld)}; leave it out, "
                            "or take a model with the codec 'bars'")
        self.codec, self.request = codec, request
        self.parts = parts_asked(request, codec.config.groups == "nearest")
        drums = request.drums if request.drums is not None or not self.parts else DRUM_GROUP in self.parts
        self._measure()
        flags = [t.NO_DRUMS] * (drums is not True) + [t.HAS_DRUMS] * (drums is not False)
        leads = [*self.parts][:1] or [group for group in range(len(GROUPS)) if group != DRUM_GROUP or drums is not False]
        slots = [[t.BEGIN], flags, [t.LEAD + group for group in leads], [t.COUNTER]]
        forced = next((n for n, slot in enumerate(slots) if len(slot) > 1), len(slots))
        self.slots = slots
        self.prompt = np.array([slot[:1] for slot in slots[:forced]], np.int16)
        allowed = self._allowed_notes(drums)
        silent = {*self.parts} | ({DRUM_GROUP} if drums else set())
        self.rows = [_Row(forced, leads[0], allowed, silent) for _ in range(rows)]

    def _measure(self) -> None:
        """Count the piece out in units of the clock."""
        numerator, denominator = parse_metre(self.request.metre)
        quarters = 4 * numerator / denominator
        if self.codec.config.clock == "grid32":
            self.shortest = 1  # units of time in a unit of duration
            self.bar = quarters * t.GRID_STEPS_PER_QUARTER
        else:
            self.shortest = t.DURATION_MS // t.TIME_MS
            self.bar = quarters * 60_000 / (self.request.tempo or t.TICK_A_MS_TEMPO) / t.TIME_MS
        bars = self.request.bars
        self.end = math.floor(bars * self.bar + 1e-9)
        self.last = self.end - self.shortest  # the last time at which a note may start
        if self.last < 0:
            raise UserError(f"{bars} bars of {self.request.metre} are too short for one note; ask for more bars or a "
                            "slower tempo")
        self.last_bar = (bars - 1) * self.bar
        self.outro = (bars - OUTRO_BARS) * self.bar if bars > OUTRO_BARS else math.inf
        # from here on, and by then, the silent parts must play
        self.owed_from = min(math.ceil(bars // 4 * self.bar), self.last)
        self.owed_by = min(math.ceil((bars // 4 + 1) * self.bar) - 1, self.last)
        self.first = 0 if self.codec.config.clock == "ms" else min(int(self.bar) - 1, t.LONGEST_TIME)

    def _allowed_notes(self, drums: bool | None) -> np.ndarray:
        """Return which notes the request lets play: bool (12, 128)."""
        table = np.ones((len(GROUPS), 128), bool)
        if self.request.key is not None:
            table[np.arange(len(GROUPS)) != DRUM_GROUP] &= np.isin(np.arange(128) % 12, scale(parse_key(self.request.key)))
        sounds = self.parts or {group: known.sounds for group, known in enumerate(GROUPS)}
        for family, (low, high) in self.request.pitch_ranges().items():
            groups = [group for group, program in sounds.items() if class_of(program) == family]
            if not groups:
                raise UserError(f"a pitch range is given for {CLASSES[family]}, which this model does not play; take it away")
            table[groups, :low] = table[groups, high + 1:] = False
        if self.parts:
            table[[group for group in range(len(GROUPS)) if group not in self.parts]] = False
        if drums is False:
            table[DRUM_GROUP] = False
        for group in self.parts or range(len(GROUPS)):
            if not table[group].any() and (group != DRUM_GROUP or drums is not False):
                raise UserError(f"no pitch of the key {self.request.key} lies in the range asked for; widen the range")
        return table

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.rows), self.codec.sizes[0]), bool)
        for row, into in zip(self.rows, out, strict=True):
            if row.done:
                into[self.codec.pad] = True
            elif row.slot < len(self.slots):
                into[self._slot(row)] = True
            else:
                (self._when, self._how, self._what)[row.next](row, into)
        return out

    def _slot(self, row: _Row) -> list[int]:
        """Return the ids that a header slot may take."""
        if row.slot == 2 and not row.allowed[DRUM_GROUP].any():
            return [lead for lead in self.slots[2] if lead != t.LEAD + DRUM_GROUP]
        return self.slots[row.slot]

    def _when(self, row: _Row, into: np.ndarray) -> None:
        if not row.onsets:
            into[:self.first + 1] = True
            return
        if not row.marked and self._room(row):
            if self.codec.config.always_time:
                into[0] = True
            else:
                self._how(row, into)
        mark = self._mark(row)
        if mark:
            into[mark] = True
            return
        left = (self.owed_by if row.silent else self.last) - row.now
        into[1:max(left, 0) + 1][:t.LONGEST_TIME] = True
        sounds = row.now >= self.last_bar or max(row.ends.values()) > self.last_bar
        if sounds and not row.silent:  # any time past the end may end the piece
            into[left + 1:t.HOW] = True

    def _mark(self, row: _Row) -> int:
        """Return the counter or outro that stands before the next onset, or 0."""
        if row.silent and row.now >= self.owed_from:
            return 0
        if row.onsets // t.ONSETS_A_COUNTER > row.counted:
            return t.COUNTER + min(row.onsets // t.ONSETS_A_COUNTER, 255)
        return t.OUTRO if row.now >= self.outro and not row.warned else 0

    def _room(self, row: _Row) -> bool:
        """Tell whether one more note may start now."""
        if row.silent and row.now >= self.owed_from:
            return True
        return row.notes < MOST_NOTES_AT_ONCE and row.lowest < row.below

    def _how(self, row: _Row, into: np.ndarray) -> None:
        longest = min((self.end - row.now) // self.shortest, t.LONGEST_DURATION)
        into[t.HOW + t.VELOCITIES:t.HOW + t.VELOCITIES * (longest + 1)] = True

    def _what(self, row: _Row, into: np.ndarray) -> None:
        table = into[t.WHAT:t.COUNTER].reshape(len(GROUPS), 128)
        if row.onsets == 1 and not row.notes:
            table[row.lead] = row.allowed[row.lead]
        elif row.silent and row.now >= self.owed_from:
            for group in row.silent:
                table[group] = row.allowed[group]
        else:
            pitch, group = row.below[0], -row.below[1]
            table[:, :pitch] = row.allowed[:, :pitch]
            if pitch < 128:
                table[group + 1:, pitch] = row.allowed[group + 1:, pitch]

    def advance(self, chosen: np.ndarray) -> None:
        for row, number in zip(self.rows, chosen[:, 0].tolist(), strict=True):
            if row.done:
                continue
            if row.slot < len(self.slots):
                self._advance_header(row, number)
            elif number < t.HOW:
                self._advance_time(row, number)
            elif number < t.WHAT:
                row.end = row.now + (number - t.HOW) // t.VELOCITIES * self.shortest
                row.next = 2
            elif number < t.COUNTER:
                group, pitch = divmod(number - t.WHAT, 128)
                row.silent.discard(group)
                row.below = min(row.below, (pitch, -group))
                row.ends[number] = row.end
                row.notes, row.next = row.notes + 1, 0
            else:
                row.marked = True
                if number == t.OUTRO:
                    row.warned = True
                else:
                    row.counted = row.onsets // t.ONSETS_A_COUNTER

    def _advance_header(self, row: _Row, number: int) -> None:
        if number == t.NO_DRUMS:
            row.allow(np.where(np.arange(len(GROUPS))[:, None] == DRUM_GROUP, False, row.allowed))
        elif number == t.HAS_DRUMS:
            row.silent.add(DRUM_GROUP)
        elif t.LEAD <= number < t.BEGIN:
            row.lead = number - t.LEAD
        row.slot += 1

    def _advance_time(self, row: _Row, time: int) -> None:
        row.now += time
        row.done = row.now > self.last
        row.next = 1
        if time or not row.onsets:
            row.onsets, row.notes, row.below, row.marked = row.onsets + 1, 0, ABOVE_ALL, False

    @property
    def done(self) -> np.ndarray:
        return np.array([row.done for row in self.rows])

    @property
    def progress(self) -> float:
        return min(1.0 if row.done else row.now / self.end for row in self.rows)
