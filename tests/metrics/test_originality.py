"""Originality by hand: copies as they stand, in another key, with a beat under them, and music that shares nothing."""

import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st
from music_made_here import band, drums_only, one_note, piece_of

from bandmate.metrics.nearest import Nearest
from bandmate.metrics.originality import GRAM, Library, moments
from bandmate.metrics.undefined import Undefined
from bandmate.piece import DRUMS

TUNE = [60, 62, 64, 65, 67, 69, 71, 72, 71, 67, 60, 48]


def tune(pitches, start=0, program=0, length=1):
    return piece_of({program: [(start + n * length, length, pitch, 90) for n, pitch in enumerate(pitches)]})


def library(*pieces):
    made = Library()
    for number, piece in enumerate(pieces):
        made.add(f"piece {number}", piece)
    made.close()
    return made


def shared_by_hand(query, text):
    """Longest stretch from each place of the query that stands anywhere in the text."""
    return [max((next((n for n in range(min(len(query) - a, len(text) - b)) if query[a + n] != text[b + n]),
                      min(len(query) - a, len(text) - b)) for b in range(len(text))), default=0) for a in range(len(query))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), max_size=25), min_size=1, max_size=5), st.lists(st.integers(0, 3), max_size=20))
def test_every_place_finds_its_longest_stretch(texts, query):
    nearest = Nearest([np.array(text, np.int64) for text in texts])
    lengths, where = nearest.match(np.array(query, np.int64))
    by_hand = np.array([shared_by_hand(query, text) for text in texts]).reshape(len(texts), len(query)).max(axis=0)
    assert lengths.tolist() == by_hand.tolist()
    for start, (length, place) in enumerate(zip(lengths.tolist(), where.tolist(), strict=True)):
        if length:
            number, first = map(int, nearest.place(place))
            assert texts[number][first:first + length] == query[start:start + length]


def test_a_tail_is_the_part_of_a_symbol_that_a_stretch_may_end_without():
    nearest = Nearest([np.array([16, 33, 50]), np.array([16, 34, 99])])
    assert nearest.match(np.array([16, 39, 50]), tail=4)[0].tolist() == [2, 1, 1]
    assert nearest.match(np.array([16, 39, 50]))[0].tolist() == [1, 0, 1]


def test_a_whole_copy_is_found_with_its_place():
    run = library(tune([50, 57, 52]), tune([55, 52, *TUNE, 40, 41])).longest(tune([72, *TUNE, 90]))
    assert (run.events, run.beats, run.name, run.number) == (12, 12.0, "piece 1", 1)
    assert (run.start, run.there) == (1.0, 2.0)


def test_a_copy_in_another_key_is_found_only_there():
    made = library(tune([pitch + 5 for pitch in TUNE]))
    assert made.longest(tune(TUNE)).events < 4
    run = made.longest(tune(TUNE), transposed=True)
    assert (run.events, run.beats, run.start, run.there) == (12, 12.0, 0.0, 0.0)


def test_the_last_moment_counts_although_the_step_after_it_differs():
    made = library(tune([55, 60, 62, 64, 50]))
    assert made.longest(tune([40, 65, 67, 69, 75]), transposed=True).events == 3


def test_other_rhythms_instruments_and_chords_are_no_copies():
    made = library(tune(TUNE))
    assert made.longest(tune(TUNE, length=2), transposed=True).events == 0
    assert made.longest(tune(TUNE, program=33), transposed=True).events == 0
    with_thirds = piece_of({0: [(n, 1, pitch + third, 90) for n, pitch in enumerate(TUNE) for third in (0, 4)]})
    assert made.longest(with_thirds, transposed=True).events == 0


def test_velocity_length_and_order_of_notes_do_not_count():
    chords = [(0, 1, 60, 90), (0, 1, 64, 90), (1, 1, 62, 90), (1, 1, 65, 90)]
    played = [(0, 0.5, 64, 20), (0, 1, 60, 120), (1, 1, 65, 70), (1, 0.8, 62, 71)]
    assert library(piece_of({0: chords})).longest(piece_of({0: played})).events == 2


def test_drums_stay_as_they_are_in_another_key():
    song = band(4)
    higher = song.copy()
    for track in higher.tracks:
        if not track.is_drum:
            track.shift_pitch(3, inplace=True)
    run = library(song).longest(higher, transposed=True)
    assert run.events == len(moments(song).exact)
    assert run.beats == 16.0
    for track in higher.tracks:
        if track.is_drum:
            track.shift_pitch(1, inplace=True)
    assert library(song).longest(higher, transposed=True).events < run.events / 4
    assert library(drums_only()).longest(drums_only(), transposed=True).events == 4


def test_beats_and_events_may_choose_other_runs():
    quick = [(n / 4, 0.25, 60 + n, 90) for n in range(8)]
    slow = [(n * 4, 4, 40 + 7 * n, 90) for n in range(3)]
    made = library(piece_of({0: quick}), piece_of({0: slow}))
    both = piece_of({0: [*quick, *((start + 8, *rest) for start, *rest in slow)]})
    assert made.longest(both).events == 7  # after the eighth the next moment is farther away
    assert made.longest(both, by="beats").beats == 12.0
    assert made.longest(both, by="beats").name == "piece 1"


def test_the_share_of_8_grams():
    made = library(tune(TUNE))
    assert made.shared(tune(TUNE)) == 1
    other = [30, 37, 33, 39, 31, 36, 30, 38]
    assert made.shared(tune([*TUNE[:10], *other])) == pytest.approx(3 / 11)
    assert made.shared(tune([pitch + 1 for pitch in TUNE])) == 0
    assert made.shared(tune([pitch + 1 for pitch in TUNE]), transposed=True) == 1
    with pytest.raises(Undefined, match="fewer than eight events"):
        made.shared(tune(TUNE[:GRAM - 1]))


def test_all_at_once_is_the_same_as_one_by_one():
    made, piece = library(tune(TUNE), band(3), drums_only()), band(2)
    found = made.compare(piece)
    assert (found.exact, found.transposed) == (made.longest(piece), made.longest(piece, transposed=True))
    assert (found.grams, found.transposed_grams) == (made.shared(piece), made.shared(piece, transposed=True))
    assert made.compare(one_note()).grams is None


def test_nothing_to_compare():
    empty = symusic.Score(480)
    made = library(empty, one_note(60))
    assert made.longest(one_note(60)).name == "piece 1"
    assert made.longest(one_note(61)).events == 0
    assert made.longest(one_note(61), transposed=True).events == 1
    with pytest.raises(Undefined, match="no notes"):
        made.longest(empty)
    with pytest.raises(Undefined, match="no notes"):
        made.compare(empty)
    assert library().longest(one_note()).events == 0


def test_two_tracks_of_one_family_in_unison_are_one_note():
    double = piece_of({0: [(0, 1, 60, 90)], 1: [(0, 1, 60, 90)], DRUMS: [(0, 1, 36, 90)]})
    single = piece_of({2: [(0, 1, 60, 90)], DRUMS: [(0, 1, 36, 90)]})
    assert library(single).longest(double).events == 1
