"""Groups of words, `ngrams` and `bpe`: they say what `notewise` says, in fewer rows."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from music_made_here import any_piece, band, check_answer, piece_of, table

from bandmate.codecs.bpe import Bpe
from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.groups import growth
from bandmate.codecs.learnt import Speller, with_words_of
from bandmate.codecs.ngrams import Ngrams
from bandmate.codecs.notewise import Notewise, NotewiseConfig
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.piece import Labels
from bandmate.settings import UserError

KINDS = {"ngrams 2": (Ngrams, {}), "ngrams 4": (Ngrams, {"n": 4, "most_words": 20}), "bpe": (Bpe, {"most_words": 30})}


def codec_of(name, **config):
    kind, more = KINDS[name]
    if kind is Bpe:
        pytest.importorskip("tokenizers")
    return with_words_of(kind(kind.Config(**more, **config)), [band(4)])


each_kind = pytest.mark.parametrize("name", KINDS)


def test_two_words_are_one():
    codec = codec_of("ngrams 2")
    assert " ".join(codec.words(codec.encode(band(4)))[:3]) == "begin p3 p27 p31 p34"
    assert len(codec.encode(band(4))) < 0.6 * len(Notewise().encode(band(4)))


def test_frequent_pairs_grow_together():
    codec = codec_of("bpe")
    assert len(codec.groups) == 30
    assert max(map(len, codec.groups)) > 4
    assert len(codec.encode(band(4))) < 0.5 * len(Notewise().encode(band(4)))


@each_kind
@settings(max_examples=20)
@given(piece=any_piece(12))
def test_groups_say_what_single_words_say(name, piece):
    codec = codec_of(name)
    if all(program == 128 for *_, program in table(piece)):
        return
    single = Notewise().encode(piece)
    assert (codec.expand(codec.encode(piece)) == single).all()
    assert table(codec.decode(codec.encode(piece))) == table(Notewise().decode(single))
    assert codec.notes_in(codec.encode(piece)).sum() == Notewise().is_note(single).sum()
    assert (codec.read(Speller(codec).encode(piece)) == codec.encode(piece)).all()


@each_kind
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), metre=st.sampled_from(["4/4", "3/4"]))
def test_whatever_the_grammar_allows_is_what_was_asked_for(name, seed, metre):
    codec, request = codec_of(name, composers=("Bach",)), Request(bars=2, metre=metre, tempo=90, composer="Bach")
    grammar = codec.grammar(request, 1)
    [ids] = stroll(grammar, seed)
    check_answer(grammar.piece(ids), request)
    single = codec.base
    assert (codec.expand(codec.encode(grammar.piece(ids), Labels(composer="Bach"))) ==
            single.encode(grammar.piece(ids), Labels(composer="Bach"))).all()


@each_kind
def test_a_piece_is_continued_and_stays_as_it_is(name):
    codec, request = codec_of(name), Request(task="continue", bars=1)
    prompt = piece_of({0: [(0, 1, 60, 91), (1, 1, 64, 33)]})
    grammar = codec.grammar(request, 2, Draft.of(request, prompt))
    heard = codec.expand(grammar.hear(0, np.zeros((0, 1), np.int64), 100))
    assert sum(int(word[4:]) for word in codec.base.words(heard) if word.startswith("wait")) == 48
    for ids in stroll(grammar, 3):
        piece = grammar.piece(ids)
        assert [note for note in table(piece) if note[0] < 1920] == table(prompt)
        assert 1920 < max(start + length for start, length, *_ in table(piece)) <= 2 * 1920


@each_kind
def test_a_group_leans_as_far_as_its_words_together(name):
    codec, nothing = codec_of(name), np.zeros((1, 1), int)
    grammar, seen = codec.grammar(Request(bars=2), 1), 0
    for ids in codec.encode(band(2)).astype(np.int64)[1:]:
        [allowed], lean = grammar.mask(0, nothing), grammar.lean(0, nothing)
        for group in np.flatnonzero(allowed)[np.flatnonzero(allowed) >= codec.single] if lean is not None else ():
            player, nats = grammar.words.players[0].copy(), 0.0
            for word in codec.groups[group - codec.single]:
                nats += grammar.words.leaning(player)[word]
                grammar.words.take(player, word)
            assert lean[0, group] == pytest.approx(nats)
            seen += nats != 0
        grammar.advance(ids[None])
    assert seen > 10


@each_kind
def test_lessons_come_in_other_keys(name):
    codec = codec_of(name)
    ids, random = codec.encode(band(4)), np.random.default_rng(0)
    lessons = [codec.lesson(ids, 10_000, random, Variety(transpose=2)) for _ in range(40)]
    single = Notewise().encode(band(4))
    shifts = {tuple(Notewise().transpose(single, shift)[:, 0].tolist()) for shift in range(-2, 3)}
    assert {tuple(codec.expand(lesson)[:, 0].tolist()) for lesson in lessons} == shifts
    assert max(len(codec.lesson(ids, 20, random, Variety())) for _ in range(20)) == 20


@each_kind
def test_what_is_unlearnt_or_unheld_is_said(name):
    kind = KINDS[name][0]
    with pytest.raises(UserError, match="knows no words yet"):
        kind().encode(band(1))
    with pytest.raises(UserError, match="cannot hold drums"):
        codec_of(name).grammar(Request(drums=True), 1)


def test_a_missing_library_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"pip install 'bandmate\[codecs\]'"):
        Bpe().learn([Notewise().encode(band(1))])


def test_the_vocabulary_grows_with_n():
    rows = growth([[1, 2, 1, 2, 1, 3], [1, 2]], most=3)
    assert rows == [{"n": 1, "groups": 8, "words": 3, "once": 1}, {"n": 2, "groups": 4, "words": 2, "once": 1},
                    {"n": 3, "groups": 2, "words": 2, "once": 2}]
    codec = Notewise(NotewiseConfig())
    words = [row["words"] for row in growth([codec.encode(band(8))[1:-1, 0].tolist()], 3)]
    assert words == sorted(words)
