"""Piano rolls as files: the .npz of pypianoroll, in which LPD, the Lakh Pianoroll Dataset, is published.

Such a file holds for each track how loud each pitch sounds on each step, as the three arrays of a sparse matrix (compressed by
columns: steps are rows, pitches are columns), the tempo of each step, and a text that says what the tracks are (Dong et al.
2018, ISMIR late breaking, "Pypianoroll"). Notes that follow one another on a pitch are apart only where a step of silence
is between them. No file is trusted: nothing in it is run, and no array is larger than a piece can be.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import symusic

from bandmate.music.grid import DEFAULT_TEMPO
from bandmate.piece import TICKS_PER_QUARTER, Piece
from bandmate.settings import UserError

SUFFIX = ".npz"
PITCHES = 128
MOST_BYTES = 2**26  # of an array when it is unpacked
MOST_STEPS = 2**20
LEAST_TEMPO, MOST_TEMPO = 10.0, 1000.0  # quarters a minute
_DAMAGED = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, IndexError, EOFError, OSError, AttributeError,
            ArithmeticError, MemoryError, NotImplementedError, RuntimeError)


def read_lpd(data: bytes) -> Piece:
    """Read the bytes of a multi-track piano roll. Raises UserError for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            piece = _piece(lambda name: _member(archive, name))
    except _DAMAGED:
        raise UserError("this .npz file holds no piano rolls; one written by pypianoroll, as in LPD-5, was expected; take "
                        "another file") from None
    if not any(len(track.notes) for track in piece.tracks):
        raise UserError("the piano rolls of this .npz file are empty; take another file")
    return piece


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def _piece(member: Callable[[str], bytes]) -> Piece:
    info = json.loads(member("info.json"))
    steps_per_quarter = int(info["beat_resolution"] if "beat_resolution" in info else info["resolution"])
    ticks, rest = divmod(TICKS_PER_QUARTER, steps_per_quarter)
    if rest or not ticks:
        raise ValueError("no whole number of ticks a step")
    piece = symusic.Score(TICKS_PER_QUARTER)
    piece.time_signatures.append(symusic.TimeSignature(0, 4, 4))
    piece.tempos.append(symusic.Tempo(0, _tempo(member)))
    for number in sorted(int(name) for name in info if name.isdigit()):
        track = info[str(number)]
        notes = _notes(*(_array(member(f"pianoroll_{number}_csc_{part}.npy")) for part in ("data", "indices", "indptr")))
        drums = bool(track["is_drum"])
        program = 0 if drums else int(track["program"])
        if not 0 <= program < PITCHES:
            raise ValueError("no such program")
        made = symusic.Track(str(track.get("name") or ""), program, drums)
        start, length = (np.ascontiguousarray(notes[:, column] * ticks, np.int32) for column in (0, 1))
        made.notes = symusic.Note.from_numpy(start, length, *(notes[:, column].astype(np.int8) for column in (2, 3)))
        piece.tracks.append(made)
    return piece


def _array(data: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _tempo(member: Callable[[str], bytes]) -> float:
    """Return the tempo of the first step."""
    try:
        tempo = float(_array(member("tempo.npy")).ravel()[0])
    except (KeyError, IndexError):
        return DEFAULT_TEMPO
    return tempo if LEAST_TEMPO <= tempo <= MOST_TEMPO else DEFAULT_TEMPO


def _notes(loudness: np.ndarray, steps: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return notes (N, 4) of a sparse roll: start and length in steps, pitch, and velocity, that of the first step."""
    if loudness.shape != steps.shape or ends.shape != (PITCHES + 1,) or not (
            ends[0] == 0 and (np.diff(ends) >= 0).all() and ends[-1] == len(steps)):
        raise ValueError("no sparse roll of 128 pitches")
    pitch = np.repeat(np.arange(PITCHES), np.diff(ends))
    loud = np.rint(loudness.astype(float) * (PITCHES - 1)) if loudness.dtype == bool else loudness
    cells = np.column_stack([pitch, steps, np.clip(loud, 0, PITCHES - 1)]).astype(np.int64)[loudness > 0]
    if len(cells) and not (cells[:, 1].min() >= 0 and cells[:, 1].max() < MOST_STEPS):
        raise ValueError("too long")
    cells = cells[np.lexsort((cells[:, 1], cells[:, 0]))]
    new = np.ones(len(cells), bool)
    new[1:] = (np.diff(cells[:, 0]) != 0) | (np.diff(cells[:, 1]) != 1)
    starts = np.flatnonzero(new)
    lengths = np.diff(np.append(starts, len(cells)))
    return np.column_stack([cells[starts, 1], lengths, cells[starts, 0], np.maximum(cells[starts, 2], 1)])
