"""Windows: drawn the same for the same number, whole over the held-out pieces, never across pieces."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from music_made_here import band, changing_metre

from bandmate.codecs.bars import LENGTH, MUSIC, Bars
from bandmate.data.windows import Prepared
from bandmate.piece import Labels
from bandmate.settings import UserError


@pytest.fixture
def prepared(tmp_path) -> Prepared:
    """Three training pieces of source a and one of source b, two held-out ones."""
    codec = Bars(Bars.Config(styles=("a", "b")))
    pieces = {"train": [(band(8), "a"), (band(2), "a"), (changing_metre(), "a"), (band(12), "b")],
              "valid": [(band(6), "a"), (changing_metre(), "b")], "test": []}
    rows = []
    for split, made in pieces.items():
        arrays = [codec.encode(piece, Labels(style=source)) for piece, source in made]
        np.save(tmp_path / f"{split}.ids.npy", np.concatenate([*arrays, np.zeros((0, 3), np.int16)]))
        np.save(tmp_path / f"{split}.offsets.npy", np.cumsum([0, *map(len, arrays)]))
        rows += [{"split": split, "index": n, "source": source} for n, (_, source) in enumerate(made)]
    with open(tmp_path / "pieces.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["split", "index", "source"])
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "manifest.json").write_text(json.dumps({"codec": "bars", "codec_config": codec.config.model_dump()}))
    return Prepared(tmp_path)


def test_a_batch_depends_on_its_number_and_the_seed_alone(prepared: Prepared) -> None:
    first = [prepared.batch(n, 3, 40, seed=1)["ids"] for n in (0, 9, 1)]
    again = [Prepared(prepared.folder).batch(n, 3, 40, seed=1)["ids"] for n in (1, 9, 0)]
    for one, other in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[0], prepared.batch(0, 3, 40, seed=2)["ids"])


def test_windows_of_one_length_stand_together_unless_all_are_mixed(prepared: Prepared) -> None:
    def unlike(pool: int) -> float:
        """Return how unlike the lengths of the windows of a batch are, on average."""
        batches = [prepared.batch(n, 3, 400, seed=1, pool=pool)["ids"] for n in range(16)]
        return float(np.mean([np.ptp((ids[..., 0] != 0).sum(1)) for ids in batches]))

    assert 2 * unlike(8) < unlike(1)
    np.testing.assert_array_equal(prepared.batch(5, 3, 40, seed=1)["ids"], prepared.batch(5, 3, 40, seed=1, pool=8)["ids"])


def test_windows_begin_with_a_header_and_fit(prepared: Prepared) -> None:
    for n in range(20):
        batch = prepared.batch(n, 4, 40, seed=0)
        assert batch["ids"].shape[1] <= 40
        assert (batch["ids"][:, 0, 0] == 1).all()
        for ids, given in zip(batch["ids"], batch["given"], strict=True):
            music = int(np.argmax(ids[:, 0] == MUSIC))
            assert given[:music + 1].all()
            assert not given[music + 1]


def test_a_source_of_weight_nothing_is_not_heard(prepared: Prepared) -> None:
    for n in range(10):
        batch = prepared.batch(n, 4, 40, seed=0, weights={"a": 0.0})
        lengths = batch["ids"][batch["ids"][..., 0] == LENGTH]
        assert set(lengths[:, 1].tolist()) <= set(range(2177, 2177 + 12))  # at most 12 bars: the piece of source b
    with pytest.raises(UserError, match="no training piece is left"):
        prepared.batch(0, 4, 40, seed=0, weights={"a": 0.0, "b": 0.0})


def test_pages_hold_every_held_out_note_once(prepared: Prepared) -> None:
    codec = prepared.codec()
    notes = sum(codec.is_note(prepared.piece("valid", n)).sum() for n in range(2))
    found = sum(codec.is_note(batch["ids"]).sum() for batch in prepared.pages("valid", 2, 30))
    assert found == notes > 0
    assert sum(codec.is_note(batch["ids"]).sum() for batch in prepared.pages("valid", 2, 30, limit=1)) < notes


def test_a_folder_without_data_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match="there is no prepared music in"):
        Prepared(tmp_path)
