"""One worker's share: some files become one shard on disk, each file either encoded or rejected with a reason.

A shard is three files: NUMBER.ids.npy (all rows), NUMBER.lines.npy (signatures of lines, see `duplicates`) and, written
last, NUMBER.json with what belongs to which piece. A shard with its .json is finished.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bandmate.codecs.codec import Codec
from bandmate.data import duplicates
from bandmate.data.labels import Known
from bandmate.data.sources import Entry
from bandmate.music.clean import Filters, Rejection, common_bars
from bandmate.music.files import MIDI_SUFFIXES, SUFFIXES, read_bytes, tunes, whole_file
from bandmate.music.grid import from_grid, note_table, to_grid, track_numbers
from bandmate.piece import Labels, Piece
from bandmate.settings import UserError

CLEAN_GRID = 24  # steps a quarter: 32nds and triplets
PATIENCE = 3  # a file that ignores its time limit this many times over ends its worker


@dataclass(frozen=True)
class Job:
    """What a worker needs besides the files."""

    codec: Codec
    filters: Filters
    folder: Path

    def finished(self, number: int) -> bool:
        """Tell whether a shard is on disk."""
        return (self.folder / f"{number:06}.json").exists()


class TooSlow(Exception):
    """A piece took longer than its time limit."""


def start_worker() -> None:
    """Prepare a worker process: Ctrl-C is its parent's business, and it ends when its parent does."""
    gc.freeze()  # what the parent made is not ours to tidy up
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def encode_shard(job: Job, number: int, files: list[tuple[Entry, Known]], crashing: frozenset[str] = frozenset()) -> None:
    """Read, judge and encode some files, and write shard ``number``. Files in ``crashing`` are rejected unread."""
    ids: list[np.ndarray] = []
    lines: list[np.ndarray] = []
    pieces: list[dict[str, object]] = []
    rejected: list[tuple[str, str, str]] = []
    for entry, known in files:
        if entry.path in crashing:
            rejected.append((entry.path, "crash", "reading it ended the program or never ended"))
            continue
        for piece, result in encode_file(job, entry, known):
            if isinstance(result, Rejection):
                rejected.append((piece, result.reason, result.rule))
                continue
            rows, signatures, fingerprint, labels = result
            ids.append(rows)
            lines.append(signatures)
            pieces.append({"path": piece, "rows": len(rows), "notes": int(job.codec.notes_in(rows).sum()),
                           "lines": len(signatures), "fingerprint": fingerprint,
                           "held_out": known.held_out, "labels": vars(labels)})
    fields = len(job.codec.fields)
    with whole_file(job.folder / f"{number:06}.ids.npy") as path:
        np.save(path, np.concatenate([np.zeros((0, fields), np.int16), *ids], dtype=job.codec.stored, casting="same_kind"))
    with whole_file(job.folder / f"{number:06}.lines.npy") as path:
        np.save(path, np.concatenate([np.zeros((0, duplicates.KEPT), np.uint32), *lines]))
    with whole_file(job.folder / f"{number:06}.json") as path:
        path.write_text(json.dumps({"pieces": pieces, "rejected": rejected}))


class NotInCodec(Exception):
    """A piece that the codec cannot write."""


Encoded = tuple[np.ndarray, np.ndarray, str, Labels]
"""Rows, signatures, fingerprint and labels of a piece."""


def encode_file(job: Job, entry: Entry, known: Known) -> Iterator[tuple[str, Encoded | Rejection]]:
    """Yield every piece of a file under its path, encoded or rejected; at least one."""
    refused = _refuse_unread(job.filters, entry)
    if refused:
        yield entry.path, refused
        return
    try:
        pieces = tunes(entry.read(), entry.path)
    except OSError as error:
        yield entry.path, Rejection("unreadable", error.strerror or str(error))
        return
    for number, data in enumerate(pieces, 1):
        yield entry.path if len(pieces) == 1 else f"{entry.path}#{number}", _encode(job, entry, data, known.labels)


def _refuse_unread(filters: Filters, entry: Entry) -> Rejection | None:
    if entry.trouble:
        return Rejection("unreadable", entry.trouble)
    if not entry.path.lower().endswith(SUFFIXES):
        return Rejection("not music", f"known endings are {' '.join(SUFFIXES)}")
    return filters.check_size(entry.size, entry.path.lower().endswith(MIDI_SUFFIXES))


def _encode(job: Job, entry: Entry, data: bytes, labels: Labels) -> Encoded | Rejection:
    try:
        with time_limit(job.filters.seconds_a_piece):
            piece, said = read_bytes(data, entry.path)
            notes = note_table(piece)
            rejection = job.filters.check(piece, notes)
            if rejection:
                return rejection
            labels = _add(labels, said)
            ticks = piece.ticks_per_quarter
            return (_rows(job.codec, piece, labels, notes), duplicates.signatures(notes, track_numbers(piece), ticks),
                    duplicates.fingerprint(notes, ticks), labels)
    except TooSlow:
        return Rejection("too slow", f"{job.filters.seconds_a_piece:g} seconds for a piece")
    except NotInCodec as error:
        return Rejection("not in the codec", str(error))
    except UserError as error:
        return Rejection("damaged", str(error))
    except Exception as error:  # whatever a broken file leads to must not stop the run
        return Rejection("damaged", f"{type(error).__name__}: {error}"[:300])


def _add(labels: Labels, said: Labels) -> Labels:
    """Add what a score says about itself to what its catalogue or folders say. Its title is better than a file name."""
    if not said.model_fields_set:
        return labels
    own = {name: value for name, value in said.model_dump().items() if value and (name == "title" or not getattr(labels, name))}
    return labels.replace(**own) if own else labels


def _rows(codec: Codec, piece: Piece, labels: Labels, notes: np.ndarray) -> np.ndarray:
    """Encode a piece; one with bars that the codec does not know, in common bars."""
    try:
        return codec.encode(piece, labels, notes)
    except UserError:
        piece = from_grid(common_bars(to_grid(piece, CLEAN_GRID)))
    try:
        return codec.encode(piece, labels)
    except UserError as error:
        raise NotInCodec(str(error)) from None


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow in a block that computes longer, however busy the machine is with other things.

    A block stuck in foreign code cannot raise: a while later its process ends.
    """
    if not hasattr(signal, "setitimer"):  # Windows
        faulthandler.dump_traceback_later(seconds, exit=True)
        yield
        faulthandler.cancel_dump_traceback_later()
        return
    _listen()
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds * PATIENCE)  # its signal ends a process that has no handler for it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


@functools.cache  # once a process: it takes longer than one would think
def _listen() -> None:
    signal.signal(signal.SIGPROF, _too_slow)


def _too_slow(*_: object) -> None:
    raise TooSlow
