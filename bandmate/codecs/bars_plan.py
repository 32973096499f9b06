"""What the codec `bars` is to write, bar by bar, and what the model is to hear while it writes.

For a new piece all bars are empty and all is to be written. In a draft some bars and parts are given. A plan goes
through the bars to be written in runs: neighbouring bars in which the same parts are to be written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_lessons import lay_out
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, VELOCITY
from bandmate.music.instruments import CLASSES
from bandmate.music.theory import parse_metre
from bandmate.settings import UserError, nearest

MOST_GIVEN = 160  # rows of a given bar that are heard; more belong to an orchestra


@dataclass(eq=False)
class Bar:
    """A bar of the plan."""

    number: int  # from the start of the piece
    line: tuple[int, int, int]  # its bar line
    metre: tuple[int, int]  # as the piece has it; the bar line names the nearest that the codec knows
    start: int  # step of the piece
    steps: int
    parts: np.ndarray  # bool (17,): what is to be written
    given: np.ndarray  # rows of the notes that stay
    old: np.ndarray  # rows of the notes that stood where is to be written
    first: int = 0  # the run that it belongs to: from this bar
    last: int = 0  # to this one, half-open

    def row_of_line(self) -> np.ndarray:
        """Return the bar line as rows (1, 3)."""
        return np.array([self.line])


class Plan:
    """All bars of a piece, and which of them are to be written."""

    def __init__(self, bars: list[Bar]) -> None:
        self.bars = bars
        self.todo = [bar for bar in bars if bar.parts.any()]
        first = 0
        for number, bar in enumerate(bars):
            if number and not (bar.parts == bars[number - 1].parts).all():
                first = number
            bar.first = first
        for number, bar in reversed(list(enumerate(bars))):
            follows = number + 1 < len(bars) and bars[number + 1].first == bar.first
            bar.last = bars[number + 1].last if follows else number + 1

    @classmethod
    def new(cls, count: int, metre: int) -> Plan:
        """Plan a new piece of ``count`` bars of one metre (an index into METRES)."""
        steps, everything, nothing = b.METRE_STEPS[metre], np.ones(len(CLASSES), bool), np.zeros((0, 3), np.int64)
        return cls([Bar(number, line(number, count, metre), b.METRES[metre], number * steps, steps, everything, nothing,
                        nothing) for number in range(count)])

    @classmethod
    def of(cls, draft: Draft) -> Plan:
        """Plan what a draft asks for."""
        notes, starts = draft.on_grid(b.STEPS_PER_QUARTER)
        bar = np.maximum(np.searchsorted(draft.bars[:, 0], draft.notes[:, START], side="right") - 1, 0)
        places = np.clip(notes[:, START] - starts[bar], 0, np.minimum(starts[bar + 1] - starts[bar], b.POSITIONS) - 1)
        rows = np.column_stack([b.POSITION + places,
                                b.NOTES + notes[:, PROGRAM] * 128 + notes[:, PITCH],
                                b.how(notes[:, DURATION], np.clip(notes[:, VELOCITY], 1, 127))])
        bars = []
        for number, (numerator, denominator) in enumerate(draft.bars[:, 1:].tolist()):
            steps = int(starts[number + 1] - starts[number])
            given, old = (ordered(rows[(bar == number) & (draft.written == stood)]) for stood in (False, True))
            bars.append(Bar(number, line(number, len(draft.bars), nearest_metre(numerator, denominator, steps)),
                            (numerator, denominator), int(starts[number]), steps, draft.write[number], given, old))
        return cls(bars)

    def hear(self, header: np.ndarray, now: int, written: list[np.ndarray], room: int) -> tuple[np.ndarray, int]:
        """Return what is to be heard before bar ``now`` goes on, at most ``room`` rows, and up to which bar that reaches.

        ``written`` holds the rows written so far, bar lines included, a list entry a bar to be written. The bars nearest
        to ``now`` are heard, those before and those after it in turn.
        """
        bar = self.bars[now]
        mine = dict(zip((bar.number for bar in self.todo), written, strict=False))
        write = np.flatnonzero(bar.parts).tolist()
        first, last, used = now, now, len(header) + len(write) + 2
        turn = 0
        sizes = {}

        def size(number: int) -> int:
            if number not in sizes:
                sizes[number] = sum(map(len, self._heard(number, bar, mine, now)))
            return sizes[number]

        while True:
            after, before = last < len(self.bars), first > 0
            if last == now:
                used, last = used + size(now), now + 1
            elif after and (turn % 2 == 0 or not before) and used + size(last) <= room and self._follows(now):
                used, last = used + size(last), last + 1
            elif before and used + size(first - 1) <= room:
                first -= 1
                used += size(first)
            else:
                break
            turn += 1
        heard = [self._heard(number, bar, mine, now) for number in range(first, last)]
        given = np.concatenate([rows for rows, _ in heard])
        if not self._follows(now):
            given, last = given[:0], len(self.bars)
        return lay_out(list(header), write, given, np.concatenate([rows for _, rows in heard])), last

    def _follows(self, now: int) -> bool:
        """Tell whether anything is given beside or after the run of bar ``now``."""
        run = self.bars[self.bars[now].first:]
        return any(len(bar.given) for bar in run) or self.bars[now].last < len(self.bars)

    def _heard(self, number: int, now: Bar, mine: dict[int, np.ndarray], at: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of a bar that are heard as given, and those heard as music, while bar ``now`` is written."""
        bar, nothing = self.bars[number], np.zeros((0, 3), np.int64)
        written = mine.get(number, nothing)
        if number < now.first:  # before the run: all is past
            notes = np.concatenate([bar.given[:MOST_GIVEN], written[1:]])
            return nothing, np.concatenate([bar.row_of_line(), ordered(notes)])
        if number >= now.last and len(written):
            return np.concatenate([bar.row_of_line(), ordered(np.concatenate([bar.given[:MOST_GIVEN], written[1:]]))]), nothing
        return np.concatenate([bar.row_of_line(), bar.given[:MOST_GIVEN]]), written


def line(number: int, count: int, metre: int) -> tuple[int, int, int]:
    """Return the bar line of bar ``number`` (from 0) of ``count``."""
    left = b.LEFT_AT + int(b.left_index(np.array(count - number)))
    return b.BAR + number % b.PHRASE, left, b.METRE_AT + metre


def nearest_metre(numerator: int, denominator: int, steps: int) -> int:
    """Return the index into METRES of a metre, or of the one nearest in length to a bar of so many steps."""
    if (numerator, denominator) in b.METRES:
        metre = b.METRES.index((numerator, denominator))
        if b.METRE_STEPS[metre] == steps:
            return metre
    return int(np.abs(np.array(b.METRE_STEPS) - steps).argmin())


def ordered(rows: np.ndarray) -> np.ndarray:
    """Sort rows of notes by position, instrument and pitch, no two alike."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    alike = np.zeros(len(rows), bool)
    alike[1:] = (rows[1:, :2] == rows[:-1, :2]).all(axis=1)
    return rows[~alike]


def metre_number(metre: str) -> int:
    """Return the place of a metre ("6/8") among those of the codec. Raises UserError for others."""
    if parse_metre(metre) not in b.METRES:
        raise UserError(f"the metre {metre} is not among those of the codec 'bars'; "
                        f"{nearest(metre, ['{}/{}'.format(*known) for known in b.METRES])}")
    return b.METRES.index(parse_metre(metre))
