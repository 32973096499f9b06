"""The codec `chordwise`: a digit a key, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_made_here import any_piece, band, check_answer, piece_of, table

from bandmate.codecs.chordwise import Chordwise, ChordwiseConfig
from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.learnt import Speller, with_words_of
from bandmate.codecs.solo import fits, one_part
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.piece import Labels
from bandmate.settings import UserError

SMALL = piece_of({0: [(0, 0.5, 60, 90), (0.25, 0.5, 64, 90), (0.5, 0.25, 60, 90), (1, 0.25, 62, 90)]})


def codec_of(*pieces, **config):
    return with_words_of(Chordwise(ChordwiseConfig(**config)), pieces or [band(4), SMALL])


def test_a_word_is_a_digit_a_key():
    codec = codec_of(SMALL)
    assert {len(word) for word in codec.config.words} == {62}
    assert [word[25:33] for word in codec.texts(codec.spell(SMALL))] == [
        "00100000", "00200010", "00100020", "00000000", "00001000"]
    assert codec.words(codec.encode(SMALL)) == ["begin", "p27", "h27 p31", "p27 h31", "silence", "p29", "end"]
    assert codec.notes_in(codec.encode(SMALL)).tolist() == [0, 1, 1, 1, 0, 1, 0]


def test_round_trip_on_the_grid():
    codec = codec_of(SMALL)
    assert table(codec.decode(codec.encode(SMALL))) == table(SMALL)
    fine = codec_of(band(2), steps=12, notes=88)
    grid = one_part(band(2), 12)
    assert (fine.decode(fine.encode(band(2))).note_num(), len(grid.notes)) == (len(grid.notes),) * 2


@given(piece=any_piece(4))
def test_round_trip_of_any_piece_on_the_grid(piece):
    if all(program == 128 for *_, program in table(piece)):
        return
    codec = codec_of(piece)
    quantised = fits(one_part(piece, 4).notes, 33, 94)
    again = one_part(codec.decode(codec.encode(piece)), 4).notes
    again[:, 0] += quantised[:, 0].min() - again[:, 0].min()
    assert again[:, :3].tolist() == quantised[:, :3].tolist()


def test_letters_hold_every_key():
    for notes, lowest in ((38, 45), (62, 33), (88, 21)):
        codec = Chordwise(ChordwiseConfig(notes=notes))
        every = piece_of({0: [(0, 0.25, pitch, 90) for pitch in range(lowest, lowest + notes)]})
        assert codec.texts(codec.spell(every)) == ["1" * notes]
        assert Speller(codec).encode(every).dtype == np.int16


def test_unknown_steps_become_the_nearest():
    codec = codec_of(SMALL)
    other = piece_of({0: [(0, 0.5, 60, 90), (0, 0.5, 40, 90), (0.25, 0.5, 64, 90)]})
    assert codec.words(codec.encode(other))[:3] == ["begin", "p27", "h27 p31"]


@given(seed=st.integers(0, 2**32 - 1), bars=st.integers(1, 4), metre=st.sampled_from(["4/4", "3/4", "7/8"]))
def test_round_trip_of_whatever_the_grammar_allows(seed, bars, metre):
    codec, request = codec_of(composers=("Bach",)), Request(bars=bars, metre=metre, tempo=90, composer="Bach")
    grammar = codec.grammar(request, 1)
    [ids] = stroll(grammar, seed)
    check_answer(grammar.piece(ids), request)
    assert (codec.encode(grammar.piece(ids), Labels(composer="Bach")) == ids).all()


def test_keys_and_ranges_are_held():
    request = Request(bars=4, key="G major", pitches=("piano:C3-C6",))
    codec = codec_of()
    for ids in stroll(codec.grammar(request, 4), 1):
        pitches = {pitch for _, _, pitch, *_ in table(codec.decode(ids, request))}
        assert pitches
        assert all(48 <= pitch <= 84 and pitch % 12 != 5 for pitch in pitches)
    with pytest.raises(UserError, match="knows no chord that keeps to this key"):
        codec.grammar(Request(pitches=("piano:C0-C0",)), 1)
    with pytest.raises(UserError, match="knows no words yet"):
        Chordwise().grammar(request, 1)


def test_a_piece_is_continued_and_stays_as_it_is():
    codec, request = codec_of(), Request(task="continue", bars=2)
    prompt = piece_of({0: [(0, 1, 60, 91), (1, 1, 64, 33)]})
    grammar = codec.grammar(request, 2, Draft.of(request, prompt))
    assert len(grammar.hear(0, np.zeros((0, 1), np.int64), 100)) == 1 + 16
    for ids in stroll(grammar, 3):
        piece = grammar.piece(ids)
        assert [note for note in table(piece) if note[0] < 1920] == table(prompt)
        assert 2 * 1920 < max(start + length for start, length, *_ in table(piece)) <= 3 * 1920


def test_steps_in_other_keys():
    tune = [(0, 0.5, 60, 90), (1, 0.5, 64, 90)]
    codec = codec_of(piece_of({0: [(4 * shift + start, length, pitch + shift, 90) for shift in range(5)
                                   for start, length, pitch, _ in tune]}))
    ids = codec.encode(piece_of({0: tune}))
    assert set(range(5)) <= set(codec.shifts(ids))
    for shift in range(5):
        moved = codec.decode(codec.transpose(ids, shift))
        assert [note[2] for note in table(moved)] == [60 + shift, 64 + shift]
    random = np.random.default_rng(0)
    assert len({codec.lesson(ids, 9, random, Variety())[1, 0] for _ in range(50)}) > 4
