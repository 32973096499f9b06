"""What is known about each file: from a `catalogue.csv` beside it, else from the names of its folders.

A catalogue has a column `path` (below the catalogue, or inside an archive that lies beside it) and any of title,
composer_id, composer, genre, era, source, licence, notes and jsb_overlap. Without one, folders speak: style/title,
or style/composer/title; a great many folders side by side are taken for composers.
"""

from __future__ import annotations

import csv
import functools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bandmate.data import licences
from bandmate.data.sources import BACH, CATALOGUE, Entry
from bandmate.piece import Labels
from bandmate.settings import UserError

MAX_STYLES, MIN_STYLE_PIECES = 64, 20
MAX_COMPOSERS, MIN_COMPOSER_PIECES, MIN_COMPOSER_NOTES = 128, 10, 10_000
BACH_NOTES = 240  # of a chorale, roughly
BYTES_A_NOTE = 8  # of a MIDI file, roughly: for files of which no catalogue says how many notes they have
_HELD_OUT = ("valid", "test")  # values of jsb_overlap: music of the JSB benchmark's own held-out chorales

_BACH = Labels(composer="Bach, Johann Sebastian", style="classical", era="baroque", source="music21",
               licence="PD music; encoding M. Greentree, distributed in music21 by permission")


class Known(NamedTuple):
    """What is known about one file before it is read."""

    labels: Labels
    held_out: bool = False  # belongs to a benchmark's held-out music: never train on it
    notes: int = 0


@dataclass
class Vocabulary:
    """Counts styles and composers, and picks those frequent enough for an id of their own."""

    pieces: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, labels: Labels, pieces: int, notes: int) -> None:
        """Count some files that have the same labels."""
        for kind, name in (("style", labels.style), ("composer", labels.composer)):
            if name:
                self.pieces[kind, name] += pieces
                self.notes[kind, name] += notes

    def styles(self) -> tuple[str, ...]:
        """Return the styles that are to have an id, most notes first."""
        return self._most("style", MAX_STYLES, MIN_STYLE_PIECES, 0)

    def composers(self) -> tuple[str, ...]:
        """Return the composers that are to have an id, most notes first."""
        return self._most("composer", MAX_COMPOSERS, MIN_COMPOSER_PIECES, MIN_COMPOSER_NOTES)

    def _most(self, kind: str, count: int, pieces: int, notes: int) -> tuple[str, ...]:
        names = [name for what, name in self.pieces
                 if what == kind and self.pieces[kind, name] >= pieces and self.notes[kind, name] >= notes]
        return tuple(sorted(names, key=lambda name: (-self.notes[kind, name], name))[:count])


class Librarian:
    """Knows every file by its catalogue or its folders. Show it all files before you ask."""

    def __init__(self) -> None:
        self._catalogues: dict[tuple[Path, str], list[tuple[dict[str, Known], int]]] = {}
        self._folders: dict[tuple[Path, str], _Folders] = defaultdict(_Folders)
        self._seen = Vocabulary()

    def see(self, entry: Entry) -> Known | None:
        """Take note of a file and its folders; return what a catalogue knows of it."""
        known = self._listed(entry)
        folders = self._folders[entry.home, entry.source]
        if known:
            self._seen.add(known.labels, 1, known.notes)
            folders.see(entry.inside, 0, 0)
        else:
            folders.see(entry.inside, 1, entry.size // BYTES_A_NOTE)
        return known

    def vocabulary(self) -> Vocabulary:
        """Count the styles and composers of all files seen."""
        vocabulary = Vocabulary(self._seen.pieces.copy(), self._seen.notes.copy())
        for folders in self._folders.values():
            folders.count(vocabulary)
        return vocabulary

    def know(self, entry: Entry) -> Known:
        """Return what is known about a file."""
        listed = self._listed(entry)
        if listed:
            return listed
        labels = self._folders[entry.home, entry.source].labels(entry.inside)
        return Known(labels.replace(title=_title(entry), source=entry.source))

    def _listed(self, entry: Entry) -> Known | None:
        if entry.source == BACH:
            return Known(_BACH.replace(title=_title(entry)), notes=BACH_NOTES)
        for catalogue, inside_from in self._nearest(entry.home, entry.inside.rpartition("/")[0]):
            if entry.inside[inside_from:] in catalogue:
                return catalogue[entry.inside[inside_from:]]
        return None

    def _nearest(self, home: Path, folder: str) -> list[tuple[dict[str, Known], int]]:
        """Return the catalogues in or above a folder, the nearest first, and where the paths below each begin."""
        if (home, folder) not in self._catalogues:
            path, length = home / folder / CATALOGUE, len(folder) + 1 if folder else 0
            own = [(read_catalogue(path), length)] if path.is_file() else []
            above = self._nearest(home, folder.rpartition("/")[0]) if folder else []
            self._catalogues[home, folder] = own + above
        return self._catalogues[home, folder]


def _title(entry: Entry) -> str:
    return PurePosixPath(entry.inside).stem.replace("_", " ").strip()


class _Folders:
    """The folders of one source. A folder that holds everything says nothing, and is passed over."""

    def __init__(self) -> None:
        self._inner: dict[str, set[str]] = {}  # outermost folder -> the folders in it
        self._files: Counter[tuple[str, ...]] = Counter()
        self._notes: Counter[tuple[str, ...]] = Counter()

    def see(self, inside: str, files: int, notes: int) -> None:
        folders = tuple(inside.split("/")[:-1][:3])  # one to pass over, style, composer
        top, second = (*folders, "", "")[:2]
        self._inner.setdefault(top, set()).add(second)
        self._files[folders] += files
        self._notes[folders] += notes

    def count(self, vocabulary: Vocabulary) -> None:
        for folders, files in self._files.items():
            vocabulary.add(self.labels("/".join((*folders, "file"))), files, self._notes[folders])

    def labels(self, inside: str) -> Labels:
        wrapped = len(self._inner) == 1 and "" not in self._inner
        siblings = next(iter(self._inner.values())) if wrapped else self._inner
        names = [name.replace("_", " ").strip() for name in inside.split("/")[wrapped:-1]]
        if len(siblings) > MAX_STYLES:
            return Labels(composer=names[0] if names else "")
        return Labels(style=names[0].lower() if names else "", composer=names[1] if len(names) > 1 else "")


def read_catalogue(path: Path) -> dict[str, Known]:
    """Read a catalogue; return what it knows by path. Raises UserError if it has no column `path`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            names = next(lines, [])
            if "path" not in names:
                raise UserError(f"the catalogue '{path}' has no column 'path'; its first line must name the columns; add it")
            rows = (dict(zip(names, line, strict=False)) for line in lines)  # csv.DictReader does this, but slowly
            return {row["path"]: _known(row) for row in rows if row.get("path")}
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UserError(f"the catalogue '{path}' cannot be read ({error}); save it as comma-separated UTF-8 text") from None


@functools.lru_cache(1024)
def _licence(text: str) -> str:
    return licences.tidy(text)


def _known(row: dict[str, str]) -> Known:
    def get(name: str) -> str:
        return row.get(name, "").strip()

    labels = Labels(title=get("title"), composer=get("composer_id") or get("composer"), style=get("genre").lower(),
                    era=get("era").lower(), source=get("source"), licence=_licence(get("licence")))
    notes = get("notes")
    return Known(labels, get("jsb_overlap") in _HELD_OUT, int(notes) if notes.isdigit() else 0)
