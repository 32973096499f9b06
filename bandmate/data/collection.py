"""Pieces to listen to, for those who measure music: out of files, folders, archives, or a split of prepared data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bandmate.data import sources
from bandmate.data.shards import TooSlow, time_limit
from bandmate.data.windows import Prepared
from bandmate.music.files import SUFFIXES, read_bytes
from bandmate.piece import Piece
from bandmate.settings import UserError

LARGEST_BYTES = 2**22
SECONDS_A_PIECE = 20.0


class Named(NamedTuple):
    """A piece, and what it is called."""

    name: str
    piece: Piece


class Collection(NamedTuple):
    """Some pieces of a place."""

    place: str
    pieces: list[Named]
    skipped: dict[str, str]
    """Files that could not be used, with the reason."""
    digest: str
    """SHA-256 of the pieces as MIDI, so that a report can say what it heard."""


def collect(place: str, most: int = 0, seed: int = 0, split: str = "test",
            progress: Callable[[float], None] = lambda share: None) -> Collection:
    """Gather at most ``most`` pieces with notes (0: all), drawn by ``seed``, from a file, folder, archive or prepared folder.

    Of prepared data, those of a ``split``. Raises UserError if there is no music.
    """
    skipped: dict[str, str] = {}
    found = (_prepared if (Path(place) / "manifest.json").is_file() else _files)(place, most, seed, split, skipped, progress)
    pieces = [named for named in found if named.piece.note_num()]
    skipped |= {named.name: "no notes" for named in found if not named.piece.note_num()}
    if not pieces:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
        raise UserError(f"there is no music in '{place}'{f' ({why})' if why else ''}; "
                        f"files with notes were expected ({' '.join(SUFFIXES)}); name another place")
    digest = hashlib.sha256()
    for named in pieces:
        digest.update(named.piece.dumps_midi())
    return Collection(place, pieces, skipped, digest.hexdigest())


def _draw(count: int, most: int, seed: int) -> set[int]:
    """Draw which of ``count`` things are taken."""
    if not most or count <= most:
        return set(range(count))
    return set(np.random.default_rng(seed).choice(count, most, replace=False).tolist())


def _prepared(place: str, most: int, seed: int, split: str, skipped: dict[str, str],
              progress: Callable[[float], None]) -> list[Named]:
    data = Prepared(place)
    codec = data.codec()
    rows = [row for row in data.pieces if row["split"] == split]
    drawn = sorted(_draw(len(rows), most, seed))
    found = []
    for done, number in enumerate(drawn):
        found.append(Named(rows[number]["path"], codec.decode(data.piece(split, int(rows[number]["index"])))))
        progress((done + 1) / len(drawn))
    return found


def _files(place: str, most: int, seed: int, split: str, skipped: dict[str, str],
           progress: Callable[[float], None]) -> list[Named]:
    sources.check([place])
    names = [entry.path for entry in sources.walk([place], content=False) if entry.path.lower().endswith(SUFFIXES)]
    wanted = {names[number] for number in _draw(len(names), most, seed)}
    found = []
    for entry in sources.walk([place], largest=LARGEST_BYTES):
        if entry.path not in wanted:
            continue
        wanted.discard(entry.path)
        if entry.trouble or entry.size > LARGEST_BYTES:
            skipped[entry.path] = entry.trouble or f"larger than {LARGEST_BYTES // 2**20} MB"
            continue
        try:
            with time_limit(SECONDS_A_PIECE):
                found.append(Named(entry.path, read_bytes(entry.read(), entry.path)[0]))
        except (UserError, TooSlow, OSError) as error:
            skipped[entry.path] = str(error) or "it took too long to read"
        progress(1 - len(wanted) / max(len(names) if not most else min(most, len(names)), 1))
    return found
