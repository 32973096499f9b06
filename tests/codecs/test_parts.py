"""What ids have in common: each codec that tells it, and no id with what it has not."""

import numpy as np
import pytest
from music_made_here import band, piece_of

from bandmate.codecs import make_codec
from bandmate.codecs.learnt import in_columns, with_words_of

CHORDS = piece_of({0: [(0, 1, 60, 90), (1, 1, 60, 90), (1, 1, 64, 90), (2, 1, 72, 90), (3, 1, 64, 90)]})


def codec_of(name):
    return with_words_of(make_codec(name), [band(2), CHORDS])


def shared(parts, one, other):
    """Return the numbers, 0 apart, that two ids have in common."""
    return ({*parts[one].tolist()} & {*parts[other].tolist()}) - {0}


@pytest.mark.parametrize("name", ["notewise", "names", "intervals", "chordwise", "ngrams", "bpe"])
def test_there_is_a_row_an_id_and_some_have_something_in_common(name):
    codec = codec_of(name)
    parts = codec.parts(0)
    assert len(parts) == codec.sizes[0]
    assert parts.min() == 0
    numbers, counts = np.unique(parts, return_counts=True)
    assert counts[numbers > 0].max() > 1
    assert not parts[:2].any() or name in ("ngrams", "bpe")  # padding and the beginning share with nobody
    assert make_codec(name).parts(0) is None or name in ("notewise", "ngrams", "bpe")  # without words, nothing to tell


def test_steps_of_the_same_kind_share():
    codec = codec_of("intervals")
    at = {word: codec.first + number for number, word in enumerate(codec.config.words)}
    parts = codec.parts(0)
    assert shared(parts, at["0"], at["0,4"]) == {1 + 128, 1 + 512 + 0}  # their first step, and its class
    strangers = [word for word, step in enumerate(codec.steps, codec.first) if all(note % 12 for note in step)]
    assert strangers
    assert not any(shared(parts, at["0"], word) for word in strangers)
    assert not parts[:codec.first].any()


def test_what_is_struck_and_what_is_held_share_with_their_like():
    codec = codec_of("chordwise")
    at = {word: number for number, word in enumerate(codec.words(np.arange(codec.sizes[0])[:, None]))}
    parts = codec.parts(0)
    assert len(shared(parts, at["p27"], at["p27 p31"])) == 2  # C4, and any C
    assert len(shared(parts, at["p27"], at["p39"])) == 1  # any C
    assert not shared(parts, at["p27"], at["h27"])


@pytest.mark.parametrize("name", ["ngrams", "bpe"])
def test_groups_share_their_words(name):
    codec = codec_of(name)
    parts = codec.parts(0)
    for number, group in enumerate(codec.groups[:20], codec.single):
        for word in group:
            assert shared(parts, number, word)


def test_lists_in_columns():
    assert in_columns([[1, 2], [], [3]]).tolist() == [[1, 2], [0, 0], [3, 0]]
    assert in_columns([]).shape == (0, 0)
