"""Learn the words of a codec from the shards of a corpus, and write the shards in these words.

A codec that learns its words spells every piece in letters first (see `codecs.learnt`). When all are spelled, the words are
known, and the letters are read.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bandmate.codecs.codec import Codec
from bandmate.codecs.learnt import Learnt, Speller
from bandmate.music.files import whole_file
from bandmate.piece import Labels

READ = "read"  # the folder of the read shards, in that of the spelled ones


def speller(codec: Codec) -> Codec:
    """Return the codec that shards are to be written with: one that spells, if words are still to be learnt."""
    return Speller(codec) if isinstance(codec, Learnt) and not codec.has_words else codec


def settle(shards: Path, count: int, codec: Codec) -> tuple[Path, Codec]:
    """Learn words from ``count`` finished shards, if the codec has to; return where shards of ids are, and their codec."""
    if not isinstance(codec, Learnt) or codec.has_words:
        return shards, codec
    learnt = codec.learn(letters for number in range(count) for _, letters in _pieces(shards, number))
    if not learnt.has_words:  # nothing usable was found, as is about to be said
        return shards, codec
    folder = shards / READ
    folder.mkdir(exist_ok=True)
    for number in range(count):
        _read(shards, number, folder, learnt)
    return folder, learnt


def _pieces(shards: Path, number: int) -> Iterator[tuple[dict, np.ndarray]]:
    """Yield what is known of each piece of a shard, and its letters."""
    ids = np.load(shards / f"{number:06}.ids.npy", mmap_mode="r")
    at = 0
    for piece in json.loads((shards / f"{number:06}.json").read_text())["pieces"]:
        yield piece, np.asarray(ids[at:at + piece["rows"]])
        at += piece["rows"]


def _read(shards: Path, number: int, folder: Path, codec: Learnt) -> None:
    """Write a spelled shard in ids, beside its lines and its report."""
    report = json.loads((shards / f"{number:06}.json").read_text())
    ids = [np.zeros((0, len(codec.sizes)), np.int16)]
    pieces = []
    for piece, letters in _pieces(shards, number):
        ids.append(codec.read(letters, Labels(**piece["labels"])))
        pieces.append({**piece, "rows": len(ids[-1]), "notes": int(codec.notes_in(ids[-1]).sum())})
    shutil.copyfile(shards / f"{number:06}.lines.npy", folder / f"{number:06}.lines.npy")
    with whole_file(folder / f"{number:06}.ids.npy") as path:
        np.save(path, np.concatenate(ids))
    with whole_file(folder / f"{number:06}.json") as path:
        path.write_text(json.dumps({**report, "pieces": pieces}))
