"""Leaning: words about character move what is written, and never past a limit."""

import numpy as np
import pytest
import torch

from bandmate.codecs import bars as b
from bandmate.codecs.bars import Bars
from bandmate.codecs.bars_lean import leaning, middle
from bandmate.families.bands import Bands
from bandmate.music.character import BORDERS, level
from bandmate.music.request import Request
from bandmate.obedience.learnt import levels_of

SHAPE = {"width": 32, "layers": 1, "heads": 2, "head_width": 16, "hidden": 48, "context": 256}


@pytest.mark.parametrize("name", BORDERS)
def test_the_middle_of_a_level_lies_in_it(name):
    assert [level(name, middle(name, asked)) for asked in range(1, 9)] == list(range(1, 9))


@pytest.mark.parametrize(("word", "low", "high"), [("density", 1, 7), ("tessitura", 2, 7), ("loudness", "2", "7")])
def test_a_model_that_has_learnt_nothing_follows(word, low, high):
    torch.manual_seed(0)
    model = Bands(Bands.Config(**SHAPE), Bars()).eval()
    few, many = (levels_of(model.generate(model.Options(bars=4, instruments=["piano"], seed=1, **{word: wish}))[0])[word]
                 for wish in (low, high))
    assert many - few >= 2


def test_nobody_leans_who_was_not_asked_to():
    assert leaning(Request(bars=2)) is None
    grammar = Bars().grammar(Request(bars=2), 1)
    assert grammar.lean(0, np.zeros((1, 3), int)) is None


def test_loud_notes_are_likelier_where_loudness_is_asked_for():
    lean = leaning(Request(loudness="2-7"))
    early, late = np.zeros(b.Bars().sizes[2]), np.zeros(b.Bars().sizes[2])
    lean.how(0, 0.0, early)
    lean.how(0, 0.9, late)
    assert early[1:1 + b.VELOCITIES].argmax() == 1
    assert late[1:1 + b.VELOCITIES].argmax() == 6
