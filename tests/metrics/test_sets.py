"""Sets of pieces: features by hand, curves against closed forms."""

import numpy as np
import pytest
from music_made_here import band, drums_only, one_note, piece_of

from bandmate.metrics import sets
from bandmate.metrics.undefined import Undefined


def random_pieces(count, seed, highest=72):
    draw = np.random.default_rng(seed)
    return [piece_of({0: [(n / 2, float(draw.choice([0.25, 0.5])), int(draw.integers(60, highest)), 90) for n in range(24)]})
            for _ in range(count)]


def test_features_by_hand():
    found = sets.features(piece_of({0: [(0, 2, 60, 90), (2, 1, 64, 90), (3, 1, 60, 90)], 128: [(0.5, 0.25, 36, 90)]}))
    assert set(found) == set(sets.FEATURES)
    assert found["pitch count"] == 2
    assert found["pitch range"] == 4
    assert found["mean interval"] == 4
    assert found["note count"] == 4  # with the drum
    assert found["mean inter-onset interval"] == 1  # 0, 1/2, 2, 3
    assert found["pitch-class histogram"][[0, 4]].tolist() == [0.75, 0.25]  # by duration
    transitions = found["pitch-class transitions"]
    assert (transitions[0, 4], transitions[4, 0], transitions.sum()) == (0.5, 0.5, 1)
    half, quarter = 1, 2
    assert found["note-length histogram"][[half, quarter]] == pytest.approx([1 / 3, 2 / 3])
    assert found["note-length transitions"][half, quarter] == found["note-length transitions"][quarter, quarter] == 0.5
    assert found["pitch count by bar"].tolist() == [2] + [0] * 7
    assert found["note count by bar"].tolist() == [4] + [0] * 7
    assert found["pitch-class histogram by bar"].shape == (8, 12)
    assert found["pitch-class histogram by bar"].sum() == 1


def test_parts_have_transitions_of_their_own():
    found = sets.features(piece_of({0: [(0, 1, 60, 90), (2, 1, 62, 90)], 40: [(1, 1, 80, 90), (3, 1, 80, 90)]}))
    assert found["mean interval"] == 1


def test_features_of_little_music():
    assert sets.features(piece_of({})) == {}
    assert {"note count", "mean inter-onset interval", "note count by bar"} == set(sets.features(drums_only()))
    alone = sets.features(one_note())
    assert not {"mean interval", "mean inter-onset interval", "pitch-class transitions", "note-length transitions"} & set(alone)
    assert alone["pitch range"] == 0
    long = sets.features(band(12))
    assert long["note count by bar"].shape == (8,)


def test_distances():
    values = np.array([0.0, 3.0, 4.0])
    assert sorted(sets.within(values)) == [1, 1, 3, 3, 4, 4]
    assert sets.between(values, np.array([1.0])).tolist() == [1, 2, 3]
    assert sets.between(np.array([[[3.0], [4.0]]]), np.zeros((2, 2, 1))).tolist() == [5, 5]


def test_density_is_scotts():
    samples = np.random.default_rng(1).normal(5, 2, 300)
    points = np.linspace(-5, 15, 1000)
    width = 300 ** -0.2 * samples.std(ddof=1)
    exact = np.exp(-0.5 * ((points[:, None] - samples) / width) ** 2).sum(axis=1) / (300 * width * np.sqrt(2 * np.pi))
    assert np.abs(sets.density(samples, points, 0) - exact).max() < 1e-3 * exact.max()


def test_likeness_of_known_curves():
    draw = np.random.default_rng(2)
    same = draw.normal(10, 1, 4000)
    assert sets.likeness(same, same) == (pytest.approx(0, abs=1e-9), pytest.approx(1, abs=1e-9))
    moved = sets.likeness(same, draw.normal(11, 1, 4000))
    assert moved.divergence == pytest.approx(0.5, abs=0.08)  # of two normal curves one deviation apart
    assert moved.overlap == pytest.approx(0.617, abs=0.03)
    far = sets.likeness(same, same + 1000)
    assert far.overlap == pytest.approx(0, abs=1e-6)
    assert np.isfinite(far.divergence)


def test_distances_that_are_all_equal():
    assert sets.likeness(np.zeros(6), np.zeros(6)) == (pytest.approx(0), pytest.approx(1))
    apart = sets.likeness(np.zeros(6), np.ones(6))
    assert apart.overlap < 1e-3
    assert np.isfinite(apart.divergence)


def test_compare_tells_like_from_unlike():
    real, more, high = random_pieces(12, 1), random_pieces(12, 2), random_pieces(12, 3, highest=100)
    assert sets.mean_overlap(more, real) > sets.mean_overlap(high, real) + 0.1
    found = sets.compare(high, real)
    assert found["pitch range"].overlap < 0.2
    assert all(0 <= each.overlap <= 1 and each.divergence >= 0 for each in found.values())
    assert found == sets.compare(high, real)


def test_pieces_without_a_feature_are_left_out():
    found = sets.compare([*random_pieces(3, 1), drums_only()], [*random_pieces(3, 2), drums_only()])
    assert set(found) == set(sets.FEATURES)
    drums = sets.compare([drums_only(), drums_only()], random_pieces(3, 2))
    assert set(drums) == {"note count", "mean inter-onset interval", "note count by bar"}


def test_sets_that_are_too_small():
    for pieces, real in (([one_note()], [one_note()] * 2), ([one_note()] * 2, [one_note()]), ([], [])):
        with pytest.raises(Undefined, match="fewer than two pieces"):
            sets.compare(pieces, real)
    with pytest.raises(Undefined, match="no feature in common"):
        sets.mean_overlap([piece_of({})] * 2, [one_note()] * 2)
