"""Windows of prepared music: what a model sees while it learns, and what it is examined on.

Batch ``n`` of a seed is always the same, whoever asks and whenever: a run that was stopped goes on as if it had not
been, and several processes share a run by taking different numbers. No window crosses a piece.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bandmate.codecs import CODECS
from bandmate.codecs.codec import Codec, Variety
from bandmate.settings import UserError, nearest

Kind = TypeVar("Kind", bound=Codec)

Batch = dict[str, np.ndarray]
"""``ids`` int64 (B, T, F), padded with the codec's padding; ``given`` bool (B, T): rows that are not scored per note."""


class Prepared:
    """A folder that `prepare` wrote: memory-mapped ids of the train, valid and test pieces."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        manifest = self.folder / "manifest.json"
        if not manifest.is_file():
            raise UserError(f"there is no prepared music in '{folder}'; a folder made by `bandmate prepare` was expected")
        self.manifest: dict[str, Any] = json.loads(manifest.read_text())
        self._codec = self.codec()
        self._arrays: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def codec(self) -> Codec:
        """Return the codec that wrote this data."""
        kind = CODECS[self.manifest["codec"]]
        return kind(kind.Config(**self.manifest["codec_config"]))

    def written_in(self, kind: type[Kind]) -> Kind:
        """Return the codec. Raises UserError if it is not of this kind."""
        if not isinstance(self._codec, kind):
            raise UserError(f"the music in '{self.folder}' is written with the codec '{self._codec.name}'; "
                            f"the codec '{kind.name}' was expected; prepare it anew with --codec {kind.name}")
        return self._codec

    @cached_property
    def pieces(self) -> list[dict[str, str]]:
        """The rows of pieces.csv: split, index, path, rows, notes and labels."""
        with open(self.folder / "pieces.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids (N, F) and the offsets (pieces + 1,) of a split."""
        if name not in self._arrays:
            ids = np.load(self.folder / f"{name}.ids.npy", mmap_mode="r")
            self._arrays[name] = ids, np.load(self.folder / f"{name}.offsets.npy")
        return self._arrays[name]

    def piece(self, split: str, index: int) -> np.ndarray:
        """Return the ids (N, F) of one piece."""
        ids, offsets = self.split(split)
        return np.asarray(ids[offsets[index]:offsets[index + 1]])

    def by(self, composer: str) -> Prepared:
        """Return the pieces of one composer alone, of all splits; a part of the name will do ("mozart"), none means all.

        Raises UserError unless the name fits one composer of the training pieces.
        """
        if not composer:
            return self
        known = sorted({row.get("composer") or "" for row in self.pieces if row["split"] == "train"} - {""})
        same = [name for name in known if name.lower() == composer.lower()]
        meant = same or [name for name in known if composer.lower() in name.lower()]
        if len(meant) != 1:
            among = " or ".join(map(repr, meant))
            raise UserError(f"'{composer}' may be {among}; one composer was expected; write more of the name" if meant else
                            f"no training piece is by '{composer}'; " +
                            (nearest(composer, known) if known else "the pieces of this folder name no composers"))
        alone = Prepared(self.folder)
        alone.pieces = []
        for split in ("train", "valid", "test"):
            rows = [row for row in self.pieces if row["split"] == split and row.get("composer") == meant[0]]
            ids = [self.piece(split, int(row["index"])) for row in rows]
            alone.pieces += [{**row, "index": str(number)} for number, row in enumerate(rows)]
            alone._arrays[split] = (np.concatenate([self.split(split)[0][:0], *ids]), np.cumsum([0, *map(len, ids)]))
        return alone

    def _chances(self, length: int, weights: dict[str, float]) -> np.ndarray:
        """Return cumulative chances of the training pieces: by their number of windows, times the weight of the source."""
        _, offsets = self.split("train")
        sources = np.array([weights.get(row["source"], 1.0) for row in self.pieces if row["split"] == "train"])
        chances = np.cumsum(np.maximum(np.diff(offsets) / length, 0.25) * sources)
        if not len(chances) or chances[-1] <= 0:
            raise UserError("no training piece is left; the folder holds none or the weights of all sources are 0")
        return chances / chances[-1]

    def batch(self, number: int, size: int, length: int, seed: int, weights: dict[str, float] | None = None,
              variety: Variety | None = None, pool: int = 8) -> Batch:
        """Return training batch ``number``: ``size`` random windows of at most ``length`` rows. As many batches as
        ``pool`` says are drawn together and sorted by length, so that little is padded."""
        variety = variety or Variety()
        key = (size, length, seed, variety, tuple(sorted((weights or {}).items())), pool, number // pool)
        if getattr(self, "_pool_key", None) != key:
            random = np.random.default_rng([seed, number // pool])
            if getattr(self, "_chances_key", None) != key[:-1]:
                self._drawn, self._chances_key = self._chances(length, weights or {}), key[:-1]
            pieces = np.searchsorted(self._drawn, random.random(pool * size), side="right")
            windows = [self._codec.lesson(self.piece("train", n), length, random, variety) for n in pieces.tolist()]
            windows.sort(key=len)
            self._pool = [windows[n * size:(n + 1) * size] for n in random.permutation(pool)]
            self._pool_key = key
        return self.stack(self._pool[number % pool])

    def pages(self, split: str, size: int, length: int, limit: int | None = None) -> Iterator[Batch]:
        """Yield batches that together hold every note of a split once; ``limit`` takes so many evenly spread pieces."""
        count = len(self.split(split)[1]) - 1
        chosen = range(count) if limit is None or limit >= count else np.linspace(0, count - 1, limit).astype(int).tolist()
        pages = [page for index in chosen for page in self._codec.pages(self.piece(split, index), length)]
        pages.sort(key=len)
        for first in range(0, len(pages), size):
            yield self.stack(pages[first:first + size])

    def stack(self, windows: list[np.ndarray]) -> Batch:
        """Lay windows side by side, padded at the end."""
        longest = max(map(len, windows))
        ids = np.full((len(windows), longest, len(self._codec.sizes)), self._codec.pad, np.int64)
        given = np.ones((len(windows), longest), bool)
        for row, window in enumerate(windows):
            ids[row, :len(window)] = window
            given[row, :len(window)] = self._codec.given(window)
        return {"ids": ids, "given": given}
