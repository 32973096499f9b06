"""Prepare a corpus: files, folders and archives become arrays to train on.

First all sources are listed (for labels, and to know how much there is); then workers turn them into shards, a few
files each; then the shards are merged. A stopped run goes on with the first shard that is missing.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from bandmate.codecs.codec import Codec
from bandmate.data import arrays, sources
from bandmate.data.labels import Known, Librarian
from bandmate.data.shards import Job, encode_file, encode_shard, start_worker
from bandmate.data.sources import Entry
from bandmate.music.clean import Filters
from bandmate.music.files import MIDI_SUFFIXES, cannot_write, whole_file
from bandmate.settings import UserError, nearest

SHARD_FILES, SHARD_BYTES = 128, 8_000_000
SCORE_WEIGHT = 16  # a score counts as so many MIDI files: music21 takes its time
WAITING = 2  # shards that wait for each worker
UNFINISHED = "unfinished"  # folder of shards inside the output folder

Progress = Callable[[int, int], None]
"""Called with the number of files done and of all files."""

Files = list[tuple[Entry, Known]]


@dataclass(frozen=True)
class Summary:
    """What became of a corpus."""

    folder: Path
    files: int  # listed in the sources
    manifest: dict

    @property
    def used(self) -> int:
        """Number of pieces in the arrays."""
        return sum(split["pieces"] for split in self.manifest["splits"].values())

    @property
    def rejected(self) -> dict[str, int]:
        """Number of files left out for each reason."""
        return self.manifest["rejected"]

    def __str__(self) -> str:
        splits = ", ".join(f"{name} {split['pieces']}" for name, split in self.manifest["splits"].items())
        notes = sum(split["notes"] for split in self.manifest["splits"].values())
        lines = [f"{self.folder}: {self.used} pieces used ({splits}), {notes} notes; {sum(self.rejected.values())} rejected"]
        return "\n".join([*lines, *(f"  {count:6} {reason}" for reason, count in self.rejected.items())])


def prepare(sources: list[str], out: str | Path, codec: str = "bars", *, filters: Filters | None = None,
            workers: int | None = None, progress: Progress = lambda done, total: None) -> Summary:
    """Make training data of music files, folders, archives or the word `bach`, in the folder ``out``.

    ``workers`` is the number of processes, by default one a core. Run again after a stop, it goes on where it was.
    Raises UserError for missing or empty sources, a corpus without anything usable, or an ``out`` that cannot be
    written or holds something else.
    """
    sources, out, filters = [str(source) for source in sources], Path(out), filters or Filters()
    listing = _list(sources, _codec_class(codec), filters)
    _claim(out, listing)
    if (out / "manifest.json").exists():
        return Summary(out, listing.count, json.loads((out / "manifest.json").read_text(encoding="utf-8")))
    job = Job(listing.codec, filters, out / UNFINISHED)
    shards = _encode(job, sources, listing, workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
                     else workers or os.cpu_count() or 1, progress)
    manifest = arrays.merge(job.folder, shards, out, listing.codec)
    shutil.rmtree(job.folder, ignore_errors=True)
    return Summary(out, listing.count, manifest)


@dataclass(frozen=True)
class _Listing:
    librarian: Librarian
    codec: Codec
    count: int
    request: str  # a hash of everything that the result depends on


def _codec_class(name: str) -> type[Codec]:
    from bandmate.codecs import CODECS
    if name not in CODECS:
        raise UserError(f"there is no codec '{name}'; {nearest(name, CODECS)}")
    return CODECS[name]


def _list(named: list[str], kind: type[Codec], filters: Filters) -> _Listing:
    """Go through all names once: labels, vocabulary, count."""
    sources.check(named)
    librarian, digest, count = Librarian(), hashlib.sha256(), 0
    for entry in sources.walk(named, content=False):
        known = librarian.see(entry)
        digest.update(repr((entry.path, entry.size, entry.trouble, known)).encode())
        count += 1
    if not count:
        raise UserError(f"there are no files in {', '.join(map(repr, named))}; music files were expected; name another source")
    vocabulary = librarian.vocabulary()
    names = {"styles": vocabulary.styles(), "composers": vocabulary.composers()}
    codec = kind(kind.Config(**{name: value for name, value in names.items() if name in kind.Config.model_fields}))
    digest.update(repr((arrays.FORMAT, codec.name, codec.config, filters)).encode())
    return _Listing(librarian, codec, count, digest.hexdigest())


def _claim(out: Path, listing: _Listing) -> None:
    """Make the output folder, or see that it belongs to the same request."""
    mark = out / "request.json"
    if out.exists() and not out.is_dir():
        raise UserError(f"'{out}' is a file; a folder was to be made there; choose another name")
    if mark.exists():
        if json.loads(mark.read_text())["request"] != listing.request:
            raise UserError(f"'{out}' was begun with other music or other settings; data of one folder has one origin; "
                            "choose another folder, or remove this one")
    elif out.exists() and any(out.iterdir()):
        raise UserError(f"the folder '{out}' is not empty; prepared data needs a folder of its own; choose another name")
    try:
        (out / UNFINISHED).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from None
    if not mark.exists():
        with whole_file(mark) as path:
            path.write_text(json.dumps({"request": listing.request}))


def _shards(named: list[str], librarian: Librarian, largest: int) -> Iterator[Files]:
    """Deal all files into shards; the same files always make the same shards."""
    files: Files = []
    weight, size = 0, 0
    for entry in sources.walk(named, content=True, largest=largest):
        files.append((entry, librarian.know(entry)))
        weight += 1 if entry.path.lower().endswith(MIDI_SUFFIXES) else SCORE_WEIGHT
        size += min(entry.size, largest)
        if weight >= SHARD_FILES or size >= SHARD_BYTES:
            yield files
            files, weight, size = [], 0, 0
    if files:
        yield files


def _encode(job: Job, named: list[str], listing: _Listing, workers: int, progress: Progress) -> int:
    """Turn all files into shards on all workers; return the number of shards."""
    limits = (job.filters.max_bytes, job.filters.max_score_bytes)
    number, done = -1, 0
    running: dict[Future, tuple[int, Files]] = {}
    pool = _pool(workers)
    try:
        for number, files in enumerate(_shards(named, listing.librarian, max(limits) if all(limits) else 2**31)):
            if (job.folder / f"{number:06}.json").exists():
                done += len(files)
                progress(done, listing.count)
                continue
            running[pool.submit(encode_shard, job, number, files)] = number, files
            while len(running) >= workers * (1 + WAITING):
                pool, done = _collect(pool, job, running, workers, done, listing.count, progress)
        while running:
            pool, done = _collect(pool, job, running, workers, done, listing.count, progress)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return number + 1


def _collect(pool: ProcessPoolExecutor, job: Job, running: dict[Future, tuple[int, Files]], workers: int, done: int,
             count: int, progress: Progress) -> tuple[ProcessPoolExecutor, int]:
    """Wait for a shard. If a worker died, find out by which file, and start new workers."""
    finished, _ = wait(running, return_when=FIRST_COMPLETED)
    if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
        pool.shutdown(wait=True)
        for number, files in running.values():
            if not (job.folder / f"{number:06}.json").exists():
                _encode_carefully(job, number, files)
            done += len(files)
            progress(done, count)
        running.clear()
        return _pool(workers), done
    for future in finished:
        future.result()
        _, files = running.pop(future)
        done += len(files)
        progress(done, count)
    return pool, done


def _encode_carefully(job: Job, number: int, files: Files) -> None:
    """Encode a shard in which some file may end its worker: if one does, try each alone."""
    with _pool(1) as pool:
        if not isinstance(pool.submit(encode_shard, job, number, files).exception(), BrokenProcessPool):
            return
    crashing, alone = set(), _pool(1)
    for entry, known in files:
        if isinstance(alone.submit(_try, job, entry, known).exception(), BrokenProcessPool):
            crashing.add(entry.path)
            alone = _pool(1)
    alone.submit(encode_shard, job, number, files, frozenset(crashing)).result()
    alone.shutdown()


def _try(job: Job, entry: Entry, known: Known) -> None:
    for _ in encode_file(job, entry, known):
        pass


def _pool(workers: int) -> ProcessPoolExecutor:
    """Start workers. Forked where that is sound, so that a plain script can prepare without a main guard."""
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
