"""Drawing: only what is allowed, as freely as asked, the same from the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from music_made_here import table

from bandmate.codecs.bars import BAR, Bars
from bandmate.families.bands import Bands, BandsConfig
from bandmate.model import Options
from bandmate.sampling import Dice, chances, write

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1]))


@pytest.fixture(scope="module")
def model() -> Bands:
    torch.manual_seed(1)
    return Bands(BandsConfig(width=16, layers=1, heads=1, head_width=16, hidden=24, context=64), Bars()).eval()


@pytest.mark.parametrize(("options", "expected"), [
    ({"top_p": 1}, [0.5, 0.25, 0.15, 0.1]),
    ({"temperature": 0}, [1, 0, 0, 0]),
    ({"top_p": 1, "top_k": 1}, [1, 0, 0, 0]),
    ({"top_p": 1, "top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
    ({"top_p": 0.5}, [1, 0, 0, 0]),
    ({"top_p": 0.8}, [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]),
    ({"top_p": 1, "min_p": 0.4}, [2 / 3, 1 / 3, 0, 0]),
    ({"top_p": 1, "temperature": 0.5}, np.array([0.25, 0.0625, 0.0225, 0.01]) / 0.345),
])
def test_chances_by_hand(options, expected) -> None:
    np.testing.assert_allclose(chances(LOGITS, Options(**options)), expected, atol=1e-12)


def test_draws_follow_the_chances_and_the_mask() -> None:
    dice = Dice(Options(variants=64, top_p=1))
    logits, allowed = torch.from_numpy(np.tile(LOGITS, (64, 1))), np.tile([True, False, True, True], (64, 1))
    drawn = torch.cat([dice.draw(logits, allowed) for _ in range(60)])
    shares = np.bincount(drawn.numpy(), minlength=4) / len(drawn)
    assert shares[1] == 0
    np.testing.assert_allclose(shares, [0.5 / 0.75, 0, 0.15 / 0.75, 0.1 / 0.75], atol=0.03)


def test_temperature_nothing_takes_the_likeliest_that_is_allowed() -> None:
    dice = Dice(Options(temperature=0))
    assert dice.draw(torch.from_numpy(LOGITS[None]), np.array([[False, False, True, True]])).tolist() == [2]


def test_a_variant_is_the_same_alone_and_among_others(model) -> None:
    request = {"bars": 2, "instruments": ("piano", "flute")}
    among = model.generate(Options(**request, seed=3, variants=3))
    alone = [model.generate(Options(**request, seed=3 + n))[0] for n in range(3)]
    assert [table(piece) for piece in among] == [table(piece) for piece in alone]
    assert len({str(table(piece)) for piece in alone}) == 3


def test_a_piece_longer_than_the_memory_still_has_its_bars(model) -> None:
    options = Options(bars=24, instruments=("piano", "bass"), drums=True, variants=2, seed=2)
    streams = write(model, model.codec.grammar(options, 2), options)
    for ids in streams:
        assert len(ids) > 2 * model.config.context
        assert (ids[:, 0] == BAR).sum() == 24
