"""The codec `frames`: piano rolls, a row a quarter or finer, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from music_made_here import drums_only, piece_of, table

from bandmate.codecs import frames as c
from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.frames import Frames, FramesConfig
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.settings import UserError

FRAMES = Frames()
EIGHTHS = Frames(FramesConfig(steps_per_quarter=2))


def rows(*frames: list[int]) -> np.ndarray:
    """Lay out frames of pitches as ids."""
    roll = np.zeros((len(frames), c.KEYS), bool)
    for row, pitches in enumerate(frames):
        roll[row, [pitch - c.LOWEST for pitch in pitches]] = True
    return c.rows_of(roll)


def test_encode_writes_what_sounds_at_each_quarter_whoever_plays_it():
    piece = piece_of({0: [(0, 2, 60, 80), (1, 0.5, 64, 80), (1.5, 0.5, 65, 80)], 33: [(1, 2, 36, 80)],
                      c.DRUMS: [(0, 9, 38, 80)]})
    ids = FRAMES.encode(piece)
    assert (ids == rows([60], [36, 60, 64], [36])).all()
    assert ids.dtype == np.int16
    assert FRAMES.words(ids) == ["C4", "C2 C4 E4", "C2"]
    assert EIGHTHS.words(EIGHTHS.encode(piece))[3] == "C2 C4 F4"


def test_silence_inside_is_kept_and_silence_around_is_not():
    assert FRAMES.words(FRAMES.encode(piece_of({0: [(2, 1, 60, 80), (4, 1, 60, 80)]}))) == ["C4", "rest", "C4"]


def test_decode_ties_what_stays_on():
    piece = FRAMES.decode(rows([60, 64], [60], [], [60]), Request(tempo=72, instruments=("organ",), metre="3/4"))
    [track] = piece.tracks
    notes = sorted((note.start, note.duration, note.pitch) for note in track.notes)
    assert notes == [(0, 480, 64), (0, 960, 60), (1440, 480, 60)]
    assert 16 <= track.program < 24
    assert piece.tempos[0].qpm == pytest.approx(72)
    assert piece.time_signatures[0].numerator == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([FRAMES, EIGHTHS]))
def test_round_trip_of_whatever_the_grammar_allows(seed, bars, codec):
    [ids] = stroll(codec.grammar(Request(bars=bars), 1), seed)
    assert len(ids) == 4 * bars * codec.config.steps_per_quarter
    assert (codec.encode(codec.decode(ids)) == ids).all()


def test_a_chord_that_is_held_comes_back_tick_for_tick():
    piece = piece_of({0: [(0, 4, 48, c.LOUDNESS), (0, 2, 64, c.LOUDNESS), (2, 2, 67, c.LOUDNESS)]})
    assert table(FRAMES.decode(FRAMES.encode(piece))) == table(piece)


def test_ids_of_any_kind_are_read():
    assert len(FRAMES.decode(np.zeros((0, c.KEYS), int)).tracks) == 0
    assert len(FRAMES.decode(np.full((2, c.KEYS), 7)).tracks) == 0


def test_grammar_holds_bars_key_range_and_polyphony():
    request = Request(bars=2, key="D minor", metre="3/4", instruments=("flute",), pitches=("flute:C4-C6",),
                      max_polyphony=("2",))
    for ids in stroll(FRAMES.grammar(request, 3), 5):
        on = ids == c.ON
        assert len(ids) == 6
        assert on[0].any()
        assert on[-1].any()
        assert on.sum(1).max() <= 2
        pitches = np.flatnonzero(on.any(0)) + c.LOWEST
        assert pitches.min() >= 60
        assert pitches.max() <= 84
        assert set((pitches % 12).tolist()) <= {2, 4, 5, 7, 9, 10, 0, 1}


@pytest.mark.parametrize(("wish", "text"), [
    ({"instruments": ("piano", "bass")}, "one pitched instrument"), ({"instruments": ("drums",)}, "one pitched instrument"),
    ({"style": "folk"}, "cannot hold style"), ({"chords": "Am F"}, "cannot hold chords"),
    ({"drums": True}, "cannot hold drums"), ({"metre": "7/8"}, "no whole number of frames"),
    ({"pitches": ("piano:C#4-C#4",), "key": "C major"}, "no key of the piano")])
def test_what_the_grammar_cannot_hold_it_says(wish, text):
    with pytest.raises(UserError, match=text):
        FRAMES.grammar(Request(**wish), 1)


@pytest.mark.parametrize(("piece", "text"), [
    (drums_only(), "no pitched note sounds"), (piece_of({0: [(0.5, 0.25, 60, 80)]}), "no pitched note sounds"),
    (piece_of({0: [(0, 1, 20, 80)]}), "has a Ab0"), (piece_of({0: [(0, 1, 109, 80)]}), "knows the keys of a piano")])
def test_what_cannot_be_written_is_said(piece, text):
    with pytest.raises(UserError, match=text):
        FRAMES.encode(piece)


def continued(piece, **wish) -> np.ndarray:
    """Stroll on from a piece and return the notes of the whole."""
    request = Request(task="continue", bars=1, **wish)
    grammar = FRAMES.grammar(request, 1, Draft.of(request, piece))
    [ids] = stroll(grammar, 1)
    assert len(ids) == len(grammar.prompt) + 4
    return np.array(table(grammar.piece(ids)))


def test_a_piece_is_continued_at_its_next_bar_line_for_one_of_its_instruments():
    piece = piece_of({0: [(1, 1, 60, 99), (2.25, 0.5, 64, 99)], 33: [(1, 2, 36, 99)]})  # an upbeat rest, notes off the grid
    with pytest.raises(UserError, match="one pitched instrument; one was expected, not 2"):
        continued(piece)
    notes = continued(piece, instruments=("piano",), key="C major")
    given = notes[notes[:, 0] < 4 * 480]
    assert list(map(tuple, given.tolist())) == table(piece)
    new = notes[len(given):]
    assert set(new[:, 4].tolist()) == {0}
    assert (new[:, 0] + new[:, 1]).max() == 8 * 480
    with pytest.raises(UserError, match="begin and end on a frame"):
        continued(piece_of({0: [(0, 3, 60, 99)]}, {0: (7, 8)}))


def test_frames_that_do_not_divide_a_quarter_are_refused():
    with pytest.raises(UserError, match="divisor of 480"):
        FramesConfig(steps_per_quarter=7)


def test_lessons_come_in_other_keys_and_stay_on_the_piano():
    ids = rows([22, 60], [106])
    assert c.shifts(ids) == [-1, 0, 1, 2]
    random = np.random.default_rng(0)
    lessons = [FRAMES.lesson(ids, 64, random, Variety(transpose=1)) for _ in range(40)]
    seen = {tuple(np.flatnonzero(lesson[0] == c.ON) + c.LOWEST) for lesson in lessons}
    assert seen == {(21, 59), (22, 60), (23, 61)}
    assert c.shifts(rows([])) == [0]


def test_pieces_are_examined_whole_and_learnt_in_windows():
    ids = rows(*[[60 + n % 5] for n in range(300)])
    random = np.random.default_rng(0)
    assert [len(page) for page in FRAMES.pages(ids, 64)] == [300]
    windows = [FRAMES.lesson(ids, 64, random, Variety(transpose=0)) for _ in range(40)]
    assert {len(window) for window in windows} == {64}
    assert FRAMES.is_note(rows([60], [])).tolist() == [True, False]
    assert not FRAMES.given(ids).any()
