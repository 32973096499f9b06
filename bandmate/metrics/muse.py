"""MuseGAN's measures of a band of five: bass, drums, guitar, piano and strings.

Source: Dong et al., AAAI 2018, arXiv 1709.06298. Music is a roll of 24 steps a quarter, 96 a bar; all is counted bar by bar
and averaged over bars. The published table holds no ideal but the row of its training data: closer to the row of *your* real
music is better. By default the paper's definitions; ``released_code=True`` counts like the code that made the table, which
differs: its pitch classes are bands of 7 neighbouring semitones, notes are cut at bar lines and qualify from 2 steps on,
drums are weighed by a mask, and a tonal distance needs both parts in every beat of the bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from bandmate.metrics.structure import bar_of
from bandmate.metrics.tonality import piano_roll
from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, GridPiece, to_grid
from bandmate.music.instruments import CLASSES, class_of
from bandmate.piece import Piece

ROLES = ("bass", "drums", "guitar", "piano", "strings")
PAIRS = ("bass-guitar", "bass-strings", "bass-piano", "guitar-strings", "guitar-piano", "strings-piano")
CELLS = (*(f"EB {role}" for role in ROLES), *(f"{name} {role}" for name in ("UPC", "QN") for role in ROLES if role != "drums"),
         "DP drums", *(f"TD {pair}" for pair in PAIRS))
STEPS_A_QUARTER, _SIXTEENTH = 24, 6
_QUALIFIED = {False: 3, True: 2}  # steps; True is the released code, here and below
_LOWEST, _BAND = 24, 7  # of the released code: C1 to B7 are twelve bands of 7 semitones
_DRUM_MASK = np.array([1, 0.3, 0, 0, 0, 0.3])  # how much a drum counts on each step of a 16th, in the released code
_UNUSED = ("effects", "percussion", "sounds")  # classes without a role, as in the Lakh Pianoroll Dataset
_PITCH, _TWELVE = np.arange(128)[:, None], np.arange(12)
_FOLDS = {False: _PITCH % 12 == _TWELVE, True: (_PITCH - _LOWEST) // _BAND == _TWELVE}  # pitches to classes, or to bands

# Harte, Sandler and Gasser, 2006: circles of fifths, minor thirds and major thirds, of radius 1, 1 and 1/2.
_ANGLES = np.pi * _TWELVE[:, None] * np.array([7 / 6, 3 / 2, 2 / 3])
_TONAL_SPACE = np.concatenate((np.sin(_ANGLES), np.cos(_ANGLES)), axis=1) * np.array([1, 1, 0.5, 1, 1, 0.5])


def role_of(program: int) -> str | None:
    """Return the role of a program (0 to 127, or 128 for drums) by its class; None for sound effects and the like."""
    name = CLASSES[class_of(program)]
    return None if name in _UNUSED else name if name in ROLES else "strings"


def empty_bars(piece: Piece, role: str) -> float:
    """EB: return the share of bars in which a role is silent, 0 to 100 %. Undefined: the role never plays ("no bass")."""
    return _mean(piece, f"EB {role}")


def pitch_classes(piece: Piece, role: str, released_code: bool = False) -> float:
    """UPC: return the mean number of pitch classes in bars in which a role plays, 1 to 12. Undefined: no such role; drums."""
    return _mean(piece, f"UPC {role}", released_code)


def qualified_notes(piece: Piece, role: str, released_code: bool = False) -> float:
    """QN: return the mean share of notes of a 32nd (3 of 96 steps) or longer, 0 to 100 %. Undefined: no such role; drums."""
    return _mean(piece, f"QN {role}", released_code)


def drum_pattern(piece: Piece, released_code: bool = False) -> float:
    """DP: return the mean share of strokes on a 16th of the bar, 0 to 100 %, over bars with strokes. Undefined: no drums."""
    return _mean(piece, "DP drums", released_code)


def tonal_distance(piece: Piece, first: str, second: str, released_code: bool = False) -> float:
    """TD: return how far apart the harmonies of two roles are, beat by beat: 0 (the same) to 3.

    Mean over the beats in which both sound of |T (a / Σa) - T (b / Σb)|, a and b the time that each pitch class sounds, T the
    six-dimensional tonal space of Harte, Sandler and Gasser (2006). Undefined: a role never plays; they never sound together.
    """
    return _mean(piece, f"TD {first}-{second}", released_code)


def cells(pieces: Sequence[Piece], released_code: bool = False) -> dict[str, float]:
    """Return the 20 cells of the published table for a set of pieces, such as "EB bass", "DP drums" or "TD bass-guitar".

    All bars (TD: beats) of pieces in which the roles play count; cells without a value are left out. Undefined: no pieces.
    """
    if not len(pieces):
        raise Undefined("no pieces")
    found: dict[str, list[np.ndarray]] = {name: [] for name in CELLS}
    for band in map(_band, pieces):
        for name, values in found.items():
            with suppress(Undefined):
                values.append(_values(band, name, released_code))
    return {name: float(np.concatenate(values).mean()) for name, values in found.items() if values}


def relative_error(new: Mapping[str, float], real: Mapping[str, float]) -> float:
    """Return the mean of |new - real| / real over the cells that both have, in %: how far new music is from the real row.

    Published: jamming 17.4, hybrid 48.6, composer 54.7 %. Undefined: no cell in common; a real cell is 0 and is left out.
    """
    errors = [abs(new[name] - real[name]) / real[name] for name in real if name in new and real[name]]
    if not errors:
        raise Undefined("no cell in common")
    return float(100 * np.mean(errors))


class _Band(NamedTuple):
    """A piece on a grid, its bar lines, and the notes of each role that plays in it."""

    grid: GridPiece
    lines: np.ndarray
    parts: Mapping[str, np.ndarray]
    rolls: dict[str, np.ndarray]

    def roll(self, role: str) -> np.ndarray:
        if role not in self.rolls:
            self.rolls[role] = piano_roll(self.parts[role], self.grid.end)
        return self.rolls[role]


def _band(piece: Piece) -> _Band:
    grid = to_grid(piece, STEPS_A_QUARTER)
    roles = np.array([str(role_of(program)) for program in grid.notes[:, PROGRAM].tolist()])
    return _Band(grid, grid.bars[:, 0], {role: grid.notes[roles == role] for role in ROLES if (roles == role).any()}, {})


def _mean(piece: Piece, name: str, released: bool = False) -> float:
    return float(_values(_band(piece), name, released).mean())


def _values(band: _Band, name: str, released: bool) -> np.ndarray:
    """Return the values of a cell, one a bar or beat that has one; at least one."""
    measure, roles = name.split()
    for role in roles.split("-"):
        if role == "drums" and measure in ("UPC", "QN", "TD"):
            raise Undefined("drums have no harmony")
        if role not in band.parts:
            raise Undefined(f"no {role}")
    values = _MEASURES[measure](band, roles, released)
    if not len(values):
        raise Undefined(f"{roles.replace('-', ' and ')} never sound together" if "-" in roles else f"no {roles} in range")
    return values


def _empty_bars(band: _Band, role: str, _released: bool) -> np.ndarray:
    return 100.0 * ~np.logical_or.reduceat(band.roll(role).any(axis=1), band.lines)


def _pitch_classes(band: _Band, role: str, released: bool) -> np.ndarray:
    used = (np.logical_or.reduceat(band.roll(role), band.lines) @ _FOLDS[released]).sum(axis=1)
    return used[used > 0]


def _qualified_notes(band: _Band, role: str, released: bool) -> np.ndarray:
    notes = band.parts[role]
    bar, length = _runs(notes, band.grid) if released else (bar_of(band.grid, notes), notes[:, DURATION])
    count, long = np.bincount(bar), np.bincount(bar, length >= _QUALIFIED[released])
    return 100 * long[count > 0] / count[count > 0]


def _runs(notes: np.ndarray, grid: GridPiece) -> tuple[np.ndarray, np.ndarray]:
    """Return bar and length of the released code's notes: cut at bar lines, a step short if struck again at once."""
    start, length, pitch = notes[:, START], notes[:, DURATION], notes[:, PITCH]
    again = np.isin((start + length) * 128 + pitch, start * 128 + pitch) & (length > 1)
    notes = np.column_stack((start, length - again, pitch))
    bars = np.arange(len(grid.bars))
    roll = np.zeros((grid.end + len(bars), 128), bool)  # with a silent step after each bar
    roll[np.arange(grid.end) + bars.repeat(grid.bar_lengths())] = piano_roll(notes, grid.end)
    change = np.diff(roll.T.astype(np.int8), axis=1, prepend=0)
    first, end = np.nonzero(change > 0)[1], np.nonzero(change < 0)[1]
    return np.searchsorted(grid.bars[:, 0] + bars, first, side="right") - 1, end - first


def _drum_pattern(band: _Band, role: str, released: bool) -> np.ndarray:
    notes, strokes = band.parts[role], np.zeros((len(band.lines), _SIXTEENTH))
    bar = bar_of(band.grid, notes)
    np.add.at(strokes, (bar, (notes[:, START] - band.lines[bar]) % _SIXTEENTH), 1)
    strokes = strokes[strokes.any(axis=1)]
    if not released:
        return 100 * strokes[:, 0] / strokes.sum(axis=1)
    masks = np.stack([np.roll(_DRUM_MASK, shift) for shift in range(_SIXTEENTH)])
    return 100 * (strokes @ masks.T).max(axis=1) / strokes.sum(axis=1)


def _tonal_distances(band: _Band, pair: str, released: bool) -> np.ndarray:
    """Return the distance for each beat in which both sound; the released code: for each bar of which that holds throughout."""
    beats = np.concatenate([np.arange(line, line + length, STEPS_A_QUARTER) for line, length in zip(
        band.lines.tolist(), band.grid.bar_lengths().tolist(), strict=True)])
    places, both = [], np.ones(len(beats), bool)
    for role in pair.split("-"):
        chroma = np.add.reduceat(band.roll(role), beats, dtype=np.int16) @ _FOLDS[released].astype(np.int16)
        total = chroma.sum(axis=1, keepdims=True)
        both &= total[:, 0] > 0
        places.append(chroma / np.maximum(total, 1) @ _TONAL_SPACE)
    distances = np.linalg.norm(places[0] - places[1], axis=1)
    if not released:
        return distances[both]
    first = beats.searchsorted(band.lines)
    means = np.add.reduceat(distances, first) / np.add.reduceat(np.ones(len(beats)), first)
    return means[np.logical_and.reduceat(both, first)]


_MEASURES = {"EB": _empty_bars, "UPC": _pitch_classes, "QN": _qualified_notes, "DP": _drum_pattern, "TD": _tonal_distances}
