"""Bring a large file home: with progress, going on where it was stopped, and checked against what was published.

What is not complete yet lies in a file that ends in ``.part``. Asking again goes on from there where the server can
(HTTP ranges, RFC 9110), and starts over where it cannot.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from bandmate.settings import UserError

Counted = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes there are in all, None where nobody knows."""

BLOCK_BYTES = 1 << 18
PATIENCE_S = 60  # a server that says nothing for so long is given up
ATTEMPTS = 5  # connections in a row that may break without a single byte


def download(address: str, path: Path, size_bytes: int | None = None, sha256: str | None = None, md5: str | None = None,
             progress: Counted = lambda here, total: None) -> None:
    """Download ``address`` to ``path``, which appears whole or not at all.

    Raises UserError for no connection, an answer other than the file, a full disk, and a file that is not the published one.
    """
    part = path.with_name(path.name + ".part")
    failures = 0
    while True:
        before = _here(part)
        try:
            total = _receive(address, part, size_bytes, progress)
        except HTTPError as error:
            raise UserError(f"{address} answered {error.code} ({error.reason}); the file was expected there; "
                            "it may have moved: look at the corpus's page") from None
        except (URLError, HTTPException, SSLError, TimeoutError, ConnectionError) as error:
            total, trouble = None, str(getattr(error, "reason", error)) or type(error).__name__
        else:
            trouble = f"the connection ended at {_here(part)} of {total} bytes"
            if total is None or _here(part) >= total:
                break
        failures = 0 if _here(part) > before else failures + 1
        if failures >= ATTEMPTS or (before == 0 and _here(part) == 0 and failures):
            raise UserError(f"{address} could not be fetched: {trouble}; a connection was expected; "
                            "try again later: what has come is kept")
    _check(part, size_bytes, sha256, md5)
    os.replace(part, path)


def _here(part: Path) -> int:
    """Count the bytes that have come already."""
    return part.stat().st_size if part.exists() else 0


def _receive(address: str, part: Path, size_bytes: int | None, progress: Counted) -> int | None:
    """Receive the rest of a file into ``part``; return its total size if the server says it."""
    start = _here(part)
    if size_bytes is not None and start >= size_bytes:
        return start  # complete, or too long: the check tells
    request = Request(address, headers={"User-Agent": "bandmate", **({"Range": f"bytes={start}-"} if start else {})})
    try:
        answer = urlopen(request, timeout=PATIENCE_S)
    except HTTPError as error:
        if error.code == 416 and start:  # there is nothing after what is here
            total = _total(error.headers.get("Content-Range"))
            if total != start:
                part.unlink()
                return _receive(address, part, size_bytes, progress)
            return total
        raise
    with answer:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range") or "")
        if answer.status != 206 or span is None or int(span[1]) != start:
            start = 0  # the whole file comes again
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        try:
            with open(part, "ab" if start else "wb") as file:
                progress(start, total)
                while block := answer.read(BLOCK_BYTES):
                    file.write(block)
                    start += len(block)
                    progress(start, total)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS):
                raise UserError(f"'{part}' could not be written: {(error.strerror or '').lower()}; "
                                "make room or choose another folder, and ask again to go on") from None
            raise
    return total


def _total(content_range: str | None) -> int | None:
    found = re.fullmatch(r"bytes \*/(\d+)", content_range or "")
    return int(found[1]) if found else None


def _check(part: Path, size_bytes: int | None, sha256: str | None, md5: str | None) -> None:
    """Compare a whole download with what its distributor published; throw it away if it differs."""
    size = _here(part)
    differs = f"it has {size} bytes, not {size_bytes}" if size_bytes is not None and size != size_bytes else ""
    for kind, expected in (("sha256", sha256), ("md5", md5)):
        if expected and not differs:
            with open(part, "rb") as file:
                found = hashlib.file_digest(file, kind).hexdigest()
            if found != expected:
                differs = f"its {kind} is {found}, not {expected}"
    if differs:
        part.unlink()
        raise UserError(f"the download is not the published file: {differs}; it has been thrown away; "
                        "try again, and if it differs again do not use it")
