"""Pieces on a grid: rounding, bars, tempo, and back."""

import numpy as np
import pytest
import symusic
from hypothesis import given
from music_made_here import any_piece, band, changing_metre, drums_only, one_note, overlaps, pickup, piece_of, table

from bandmate.music.grid import GridPiece, from_grid, mean_tempo, note_table, tidy, to_grid
from bandmate.piece import DRUMS
from bandmate.settings import UserError


def test_one_note():
    grid = to_grid(one_note(), 24)
    assert grid.notes.tolist() == [[0, 24, 60, 90, 0]]
    assert grid.bars.tolist() == [[0, 4, 4]]
    assert grid.end == 96
    assert grid.tempo == 120


def test_no_notes():
    grid = to_grid(piece_of({}), 24)
    assert grid.notes.shape == (0, 5)
    assert len(grid.bars) == 1
    assert note_table(piece_of({0: []})).shape == (0, 5)


def test_drums_are_program_128():
    assert set(to_grid(drums_only(), 24).notes[:, 4].tolist()) == {DRUMS}
    assert all(track.is_drum for track in from_grid(to_grid(drums_only(), 24)).tracks)


def test_starts_and_ends_go_to_the_nearest_step():
    piece = piece_of({0: [(0.06, 0.4, 60, 90), (0.07, 0.01, 62, 90)]})  # 0.48 and 0.56 steps of an eighth of a quarter
    assert to_grid(piece, 8).notes[:, :3].tolist() == [[0, 4, 60], [1, 1, 62]]


def test_bars_follow_the_metre():
    grid = to_grid(changing_metre(), 24)
    assert grid.bars.tolist() == [[0, 4, 4], [96, 3, 4], [168, 3, 4], [240, 6, 8], [312, 4, 4]]
    assert grid.bar_lengths().tolist() == [96, 72, 72, 72, 96]


def test_a_change_of_metre_inside_a_bar_cuts_it_short():
    piece = piece_of({0: [(0, 1, 60, 90), (5, 1, 60, 90)]}, {0: (4, 4), 3: (3, 4)})
    assert to_grid(piece, 24).bar_lengths().tolist() == [72, 72]


def test_leading_empty_bars_go_and_pickups_stay():
    piece = piece_of({0: [(9, 1, 60, 90)]})
    assert to_grid(piece, 24).notes[0, 0] == 24
    assert to_grid(pickup(), 24).notes[:, 0].tolist() == [72, 80, 88, 96]


def test_a_note_that_ends_on_a_bar_line_opens_no_new_bar():
    assert to_grid(piece_of({0: [(0, 4, 60, 90)]}), 24).end == 96
    assert to_grid(piece_of({0: [(0, 4.5, 60, 90)]}), 24).end == 192


def test_a_metre_that_says_nothing_or_comes_after_the_end_is_passed_over():
    assert to_grid(piece_of({0: [(0, 1, 60, 90)]}, {0: (3, 4), 40: (5, 4)}), 24).bars.tolist() == [[0, 3, 4]]
    assert to_grid(piece_of({0: [(5, 1, 60, 90)]}, {4: (3, 4)}), 24).bars.tolist() == [[0, 3, 4]]


def test_tidy_keeps_the_longer_twin_and_ends_a_note_that_is_struck_again():
    notes = np.array([[0, 4, 60, 90, 0], [0, 9, 60, 80, 0], [6, 2, 60, 70, 0], [0, 9, 60, 60, 1]])
    assert tidy(notes).tolist() == [[0, 6, 60, 80, 0], [0, 9, 60, 60, 1], [6, 2, 60, 70, 0]]
    assert tidy(np.zeros((0, 5), np.int64)).shape == (0, 5)


def test_mean_tempo():
    piece = piece_of({0: [(0, 8, 60, 90)]}, tempo=60)
    assert mean_tempo(piece) == 60
    piece.tempos.append(symusic.Tempo(4 * 480, 120))
    assert mean_tempo(piece) == pytest.approx(80)  # four quarters take 4 s, four take 2 s
    assert mean_tempo(symusic.Score(480)) == 120


def test_back_to_a_piece():
    piece = from_grid(to_grid(band(), 24), names={0: "Keys"})
    assert table(piece) == table(band())
    assert [(track.name, track.program, track.is_drum) for track in piece.tracks] == [
        ("Keys", 0, False), ("Finger Bass", 33, False), ("Flute", 73, False), ("Drums", 0, True)]
    assert piece.ticks_per_quarter == 480
    assert [(mark.numerator, mark.denominator) for mark in piece.time_signatures] == [(4, 4)]
    with pytest.raises(ValueError, match="do not divide"):
        from_grid(GridPiece(np.zeros((0, 5), np.int32), np.zeros((0, 3), np.int32), 0, 7))


@given(any_piece(24))
def test_round_trip(piece):
    grid = to_grid(piece, 24)
    again = to_grid(from_grid(grid), 24)
    assert (again.notes == grid.notes).all()
    assert (again.bars[:, 0] == grid.bars[:, 0]).all()
    assert again.end == grid.end
    assert not overlaps(from_grid(grid))


@given(any_piece(96))
def test_every_note_has_a_step_and_a_bar(piece):
    grid = to_grid(piece, 8)
    assert (grid.notes[:, 1] >= 1).all()
    assert grid.notes[0, 0] < grid.bar_lengths()[0]
    assert ((grid.notes[:, 0] + grid.notes[:, 1]) <= grid.end).all()
    assert (np.diff(grid.bars[:, 0], append=grid.end) > 0).all()


def test_a_damaged_length_is_refused():
    with pytest.raises(UserError, match="over 10000 bars"):
        to_grid(piece_of({0: [(0, 1, 60, 90), (4_000_000, 1, 60, 90)]}), 24)
