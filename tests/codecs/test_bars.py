"""The codec `bars`: rows of when, what, how; the header; windows; other keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_made_here import (
    any_piece,
    band,
    changing_metre,
    drums_only,
    one_note,
    overlaps,
    pickup,
    piece_of,
    table,
)

from bandmate.codecs import bars as b
from bandmate.codecs.bars import Bars, BarsConfig, left_index
from bandmate.codecs.bars_lessons import lesson, transpose
from bandmate.codecs.codec import Variety
from bandmate.music.grid import to_grid
from bandmate.music.request import Request
from bandmate.piece import DRUMS, Labels
from bandmate.settings import UserError


def test_one_note_in_words():
    codec = Bars()
    assert codec.words(codec.encode(one_note())) == [
        "begin", "has_drums no", "part piano:acoustic grand piano", "metre 4/4", "key C major", "tempo 123", "length 1 left",
        "music", "bar0 1 left 4/4", "0/24 piano C4 length24 velocity90", "end"]


def test_ids_fit_the_vocabularies():
    codec = Bars()
    ids = codec.encode(band())
    assert ids.dtype == np.int16
    assert (ids >= 0).all()
    assert (ids.max(axis=0) < codec.sizes).all()
    assert len(codec.fields) == len(codec.sizes) == 3
    assert codec.is_note(ids).sum() == len(table(band()))


def test_header_says_what_is_known():
    codec = Bars(BarsConfig(styles=("folk", "jazz"), composers=("Bach",)))
    words = codec.words(codec.encode(band(), Labels(style="jazz", composer="Bach")))
    assert words[:words.index("music")] == [
        "begin", "style jazz", "composer Bach", "has_drums yes", "part piano:acoustic grand piano", "part bass:finger bass",
        "part pipe:flute", "part drums:drums", "metre 4/4", "key C major", "tempo 100", "length 4 left"]
    words = codec.words(codec.encode(drums_only(), Labels(style="unheard of")))
    assert not any(word.startswith(("key", "style", "composer")) for word in words)


def test_bars_count_down_and_name_their_metre():
    words = Bars().words(Bars().encode(changing_metre()))
    assert [word for word in words if word.startswith("bar")] == [
        "bar0 5 left 4/4", "bar1 4 left 3/4", "bar2 3 left 3/4", "bar3 2 left 6/8", "bar4 1 left 4/4"]
    marks = Bars().decode(Bars().encode(changing_metre())).time_signatures
    assert [(mark.time // 480, mark.numerator, mark.denominator) for mark in marks] == [
        (0, 4, 4), (4, 3, 4), (10, 6, 8), (13, 4, 4)]


def test_empty_bars_stay():
    piece = piece_of({0: [(0, 1, 60, 90), (12, 1, 62, 90)]})
    assert table(Bars().decode(Bars().encode(piece))) == table(piece)
    assert b.bar_lines(Bars().encode(piece)[:, 0]).sum() == 4


def test_pickups_and_triplets_are_exact():
    assert table(Bars().decode(Bars().encode(pickup()))) == table(pickup())


@pytest.mark.parametrize("piece", [one_note(), band(), drums_only(), changing_metre(), band(140)],
                         ids=["one note", "band", "drums", "metres", "long"])
def test_round_trip(piece):
    again = Bars().decode(Bars().encode(piece))
    assert table(again) == table(piece)
    assert abs(again.tempos[0].qpm / piece.tempos[0].qpm - 1) < 0.04


def test_a_bar_cut_short_takes_a_metre_of_its_length():
    piece = piece_of({0: [(0, 1, 60, 90), (2, 1, 62, 90), (6, 1, 64, 90)]}, {0: (4, 4), 2: (3, 4)})
    words = Bars().words(Bars().encode(piece))
    assert [word.rsplit(maxsplit=1)[1] for word in words if word.startswith("bar")] == ["2/4", "3/4", "3/4"]
    assert table(Bars().decode(Bars().encode(piece))) == table(piece)


def test_tracks_of_one_family_become_one_part():
    piece = piece_of({0: [(0, 1, 60, 90)], 4: [(0, 1, 64, 90), (1, 1, 65, 90)]})
    assert {note[4] for note in table(Bars().decode(Bars().encode(piece)))} == {4}


def test_what_cannot_be_written_is_refused():
    with pytest.raises(UserError, match="no notes"):
        Bars().encode(piece_of({}))
    with pytest.raises(UserError, match=r"11/16.*use a common metre"):
        Bars().encode(piece_of({0: [(0, 1, 60, 90)]}, {0: (11, 16)}))


@given(any_piece(24))
def test_encoding_again_changes_nothing(piece):
    codec = Bars()
    ids = codec.encode(piece)
    again = codec.decode(ids)
    assert (codec.encode(again) == ids).all()
    assert not overlaps(again)


@given(any_piece(24))
def test_notes_start_where_they_started(piece):
    grid, again = to_grid(piece, 24), to_grid(Bars().decode(Bars().encode(piece)), 24)
    families = {(start, program // 8, pitch) for start, _, pitch, _, program in grid.notes.tolist()}
    assert families == {(start, program // 8, pitch) for start, _, pitch, _, program in again.notes.tolist()}
    assert (again.bars[:, 0] == grid.bars[:len(again.bars), 0]).all()
    assert again.end <= grid.end


@given(st.lists(st.tuples(st.integers(0, 311), st.integers(0, Bars.sizes[1] - 1), st.integers(0, Bars.sizes[2] - 1)),
                max_size=40))
def test_any_ids_decode(rows):
    piece = Bars().decode(np.array(rows, np.int64).reshape(-1, 3))
    assert not overlaps(piece)
    assert all(duration > 0 for _, duration, *_ in table(piece))


def test_a_last_bar_that_only_a_tail_reaches_is_kept_if_the_tail_can_be_written():
    for tail, bars in ((0.5, 2), (1 / 24, 1)):  # 4 1/24 quarters are written as 4
        ids = Bars().encode(piece_of({0: [(0, 4 + tail, 60, 90)]}))
        assert b.bar_lines(ids[:, 0]).sum() == bars
        assert (Bars().encode(Bars().decode(ids)) == ids).all()


def test_no_note_outlasts_the_piece():
    ids = Bars().encode(piece_of({0: [(1 / 24, 4 - 1 / 24, 60, 90)]}))  # the nearest duration, 4 quarters, is too long
    assert table(Bars().decode(ids)) == [(20, 1860, 60, 90, 0)]


def test_tempo_asked_for_is_exact():
    assert Bars().decode(Bars().encode(band()), Request(tempo=97.5)).tempos[0].qpm == pytest.approx(97.5, abs=0.001)


def test_bars_left_are_rounded_up():
    assert b.LEFT[left_index(np.array([1, 32, 33, 132, 1000]))].tolist() == [1, 32, 36, 132, 132]


def test_windows_start_with_the_header_at_a_bar_line():
    codec = Bars()
    ids = codec.encode(band(32))
    head = int(np.argmax(ids[:, 0] == b.MUSIC)) + 1
    for start in (0.0, 0.5, 0.999, 1.0):
        window = codec.window(ids, 100, start)
        assert len(window) <= 100
        assert (window[:head] == ids[:head]).all()
        assert b.bar_lines(window[head, 0])
    assert codec.window(ids, 100, 0.0)[head + 1:].tolist() == ids[head + 1:100].tolist()
    assert codec.window(ids, 100, 1.0)[-1, 0] == b.END
    assert codec.given(ids).sum() == head


@pytest.mark.parametrize("length", [20, 50, 100, 5000])
def test_pages_hold_each_note_once(length):
    codec = Bars()
    ids = codec.encode(band(32))
    head = int(codec.given(ids).sum())
    pages = codec.pages(ids, length)
    assert max(map(len, pages)) <= length
    assert (np.concatenate([ids[:head], *(page[head:] for page in pages)]) == ids).all()


def test_transposition_gives_twelve_keys_and_leaves_drums():
    codec = Bars()
    ids = codec.encode(band())
    keys = [transpose(ids, semitones) for semitones in range(-6, 6)]
    assert len({key.tobytes() for key in keys}) == 12
    for semitones, key in zip(range(-6, 6), keys, strict=True):
        heard = table(codec.decode(key))
        assert [note for note in heard if note[4] == DRUMS] == [note for note in table(band()) if note[4] == DRUMS]
        assert sorted((note[0], note[2]) for note in heard if note[4] != DRUMS) == sorted(
            (note[0], note[2] + semitones) for note in table(band()) if note[4] != DRUMS)
        again = codec.encode(codec.decode(key))
        assert (again == key).all()  # the key in the header, too
    high = codec.encode(one_note(127))
    assert (transpose(high, 1) == high).all()


def test_lessons_drop_header_fields_but_no_music():
    ids, random = Bars().encode(band(32)), np.random.default_rng(0)
    lengths = set()
    for _ in range(20):
        window = lesson(ids, 200, random, Variety(keep_header=0.5, tasks=0))
        assert window[0, 0] == b.BEGIN
        assert (window[:, 0] == b.MUSIC).sum() == 1
        assert len(window) <= 200
        lengths.add(int(Bars().given(window).sum()))
    assert len(lengths) > 2


@given(any_piece(24), st.integers(0, 2**32))
def test_a_task_gives_each_note_once(piece, seed):
    """What is given and what is to be written are the window's bars, each note in one of the two."""
    ids = Bars().encode(piece)
    window = lesson(ids, 4096, np.random.default_rng(seed), Variety(transpose=0, keep_header=1, tasks=1))
    assert len(window) <= 4096
    if not (window[:, 0] == b.GIVEN).any():
        assert not (window[:, 0] == b.WRITE).any()
        return
    first, last = int(np.argmax(window[:, 0] == b.GIVEN)), int(np.argmax(window[:, 0] == b.MUSIC))
    assert window[-1, 0] == b.END
    notes = sorted(map(tuple, np.concatenate([named(window[first:last]), named(window[last:])]).tolist()))
    assert notes == sorted(map(tuple, named(ids).tolist()))
    written = {family for family in (window[window[:, 0] == b.WRITE, 1] - b.NOTES) // 128}
    given_lines = window[first:last][b.bar_lines(window[first:last, 0])]
    for row in named(window[last:]):
        if row[1] in given_lines[:, 1].tolist():  # in a bar of which a part is given, only the parts to write are written
            assert (row[3] - b.NOTES) // 128 in written


def named(rows):
    """Put the bar line's ids (number, left, metre) before each note of some rows."""
    lines = b.bar_lines(rows[:, 0])
    notes = rows[:, 0] >= b.POSITION
    return np.column_stack([rows[lines][(np.cumsum(lines) - 1)[notes]][:, :2], rows[notes]])


def test_the_character_of_a_window_is_measured_in_what_is_to_be_written():
    ids = Bars().encode(band(8))
    seen = set()
    for seed in range(200):
        window = lesson(ids, 4096, np.random.default_rng(seed), Variety(transpose=0, tasks=0))
        seen |= {word for word in Bars().words(window) if word.split()[0] in ("density", "busyness", "polyphony", "tessitura",
                                                                              "loudness")}
    whole = {"density 3", "busyness 3", "polyphony 5", "tessitura 6", "loudness 6 to 6"}
    assert whole <= seen
