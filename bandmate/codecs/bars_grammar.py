"""The grammar of the codec `bars`: what may follow, given what stands and what was asked for.

Everything a request fixes holds because nothing else can be drawn: instruments, drums, bars, metre, and the limits of
bars_limits.py. A new piece sounds in its first and its last bar. Every part plays: by a quarter of the bars the silent
ones must begin, and those that were asked for by name never rest for more than four bars. Notes end with the piece, or
with the run of bars that is being written.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_lessons import character, loud
from bandmate.codecs.bars_limits import BASS, Limits
from bandmate.codecs.bars_plan import Bar, Plan
from bandmate.codecs.bars_vary import Past, Variation
from bandmate.codecs.codec import Grammar
from bandmate.music.character import VELOCITY_STEP
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, mean_tempo, tidy
from bandmate.music.instruments import CLASSES, DRUM_CLASS
from bandmate.music.request import Request
from bandmate.music.theory import find_key, parse_key, parse_metre, pitch_name
from bandmate.piece import Piece
from bandmate.settings import UserError, nearest

LONGEST_REST = 4  # bars
MAX_NOTES_A_BAR = 256  # a bar with more is a model that is stuck

# How many durations of the table are no longer than so many steps.
FITTING = np.searchsorted(b.DURATIONS, np.arange(b.DURATIONS[-1] + 1), side="right").tolist()


class _Row:
    """Where one stream stands."""

    def __init__(self, required: set[int], table: np.ndarray) -> None:
        self.slot = 0  # which header slot is next
        self.parts = -1  # the last class that the header named
        self.chosen: set[int] = set()  # the classes that the header named, where the model chose them
        self.at = -1  # which of the bars to be written
        self.reach = 0  # the bar up to which what is given has been heard
        self.between = False  # whether a run of bars has ended and the next has not begun
        self.position = 0
        self.what = 0  # the last note at this position
        self.notes = 0  # notes in this bar
        self.notes_in_run = 0
        self.silent = set(required)  # classes that have not played yet
        self.played = dict.fromkeys(required, -1)  # the bar in which each class that was asked for played last
        self.owed: set[int] = set()  # classes that must play in this bar
        self.ends: dict[int, int] = {}  # the step at which each voice (an id of "what") falls silent
        self.onset: dict[int, tuple[int, list[int]]] = {}  # where each class played last, and which pitches
        self.before: dict[int, np.ndarray] = {}  # the pitches of each class's onset before this position
        self.playing = np.ones(DRUM_CLASS + 1, bool)  # the classes that play in this bar
        self.bass_from = -1  # the position of the chord under which the bass has played last
        self.allow(table)
        self.done = False

    def last_onset(self) -> dict[int, np.ndarray]:
        """Return the pitches that each class played last, as they bear upon an onset after this position."""
        return {family: np.array(pitches) for family, (_, pitches) in self.onset.items()}

    def allow(self, table: np.ndarray) -> None:
        """Set which notes may play in this bar, whatever has sounded: bool (17, 128)."""
        self.table = table
        found = np.flatnonzero(table)
        self.highest = b.NOTES + int(found[-1]) if len(found) else 0


class BarsGrammar(Grammar):
    """Streams of the codec `bars` under one request."""

    def __init__(self, codec: b.Bars, request: Request, rows: int, draft: Draft | None = None) -> None:
        self.codec, self.request, self.draft = codec, request, draft
        self.sizes = codec.sizes
        self.style = _known("style", request.style, codec.config.styles)
        self.composer = _known("composer", request.composer, codec.config.composers)
        key = None if request.key is None else parse_key(request.key)
        if draft is None:
            self.plan, self.programs, self.drums, required = self._new(request)
        else:
            self.plan, self.programs, required = Plan.of(draft), draft.programs, set(draft.required)
            self.drums = DRUM_CLASS in self.programs
        self.limits = Limits(request, self.programs, self.drums, key)
        self.slots = self._slots(key)
        forced = next((n for n, slot in enumerate(self.slots) if isinstance(slot, int)), len(self.slots))
        self.prompt = np.array(self.slots[:forced] if draft is None else [], np.int16).reshape(-1, 3)
        self.todo = self.plan.todo
        self.given = draft.on_grid(b.STEPS_PER_QUARTER)[0][~draft.written] if draft else np.zeros((0, 5), np.int64)
        self.rows = [_Row(required, self.limits.table) for _ in range(rows)]
        self.variations = [Variation(request, self.limits.table, n) for n in range(rows)] if request.task == "vary" else []
        self.past = Past(self.plan.bars, rows) if request.fresh else None
        for row in self.rows:
            row.slot = len(self.slots) if draft else forced
            self._remember_given(row, self.todo[0])

    def _new(self, request: Request) -> tuple[Plan, dict[int, int] | None, bool | None, set[int]]:
        metre = parse_metre(request.metre)
        if metre not in b.METRES:
            raise UserError(f"the metre {request.metre} is not among those of the codec 'bars'; "
                            f"{nearest(request.metre, ['{}/{}'.format(*known) for known in b.METRES])}")
        programs, drums = request.programs(), request.drums
        required = set(programs or {}) | ({DRUM_CLASS} if drums else set())
        if programs is not None and drums is None:
            drums = DRUM_CLASS in programs
        return Plan.new(request.bars, b.METRES.index(metre)), programs, drums, required

    def _slots(self, key: int | None) -> list[tuple[int, int, int] | int]:
        """Return the header: a row where it is forced, the name of a kind where the model chooses."""
        bars, tempo = self.plan.bars, self.request.tempo
        if self.draft is not None:
            notes = self.draft.notes[self.draft.notes[:, PROGRAM] != DRUM_CLASS]
            if key is None and len(notes):
                key = find_key(notes[:, PITCH], notes[:, DURATION])
            tempo = tempo or mean_tempo(self.draft.prompt)
        metre = (self.plan.todo[0] if self.draft else bars[0]).line[2] - b.METRE_AT
        header = self.codec.header(self.style, self.composer, self.programs, self.drums, metre, key, tempo, len(bars))
        slots: list[tuple[int, int, int] | int] = [*header[:-1], *self._character(0), header[-1]]
        if self.programs is None:
            slots.insert(next(n for n, row in enumerate(header) if row[0] == b.METRE), b.PART)
        if tempo is None:
            slots.insert(next(n for n, row in enumerate(slots) if isinstance(row, tuple) and row[0] == b.LENGTH), b.TEMPO)
        return slots

    def _character(self, at: int) -> list[tuple[int, int, int]]:
        """Return the header rows about the character that was asked for, at a place on the way through the bars."""
        rows = [(kind, b.LEVEL_AT + getattr(self.request, name) - 1, 0) for name, kind in b.CHARACTER.items()
                if getattr(self.request, name) is not None]
        levels = self.request.loudness_levels()
        if levels is not None:
            first, last = levels
            rows.append(loud(round(first + (last - first) * at / max(len(self.plan.todo), 1)), last))
        return rows

    def _remember_given(self, row: _Row, bar: Bar) -> None:
        """Note what is given before a run that begins with ``bar`` and bears upon it: what sounds on, and the last pitches."""
        for start, duration, pitch, _, family in self.given[self.given[:, START] < bar.start].tolist():
            what = b.NOTES + family * 128 + pitch
            row.ends[what] = max(row.ends.get(what, 0), start + duration)
            at, pitches = row.onset.get(family, (-1, []))
            if start >= at:
                row.onset[family] = (start, [pitch] if start > at else [*pitches, pitch])
        self._check_leaps(row)

    def _check_leaps(self, row: _Row) -> None:
        """See that each part can go on from what it played last."""
        for family, limit in self.limits.leaps.items():
            pitches = row.last_onset().get(family)
            if pitches is None or not any(bar.parts[family] for bar in self.todo):
                continue
            near = np.abs(np.flatnonzero(self.limits.table[family])[:, None] - pitches) <= limit
            if not near.any():
                raise UserError(f"{CLASSES[family]} plays {pitch_name(int(pitches[0]))} before, from where a leap of at most "
                                f"{limit} semitones does not reach what the range and the key allow; widen one of them")

    # What may come next

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.rows), self.sizes[field]), bool)
        fill = (self._when, self._what, self._how)[field]
        for number, (row, ids, into) in enumerate(zip(self.rows, chosen.tolist(), out, strict=True)):
            if row.done:
                into[0] = True
            else:
                fill(number, row, ids, into)
        return out

    def _when(self, number: int, row: _Row, ids: list[int], into: np.ndarray) -> None:
        if row.slot < len(self.slots):
            slot = self.slots[row.slot]
            if slot == b.PART:
                into[b.PART] = row.parts < DRUM_CLASS - (self.drums is False)
                following = self.slots[row.slot + 1]
                ready = row.parts >= 0 and (row.parts == DRUM_CLASS or not self.drums)
                into[following[0] if isinstance(following, tuple) else following] = ready
            else:
                into[slot[0] if isinstance(slot, tuple) else slot] = True
            return
        if row.at < 0 or row.between:
            into[self.todo[row.at + 1].line[0]] = True
            return
        bar = self.todo[row.at]
        ending = b.END if self._ends_run(row) else self.todo[row.at + 1].line[0]
        places = into[b.POSITION:b.POSITION + min(bar.steps, b.POSITIONS)]
        if self.variations:
            self.variations[number].when(row.position, row.what, row.highest, places)
            into[ending] = self.variations[number].complete
            if not into.any():
                into[ending] = True
            return
        if row.owed or row.notes < MAX_NOTES_A_BAR:
            self._open(number, row, bar, places)
        last = row.at == len(self.todo) - 1
        whole = self.draft is None or self.request.task == "continue"
        silent = not row.notes and whole and ((row.at == 0 and self.draft is None) or (
            last and max(row.ends.values(), default=0) <= bar.start))
        silent |= self._ends_run(row) and not row.notes_in_run
        into[ending] = not ((row.owed or silent) and places.any())

    def _open(self, number: int, row: _Row, bar: Bar, places: np.ndarray) -> None:
        """Mark the positions of a bar at which a note may start."""
        if self.limits.plain:
            places[row.position + (row.notes > 0 and row.what >= row.highest):] = row.highest > 0
        else:
            places[row.position:] = self.limits.places(bar, row.playing, row.ends, row.last_onset(), row.bass_from)[row.position:]
            if row.notes and places[row.position]:
                places[row.position] = self._notes(number, row, bar, row.position)[row.what + 1 - b.NOTES:].any()
        if self.past is not None:
            for position in self.past.places(number, bar):
                if position < len(places) and places[position]:
                    notes = self._notes(number, row, bar, position)
                    places[position] = notes[row.what + 1 - b.NOTES if position == row.position and row.notes else 0:].any()

    def _notes(self, number: int, row: _Row, bar: Bar, position: int) -> np.ndarray:
        """Return which notes may start at a position: bool (17 * 128,)."""
        if self.limits.plain:
            notes = row.table.ravel()
        else:
            before = row.before if position == row.position and row.notes else row.last_onset()
            due = bool(self.limits.chords) and row.bass_from != self.limits.harmony(bar).start_of[position]
            notes = self.limits.allowed(bar, row.playing, position, row.ends, before, due).ravel()
        if self.past is not None:
            notes = notes.copy()
            notes[[what - b.NOTES for what in self.past.completing(number, bar, position)]] = False
        return notes

    def _what(self, number: int, row: _Row, ids: list[int], into: np.ndarray) -> None:
        when = ids[0]
        if row.slot < len(self.slots):
            self._what_in_header(row, when, into)
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
                self.variations[number].what(position, notes)
                return
            owed = [family for family in sorted(row.owed) if notes[family * 128:family * 128 + 128].any()]
            if owed:
                notes[:owed[0] * 128] = False
                notes[owed[0] * 128 + 128:] = False

    def _what_in_header(self, row: _Row, when: int, into: np.ndarray) -> None:
        slot = self.slots[row.slot]
        if slot == b.PART and when == b.PART:
            owes_drums = self.drums and row.parts < DRUM_CLASS
            for family in range(row.parts + 1, DRUM_CLASS):
                if row.table[family].any():
                    into[b.NOTES + family * 136:b.NOTES + family * 136 + 8] = True
            if self.drums or (self.drums is None and row.parts < DRUM_CLASS):
                into[b.NOTES + DRUM_CLASS * 128] = owes_drums or self.drums is None
        elif slot == b.PART:  # the model closed the list of parts: the slot after it is being written
            self._fill_slot(self.slots[row.slot + 1], 1, into)
        else:
            self._fill_slot(slot, 1, into)

    def _fill_slot(self, slot: tuple[int, int, int] | int, field: int, into: np.ndarray) -> None:
        if isinstance(slot, tuple):
            into[slot[field]] = True
        elif field == 1:  # a tempo for the model to choose
            into[b.TEMPO_AT:b.KEY_AT] = True
        else:
            into[0] = True

    def _how(self, number: int, row: _Row, ids: list[int], into: np.ndarray) -> None:
        when = ids[0]
        if row.slot < len(self.slots):
            slot = self.slots[row.slot]
            if slot == b.PART:
                slot = (b.PART, 0, 0) if when == b.PART else self.slots[row.slot + 1]
            self._fill_slot(slot, 2, into)
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

    def _ends_run(self, row: _Row) -> bool:
        return row.at + 1 == len(self.todo) or self.todo[row.at + 1].first != self.todo[row.at].first

    # What was chosen

    def advance(self, chosen: np.ndarray) -> None:
        for number, (row, (when, what, how)) in enumerate(zip(self.rows, chosen.tolist(), strict=True)):
            if row.done:
                continue
            if row.slot < len(self.slots):
                self._advance_header(row, when, what)
            elif when == b.END:
                row.between = True
                row.done = row.at + 1 == len(self.todo)
            elif when < b.POSITION:
                self._begin_bar(number, row)
            else:
                self._play(number, row, when - b.POSITION, what, how)

    def _begin_bar(self, number: int, row: _Row) -> None:
        row.at, row.position, row.what, row.notes, row.between = row.at + 1, 0, 0, 0, False
        bar = self.todo[row.at]
        if row.at == 0 or self.todo[row.at - 1].first != bar.first:
            row.notes_in_run = 0
            self._remember_given(row, bar)
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

    def _named(self, row: _Row) -> np.ndarray:
        """Tell which classes the header names, where the model chose them: bool (17,)."""
        if self.programs is not None or not row.chosen:
            return np.ones(DRUM_CLASS + 1, bool)
        return np.isin(np.arange(DRUM_CLASS + 1), sorted(row.chosen))

    def _play(self, number: int, row: _Row, position: int, what: int, how: int) -> None:
        family, pitch = divmod(what - b.NOTES, 128)
        bar = self.todo[row.at]
        if position != row.position or not row.notes:
            row.before = row.last_onset()
        row.position, row.what, row.notes, row.notes_in_run = position, what, row.notes + 1, row.notes_in_run + 1
        start = bar.start + position
        row.ends[what] = start + int(b.DURATIONS[(how - 1) // b.VELOCITIES])
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

    def _advance_header(self, row: _Row, when: int, what: int) -> None:
        if self.slots[row.slot] == b.PART:
            if when == b.PART:
                row.parts = (what - b.NOTES) // 128
                row.chosen.add(row.parts)
                row.silent.add(row.parts)
                return
            row.slot += 1
        row.slot += 1

    @property
    def stale(self) -> bool:
        return any(not row.done and self._next(row).number >= row.reach for row in self.rows)

    def _next(self, row: _Row) -> Bar:
        """Return the bar that is being written; between two runs the one to come."""
        return self.todo[min(max(row.at + row.between, 0), len(self.todo) - 1)]

    def hear(self, number: int, stream: np.ndarray, room: int) -> np.ndarray:
        row, bar = self.rows[number], self._next(self.rows[number])
        if row.slot < len(self.slots):
            return stream
        lines = np.flatnonzero(b.bar_lines(stream[:, 0]))
        written = [rows[rows[:, 0] != b.END] for rows in np.split(stream, lines)[1:]]
        if self.draft is None:
            header = stream[:int(np.argmax(stream[:, 0] == b.MUSIC))]
        else:
            header = np.array(self.slots[:-1])
        kinds = [*b.CHARACTER.values(), b.LOUDNESS]
        character = np.array(self._character(max(row.at, 0)), np.int64).reshape(-1, 3)
        header = np.concatenate([header[~np.isin(header[:, 0], kinds)], character])
        rows, row.reach = self.plan.hear(header, bar.number, written, room)
        return rows

    def piece(self, stream: np.ndarray) -> Piece:
        if self.draft is None:
            return self.codec.decode(stream, self.request)
        notes = [np.zeros((0, 5), np.int64)]
        for bar, rows in zip(self.todo, np.split(stream, np.flatnonzero(b.bar_lines(stream[:, 0])))[1:], strict=False):
            when, what, how = rows[rows[:, 0] >= b.POSITION].T
            family, pitch = np.divmod(what - b.NOTES, 128)
            duration, velocity = np.divmod(how - 1, b.VELOCITIES)
            notes.append(np.column_stack([bar.start + when - b.POSITION, b.DURATIONS[duration], pitch,
                                          (velocity + 1) * VELOCITY_STEP, family]))
        return self.draft.finish(tidy(np.concatenate(notes)).astype(np.int64), b.STEPS_PER_QUARTER)

    def misses(self, stream: np.ndarray) -> int:
        first = 0 if self.draft is not None else int(np.argmax(stream[:, 0] == b.MUSIC)) + 1
        got = {kind: (what, how) for kind, what, how in character(stream[first:])}
        return sum(abs(got[kind][0] - what) + abs(got[kind][1] - how) if kind in got else 0
                   for kind, what, how in self._character(0))

    @property
    def done(self) -> np.ndarray:
        return np.array([row.done for row in self.rows])

    @property
    def progress(self) -> float:
        return min(1.0 if row.done else max(row.at, 0) / len(self.todo) for row in self.rows)


def _known(what: str, name: str | None, known: tuple[str, ...]) -> str | None:
    """Return the known name that a person means: the same but for capitals, or the only one that holds the word."""
    if name is None:
        return None
    same = [word for word in known if word.lower() == name.lower()] or [word for word in known if name.lower() in word.lower()]
    if len(same) == 1:
        return same[0]
    hint = f"which of {', '.join(same)}?" if same else nearest(name, known) if known else f"it was trained without any {what}"
    raise UserError(f"this model does not know the {what} '{name}'; {hint}")
