"""What every family must do, asked of each in the same words with tiny settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from music_made_here import band, table
from tiny_families import COMPOSERS, TINY, Tiny, batch_of

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.families import FAMILIES
from bandmate.settings import UserError

TESTED_APART = {"chorales", "frames", "chords", "band_rnn", "vae", "gan", "melody_vae", "harmony_cnn", "style_vae"}
each_family = pytest.mark.parametrize("tiny", TINY, ids=str)
each_composer = pytest.mark.parametrize("tiny", COMPOSERS, ids=str)


def test_every_family_is_in_the_table() -> None:
    assert set(FAMILIES) <= {tiny.family for tiny in TINY} | TESTED_APART


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
    for _ in range(60 if tiny.in_bands else 150):
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
    players = {"instruments": ["piano", "bass"], "drums": True} if tiny.in_bands else {}
    options = model.Options(bars=2, tempo=90, variants=2, seed=5, **players)
    first = model.generate(options)
    assert len(first) == 2
    assert [table(piece) for piece in first] == [table(piece) for piece in model.generate(options)]
    assert [table(piece) for piece in first] != [table(piece) for piece in model.generate(options.replace(seed=7))]
    checkpoint.save(model, tmp_path / "m.safetensors", Card(family=tiny.family))
    again = checkpoint.load(tmp_path / "m.safetensors")
    assert [table(piece) for piece in first] == [table(piece) for piece in again.generate(options)]


@each_composer
def test_what_was_asked_for_plays(tiny: Tiny) -> None:
    model = tiny.make()
    seen: list[float] = []
    players = {"instruments": ["piano", "bass"], "drums": True} if tiny.in_bands else {"instruments": ["flute"]}
    [piece] = model.generate(model.Options(bars=3, metre="3/4", tempo=100, key="C major", seed=1, **players),
                             progress=lambda share, so_far: seen.append(share))
    assert sorted((track.is_drum, track.program) for track in piece.tracks) == (
        [(False, 0), (False, 33), (True, 0)] if tiny.in_bands else [(False, 73)])
    assert all(len(track.notes) for track in piece.tracks)
    assert {note.pitch % 12 for track in piece.tracks if not track.is_drum for note in track.notes} <= {0, 2, 4, 5, 7, 9, 11}
    assert 0 < piece.end() <= 3 * 3 * piece.ticks_per_quarter
    assert piece.tempos[0].qpm == pytest.approx(100)
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.parametrize("tiny", [tiny for tiny in COMPOSERS if tiny.codec != "triples"], ids=str)
def test_what_is_given_stays_when_it_goes_on(tiny: Tiny) -> None:
    model = tiny.make()
    given = band(2)
    [piece] = model.generate(model.Options(task="continue", bars=2, instruments=["piano"], seed=2), prompt=given)
    end = 2 * 4 * given.ticks_per_quarter
    assert [note for note in table(piece) if note[0] < end] == table(given)
    assert any(note[0] >= end for note in table(piece))
    with pytest.raises(UserError, match="there is no piece to continue; give a prompt"):
        model.generate(model.Options(task="continue"))


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
