"""Repetition, by hand and against the plain definition."""

from itertools import combinations

import numpy as np
import pytest
from music_made_here import band, drums_only, one_note, piece_of

from bandmate.metrics import structure
from bandmate.metrics.undefined import Undefined


def bars_of(*chords):
    """One bar of 4/4 for each chord of pitches, struck on the first beat."""
    return piece_of({0: [(4 * bar, 1, pitch, 90) for bar, chord in enumerate(chords) for pitch in chord]})


def test_entropy_of_bars_and_phrases():
    piece = bars_of([60, 72], [60, 62], [60, 62, 64, 65], [60])
    assert structure.h1(piece) == pytest.approx((0 + 1 + 2 + 0) / 4)
    histogram = np.array([5, 2, 1, 1]) / 9
    assert structure.h4(piece) == pytest.approx(-(histogram * np.log2(histogram)).sum())
    assert structure.window_entropy(piece, 9) == structure.h4(piece)  # shorter than the window: one window


def test_windows_slide_and_silence_is_left_out():
    piece = bars_of([60], [], [], [62], [62])
    assert structure.window_entropy(piece, 2) == 0  # the window of silence has no entropy, the others one pitch class
    assert structure.h4(piece) == pytest.approx((1 + 0) / 2)


def test_a_note_counts_where_it_starts():
    held = piece_of({0: [(0, 4, 60, 90), (4, 4, 62, 90)]})  # ends on the bar line
    assert structure.h1(held) == 0


def test_grooving_similarity_by_hand():
    piece = piece_of({0: [(0, 1, 60, 90), (4, 1, 60, 90), (9, 1, 60, 90)]})
    assert structure.grooving_similarity(piece) == pytest.approx((1 + 2 * (1 - 2 / 64)) / 3)
    assert structure.grooving_similarity(band()) == 1
    with_drums = piece_of({0: [(0, 1, 60, 90), (4, 1, 60, 90)], 128: [(1, 0.25, 36, 90)]})
    assert structure.grooving_similarity(with_drums) == pytest.approx(1 - 1 / 64)


def test_grooving_similarity_is_the_mean_over_all_pairs():
    draw = np.random.default_rng(3)
    struck = draw.random((7, 16)) < 0.3
    struck[0, 0] = struck[-1, 0] = True
    piece = piece_of({0: [(4 * bar + step / 4, 0.25, 60, 90) for bar, step in np.argwhere(struck).tolist()]})
    pairs = [1 - (struck[a] != struck[b]).sum() / 64 for a, b in combinations(range(7), 2)]
    assert structure.grooving_similarity(piece) == pytest.approx(np.mean(pairs))


def test_only_bars_of_one_length_are_compared():
    piece = piece_of({0: [(0, 1, 60, 90), (4, 1, 60, 90), (8, 1, 60, 90)]}, {0: (4, 4), 4: (3, 4), 7: (4, 4)})
    assert structure.grooving_similarity(piece) == pytest.approx(1 - 2 / 64)
    with pytest.raises(Undefined, match="no two bars of one length"):
        structure.grooving_similarity(one_note())


def test_self_similarity():
    piece = bars_of([60, 64], [72, 64], [65, 69], [60, 69], [], [], [60])
    table = structure.self_similarity(piece)
    assert table.shape == (7, 7)
    assert np.allclose(table, table.T)
    assert np.allclose(np.diag(table), 1)
    assert table[0, 1] == pytest.approx(1)  # an octave higher
    assert table[0, 2] == 0
    assert table[0, 3] == pytest.approx(0.5)
    assert (table[4, 5], table[4, 0]) == (pytest.approx(1), 0)  # silence is like silence alone
    assert structure.self_similarity(drums_only()).tolist() == [[pytest.approx(1)]]


@pytest.mark.parametrize("measure", [structure.h1, structure.h4])
@pytest.mark.parametrize("piece", [piece_of({}), drums_only()], ids=["empty", "drums"])
def test_entropy_needs_pitches(measure, piece):
    with pytest.raises(Undefined, match="no pitched notes"):
        measure(piece)


@pytest.mark.parametrize("measure", [structure.grooving_similarity, structure.self_similarity])
def test_rhythm_needs_notes(measure):
    with pytest.raises(Undefined, match="no notes"):
        measure(piece_of({}))
