"""On the grid, and off it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_made_here import any_piece, band, changing_metre, overlaps, piece_of, table

from bandmate.music.feel import humanize, quantize
from bandmate.piece import DRUMS
from bandmate.settings import UserError


def starts_and_lengths(piece):
    return [(start, length) for start, length, *_ in table(piece)]


def test_quantize_moves_starts_and_ends():
    piece = piece_of({0: [(0.02, 0.9, 60, 80), (1.1, 0.3, 62, 80), (1.98, 1.1, 64, 80)]})
    assert starts_and_lengths(quantize(piece)) == [(0, 480), (480, 240), (960, 480)]
    assert starts_and_lengths(quantize(piece, "1/4")) == [(0, 480), (480, 480), (960, 480)]
    assert starts_and_lengths(quantize(piece, strength=0.5)) == [(5, 456), (504, 192), (955, 504)]
    assert table(quantize(piece, strength=0)) == table(piece)


def test_quantize_in_triplets():
    piece = piece_of({0: [(0.3, 0.3, 60, 80), (0.7, 0.2, 62, 80)]})
    assert starts_and_lengths(quantize(piece, "1/8t")) == [(160, 160), (320, 160)]
    assert starts_and_lengths(quantize(piece_of({0: [(0.3, 0.3, 60, 80)]}, ticks=100), "1/8t")) == [(33, 34)]


def test_the_grid_begins_anew_with_every_bar():
    piece = piece_of({0: [(3.4, 0.5, 60, 80), (4.6, 0.5, 62, 80)]}, {0: (7, 8), 3.5: (4, 4)})
    assert starts_and_lengths(quantize(piece, "1/4")) == [(1680, 480), (2160, 480)]


def test_of_notes_that_fall_together_the_longest_stays():
    piece = piece_of({0: [(0, 0.1, 60, 70), (0.05, 0.8, 60, 80), (0.9, 1, 60, 90)], 33: [(0, 1, 60, 80)]})
    assert table(quantize(piece)) == [(0, 360, 60, 80, 0), (0, 480, 60, 80, 33), (480, 480, 60, 90, 0)]


def test_quantize_keeps_everything_else():
    piece = changing_metre()
    again = quantize(piece)
    assert again == piece
    assert again is not piece


@given(any_piece(24), st.sampled_from(["1/4", "1/8", "1/16", "1/32", "1/8t", "1/16t"]))
def test_quantize_twice_is_quantize_once(piece, grid):
    once = quantize(piece, grid)
    assert len(table(once)) <= len(table(piece))
    assert min(length for _, length, *_ in table(once)) >= 1
    assert table(quantize(once, grid)) == table(once)


def test_humanize_by_nothing_changes_nothing():
    assert table(humanize(band(), 0, 0)) == table(band())
    assert [row[3] for row in table(humanize(band(), 0.5, 0))] != []
    moved = humanize(band(), 1, 0)
    assert sorted(row[2:] for row in table(moved)) == sorted(row[2:] for row in table(band()))
    assert table(moved) != table(band())


def test_humanize_by_a_seed():
    assert table(humanize(band(), seed=4)) == table(humanize(band(), seed=4))
    assert table(humanize(band(), seed=4)) != table(humanize(band(), seed=5))


@given(any_piece(24), st.floats(0, 1), st.floats(0, 1), st.integers(0, 100))
def test_what_humanize_promises(piece, timing, velocity, seed):
    played = humanize(piece, timing, velocity, seed)
    assert played.tempos == piece.tempos
    assert played.time_signatures == piece.time_signatures
    for before, after in zip(piece.tracks, played.tracks, strict=True):
        old = sorted((note.pitch, note.start, note.end) for note in before.notes)
        new = sorted((note.pitch, note.start, note.end) for note in after.notes)
        assert [pitch for pitch, *_ in old] == [pitch for pitch, *_ in new]
        assert all(start >= 0 and end > start for _, start, end in new)
        assert max((abs(a[1] - b[1]) for a, b in zip(old, new, strict=True)), default=0) <= timing * 60 + 1
        assert all(1 <= note.velocity <= 127 for note in after.notes)
    assert overlaps(played) <= overlaps(piece)


def test_humanize_plays_chords_nearly_together_and_delays_hang_together():
    chords = piece_of({0: [(beat, 1, pitch, 80) for beat in range(400) for pitch in (60, 64, 67)]})
    delays = np.array([note.start for note in sorted(humanize(chords, 1, 0).tracks[0].notes, key=lambda note: note.start)])
    delays = delays.reshape(400, 3) - 480 * np.arange(400)[:, None]
    assert np.ptp(delays, axis=1).max() <= 2 * 0.12 * 60 + 1
    means = delays.mean(axis=1)
    assert 8 < means.std() < 40
    assert np.corrcoef(means[1:], means[:-1])[0, 1] > 0.5


def test_humanize_accents_the_metre():
    line = piece_of({DRUMS: [(step / 2, 0.25, 42, 80) for step in range(800)]})
    loud = np.array([note.velocity for note in humanize(line, 0, 1).tracks[0].notes]).reshape(-1, 8).mean(axis=0)
    assert loud[0] > loud[4] > loud[2] > loud[1]
    assert abs(loud[1] - loud[7]) < 3


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda piece: quantize(piece, "1/5"), "'1/5' is not a grid; grids look like '1/16'"),
    (lambda piece: quantize(piece, strength=2), "strength is 2; an amount from 0"),
    (lambda piece: humanize(piece, timing=-1), "timing is -1; an amount from 0"),
    (lambda piece: humanize(piece, velocity=1.5), "velocity is 1.5; an amount from 0"),
])
def test_mistakes(change, sentence):
    with pytest.raises(UserError, match=sentence):
        change(band())


def test_tracks_without_notes():
    piece = piece_of({0: [], 33: [(0, 1, 40, 80)]})
    assert len(humanize(piece).tracks) == len(quantize(piece).tracks) == 2
    assert table(quantize(piece_of({0: []}))) == table(humanize(piece_of({0: []}))) == []
