"""The piano rolls of the frame benchmark: the files, and the split that all published numbers share.

Four collections (JSB chorales, Nottingham, Piano-midi.de, MuseData), each transposed to one tonic and sampled once a quarter
by Boulanger-Lewandowski et al. (2012, arXiv 1206.6392); as JSON (jsb-chorales-quarter.json), or as the .mat files of Bai et al.
(2018, arXiv 1803.01271). For JSB the two hold the same music.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np

from bandmate.codecs.frames import HIGHEST, KEYS, LOWEST, Frames, notes_of, rows_of
from bandmate.framewise.matlab import read_cells
from bandmate.music.files import whole_file
from bandmate.settings import UserError

SPLITS = ("train", "valid", "test")
LICENCE = "none stated; for research only"
COLUMNS = ("split", "index", "path", "rows", "notes", "title", "composer", "style", "era", "source", "licence")

Splits = dict[str, list[np.ndarray]]
"""The pieces of each split, each a piano roll: bool (T, 88), a row a quarter, from A0 up."""


def read(path: str | Path) -> Splits:
    """Read a benchmark file, .json or .mat. Raises UserError for anything else."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no file '{path}'; jsb-chorales-quarter.json or Nottingham.mat was expected; check the path")
    try:
        if path.suffix == ".mat":
            cells = read_cells(path.read_bytes())
            rolls = {split: [_matrix(roll) for roll in cells[f"{split}data"]] for split in SPLITS}
        else:
            lists = json.loads(path.read_text(encoding="utf-8"))
            rolls = {split: [_pitches(piece) for piece in lists[split]] for split in SPLITS}
        if all(rolls.values()):
            return rolls
    except (ValueError, KeyError, TypeError, IndexError, OSError):
        pass
    raise UserError(f"'{path}' does not hold piano rolls; a file with train, valid and test, each a list of pieces, each a "
                    "list of the pitches of every quarter, was expected; take jsb-chorales-quarter.json, or Nottingham.mat")


def _matrix(numbers: np.ndarray) -> np.ndarray:
    if numbers.ndim != 2 or numbers.shape[1] != KEYS or not len(numbers) or not np.isin(numbers, (0, 1)).all():
        raise ValueError("no piano roll")
    return numbers > 0


def _pitches(frames: list[list[int]]) -> np.ndarray:
    roll = np.zeros((len(frames), KEYS), bool)
    for row, pitches in enumerate(frames):
        for pitch in pitches:
            if not LOWEST <= pitch <= HIGHEST:
                raise ValueError(f"no key of a piano: {pitch}")
            roll[row, pitch - LOWEST] = True
    if not len(roll):
        raise ValueError("an empty piece")
    return roll


def data_hash(rolls: Splits) -> str:
    """Return the sha256 of the music in hex, the same for either kind of file."""
    digest = hashlib.sha256()
    for split in SPLITS:
        for piece in rolls[split]:
            digest.update(rows_of(piece).astype("<i2").tobytes())
    return digest.hexdigest()


def prepare(rolls: Splits, out: str | Path, source: str) -> None:
    """Write the rolls as a prepared folder of the codec `frames`, by the published split, to train from."""
    out, codec = Path(out), Frames()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the folder '{out}' cannot be made ({error.strerror}); choose another folder") from None
    splits: dict[str, dict[str, int]] = {}
    table: list[tuple[object, ...]] = [COLUMNS]
    for split in SPLITS:
        rows = [rows_of(piece) for piece in rolls[split]]
        for name, array in (("ids", np.concatenate(rows)), ("offsets", np.cumsum([0, *map(len, rows)]).astype(np.int64))):
            with whole_file(out / f"{split}.{name}.npy") as path, path.open("wb") as file:
                np.save(file, array)
        notes = [len(notes_of(piece)) for piece in rows]
        table += [(split, n, f"{split}/{n}", len(piece), count, "", "", "", "", source, LICENCE)
                  for n, (piece, count) in enumerate(zip(rows, notes, strict=True))]
        splits[split] = {"pieces": len(rows), "rows": sum(map(len, rows)), "notes": sum(notes)}
    with whole_file(out / "pieces.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    used = {"source": source, "licence": LICENCE, "pieces": splits["train"]["pieces"], "notes": splits["train"]["notes"]}
    manifest = {"format": 1, "codec": codec.name, "codec_config": codec.config.model_dump(), "data_hash": data_hash(rolls),
                "splits": splits, "sources": [used], "rejected": {}}
    with whole_file(out / "manifest.json") as path:
        path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
