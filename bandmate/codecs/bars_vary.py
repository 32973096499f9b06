"""Two ways to stay near music that is there, or away from it: variations of a bar, and bars that are not repeated."""

from __future__ import annotations

from collections import Counter

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_plan import Bar, ordered
from bandmate.music.request import Request

Place = tuple[int, int]
"""A note by its position in the bar and its id of "what"."""

LEAST_NEW = 0.5  # share of the notes that went which come anew at least


class Variation:
    """Writes a bar like the one that stood there: most notes stay, the others are written anew.

    Of the notes that do not stay, all may change, or the pitches alone (``keep`` rhythm), or the places alone (``keep``
    pitches). No more notes are written than stood there.
    """

    def __init__(self, request: Request, table: np.ndarray, number: int) -> None:
        self.amount, self.keep = request.amount, request.keep
        self.table = table
        self.random = np.random.default_rng([request.seed, number])

    def begin(self, bar: Bar) -> None:
        """Take up a bar: draw which notes stay."""
        old = [(when - b.POSITION, what, how) for when, what, how in bar.old.tolist()]
        stays = [bool(self.table.flat[what - b.NOTES]) and self.random.random() >= self.amount for _, what, _ in old]
        changed = [slot for slot, stay in zip(old, stays, strict=True) if not stay]
        self.steps = min(bar.steps, b.POSITIONS)
        self.gone = {slot[:2] for slot in changed}
        self.fixed = [slot for slot, stay in zip(old, stays, strict=True) if stay]  # notes to come that stay
        self.moved: Counter[int] = Counter()  # with `keep` pitches, what is to come somewhere
        self.free = self.least = 0  # notes to come that are free: at most and at least
        if self.keep == "rhythm":  # a chord of which one note changes, changes
            groups = {(position, (what - b.NOTES) // 128) for position, what, _ in changed}
            self.fixed = [slot for slot in old if (slot[0], (slot[1] - b.NOTES) // 128) not in groups or self._may(slot, old)]
            self.open = groups
        elif self.keep == "pitches":
            self.moved = Counter(what for _, what, _ in changed if self.table.flat[what - b.NOTES])
        else:
            self.free, self.least = len(changed), int(LEAST_NEW * len(changed))

    def _may(self, slot: tuple[int, int, int], old: list[tuple[int, int, int]]) -> bool:
        """Tell whether a part has pitches enough for the chord that a note belongs to."""
        family = (slot[1] - b.NOTES) // 128
        chord = sum((position, (what - b.NOTES) // 128) == (slot[0], family) for position, what, _ in old)
        return int(self.table[family].sum()) >= chord

    @property
    def complete(self) -> bool:
        """Tell whether all that stays has been written, and enough anew."""
        return not self.fixed and not self.moved and self.free <= self.least

    def when(self, position: int, what: int, highest: int, places: np.ndarray) -> None:
        """Mark the positions at which the next note may start."""
        limit = self.fixed[0][0] if self.fixed else self.steps - 1
        if self.keep == "rhythm" or not (self.free or self.moved):
            if self.fixed:
                places[limit] = True
            return
        limit = min(limit, self._last_chance())
        places[position:limit + 1] = True
        if what and position <= limit:
            ceiling = self.fixed[0][1] if self.fixed and self.fixed[0][0] == position else highest
            choice = max((other for other in self.moved if other <= ceiling), default=0) if self.moved else ceiling
            places[position] = max(choice, ceiling if self.fixed and self.fixed[0][0] == position else 0) > what

    def can_play(self, position: int, last: int, notes: np.ndarray) -> bool:
        """Tell whether one of the notes (17 * 128,) that may start at a position, above the one before, is one to come."""
        fixed = any(at == position for at, _, _ in self.fixed[:1])
        return fixed or not self.moved or any(notes[what - b.NOTES] for what in self.moved if what > last)

    def _last_chance(self) -> int:
        """Return the last position at which all that is to come somewhere can still begin to come."""
        return self.steps - max(self.moved.values(), default=1)

    def what(self, position: int, last: int, notes: np.ndarray) -> None:
        """Leave of the notes (17 * 128,) that may start at a position, above the one before, those that vary the bar."""
        before = notes.copy()
        fixed = self.fixed[0] if self.fixed and self.fixed[0][0] == position else None
        if self.keep == "rhythm" and fixed is not None:
            self._pitches(fixed, notes)
        else:
            if self.moved:
                notes[:] = False
                coming = [what - b.NOTES for what in self.moved if what > last]
                playable = [what for what in coming if before[what]]
                coming = playable if playable or fixed is not None else coming
                if position == self._last_chance():
                    most = max(self.moved.values())
                    must = [what - b.NOTES for what, count in self.moved.items() if count == most and before[what - b.NOTES]]
                    coming = [what for what in coming if what <= min(must, default=what)]
                notes[coming] = True
            elif not self.free:
                notes[:] = False
            if fixed is not None:
                notes[fixed[1] - b.NOTES] = True
                notes[fixed[1] + 1 - b.NOTES:] = False
        varied = notes.copy()
        varied[[what - b.NOTES for at, what in self.gone if at == position]] = False
        if varied.any():
            notes[:] = varied
        elif not notes.any():
            notes[:] = before

    def _pitches(self, slot: tuple[int, int, int], notes: np.ndarray) -> None:
        """Leave the pitches of the part whose turn it is; the highest are for the rest of its chord."""
        family = (slot[1] - b.NOTES) // 128
        notes[:family * 128] = notes[family * 128 + 128:] = False
        if (slot[0], family) not in self.open:
            notes[:slot[1] - b.NOTES] = notes[slot[1] + 1 - b.NOTES:] = False
            return
        rest = sum(position == slot[0] and (what - b.NOTES) // 128 == family for position, what, _ in self.fixed) - 1
        if rest:
            notes[np.flatnonzero(notes)[-rest:]] = False

    def how(self, position: int, what: int, into: np.ndarray) -> None:
        """Leave one way of playing to a note that stays, or whose rhythm stays."""
        if (self.fixed and (position, what) == self.fixed[0][:2]) or (self.keep == "rhythm" and self.fixed):
            into[:] = False
            into[self.fixed[0][2]] = True

    def play(self, position: int, what: int) -> None:
        """Take in a note that was written."""
        if self.fixed and (self.keep == "rhythm" or (position, what) == self.fixed[0][:2]):
            self.fixed.pop(0)
        elif self.moved:
            self.moved -= Counter([what])
        else:
            self.free -= 1


class Past:
    """Sees to it that no bar of a prompt comes again: the note that would complete one is not allowed."""

    def __init__(self, bars: list[Bar], rows: int) -> None:
        self.bars = [bar for bar in bars if len(bar.given) or len(bar.old)]
        self.written: list[list[Place]] = [[] for _ in range(rows)]
        self.lasts: dict[bytes, dict[tuple[Place, ...], set[Place]]] = {}

    def begin(self, number: int, bar: Bar) -> None:
        """Take up a bar of stream ``number``."""
        self.written[number] = []
        parts = bar.parts.tobytes()
        if parts not in self.lasts:
            self.lasts[parts] = {}
            for other in self.bars:
                rows = ordered(np.concatenate([other.given, other.old]))
                rows = rows[bar.parts[(rows[:, 1] - b.NOTES) // 128]]
                places = [(when - b.POSITION, what) for when, what in rows[:, :2].tolist()]
                if places:
                    self.lasts[parts].setdefault(tuple(places[:-1]), set()).add(places[-1])

    def completing(self, number: int, bar: Bar, position: int) -> list[int]:
        """Return the ids of "what" that would complete a bar of the prompt if they came at a position."""
        lasts = self.lasts[bar.parts.tobytes()].get(tuple(self.written[number]), ())
        return [what for at, what in lasts if at == position]

    def places(self, number: int, bar: Bar) -> set[int]:
        """Return the positions at which something would complete a bar of the prompt."""
        return {at for at, _ in self.lasts[bar.parts.tobytes()].get(tuple(self.written[number]), ())}

    def play(self, number: int, position: int, what: int) -> None:
        """Take in a note that was written."""
        self.written[number].append((position, what))
