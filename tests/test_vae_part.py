"""Blocks of rolls, and the autoencoder of one part."""

import numpy as np
import pytest
import torch
from music_made_here import band

from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll
from bandmate.families import roll_blocks
from bandmate.families.vae_part import Down, Onward, Part, Up, distinct, divergence

# Blocks


def test_rows_are_cut_into_blocks_and_laid_out_again():
    pieces = [Roll().encode(band(bars)).astype(np.int64) for bars in (5, 9)]
    ids = torch.from_numpy(np.stack([np.pad(piece, ((0, 72 - len(piece)), (0, 0))) for piece in pieces]))
    cut_, there = roll_blocks.blocks_of(ids)
    assert cut_.shape == (2, 3, 5, 32, 128)
    assert there.sum((1, 2)).tolist() == [40, 72]
    assert (roll_blocks.rows_of(cut_[1]).flatten(0, 1)[:72] == ids[1]).all()
    assert (cut_[0, 1, :, 8:] == c.OFF).all()


def test_what_sounds_is_struck_or_held():
    before, sounds = torch.full((1, 5, 32, 128), c.OFF), torch.zeros(1, 5, 32, 128, dtype=torch.bool)
    strikes = sounds.clone()
    before[0, 0, 31, 60] = c.SUSTAIN
    sounds[0, 0, 0:3, 60] = sounds[0, 1, 0:3, 62] = True
    strikes[0, 1, 2, 62] = strikes[0, 1, 5, 62] = True
    ids = roll_blocks.articulated(sounds, strikes, before)
    assert ids[0, 0, :4, 60].tolist() == [c.SUSTAIN, c.SUSTAIN, c.SUSTAIN, c.OFF]
    assert ids[0, 1, :6, 62].tolist() == [c.ONSET, c.SUSTAIN, c.ONSET, c.OFF, c.OFF, c.OFF]


# One part


def test_the_autoencoder_is_the_one_of_the_paper():
    part = Part(16, 64, articulate=False)
    shapes = [tuple(weight.shape) for weight in part.encoder.parameters() if weight.dim() == 4]
    assert shapes == [(64, 1, 4, 4), (128, 64, 4, 4), (256, 128, 2, 8)]
    assert [tuple(weight.shape) for weight in part.decoder.parameters() if weight.dim() == 4] == [
        (256, 128, 2, 8), (128, 64, 4, 4), (64, 1, 4, 4)]
    mean, log = part.encode(torch.full((3, 32, 128), c.OFF))
    assert mean.shape == log.shape == (3, 16)
    assert part.decode(mean).shape == (3, 1, 32, 128)
    network = Onward(5, 16, 128, 0.2)
    assert [layer.out_features for layer in network.melody.modules() if isinstance(layer, torch.nn.Linear)] == [128, 128, 16]
    assert [layer.in_features for layer in network.others[0].modules() if isinstance(layer, torch.nn.Linear)] == [32, 128]


def test_kernels_side_by_side_are_convolutions():
    x = torch.randn(3, 2, 8, 16)
    down, up = Down(2, 5, (2, 8), (2, 8)), Up(2, 5, (2, 4), (2, 4))
    assert torch.allclose(down(x), torch.nn.functional.conv2d(x, down.weight, down.bias, (2, 8)), atol=1e-5)
    assert torch.allclose(up(x), torch.nn.functional.conv_transpose2d(x, up.weight, up.bias, (2, 4)), atol=1e-5)


def test_divergence_by_hand_and_never_below_zero():
    zero = torch.zeros(4)
    assert divergence(zero, zero).tolist() == [0] * 4
    assert divergence(torch.ones(1), torch.zeros(1)).item() == pytest.approx(0.5)
    assert (divergence(torch.randn(1000), torch.randn(1000)) >= 0).all()


def test_the_chances_of_a_cell_sum_to_one_over_off_struck_and_held():
    part, logits = Part(4, 4, articulate=True), torch.randn(1, 2, 32, 128)
    base = torch.full((1, 32, 128), c.OFF)
    base[0, 4, 60] = c.ONSET
    total = 0.0
    for state in (c.OFF, c.ONSET, c.SUSTAIN):
        ids = base.clone()
        ids[0, 5, 60] = state
        total += (part.nats(logits, base) - part.nats(logits, ids))[0, 5].exp().item()
    off = torch.sigmoid(-logits[0, 0, 5, 60]).item()
    assert total * off == pytest.approx(1, rel=1e-4)


def test_silent_blocks_are_seen_once():
    part = roll_blocks.blocks_of(torch.from_numpy(Roll().encode(band(4)).astype(np.int64))[None])[0][0, :, 0]
    several = torch.cat([part, torch.full((3, 32, 128), c.OFF), part[:1]])
    some, place = distinct(several)
    assert len(some) == len(part) + 2
    assert (some[place] == several).all()
