"""The header of the codec `bars`: what a request fixes, and what of it the model is to choose."""

from __future__ import annotations

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.bars_lessons import character, loud
from bandmate.codecs.bars_plan import Plan
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, PROGRAM, mean_tempo
from bandmate.music.instruments import DRUM_CLASS
from bandmate.music.request import Request
from bandmate.music.theory import find_key
from bandmate.settings import UserError, nearest

Row = tuple[int, int, int]


class Heading:
    """What all streams of a request have at their top.

    ``slots`` is the header: a row where it is forced, the name of a kind (PART, TEMPO) where the model chooses.
    """

    def __init__(self, codec: b.Bars, request: Request, plan: Plan, programs: dict[int, int] | None, drums: bool | None,
                 key: int | None, draft: Draft | None) -> None:
        self.request, self.drums = request, drums
        style = _known("style", request.style, codec.config.styles)
        composer = _known("composer", request.composer, codec.config.composers)
        tempo = request.tempo
        if draft is not None:
            notes = draft.notes[draft.notes[:, PROGRAM] != DRUM_CLASS]
            if key is None and len(notes):
                key = find_key(notes[:, PITCH], notes[:, DURATION])
            tempo = tempo or mean_tempo(draft.prompt)
        metre = plan.todo[0].line[2] - b.METRE_AT
        header = codec.header(style, composer, programs, drums, metre, key, tempo, len(plan.bars))
        slots: list[Row | int] = [*header[:-1], *self.character(0), header[-1]]
        if programs is None:
            slots.insert(next(n for n, row in enumerate(header) if row[0] == b.METRE), b.PART)
        if tempo is None:
            slots.insert(next(n for n, row in enumerate(slots) if isinstance(row, tuple) and row[0] == b.LENGTH), b.TEMPO)
        self.slots = slots
        self.forced = next((n for n, slot in enumerate(slots) if isinstance(slot, int)), len(slots))

    def character(self, share: float) -> list[Row]:
        """Return the rows about the character that was asked for, when a share of the music is written."""
        rows = [(kind, b.LEVEL_AT + getattr(self.request, name) - 1, 0) for name, kind in b.CHARACTER.items()
                if getattr(self.request, name) is not None]
        levels = self.request.loudness_levels()
        if levels is None:
            return rows
        first, last = levels
        return [*rows, loud(round(first + (last - first) * share), last)]

    def misses(self, music: np.ndarray) -> int:
        """Count by how many levels some rows of music (T, 3) miss the character that was asked for."""
        got = {kind: (what, how) for kind, what, how in character(music)}
        return sum(abs(got[kind][0] - what) + abs(got[kind][1] - how) if kind in got else 0
                   for kind, what, how in self.character(0))

    def now(self, rows: np.ndarray, share: float) -> np.ndarray:
        """Return header rows (N, 3) with the character as it is to be from now on."""
        kinds = [*b.CHARACTER.values(), b.LOUDNESS]
        return np.concatenate([rows[~np.isin(rows[:, 0], kinds)], np.array(self.character(share), np.int64).reshape(-1, 3)])


class Header:
    """The header of one stream, as it is being written."""

    def __init__(self, heading: Heading, table: np.ndarray, written: bool) -> None:
        self.slots, self.drums, self.table = heading.slots, heading.drums, table
        self.slot = len(heading.slots) if written else heading.forced  # which is next
        self.last = -1  # the last class that was named
        self.chosen: set[int] = set()  # the classes that the model named

    @property
    def written(self) -> bool:
        """Tell whether the header is whole."""
        return self.slot == len(self.slots)

    def when(self, into: np.ndarray) -> None:
        """Mark the kinds of row that may come next."""
        slot = self.slots[self.slot]
        if slot == b.PART:
            into[b.PART] = self.last < DRUM_CLASS - (self.drums is False)
            following = self.slots[self.slot + 1]
            ready = self.last >= 0 and (self.last == DRUM_CLASS or not self.drums)
            into[following[0] if isinstance(following, tuple) else following] = ready
        else:
            into[slot[0] if isinstance(slot, tuple) else slot] = True

    def what(self, when: int, into: np.ndarray) -> None:
        """Mark what the row of kind ``when`` may say."""
        if self.slots[self.slot] != b.PART or when != b.PART:
            self._fill(when, 1, into)
            return
        for family in range(self.last + 1, DRUM_CLASS):
            if self.table[family].any():
                into[b.NOTES + family * 136:b.NOTES + family * 136 + 8] = True
        if self.last < DRUM_CLASS:
            into[b.NOTES + DRUM_CLASS * 128] = self.drums is not False

    def how(self, when: int, into: np.ndarray) -> None:
        """Mark the rest of what the row of kind ``when`` may say."""
        if when == b.PART:
            into[0] = True
        else:
            self._fill(when, 2, into)

    def _fill(self, when: int, field: int, into: np.ndarray) -> None:
        slot = self.slots[self.slot]
        if slot == b.PART:  # the model closed the list of parts: the slot after it is being written
            slot = self.slots[self.slot + 1]
        if isinstance(slot, tuple):
            into[slot[field]] = True
        elif field == 1:  # a tempo for the model to choose
            into[b.TEMPO_AT:b.KEY_AT] = True
        else:
            into[0] = True

    def advance(self, when: int, what: int) -> None:
        """Take in a row."""
        if self.slots[self.slot] == b.PART:
            if when == b.PART:
                self.last = (what - b.NOTES) // 128
                self.chosen.add(self.last)
                return
            self.slot += 1
        self.slot += 1


def _known(what: str, name: str | None, known: tuple[str, ...]) -> str | None:
    """Return the known name that a person means: the same but for capitals, or the only one that holds the word."""
    if name is None:
        return None
    same = [word for word in known if word.lower() == name.lower()] or [word for word in known if name.lower() in word.lower()]
    if len(same) == 1:
        return same[0]
    hint = f"which of {', '.join(same)}?" if same else nearest(name, known) if known else f"it was trained without any {what}"
    raise UserError(f"this model does not know the {what} '{name}'; {hint}")
