"""Read a visitor's file, within limits: of size, of notes, and of time for what takes long to read."""

from __future__ import annotations

import io
import multiprocessing
import zipfile
from multiprocessing.connection import Connection
from pathlib import Path

from bandmate.music.files import MIDI_SUFFIXES, read_bytes, read_midi
from bandmate.piece import Piece
from bandmate.settings import UserError

MEGABYTES = 5
MOST_NOTES = 20_000
LONGEST_S = 60
UNPACKED_BYTES = 50 * 2**20  # of a compressed score


def read_upload(path: str | Path) -> Piece:
    """Read a music file that a visitor has sent. Raises UserError for what is no music, damaged or beyond the limits."""
    path = Path(path)
    if path.stat().st_size > MEGABYTES * 2**20:
        raise UserError(f"the file is larger than {MEGABYTES} MB; a smaller one was expected; cut the piece")
    data = path.read_bytes()
    if path.suffix.lower() in MIDI_SUFFIXES or data[:4] == b"MThd":
        piece = read_midi(data)
    else:
        piece = _read_score(data, path.name)
    notes = piece.note_num()
    if notes > MOST_NOTES:
        raise UserError(f"the piece has {notes} notes; at most {MOST_NOTES} were expected; cut the piece")
    if not notes:
        raise UserError("there are no notes in the file; a piece of music was expected; choose another file")
    return piece


def _read_score(data: bytes, name: str) -> Piece:
    """Read a score in a process of its own, which can be ended when it takes too long."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > UNPACKED_BYTES:
                raise UserError("the compressed score is far larger than it looks; a plain one was expected; export it as MIDI")
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(data, name, there), daemon=True)
    worker.start()
    there.close()
    try:
        answer = here.recv() if here.poll(LONGEST_S) else None
    except EOFError:
        answer = "the file cannot be read; a music file was expected; export it as MIDI"
    finally:
        worker.kill()
        worker.join()
        here.close()
    if answer is None:
        raise UserError(f"reading the file took longer than {LONGEST_S} s; a simpler file was expected; export it as MIDI")
    if isinstance(answer, str):
        raise UserError(answer)
    return read_midi(answer)


def _work(data: bytes, name: str, out: Connection) -> None:
    """Send a piece as MIDI, or the sentence that says why there is none."""
    try:
        out.send(read_bytes(data, name)[0].dumps_midi())
    except UserError as error:
        out.send(str(error))
