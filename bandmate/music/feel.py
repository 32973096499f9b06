"""How a piece is played: on the grid, or with the small liberties that people take.

What people do differently from a score is no plain noise: their delays hang together from one onset to the next, the notes of
a chord come nearly together, and beats are louder than what lies between them (Repp, JASA 92, 1992; Bilmes, Timing is of the
Essence, MIT 1993; Hennig et al., PLoS ONE 6, 2011). We draw from a first-order process rather than 1/f noise.
"""

from __future__ import annotations

import re

import numpy as np
import symusic

from bandmate.music.chords import strong_beats
from bandmate.music.grid import lay_bars
from bandmate.piece import Piece
from bandmate.settings import UserError

START, END, PITCH, VELOCITY = range(4)
MAX_VELOCITY = 127
WIDEST = 1 / 8  # quarters: a 32nd, the furthest that a note moves
MEMORY = 0.8  # how much of a delay is left at the next onset
TOGETHER = 0.5  # share of the delays that all parts have in common
SPREAD = 0.12  # how far apart the notes of a chord come, as a share of the delays
ACCENTS = {"bar": 14, "strong": 9, "beat": 3, "off": -5}  # MIDI velocity, at amount 1
VELOCITY_NOISE = 8  # standard deviation, at amount 1


def quantize(piece: Piece, grid: str = "1/16", strength: float = 1.0) -> Piece:
    """Move the starts and ends of notes to a grid; return a new piece, in which all else is as it was.

    ``grid`` is a note value, such as "1/16", or "1/8t" for triplets; the grid begins anew with every bar. ``strength`` is the
    share of the way that notes move, 0 to 1. No note gets shorter than the grid at full strength; of equal notes of a track
    that fall together the longest stays. Raises UserError for a grid that is none or a strength out of range.
    """
    match = re.fullmatch(r"\s*1\s*/\s*(1|2|4|8|16|32|64)\s*(t?)\s*", grid)
    if not match:
        raise UserError(f"'{grid}' is not a grid; grids look like '1/16', '1/8' or, in triplets, '1/8t'")
    _check("strength", strength)
    unit = piece.ticks_per_quarter * 4 / int(match[1]) * (2 / 3 if match[2] else 1)
    edges = _edges(piece)
    result = piece.copy()
    for track in result.tracks:
        old = _notes(track)
        goals = _nearest(old[:, :2], edges, unit)
        goals[:, END] = np.maximum(goals[:, END], goals[:, START] + unit)
        new = old.copy()
        new[:, :2] = np.rint(old[:, :2] + strength * (goals - old[:, :2]))
        order = np.lexsort((-new[:, END], new[:, START], new[:, PITCH]))
        twin = np.zeros(len(order), bool)
        twin[1:] = (np.diff(new[order][:, [START, PITCH]], axis=0) == 0).all(axis=1)
        _set(track, old, new, order[~twin] if strength else order)
    return result


def humanize(piece: Piece, timing: float = 0.3, velocity: float = 0.3, seed: int = 0) -> Piece:
    """Play a piece as a person might; return a new piece, in which all else is as it was.

    ``timing`` and ``velocity`` are amounts from 0 (as it was) to 1: notes move by at most a 32nd, none before the start, and
    their velocities by some 14 for the accents of the metre and 8 at random, within 1 to 127. Onsets of a track keep their
    order, and equal notes that did not overlap do not. The same seed plays the same. Raises UserError for an amount out of
    range.
    """
    _check("timing", timing)
    _check("velocity", velocity)
    result = piece.copy()
    onsets = np.unique(np.concatenate([np.zeros(1, np.int64), *(_notes(track)[:, START] for track in piece.tracks)]))
    shared = _drift(np.random.default_rng(seed), len(onsets))
    accents = _accents(piece, onsets)
    for number, track in enumerate(result.tracks):
        old = _notes(track)
        if not len(old):
            continue
        random = np.random.default_rng([seed, number])
        mine, onset = np.unique(old[:, START], return_inverse=True)
        delay = TOGETHER * shared[np.searchsorted(onsets, mine)] + (1 - TOGETHER) * _drift(random, len(mine))
        delay = delay[onset] + SPREAD * random.uniform(-1, 1, len(old))
        gap = np.concatenate([[2 * mine[0] + 1], np.diff(mine), [np.iinfo(np.int32).max]])
        reach = (gap - 1) // 2  # less than half the way to the onset before, and to the one after
        furthest = timing * WIDEST * piece.ticks_per_quarter
        new = old.copy()
        new[:, :2] += np.rint(np.clip(furthest * np.clip(delay, -1, 1), -reach[onset], reach[onset + 1])
                              ).astype(np.int64)[:, None]
        change = accents[np.searchsorted(onsets, old[:, START])] + VELOCITY_NOISE * random.normal(size=len(old))
        if velocity:
            new[:, VELOCITY] = np.clip(np.rint(old[:, VELOCITY] + velocity * change), 1, MAX_VELOCITY)
        _set(track, old, new, np.lexsort((old[:, START], old[:, PITCH])))
    return result


def _check(name: str, amount: float) -> None:
    if not 0 <= amount <= 1:
        raise UserError(f"{name} is {amount:g}; an amount from 0 (as it was) to 1 was expected; choose one between them")


def _notes(track: symusic.Track) -> np.ndarray:
    """Return the notes of a track: int64 (N, 4), start and end in ticks, pitch, velocity."""
    notes = track.notes.numpy()
    columns = [notes[name].astype(np.int64) for name in ("time", "duration", "pitch", "velocity")]
    columns[END] += columns[START]
    return np.column_stack(columns)


def _set(track: symusic.Track, old: np.ndarray, new: np.ndarray, order: np.ndarray) -> None:
    """Replace the notes of a track by new ones, those that ``order`` names, sorted by pitch and time.

    No note is shorter than a tick, and equal notes that did not overlap do not.
    """
    mine, following = order[:-1], order[1:]
    apart = (old[mine, PITCH] == old[following, PITCH]) & (old[mine, END] <= old[following, START])
    new[mine[apart], END] = np.minimum(new[mine[apart], END], new[following[apart], START])
    stays = np.sort(order)
    stays = stays[np.argsort(new[stays, START], kind="stable")]
    start, end, pitch, velocity = np.ascontiguousarray(new[stays].T)
    track.notes = symusic.Note.from_numpy(start.astype(np.int32), np.maximum(end - start, 1).astype(np.int32),
                                          pitch.astype(np.int8), velocity.astype(np.int8))


def _edges(piece: Piece) -> np.ndarray:
    """Return where bars start, in ticks, and where the last one ends: int64 (bars + 1,)."""
    bars, end = lay_bars(piece, piece.ticks_per_quarter, max(piece.end(), 1))
    return np.append(bars[:, 0], end).astype(np.int64)


def _nearest(ticks: np.ndarray, edges: np.ndarray, unit: float) -> np.ndarray:
    """Return the nearest places on the grid, which begins anew with every bar: float, as many."""
    bar = np.clip(np.searchsorted(edges, ticks, side="right") - 1, 0, len(edges) - 2)
    place = edges[bar] + np.rint((ticks - edges[bar]) / unit) * unit
    line = edges[bar + 1]
    return np.where(np.abs(line - ticks) <= np.abs(place - ticks), line, place)


def _drift(random: np.random.Generator, count: int) -> np.ndarray:
    """Return delays from about -1 to 1 that hang together from each to the next: (count,)."""
    delays = np.empty(count)
    delay = random.normal()
    for number in range(count):
        delay = MEMORY * delay + (1 - MEMORY**2) ** 0.5 * random.normal()
        delays[number] = delay
    return delays / 2  # two standard deviations reach 1


def _accents(piece: Piece, onsets: np.ndarray) -> np.ndarray:
    """Return what onsets (in ticks) are louder by for their place in the bar, in MIDI velocity at amount 1: (N,)."""
    quarter = piece.ticks_per_quarter
    bars, _ = lay_bars(piece, quarter, max(piece.end(), 1))
    bar = np.searchsorted(bars[:, 0], onsets, side="right") - 1
    accents = np.full(len(onsets), ACCENTS["off"])
    for number in np.unique(bar).tolist():
        first, numerator, denominator = bars[number].tolist()
        here = bar == number
        place = onsets[here] - first
        strong = strong_beats(numerator, denominator, quarter)
        accents[here] = np.select([place == 0, np.isin(place, strong), place % (quarter * 4 // max(denominator, 4)) == 0],
                                  [ACCENTS["bar"], ACCENTS["strong"], ACCENTS["beat"]], ACCENTS["off"])
    return accents
