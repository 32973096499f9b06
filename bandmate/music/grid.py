"""A piece on a grid: every note starts and ends on a step, every step belongs to a bar.

All codecs start from this view, and end with it. Ticks, tempo maps and tracks stay outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import symusic

from bandmate.music.instruments import program_name
from bandmate.piece import DRUMS, TICKS_PER_QUARTER, Piece
from bandmate.settings import UserError

START, DURATION, PITCH, VELOCITY, PROGRAM = range(5)
"""Columns of a note table."""

DEFAULT_TEMPO = 120.0  # quarters a minute: what a MIDI file without a tempo means
DEFAULT_METRE = (4, 4)  # what a MIDI file without a time signature means
MAX_BARS = 10_000  # a score longer than this is damaged


@dataclass(frozen=True)
class GridPiece:
    """Notes and bars on a grid.

    ``notes`` is an int32 table (N, 5) with columns start and duration (steps), pitch (0 to 127), velocity (1 to 127),
    program (0 to 127; 128 is the drum kit), sorted by start, program, pitch. ``bars`` is an int32 table (bars, 3)
    with columns first step, numerator, denominator; the piece ends at step ``end``.
    """

    notes: np.ndarray
    bars: np.ndarray
    end: int
    steps_per_quarter: int
    tempo: float = DEFAULT_TEMPO  # quarters a minute

    def bar_lengths(self) -> np.ndarray:
        """Return the steps of each bar."""
        return np.diff(self.bars[:, 0], append=self.end)


def note_table(piece: Piece) -> np.ndarray:
    """Return all notes of a piece as an int64 table (N, 5), times in ticks, unsorted."""
    tracks = [(track.notes.numpy(), DRUMS if track.is_drum else min(max(track.program, 0), 127)) for track in piece.tracks]
    lengths = [len(notes["time"]) for notes, _ in tracks]
    columns = np.empty((5, sum(lengths)), np.int64)  # columns lie together: quick to work on
    if tracks:
        for column, name in enumerate(("time", "duration", "pitch", "velocity")):
            np.concatenate([notes[name] for notes, _ in tracks], out=columns[column])
        columns[PROGRAM] = np.repeat([program for _, program in tracks], lengths)
    return columns.T


def tidy(notes: np.ndarray) -> np.ndarray:
    """Sort a note table by start, program, pitch; let no two equal notes of a part overlap.

    Of two equal notes that start together the longer stays; a note that still sounds when it is struck again
    ends there, as on a real instrument.
    """
    if not len(notes):
        return notes.astype(np.int32).reshape(0, 5)
    key = (notes[:, PROGRAM].astype(np.int64) << 47) + (notes[:, PITCH].astype(np.int64) << 40) + notes[:, START]
    order = np.argsort(key)
    ordered = key[order]
    new = np.ones(len(order), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    if not new.all():
        among_twins = ~new | ~np.append(new[1:], True)
        twins = order[among_twins]
        order[among_twins] = twins[np.lexsort((twins, -notes[twins, DURATION], key[twins]))]
        order, ordered = order[new], ordered[new]
    voice, start, duration = ordered >> 40, notes[order, START], notes[order, DURATION]
    gap = np.where(voice[1:] == voice[:-1], start[1:] - start[:-1], np.iinfo(np.int32).max)
    np.minimum(duration[:-1], gap, out=duration[:-1])
    again = np.argsort((start.astype(np.int64) << 15) + voice)
    tidied = np.empty((5, len(order)), np.int32)
    tidied[START], tidied[DURATION] = start[again], duration[again]
    for column in (PITCH, VELOCITY, PROGRAM):
        tidied[column] = notes[order[again], column]
    return tidied.T


def to_grid(piece: Piece, steps_per_quarter: int) -> GridPiece:
    """Snap a piece to a grid of ``steps_per_quarter``; leading empty bars are taken away.

    Starts and ends go to the nearest step, no note gets shorter than one step. The tempo is the piece's mean.
    """
    ticks = piece.ticks_per_quarter
    notes = note_table(piece)
    ends = notes[:, START] + notes[:, DURATION]
    for column in (notes[:, START], ends):
        np.floor_divide(column * (2 * steps_per_quarter) + ticks, 2 * ticks, out=column)
    notes[:, DURATION] = np.maximum(ends - notes[:, START], 1)
    notes[:, VELOCITY] = np.minimum(np.maximum(notes[:, VELOCITY], 1), 127)  # np.clip takes longer
    if notes[:, START].min(initial=0) < 0:
        notes = notes[notes[:, START] >= 0]
    notes = tidy(notes)
    last = int((notes[:, START] + notes[:, DURATION]).max(initial=1))
    bars, end = _bars(piece, steps_per_quarter, last)
    if len(notes):
        first = int(np.searchsorted(bars[:, 0], notes[0, START], side="right")) - 1
        shift = int(bars[first, 0])
        bars, end = bars[first:], end - shift
        bars[:, 0] -= shift
        notes[:, START] -= shift
    return GridPiece(notes, bars, end, steps_per_quarter, mean_tempo(piece))


def _bars(piece: Piece, steps_per_quarter: int, last: int) -> tuple[np.ndarray, int]:
    """Lay out bars from the time signatures until step ``last``; a change inside a bar cuts that bar short."""
    ticks = piece.ticks_per_quarter
    changes: dict[int, tuple[int, int]] = {}
    for mark in piece.time_signatures:
        at = (mark.time * 2 * steps_per_quarter + ticks) // (2 * ticks)
        length = mark.numerator * 4 * steps_per_quarter
        if mark.numerator > 0 and mark.denominator > 0 and length % mark.denominator == 0 and at < last:
            changes[max(at, 0)] = (mark.numerator, mark.denominator)
    if 0 not in changes:
        changes[0] = DEFAULT_METRE
    starts = sorted(changes)
    tables = []
    for start, stop in zip(starts, [*starts[1:], None], strict=True):
        numerator, denominator = changes[start]
        length = numerator * 4 * steps_per_quarter // denominator
        count = max(1, -(-((last if stop is None else stop) - start) // length))
        if count > MAX_BARS:
            raise UserError(f"the piece has over {MAX_BARS} bars; files this long are damaged; cut it")
        first = start + length * np.arange(count)
        tables.append(np.column_stack([first, np.full(count, numerator), np.full(count, denominator)]))
        end = int(first[-1]) + length
    return np.concatenate(tables).astype(np.int32), end


def mean_tempo(piece: Piece) -> float:
    """Return the mean tempo in quarters a minute: all quarters over all minutes."""
    changes = [(mark.time, mark.qpm) for mark in piece.tempos if mark.qpm > 0]
    if not changes:
        return DEFAULT_TEMPO
    if len(changes) == 1:
        return float(changes[0][1])
    times = np.array([0] + [time for time, _ in changes[1:]] + [max(piece.end(), changes[-1][0] + 1)], dtype=float)
    ticks = np.diff(times)
    return float(ticks.sum() / (ticks / np.array([tempo for _, tempo in changes])).sum())


def from_grid(grid: GridPiece, names: dict[int, str] | None = None) -> Piece:
    """Make a piece of a grid: one named track a program in the order of programs, drums last, metre and tempo marks.

    ``names`` replaces the track name of a program.
    """
    piece = symusic.Score(TICKS_PER_QUARTER)
    ticks = TICKS_PER_QUARTER // grid.steps_per_quarter
    if ticks * grid.steps_per_quarter != TICKS_PER_QUARTER:
        raise ValueError(f"{grid.steps_per_quarter} steps a quarter do not divide {TICKS_PER_QUARTER} ticks")
    piece.tempos.append(symusic.Tempo(0, grid.tempo))
    metre = None
    for start, numerator, denominator in grid.bars.tolist():
        if metre != (numerator, denominator):
            metre = (numerator, denominator)
            piece.time_signatures.append(symusic.TimeSignature(start * ticks, numerator, denominator))
    for program in np.unique(grid.notes[:, PROGRAM]).tolist():
        part = grid.notes[grid.notes[:, PROGRAM] == program]
        name = (names or {}).get(program) or program_name(program).title()
        track = symusic.Track(name, 0 if program == DRUMS else program, program == DRUMS)
        times = np.ascontiguousarray((part[:, [START, DURATION]] * ticks).T.astype(np.int32))
        track.notes = symusic.Note.from_numpy(times[0], times[1], part[:, PITCH].astype(np.int8),
                                              part[:, VELOCITY].astype(np.int8))
        piece.tracks.append(track)
    return piece


