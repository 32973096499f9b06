"""Shared words: the published fixture, and counts by hand."""

from collections import Counter

import numpy as np
import pytest
from music_made_here import band, drums_only, one_note, piece_of

from bandmate.metrics import ngrams
from bandmate.metrics.undefined import Undefined
from bandmate.settings import UserError

REFERENCE = "the cat sat on the mat and the dog sat on the cat".split()


def test_the_published_fixture():
    assert ngrams.blend([1, 0.883, 0.591, 0.320, 0.230, 0.205, 0.181, 0.162, 0.137]) == pytest.approx(0.2578, abs=5e-5)
    assert sum(ngrams.MAIA_WEIGHTS) == pytest.approx(1)


def test_a_copy_is_one_and_a_stranger_is_small():
    assert ngrams.bleu(REFERENCE, [REFERENCE]) == pytest.approx(1)
    assert ngrams.bleu(REFERENCE[:4], [REFERENCE[:4]]) == pytest.approx(1)  # shorter than nine words
    strange = [str(n) for n in range(100)]
    assert 0 < ngrams.bleu(strange, [REFERENCE * 10]) < 0.01
    assert ngrams.bleu(strange, [REFERENCE * 10], smoothing=0) == 0


def test_precision_is_clipped_by_one_reference():
    counts = ngrams.Counts([["a", "b", "a"], ["a", "c"]], orders=2)
    assert counts.matches(["a", "a", "a", "c"]) == [(3, 4), (1, 3)]  # a at most twice, never three times; "a c" once
    assert ngrams.bleu(["a", "a", "a", "c"], counts, [1, 1]) == pytest.approx(np.exp(0.5 * np.log(3 / 4 * 1 / 3)))


def test_short_music_is_penalised():
    assert ngrams.bleu(list("abcd"), [list("abcdefgh")], [1, 1]) == pytest.approx(np.exp(1 - 8 / 4))
    assert ngrams.bleu(list("abcd"), [list("abcdefgh"), list("abxx")], [1, 1]) == pytest.approx(1)  # the nearest length counts
    assert ngrams.bleu(list("abcd"), ngrams.Counts([list("abcdefgh")], cut=4), [1, 1]) == pytest.approx(1)


def test_the_table_counts_like_a_dictionary():
    draw = np.random.default_rng(5)
    texts = [draw.integers(0, 4, length).tolist() for length in (0, 3, 40, 60)]
    counts = ngrams.Counts(texts, orders=4)
    text = draw.integers(0, 5, 50).tolist()
    for order in range(1, 5):
        grams = [Counter(tuple(each[at:at + order]) for at in range(len(each) - order + 1)) for each in [text, *texts]]
        expected = sum(min(count, max(known[gram] for known in grams[1:])) for gram, count in grams[0].items())
        assert counts.matches(text)[order - 1] == (expected, len(text) - order + 1)
        assert counts.distinct()[order - 1] == len(set().union(*grams[1:]))


def test_cumulative():
    assert ngrams.cumulative(REFERENCE, [REFERENCE]) == pytest.approx([1] * 9)
    assert ngrams.cumulative(list("abxc"), [list("abcc")], orders=2) == pytest.approx([3 / 4, np.sqrt(3 / 4 * 1 / 3)])
    assert len(ngrams.cumulative(list("abc"), [list("abcd")])) == 3
    falling = ngrams.cumulative(list("abcabd"), [list("abcdab")])
    assert falling == sorted(falling, reverse=True)


def test_no_words_no_references():
    with pytest.raises(Undefined, match="no words"):
        ngrams.bleu([], [REFERENCE])
    with pytest.raises(Undefined, match="no words"):
        ngrams.cumulative([], [REFERENCE])
    for nothing in ([], [[]]):
        with pytest.raises(Undefined, match="no references"):
            ngrams.bleu(REFERENCE, nothing)
    with pytest.raises(Undefined, match="text too short"):
        ngrams.bleu(["the"], [REFERENCE])  # a single word has no weight
    with pytest.raises(UserError, match="count them with orders=9"):
        ngrams.bleu(REFERENCE, ngrams.Counts([REFERENCE], orders=4))


def test_words_of_a_piece():
    assert ngrams.words(one_note()) == ["p60", "wait12", "endp60"]
    assert ngrams.words(piece_of({})) == []
    assert ngrams.words(drums_only())[:3] == ["d36", "wait12", "d38"]
    repeated = piece_of({0: [(0, 0.5, 64, 90), (0, 0.5, 60, 90), (0.5, 1, 60, 90)]})
    assert ngrams.words(repeated) == ["p60", "p64", "wait6", "endp60", "endp64", "p60", "wait12", "endp60"]
    assert ngrams.words(one_note(61)) != ngrams.words(one_note(60))
    held = ngrams.words(piece_of({0: [(0, 4, 60, 90)]}))
    assert held == ["p60", "wait25", "wait23", "endp60"]


def test_a_piece_that_comes_back_is_a_copy():
    assert ngrams.bleu(ngrams.words(band()), [ngrams.words(band(8))]) < 1  # shorter
    assert ngrams.bleu(ngrams.words(band()), ngrams.Counts([ngrams.words(band())])) == pytest.approx(1)
