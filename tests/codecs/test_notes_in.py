"""How many notes a row completes: what makes nats a note the same measure in every codec."""

from __future__ import annotations

import numpy as np
import pytest
from music_made_here import piece_of

from bandmate.codecs import CODECS
from bandmate.codecs.learnt import with_words_of

PLAIN = ("bars", "triples", "notewise", "names", "chordwise", "ngrams", "bpe", "intervals")
CHORDS = piece_of({0: [(0, 1, 60, 90), (0, 1, 64, 90), (0, 1, 67, 90), (1, 1, 62, 90), (2, 2, 59, 90), (2, 2, 67, 90)]})


def written(name: str):
    codec = with_words_of(CODECS[name](), [CHORDS])
    return codec, codec.encode(CHORDS)


@pytest.mark.parametrize("name", PLAIN)
def test_every_codec_counts_the_six_notes(name):
    codec, ids = written(name)
    counts = codec.notes_in(ids)
    assert counts.shape == ids.shape[:-1]
    assert counts.sum() == 6
    assert ((counts > 0) == codec.is_note(ids)).all()
    assert (codec.notes_in(np.stack([ids, np.full_like(ids, codec.pad)])).sum(axis=1) == [6, 0]).all()


@pytest.mark.parametrize("name", ["remi", "tsd", "midilike"])
def test_borrowed_codecs_count_them_too(name):
    pytest.importorskip("miditok")
    codec, ids = written(name)
    assert codec.notes_in(ids).sum() == 6
