"""Rhythm: Euclid's by the tables of the literature, the random one by its lists."""

import itertools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandmate.music.rhythm import PRESETS, RHYTHMS, Euclid, RandomRhythm, euclid, even, lay_out, slots_of, stages
from bandmate.settings import UserError


def spelled(*numbers: int) -> str:
    return "".join(map(str, euclid(*numbers)))


@pytest.mark.parametrize(("k", "n", "pattern"), [
    (3, 9, "100100100"), (5, 13, "1001010010100"), (3, 8, "10010010"), (5, 8, "10110110"), (7, 12, "101101011010"),
    (5, 16, "1001001001001000"), (4, 4, "1111"), (0, 3, "000"), (1, 4, "1000"), (1, 1, "1"), (4, 9, "101010100")])
def test_euclid_by_the_table(k, n, pattern):
    assert spelled(k, n) == pattern


def test_the_stages_of_the_slide():
    assert stages(5, 13) == [
        (["1"] * 5, ["0"] * 8), (["10"] * 5, ["0"] * 3), (["100"] * 3, ["10"] * 2), (["10010"] * 2, ["100"])]
    assert [tuple(map(len, stage)) for stage in stages(5, 13)] == [(5, 8), (5, 3), (3, 2), (2, 1)]


@given(st.integers(1, 64).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(-70, 70))
def test_euclid_is_even(numbers, rotation):
    k, n = numbers
    pattern = euclid(k, n)
    assert len(pattern) == n
    assert sum(pattern) == k
    if k:
        assert pattern[0] == 1
        places = np.flatnonzero(pattern)
        gaps = np.diff(places, append=places[0] + n)
        assert gaps.max() - gaps.min() <= 1
    turned = euclid(k, n, rotation)
    assert turned == tuple(pattern[(place + rotation) % n] for place in range(n))


def test_what_is_no_rhythm_is_said():
    with pytest.raises(UserError, match=r"E\(9, 8\) does not exist"):
        Euclid(onsets=9, places=8)
    with pytest.raises(UserError, match="did you mean 'tresillo'"):
        Euclid.parse("tresilo")
    with pytest.raises(UserError, match="no notes to play"):
        Euclid(onsets=0).slots(4)
    with pytest.raises(UserError, match="notes is 5 to 2"):
        RandomRhythm(notes=(5, 2))
    with pytest.raises(UserError, match="not longer than nothing"):
        RandomRhythm(steps=(0.0,))
    with pytest.raises(UserError, match="ends after 1 of 4 quarters"):
        slots_of([(1, 1)], 4)
    with pytest.raises(UserError, match="must be above 0"):
        slots_of([(0, 1)], 4)


def test_names_and_numbers():
    assert Euclid.parse("Tresillo").pattern() == euclid(3, 8)
    assert Euclid.parse("5/13+2").pattern() == euclid(5, 13, 2)
    assert Euclid.parse("cinquillo", step=0.5).step == 0.5
    assert all(sum(euclid(*numbers)) == numbers[0] for numbers in PRESETS.values())


def test_slots_of_euclid_last_to_the_next_and_are_accented():
    slots = Euclid.parse("tresillo").slots(4)
    assert slots[:, 0].tolist() == [0, 0.75, 1.5, 2, 2.75, 3.5]
    assert slots[:, 1].tolist() == [0.75, 0.75, 0.5, 0.75, 0.75, 0.5]
    assert slots[:, 2].tolist() == [105, 85, 85] * 2
    assert Euclid.parse("tresillo", accents=2).slots(4)[:, 2].tolist() == [105, 85] * 3


def test_drawn_euclids_differ_and_come_again():
    drawn = [Euclid.draw(np.random.default_rng(seed)) for seed in range(30)]
    assert len(set(map(str, drawn))) > 20
    assert drawn == [Euclid.draw(np.random.default_rng(seed)) for seed in range(30)]
    assert all(rhythm.places / 4 <= rhythm.onsets <= 3 * rhythm.places / 4 for rhythm in drawn)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_random_rhythm_keeps_to_its_lists(seed, quarters):
    rhythm = RandomRhythm()
    slots = rhythm.slots(quarters, seed)
    assert (slots == rhythm.slots(quarters, seed)).all()
    assert slots[0, 0] == 0
    steps = np.diff(slots[:, 0])
    assert set(steps) <= set(rhythm.steps)
    free = (slots[:, 0] + 4 < quarters)[:-1]
    assert set((slots[:-1, 1] - steps)[free]) <= set(rhythm.extensions)
    assert (slots[:, 0] + slots[:, 1]).max() <= quarters
    assert slots[-1, 0] < quarters


def test_random_rhythm_repeats_its_figures():
    rhythm = RandomRhythm(notes=(3, 3), repeats=(2, 2), steps=(0.5, 1, 1.5, 2, 2.5, 3))
    notes = list(itertools.islice(rhythm.draw(np.random.default_rng(1)), 60))
    for first in range(0, 60, 6):
        assert notes[first:first + 3] == notes[first + 3:first + 6]
    assert any(notes[first:first + 3] != notes[first + 6:first + 9] for first in range(0, 48, 6))


def test_pitches_are_laid_out_in_slots():
    notes = lay_out([[60], [62, 65], [64]], Euclid.parse("tresillo").slots(4), 12, program=7)
    assert notes.tolist() == [[0, 9, 60, 105, 7], [9, 9, 62, 85, 7], [9, 9, 65, 85, 7], [18, 6, 64, 85, 7]]
    assert lay_out([[60]] * 9, even(2), 12)[:, 0].tolist() == [0, 6, 12, 18]
    assert lay_out([], even(2), 12).shape == (0, 5)


def test_learnt_rhythm_is_any_row_of_times():
    slots = slots_of(itertools.cycle([(1, 2), (0.5, 0.5)]), 4)
    assert slots[:, :2].tolist() == [[0, 2], [1, 0.5], [1.5, 2], [2.5, 0.5], [3, 1]]


@pytest.mark.parametrize("name", RHYTHMS)
def test_every_rhythm_by_name_fills_the_time(name):
    for seed in range(20):
        slots = RHYTHMS[name](16, seed)
        assert all(first < second for first, second in pairwise(slots[:, 0].tolist()))
        assert slots[0, 0] < 4
        assert (slots[-1, 0] + slots[-1, 1]) > 12
        assert (slots[:, 1] > 0).all()
