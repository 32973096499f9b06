"""Onsets: one row a note, in the order in which notes begin: which key, how long after the note before, how long it lasts.

Times are eighths of a quarter, 1/32 notes, 32 of them at most; notes that begin together wait 0 for each other, so that one
line of rows holds chords as well. Music is cut into stretches of four bars: in each, the first note waits from the first bar
line, and after the last note stands an end. Before all stands a row that says whose music it is, a style or a composer, and
how long a bar is, in quarters and eighths of a quarter. Notes outside the keyboard move in by octaves.

After the style-conditioned sequence VAE that `style_vae` is built on: key 88 and an end, wait 0 to 32, length up to 32, four
bars with five notes at least. What starts or lasts longer than that is cut to a whole note, as there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from bandmate.codecs.codec import Grammar, Variety
from bandmate.codecs.solo import BEGIN, END, LOUDNESS, Solo, SoloConfig, fits, one_part
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, START, GridPiece, from_grid, tidy
from bandmate.music.request import Request
from bandmate.music.theory import pitch_name
from bandmate.piece import Labels, Piece
from bandmate.settings import Settings

LABEL = 3  # id of the first style or composer; those of the keys follow
LOWEST, KEYS = 21, 88
LONGEST = 32  # eighths of a quarter: of a wait, and of a note
QUARTER = 8  # steps
BARS = 4  # of a stretch
FEWEST = 5  # notes of a stretch that is learnt from
WAIT_AT = 1  # the id of a wait of 0
KEY, WAIT, LENGTH = range(3)
"""Fields of a row."""


class OnsetsConfig(SoloConfig):
    """What the ids of `onsets` depend on."""

    label: Literal["style", "composer"] = "style"
    """Whether the first row names the style or the composer."""
    styles: Annotated[tuple[str, ...], Field(max_length=128)] = ()
    """Styles with an id of their own, in the order of their ids."""

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Leave out the labels of the kind that is not named."""
        return {**values, "composers" if values.get("label", "style") == "style" else "styles": ()}


class Onsets(Solo):
    """The codec: see the top of this file."""

    name = "onsets"
    Config = OnsetsConfig
    fields = ("key", "wait", "length")
    config: OnsetsConfig
    steps_per_quarter = QUARTER

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self.labels = self.config.styles if self.config.label == "style" else self.config.composers
        """The styles, or the composers, in the order of their ids."""
        self.first = LABEL + len(self.labels)
        self.sizes = (self.first + KEYS, WAIT_AT + LONGEST + 1, LONGEST + 1)

    # Writing

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        notes, bar = self._laid(one_part(piece, self.steps_per_quarter, table))
        name = getattr(labels, self.config.label) if labels else None
        return np.concatenate([self.header(name, bar), self.cut(notes, bar)])

    def music(self, grid: GridPiece) -> np.ndarray:
        return self.cut(*self._laid(grid))

    def _laid(self, grid: GridPiece) -> tuple[np.ndarray, int]:
        """Return the notes (N, 5) of a piece, and the length of its commonest bar, on whose lines they are laid.

        An upbeat, a shorter bar before the first of these, keeps its place before the bar line.
        """
        lengths, counts = np.unique(grid.bar_lengths(), return_counts=True)
        bar = int(lengths[counts.argmax()])
        notes = fits(grid.notes, LOWEST, LOWEST + KEYS - 1)
        upbeat = int(grid.bars[np.flatnonzero(grid.bar_lengths() == bar)[0], 0])
        notes[:, START] += -upbeat % bar
        notes[:, START] -= notes[0, START] // bar * bar
        return notes, bar

    def header(self, composer: str | None, bar: int = 4 * QUARTER) -> np.ndarray:
        """Return the row before the music, int16 (1, 3): a style or composer, and the steps of a bar."""
        name = LABEL + self.labels.index(composer) if composer in self.labels else BEGIN
        quarters, rest = divmod(bar, QUARTER)
        return np.array([[name, WAIT_AT + min(quarters, LONGEST), rest]], np.int16)

    def cut(self, notes: np.ndarray, bar: int) -> np.ndarray:
        """Write notes (N, 5), sorted, as stretches of four bars: ids int16 (N + stretches, 3)."""
        stretch = notes[:, START] // (BARS * bar)
        ends = np.arange(int(stretch.max(initial=-1)) + 1)
        waits = np.diff(notes[:, START], prepend=0)
        opens = np.flatnonzero(np.diff(stretch, prepend=-1))
        waits[opens] = notes[opens, START] - stretch[opens] * BARS * bar
        rows = np.zeros((len(notes), 3), np.int16)
        rows[:, KEY] = self.first + notes[:, PITCH] - LOWEST
        rows[:, WAIT] = WAIT_AT + np.minimum(waits, LONGEST)
        rows[:, LENGTH] = np.clip(notes[:, DURATION], 1, LONGEST)
        return np.insert(rows, np.searchsorted(stretch, ends, side="right"), self._row(END), axis=0)

    # Reading

    def bar_of(self, ids: np.ndarray, usual: int = 4 * QUARTER) -> int:
        """Return the steps of a bar that the first row of ids (N, 3) says; else what is usual."""
        if not self._top(ids):
            return usual
        return int(max(ids[0, WAIT] - WAIT_AT, 0)) * QUARTER + int(ids[0, LENGTH]) or usual

    def notes(self, ids: np.ndarray, usual_bar: int = 4 * QUARTER) -> np.ndarray:
        ids = np.asarray(ids, np.int64)
        struck = self.is_note(ids) & (ids[:, KEY] < self.sizes[0])
        passed = np.where(struck, np.maximum(ids[:, WAIT] - WAIT_AT, 0), 0).cumsum()
        ends = ids[:, KEY] == END
        number = ends.cumsum()  # of the stretch
        before = np.concatenate([[0], passed[ends]])[number]  # what has passed until it began
        starts = passed - before + number * BARS * self.bar_of(ids, usual_bar)
        table = np.zeros((int(struck.sum()), 5), np.int64)
        table[:, START], table[:, DURATION] = starts[struck], np.maximum(ids[struck, LENGTH], 1)
        table[:, PITCH], table[:, 3] = LOWEST + ids[struck, KEY] - self.first, LOUDNESS
        return tidy(table).astype(np.int64)

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        """Read ids back. Without a request, bars are as long as the first row says: so many quarters, or eighths of them."""
        ids = np.asarray(ids, np.int64).reshape(-1, len(self.sizes))
        if request is not None:
            return self.build(self.notes(ids), request)
        notes, bar = self.notes(ids), self.bar_of(ids)
        numerator, denominator = bar, 4 * QUARTER
        while numerator % 2 == 0 and denominator > 4:
            numerator, denominator = numerator // 2, denominator // 2
        end = int((notes[:, START] + notes[:, DURATION]).max(initial=0))
        return from_grid(GridPiece(notes, np.array([[0, numerator, denominator]]), end, QUARTER))

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.onsets_grammar import OnsetsGrammar
        return OnsetsGrammar(self, request, rows, draft)

    def words(self, ids: np.ndarray) -> list[str]:
        return [self.word(tuple(row)) for row in np.asarray(ids, np.int64).reshape(-1, len(self.sizes)).tolist()]

    def word(self, row: tuple[int, ...]) -> str:
        key, wait, length = row
        if key in (self.pad, END):
            return "end" if key == END else "pad"
        if key < self.first:
            name = "begin" if key == BEGIN else self.labels[key - LABEL]
            return f"{name}, a bar of {wait - WAIT_AT}" + (f" and {length}/{QUARTER}" if length else "")
        return f"{pitch_name(LOWEST + key - self.first)} +{wait - WAIT_AT} {length}"

    # Windows

    def _top(self, ids: np.ndarray) -> int:
        return int(len(ids) > 0 and (ids[0, KEY] == BEGIN or LABEL <= ids[0, KEY] < self.first))

    def given(self, ids: np.ndarray) -> np.ndarray:
        return np.arange(len(ids)) < self._top(ids)

    def stretches(self, ids: np.ndarray, length: int = 10_000) -> list[np.ndarray]:
        """Cut a piece into its stretches that have notes, the first row before each; of a longer one, what comes after
        ``length`` rows is a stretch as well."""
        top, found = ids[:self._top(ids)], []
        room = max(length - len(top), 1)
        edges = np.flatnonzero(ids[:, KEY] == END) + 1
        for stretch in np.split(ids[len(top):], edges - len(top)):
            if self.is_note(stretch).any():
                found += [np.concatenate([top, stretch[first:first + room]]) for first in range(0, len(stretch), room)]
        return found

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        return self.stretches(ids, length)

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        """Cut four bars with five notes at least out of a piece, from any bar line on, and move them to another key."""
        bar, notes = self.bar_of(ids), self.notes(ids)
        bars = np.bincount(notes[:, START] // bar)
        counts = np.convolve(bars, np.ones(BARS, int))[BARS - 1:]
        able = np.flatnonzero(counts >= min(FEWEST, counts.max(initial=0)))
        first = int(random.choice(able)) * bar if len(able) else 0
        kept = notes[(notes[:, START] >= first) & (notes[:, START] < first + BARS * bar)]
        kept[:, START] -= first
        named = random.random() < variety.keep_header
        top = self.header(self.labels[ids[0, KEY] - LABEL] if named and ids[0, KEY] >= LABEL else None, bar)
        rows = np.concatenate([top, self.cut(kept, bar)])[:max(length, 2)]
        return self.moved(rows, variety.transpose, random)

    def moved(self, ids: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
        """Move ids to another key, drawn by chance among those at most so many semitones away."""
        return self.transpose(ids, int(random.choice([shift for shift in self.shifts(ids) if abs(shift) <= most])))

    def shifts(self, ids: np.ndarray) -> list[int]:
        keys = ids[self.is_note(ids), KEY].astype(np.int64) - self.first
        return [*range(-int(keys.min()), KEYS - int(keys.max()))] if len(keys) else [0]

    def transpose(self, ids: np.ndarray, semitones: int) -> np.ndarray:
        ids = ids.copy()
        ids[self.is_note(ids), KEY] += semitones
        return ids
