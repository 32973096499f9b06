"""Leaning: words about character move what is written, and never past a limit."""

import numpy as np
import pytest
import torch
from music_made_here import piece_of

from bandmate.codecs import bars as b
from bandmate.codecs.bars import Bars
from bandmate.codecs.bars_lean import IMPATIENCE, MOST_IMPATIENT, RARE_DRUM, leaning, middle, resting
from bandmate.codecs.bars_plan import Plan
from bandmate.codecs.bars_stream import rests
from bandmate.families.bands import Bands
from bandmate.music.character import BORDERS, level
from bandmate.music.instruments import DRUM_CLASS
from bandmate.music.request import Request
from bandmate.obedience.learnt import levels_of

SHAPE = {"width": 32, "layers": 1, "heads": 2, "head_width": 16, "hidden": 48, "context": 256}


@pytest.mark.parametrize("name", BORDERS)
def test_the_middle_of_a_level_lies_in_it(name):
    assert [level(name, middle(name, asked)) for asked in range(1, 9)] == list(range(1, 9))


@pytest.mark.parametrize(("word", "low", "high"), [("tessitura", 2, 7), ("loudness", "2", "7")])
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
    assert grammar.lean(2, np.zeros((1, 3), int)) is None


def test_pitches_that_nobody_writes_are_leant_away_from():
    [row] = Bars().grammar(Request(bars=2), 1).lean(1, np.zeros((1, 3), int))
    guitar, drums = b.NOTES + 3 * 128, b.NOTES + 16 * 128
    assert (row[[guitar + 40, guitar + 86, drums + 36, drums + 42]] == 0).all()
    assert row[drums + 52] == -RARE_DRUM  # a china cymbal
    assert (row[[guitar + 87, guitar + 31, guitar + 120]] == [-1, -2, -8]).all()


def test_loud_notes_are_likelier_where_loudness_is_asked_for():
    lean = leaning(Request(loudness="2-7"))
    early, late = np.zeros(b.Bars().sizes[2]), np.zeros(b.Bars().sizes[2])
    lean.how(0, 0.0, early)
    lean.how(0, 0.9, late)
    assert early[1:1 + b.VELOCITIES].argmax() == 1
    assert late[1:1 + b.VELOCITIES].argmax() == 6


@pytest.mark.parametrize(("asked", "sooner"), [(8, True), (1, False)])
def test_where_notes_are_missing_the_next_comes_sooner(asked, sooner):
    lean = leaning(Request(density=asked))
    bar = Plan.new(4, 0).todo[0]
    lean.begin(bar)
    for position in (0, 24, 48, 72):  # a note a quarter: too many for level 1, too few for level 8
        for _ in range(1 if sooner else 8):
            lean.play(position, b.NOTES + 60, 5)
    into = np.zeros(Bars().sizes[0])
    lean.when(72, 1, bar.steps, into)
    assert (into[b.POSITION + 72] > into[b.POSITION + 78] > into[b.POSITION + 90]) == sooner
    assert (into[b.POSITION + 78] > into[b.BAR]) == sooner


def test_who_was_named_and_rests_is_called_for():
    called = resting({0: 4, 4: 5, DRUM_CLASS: -1}, 6)
    assert called.shape == (DRUM_CLASS + 1, 1)
    assert called[0, 0] == IMPATIENCE  # silent in bar 5
    assert called[4, 0] == 0  # played in the bar before
    assert called[DRUM_CLASS, 0] == MOST_IMPATIENT  # for six bars
    assert not called[[1, 2, 3]].any()


def test_a_piece_in_which_a_named_part_rests_misses_more():
    codec = Bars()
    stream = codec.encode(piece_of({0: [(quarter, 1, 60, 80) for quarter in range(16)], 33: [(0, 1, 40, 80)]}))
    assert rests(stream, {0}) == 0
    assert rests(stream, {4}) == 3  # the bass plays in the first of four bars
    assert rests(stream, {0, 4, DRUM_CLASS}) == 7
    grammar = codec.grammar(Request(bars=4, instruments=["piano", "bass"]), 1)
    assert grammar.misses(stream) == 3
