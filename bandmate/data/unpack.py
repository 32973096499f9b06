"""Unpack an archive from a stranger: nothing is ever written outside the folder, and no archive fills the disk.

A .zip or .tar.* may hold names such as ``../../x``, absolute paths, links, devices, or a bomb that grows a thousandfold.
Such an archive is refused as a whole; a folder appears complete or not at all.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bandmate.settings import UserError

MOST_FILES = 5_000_000
GROWTH = 40  # MIDI and text shrink to a tenth or so; what grows more than this is a bomb
LEAST_LIMIT_BYTES = 1 << 28
BLOCK_BYTES = 1 << 18

Entry = tuple[str, IO[bytes] | None]
"""The name of a file in an archive, and its content; None for a folder."""


def is_archive(path: Path) -> bool:
    """Tell by its name whether a file is an archive that can be unpacked."""
    return path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"))


def unpack(archive: Path, folder: Path, limit_bytes: int | None = None) -> int:
    """Unpack ``archive`` as the new folder ``folder``; return the number of files.

    ``limit_bytes`` bounds what comes out; left out, it is 40 times the archive. Raises UserError for a damaged archive,
    one with names or entries that could leave the folder, one that grows beyond the limit, and a full disk.
    """
    limit = max(LEAST_LIMIT_BYTES, GROWTH * archive.stat().st_size) if limit_bytes is None else limit_bytes
    if folder.exists():
        raise UserError(f"'{folder}' exists already; a new folder was expected; move it away or choose another")
    folder.parent.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        count = _write_all(archive, workplace, limit)
        workplace.chmod(0o755)
        os.replace(workplace, folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError,
            RuntimeError) as error:
        raise UserError(f"'{archive.name}' cannot be unpacked: {error}; a whole .zip or .tar archive was expected; "
                        "delete it and fetch it again") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"the disk is full; '{archive.name}' needs more room than there is; make room and try again"
                            ) from None
        raise UserError(f"'{archive.name}' cannot be unpacked: {error.strerror or error}; a whole archive and a folder that "
                        "may be written were expected; check both") from None
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return count


def _write_all(archive: Path, folder: Path, limit: int) -> int:
    count = written = 0
    for name, content in _entries(archive):
        target = folder.joinpath(*_parts(name, archive))
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        count += 1
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as file:
            while block := content.read(BLOCK_BYTES):
                written += len(block)
                if written > limit or count > MOST_FILES:
                    raise UserError(f"'{archive.name}' grows beyond {limit:,} bytes or {MOST_FILES:,} files, as no collection "
                                    "of music does; nothing was unpacked; do not use it")
                file.write(block)
    return count


def _entries(archive: Path) -> Iterator[Entry]:
    """Yield what an archive holds; refuse everything but files and folders."""
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as zipped:
            for member in zipped.infolist():
                kind = stat.S_IFMT(member.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise _refused(archive, member.filename, "a link or a device")
                if member.is_dir():
                    yield member.filename, None
                else:
                    with zipped.open(member) as content:
                        yield member.filename, content
        return
    with tarfile.open(archive, mode="r|*") as tar:
        for entry in tar:
            if entry.isdir():
                yield entry.name, None
            elif entry.isreg():
                yield entry.name, tar.extractfile(entry)
            else:
                raise _refused(archive, entry.name, "a link or a device")


def _parts(name: str, archive: Path) -> list[str]:
    """Split the name of an entry into folders and file; refuse what could lead elsewhere, on any system."""
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or ":" in parts[0] or "\0" in name:
        raise _refused(archive, name, "a path that leaves the folder")
    return [part for part in parts if part not in ("", ".")]


def _refused(archive: Path, name: str, what: str) -> UserError:
    return UserError(f"'{archive.name}' holds {what} ({name!r}); only plain files below its own folder were expected; "
                     "nothing was unpacked; do not use it")
