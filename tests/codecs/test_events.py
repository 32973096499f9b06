"""The codecs of events, `names` and `intervals`: by hand, round trips, and what their grammars hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music21 import chord
from music_made_here import any_piece, band, check_answer, piece_of, table

from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.intervals import Intervals, distances, listed
from bandmate.codecs.learnt import Speller, with_words_of
from bandmate.codecs.names import Names, normal_order
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.music.rhythm import RHYTHMS, Euclid, even
from bandmate.settings import UserError

SLIDE = piece_of({0: [(0, 1, 62, 90), (1, 1, 60, 90), (1, 1, 65, 90), (1, 1, 69, 90), (2, 1, 64, 90), (2, 1, 67, 90)]})


def transposed(piece, semitones):
    return piece_of({0: [(start / 480, length / 480, pitch + semitones, velocity)
                         for start, length, pitch, velocity, _ in table(piece)]})


def music():
    """A piece whose words the codecs learn: a tune over chords that is in all keys, with single notes among it."""
    notes = []
    for bar, root in enumerate(range(48, 60)):
        notes += [(4 * bar + beat, 1, root + 12 + step, 90) for beat, step in enumerate((0, 4, 7))]
        notes += [(4 * bar + 3, 0.5, root + step, 90) for step in (0, 4, 7)] + [(4 * bar + 3.5, 0.5, root + 7, 90)]
    return piece_of({0: notes})


def codec_of(kind, *pieces, **config):
    return with_words_of(kind(kind.Config(**config)), pieces or [music()])


KINDS = [(Names, {}), (Names, {"rhythm": "joint"}), (Names, {"chords": "classes"}), (Intervals, {}),
         (Intervals, {"rhythm": "joint"})]
each_kind = pytest.mark.parametrize(("kind", "config"), KINDS, ids=lambda value: getattr(value, "name", str(value)))


def test_names_of_notes_and_chords():
    codec = codec_of(Names, SLIDE)
    assert codec.words(codec.encode(SLIDE)) == ["begin", "D4", "C4.F4.A4", "E4.G4", "end"]
    codec = codec_of(Names, SLIDE, chords="classes")
    assert codec.words(codec.encode(SLIDE)) == ["begin", "D4", "5.9.0", "4.7", "end"]
    assert [pitch for _, _, pitch, *_ in table(codec.decode(codec.encode(SLIDE)))] == [62, 60, 65, 69, 64, 67]


def test_rhythm_beside_the_words():
    codec = codec_of(Names, SLIDE, rhythm="joint")
    assert codec.words(codec.encode(SLIDE)) == ["begin", "D4 +0 12", "C4.F4.A4 +12 12", "E4.G4 +12 12", "end"]
    assert table(codec.decode(codec.encode(SLIDE))) == table(SLIDE)
    assert [length for _, length, *_ in table(codec_of(Names, SLIDE).decode(codec_of(Names, SLIDE).encode(SLIDE)))] == [240] * 6


@given(st.lists(st.integers(0, 127), min_size=1, max_size=7))
def test_normal_order_is_that_of_music21(pitches):
    assert normal_order(pitches) == list(chord.Chord(pitches).normalOrder)


def test_distances_of_the_slide():
    assert distances([[62], [65, 69, 60], [64, 67]]) == [(3, 7, -2), (-1, 2)]
    codec = codec_of(Intervals, SLIDE)
    assert codec.words(codec.encode(SLIDE)) == ["begin", "from D4", "0", "3,7,-2", "-1,2", "end"]
    assert codec.notes_in(codec.encode(SLIDE)).tolist() == [0, 0, 1, 3, 2, 0]


@pytest.mark.parametrize(("pitches", "order"), [
    ([60, 64, 67], [60, 64, 67]), ([55, 60, 64], [60, 64, 55]), ([60, 69, 65], [65, 69, 60]),
    ([57, 60, 64, 67], [57, 60, 64, 67]), ([52, 60, 67, 70], [60, 52, 67, 70]), ([60, 72], [60, 72]), ([64], [64])])
def test_chords_are_listed_from_the_root(pitches, order):
    assert listed(pitches) == order


@given(any_piece(12), st.integers(-5, 5))
def test_a_transposed_piece_differs_in_its_start_alone(piece, semitones):
    notes = [note for note in table(piece) if note[4] != 128 and 5 <= note[2] <= 122]
    if not notes:
        return
    piece = piece_of({0: [(start / 480, length / 480, pitch, velocity) for start, length, pitch, velocity, _ in notes]})
    codec = codec_of(Intervals, piece, rhythm="joint")
    ids, higher = codec.encode(piece), codec.encode(transposed(piece, semitones))
    assert (ids[2:] == higher[2:]).all()
    assert higher[1, 0] - ids[1, 0] == semitones


@pytest.mark.parametrize("kind", [Names, Intervals])
@given(piece=any_piece(12))
def test_round_trip_of_any_piece(kind, piece):
    notes = [note for note in table(piece) if note[4] != 128 and 21 <= note[2] <= 108]
    if not notes:
        return
    piece = piece_of({0: [(start / 480, length / 480, pitch, velocity) for start, length, pitch, velocity, _ in notes]})
    codec = codec_of(kind, piece, rhythm="joint")
    once = codec.decode(codec.encode(piece))
    onsets = {(start, pitch) for start, _, pitch, *_ in table(piece)}
    late = min(start for start, _ in onsets) - min(start for start, *_ in table(once))  # bars of silence at the top
    gaps = np.diff(sorted({start for start, _ in onsets}))
    if not len(gaps) or gaps.max() <= 96 * 40:  # no rest is too long to be written
        assert {(start + late, pitch) for start, _, pitch, *_ in table(once)} == onsets
    assert table(codec.decode(codec.encode(once))) == table(once)


def test_intervals_fold_by_octaves_when_they_leave_the_keyboard():
    codec = codec_of(Intervals, piece_of({0: [(0, 1, 60, 90), (1, 1, 67, 90), (2, 1, 71, 90), (2, 1, 74, 90)]}))
    up = codec._known["7"] + codec.first
    ids = np.array([[codec.start + 100]] + [[up]] * 4)
    assert [pitch for _, _, pitch, *_ in table(codec.decode(ids))] == [107, 102, 97, 104]


@each_kind
def test_unlearnt_words_are_asked_for(kind, config):
    codec = kind(kind.Config(**config))
    assert not codec.has_words
    with pytest.raises(UserError, match="knows no words yet"):
        codec.encode(SLIDE)
    with pytest.raises(UserError, match=f"--codec {codec.name}"):
        codec.grammar(Request(), 1)


def test_unknown_words_become_the_nearest():
    codec = codec_of(Names, SLIDE)
    other = piece_of({0: [(0, 1, 63, 90), (1, 1, 60, 90), (1, 1, 65, 90), (2, 1, 52, 90), (2, 1, 64, 90),
                          (2, 1, 67, 90)]})
    assert codec.words(codec.encode(other)) == ["begin", "D4", "C4.F4.A4", "E4.G4", "end"]
    codec = codec_of(Intervals, SLIDE)
    other = piece_of({0: [(0, 1, 62, 90), (1, 1, 60, 90), (1, 1, 65, 90), (2, 1, 66, 90)]})
    assert codec.words(codec.encode(other)) == ["begin", "from D4", "0", "3,7,-2", "0", "end"]


@each_kind
def test_letters_are_read_as_the_piece_would_be(kind, config):
    codec = codec_of(kind, band(2), **config)
    letters = Speller(codec).encode(band(2))
    assert letters.dtype == np.int16
    assert letters.shape[1] == len(Speller(codec).fields)
    assert (codec.read(letters) == codec.encode(band(2))).all()


def test_the_commonest_words_come_first():
    tune = piece_of({0: [(n, 1, pitch, 90) for n, pitch in enumerate([60, 64, 64, 62, 62, 64])]})
    codec = codec_of(Names, tune, most_words=2)
    assert codec.config.words == ("E4", "D4")


@each_kind
@given(seed=st.integers(0, 2**32 - 1), bars=st.integers(1, 4), metre=st.sampled_from(["4/4", "3/4", "7/8"]))
def test_round_trip_of_whatever_the_grammar_allows(kind, config, seed, bars, metre):
    codec, request = codec_of(kind, **config), Request(bars=bars, metre=metre, tempo=90)
    grammar = codec.grammar(request, 1)
    [ids] = stroll(grammar, seed)
    piece = grammar.piece(ids)
    check_answer(piece, request)
    assert (codec.encode(piece)[:, 0] == ids[:, 0]).all()
    again = codec.decode(codec.encode(piece), request)
    assert table(codec.decode(codec.encode(again), request)) == table(again)
    if config.get("rhythm") == "joint":
        assert (codec.encode(piece)[:, 1] == ids[:, 1]).all()
        assert table(again) == table(piece)


@each_kind
def test_keys_and_ranges_are_held(kind, config):
    codec, request = codec_of(kind, **config), Request(bars=4, key="D minor", pitches=("piano:E3-E5",))
    for ids in stroll(codec.grammar(request, 4), 1):
        pitches = [pitch for _, _, pitch, *_ in table(codec.decode(ids, request))]
        assert all(52 <= pitch <= 76 for pitch in pitches)
        assert {pitch % 12 for pitch in pitches} <= {2, 4, 5, 7, 9, 10, 0, 1}
    with pytest.raises(UserError, match="knows no notes that keep to this key"):
        codec.grammar(Request(pitches=("piano:C0-C0",)), 1)


@each_kind
def test_a_piece_is_continued_and_stays_as_it_is(kind, config):
    codec = codec_of(kind, **config)
    prompt = piece_of({0: [(0, 1, 60, 91), (1, 2, 64, 33), (3, 1, 67, 90)], 128: [(0, 0.25, 36, 100)]})
    request = Request(task="continue", bars=2)
    grammar = codec.grammar(request, 2, Draft.of(request, prompt))
    assert codec.words(grammar.hear(0, np.zeros((0, len(codec.sizes)), np.int64), 100))[0] == "begin"
    for ids in stroll(grammar, 3):
        piece = grammar.piece(ids)
        assert [note for note in table(piece) if note[0] < 1920] == table(prompt)
        added = [note for note in table(piece) if note[0] >= 1920]
        assert 2 * 1920 < max(start + length for start, length, *_ in added) <= 3 * 1920


@pytest.mark.parametrize("name", RHYTHMS)
def test_pitches_are_played_in_any_rhythm(name):
    codec, request = codec_of(Names), Request(bars=4)
    grammar = codec.grammar(request, 2)
    grammar.keep_time(RHYTHMS[name](16, 3))
    for ids in stroll(grammar, 1):
        assert len(ids) == 2 + len(grammar.slots)
        piece = grammar.piece(ids)
        assert sorted({start / 480 for start, *_ in table(piece)}) == grammar.slots[:, 0].tolist()
        check_answer(piece, request)


def test_rhythms_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="does not fit into 4 quarters"):
        codec_of(Names).grammar(Request(bars=1), 1).keep_time(even(8))
    with pytest.raises(UserError, match="writes its own rhythm"):
        codec_of(Names, rhythm="joint").grammar(Request(bars=1), 1).keep_time(Euclid().slots(4))


@pytest.mark.parametrize("chords", ["pitches", "classes"])
def test_names_in_other_keys(chords):
    codec = codec_of(Names, chords=chords)
    ids = codec.encode(music())[3:9]
    shifts = codec.shifts(ids)
    assert 0 in shifts
    assert len(shifts) > 3
    for shift in shifts:
        moved = codec.transpose(ids, shift)
        chroma, other = ({pitch % 12 for _, _, pitch, *_ in table(codec.decode(rows))} for rows in (ids, moved))
        assert other == {(pitch + shift) % 12 for pitch in chroma}
    random = np.random.default_rng(0)
    assert len({codec.lesson(codec.encode(music()), 5, random, Variety())[1, 0] for _ in range(50)}) > 5


@pytest.mark.parametrize(("wish", "text"), [
    ({"instruments": ("piano", "bass")}, "for one pitched instrument, not for piano and bass"),
    ({"drums": True}, "cannot hold drums"),
    ({"chords": "Am F"}, "cannot hold chords"), ({"composer": "Bach"}, "does not know the composer 'Bach'"),
    ({"task": "infill", "region": "1"}, "cannot infill"), ({"metre": "5/32"}, "does not fall on the grid")])
def test_what_the_grammar_cannot_hold_it_says(wish, text):
    with pytest.raises(UserError, match=text):
        codec_of(Names).grammar(Request(**wish), 1)
