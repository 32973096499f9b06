"""Put a piece beside itself in every form: MIDI, sound, picture, sheet music, and the record that makes it again."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bandmate.music.files import whole_file
from bandmate.music.files import write as write_midi
from bandmate.piece import Piece
from bandmate.settings import UserError, nearest

FORMATS = ("mid", "json", "png", "musicxml", "svg", "mp3", "wav", "flac", "ogg")
"""Forms of a piece by file ending, in the order in which they are written; "svg" are the pages of the sheet music."""

USUAL_FORMATS = ("mid", "mp3", "png", "musicxml", "json")
PACKAGES = ("bandmate", "torch", "symusic", "numpy", "music21", "verovio", "matplotlib", "soundfile")


def write_all(piece: Piece, stem: str | Path, request: dict[str, object], formats: Iterable[str] = USUAL_FORMATS,
              soundfont: str | Path | None = None, progress: Callable[[float], None] = lambda share: None,
              report: Callable[[str], None] = lambda sentence: print(sentence, file=sys.stderr)) -> list[Path]:
    """Write a piece as ``stem.mid``, ``stem.mp3`` and so on; return the files written.

    ``request`` is kept in the .json, with the versions at work; its "title" and "key", if any, head the sheet
    music, its "written_quarters" are shaded in the picture. A form
    that fails is left out and ``report`` is told why in a sentence; UserError is raised if none could be written.
    """
    wanted = set(formats)
    for name in sorted(wanted - set(FORMATS)):
        raise UserError(f"'{name}' is no form that a piece can be written in; {nearest(name, FORMATS)}")
    written: list[Path] = []
    failures: list[str] = []
    order = [name for name in FORMATS if name in wanted]
    for index, name in enumerate(order):
        try:
            written += _write(piece, Path(f"{stem}.{name}"), request, soundfont)
        except UserError as error:
            failures.append(f"no .{name} was written: {error}")
        except Exception as error:  # a fault in one form must not cost the others
            failures.append(f"no .{name} was written, for a fault in bandmate ({type(error).__name__}: {error}); "
                            "the other files are good; please report it with the .mid file")
        progress((index + 1) / len(order))
    if failures and not written:
        raise UserError(failures[0])
    for sentence in failures:
        report(sentence)
    return written


def _write(piece: Piece, path: Path, request: dict[str, object], soundfont: str | Path | None) -> list[Path]:
    """Write one form of a piece, that of the suffix. Heavy libraries are imported only for what they write."""
    title = str(request.get("title") or path.stem)
    key = str(request["key"]) if request.get("key") else None
    if path.suffix == ".mid":
        write_midi(piece, path)
    elif path.suffix == ".json":
        _write_record(request, path)
    elif path.suffix == ".png":
        from bandmate.output.plots import piano_roll
        written = request.get("written_quarters")
        piano_roll(piece, path, title, written if isinstance(written, list) else [])
    elif path.suffix in (".musicxml", ".svg"):
        from bandmate.output import sheet
        if path.suffix == ".svg":
            return sheet.engrave(piece, path.parent, path.stem, key=key, title=title)
        sheet.write_musicxml(piece, path, key=key, title=title)
    else:
        from bandmate.output.audio import render
        render(piece, path, soundfont)
    return [path]


def _write_record(request: dict[str, object], path: Path) -> None:
    """Write what was asked for and what was at work: enough to make the piece again."""
    with whole_file(path) as unfinished:
        text = json.dumps({**request, "versions": versions()}, indent=2, ensure_ascii=False, default=str)
        unfinished.write_text(text + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages at work."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
