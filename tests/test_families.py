"""What every family must do, asked of each in the same words with tiny settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from music_made_here import band, table

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.codecs import CODECS
from bandmate.families import FAMILIES
from bandmate.model import Model


@dataclass(frozen=True)
class Tiny:
    """A family, small enough for a test."""

    family: str
    codec: str
    config: dict[str, Any] = field(default_factory=dict)

    def make(self) -> Model:
        torch.manual_seed(0)
        kind, codec = FAMILIES[self.family], CODECS[self.codec]
        return kind(kind.Config(**self.config), codec()).eval()


SHAPE = {"width": 32, "layers": 2, "heads": 2, "head_width": 16, "hidden": 48, "context": 96}
TINY = [Tiny("bands", "bars", SHAPE),
        Tiny("bands", "bars", {**SHAPE, "form": "stream"}),
        Tiny("bands", "triples", {**SHAPE, "form": "stream"}),
        Tiny("markov", "bars"), Tiny("markov", "triples")]
each_family = pytest.mark.parametrize(
    "tiny", TINY, ids=lambda tiny: " ".join([tiny.family, tiny.codec, tiny.config.get("form", "steps")]))


def batch_of(model: Model) -> dict[str, torch.Tensor]:
    ids = model.codec.encode(band(2)).astype(np.int64)[:80]
    shorter = np.full_like(ids, model.codec.pad)
    shorter[:len(ids) // 2] = ids[:len(ids) // 2]
    given = np.stack([model.codec.given(ids)] * 2)
    return {"ids": torch.from_numpy(np.stack([ids, shorter])), "given": torch.from_numpy(given)}


def test_every_family_is_in_the_table() -> None:
    own = {"chorales", "frames", "gpt", "lstm", "gru", "chords", "rhythm_net"}  # no bands: checked in tests of their own
    assert {tiny.family for tiny in TINY} | own == set(FAMILIES)


@each_family
def test_losses_are_finite_and_reach_every_weight(tiny: Tiny) -> None:
    model = tiny.make()
    losses = model.losses(batch_of(model))
    losses["loss"].backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


@each_family
def test_one_batch_is_learnt_by_heart(tiny: Tiny) -> None:
    model = tiny.make()
    batch, [optimizer] = batch_of(model), model.optimizers(1e-2)
    first = model.losses(batch)["loss"].item()
    for _ in range(60):
        last = model.step(batch, [optimizer], lambda loss: loss.backward())["loss"].item()
    assert last < 0.5 * first


@each_family
def test_padding_does_not_count(tiny: Tiny) -> None:
    model = tiny.make()
    batch = batch_of(model)
    wider = {"ids": torch.nn.functional.pad(batch["ids"], (0, 0, 0, 7), value=model.codec.pad),
             "given": torch.nn.functional.pad(batch["given"], (0, 7), value=True)}
    for one, other in zip(model.score(batch).values(), model.score(wider).values(), strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-4)


@each_family
def test_the_same_seed_writes_the_same_piece_also_after_saving(tiny: Tiny, tmp_path) -> None:
    model = tiny.make()
    options = model.Options(bars=2, instruments=["piano", "bass"], drums=True, tempo=90, variants=2, seed=5)
    first = model.generate(options)
    assert len(first) == 2
    assert [table(piece) for piece in first] == [table(piece) for piece in model.generate(options)]
    assert [table(piece) for piece in first] != [table(piece) for piece in model.generate(options.replace(seed=6))]
    checkpoint.save(model, tmp_path / "m.safetensors", Card(family=tiny.family))
    again = checkpoint.load(tmp_path / "m.safetensors")
    assert [table(piece) for piece in first] == [table(piece) for piece in again.generate(options)]


@each_family
def test_what_was_asked_for_plays(tiny: Tiny) -> None:
    model = tiny.make()
    seen: list[float] = []
    [piece] = model.generate(model.Options(bars=3, instruments=["piano", "bass"], drums=True, metre="3/4", tempo=100, seed=1),
                             progress=lambda share, so_far: seen.append(share))
    assert sorted((track.is_drum, track.program) for track in piece.tracks) == [(False, 0), (False, 33), (True, 0)]
    assert all(len(track.notes) for track in piece.tracks)
    assert piece.end() <= 3 * 3 * piece.ticks_per_quarter
    assert piece.tempos[0].qpm == pytest.approx(100)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_markov_counts_by_hand() -> None:
    model = Tiny("markov", "triples").make()
    ids = torch.tensor([[[1], [2], [3], [2], [3]]])
    model.count(ids.numpy())
    batch = {"ids": ids, "given": torch.zeros(ids.shape[:2], dtype=torch.bool)}
    size = model.codec.sizes[0]
    alone = (2 + 2 / size) / (4 + 2)  # 2 came twice of four, two kinds came
    own = (2 + 2 * alone) / (4 + 2)  # a row of one field has nothing before it
    one = (1 + own) / (1 + 1)  # after 1 came 2, once
    assert model.nats(batch)[0, 0, 0].item() == pytest.approx(-np.log((1 + one) / (1 + 1)), rel=1e-6)
    assert model.nats(batch)[0, 1, 0] < model.nats({**batch, "ids": torch.tensor([[[1], [2], [9], [2], [3]]])})[0, 1, 0]


def test_markov_keeps_what_it_counted(tmp_path) -> None:
    model = Tiny("markov", "bars").make()
    batch = batch_of(model)
    model.step(batch, model.optimizers(0.1), lambda loss: loss.backward())
    checkpoint.save(model, tmp_path / "m.safetensors", Card(family="markov"))
    again = checkpoint.load(tmp_path / "m.safetensors")
    assert len(again.keys) > 100
    assert again.score(batch)["nats"].item() == pytest.approx(model.score(batch)["nats"].item())
