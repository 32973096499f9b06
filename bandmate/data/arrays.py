"""The last step of preparing: finished shards become one folder of memory-mapped arrays, split three ways.

Pieces that belong together (see `duplicates`) go to one side, chosen by a hash of their music; exact copies are left
out. Rows are copied piece by piece, so memory holds no more than one piece and a few numbers for each.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from bandmate.codecs.codec import Codec
from bandmate.data import duplicates, licences
from bandmate.music.files import whole_file
from bandmate.settings import UserError

SPLITS = ("train", "valid", "test")
EDGES = (0.94, 0.97)  # shares of the groups: below the first train, below the second valid, the rest test
PIECE_COLUMNS = ("split", "index", "path", "rows", "notes", "title", "composer", "style", "era", "source", "licence")
REJECTED_COLUMNS = ("path", "reason", "rule")
LARGE = 0.005  # share of all pieces above which a group is large
FORMAT = 1
HELD_OUT_NOTE = "pieces that hold music of the JSB benchmark's held-out chorales stand in test, with all pieces like them"


@dataclass
class _Index:
    """What must be known of all pieces at once; a few numbers each."""

    fingerprints: list[bytes]
    held_out: np.ndarray
    rows: np.ndarray
    groups: np.ndarray
    copy_of: np.ndarray  # index of the piece with the same rows, or -1


def merge(shards: Path, count: int, out: Path, codec: Codec, progress: Callable[[int, int], None] = lambda done, total: None,
          ) -> dict[str, object]:
    """Write the arrays, tables and manifest of ``count`` finished shards into ``out``; return the manifest.

    Raises UserError if no piece is left, or ``out`` cannot be written.
    """
    index = _index(shards, count)
    rejected = Counter(reason for shard in _reports(shards, count) for _, reason, _ in shard["rejected"])
    copies = int((index.copy_of >= 0).sum())
    if copies:
        rejected["copy"] = copies
    if not len(index.rows):
        reasons = ", ".join(f"{reason}: {number}" for reason, number in rejected.most_common(5))
        raise UserError(f"nothing usable was found in the corpus ({reasons}); MIDI files with at least a few notes were "
                        f"expected; see '{_write_rejected(shards, count, out, index)}'")
    sides = split(index.fingerprints, index.groups, index.held_out, index.copy_of < 0)
    _write_rejected(shards, count, out, index)
    splits, sources, digest = _write_arrays(shards, count, out, codec, index, sides)
    manifest: dict[str, object] = {
        "format": FORMAT, "version": _version(), "codec": codec.name, "codec_config": codec.config.model_dump(mode="json"),
        "data_hash": digest, "splits": splits, "sources": sources, "rejected": dict(rejected.most_common()),
        "groups": len(np.unique(index.groups)),
        "held_out": HELD_OUT_NOTE if index.held_out.any() else "",
    }
    with whole_file(out / "manifest.json") as path:
        path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    return manifest


def split(fingerprints: list[bytes], groups: np.ndarray, held_out: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return the side of each piece (0 train, 1 valid, 2 test): one side a group, whatever the order of the files.

    A group with a held-out piece stands in test; any other that is large stands in train, as it would make up most of a
    smaller side. A side that would stay empty gets the nearest group, train first.
    """
    lowest: dict[int, bytes] = {}
    for group, digest in zip(groups.tolist(), fingerprints, strict=True):
        lowest[group] = min(digest, lowest.get(group, digest))
    place = {group: int.from_bytes(hashlib.sha256(digest).digest()[:8], "big") / 2**64 for group, digest in lowest.items()}
    side = {group: int(np.searchsorted(EDGES, value, side="right")) for group, value in place.items()}
    large = np.flatnonzero(np.bincount(groups[used]) > max(LARGE * used.sum(), 2)).tolist()
    side.update(dict.fromkeys(large, 0))
    forced = {int(group) for group in groups[held_out]}
    side.update(dict.fromkeys(forced, 2))
    free = sorted((group for group in {*groups[used].tolist()} - forced), key=lambda group: place[group])
    for want, candidates in ((0, free), (1, free[::-1]), (2, free[::-1])):
        filled = Counter(side[group] for group in {*groups[used].tolist()})
        if not filled[want]:
            spare = [group for group in candidates if filled[side[group]] > 1 or want == 0]
            side.update({group: want for group in spare[:1]})
    return np.array([side[group] for group in groups.tolist()], np.int8)


def _reports(shards: Path, count: int) -> Iterator[dict]:
    for number in range(count):
        yield json.loads((shards / f"{number:06}.json").read_text())


def _index(shards: Path, count: int) -> _Index:
    fingerprints: list[bytes] = []
    held_out: list[bool] = []
    rows: list[int] = []
    owners, tables = [np.zeros(0, np.int64)], [np.zeros((0, duplicates.KEPT), np.uint32)]
    for number, report in enumerate(_reports(shards, count)):
        for piece in report["pieces"]:
            owners.append(np.full(piece["lines"], len(rows), np.int64))
            fingerprints.append(bytes.fromhex(piece["fingerprint"]))
            held_out.append(piece["held_out"])
            rows.append(piece["rows"])
        tables.append(np.load(shards / f"{number:06}.lines.npy"))
    first: dict[bytes, int] = {}
    copy_of = np.full(len(rows), -1, np.int64)
    for number, own in enumerate(fingerprints):
        original = first.setdefault(own, number)
        copy_of[number] = original if original != number else -1
    groups = duplicates.groups(np.concatenate(tables), np.concatenate(owners), len(rows))
    return _Index(fingerprints, np.array(held_out, bool), np.array(rows, np.int64), groups, copy_of)


def _write_rejected(shards: Path, count: int, out: Path, index: _Index) -> Path:
    names: dict[int, str] = {}
    originals = {*index.copy_of.tolist()}
    with whole_file(out / "rejected.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(REJECTED_COLUMNS)
        number = 0
        for report in _reports(shards, count):
            table.writerows(report["rejected"])
            for piece in report["pieces"]:
                if number in originals:
                    names[number] = piece["path"]
                if index.copy_of[number] >= 0:
                    table.writerow((piece["path"], "copy", f"the same notes as {names[int(index.copy_of[number])]}"))
                number += 1
    return out / "rejected.csv"


def _write_arrays(shards: Path, count: int, out: Path, codec: Codec, index: _Index, sides: np.ndarray,
                  ) -> tuple[dict, list[dict], str]:
    used = index.copy_of < 0
    totals = {name: {"pieces": 0, "rows": 0, "notes": 0} for name in SPLITS}
    sources: Counter[tuple[str, str, str]] = Counter()
    hashes = [hashlib.sha256() for _ in SPLITS]
    with ExitStack() as stack:
        files = []
        for side, name in enumerate(SPLITS):
            lengths = index.rows[used & (sides == side)]
            with whole_file(out / f"{name}.offsets.npy") as path:
                np.save(path, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
            file = stack.enter_context(stack.enter_context(whole_file(out / f"{name}.ids.npy")).open("wb"))
            np.lib.format.write_array_header_1_0(file, {
                "descr": codec.stored, "fortran_order": False, "shape": (int(lengths.sum()), len(codec.fields))})
            files.append(file)
        table_path = stack.enter_context(whole_file(out / "pieces.csv"))
        table = csv.writer(stack.enter_context(table_path.open("w", newline="", encoding="utf-8")))
        table.writerow(PIECE_COLUMNS)
        number = 0
        for shard, report in enumerate(_reports(shards, count)):
            ids = np.load(shards / f"{shard:06}.ids.npy", mmap_mode="r")
            at = 0
            for piece in report["pieces"]:
                rows = ids[at:at + piece["rows"]]
                at += piece["rows"]
                if used[number]:
                    side = int(sides[number])
                    files[side].write(np.ascontiguousarray(rows, codec.stored).tobytes())
                    hashes[side].update(np.ascontiguousarray(rows, "<i2").tobytes())  # of the ids, however they are stored
                    total, labels = totals[SPLITS[side]], piece["labels"]
                    table.writerow((SPLITS[side], total["pieces"], piece["path"], piece["rows"], piece["notes"],
                                    *(labels[column] for column in PIECE_COLUMNS[5:])))
                    for name, amount in (("pieces", 1), ("rows", piece["rows"]), ("notes", piece["notes"])):
                        total[name] += amount
                        sources[labels["source"], labels["licence"], name] += amount
                number += 1
    listed = [{"source": source, "licence": licence, "pieces": sources[source, licence, "pieces"],
               "notes": sources[source, licence, "notes"], **({"mark": mark} if (mark := licences.mark(licence)) else {})}
              for source, licence in sorted({key[:2] for key in sources})]
    return totals, listed, hashlib.sha256(b"".join(one.digest() for one in hashes)).hexdigest()


def _version() -> str:
    try:
        return version("bandmate")
    except PackageNotFoundError:
        return "0"
