"""The family `harmony_cnn`: a melody's network and four that play to it, as it was and repaired."""

import numpy as np
import pytest
import torch
from music_made_here import band, check_answer, table
from torch.nn import functional as F

from bandmate import checkpoint
from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll
from bandmate.families.harmony_cnn import HarmonyCnn
from bandmate.families.harmony_networks import Patches, Unpatches, draw, nats
from bandmate.settings import UserError

NOISES = (0, 4)
each_kind = pytest.mark.parametrize("noise", NOISES, ids=["original", "repaired"])


def make(noise: int = 4, **config) -> HarmonyCnn:
    torch.manual_seed(0)
    return HarmonyCnn(HarmonyCnn.Config(**{"width": 4, "noise": noise, **config}), Roll()).eval()


def batch(pieces: int = 2, bars: int = 8) -> dict[str, torch.Tensor]:
    """Return the band in as many keys."""
    ids = np.stack([c.transpose(Roll().encode(band(bars)), shift) for shift in range(pieces)]).astype(np.int64)
    return {"ids": torch.from_numpy(ids)}


def blocks(seed: int, count: int = 3) -> torch.Tensor:
    """Return blocks of a part by chance, nothing held that does not sound: ids (count, 32, 128)."""
    random = np.random.default_rng(seed)
    ids = random.choice([c.OFF, c.ONSET, c.SUSTAIN], size=(count, 32, 128), p=[0.9, 0.05, 0.05])
    return torch.from_numpy(c.mend(ids))


# The networks


def test_patches_are_convolutions():
    down, up, x = Patches(2, 3, 4, 8), Unpatches(3, 2, 4, 8), torch.randn(1, 8, 16, 2)
    kernel = down.weigh.weight.view(3, 4, 8, 2).permute(0, 3, 1, 2)
    expected = F.conv2d(x.permute(0, 3, 1, 2), kernel, down.weigh.bias, (4, 8)).permute(0, 2, 3, 1)
    assert torch.allclose(down(x), expected, atol=1e-5)
    kernel = up.weigh.weight.view(4, 8, 2, 3).permute(3, 2, 0, 1)
    bias = up.weigh.bias.view(4, 8, 2).repeat(2, 2, 1)
    drawn = F.conv_transpose2d(expected.permute(0, 3, 1, 2), kernel, None, (4, 8)).permute(0, 2, 3, 1) + bias
    assert torch.allclose(up(expected), drawn, atol=1e-5)


def test_the_nats_of_a_key_are_those_of_its_ways():
    """Off, struck, or held if it sounded before: over one step, all ways together have the chance 1."""
    own = torch.full((1, 32, 128), c.OFF)
    own[0, -1, 60] = c.ONSET
    logits = torch.randn(1, 32, 128, 2)
    silent = torch.full((1, 32, 128), c.OFF)
    rest = nats(logits, silent, own, 1.0)
    ways = {key: [] for key in (60, 61)}
    for key, way in ((60, c.OFF), (60, c.ONSET), (60, c.SUSTAIN), (61, c.OFF), (61, c.ONSET)):
        block = silent.clone()
        block[0, 0, key] = way
        ways[key].append((nats(logits, block, own, 1.0) - rest).neg())
    strike, hold = logits[0, 0].T
    after = {key: _off_after(logits, key) for key in (60, 61)}
    assert ways[60][1].item() == pytest.approx(strike[60].item() + after[60], abs=1e-3)
    assert ways[60][2].item() == pytest.approx(hold[60].item() + after[60], abs=1e-3)
    assert ways[60][0].item() == 0
    assert ways[61][1].item() == pytest.approx(strike[61].item() + after[61], abs=1e-3)


def _off_after(logits: torch.Tensor, key: int) -> float:
    """Return what it costs to be off after a key sounded, and could have been held, beside where it could not."""
    strike, hold = logits[0, 1, key]
    return (F.softplus(strike) - torch.logsumexp(torch.stack([torch.zeros(()), strike, hold]), 0)).item()


def test_what_is_drawn_comes_as_often_as_it_is_said():
    own = torch.full((400, 32, 128), c.OFF)
    logits = torch.tensor([-2.0, 1.0]).expand(400, 32, 128, 2)
    drawn = draw(logits, own, torch.rand(400, 32, 128), 1.0, 1.0)
    assert (drawn[:, 0] == c.ONSET).float().mean().item() == pytest.approx(1 / (1 + np.exp(2)), abs=0.01)
    held = drawn[:, 1][drawn[:, 0] >= c.ONSET]
    assert (held == c.SUSTAIN).float().mean().item() == pytest.approx(np.e / (1 + np.e + np.exp(-2)), abs=0.02)
    assert not ((drawn[:, 1:] == c.SUSTAIN) & (drawn[:, :-1] == c.OFF)).any()
    weighed = draw(logits, own, torch.rand(400, 32, 128), 2.0, 1.0)
    assert (weighed[:, 0] == c.ONSET).float().mean().item() == pytest.approx(0.5 / (0.5 + np.exp(2)), abs=0.01)
    assert (draw(logits, own, torch.rand(400, 32, 128), 1.0, 0.0) == c.OFF).all()


def test_strikes_weigh_more():
    own, new, logits = blocks(0), blocks(1), torch.randn(3, 32, 128, 2)
    one, two, three = (nats(logits, new, own, weight) for weight in (1.0, 2.0, 3.0))
    assert torch.allclose(three - two, two - one, rtol=1e-3)
    assert (two > one).all()


def test_others_hear_the_new_melody_and_their_own_last_block():
    model = make()
    for part, network in enumerate(model.networks):
        assert len(network.sights) == (1 if part == 0 else 2)
    bass, melody, other = model.networks[2], blocks(0), blocks(1)
    seen = [bass.seen(both) for both in ([melody, other], [other, other], [melody, melody])]
    assert not torch.allclose(seen[0], seen[1])
    assert not torch.allclose(seen[0], seen[2])


# Learning


@each_kind
def test_losses_reach_every_weight_and_one_batch_is_learnt_by_heart(noise):
    model = make(noise).train()
    one, [optimizer] = batch(), model.optimizers(1e-2)
    first = model.losses(one)
    first["loss"].backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    assert set(first) == ({"loss", "notes", "whims"} if noise else {"loss", "notes"})
    for _ in range(30):
        last = model.step(one, [optimizer], torch.Tensor.backward)["loss"]
    assert last.item() < 0.6 * first["loss"].item()


def test_blocks_follow_each_other_and_beginnings_follow_silence():
    one = batch(1, bars=8)
    last, new = make(0).pairs(one["ids"])
    assert len(new) == 1
    assert (c.cells(one["ids"])[0, 32:].transpose(0, 1) == new[0]).all()
    last, new = make().pairs(one["ids"])
    assert len(new) == 2
    assert (last[0] == c.OFF).all()
    assert (last[1] == new[0]).all()
    shorter = one["ids"].clone()
    shorter[:, 40:] = 0
    assert len(make().pairs(shorter)[1]) == 1
    assert make(0).losses({"ids": shorter})["loss"].item() == 0


# Composing


@each_kind
def test_it_writes_what_was_asked_for_and_the_same_after_saving(noise, tmp_path):
    model = make(noise)
    options = model.Options(bars=5, key="D minor", instruments=("piano", "bass", "flute"), drums=True, variants=2, seed=3,
                            tempo=90, max_polyphony=("3",), threshold=0.4)
    shares: list[float] = []
    pieces = model.generate(options, progress=lambda share, so_far: shares.append(share) or so_far())
    for piece in pieces:
        check_answer(piece, options)
        assert c.sounding(Roll().encode(piece)).sum(-1)[:, :4].max() <= 3
    assert len(shares) == 40
    checkpoint.save(model, tmp_path / "m.safetensors")
    again = checkpoint.load(tmp_path / "m.safetensors").generate(options)
    assert [table(piece) for piece in pieces] == [table(piece) for piece in again]
    if noise:
        assert table(pieces[0]) != table(model.generate(options.replace(seed=9, variants=1))[0])
        assert table(pieces[1]) == table(model.generate(options.replace(seed=4, variants=1))[0])
    assert len(model.generate(options.replace(candidates=3))) == 2


@each_kind
def test_it_continues_and_accompanies_and_leaves_what_was_given(noise):
    model = make(noise)
    [piece] = model.generate(model.Options(task="continue", bars=2, seed=1), prompt=band(4))
    assert [note for note in table(piece) if note[0] < 16 * 480] == table(band(4))
    assert 5 * 4 * 480 < piece.end() <= 6 * 4 * 480
    [piece] = model.generate(model.Options(task="accompany", instruments=("guitar",), seed=1), prompt=band(2))
    notes = table(piece)
    assert sorted(note for note in notes if note[4] != 25) == table(band(2))
    assert any(note[4] == 25 for note in notes)


def test_a_given_melody_is_heard_by_the_others():
    model = make()
    for network in model.networks:
        network.usual.data.zero_()
        for weight in network.parameters():
            weight.data *= 3
    higher = Roll().decode(c.transpose(Roll().encode(band(4)), 5))
    options = model.Options(task="infill", region="1-4", instruments=("bass",), seed=2)
    basses = [[note[2:3] + note[:1] for note in table(model.generate(options, prompt=prompt)[0]) if 32 <= note[4] < 40]
              for prompt in (band(4), higher)]
    assert basses[0] != basses[1]


def test_without_whim_and_chance_all_seeds_write_the_same():
    model = make()
    options = model.Options(bars=8, whim=0, temperature=0)
    one, other = (table(model.generate(options.replace(seed=seed))[0]) for seed in (1, 2))
    assert one == other
    wild = [table(model.generate(options.replace(seed=seed, temperature=1))[0]) for seed in (1, 2)]
    assert wild[0] != wild[1]


def test_what_it_cannot_do_it_says():
    with pytest.raises(UserError, match="give a prompt"):
        make().generate(HarmonyCnn.Options(task="continue"))
    with pytest.raises(UserError, match="leave top_k and min_p out"):
        make().generate(HarmonyCnn.Options(top_k=3))
    with pytest.raises(NotImplementedError, match="no likelihood"):
        make().score(batch())
