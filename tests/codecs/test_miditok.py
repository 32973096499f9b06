"""MidiTok's tokenizations: round trips, and what their grammar holds."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from music_made_here import any_request, band, changing_metre, check_answer, one_note, pickup, piece_of, table

pytest.importorskip("miditok")

from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.miditok import MidiLike, Remi, Tsd
from bandmate.codecs.voices import Voices
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.settings import UserError

CODECS = {codec.name: codec for codec in (Remi(), Tsd(), MidiLike())}
each_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@pytest.mark.parametrize(("name", "words"), [
    ("remi", "begin Bar_None TimeSig_4/4 Position_0 Tempo_122.71 Program_0 Pitch_60 Velocity_95 Duration_1.0.12 end"),
    ("tsd", "begin TimeSig_4/4 Tempo_122.71 Program_0 Pitch_60 Velocity_95 Duration_1.0.12 end"),
    ("midilike", "begin TimeSig_4/4 Tempo_122.71 Program_0 NoteOn_60 Velocity_95 TimeShift_1.0.12 Program_0 NoteOff_60 end")])
def test_one_note_in_words(name, words):
    codec = CODECS[name]
    ids = codec.encode(one_note())
    assert " ".join(codec.words(ids)) == words
    assert codec.is_note(ids).sum() == 1
    assert ids.dtype == np.int16


@each_codec
@pytest.mark.parametrize("piece", [band(3), changing_metre(), pickup()], ids=["band", "metres", "pickup"])
def test_round_trip(codec, piece):
    ids = codec.encode(piece)
    again = codec.decode(ids)
    assert [(*note[:3], note[4]) for note in table(again)] == [(*note[:3], note[4]) for note in table(piece)]
    assert (codec.encode(again) == ids).all()
    assert codec.is_note(ids).sum() == piece.note_num()


@each_codec
@settings(max_examples=15)
@given(request=any_request(("4/4", "3/4", "6/8")), seed=st.integers(0, 2**32 - 1))
def test_whatever_the_grammar_allows_is_what_was_asked_for(codec, request, seed):
    request = request.replace(bars=min(request.bars, 3))
    [ids] = stroll(codec.grammar(request, 1), seed)
    piece = codec.decode(ids, request)
    check_answer(piece, request)
    assert table(codec.decode(codec.encode(piece), request)) == table(piece)


@each_codec
def test_transposed_windows_keep_their_drums(codec):
    ids = codec.encode(band(2))
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(40):
        piece = codec.decode(codec.lesson(ids, 10_000, random, Variety(transpose=3)))
        notes = table(piece)
        assert {pitch for _, _, pitch, _, program in notes if program == 128} == {36, 38}
        seen.add(min(pitch for _, _, pitch, _, program in notes if program == 33))
    assert seen == set(range(33, 40))


@each_codec
def test_what_cannot_be_done_is_said(codec):
    with pytest.raises(UserError, match="the metre 4/16 is not among"):
        codec.grammar(Request(metre="4/16"), 1)
    with pytest.raises(UserError, match="cannot hold composer"):
        codec.grammar(Request(composer="Bach"), 1)
    with pytest.raises(UserError, match="writes new pieces only"):
        request = Request(task="continue")
        codec.grammar(request, 1, Draft.of(request, one_note()))
    with pytest.raises(UserError, match="no note left to play"):
        codec.grammar(Request(instruments=("piano",), key="C major", pitches=("piano:C#4-C#4",)), 1)
    with pytest.raises(UserError, match="bars of 13/8"):
        codec.encode(piece_of({0: [(0, 1, 60, 90)]}, {0: (13, 8)}))
    with pytest.raises(UserError, match="has no notes"):
        codec.encode(piece_of({}))


def test_a_missing_library_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "miditok", None)
    with pytest.raises(UserError, match=r"pip install 'bandmate\[codecs\]'"):
        Remi()
    Voices()  # the others do without
