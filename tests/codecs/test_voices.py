"""The codec `voices`: four-part pieces as steps, and back."""

import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from bandmate.codecs import voices as c
from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.voices import Voices
from bandmate.music.request import Request
from bandmate.settings import UserError

VOICES = Voices()


def sing(*voices: list[tuple[float, float, int]], metre: tuple[int, int] = (4, 4)) -> symusic.Score:
    """Build a piece of voices, each notes (start, length, pitch) in quarters."""
    piece = symusic.Score(480)
    piece.time_signatures.append(symusic.TimeSignature(0, *metre))
    for voice in voices:
        track = symusic.Track("voice", 52)
        for start, length, pitch in voice:
            track.notes.append(symusic.Note(int(480 * start), int(480 * length), pitch, 80))
        piece.tracks.append(track)
    return piece


def chord(start: float, length: float, *pitches: int) -> list[list[tuple[float, float, int]]]:
    return [[(start, length, pitch)] for pitch in pitches]


def test_encode_writes_a_row_a_16th():
    ids = VOICES.encode(sing([(0, 1, 72)], [(0, 0.5, 67), (0.5, 0.5, 69)], [(0, 0.25, 60)], [(0, 1, 48)]))
    assert ids.tolist() == [[1, 38, 33, 26, 14], [2, 38, 33, 1, 14], [3, 38, 35, 1, 14], [4, 38, 35, 1, 14]]
    assert ids.dtype == np.int16
    assert VOICES.words(ids)[1] == "1/16 C5 G4 rest C3"


def test_voices_are_known_by_their_height_not_by_the_order_of_tracks():
    upright, upside_down = chord(0, 1, 72, 67, 60, 48), chord(0, 1, 48, 60, 67, 72)
    assert (VOICES.encode(sing(*upright)) == VOICES.encode(sing(*upside_down))).all()


def test_an_upbeat_keeps_its_place_in_the_bar():
    piece = sing(*chord(3, 5, 72, 67, 60, 48))
    ids = VOICES.encode(piece)
    assert ids[:, 0].tolist() == [13, 14, 15, 16, *range(1, 17)]
    again = VOICES.decode(ids)
    assert [(note.start, note.duration) for note in again.tracks[0].notes] == [(3 * 480, 5 * 480)]


def test_a_voice_that_enters_bars_later_stays_there():
    piece = sing([(0, 8, 72)], [(4, 4, 67)], [(0, 8, 60)], [(6, 2, 48)])
    ids = VOICES.encode(piece)
    assert (ids[:, 2] == c.REST).sum() == 16
    assert (ids[:, 4] == c.REST).sum() == 24


def test_outside_4_4_the_last_step_ends_a_bar_of_16_as_in_the_benchmark():
    ids = VOICES.encode(sing(*chord(0, 3, 72, 67, 60, 48), metre=(3, 4)))
    assert ids[:, 0].tolist() == list(range(5, 17))


def test_decode_ties_repeated_pitches_and_names_the_voices():
    ids = c.rows_of(np.array([[72, 67, 60, 48]] * 8 + [[72, 65, -1, 41]] * 8))
    piece = VOICES.decode(ids)
    assert [track.name for track in piece.tracks] == list(c.VOICES)
    assert [[(note.start, note.duration, note.pitch) for note in track.notes] for track in piece.tracks] == [
        [(0, 1920, 72)], [(0, 960, 67), (960, 960, 65)], [(0, 960, 60)], [(0, 960, 48), (960, 960, 41)]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_round_trip_of_whatever_the_grammar_allows(seed, bars):
    [ids] = stroll(VOICES.grammar(Request(bars=bars), 1), seed)
    assert len(ids) == bars * 16
    assert (VOICES.encode(VOICES.decode(ids)) == ids).all()


def test_grammar_holds_bars_ranges_and_key():
    request = Request(bars=2, key="D minor")
    for ids in stroll(VOICES.grammar(request, 3), 5):
        assert ids[:, 0].tolist() == list(range(1, 17)) * 2
        for (low, high), voice in zip(c.SUNG, ids[:, 1:].T, strict=True):
            pitches = voice[voice >= c.PITCH_AT] - c.PITCH_AT + c.LOWEST
            assert ((pitches >= low) & (pitches <= high)).all()
            assert set((pitches % 12).tolist()) <= {2, 4, 5, 7, 9, 10, 0, 1}
        assert (ids[0] >= c.PITCH_AT)[1:].all()
        assert (ids[-16:, 1:] >= c.PITCH_AT).all()


@pytest.mark.parametrize(("wish", "text"), [
    ({"instruments": ("piano",)}, "cannot hold instruments"), ({"style": "folk"}, "cannot hold style"),
    ({"chords": "Am F"}, "cannot hold chords"), ({"metre": "3/4"}, "writes bars of 4/4, not 3/4"), ({"drums": True}, "drums")])
def test_what_the_grammar_cannot_hold_it_says(wish, text):
    with pytest.raises(UserError, match=text):
        VOICES.grammar(Request(**wish), 1)


@pytest.mark.parametrize(("piece", "text"), [
    (sing(*chord(0, 1, 72, 67, 60)), "3 tracks that play"),
    (sing([(0, 1, 72), (0, 1, 76)], *chord(0, 1, 67, 60, 48)), "soprano sings two notes at once"),
    (sing(*chord(0, 1, 72, 67, 60, 30)), "bass sings F#1"),
    (sing(*chord(0, 1, 90, 67, 60, 48)), "a voice sings F#6")])
def test_what_cannot_be_written_is_said(piece, text):
    with pytest.raises(UserError, match=text):
        VOICES.encode(piece)


def test_lessons_come_in_other_keys_within_the_voices():
    ids = c.rows_of(np.array([[79, 67, 60, 48], [76, 65, 59, 40]]))
    assert c.shifts(ids) == [-4, -3, -2, -1, 0, 1, 2]
    random = np.random.default_rng(0)
    seen = {int(VOICES.lesson(ids, 640, random, Variety(transpose=3))[0, 1] - ids[0, 1]) for _ in range(60)}
    assert seen == {-3, -2, -1, 0, 1, 2}


def test_rests_stay_rests_in_another_key():
    ids = c.rows_of(np.array([[72, -1, 60, 48]]))
    assert c.transpose(ids, 2)[0, 1:].tolist() == [40, c.REST, 28, 16]


def test_chorales_are_examined_whole_and_learnt_in_phrases():
    ids = c.rows_of(np.array([[72, 67, 60, 48]] * 300))
    random = np.random.default_rng(0)
    assert [len(page) for page in VOICES.pages(ids, 96)] == [300]
    places = [VOICES.lesson(ids, 90, random, Variety())[:, 0] for _ in range(60)]
    assert {len(place) for place in places} == {90}
    assert 5 < sum(place[0] == ids[0, 0] for place in places) < 40
