"""Triples: the codec of Allegro Music Transformer. One stream of ids, three a note: when, how, what.

*When* is the time since the note before, *how* is duration × loudness, *what* is instrument group × pitch. Notes that
start together go from the highest to the lowest. A piece opens with START, whether drums play, the lead instrument and
a counter; the counter comes again every 50 onsets, and 50 onsets before the end an "outro" id warns of it. There are
12 instrument groups and no bar lines.

Source: Allegro Music Transformer (asigalov61, 2023), 3088 ids. It leaves the time out where notes start together, and
knows id 0, "no time", only at the start of a piece. Its author found that always writing three ids a note learns better,
so that is our default, with id 0 as the time of every simultaneous note; both forms are read. Since 0 is a time, padding
is an id of its own after the 3088, which never stands in music. Beside the source's clock of milliseconds there is one of
32nds, where a rest before the first note in its bar is kept, too.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from bandmate.codecs.codec import Codec, Grammar, Variety
from bandmate.codecs.triples_groups import DRUM_GROUP, GROUPS, group_of, parts_asked
from bandmate.music.draft import Draft
from bandmate.music.grid import (
    DEFAULT_METRE,
    DEFAULT_TEMPO,
    DURATION,
    PITCH,
    PROGRAM,
    START,
    VELOCITY,
    GridPiece,
    from_grid,
    note_table,
    tidy,
    to_grid,
)
from bandmate.music.request import Request
from bandmate.music.theory import parse_metre, pitch_name
from bandmate.piece import TICKS_PER_QUARTER, Labels, Piece
from bandmate.settings import Settings, UserError

HOW, WHAT, COUNTER, OUTRO = 256, 1280, 2816, 3072  # the first id of each kind; below HOW it is "when"
NO_DRUMS, HAS_DRUMS, LEAD, BEGIN = 3073, 3074, 3075, 3087
IDS = 3088
LONGEST_TIME = 255
LONGEST_DURATION = 127
VELOCITIES, VELOCITY_STEP = 8, 15  # eight loudness levels: 15, 30, ... 120
ONSETS_A_COUNTER = 50

GRID_STEPS_PER_QUARTER = 8  # the clock of 32nds
TIME_MS, DURATION_MS = 8, 32  # the clock of milliseconds
TICK_A_MS_TEMPO = 125.0  # at this tempo one of our ticks lasts a millisecond


class TriplesConfig(Settings):
    """What the ids of `triples` depend on."""

    clock: Literal["grid32", "ms"] = "grid32"
    """Unit of time: a 32nd note, or milliseconds (8 for times, 32 for durations) as in the source."""
    groups: Literal["nearest", "faithful"] = "nearest"
    """What happens to programs outside the 12 groups: they go to the nearest one, or are left out as in the source."""
    always_time: bool = True
    """Write a time for simultaneous notes, too: three ids a note, always."""


class Triples(Codec):
    """The codec: see the top of this file."""

    name = "triples"
    Config = TriplesConfig
    pad = IDS
    fields = ("id",)
    sizes = (IDS + 1,)

    config: TriplesConfig

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        notes = self._grid_notes(piece, table) if self.config.clock == "grid32" else self._millisecond_notes(piece)
        if not len(notes):
            raise UserError("the piece has no notes for the instrument groups of the codec 'triples'; "
                            "take another piece, or the codec's setting groups=nearest")
        return self._write(notes)[:, None]

    def _grid_notes(self, piece: Piece, table: np.ndarray | None = None) -> np.ndarray:
        notes = self._grouped(to_grid(piece, GRID_STEPS_PER_QUARTER, table).notes.astype(np.int64))
        whole = 4 * GRID_STEPS_PER_QUARTER  # a rest before the first note is kept if it is shorter than a bar of 4/4
        notes[:, START] -= notes[:1, START] // whole * whole
        return tidy(_shorten_rests(notes))

    def _millisecond_notes(self, piece: Piece) -> np.ndarray:
        """Return a note table with starts in units of 8 ms from the first note, durations in units of 32 ms."""
        notes = note_table(piece)
        starts = milliseconds(piece, notes[:, START])
        ends = milliseconds(piece, notes[:, START] + notes[:, DURATION])
        notes[:, START], notes[:, DURATION] = starts // TIME_MS, np.maximum((ends - starts) // DURATION_MS, 1)
        notes[:, VELOCITY] = np.clip(notes[:, VELOCITY], 1, 127)
        notes = self._grouped(notes)
        notes[:, DURATION] *= DURATION_MS // TIME_MS
        notes = tidy(_shorten_rests(notes))
        notes[:, START] -= notes[:1, START]
        notes[:, DURATION] = np.maximum(notes[:, DURATION] // (DURATION_MS // TIME_MS), 1)
        return notes

    def _grouped(self, notes: np.ndarray) -> np.ndarray:
        """Replace programs by groups; notes without a group are left out."""
        groups = group_of(self.config.groups == "nearest")[notes[:, PROGRAM]]
        notes = notes[groups >= 0]
        notes[:, PROGRAM] = groups[groups >= 0]
        return notes

    def _write(self, notes: np.ndarray) -> np.ndarray:
        """Write a note table (PROGRAM holds the group) as ids: int16 (N,)."""
        notes = notes[np.lexsort((notes[:, PROGRAM], -notes[:, PITCH], notes[:, START]))]
        times = np.diff(notes[:, START], prepend=0)
        onset = np.cumsum(np.concatenate([[False], np.diff(notes[:, START]) > 0]))  # the number of each note's onset
        triples = np.column_stack([times, how(notes[:, DURATION], notes[:, VELOCITY]),
                                   WHAT + notes[:, PROGRAM] * 128 + notes[:, PITCH]])
        drums = HAS_DRUMS if (notes[:, PROGRAM] == DRUM_GROUP).any() else NO_DRUMS
        header = [BEGIN, drums, LEAD + int(notes[0, PROGRAM]), COUNTER]
        first = np.searchsorted(onset, np.arange(onset[-1] + 1))  # the first note of each onset
        marked = np.arange(ONSETS_A_COUNTER, len(first), ONSETS_A_COUNTER)
        places = first[marked] * 3
        marks = COUNTER + np.minimum(marked // ONSETS_A_COUNTER, 255)
        if len(first) > ONSETS_A_COUNTER:
            places = np.append(places, first[len(first) - ONSETS_A_COUNTER] * 3)
            marks = np.append(marks, OUTRO)
        kept = np.ones(triples.shape, bool)
        if not self.config.always_time:
            kept[1:, 0] = times[1:] > 0
        ids = np.insert(triples.ravel(), places, marks)[np.insert(kept.ravel(), places, True)]
        return np.concatenate([header, ids]).astype(np.int16)

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        ids = np.asarray(ids, dtype=np.int64).ravel()
        now = np.cumsum(np.where((ids >= 0) & (ids < HOW), ids, 0))
        before = np.concatenate([[-1], ids])[:-1]
        sounds = (ids >= WHAT) & (ids < COUNTER) & (before >= HOW + VELOCITIES) & (before < WHAT)
        group, pitch = np.divmod(ids[sounds] - WHAT, 128)
        duration, velocity = np.divmod(before[sounds] - HOW, VELOCITIES)
        metre = parse_metre(request.metre) if request else DEFAULT_METRE
        tempo = request.tempo if request else None
        if self.config.clock == "grid32":
            steps, tempo = GRID_STEPS_PER_QUARTER, tempo or DEFAULT_TEMPO
            times = np.stack([now[sounds], now[sounds] + duration])
        else:
            steps, tempo = TICKS_PER_QUARTER, tempo or TICK_A_MS_TEMPO
            ms = np.stack([now[sounds] * TIME_MS, now[sounds] * TIME_MS + duration * DURATION_MS])
            times = np.ceil(ms * tempo * TICKS_PER_QUARTER / 60_000 - 1e-6).astype(np.int64)
        length = metre[0] * 4 * steps // metre[1]
        last = request.bars * length if request else int(times.max(initial=1))
        start, end = np.minimum(times, last)  # a note may sound a tick too long where ticks are no milliseconds
        programs = self.programs(request)
        notes = np.column_stack([start, end - start, pitch, (velocity + 1) * VELOCITY_STEP, programs[group]])
        notes = notes[end > start]
        bars = np.array([[0, *metre]], np.int32)
        return from_grid(GridPiece(tidy(notes), bars, last, steps, tempo))

    def programs(self, request: Request | None) -> np.ndarray:
        """Return the program that each group sounds with: the one asked for, else the source's; int64 (12,)."""
        programs = np.array([group.sounds for group in GROUPS])
        for group, program in (parts_asked(request, self.config.groups == "nearest") if request else {}).items():
            programs[group] = program
        return programs

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        if draft is not None:
            raise UserError("a model with the codec 'triples' writes new pieces only; "
                            "take a model with the codec 'bars' to work on a piece")
        from bandmate.codecs.triples_grammar import TriplesGrammar
        return TriplesGrammar(self, request, rows)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids)[..., 0]
        return (ids >= WHAT) & (ids < COUNTER)

    def given(self, ids: np.ndarray) -> np.ndarray:
        return np.cumprod(ids[:, 0] >= COUNTER).astype(bool)

    def words(self, ids: np.ndarray) -> list[str]:
        return [self._word(number) for number in np.asarray(ids).ravel().tolist()]

    def _word(self, number: int) -> str:
        if number < HOW:
            unit = "/32" if self.config.clock == "grid32" else f" x {TIME_MS} ms"
            return f"time {number}{unit}"
        if number < WHAT:
            duration, velocity = divmod(number - HOW, VELOCITIES)
            unit = "/32" if self.config.clock == "grid32" else f" x {DURATION_MS} ms"
            return f"length {duration}{unit} velocity {(velocity + 1) * VELOCITY_STEP}"
        if number < COUNTER:
            group, pitch = divmod(number - WHAT, 128)
            return f"{GROUPS[group].name} {pitch if group == DRUM_GROUP else pitch_name(pitch)}"
        if number < OUTRO:
            return f"counter {number - COUNTER}"
        if LEAD <= number < BEGIN:
            return f"lead {GROUPS[number - LEAD].name}"
        return {OUTRO: "outro", NO_DRUMS: "no drums", HAS_DRUMS: "drums", BEGIN: "begin"}.get(number, "pad")

    def window(self, ids: np.ndarray, length: int, start: float) -> np.ndarray:
        """Cut header + notes, at most ``length`` ids; every window has the header and starts at a note."""
        head = _head(ids)
        starts = _events(ids)
        starts = starts[:np.searchsorted(starts, len(ids) - (length - head), side="left") + 1]
        first = int(starts[min(int(start * len(starts)), len(starts) - 1)])
        return np.concatenate([ids[:head], ids[first:first + length - head]])

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        head, cuts = _head(ids), [*_events(ids).tolist(), len(ids)]
        pages, first = [], head
        while first < len(ids):
            stop = max((cut for cut in cuts if first < cut <= first + length - head), default=first + length - head)
            pages.append(np.concatenate([ids[:head], ids[first:stop]]))
            first = stop
        return pages

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        window = self.window(ids, length, random.random())
        return transpose(window, int(random.integers(-variety.transpose, variety.transpose + 1)))


def _shorten_rests(notes: np.ndarray) -> np.ndarray:
    """Return a note table sorted by start, no start more than LONGEST_TIME after the one before."""
    notes = notes[np.argsort(notes[:, START], kind="stable")]
    times = np.diff(notes[:, START])
    notes[1:, START] -= np.cumsum(np.maximum(times - LONGEST_TIME, 0))
    return notes


def how(durations: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Return the ids of durations (in units of the clock) and velocities (1 to 127)."""
    velocity = np.rint(np.clip(velocities, 8, 127) / VELOCITY_STEP).astype(np.int64) - 1
    return HOW + np.clip(durations, 1, LONGEST_DURATION) * VELOCITIES + np.clip(velocity, 0, VELOCITIES - 1)


def milliseconds(piece: Piece, ticks: np.ndarray) -> np.ndarray:
    """Return when ticks sound, in whole milliseconds rounded down, under the piece's tempo changes: int64 (N,)."""
    marks = {0: 60_000_000 / DEFAULT_TEMPO} | {max(mark.time, 0): float(mark.mspq) for mark in piece.tempos if mark.mspq > 0}
    times = np.array(sorted(marks))
    rates = np.array([marks[time] for time in times.tolist()]) / piece.ticks_per_quarter / 1000  # ms a tick
    begun = np.concatenate([[0.0], np.cumsum(np.diff(times) * rates[:-1])])
    place = np.searchsorted(times, ticks, side="right") - 1
    return np.floor(begun[place] + (ticks - times[place]) * rates[place] + 1e-6).astype(np.int64)


def transpose(ids: np.ndarray, semitones: int) -> np.ndarray:
    """Return a copy of some ids in another key, drums untouched; as it was if a pitch would leave 0 to 127."""
    ids = ids.copy()
    pitched = (ids >= WHAT) & (ids < COUNTER) & ((ids - WHAT) // 128 != DRUM_GROUP)
    pitches = (ids[pitched] - WHAT) % 128 + semitones
    if len(pitches) and pitches.min() >= 0 and pitches.max() <= 127:
        ids[pitched] += semitones
    return ids


def _head(ids: np.ndarray) -> int:
    """Return how many ids the header has."""
    return int(np.argmin(ids[:, 0] >= COUNTER))


def _events(ids: np.ndarray) -> np.ndarray:
    """Return where each note begins, with its marks: after the header, and after each note but the last."""
    kinds = ids[:, 0]
    after = np.flatnonzero((kinds[:-1] >= WHAT) & (kinds[:-1] < COUNTER)) + 1
    return np.concatenate([[_head(ids)], after])
