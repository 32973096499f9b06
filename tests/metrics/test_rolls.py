"""Measures of blocks of piano rolls, by hand."""

import numpy as np
import pytest

from bandmate.metrics.rolls import clash_rate, distinct_ratio, empty_parts, flooded_parts, mean_pairwise_distance
from bandmate.metrics.undefined import Undefined


def block(*parts: list[int], steps: int = 4) -> np.ndarray:
    """Hold the keys of each part through a block: bool (steps, 5, 128)."""
    roll = np.zeros((steps, 5, 128), bool)
    for part, keys in enumerate(parts):
        roll[:, part, keys] = True
    return roll


def test_clashes_of_two_chords():
    against = block([60, 64, 67], [62, 65, 69])[None]  # C-E-G against D-F-A: five seconds of nine pairs
    assert clash_rate(against) == pytest.approx(5 / 9)
    assert clash_rate(block([60, 64, 67], [48, 76], [36])[None]) == 0
    assert clash_rate(block([60], [], [], [71 + 12])[None]) == 1  # a seventh, with an octave
    assert clash_rate(np.stack([block([60], [61]), block([60], [64])])) == pytest.approx(0.5)


@pytest.mark.parametrize("roll", [block(), block([60, 61]), block([60], [], [], [], [38])])
def test_one_part_alone_and_drums_cannot_clash(roll):
    with pytest.raises(Undefined, match="no two parts"):
        clash_rate(roll[None])


def test_silent_and_flooded_parts():
    rolls = np.stack([block([60], [], [36, 40, 43]), block(list(range(60, 69)), [50])])
    assert empty_parts(rolls).tolist() == [0, 0.5, 0.5, 1, 1]
    assert flooded_parts(rolls).tolist() == [0.5, 0, 0.5, 0, 0]
    assert flooded_parts(rolls, most=(9, 0, 3, 0, 0)).tolist() == [0, 0.5, 0, 0, 0]
    for measure in (empty_parts, flooded_parts):
        with pytest.raises(Undefined, match="no blocks"):
            measure(np.zeros((0, 4, 5, 128), bool))


def test_how_far_blocks_are_apart():
    rolls = np.stack([block([60]), block([60]), block([62]), block([60, 62])])
    assert mean_pairwise_distance(rolls) == pytest.approx((0 + 8 + 4 + 8 + 4 + 4) / 6)
    assert distinct_ratio(rolls) == pytest.approx(3 / 4)
    assert distinct_ratio(rolls, within=4) == pytest.approx(2 / 4)
    assert distinct_ratio(rolls, within=8) == pytest.approx(1 / 4)
    assert mean_pairwise_distance(rolls[:2]) == 0
    for measure in (mean_pairwise_distance, distinct_ratio):
        with pytest.raises(Undefined, match="fewer than two"):
            measure(rolls[:1])
