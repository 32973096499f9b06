"""Concord: what a part hears of the tones of others."""

import pytest
import torch

from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll
from bandmate.families.concord import HALF_BAR, QUICKLY, Concord, tones
from bandmate.families.harmony_cnn import HarmonyCnn
from bandmate.families.vae import Vae


def keys(*played: tuple[int, int, int]) -> torch.Tensor:
    """Return keys that sound, bool (1, 2, 8, 128), of (part, step, key)."""
    sounds = torch.zeros(1, 2, 8, 128, dtype=torch.bool)
    for part, step, key in played:
        sounds[0, part, step, key] = True
    return sounds


def test_tones_of_all_parts_and_octaves_are_one():
    heard = tones(keys((0, 0, 60), (1, 0, 72), (1, 0, 67), (0, 3, 127)))
    assert heard.shape == (1, 8, 12)
    assert heard[0].nonzero().tolist() == [[0, 0], [0, 7], [3, 7]]


def test_a_key_is_leant_to_by_its_distance_from_what_sounds():
    concord = Concord(1)
    with torch.no_grad():
        concord.fitting[0, 0, 7] = 1.0  # a fifth above what sounds now
        concord.fitting[0, 1, 1] = -1.0  # a semitone above what sounds in the half bar
    lean = concord(keys((0, 1, 62))).detach()[0, 0] / QUICKLY  # a D
    assert lean[1, 69] == lean[1, 57] == pytest.approx(1.0)  # every A, while it sounds
    assert lean[1, 63] == lean[3, 51] == pytest.approx(-1.0)  # every E flat, for half a bar
    assert not lean[HALF_BAR:].any()
    assert (lean.abs() > 0).sum() == 10 + HALF_BAR * 11  # the ten As, and the eleven E flats


@pytest.mark.parametrize("family", [Vae, HarmonyCnn])
def test_parts_hear_those_before_them_alone(family):
    model = family(family.Config(width=4), Roll())
    with torch.no_grad():
        for concord in model.concord:
            concord.fitting[:, 0, 0] = 1.0
    block = torch.full((1, len(c.PARTS), c.BLOCK, c.KEYS), c.OFF)
    block[0, 1, 0, 40] = c.ONSET  # the guitar
    sounds = block >= c.ONSET if isinstance(model, Vae) else block
    shape = (1, 2, c.BLOCK, c.KEYS) if isinstance(model, Vae) else (1, c.BLOCK, c.KEYS, 2)
    changed = [bool(model.leaned(part, torch.zeros(shape), sounds).any()) for part in range(len(c.PARTS))]
    assert changed == [False, False, True, True, False]  # bass and strings; no drums


def test_the_faithful_ones_hear_nothing():
    assert not len(Vae(Vae.Config(**Vae.SIZES["faithful"].config), Roll()).concord)
    assert not len(HarmonyCnn(HarmonyCnn.Config(**HarmonyCnn.SIZES["original"].config), Roll()).concord)
