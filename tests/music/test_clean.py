"""Filters, each with its own reason; bars put right."""

import numpy as np
import pytest
from music_made_here import band, drums_only, piece_of

from bandmate.codecs.bars import Bars
from bandmate.music.clean import Filters, common_bars
from bandmate.music.grid import DURATION, PITCH, START, from_grid, to_grid
from bandmate.piece import DRUMS, Piece
from bandmate.settings import UserError

REASONS = [
    ({}, piece_of({}), "no notes"),
    ({"min_notes": 2}, piece_of({0: [(0, 1, 60, 90)]}), "too few notes"),
    ({"min_pitched_notes": 1, "min_notes": 1}, drums_only(), "too few notes"),
    ({"max_notes": 100}, band(8), "too many notes"),
    ({"min_onsets": 100}, band(4), "too short"),
    ({"max_onsets": 20}, band(4), "too long"),
    ({"max_seconds": 5}, band(4), "too long"),
    ({"max_mean_gap_s": 0.4}, piece_of({0: [(n, 1, 60, 90) for n in range(12)]}), "too sparse"),
    ({"max_usual_duration_s": 0.4}, piece_of({0: [(n, 1, 60, 90) for n in range(12)]}), "notes too long"),
    ({"need_chords": True}, piece_of({0: [(n, 1, 60, 90) for n in range(12)]}), "no chords"),
    ({"one_lead": True}, piece_of({80: [(n, 1, 60, 90) for n in range(12)], 81: [(0, 1, 60, 90)]}), "several leads"),
]


@pytest.mark.parametrize(("settings", "piece", "reason"), REASONS)
def test_every_rule_has_its_reason(settings: dict, piece: Piece, reason: str):
    rejection = Filters(**settings).check(piece)
    assert rejection is not None
    assert rejection.reason == reason
    assert rejection.rule
    assert Filters().check(band(4)) is None


def test_a_file_that_names_no_instruments():
    piece = piece_of({0: [(n, 1, 60, 90) for n in range(12)]})
    assert Filters(need_instruments=True).check(piece) is None
    piece.tracks.append(piece.tracks[0].copy())
    assert Filters(need_instruments=True).check(piece).reason == "no instruments named"
    piece.tracks[1].program = 40
    assert Filters(need_instruments=True).check(piece) is None


def test_sizes_are_judged_before_reading():
    assert Filters().check_size(0, midi=True).reason == "empty file"
    assert Filters(max_bytes=100).check_size(101, midi=True).reason == "file too large"
    assert Filters(max_bytes=100).check_size(101, midi=False) is None
    assert Filters(max_bytes=0).check_size(10**9, midi=True) is None


def test_the_faithful_thresholds():
    faithful = Filters.bangers()
    assert faithful.check(band(4)).reason == "too short"
    long = band(100)
    assert faithful.check(long) is None
    onsets = {note.time for track in long.tracks for note in track.notes}
    assert 600 < len(onsets) < 12_800
    assert faithful.check_size(250_001, midi=True).reason == "file too large"
    no_tune = piece_of({DRUMS: [(n / 2, 0.5, 36, 90) for n in range(1300)]})
    assert faithful.check(no_tune).reason == "too few notes"


def lengths(piece: Piece) -> list[int]:
    return to_grid(piece, 24).bar_lengths().tolist()


def test_a_short_bar_and_the_upbeat_after_it_are_one_bar():
    piece = piece_of({0: [(n / 2, 0.5, 60, 90) for n in range(24)]}, {0: (3, 4), 5.5: (3, 4), 6: (3, 4)})
    assert lengths(piece) == [72, 60, 12, 72, 72]
    grid = common_bars(to_grid(piece, 24))
    assert grid.bar_lengths().tolist() == [72, 72, 72, 72]
    assert np.array_equal(grid.notes, to_grid(piece, 24).notes)


def test_a_rare_metre_becomes_several_bars_and_keeps_its_notes():
    piece = piece_of({0: [(n, 1, 60 + n, 90) for n in range(22)]}, {0: (11, 4)})
    with pytest.raises(UserError, match="not among the metres"):
        Bars().encode(piece)
    grid = common_bars(to_grid(piece, 24))
    assert grid.bars[:, 1:].tolist() == [[4, 4], [4, 4], [3, 4]] * 2
    assert np.array_equal(grid.notes, to_grid(piece, 24).notes)
    again = to_grid(Bars().decode(Bars().encode(from_grid(grid))), 24)
    assert np.array_equal(again.notes[:, [START, DURATION, PITCH]], grid.notes[:, [START, DURATION, PITCH]])


def test_a_bar_that_ends_off_the_grid_is_filled_up():
    piece = piece_of({0: [(n / 3, 1 / 3, 60, 90) for n in range(24)]}, {0: (4, 4), 11 / 3: (4, 4)})
    grid = common_bars(to_grid(piece, 24))
    assert lengths(piece)[0] == 88
    assert all(length % 6 == 0 for length in grid.bar_lengths().tolist())
    moved = grid.notes[:, START] - to_grid(piece, 24).notes[:, START]
    assert set(moved[:11].tolist()) == {0}
    assert set(moved[11:].tolist()) == {2}
    Bars().encode(from_grid(grid))
