"""The grammar of the codec `bars`: what may follow, given what stands and what was asked for.

Everything a request fixes holds because nothing else can be drawn: instruments, drums, number of bars, metre, key,
pitch ranges. The first and the last bar sound. Every part plays: by a quarter of the piece the silent ones must begin,
and those that were asked for by name never rest for more than four bars. Notes end with the piece.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.codec import Grammar
from bandmate.music.instruments import CLASSES, DRUM_CLASS, DRUM_KIT
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.settings import UserError, nearest

LONGEST_REST = 4  # bars
MAX_NOTES_A_BAR = 256  # a bar with more is a model that is stuck

# How many durations of the table are no longer than so many steps.
FITTING = np.searchsorted(b.DURATIONS, np.arange(b.DURATIONS[-1] + 1), side="right").tolist()


class _Row:
    """Where one stream stands."""

    def __init__(self, allowed: np.ndarray, required: set[int]) -> None:
        self.slot = 0  # which header slot is next
        self.parts = -1  # the last class that the header named
        self.bar = -1
        self.position = 0
        self.what = 0  # the last note at this position
        self.notes = 0  # notes in this bar
        self.silent = set(required)  # classes that have not played yet
        self.played = dict.fromkeys(required, 0)  # the bar in which each class that was asked for played last
        self.owed: set[int] = set()  # classes that must play in this bar
        self.ends: dict[int, int] = {}  # the step at which each voice (an id of "what") falls silent
        self.allow(allowed)
        self.done = False

    def allow(self, notes: np.ndarray) -> None:
        """Set which ids of "what" may play: bool (V,)."""
        self.allowed = notes
        self.highest = int(np.flatnonzero(notes)[-1])


class BarsGrammar(Grammar):
    """Streams of the codec `bars` under one request."""

    def __init__(self, codec: b.Bars, request: Request, rows: int) -> None:
        metre = parse_metre(request.metre)
        if metre not in b.METRES:
            raise UserError(f"the metre {request.metre} is not among those of the codec 'bars'; "
                            f"{nearest(request.metre, ['{}/{}'.format(*known) for known in b.METRES])}")
        style = _known("style", request.style, codec.config.styles)
        composer = _known("composer", request.composer, codec.config.composers)
        self.bars = request.bars
        self.metre = b.METRE_AT + b.METRES.index(metre)
        self.steps = b.METRE_STEPS[b.METRES.index(metre)]
        self.left = (b.LEFT_AT + b.left_index(self.bars - np.arange(self.bars))).tolist()  # what each bar says
        self.sizes = codec.sizes
        self.programs, self.drums = request.programs(), request.drums
        if self.programs is not None and request.drums is None:
            self.drums = DRUM_CLASS in self.programs
        key = None if request.key is None else parse_key(request.key)
        header = codec.header(style, composer, self.programs, self.drums, b.METRES.index(metre), key,
                              request.tempo, request.bars)
        # Header slots: what is forced is a row; what the model chooses is the name of a kind.
        self.slots: list[tuple[int, int, int] | int] = list(header)
        if self.programs is None:
            self.slots.insert(next(n for n, row in enumerate(header) if row[0] == b.METRE), b.PART)
        if request.tempo is None:
            self.slots.insert(next(n for n, row in enumerate(self.slots) if isinstance(row, tuple) and row[0] == b.LENGTH),
                              b.TEMPO)
        forced = next((n for n, slot in enumerate(self.slots) if isinstance(slot, int)), len(self.slots))
        self.prompt = np.array(self.slots[:forced], np.int16)
        allowed = self._allowed_notes(request, key)
        required = set(self.programs or {}) | ({DRUM_CLASS} if request.drums else set())
        self.rows = [_Row(allowed, required) for _ in range(rows)]
        for row in self.rows:
            row.slot = forced

    def _allowed_notes(self, request: Request, key: int | None) -> np.ndarray:
        """Return which ids of "what" are notes that the request lets play: bool (sizes[1],)."""
        table = np.ones((17, 128), bool)
        if key is not None:
            table[:DRUM_CLASS] &= np.isin(np.arange(128) % 12, scale(key))
        table[DRUM_CLASS] = np.isin(np.arange(128), DRUM_KIT)
        for family, (low, high) in request.pitch_ranges().items():
            table[family, :low] = table[family, high + 1:] = False
        if self.programs is not None:
            table[[family for family in range(17) if family not in self.programs]] = False
        if self.drums is False:
            table[DRUM_CLASS] = False
        for family in [*(self.programs or {})] or [*range(17 - (self.drums is False))]:
            if not table[family].any():
                raise UserError(f"{CLASSES[family]} has no pitch in the range and key asked for; widen the range")
        allowed = np.zeros(self.sizes[1], bool)
        allowed[b.NOTES:b.LEFT_AT] = table.ravel()
        return allowed

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.rows), self.sizes[field]), bool)
        fill = (self._when, self._what, self._how)[field]
        for row, ids, into in zip(self.rows, chosen.tolist(), out, strict=True):
            if row.done:
                into[0] = True
            else:
                fill(row, ids, into)
        return out

    def _when(self, row: _Row, ids: list[int], into: np.ndarray) -> None:
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
        if row.bar < 0:
            into[b.BAR] = True
            return
        room = row.notes == 0 or row.what < row.highest
        if row.owed or row.notes < MAX_NOTES_A_BAR:
            into[b.POSITION + row.position + (not room):b.POSITION + self.steps] = True
        last = row.bar == self.bars - 1
        silent = not row.notes and (row.bar == 0 or (last and max(row.ends.values()) <= row.bar * self.steps))
        if not row.owed and not silent:
            into[b.END if last else b.BAR] = True

    def _what(self, row: _Row, ids: list[int], into: np.ndarray) -> None:
        when = ids[0]
        if row.slot < len(self.slots):
            slot = self.slots[row.slot]
            if slot == b.PART and when == b.PART:
                owes_drums = self.drums and row.parts < DRUM_CLASS
                first = b.NOTES + (row.parts + 1) * 128
                for family in range(row.parts + 1, DRUM_CLASS):
                    if row.allowed[b.NOTES + family * 128:b.NOTES + family * 128 + 128].any():
                        into[b.NOTES + family * 136:b.NOTES + family * 136 + 8] = True
                into[:first] = False
                if self.drums or (self.drums is None and row.parts < DRUM_CLASS):
                    into[b.NOTES + DRUM_CLASS * 128] = owes_drums or self.drums is None
            elif slot == b.PART:  # the model closed the list of parts: the slot after it is being written
                self._fill_slot(self.slots[row.slot + 1], 1, into)
            else:
                self._fill_slot(slot, 1, into)
        elif when == b.BAR:
            into[self.left[row.bar + 1]] = True
        elif when == b.END:
            into[0] = True
        else:
            into[:] = row.allowed
            if row.owed:
                family = min(row.owed)
                into[:b.NOTES + family * 128] = False
                into[b.NOTES + family * 128 + 128:] = False
            if when - b.POSITION == row.position and row.notes:
                into[:row.what + 1] = False

    def _fill_slot(self, slot: tuple[int, int, int] | int, field: int, into: np.ndarray) -> None:
        if isinstance(slot, tuple):
            into[slot[field]] = True
        elif field == 1:  # a tempo for the model to choose
            into[b.TEMPO_AT:b.KEY_AT] = True
        else:
            into[0] = True

    def _how(self, row: _Row, ids: list[int], into: np.ndarray) -> None:
        when = ids[0]
        if row.slot < len(self.slots):
            slot = self.slots[row.slot]
            if slot == b.PART:
                slot = (b.PART, 0, 0) if when == b.PART else self.slots[row.slot + 1]
            self._fill_slot(slot, 2, into)
        elif when == b.BAR:
            into[self.metre] = True
        elif when == b.END:
            into[0] = True
        else:
            rest = (self.bars - row.bar) * self.steps - (when - b.POSITION)
            into[1:1 + b.VELOCITIES * FITTING[min(rest, len(FITTING) - 1)]] = True

    def advance(self, chosen: np.ndarray) -> None:
        for row, (when, what, how) in zip(self.rows, chosen.tolist(), strict=True):
            if row.done:
                continue
            if row.slot < len(self.slots):
                self._advance_header(row, when, what)
            elif when == b.BAR:
                row.bar, row.position, row.what, row.notes = row.bar + 1, 0, 0, 0
                if row.bar == self.bars // 4:
                    row.owed = set(row.silent)
                row.owed |= {family for family, last in row.played.items() if row.bar - last > LONGEST_REST}
            elif when == b.END:
                row.done = True
            else:
                family = (what - b.NOTES) // 128
                row.position, row.what, row.notes = when - b.POSITION, what, row.notes + 1
                row.ends[what] = row.bar * self.steps + row.position + int(b.DURATIONS[(how - 1) // b.VELOCITIES])
                row.silent.discard(family)
                row.owed.discard(family)
                if family in row.played:
                    row.played[family] = row.bar

    def _advance_header(self, row: _Row, when: int, what: int) -> None:
        if self.slots[row.slot] == b.PART:
            if when == b.PART:
                row.parts = (what - b.NOTES) // 128
                row.silent.add(row.parts)
                return
            row.slot += 1
            silent = [family for family in range(17) if family not in row.silent]
            table = row.allowed[b.NOTES:b.LEFT_AT].copy().reshape(17, 128)
            table[silent] = False
            allowed = row.allowed.copy()
            allowed[b.NOTES:b.LEFT_AT] = table.ravel()
            row.allow(allowed)
        row.slot += 1

    @property
    def done(self) -> np.ndarray:
        return np.array([row.done for row in self.rows])

    @property
    def progress(self) -> float:
        return min(1.0 if row.done else max(row.bar, 0) / self.bars for row in self.rows)


def _known(what: str, name: str | None, known: tuple[str, ...]) -> str | None:
    """Return the known name that a person means: the same but for capitals, or the only one that holds the word."""
    if name is None:
        return None
    same = [word for word in known if word.lower() == name.lower()] or [word for word in known if name.lower() in word.lower()]
    if len(same) == 1:
        return same[0]
    hint = f"which of {', '.join(same)}?" if same else nearest(name, known) if known else f"it was trained without any {what}"
    raise UserError(f"this model does not know the {what} '{name}'; {hint}")
