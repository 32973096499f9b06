"""Where music comes from: a file, a folder, a .zip or .tar archive, or the word `bach`.

Everything is walked file by file and in a fixed order, so that a corpus of any size needs little memory and a stopped
run can find its place again. Archives inside a folder are walked too; nothing is ever unpacked to disk.
"""

from __future__ import annotations

import importlib.util
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from bandmate.music.files import SUFFIXES
from bandmate.settings import UserError

BACH = "bach"
"""The word for the chorales that music21 carries."""

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
CATALOGUE = "catalogue.csv"
SHELF_BYTES = 2**28
TAR_BYTES = 2048  # read of an archive at a time: tarfile moves what it has unpacked of them with every file
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError, NotImplementedError,
            RuntimeError, ValueError)


class Entry(NamedTuple):
    """One file of a source.

    ``path`` names it for people ("songs.zip/folk/a.mid"); ``inside`` is its path below ``home``, the folder that holds
    the files or the archive, or inside the archive. ``content`` is its bytes, or where they lie, or None if they were
    not asked for. ``trouble`` says why it cannot be read at all.
    """

    path: str
    inside: str
    home: Path
    source: str
    size: int
    content: bytes | Path | None = None
    trouble: str = ""

    def read(self) -> bytes:
        """Return the bytes of the file."""
        if isinstance(self.content, bytes):
            return self.content
        if self.content is None:
            raise ValueError(f"{self.path} was walked without its content")
        return self.content.read_bytes()


Member = tuple[str, int, bytes | None, str]
"""Name, size, bytes and trouble of a file in an archive."""


class Shelf:
    """Keeps what tar archives hold from one walk to the next, at most SHELF_BYTES: they unpack slowly, and only as a whole."""

    def __init__(self, room: int = SHELF_BYTES) -> None:
        self._room = room
        self._kept: dict[Path, list[Member]] = {}

    def put(self, path: Path, members: Iterator[Member]) -> Iterator[Member]:
        """Yield the members of an archive, and keep them if there is room for all."""
        kept, room = [], self._room
        for member in members:
            room -= len(member[2] or b"")
            if room >= 0:
                kept.append(member)
            elif kept:
                kept = []
            yield member
        if room >= 0:
            self._kept[path], self._room = kept, room

    def take(self, path: Path) -> list[Member] | None:
        """Return the members of an archive, and make room for others; None if they are not here."""
        kept = self._kept.pop(path, None)
        self._room += sum(len(content or b"") for _, _, content, _ in kept or ())
        return kept


def check(sources: list[str]) -> None:
    """Raise UserError for a source that does not exist, or is no music file, folder or archive."""
    if not sources:
        raise UserError(f"no source was named; name a music file, a folder, a .zip or .tar archive, or '{BACH}'")
    for source in sources:
        path = Path(source)
        if source == BACH and not path.exists():
            continue
        if not path.exists():
            raise UserError(f"there is no file or folder '{source}'; a source is a music file, a folder, a .zip or .tar "
                            f"archive of them, or the word '{BACH}'; check the name")
        if not os.access(path, os.R_OK):
            raise UserError(f"'{source}' may not be read (no permission); change its permissions or name another source")
        if path.is_dir() and not any(path.iterdir()):
            raise UserError(f"the folder '{source}' is empty; put music files into it ({' '.join(SUFFIXES)})")
        if path.is_file() and not path.name.lower().endswith(SUFFIXES + ARCHIVE_SUFFIXES):
            raise UserError(f"'{source}' is no music file and no archive; known endings are "
                            f"{' '.join(SUFFIXES + ARCHIVE_SUFFIXES)}")


def walk(sources: list[str], content: bool = True, largest: int = 2**31, shelf: Shelf | None = None) -> Iterator[Entry]:
    """Yield every file of every source, in a fixed order.

    With ``content`` False the entries of archives may come without their bytes; what is no music, or over ``largest``
    bytes, always does. A damaged archive ends with an entry that says so in ``trouble``. With a ``shelf`` a walk without
    content makes the next one, with content, quicker.
    """
    for source in sources:
        path = Path(source)
        if source == BACH and not path.exists():
            yield from _bach()
        elif path.is_dir():
            yield from _folder(path, content, largest, shelf)
        elif path.name.lower().endswith(ARCHIVE_SUFFIXES):
            yield from _archive(path, path.name, content, largest, shelf)
        else:
            yield Entry(path.name, path.name, path.parent, path.stem, path.stat().st_size, path)


def _bach() -> Iterator[Entry]:
    package = importlib.util.find_spec("music21")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise UserError("the word 'bach' stands for the chorales in music21, which is not installed; install music21")
    home = Path(folders[0]) / "corpus" / "bach"
    for path in sorted(home.glob("bwv*.mxl")):
        yield Entry(f"{BACH}/{path.name}", path.name, home, BACH, path.stat().st_size, path)


def _folder(home: Path, content: bool, largest: int, shelf: Shelf | None) -> Iterator[Entry]:
    name = home.resolve().name
    closed: list[OSError] = []
    for folder, folders, files in os.walk(home, onerror=closed.append):
        folders.sort()
        for file in sorted(files):
            path = Path(folder, file)
            inside = _printable(path.relative_to(home).as_posix())
            if file.lower().endswith(ARCHIVE_SUFFIXES) and path.is_file():
                yield from _archive(path, inside, content, largest, shelf)
            elif file == CATALOGUE:
                continue
            elif not path.is_file():
                yield Entry(inside, inside, home, name, 0, trouble="not a file")
            else:
                yield Entry(inside, inside, home, name, path.stat().st_size, path)
    for error in closed:
        inside = _printable(Path(error.filename).relative_to(home).as_posix())
        yield Entry(inside, inside, home, name, 0, trouble=f"the folder cannot be read: {error.strerror}")


def _archive(path: Path, name: str, content: bool, largest: int, shelf: Shelf | None) -> Iterator[Entry]:
    home = path.parent
    source = next(path.name[:-len(suffix)] for suffix in sorted(ARCHIVE_SUFFIXES, key=len, reverse=True)
                  if path.name.lower().endswith(suffix))
    try:
        for member, size, data, trouble in _members(path, content, largest, shelf):
            inside = _printable(member)
            if inside.rpartition("/")[2] != CATALOGUE:
                yield Entry(f"{name}/{inside}", inside, home, source, size, data, trouble)
    except _DAMAGED as error:
        yield Entry(name, "", home, source, 0, trouble=f"damaged archive: {error or type(error).__name__}")


def _members(path: Path, content: bool, largest: int, shelf: Shelf | None) -> Iterable[Member]:
    if path.name.lower().endswith(".zip"):
        return _zip(path, content, largest)
    if shelf is None:
        return _tar(path, content, largest)
    kept = shelf.take(path)
    if not content:
        return shelf.put(path, _tar(path, True, largest))
    return _tar(path, True, largest) if kept is None else kept


def _tar(path: Path, content: bool, largest: int) -> Iterator[Member]:
    with tarfile.open(path, "r|*", bufsize=TAR_BYTES, tarinfo=_PlainInfo) as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every header it has seen
            if not member.isfile():
                continue
            wanted = content and member.size <= largest and member.name.lower().endswith(SUFFIXES)
            yield member.name, member.size, _data(archive, member) if wanted else None, ""


class _PlainInfo(tarfile.TarInfo):
    """A header in a tar archive. Of a plain file only name and size are read: tarfile takes its time over the rest."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        size, stated = (buf[at:at + length].strip(b" \0") for at, length in ((124, 12), (148, 8)))
        octal = size and stated and not (size + stated).strip(b"01234567")
        plain = octal and len(buf) == tarfile.BLOCKSIZE and buf[156:157] == tarfile.REGTYPE
        if not plain or int(stated, 8) != sum(buf) - sum(buf[148:156]) + 8 * ord(" "):
            return super().frombuf(buf, encoding, errors)
        names = (buf[at:at + length].split(b"\0", 1)[0].decode(encoding, errors) for at, length in ((345, 155), (0, 100)))
        member = cls("/".join(filter(None, names)))
        member.size = int(size, 8)
        return member


def _data(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    """Return the bytes of the member whose header was just read: they come next, if they do not have holes."""
    if member.issparse() or archive.fileobj is None:
        handle = archive.extractfile(member)
        return handle.read() if handle else None
    data = archive.fileobj.read(member.size)
    if len(data) < member.size:
        raise tarfile.ReadError("unexpected end of data")
    return data


def _zip(path: Path, content: bool, largest: int) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            data, trouble = None, ""
            if content and member.file_size <= largest and member.filename.lower().endswith(SUFFIXES):
                try:
                    data = archive.read(member)
                except _DAMAGED as error:  # one bad member does not spoil the others
                    trouble = f"damaged in the archive: {error}"
            yield member.filename, member.file_size, data, trouble


def _printable(name: str) -> str:
    """Replace what is no text in a file name: archives from elsewhere have names in old encodings."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
