"""The character of music in levels, by hand."""

import numpy as np
import pytest

from bandmate.music.character import BORDERS, LEVELS, level, loudness, measures


def of(*notes, steps=96):
    start, duration, pitch, family = np.array(notes, np.int64).reshape(-1, 4).T
    return measures(start, duration, pitch, family, 24, steps)


def test_four_quarters_of_one_voice():
    found = of(*((24 * beat, 24, 60 + beat, 0) for beat in range(4)))
    assert found == {"density": 1, "busyness": 1, "polyphony": 1, "tessitura": 61.5}


def test_chords_are_dense_but_not_busy():
    found = of((0, 48, 60, 0), (0, 48, 64, 0), (48, 24, 67, 0))
    assert found == {"density": 0.75, "busyness": 0.5, "polyphony": pytest.approx((2 * 48 + 24) / 72), "tessitura": 191 / 3}


def test_drums_have_no_register_and_no_polyphony():
    assert of((0, 6, 36, 16), (24, 6, 38, 16)) == {"density": 0.5, "busyness": 0.5}
    assert of((0, 6, 36, 16), (0, 24, 60, 0))["polyphony"] == 1


def test_nothing_has_no_character():
    assert of() == {}
    assert of((0, 24, 60, 0), steps=0) == {}
    assert loudness(np.zeros(0), np.zeros(0), 96) is None


@pytest.mark.parametrize("name", BORDERS)
def test_levels_rise_from_one_to_eight(name):
    borders = BORDERS[name]
    assert list(borders) == sorted(borders)
    assert [level(name, value) for value in (borders[0] - 0.1, borders[0], borders[-1] - 0.1, borders[-1])] == [
        1, 2, LEVELS - 1, LEVELS]


def test_loudness_of_two_halves():
    start, velocity = np.array([0, 24, 48, 72]), np.array([30, 30, 90, 105])
    assert loudness(start, velocity, 96) == (2, 6)
    assert loudness(start[:2], velocity[:2], 96) == (2, 2)
    assert loudness(start, np.full(4, 127), 96) == (8, 8)
    assert loudness(start, np.full(4, 1), 96) == (1, 1)
