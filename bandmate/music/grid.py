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
MICROSECONDS_A_MINUTE = 60_000_000
MAX_BARS = 10_000  # a score longer than this is damaged
PITCH_BITS, VOICE_BITS, MOMENT_BITS = 7, 15, 40  # of a pitch; of a voice, a program and a pitch; of a step of a piece


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
        lines = self.bars[:, 0]
        return np.concatenate((lines[1:], [self.end])) - lines


def note_table(piece: Piece) -> np.ndarray:
    """Return all notes of a piece as an int64 table (N, 5), times in ticks, unsorted."""
    tracks = [(track.notes.numpy(), DRUMS if track.is_drum else min(max(track.program, 0), 127)) for track in piece.tracks]
    lengths = [len(notes["time"]) for notes, _ in tracks]
    columns = np.empty((5, sum(lengths)), np.int64)  # columns lie together: quick to work on
    if tracks:
        for column, name in enumerate(("time", "duration", "pitch", "velocity")):
            np.concatenate([notes[name] for notes, _ in tracks], out=columns[column])
        columns[PROGRAM] = np.array([program for _, program in tracks]).repeat(lengths)
    return columns.T


def track_numbers(piece: Piece) -> np.ndarray:
    """Return the number of the track that each note of the note table stands in: int64 (N,)."""
    return np.arange(len(piece.tracks)).repeat([track.note_num() for track in piece.tracks])


def tidy(notes: np.ndarray) -> np.ndarray:
    """Sort a note table by start, program, pitch; let no two equal notes of a part overlap.

    Of two equal notes that start together the longer stays; a note that still sounds when it is struck again
    ends there, as on a real instrument.
    """
    if not len(notes):
        return notes.astype(np.int32).reshape(0, 5)
    start, duration, pitch, velocity, program = notes.T
    bits = len(notes).bit_length()  # of a number of a note; numbers and places are sorted as one, which is quick
    keys = np.left_shift(start, VOICE_BITS, dtype=np.int64)
    keys += (program << PITCH_BITS) + pitch
    keys <<= bits
    keys += np.arange(len(notes))
    keys.sort()
    order, place = keys & ((1 << bits) - 1), keys >> bits
    held = duration[order]
    while len(again := (place[1:] == place[:-1]).nonzero()[0]):  # of two neighbours the longer stays, or else the first
        stays = np.ones(len(order), bool)
        stays[again + (held[again] >= held[again + 1])] = False
        order, place, held = order[stays], place[stays], held[stays]
    start, voice = place >> VOICE_BITS, place & ((1 << VOICE_BITS) - 1)
    moments = (voice << MOMENT_BITS) + start  # another voice is far away
    voice = voice.astype(np.int16)
    by_voice = voice.argsort(kind="stable")
    moments, sounding = moments[by_voice], held[by_voice]
    np.minimum(sounding[:-1], moments[1:] - moments[:-1], out=sounding[:-1], casting="unsafe")
    held[by_voice] = sounding
    tidied = np.empty((5, len(order)), np.int32)
    for column, values in enumerate((start, held, voice & 127, velocity[order], voice >> PITCH_BITS)):
        tidied[column] = values
    return tidied.T


def to_grid(piece: Piece, steps_per_quarter: int, table: np.ndarray | None = None) -> GridPiece:
    """Snap a piece to a grid of ``steps_per_quarter``; leading empty bars are taken away.

    Starts and ends go to the nearest step, no note gets shorter than one step. The tempo is the piece's mean. ``table``
    is the piece's note table, if that is at hand.
    """
    ticks = piece.ticks_per_quarter
    columns = note_table(piece).T if table is None else table.T.copy()
    columns[DURATION] += columns[START]  # for now, the end
    times = columns[:PITCH]
    times *= 2 * steps_per_quarter
    times += ticks
    times //= 2 * ticks
    columns[DURATION] -= columns[START]
    np.maximum(columns[DURATION], 1, out=columns[DURATION])
    notes = tidy(columns.T)
    velocity = notes[:, VELOCITY]
    np.minimum(np.maximum(velocity, 1, out=velocity), 127, out=velocity)
    if len(notes) and notes[0, START] < 0:
        notes = notes[notes[:, START].searchsorted(0):]
    last = int((notes[:, START] + notes[:, DURATION]).max(initial=1))
    bars, end = lay_bars(piece, steps_per_quarter, last)
    if len(notes):
        first = int(bars[:, 0].searchsorted(notes[0, START], side="right")) - 1
        shift = int(bars[first, 0])
        if shift:
            bars, end = bars[first:], end - shift
            bars[:, 0] -= shift
            notes[:, START] -= shift
    return GridPiece(notes, bars, end, steps_per_quarter, mean_tempo(piece))


def lay_bars(piece: Piece, steps_per_quarter: int, last: int) -> tuple[np.ndarray, int]:
    """Lay out bars from the time signatures until step ``last``; a change inside a bar cuts that bar short."""
    ticks = piece.ticks_per_quarter
    changes: dict[int, tuple[int, int]] = {}
    for mark in piece.time_signatures:
        numerator, denominator = mark.numerator, mark.denominator
        at = (mark.time * 2 * steps_per_quarter + ticks) // (2 * ticks)
        if numerator > 0 and denominator > 0 and numerator * 4 * steps_per_quarter % denominator == 0 and at < last:
            changes[max(at, 0)] = (numerator, denominator)
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
        table = np.empty((count, 3), np.int32)
        table[:, 0] = np.arange(start, start + length * count, length)
        table[:, 1:] = numerator, denominator
        tables.append(table)
        end = start + length * count
    return np.concatenate(tables) if len(tables) > 1 else tables[0], end


def mean_tempo(piece: Piece) -> float:
    """Return the mean tempo in quarters a minute: all quarters over all minutes."""
    marks = piece.tempos
    if len(marks) == 1 and marks[0].qpm > 0:
        return float(marks[0].qpm)
    changes = marks.numpy()
    times, tempos = changes["time"][changes["mspq"] > 0], MICROSECONDS_A_MINUTE / changes["mspq"][changes["mspq"] > 0]
    if len(times) < 2:
        return float(tempos[0]) if len(times) else DEFAULT_TEMPO
    ticks = np.diff(np.array([0, *times[1:], max(piece.end(), int(times[-1]) + 1)], dtype=float))
    return float(ticks.sum() / (ticks / tempos).sum())


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


