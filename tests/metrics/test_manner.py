"""The traits of music: what they see, what they do not see, and where they have no value."""

import numpy as np
import pytest
from music_made_here import band, changing_metre, drums_only, one_note, piece_of

from bandmate.metrics.manner import PITCH_CLASSES, TRAITS, manner, stretches
from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import to_grid


def traits(piece) -> dict[str, np.ndarray]:
    ends = np.cumsum([*TRAITS.values()])
    return dict(zip(TRAITS, np.split(manner(to_grid(piece, 24)), ends[:-1]), strict=True))


def test_by_hand():
    notes = [(0, 1, 60, 127), (1, 1, 64, 127), (2, 2, 67, 127), (2, 2, 48, 127)]  # C E G over C
    found = traits(piece_of({0: notes}, tempo=240))
    assert dict(enumerate(found["pitch classes above the tonic"])) == pytest.approx(
        {**dict.fromkeys(range(12), 0), 0: 3 / 6, 4: 1 / 6, 7: 2 / 6})
    assert found["minor"] == 0
    assert found["bass above the tonic"][[0, 4]] == pytest.approx([2 / 3, 1 / 3])
    assert found["steps of melodies"][[12 + 4, 12 + 3]] == pytest.approx([0.5, 0.5])
    assert found["intervals above the lowest"][7] == 1
    assert found["places in the bar"][[0, 4, 8]] == pytest.approx([0.25, 0.25, 0.5])
    assert found["places in the beat"][0] == 1
    assert found["who plays"].tolist() == [1] + [0] * 16
    assert not found["drums in the bar"].any()
    assert found["metre"].tolist() == [1, 0, 0, 0, 0]
    assert found["loudness"] == pytest.approx([1, 0, 1 / 16])
    assert found["character"] == pytest.approx([np.log2(4 / 4), np.log2(3 / 4), np.log2(6 / 4), (59.75 - 60) / 12])
    assert found["tempo"] == 1


def test_another_key_has_the_same_manner_but_for_the_register():
    low, high = (traits(piece_of({0: [(n / 2, 0.5, root + step, 80) for n, step in enumerate((0, 4, 7, 5, 4, 2, 0, 11))]}))
                 for root in (60, 65))
    for name in TRAITS:
        assert np.allclose(low[name], high[name]) == (name not in ("character", "compass")), name


@pytest.mark.parametrize("piece", [band(), drums_only(), one_note(), changing_metre()])
def test_all_are_numbers_and_histograms_sum_to_one_or_nothing(piece):
    for name, values in traits(piece).items():
        assert np.isfinite(values).all()
        if TRAITS[name] > 5 and name != "who plays":
            assert values.sum() == pytest.approx(1) or not values.any()


def test_drums_have_no_pitch():
    assert not manner(to_grid(drums_only(), 24))[PITCH_CLASSES].any()


def test_silence_has_no_manner():
    silence = piece_of({0: []})
    assert stretches(silence, 8) == []
    with pytest.raises(Undefined, match="no notes"):
        manner(to_grid(silence, 24))


def test_pieces_are_cut_at_bar_lines():
    cut = stretches(band(11), 4)
    assert [len(stretch.bars) for stretch in cut] == [4, 4]
    assert all(stretch.end == 4 * 96 and stretch.notes[0, 0] == 0 for stretch in cut)
    assert [len(stretch.bars) for stretch in stretches(band(3), 4)] == [3]
    assert len(stretches(band(40), 4, most=3)) == 3
    gap = piece_of({0: [(0, 1, 60, 80), (40, 1, 60, 80), (47, 9, 60, 80), (50, 1, 64, 80)]})
    assert [stretch.notes[:, :2].tolist() for stretch in stretches(gap, 4)] == [
        [[0, 24]], [[8 * 24, 24], [15 * 24, 24]]]  # two quiet stretches are left out; a note ends with its stretch
    assert np.array_equal(manner(cut[0]), manner(to_grid(band(4), 24)))
