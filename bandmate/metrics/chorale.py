"""Voice leading in four parts, as a teacher of harmony would mark it: parallels, crossed voices, wide gaps.

The music is seen on a grid of 16ths; a chord changes when any voice moves to another pitch. Two voices are in parallel
fifths or octaves when both move, in the same direction, from and to that interval; wider intervals count like their
remainder, a unison like an octave. The rules are those of any textbook (Fux, Gradus ad Parnassum, 1725); Bach's own rates by
these very definitions: 0.19 to 0.25 fifths and 0.08 to 0.15 octaves per 100 chord changes, 2 to 3 % crossed, 1.1 to 1.6 % wide.

Every measure takes a piece with four pitched tracks, or the voices themselves: an integer array (steps, 4) of pitches in
the order soprano, alto, tenor, bass, -1 where a voice is silent.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bandmate.metrics.undefined import Undefined
from bandmate.piece import Piece

VOICES = ("soprano", "alto", "tenor", "bass")
SILENT = -1
STEPS_A_QUARTER = 4
_FIFTH, _OCTAVE = 7, 12  # semitones


def parallel_fifths(music: Piece | np.ndarray) -> float:
    """Return parallel fifths per 100 chord changes, over all six pairs of voices.

    0 to 600. Undefined: not in four voices; the chord never changes.
    """
    return _parallels(voices(music), _FIFTH)


def parallel_octaves(music: Piece | np.ndarray) -> float:
    """Return parallel octaves and unisons per 100 chord changes, over all six pairs of voices.

    0 to 600. Undefined: not in four voices; the chord never changes.
    """
    return _parallels(voices(music), 0)


def voice_crossing(music: Piece | np.ndarray) -> float:
    """Return the share of steps in which a voice sounds below its lower neighbour.

    0 to 100 % of the steps in which all voices sound. Undefined: not in four voices; they never sound together.
    """
    return float(100 * (_gaps(voices(music)) < 0).any(axis=1).mean())


def wide_spacing(music: Piece | np.ndarray) -> float:
    """Return the share of steps in which soprano and alto, or alto and tenor, are more than an octave apart.

    0 to 100 % of the steps in which all voices sound; the bass may be as far as it likes. Undefined: not in four voices;
    they never sound together.
    """
    return float(100 * (_gaps(voices(music))[:, :2] > _OCTAVE).any(axis=1).mean())


def parallels(frames: np.ndarray, interval: int) -> int:
    """Count parallels at an interval (7: fifths, 0: octaves) in voices (steps, 4)."""
    before, after = frames[:-1], frames[1:]
    sounding = (before != SILENT) & (after != SILENT)
    moves = np.where(sounding, after - before, 0)
    count = 0
    for upper, lower in combinations(range(frames.shape[1]), 2):
        together = moves[:, upper] * moves[:, lower] > 0
        for chords in (before, after):
            together &= (chords[:, upper] - chords[:, lower]) % _OCTAVE == interval
        count += int(together.sum())
    return count


def chord_changes(frames: np.ndarray) -> int:
    """Count the steps of voices (steps, 4) at which any voice moves, starts or stops."""
    return int((frames[1:] != frames[:-1]).any(axis=1).sum())


def voices(music: Piece | np.ndarray) -> np.ndarray:
    """Return the four voices of a piece on a grid of 16ths, from its first note on: int64 (steps, 4), -1 for silence.

    A piece is in four voices if four of its tracks have pitched notes and none strikes two notes at once; the order is that
    of mean pitch. In a voice, a note ends where the next one starts. An array is taken as it is, if it has a sound.
    Undefined: not in four voices.
    """
    if isinstance(music, np.ndarray):
        if music.ndim != 2 or music.shape[1] != len(VOICES) or not (music != SILENT).any():
            raise Undefined("not in four voices")
        return music.astype(np.int64)
    tracks = [track.notes.numpy() for track in music.tracks if len(track.notes) and not track.is_drum]
    if len(tracks) != len(VOICES):
        raise Undefined("not in four voices")
    tracks.sort(key=lambda notes: -float(notes["pitch"].mean()))
    timed = []
    for notes in tracks:
        start = _steps(notes["time"], music.ticks_per_quarter)
        end = np.maximum(_steps(notes["time"].astype(np.int64) + notes["duration"], music.ticks_per_quarter), start + 1)
        if len(np.unique(start)) < len(start):
            raise Undefined("not in four voices")
        order = start.argsort()
        timed.append((start[order].tolist(), end[order].tolist(), notes["pitch"][order].tolist()))
    first = min(start[0] for start, _, _ in timed)
    frames = np.full((max(max(end) for _, end, _ in timed) - first, len(VOICES)), SILENT, np.int64)
    for voice, columns in enumerate(timed):
        for start, end, pitch in zip(*columns, strict=True):
            frames[start - first:, voice] = SILENT
            frames[start - first:end - first, voice] = pitch
    return frames


def _steps(ticks: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """Return the nearest 16ths to times in ticks."""
    return (ticks.astype(np.int64) * 2 * STEPS_A_QUARTER + ticks_per_quarter) // (2 * ticks_per_quarter)


def _parallels(frames: np.ndarray, interval: int) -> float:
    changes = chord_changes(frames)
    if not changes:
        raise Undefined("the chord never changes")
    return 100 * parallels(frames, interval) / changes


def _gaps(frames: np.ndarray) -> np.ndarray:
    """Return the semitones from each voice down to its neighbour, where all sound: (steps, 3), at least one step."""
    full = frames[(frames != SILENT).all(axis=1)]
    if not len(full):
        raise Undefined("the voices never sound together")
    return full[:, :-1] - full[:, 1:]
