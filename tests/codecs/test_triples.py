"""The codec `triples`: the layout of its source, both clocks, both forms, and what its grammar promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_made_here import any_piece, any_request, band, check_answer, drums_only, one_note, pickup, piece_of, table

from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.triples import COUNTER, IDS, OUTRO, Triples, TriplesConfig, how, milliseconds, transpose
from bandmate.codecs.triples_groups import DRUM_GROUP, GROUPS, group_of
from bandmate.music.grid import to_grid
from bandmate.music.request import Request
from bandmate.piece import DRUMS
from bandmate.settings import UserError

ALL_FORMS = [TriplesConfig(clock=clock, always_time=always) for clock in ("grid32", "ms") for always in (True, False)]


def ids_of(piece, **config):
    return Triples(TriplesConfig(**config)).encode(piece)[:, 0].tolist()


def test_layout_of_the_source():
    assert IDS == 3088
    assert Triples.sizes == (3089,)  # and one for padding
    assert Triples.pad == 3088
    # begin, no drums, piano leads, counter 0; no time, 8 32nds at velocity 90, piano C4
    assert ids_of(one_note()) == [3087, 3073, 3075, 2816, 0, 256 + 8 * 8 + 5, 1280 + 60]
    assert ids_of(one_note(60, program=73))[2] == 3075 + 8
    assert ids_of(drums_only())[1:3] == [3074, 3075 + 9]
    assert ids_of(drums_only())[6] == 1280 + 128 * 9 + 36


def test_loudness_has_eight_levels():
    assert how(np.array([1]), np.array([127])) == 256 + 8 + 7
    assert how(np.array([1]), np.array([8])) == 256 + 8
    codec = Triples()
    for velocity, heard in ((127, 120), (8, 15), (1, 15), (90, 90)):
        assert table(codec.decode(codec.encode(piece_of({0: [(0, 1, 60, velocity)]}))))[0][3] == heard


def test_milliseconds_follow_tempo():
    # at 120 quarters a minute a quarter lasts 500 ms: 62 x 8 ms, 15 x 32 ms
    piece = piece_of({0: [(0, 1, 60, 90), (1, 1, 62, 90)]})
    assert ids_of(piece, clock="ms")[4:] == [0, 256 + 15 * 8 + 5, 1340, 62, 256 + 15 * 8 + 5, 1342]
    slow = piece_of({0: [(0, 1, 60, 90), (1, 1, 62, 90)]}, tempo=60)
    assert ids_of(slow, clock="ms")[7] == 125
    assert milliseconds(slow, np.array([0, 480, 720])).tolist() == [0, 1000, 1500]


def test_long_rests_and_notes_are_cut_to_what_ids_can_say():
    piece = piece_of({0: [(0, 40, 60, 90), (50, 1, 62, 90)]})
    assert ids_of(piece)[5] == 256 + 127 * 8 + 5
    assert ids_of(piece)[7] == 255
    assert ids_of(piece, clock="ms")[5] == 256 + 127 * 8 + 5


def test_a_note_still_sounding_after_a_shortened_rest_is_struck_again():
    codec = Triples(TriplesConfig(clock="ms"))
    ids = codec.encode(piece_of({0: [(0, 8, 60, 90), (8, 1, 60, 90)]}))  # 4 s, of which 2.04 s can be said
    assert ids[4:8, 0].tolist() == [0, 256 + 63 * 8 + 5, 1340, 255]
    assert (codec.encode(codec.decode(ids)) == ids).all()


def test_chords_go_from_the_top_down_with_three_ids_a_note():
    chord = piece_of({0: [(0, 1, pitch, 90) for pitch in (60, 67, 64)]})
    symmetric, asymmetric = ids_of(chord)[4:], ids_of(chord, always_time=False)[4:]
    assert symmetric == [0, 325, 1347, 0, 325, 1344, 0, 325, 1340]
    assert asymmetric == [0, 325, 1347, 325, 1344, 325, 1340]
    codec = Triples()
    assert table(codec.decode(np.array(symmetric))) == table(codec.decode(np.array(asymmetric))) == table(
        piece_of({0: [(0, 1, pitch, 90) for pitch in (60, 67, 64)]}))


def test_counters_stand_every_fifty_onsets_and_the_outro_before_the_last_fifty():
    piece = piece_of({0: [(n / 2, 0.5, 60, 90) for n in range(120)]})
    ids = ids_of(piece)
    marks = [(place, number) for place, number in enumerate(ids) if COUNTER <= number <= OUTRO and place > 3]
    # each onset is three ids, and the header four
    assert marks == [(4 + 150, COUNTER + 1), (4 + 210 + 1, OUTRO), (4 + 300 + 2, COUNTER + 2)]
    assert OUTRO not in ids_of(one_note())


def test_groups_of_the_source_and_the_nearest_for_all_others():
    faithful, nearest = group_of(False), group_of(True)
    assert (nearest >= 0).all()
    assert (faithful[faithful >= 0] == nearest[faithful >= 0]).all()
    assert [group.sounds for group in GROUPS] == [0, 24, 32, 40, 42, 46, 56, 71, 73, DRUMS, 53, 19]
    for lost in (*range(8, 16), 31, 44, 45, *range(47, 52), 54, 55, 61, 62, 63, *range(79, 128)):
        assert faithful[lost] == -1
    both = piece_of({0: [(0, 1, 60, 90)], 48: [(0, 1, 72, 90)]})
    assert len(ids_of(both, groups="faithful")) == 7
    assert len(ids_of(both)) == 10
    with pytest.raises(UserError, match=r"no notes for the instrument groups.*groups=nearest"):
        ids_of(one_note(program=48), groups="faithful")
    with pytest.raises(UserError, match="no notes"):
        ids_of(piece_of({}))


def test_a_rest_before_the_first_note_is_kept_on_the_grid():
    assert ids_of(pickup())[4] == 24
    assert ids_of(pickup(), clock="ms")[4] == 0


@given(any_piece(8))
def test_round_trip_on_the_grid_of_32nds(piece):
    codec = Triples()
    ids = codec.encode(piece)
    again = codec.decode(ids)
    assert (codec.encode(again) == ids).all()
    notes = codec._grid_notes(piece)
    if np.diff(notes[:, 0]).max(initial=0) <= 255:
        heard = to_grid(again, 8).notes
        assert sorted(notes[:, [0, 2]].tolist()) == sorted(heard[:, [0, 2]].tolist())


@given(any_piece(24), st.sampled_from(ALL_FORMS))
def test_encoding_again_changes_nothing(piece, config):
    codec = Triples(config)
    ids = codec.encode(piece)
    assert ids.dtype == np.int16
    assert (codec.encode(codec.decode(ids)) == ids).all()
    assert codec.is_note(ids).sum() == len(table(codec.decode(ids)))


@given(st.lists(st.integers(-5, 4000), max_size=60))
def test_any_ids_decode(ids):
    assert not any(duration <= 0 for _, duration, *_ in table(Triples().decode(np.array(ids, np.int64))))


@given(any_request(("4/4", "3/4", "7/8", "2/32")), st.sampled_from(ALL_FORMS), st.integers(0, 2**32))
def test_whatever_the_grammar_allows_is_the_music_asked_for(request, config, seed):
    codec = Triples(config)
    for ids in stroll(codec.grammar(request, 3), seed):
        check_answer(codec.decode(ids, request), request)


def test_grammar_puts_counters_and_outro_where_the_encoder_does():

    request = Request(bars=32, instruments=("flute",), drums=False)
    grammar = Triples().grammar(request, 1)
    ids = []
    while not grammar.done.all():
        mask = grammar.mask(0, np.zeros((1, 1), np.int64))[0]
        allowed = np.flatnonzero(mask)
        number = 4 if mask[4] and allowed[0] < 256 else int(allowed[0])
        grammar.advance(np.array([[number]]))
        ids.append([number])
    whole = np.concatenate([grammar.prompt, ids])
    again = Triples().encode(Triples().decode(whole, request))
    assert [n for n in again[:, 0].tolist() if COUNTER < n < OUTRO] == [n for n in whole[:, 0].tolist() if COUNTER < n < OUTRO]
    assert np.count_nonzero(whole == OUTRO) == 1


def test_named_instruments_sound_and_the_first_one_leads():
    request = Request(bars=2, instruments=("tuba", "harp"))
    grammar = Triples().grammar(request, 1)
    assert grammar.prompt[:, 0].tolist() == [3087, 3073, 3075 + 6, 2816]
    [ids] = stroll(grammar, 0)
    assert {track.program for track in Triples().decode(ids, request).tracks} == {58, 46}


@pytest.mark.parametrize(("asked", "config", "sentence"), [
    ({"instruments": ("piano", "vibraphone")}, {}, "'piano' and 'vibraphone' are one part for this model"),
    ({"instruments": ("vibraphone",)}, {"groups": "faithful"}, "no instrument for 'vibraphone'; it plays piano, guitar"),
    ({"style": "folk"}, {}, "knows no styles, so not 'folk'"),
    ({"composer": "Bach"}, {}, "knows no composers, so not 'Bach'"),
    ({"key": "C major", "instruments": ("piano",), "pitches": ("piano:C#4-C#4",)}, {}, "no pitch of the key C major"),
    ({"pitches": ("percussion:C3-C4",)}, {}, "a pitch range is given for percussion"),
    ({"bars": 1, "metre": "1/32", "tempo": 300}, {"clock": "ms"}, "too short for one note"),
])
def test_what_cannot_be_held_is_refused(asked, config, sentence):
    with pytest.raises(UserError, match=sentence):
        Triples(TriplesConfig(**config)).grammar(Request(**asked), 1)


def test_windows_and_pages_start_with_the_header_at_a_note():
    codec = Triples()
    ids = codec.encode(band(32))
    for start in (0.0, 0.3, 0.99, 1.0):
        window = codec.window(ids, 64, start)
        assert len(window) <= 64
        assert (window[:4] == ids[:4]).all()
        assert window[4, 0] < 256 or window[4, 0] > COUNTER
    assert codec.window(ids, 64, 1.0)[-1] == ids[-1]
    assert (codec.window(ids, 10_000, 0.5) == ids).all()
    pages = codec.pages(ids, 64)
    assert max(map(len, pages)) <= 64
    assert (np.concatenate([ids[:4], *(page[4:] for page in pages)]) == ids).all()
    assert codec.given(ids).tolist() == [True] * 4 + [False] * (len(ids) - 4)


def test_transposition_gives_twelve_keys_and_leaves_drums():
    codec = Triples()
    ids = codec.encode(band(2))
    keys = [transpose(ids, semitones) for semitones in range(-6, 6)]
    assert len({key.tobytes() for key in keys}) == 12
    drums = (ids >= 1280 + DRUM_GROUP * 128) & (ids < 1280 + (DRUM_GROUP + 1) * 128)
    assert all((key[drums] == ids[drums]).all() for key in keys)
    high = codec.encode(one_note(127))
    assert (transpose(high, 1) == high).all()
    assert codec.lesson(ids, len(ids), np.random.default_rng(0), Variety()).shape == ids.shape


def test_words():
    words = Triples().words(Triples().encode(drums_only()))
    assert words[:7] == ["begin", "drums", "lead drums", "counter 0", "time 0/32", "length 2/32 velocity 105", "drums 36"]
    assert Triples(TriplesConfig(clock="ms")).words(np.array([[3], [285], [1340], [3072], [3088]])) == [
        "time 3 x 8 ms", "length 3 x 32 ms velocity 90", "piano C4", "outro", "pad"]
