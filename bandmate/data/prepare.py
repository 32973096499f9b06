"""Prepare a corpus: files, folders and archives become arrays to train on.

First all sources are listed (for labels, and to know how much there is); then workers turn them into shards, a few
files each; then the shards are merged. A stopped run goes on with the first shard that is missing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bandmate.codecs.codec import Codec
from bandmate.data import arrays, sources, words
from bandmate.data.labels import Librarian
from bandmate.data.shards import Job
from bandmate.data.workers import Crew, Files, cores
from bandmate.music import lpd
from bandmate.music.clean import Filters
from bandmate.music.files import MIDI_SUFFIXES, cannot_write, whole_file
from bandmate.settings import UserError

SHARD_FILES, SHARD_BYTES = 128, 8_000_000
SCORE_WEIGHT = 16  # a score counts as so many MIDI files: music21 takes its time
UNFINISHED = "unfinished"  # folder of shards inside the output folder

Progress = Callable[[int, int], None]
"""Called with the number of files done and of all files."""


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


def prepare(sources: list[str], out: str | Path, codec: str | Codec = "bars", *, filters: Filters | None = None,
            workers: int | None = None, progress: Progress = lambda done, total: None) -> Summary:
    """Make training data of music files, folders, archives or the word `bach`, in the folder ``out``.

    ``codec`` is the name of one, with settings if need be ("names:rhythm=joint"), which then learns its words (styles,
    composers, chords) from this music, or that of a model which is to learn more. ``workers`` is the number of processes, by
    default one a core. Run again after a stop, it goes on where it was. Raises UserError for missing or empty sources, a
    corpus without anything usable, or an ``out`` that cannot be written or holds something else.
    """
    sources, out, filters = [str(source) for source in sources], Path(out), filters or Filters()
    listing = _list(sources, codec, filters)
    _claim(out, listing)
    if (out / "manifest.json").exists():
        return Summary(out, listing.count, json.loads((out / "manifest.json").read_text(encoding="utf-8")))
    job = Job(words.speller(listing.codec), filters, out / UNFINISHED)
    shards = _encode(job, sources, listing, workers or cores(), progress)
    folder, codec = words.settle(job.folder, shards, listing.codec)
    manifest = arrays.merge(folder, shards, out, codec)
    shutil.rmtree(job.folder, ignore_errors=True)
    return Summary(out, listing.count, manifest)


@dataclass(frozen=True)
class _Listing:
    librarian: Librarian
    codec: Codec
    count: int
    request: str  # a hash of everything that the result depends on
    shelf: sources.Shelf


def _list(named: list[str], wanted: str | Codec, filters: Filters) -> _Listing:
    """Go through all names once: labels, vocabulary, count."""
    sources.check(named)
    librarian, digest, count = Librarian(), hashlib.sha256(), 0
    shelf = sources.Shelf()
    for entry in sources.walk(named, content=False, largest=filters.largest(), shelf=shelf):
        known = librarian.see(entry)
        digest.update(repr((entry.path, entry.size, entry.trouble, known and vars(known.labels))).encode())
        count += 1
    if not count:
        raise UserError(f"there are no files in {', '.join(map(repr, named))}; music files were expected; name another source")
    codec = wanted if isinstance(wanted, Codec) else _fresh_codec(wanted, librarian)
    digest.update(repr((arrays.FORMAT, codec.name, codec.config, filters)).encode())
    return _Listing(librarian, codec, count, digest.hexdigest(), shelf)


def _fresh_codec(text: str, librarian: Librarian) -> Codec:
    """Return a codec by name that knows the styles and composers of the music."""
    from bandmate.codecs import make_codec
    vocabulary = librarian.vocabulary()
    return make_codec(text, styles=vocabulary.styles(), composers=vocabulary.composers())


def _claim(out: Path, listing: _Listing) -> None:
    """Make the output folder, or see that it belongs to the same request: stopped, or finished."""
    mark = out / "request.json"
    if out.exists() and not out.is_dir():
        raise UserError(f"'{out}' is a file; a folder was to be made there; choose another name")
    if mark.exists():
        if json.loads(mark.read_text())["request"] != listing.request:
            raise UserError(f"'{out}' was begun with other music or other settings; data of one folder has one origin; "
                            "choose another folder, or remove this one")
    elif out.exists() and any(out.iterdir()):
        raise UserError(f"the folder '{out}' is not empty; prepared data needs a folder of its own; choose another name")
    if (out / "manifest.json").exists():
        return
    try:
        (out / UNFINISHED).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from None
    if not mark.exists():
        with whole_file(mark) as path:
            path.write_text(json.dumps({"request": listing.request}))


def _shards(named: list[str], listing: _Listing, largest: int) -> Iterator[Files]:
    """Deal all files into shards; the same files always make the same shards."""
    files: Files = []
    weight, size = 0, 0
    for entry in sources.walk(named, content=True, largest=largest, shelf=listing.shelf):
        files.append((entry, listing.librarian.know(entry)))
        weight += 1 if entry.path.lower().endswith((*MIDI_SUFFIXES, lpd.SUFFIX)) else SCORE_WEIGHT
        size += min(entry.size, largest)
        if weight >= SHARD_FILES or size >= SHARD_BYTES:
            yield files
            files, weight, size = [], 0, 0
    if files:
        yield files


def _encode(job: Job, named: list[str], listing: _Listing, workers: int, progress: Progress) -> int:
    """Turn all files into shards on all workers; return the number of shards."""
    files_done = 0

    def done(files: int) -> None:
        nonlocal files_done
        files_done += files
        progress(files_done, listing.count)

    shards = 0
    with Crew(job, workers, done) as crew:
        for files in _shards(named, listing, job.filters.largest()):
            if job.finished(shards):
                done(len(files))
            else:
                crew.encode(shards, files)
            shards += 1
        crew.finish()
    return shards
