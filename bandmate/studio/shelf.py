"""What has been written for visitors, and the files that they may fetch of it.

A piece is kept as MIDI under a token that nobody can guess; its other forms are made when they are first asked for, and
nothing stays on the disk. What has not been asked for the longest goes first when there is no more room.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import tempfile
import threading
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from bandmate.music.files import read_midi
from bandmate.output.folder import versions, write_all
from bandmate.piece import Piece
from bandmate.settings import UserError

ROOM_BYTES = 256 * 2**20
KEPT_S = 2 * 3600  # how long a piece is kept that nobody asks for
AT_ONCE = 2  # files that are made at the same time
TYPES = {".mid": "audio/midi", ".mp3": "audio/mpeg", ".musicxml": "application/vnd.recordare.musicxml+xml",
         ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".zip": "application/zip"}
FILES = ("piece.mid", "piece.mp3", "piece.musicxml", "piece.json", "piece.png", "stems.zip")
"""Files of every piece; beside these its pages are sheet-1.svg, sheet-2.svg and so on, and pages.json says how many."""


class Kept:
    """A piece on the shelf."""

    def __init__(self, piece: Piece, story: dict[str, Any]) -> None:
        self.story = story
        """What was asked for, with the seed and the model."""
        self.files = {"piece.mid": piece.dumps_midi()}
        self.lock = threading.Lock()
        self.asked_s = time.monotonic()

    @property
    def piece(self) -> Piece:
        """The piece itself."""
        return read_midi(self.files["piece.mid"])


class Shelf:
    """Pieces by token."""

    def __init__(self, room_bytes: int = ROOM_BYTES) -> None:
        self.room_bytes = room_bytes
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Semaphore(AT_ONCE)

    def put(self, piece: Piece, story: dict[str, Any]) -> str:
        """Keep a piece; return its token."""
        token = secrets.token_urlsafe(18)
        with self._lock:
            self._kept[token] = Kept(piece, story)
        self._tidy(token)
        return token

    def get(self, token: str) -> Kept:
        """Return what stands under a token. Raises UserError if there is nothing (any more)."""
        with self._lock:
            kept = self._kept.get(token)
            if kept is None:
                raise UserError("this piece is no longer here; pieces are kept for two hours; write it again from its seed")
            self._kept.move_to_end(token)
            kept.asked_s = time.monotonic()
        return kept

    def file(self, token: str, name: str) -> tuple[bytes, str]:
        """Return a file of a piece and its media type. Raises UserError if there is no such file."""
        kept = self.get(token)
        sheet = re.fullmatch(r"sheet-(\d{1,3})\.svg|pages\.json", name)
        if name not in FILES and not sheet:
            raise UserError(f"a piece has no file '{name}'; it has {', '.join(FILES)} and sheet-1.svg")
        with kept.lock:
            if name not in kept.files and not (sheet and "pages.json" in kept.files):
                with self._making:
                    kept.files.update(make(kept, "sheet" if sheet else name))
        self._tidy(token)
        if name not in kept.files:
            raise UserError(f"the sheet music has no '{name}'; it has the pages that pages.json says")
        return kept.files[name], TYPES[Path(name).suffix]

    def _tidy(self, newest: str) -> None:
        """Let go of what is old, or more than there is room for; never of the newest."""
        with self._lock:
            used = {token: sum(map(len, kept.files.values())) for token, kept in self._kept.items()}
            total = sum(used.values())
            for token in list(self._kept):
                old = time.monotonic() - self._kept[token].asked_s > KEPT_S
                if token != newest and (old or total > self.room_bytes):
                    total -= used[token]
                    del self._kept[token]


def make(kept: Kept, name: str) -> dict[str, bytes]:
    """Make a file of a piece, or all pages of its "sheet" music; return their bytes by name."""
    piece = kept.piece
    if name == "stems.zip":
        return {name: stems(piece)}
    if name == "piece.json":
        return {name: json.dumps({**kept.story, "versions": versions()}, indent=2, ensure_ascii=False).encode()}
    stem, form = ("sheet", "svg") if name == "sheet" else ("piece", Path(name).suffix[1:])
    with tempfile.TemporaryDirectory() as folder:
        files = write_all(piece, Path(folder) / stem, {"title": " ", "key": kept.story.get("key")}, [form])
        made = {path.name: path.read_bytes() for path in files}
        return {**made, "pages.json": str(len(made)).encode()} if form == "svg" else made


def stems(piece: Piece) -> bytes:
    """Return a .zip with each part as MIDI and MP3, at the level at which it plays in the whole."""
    from bandmate.output.audio import render
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as out, tempfile.TemporaryDirectory() as folder:
        for number, track in enumerate(piece.tracks):
            if not len(track.notes):
                continue
            part = piece.copy()
            part.tracks = type(part.tracks)([track.copy()])
            name = f"{number + 1}-{re.sub('[^a-z0-9]+', '-', track.name.lower()).strip('-') or 'part'}"
            out.writestr(f"{name}.mid", part.dumps_midi())
            out.write(render(part, Path(folder) / f"{name}.mp3", level_of=piece), f"{name}.mp3")
    return bundle.getvalue()
