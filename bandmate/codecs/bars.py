"""Bars: the codec of the shipped model. Music is written bar by bar, one row of three ids a note.

A row says *when* (the position in the bar, 24 steps a quarter: 32nds and triplets both fall on a step), *what*
(instrument class × pitch) and *how* (duration × velocity). The header, at the top of every window, says what a person
may choose, each field optional; every bar says its metre and how many bars are left, so that a piece ends when it
should. Bars are named by that count and by their number modulo 8, so that what is given and what is to be written can
be laid side by side (bars_lessons.py), and so that phrases of 4 and 8 bars can be heard.

After the three-token events of Allegro Music Transformer (asigalov61, 2023), the bar lines of REMI (Huang and Yang,
2020, arXiv 2002.00212) and the compound words of Hsiao et al. (2021, arXiv 2101.02402); our rows keep drums, all 16
General MIDI families and the metre. Two tracks of one family become one part.
"""

from __future__ import annotations

import functools
from typing import Annotated

import numpy as np
from pydantic import Field

from bandmate.codecs.codec import Codec, Grammar, Variety
from bandmate.music.character import LEVELS, VELOCITY_STEP
from bandmate.music.draft import Draft
from bandmate.music.grid import DEFAULT_TEMPO, DURATION, PROGRAM, START, GridPiece, from_grid, tidy, to_grid
from bandmate.music.instruments import CLASSES, DEFAULT_PROGRAMS, DRUM_CLASS
from bandmate.music.request import Request
from bandmate.music.theory import KEYS, find_key
from bandmate.piece import DRUMS, Labels, Piece
from bandmate.settings import Settings, UserError

STEPS_PER_QUARTER = 24
VELOCITIES = LEVELS  # 15, 30, ... 120

# Kinds of row, the low ids of the field "when"; positions in the bar follow.
(PAD, BEGIN, END, MUSIC, STYLE, COMPOSER, HAS_DRUMS, PART, METRE, KEY, TEMPO, LENGTH,
 DENSITY, BUSYNESS, POLYPHONY, TESSITURA, LOUDNESS, WRITE, GIVEN) = range(19)
BAR = 24  # the id of a bar whose number, counted from 0, is 0 modulo 8; 19 to 23 are free
PHRASE = 8  # bars
POSITION = BAR + PHRASE  # the id of position 0

METRES = ((4, 4), (3, 4), (2, 4), (2, 2), (6, 8), (2, 1), (3, 8), (3, 2), (9, 8), (12, 8), (6, 4), (3, 1), (4, 2), (5, 4),
          (4, 8), (1, 4), (8, 4), (7, 8), (5, 8), (2, 8), (8, 8), (1, 8), (9, 4), (9, 16), (12, 16), (7, 4), (3, 16),
          (6, 16), (10, 8), (1, 2), (1, 16))
METRE_STEPS = tuple(numerator * 4 * STEPS_PER_QUARTER // denominator for numerator, denominator in METRES)
POSITIONS = max(METRE_STEPS)  # 288: a bar of 3/1

# Durations in steps: every step to a quarter, every 32nd and triplet to a whole, then ever coarser to four wholes.
DURATIONS = np.array([*range(1, 25), *(n for n in range(25, 97) if n % 3 == 0 or n % 4 == 0),
                      *range(108, 193, 12), *range(216, 385, 24)])
LEFT = np.array([*range(1, 33), *range(36, 133, 4)])  # bars left: exact to 32, then rounded up to fours; 132 is "more"
TEMPOS = np.geomspace(30, 240, 32)  # quarters a minute, about 7 % apart

# The field "what" after the notes, the field "how" after the notes: where each kind of value starts.
NOTES = 1
LEFT_AT = NOTES + len(CLASSES) * 128
TEMPO_AT = LEFT_AT + len(LEFT)
KEY_AT = TEMPO_AT + len(TEMPOS)
STYLE_AT = KEY_AT + len(KEYS)
COMPOSER_AT = STYLE_AT + 64
FLAG_AT = COMPOSER_AT + 128
LEVEL_AT = FLAG_AT + 2
METRE_AT = 1 + len(DURATIONS) * VELOCITIES
LATER_LEVEL_AT = METRE_AT + len(METRES)  # the loudness towards which the music goes

_NEAREST_DURATION = np.abs(np.arange(DURATIONS[-1] + 1)[:, None] - DURATIONS).argmin(axis=1)
_NEAREST_VELOCITY = np.clip(np.rint(np.maximum(np.arange(128), 8) / VELOCITY_STEP), 1, VELOCITIES).astype(np.int64) - 1
_HOW_OF_DURATION = 1 + _NEAREST_DURATION * VELOCITIES
_METRE_OF_LENGTH = {steps: number for number, steps in reversed(list(enumerate(METRE_STEPS)))}
_HOW_OF_LENGTH = 1 + np.arange(len(DURATIONS)) * VELOCITIES
_PITCHES = np.arange(128)
_LEFT_INDEX = LEFT.searchsorted(np.arange(LEFT[-1] + 1))
_LONGEST_WITHIN = np.searchsorted(DURATIONS, np.arange(DURATIONS[-1] + 1), side="right") - 1
CHARACTER = {"density": DENSITY, "busyness": BUSYNESS, "polyphony": POLYPHONY, "tessitura": TESSITURA}


class BarsConfig(Settings):
    """What the ids of `bars` depend on."""

    styles: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    """Styles with an id of their own, in the order of their ids."""
    composers: Annotated[tuple[str, ...], Field(max_length=128)] = ()
    """Composers with an id of their own, in the order of their ids."""


class Bars(Codec):
    """The codec: see the top of this file."""

    name = "bars"
    Config = BarsConfig
    fields = ("when", "what", "how")
    sizes = (POSITION + POSITIONS, LEVEL_AT + LEVELS, LATER_LEVEL_AT + LEVELS)

    config: BarsConfig

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        grid = to_grid(piece, STEPS_PER_QUARTER, table)
        if not len(grid.notes):
            raise UserError("the piece has no notes; nothing can be learnt from it or added to it")
        return self.encode_grid(grid, labels or Labels())

    def encode_grid(self, grid: GridPiece, labels: Labels) -> np.ndarray:
        """Write a piece on this codec's grid as ids: int16 (N, 3)."""
        notes, programs = _one_part_a_class(grid.notes)
        lengths, bars = _fit(notes, grid)
        metres = metre_ids(grid)[:len(bars)]
        start, _, pitch, velocity, program = notes.T
        sounds_ = (program >> 3 << 7) + pitch
        drums, key = DRUM_CLASS in programs, None
        if len(programs) > drums:
            heard = np.bincount(sounds_, DURATIONS[lengths], len(CLASSES) * 128).reshape(-1, 128)
            key = find_key(_PITCHES, heard[:DRUM_CLASS].sum(axis=0))
        header = self.header(labels.style, labels.composer, programs, drums, metres[0], key, grid.tempo, len(bars))
        lines, number = bars[:, 0], np.arange(len(bars))
        first = start.searchsorted(lines)  # note of each bar
        counts = np.concatenate((first[1:], [len(notes)])) - first
        note_at, bar_at = np.arange(len(notes)) + (number + 1).repeat(counts), first + number
        ids = np.empty((len(header) + len(notes) + len(bars) + 1, 3), np.int16)
        ids[:len(header)], ids[-1] = header, (END, 0, 0)
        when, what, how_ = ids[len(header):-1].T
        when[note_at] = start + (POSITION - lines).repeat(counts)
        what[note_at] = sounds_ + NOTES
        how_[note_at] = _HOW_OF_LENGTH[lengths] + _NEAREST_VELOCITY[velocity]
        when[bar_at] = BAR + number % PHRASE
        what[bar_at] = LEFT_AT + left_index(len(bars) - number)
        how_[bar_at] = METRE_AT + np.array(metres)
        return ids

    def header(self, style: str | None, composer: str | None, programs: dict[int, int] | None, drums: bool | None,
               metre: int | None, key: int | None, tempo: float | None, bars: int | None) -> list[tuple[int, int, int]]:
        """Write a header: rows (when, what, how); what is None, or not known to this codec, is left out."""
        rows = [(BEGIN, 0, 0)]
        if style in self.config.styles:
            rows.append((STYLE, STYLE_AT + self.config.styles.index(style), 0))
        if composer in self.config.composers:
            rows.append((COMPOSER, COMPOSER_AT + self.config.composers.index(composer), 0))
        if drums is not None:
            rows.append((HAS_DRUMS, FLAG_AT + int(drums), 0))
        rows += [(PART, NOTES + family * 128 + program % 128, 0) for family, program in sorted((programs or {}).items())]
        if metre is not None:
            rows.append((METRE, 0, METRE_AT + metre))
        if key is not None:
            rows.append((KEY, KEY_AT + key, 0))
        if tempo is not None:
            rows.append((TEMPO, TEMPO_AT + int(np.abs(np.log(TEMPOS / tempo)).argmin()), 0))
        if bars is not None:
            rows.append((LENGTH, LEFT_AT + int(left_index(bars)), 0))
        return [*rows, (MUSIC, 0, 0)]

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        ids = np.asarray(ids, dtype=np.int64).reshape(-1, 3)
        notes, bars = sounds(ids)
        programs = np.array(DEFAULT_PROGRAMS)
        for part in ids[(ids[:, 0] == PART) & (ids[:, 1] >= NOTES) & (ids[:, 1] < LEFT_AT), 1] - NOTES:
            if part // 128 != DRUM_CLASS and part % 128 // 8 == part // 128:
                programs[part // 128] = part % 128
        notes[:, PROGRAM] = programs[notes[:, PROGRAM]]
        tempos = [round(TEMPOS[n]) for n in ids[ids[:, 0] == TEMPO, 1] - TEMPO_AT if 0 <= n < len(TEMPOS)]
        tempo = request.tempo if request and request.tempo else (*tempos, DEFAULT_TEMPO)[0]
        end = int(bars[-1, 0]) + METRE_STEPS[METRES.index((bars[-1, 1], bars[-1, 2]))] if len(bars) else 0
        return from_grid(GridPiece(tidy(notes), bars, end, STEPS_PER_QUARTER, tempo))

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.bars_grammar import BarsGrammar
        return BarsGrammar(self, request, rows, draft)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray(ids)[..., 0] >= POSITION

    def given(self, ids: np.ndarray) -> np.ndarray:
        return np.cumsum(ids[:, 0] == MUSIC) - (ids[:, 0] == MUSIC) == 0

    def words(self, ids: np.ndarray) -> list[str]:
        from bandmate.codecs.bars_words import word
        return [word(when, what, how_, self.config) for when, what, how_ in np.asarray(ids).tolist()]

    def window(self, ids: np.ndarray, length: int, start: float) -> np.ndarray:
        from bandmate.codecs.bars_lessons import window
        return window(ids, length, start)

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        from bandmate.codecs.bars_lessons import pages
        return pages(ids, length)

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        from bandmate.codecs.bars_lessons import lesson
        return lesson(ids, length, random, variety)

    def parts(self, field: int) -> np.ndarray:
        """Positions share the beat and the place in it, notes the instrument, pitch and pitch class, ways of playing the
        length and the loudness; drums share no pitches with the others. Number 0 stands for: none of these."""
        ids = np.arange(self.sizes[field])
        if field == 0:
            beat, place = np.divmod(ids - POSITION, STEPS_PER_QUARTER)
            return np.where(ids[:, None] >= POSITION, np.column_stack([1 + place, 1 + STEPS_PER_QUARTER + beat]), 0)
        if field == 1:
            family, pitch = np.divmod(ids - NOTES, 128)
            drums = 140 * (family == DRUM_CLASS)
            columns = np.column_stack([1 + family, 18 + drums + pitch, 18 + drums + 128 + pitch % 12])
            return np.where(((ids >= NOTES) & (ids < LEFT_AT))[:, None], columns, 0)
        duration, velocity = np.divmod(ids - 1, VELOCITIES)
        columns = np.column_stack([1 + velocity, 1 + VELOCITIES + duration])
        return np.where(((ids >= 1) & (ids < METRE_AT))[:, None], columns, 0)


def bar_lines(when: np.ndarray) -> np.ndarray:
    """Tell which ids of the field "when" begin a bar."""
    return (when >= BAR) & (when < POSITION)


def sounds(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read what sounds in some rows (N, 3): a note table whose last column holds instrument classes, and bars (B, 3).

    What makes no sense is passed over.
    """
    when, what, how_ = ids.T
    is_bar = bar_lines(when) & (how_ >= METRE_AT) & (how_ < LATER_LEVEL_AT)
    metres = how_[is_bar] - METRE_AT
    lengths = np.array(METRE_STEPS)[metres]
    starts = np.cumsum(lengths) - lengths
    bar = np.cumsum(is_bar) - 1
    heard = (when >= POSITION) & (what >= NOTES) & (what < LEFT_AT) & (how_ >= 1) & (how_ < METRE_AT) & (bar >= 0)
    heard[heard] &= when[heard] - POSITION < lengths[bar[heard]]
    family, pitch = np.divmod(what[heard] - NOTES, 128)
    duration, velocity = np.divmod(how_[heard] - 1, VELOCITIES)
    notes = np.column_stack([starts[bar[heard]] + when[heard] - POSITION, DURATIONS[duration], pitch,
                             (velocity + 1) * VELOCITY_STEP, family]).reshape(-1, 5)
    return notes, np.column_stack([starts, np.array(METRES)[metres]]).astype(np.int32).reshape(-1, 3)


def how(durations: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Return the ids of the field "how" for durations (steps, rounded to the table) and velocities (1 to 127)."""
    return _HOW_OF_DURATION[np.minimum(durations, DURATIONS[-1])] + _NEAREST_VELOCITY[velocities]


def left_index(bars: np.ndarray | int) -> np.ndarray:
    """Return the index into LEFT of a number of bars, rounded up; more than 132 count as 132."""
    return _LEFT_INDEX[np.minimum(bars, LEFT[-1])]


def metre_ids(grid: GridPiece) -> list[int]:
    """Return the index into METRES of each bar. A bar cut short, or a rare metre, takes a metre of the same length."""
    _, numerators, denominators = grid.bars.T.tolist()
    return [_metre_id(*bar) for bar in zip(grid.bar_lengths().tolist(), numerators, denominators, strict=True)]


@functools.lru_cache(1024)
def _metre_id(length: int, numerator: int, denominator: int) -> int:
    exact = METRES.index((numerator, denominator)) if (numerator, denominator) in METRES else -1
    if exact < 0 or METRE_STEPS[exact] != length:
        exact = _METRE_OF_LENGTH.get(length, -1)
    if exact < 0:
        raise UserError(f"a bar of {numerator}/{denominator}, {length / STEPS_PER_QUARTER:g} quarters long, is not "
                        "among the metres of the codec 'bars'; use a common metre")
    return exact


def _one_part_a_class(notes: np.ndarray) -> tuple[np.ndarray, dict[int, int]]:
    """Give all notes of an instrument class the program that plays most of them; return also {class: program}."""
    counts = np.bincount(notes[:, PROGRAM], minlength=DRUMS + 1)
    used = np.flatnonzero(counts)
    programs: dict[int, int] = {}
    for program in used[np.argsort(-counts[used], kind="stable")].tolist():
        programs.setdefault(program // 8, program)
    if len(programs) == len(used):
        return notes, programs
    notes = notes.astype(np.int64)
    notes[:, PROGRAM] = np.array([programs.get(family, 0) for family in range(len(CLASSES))])[notes[:, PROGRAM] >> 3]
    return tidy(notes), programs


def _fit(notes: np.ndarray, grid: GridPiece) -> tuple[np.ndarray, np.ndarray]:
    """Return the index into DURATIONS of each note, so that it keeps within the piece, and the bars up to the last that
    then sounds."""
    bars, end = grid.bars, grid.end
    lengths = _NEAREST_DURATION[np.minimum(notes[:, DURATION], DURATIONS[-1])]
    while True:
        late = notes[:, START].searchsorted(bars[-1, 0] - DURATIONS[-1])  # what starts before ends before the last bar
        start, last = notes[late:, START], lengths[late:]
        np.minimum(last, _LONGEST_WITHIN[np.minimum(end - start, DURATIONS[-1])], out=last)
        if (start + np.minimum(DURATIONS[last], notes[late:, DURATION])).max(initial=0) > bars[-1, 0]:
            return lengths, bars
        heard = notes.astype(np.int64)  # a bar held by the tail of a note alone may be lost as that gets shorter
        heard[:, DURATION] = DURATIONS[lengths]
        heard = tidy(heard)
        count = int(np.searchsorted(bars[:, 0], (heard[:, START] + heard[:, DURATION]).max()))
        if count == len(bars):
            return lengths, bars
        bars, end = bars[:count], int(bars[count, 0])
