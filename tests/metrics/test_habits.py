"""Habits by hand: circles, lengths, hanging notes, melodies."""

import pytest
from music_made_here import drums_only, one_note, piece_of

from bandmate.metrics import habits
from bandmate.metrics.undefined import Undefined


def line(*pitches, length=1.0):
    """One note after another."""
    return piece_of({0: [(at * length, length, pitch, 90) for at, pitch in enumerate(pitches)]})


SCALE = range(40, 60)


def test_events_are_pitches_that_start_together():
    piece = piece_of({0: [(0, 1, 64, 90), (0, 1, 60, 90), (1, 1, 62, 90)], 40: [(0, 2, 60, 90)], 128: [(0.5, 1, 36, 90)]})
    assert habits.events(piece) == [(60, 64), (62,)]
    assert habits.events(drums_only()) == []


def test_a_circle_is_counted():
    assert habits.repeated(line(*SCALE)) == 0
    assert habits.repeated(line(60, 62, 64, *[60, 62, 64] * 9)) == pytest.approx(100 * 20 / 22)  # 23 stretches: all but three
    assert habits.longest_circle(line(60, 62, 64, *[60, 62, 64] * 9)) == 27
    assert habits.longest_circle(line(*SCALE)) == 0
    assert habits.longest_circle(line(60, 60, 60, 62)) == 2


def test_what_came_long_ago_is_no_circle():
    tune = [60, 62, 64, 65, 67, 69, 71, 72]
    between = [pitch for low in range(20, 84) for pitch in (low, low + 40)]
    assert habits.repeated(line(*tune, *between, *tune)) == 0
    assert habits.repeated(line(*tune, *between[:16], *tune)) > 0


def test_rhythm_is_counted():
    assert (habits.lengths(line(*SCALE)), habits.gaps(line(*SCALE))) == (1, 1)
    mixed = piece_of({0: [(0, 1, 60, 90), (1, 0.5, 62, 90), (1.5, 1, 64, 90), (4, 1, 65, 90)]})
    assert (habits.lengths(mixed), habits.gaps(mixed)) == (2, 3)
    assert (habits.lengths(drums_only()), habits.gaps(one_note())) == (0, 0)


def test_notes_hang_that_last_four_quarters():
    piece = piece_of({0: [(0, 3.75, 60, 90), (0, 4, 64, 90), (8, 1, 67, 90), (9, 1, 67, 90)]})
    assert habits.hanging(piece) == 25
    with pytest.raises(Undefined, match="no notes"):
        habits.hanging(drums_only())


def test_melodies_step_and_leap():
    under = [(0, 4, 40, 90)]
    piece = piece_of({0: [(0, 1, 60, 90), (1, 1, 62, 90), (2, 1, 62, 90), (3, 1, 70, 90), (4, 1, 77, 90)], 32: under})
    assert habits.stepwise(piece) == pytest.approx(100 / 3)  # up two, stay, up eight, up seven
    assert habits.leaping(piece) == pytest.approx(100 / 3)
    for still in (one_note(), line(60, 60), drums_only()):
        with pytest.raises(Undefined, match="never moves"):
            habits.stepwise(still)
        with pytest.raises(Undefined, match="never moves"):
            habits.leaping(still)


def test_what_is_too_short_to_repeat_says_so():
    with pytest.raises(Undefined, match="fewer than nine events"):
        habits.repeated(line(*range(60, 68)))
