"""The chorales of the JSB benchmark: the files, the official split, and which pieces of it are clean.

The split is that of Boulanger-Lewandowski et al. (2012, arXiv 1206.6392); the four voices on a grid of 16ths were laid
out for Coconet (Huang et al. 2017, arXiv 1903.07227) from data of Moray Allan. Many chorales set one tune, so valid and
test share melodies with train: a piece is *clean* if its soprano shares no run of 16 beats with a training piece, in
any key.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np

from bandmate.codecs.voices import STEPS_PER_QUARTER, VOICES, Voices, rows_of
from bandmate.music.files import whole_file
from bandmate.settings import UserError

SPLITS = ("train", "valid", "test")
SHARED_BEATS = 16  # a soprano that shares so many with training is not clean
LICENCE = "none stated; for research only"
COLUMNS = ("split", "index", "path", "rows", "notes", "title", "composer", "style", "era", "source", "licence")

Splits = dict[str, list[np.ndarray]]
"""The pieces of each split, each the pitches int64 (T, 4) of soprano, alto, tenor and bass a 16th, -1 for a rest."""


def read(path: str | Path) -> Splits:
    """Read Jsb16thSeparated.json, or .npz without pickles. Raises UserError for anything else."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no file '{path}'; Jsb16thSeparated.json of the JSB chorales dataset was expected; "
                        "check the path")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                raw = {split: list(arrays[split]) for split in SPLITS}
        else:
            raw = json.loads(path.read_text(encoding="utf-8"))
        pieces = {split: [_piece(piece) for piece in raw[split]] for split in SPLITS}
        if all(pieces.values()):
            return pieces
    except (ValueError, KeyError, TypeError, OSError) as error:
        if "allow_pickle" in str(error):
            raise UserError(f"'{path}' holds pickled arrays, which could run a stranger's code, so they are not read; "
                            "take Jsb16thSeparated.json, which holds the same music") from None
    raise UserError(f"'{path}' does not hold chorales; a file with train, valid and test, each a list of pieces of four "
                    "pitches a 16th note, was expected; take Jsb16thSeparated.json")


def _piece(steps: object) -> np.ndarray:
    piece = np.asarray(steps, float)
    if piece.ndim != 2 or piece.shape[1] != len(VOICES) or not len(piece):
        raise ValueError("no steps of four voices")
    return np.where(np.isnan(piece), -1, piece).astype(np.int64)


def data_hash(chorales: Splits) -> str:
    """Return the sha256 of the music in hex, the same for either file."""
    digest = hashlib.sha256()
    for split in SPLITS:
        for piece in chorales[split]:
            digest.update(rows_of(piece).astype("<i2").tobytes())
    return digest.hexdigest()


def clean(chorales: Splits, split: str) -> np.ndarray:
    """Tell which pieces of a split share no 16 beats of soprano with training, in any key: bool (pieces,)."""
    known = set().union(*map(_phrases, chorales["train"]))
    return np.array([known.isdisjoint(_phrases(piece)) for piece in chorales[split]])


def _phrases(piece: np.ndarray) -> set[bytes]:
    """Return the intervals within each run of 16 beats of the soprano, from one 16th to the next."""
    steps = SHARED_BEATS * STEPS_PER_QUARTER
    intervals = np.diff(piece[:, 0], prepend=piece[:1, 0])  # the first step counts as held
    if len(intervals) < steps:
        return set()
    return {run.tobytes() for run in np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(intervals, steps))}


def prepare(chorales: Splits, out: str | Path) -> None:
    """Write the chorales as a prepared folder of the codec `voices`, by the official split, to train from."""
    out, codec = Path(out), Voices()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the folder '{out}' cannot be made ({error.strerror}); choose another folder") from None
    splits: dict[str, dict[str, int]] = {}
    table: list[tuple[object, ...]] = [COLUMNS]
    for split in SPLITS:
        rows = [rows_of(piece) for piece in chorales[split]]
        for name, array in (("ids", np.concatenate(rows)), ("offsets", np.cumsum([0, *map(len, rows)]).astype(np.int64))):
            with whole_file(out / f"{split}.{name}.npy") as path, path.open("wb") as file:
                np.save(file, array)
        notes = [len(piece) * len(VOICES) for piece in rows]
        table += [(split, n, f"{split}/{n}", len(piece), count, "", "", "", "", "jsb", LICENCE)
                  for n, (piece, count) in enumerate(zip(rows, notes, strict=True))]
        splits[split] = {"pieces": len(rows), "rows": sum(map(len, rows)), "notes": sum(notes)}
    with whole_file(out / "pieces.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    used = {"source": "jsb", "licence": LICENCE, "pieces": splits["train"]["pieces"], "notes": splits["train"]["notes"]}
    manifest = {"format": 1, "codec": codec.name, "codec_config": {}, "data_hash": data_hash(chorales), "splits": splits,
                "sources": [used], "rejected": {}}
    with whole_file(out / "manifest.json") as path:
        path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
