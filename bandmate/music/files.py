"""Music files: read any of them as a piece, write a piece as MIDI.

MIDI (types 0, 1, 2, karaoke, RIFF-wrapped) goes through symusic; MusicXML, ABC and kern through music21; the piano rolls of
LPD (.npz) through ``lpd``. The MIDI file format is that of the Standard MIDI Files 1.0 specification (MIDI Manufacturers
Association, 1996).
"""

from __future__ import annotations

import errno
import os
import re
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import symusic

from bandmate.music import lpd
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, mean_tempo, note_table, to_grid
from bandmate.music.instruments import program_name
from bandmate.music.theory import find_key, key_name
from bandmate.piece import DRUMS, Labels, Piece
from bandmate.settings import UserError

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".smf", ".rmi")
SCORE_SUFFIXES = (".musicxml", ".mxl", ".xml", ".abc", ".krn")
SUFFIXES = (*MIDI_SUFFIXES, *SCORE_SUFFIXES, lpd.SUFFIX)
"""Endings of the files that can be read, in lower case."""

HEADER_BYTES = 14  # "MThd", its length, then format, tracks and division
CHUNK_BYTES = 8  # the name and the length that stand before the header and each track
LATEST_HEADER = 128  # a RIFF or MacBinary wrapper is no longer than this
TICKS_LIMIT = 2**31  # symusic's times are 32 bits wide
_END_OF_TRACK = b"\xff\x2f\x00"
_MARGIN = bytes(16)  # symusic looks a few bytes past the end of a damaged track


def read(path: str | Path) -> Piece:
    """Read a music file as one piece; of a tunebook the first tune.

    Raises UserError if the file is missing, not music, damaged or without notes.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"'{path}' is a folder; one music file was expected; name a file in it")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"there is no file '{path}'; a music file was expected; check the name") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}); check the permissions") from None
    try:
        return read_bytes(tunes(data, path.name)[0], path.name)[0]
    except UserError as error:
        raise UserError(f"'{path}': {error}") from None


def tunes(data: bytes, name: str) -> list[bytes]:
    """Cut the bytes of a file called ``name`` into pieces: an ABC tunebook holds many, any other file one."""
    if not name.lower().endswith(".abc"):
        return [data]
    head, *parts = re.split(rb"(?m)^(?=X:)", data)
    return [head + part for part in parts] or [b"X:1\n" + head]


def read_bytes(data: bytes, name: str) -> tuple[Piece, Labels]:
    """Read one piece from the bytes of a file called ``name``, and what the file says about it. Raises UserError."""
    if b"MThd" in data[:LATEST_HEADER] or name.lower().endswith(MIDI_SUFFIXES):
        return read_midi(data), Labels()
    if name.lower().endswith(SCORE_SUFFIXES):
        from bandmate.music.scores import read_score  # music21 takes seconds to import
        return read_score(data, Path(name).suffix.lower())
    if name.lower().endswith(lpd.SUFFIX):
        return lpd.read_lpd(data), Labels()
    raise UserError(f"this is not a music file; known endings are {' '.join(SUFFIXES)}")


def read_midi(data: bytes) -> Piece:
    """Read MIDI bytes of any type. Patterns of type 2 are put one after another, each on a new bar."""
    start = data[:LATEST_HEADER].find(b"MThd")
    if start < 0 or len(data) < start + HEADER_BYTES:
        raise UserError("this is not a MIDI file: it has no MIDI header; export it again")
    data = data[start:]
    kind, tracks, division = struct.unpack(">HHH", data[8:HEADER_BYTES])
    clock = division >= 0x8000  # SMPTE time code: frames a second and ticks a frame, whatever the tempo
    if clock:
        division = (256 - (division >> 8)) * (division & 0xFF) // 2  # at 120 quarters a minute a quarter lasts half a second
    if not division:
        raise UserError("the MIDI file is damaged: its quarter note has no ticks; export it again")
    chunks = _chunks(data, CHUNK_BYTES + int.from_bytes(data[4:CHUNK_BYTES], "big"), tracks)
    try:
        if kind == 2:
            piece = _one_after_another([_parse([chunk], 0, division) for chunk in chunks], division)
        else:
            piece = _parse(chunks, kind, division)
    except RuntimeError:
        raise UserError("the MIDI file is damaged: there is something in a track that is no MIDI; export it again") from None
    if clock:
        piece.tempos = type(piece.tempos)([symusic.Tempo(0, 120)])
    return piece


def _parse(chunks: list[bytes], kind: int, division: int) -> Piece:
    header = b"MThd" + struct.pack(">IHHH", HEADER_BYTES - 8, kind, len(chunks), division)
    return symusic.Score.from_midi(b"".join((header, *chunks, _MARGIN)), sanitize_data=True)


def _chunks(data: bytes, at: int, tracks: int) -> list[bytes]:
    """Cut out the tracks from ``at`` on, each with its true length: symusic reads as far as a length says."""
    chunks: list[bytes] = []
    while at + CHUNK_BYTES <= len(data) and len(chunks) < tracks:
        kind, length = data[at:at + 4], int.from_bytes(data[at + 4:at + CHUNK_BYTES], "big")
        end = at + CHUNK_BYTES + length
        if end > len(data) and not data.endswith(_END_OF_TRACK, at + CHUNK_BYTES):
            raise UserError("the MIDI file is damaged: it is cut off in the middle of a track; copy or export it again")
        if kind == b"MTrk":
            chunk = data[at:end]
            whole = len(chunk) == CHUNK_BYTES + length
            chunks.append(chunk if whole else kind + (len(chunk) - CHUNK_BYTES).to_bytes(4, "big") + chunk[CHUNK_BYTES:])
        at = end
    return chunks


def _one_after_another(patterns: list[Piece], division: int) -> Piece:
    whole = symusic.Score(division)
    shift = 0
    for pattern in patterns:
        last = pattern.end()
        pattern = pattern.shift_time(shift)
        for mine, its in ((whole.tracks, pattern.tracks), (whole.tempos, pattern.tempos),
                          (whole.time_signatures, pattern.time_signatures)):
            mine.extend(its)
        mark = pattern.time_signatures[-1] if len(pattern.time_signatures) else symusic.TimeSignature(0, 4, 4)
        bar = max(division * 4 * mark.numerator // max(mark.denominator, 1), 1)
        shift += -(-last // bar) * bar
        if shift >= TICKS_LIMIT:
            raise UserError("the MIDI file is damaged: its patterns are too long; export it again")
    return whole


def write(piece: Piece, path: str | Path) -> None:
    """Write a piece as MIDI, type 1: whole, or not at all. Raises UserError if the place cannot be written."""
    with whole_file(path) as temporary:
        temporary.write_bytes(piece.dumps_midi())


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, in the folder of ``path``; on success it becomes ``path``, else it is gone.

    Raises UserError if the folder is missing or may not be written, or the disk is full.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from None
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def cannot_write(path: str | Path, error: OSError) -> UserError:
    """Say in one sentence why ``path`` could not be written."""
    path = Path(path)
    if error.errno == errno.ENOSPC:
        return UserError(f"the disk is full, so '{path}' was not written; free some space and run it again")
    if isinstance(error, FileNotFoundError):
        return UserError(f"there is no folder '{path.parent}' to write '{path.name}' in; make it first")
    if isinstance(error, NotADirectoryError):
        return UserError(f"'{path.parent}' is a file, not a folder, so '{path.name}' cannot be in it; choose another place")
    if isinstance(error, IsADirectoryError):
        return UserError(f"'{path}' is a folder; a file was to be written there; choose another name")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return UserError(f"'{path}' may not be written (no permission); choose another place")
    return UserError(f"'{path}' could not be written ({error.strerror or error}); choose another place")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def describe(piece: Piece) -> dict[str, object]:
    """Say what is in a piece: tracks with their programs and notes, length in bars and seconds, tempo, metres, key."""
    grid = to_grid(piece, 24)
    table = note_table(piece)
    pitched = grid.notes[grid.notes[:, PROGRAM] != DRUMS]
    tracks = []
    for track in piece.tracks:
        pitches = track.notes.numpy()["pitch"]
        tracks.append({
            "name": track.name,
            "instrument": program_name(DRUMS if track.is_drum else min(max(track.program, 0), 127)),
            "notes": len(pitches),
            "lowest": int(pitches.min()) if len(pitches) else None,
            "highest": int(pitches.max()) if len(pitches) else None,
        })
    last = int((table[:, START] + table[:, DURATION]).max(initial=0))
    return {
        "tracks": tracks,
        "notes": len(table),
        "bars": len(grid.bars) if len(grid.notes) else 0,
        "seconds": round(seconds_at(piece, last), 2),
        "tempo": round(mean_tempo(piece), 2),
        "metres": list(dict.fromkeys(f"{numerator}/{denominator}" for _, numerator, denominator in grid.bars.tolist())),
        "key": key_name(find_key(pitched[:, PITCH], pitched[:, DURATION])) if len(pitched) else None,
        "ticks_per_quarter": piece.ticks_per_quarter,
    }


def seconds_at(piece: Piece, tick: int) -> float:
    """Return when a tick sounds, in seconds, following all tempo marks."""
    marks = sorted((mark.time, mark.qpm) for mark in piece.tempos if mark.qpm > 0 and mark.time < tick)
    if not marks or marks[0][0] > 0:
        marks.insert(0, (0, 120.0))
    times = np.array([time for time, _ in marks] + [tick], dtype=float)
    tempos = np.array([tempo for _, tempo in marks])
    return float((np.diff(times) / piece.ticks_per_quarter * 60 / tempos).sum())
