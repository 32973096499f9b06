"""The grammar of the codec `bars`: what may follow, given what stands and what was asked for.

Everything a request fixes holds because nothing else can be drawn: instruments, drums, bars, metre, and the limits of
bars_limits.py. A new piece sounds in its first and its last bar. Every part plays: by a quarter of the bars the silent
ones must begin, and those that were asked for by name never rest for more than four bars. Notes end with the piece, or
with the run of bars that is being written.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_header import Header, Heading
from bandmate.codecs.bars_lean import UNUSUAL, leaning, resting
from bandmate.codecs.bars_limits import BASS, Limits
from bandmate.codecs.bars_plan import Bar, Plan, metre_number
from bandmate.codecs.bars_stream import Stream, notes_of, rests
from bandmate.codecs.bars_vary import Past, Variation
from bandmate.codecs.codec import Grammar
from bandmate.music.draft import Draft
from bandmate.music.grid import tidy
from bandmate.music.instruments import DRUM_CLASS
from bandmate.music.request import Request
from bandmate.music.theory import parse_key
from bandmate.piece import Piece

LONGEST_REST = 4  # bars
MAX_NOTES_A_BAR = 256  # a bar with more is a model that is stuck

# How many durations of the table are no longer than so many steps.
FITTING = np.searchsorted(b.DURATIONS, np.arange(b.DURATIONS[-1] + 1), side="right").tolist()


class BarsGrammar(Grammar):
    """Streams of the codec `bars` under one request."""

    def __init__(self, codec: b.Bars, request: Request, rows: int, draft: Draft | None = None) -> None:
        self.codec, self.request, self.draft = codec, request, draft
        key = None if request.key is None else parse_key(request.key)
        if draft is None:
            self.plan, self.programs, self.drums, required = self._new(request)
        else:
            self.plan, self.programs, required = Plan.of(draft), draft.programs, set(draft.required)
            self.drums = DRUM_CLASS in self.programs
        self.limits = Limits(request, self.programs, self.drums, key, self.plan.todo[0].number)
        self.required = required
        self.heading = Heading(codec, request, self.plan, self.programs, self.drums, key, draft)
        self.prompt = np.array(self.heading.slots[:self.heading.forced] if draft is None else [], np.int16).reshape(-1, 3)
        self.todo = self.plan.todo
        self.given = draft.on_grid(b.STEPS_PER_QUARTER)[0][~draft.written] if draft else np.zeros((0, 5), np.int64)
        self.rows = [Stream(Header(self.heading, self.limits.table, draft is not None), required, self.limits.table)
                     for _ in range(rows)]
        self.leans = [lean for _ in range(rows) for lean in [leaning(request)] if lean is not None]
        self.variations = [Variation(request, self.limits.table, n) for n in range(rows)] if request.task == "vary" else []
        self.past = Past(Plan.of(draft.whole()).bars, rows) if draft and request.fresh else None
        for row in self.rows:
            row.reach = len(self.todo) if draft is None else 0  # a new piece has heard all that there is
            row.remember(self.given, self.todo[0], self.limits)

    def _new(self, request: Request) -> tuple[Plan, dict[int, int] | None, bool | None, set[int]]:
        programs, drums = request.programs(), request.drums
        required = set(programs or {}) | ({DRUM_CLASS} if drums else set())
        if programs is not None and drums is None:
            drums = DRUM_CLASS in programs
        return Plan.new(request.bars, metre_number(request.metre)), programs, drums, required

    # What may come next

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.rows), self.codec.sizes[field]), bool)
        fill = (self._when, self._what, self._how)[field]
        for number, (row, ids, into) in enumerate(zip(self.rows, chosen.tolist(), out, strict=True)):
            if row.done:
                into[0] = True
            else:
                fill(number, row, ids, into)
        return out

    def _when(self, number: int, row: Stream, ids: list[int], into: np.ndarray) -> None:
        if not row.header.written:
            row.header.when(into)
            return
        if row.at < 0 or row.between:
            into[self.todo[row.at + 1].line[0]] = True
            return
        bar = self.todo[row.at]
        ending = b.END if self._ends_run(row) else self.todo[row.at + 1].line[0]
        places = into[b.POSITION:b.POSITION + min(bar.steps, b.POSITIONS)]
        if self.variations:
            variation = self.variations[number]
            variation.when(row.position, row.what, row.highest, places)
            for position in np.flatnonzero(places).tolist():
                if any(end > bar.start + position for _, end in row.held):
                    before = row.what if position == row.position and row.notes else 0
                    places[position] = variation.can_play(position, before, self._notes(number, row, bar, position))
            into[ending] = variation.complete or not into.any()
            return
        if row.owed or row.notes < MAX_NOTES_A_BAR:
            self._open(number, row, bar, places)
        last = row.at == len(self.todo) - 1
        whole = self.draft is None or self.request.task == "continue"
        silent = not row.notes and whole and ((row.at == 0 and self.draft is None) or (
            last and row.sounds_until <= bar.start))
        silent |= self._ends_run(row) and not row.notes_in_run
        into[ending] = not ((row.owed or silent) and places.any())

    def _open(self, number: int, row: Stream, bar: Bar, places: np.ndarray) -> None:
        """Mark the positions of a bar at which a note may start."""
        if self.limits.plain:
            places[row.position + (row.notes > 0 and row.what >= row.highest):] = row.highest > 0
        else:
            found = self.limits.places(bar, row.playing, row.ends, row.last_onset(), row.bass_from)
            places[row.position:] = found[row.position:]
            if row.notes and places[row.position]:
                places[row.position] = self._notes(number, row, bar, row.position)[row.what + 1 - b.NOTES:].any()
        if self.past is not None:
            for position in self.past.places(number, bar):
                if position < len(places) and places[position]:
                    notes = self._notes(number, row, bar, position)
                    places[position] = notes[row.what + 1 - b.NOTES if position == row.position and row.notes else 0:].any()

    def _notes(self, number: int, row: Stream, bar: Bar, position: int) -> np.ndarray:
        """Return which notes may start at a position: bool (17 * 128,)."""
        if self.limits.plain:
            notes = row.table.ravel()
        else:
            before = row.before if position == row.position and row.notes else row.last_onset()
            due = bool(self.limits.chords) and row.bass_from != self.limits.harmony(bar).start_of[position]
            notes = self.limits.allowed(bar, row.playing, position, row.ends, before, due).ravel()
        barred = [voice for voice, end in row.held if end > bar.start + position]
        if barred and not notes[np.setdiff1d(np.flatnonzero(notes), barred)].any():
            barred = []  # a note where one is held is lost, but better than none
        if self.past is not None:
            barred += [what - b.NOTES for what in self.past.completing(number, bar, position)]
        if barred:
            notes = notes.copy()
            notes[barred] = False
        return notes

    def _what(self, number: int, row: Stream, ids: list[int], into: np.ndarray) -> None:
        when = ids[0]
        if not row.header.written:
            row.header.what(when, into)
        elif when == b.END:
            into[0] = True
        elif when < b.POSITION:
            into[self.todo[row.at + 1].line[1]] = True
        else:
            bar, position = self.todo[row.at], when - b.POSITION
            notes = into[b.NOTES:b.LEFT_AT]
            notes[:] = self._notes(number, row, bar, position)
            if position == row.position and row.notes:
                notes[:row.what + 1 - b.NOTES] = False
            if self.variations:
                self.variations[number].what(position, row.what if position == row.position and row.notes else 0, notes)
                return
            owed = [family for family in sorted(row.owed) if notes[family * 128:family * 128 + 128].any()]
            if owed:
                notes[:owed[0] * 128] = False
                notes[owed[0] * 128 + 128:] = False

    def _how(self, number: int, row: Stream, ids: list[int], into: np.ndarray) -> None:
        when = ids[0]
        if not row.header.written:
            row.header.how(when, into)
        elif when == b.END:
            into[0] = True
        elif when < b.POSITION:
            into[self.todo[row.at + 1].line[2]] = True
        else:
            bar = self.todo[row.at]
            last = self.plan.bars[bar.last - 1]
            rest = last.start + last.steps - bar.start - (when - b.POSITION)
            into[1:1 + b.VELOCITIES * FITTING[min(rest, len(FITTING) - 1)]] = True
            if self.variations:
                self.variations[number].how(when - b.POSITION, ids[1], into)

    def lean(self, field: int, chosen: np.ndarray) -> np.ndarray | None:
        if field != 1 and not (self.leans and (field or self.leans[0].on_time)):
            return None
        out = np.zeros((len(self.rows), self.codec.sizes[field]), np.float32)
        if field == 1:
            out[:, b.NOTES:b.LEFT_AT] = [(resting(row.played, row.at) - UNUSUAL).ravel() for row in self.rows]
        if not self.leans:
            return out
        for lean, row, ids, into in zip(self.leans, self.rows, chosen.tolist(), out, strict=True):
            if row.done or not row.header.written or row.at < 0 or row.between:
                continue
            if field == 0:
                lean.when(row.position, row.notes, self.todo[row.at].steps, into)
            elif ids[0] >= b.POSITION:
                lean.note(field, ids[0] - b.POSITION, row.at / len(self.todo), into)
        return out

    def _ends_run(self, row: Stream) -> bool:
        return row.at + 1 == len(self.todo) or self.todo[row.at + 1].first != self.todo[row.at].first

    # What was chosen

    def advance(self, chosen: np.ndarray) -> None:
        for number, (row, (when, what, how)) in enumerate(zip(self.rows, chosen.tolist(), strict=True)):
            if row.done:
                continue
            if not row.header.written:
                row.header.advance(when, what)
                row.silent = self.required | row.header.chosen
            elif when == b.END:
                row.between = True
                row.done = row.at + 1 == len(self.todo)
            elif when < b.POSITION:
                self._begin_bar(number, row)
            else:
                self._play(number, row, when - b.POSITION, what, how)

    def _begin_bar(self, number: int, row: Stream) -> None:
        row.at, row.position, row.what, row.notes, row.between = row.at + 1, 0, 0, 0, False
        bar = self.todo[row.at]
        if row.at == 0 or self.todo[row.at - 1].first != bar.first:
            row.notes_in_run = 0
            row.remember(self.given, bar, self.limits)
        row.playing = bar.parts & self._named(row)
        row.allow(self.limits.table & row.playing[:, None])
        row.bass_from = -1
        if row.at == len(self.todo) // 4:
            row.owed = set(row.silent)
        row.owed |= {family for family, last in row.played.items() if row.at - last > LONGEST_REST}
        row.owed = {family for family in row.owed if row.table[family].any()}
        if self.variations:
            self.variations[number].begin(bar)
        if self.past is not None:
            self.past.begin(number, bar)
        if self.leans:
            self.leans[number].begin(bar)

    def _named(self, row: Stream) -> np.ndarray:
        """Tell which classes the header names, where the model chose them: bool (17,)."""
        if self.programs is not None or not row.header.chosen:
            return np.ones(DRUM_CLASS + 1, bool)
        return np.isin(np.arange(DRUM_CLASS + 1), sorted(row.header.chosen))

    def _play(self, number: int, row: Stream, position: int, what: int, how: int) -> None:
        family, pitch = divmod(what - b.NOTES, 128)
        bar = self.todo[row.at]
        if position != row.position or not row.notes:
            row.before = row.last_onset()
        row.position, row.what, row.notes, row.notes_in_run = position, what, row.notes + 1, row.notes_in_run + 1
        start = bar.start + position
        row.ends[what] = start + int(b.DURATIONS[(how - 1) // b.VELOCITIES])
        row.sounds_until = max(row.sounds_until, row.ends[what])
        at, pitches = row.onset.get(family, (-1, []))
        row.onset[family] = (start, [*pitches, pitch] if at == start else [pitch])
        if family == BASS and self.limits.chords:
            row.bass_from = self.limits.harmony(bar).start_of[position]
        row.silent.discard(family)
        row.owed.discard(family)
        if family in row.played:
            row.played[family] = row.at
        if self.variations:
            self.variations[number].play(position, what)
        if self.past is not None:
            self.past.play(number, position, what)
        if self.leans:
            self.leans[number].play(position, what, how)

    @property
    def stale(self) -> bool:
        return any(not row.done and self._next(row).number >= row.reach for row in self.rows)

    def _next(self, row: Stream) -> Bar:
        """Return the bar that is being written; between two runs the one to come."""
        return self.todo[min(max(row.at + row.between, 0), len(self.todo) - 1)]

    def hear(self, number: int, stream: np.ndarray, room: int) -> np.ndarray:
        row, bar = self.rows[number], self._next(self.rows[number])
        if not row.header.written:
            return stream
        lines = np.flatnonzero(b.bar_lines(stream[:, 0]))
        written = [rows[rows[:, 0] != b.END] for rows in np.split(stream, lines)[1:]]
        header = stream[:int(np.argmax(stream[:, 0] == b.MUSIC))] if self.draft is None else np.array(self.heading.slots[:-1])
        header = self.heading.now(header, max(row.at, 0) / len(self.todo))
        rows, row.reach = self.plan.hear(header, bar.number, written, room)
        return rows

    def piece(self, stream: np.ndarray) -> Piece:
        if self.draft is None:
            return self.codec.decode(stream, self.request)
        return self.draft.finish(tidy(notes_of(stream, self.todo)).astype(np.int64), b.STEPS_PER_QUARTER)

    def misses(self, stream: np.ndarray) -> int:
        first = 0 if self.draft is not None else int(np.argmax(stream[:, 0] == b.MUSIC)) + 1
        return self.heading.misses(stream[first:]) + rests(stream, self.required)

    @property
    def done(self) -> np.ndarray:
        return np.array([row.done for row in self.rows])

    @property
    def progress(self) -> float:
        return min(1.0 if row.done else max(row.at, 0) / len(self.todo) for row in self.rows)
