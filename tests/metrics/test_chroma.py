"""Likeness of tunes, by hand."""

import numpy as np
import pytest
from music_made_here import drums_only, piece_of

from bandmate.metrics.chroma import chroma, chroma_cosine
from bandmate.metrics.undefined import Undefined
from bandmate.piece import DRUMS


def test_each_pitch_class_counts_for_as_long_as_it_sounds():
    piece = piece_of({0: [(0, 1, 60, 80), (1, 2, 72, 80), (14, 4, 67, 80)], DRUMS: [(0, 1, 38, 80)]})
    found = chroma(piece)
    assert found.shape == (2, 12)
    assert found[0].nonzero()[0].tolist() == [0, 7]
    assert found[0, [0, 7]].tolist() == [72, 48]
    assert found[1, 7] == 48, "a note that is held into the next stretch counts in both"


def test_octave_and_speed_do_not_matter_and_pitch_classes_do():
    one = piece_of({0: [(0, 2, 60, 80), (2, 2, 64, 80)]})
    assert chroma_cosine(one, one) == pytest.approx(1)
    assert chroma_cosine(one, piece_of({40: [(0, 1, 48, 80), (1, 1, 76, 80)]})) == pytest.approx(1)
    assert chroma_cosine(one, piece_of({0: [(0, 2, 60, 80), (2, 2, 65, 80)]})) == pytest.approx(0.5)
    assert chroma_cosine(one, piece_of({0: [(0, 4, 61, 80)]})) == 0


def test_stretches_are_compared_one_by_one_while_both_go_on():
    two = piece_of({0: [(0, 1, 60, 80), (16, 1, 62, 80)]})
    swapped = piece_of({0: [(0, 1, 60, 80), (16, 1, 64, 80), (32, 1, 65, 80)]})
    assert chroma_cosine(two, swapped) == pytest.approx(0.5)
    silent = piece_of({0: [(0, 1, 60, 80), (32, 1, 62, 80)]})
    assert chroma_cosine(two, silent) == pytest.approx(1)
    assert chroma_cosine(swapped, silent, bars=8) == pytest.approx(np.sqrt(0.5) / 2)
    with pytest.raises(Undefined, match="both sound"):
        chroma_cosine(two, drums_only())
