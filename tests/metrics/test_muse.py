"""MuseGAN's measures on bars made by hand, and the published rows."""

import numpy as np
import pytest
from music_made_here import band, drums_only, one_note, piece_of

from bandmate.metrics import muse
from bandmate.metrics.undefined import Undefined

BASS, DRUMS, GUITAR, PIANO, STRINGS = 33, 128, 25, 0, 48
STEP = 1 / 24  # of a quarter
# The rows of Dong et al., 2018, table 2, in the order of muse.CELLS.
DATA = (8.06, 8.06, 19.4, 24.8, 10.1, 1.71, 3.08, 3.28, 3.38, 90.0, 81.9, 88.4, 89.6, 88.6, 1.57, 1.58, 1.51, 1.10, 1.02, 1.04)
ROWS = {
    "jamming": (6.59, 2.33, 18.3, 22.6, 6.10, 1.53, 3.69, 4.13, 4.09, 71.5, 56.6, 62.2, 63.1, 93.2,
                1.56, 1.60, 1.54, 1.05, 0.99, 1.05),
    "composer": (0.01, 28.9, 1.34, 0.02, 0.01, 2.51, 4.20, 4.89, 5.19, 49.5, 47.4, 49.9, 52.5, 75.3,
                 1.37, 1.36, 1.30, 0.95, 0.98, 0.91),
    "hybrid": (2.14, 29.7, 11.7, 17.8, 6.04, 2.35, 4.76, 5.45, 5.24, 44.6, 43.2, 45.5, 52.0, 71.3,
               1.34, 1.35, 1.32, 0.85, 0.85, 0.83),
}


def chord(at, *pitches, length=1.0):
    return [(at, length, pitch, 90) for pitch in pitches]


def test_roles():
    roles = [muse.role_of(program) for program in (PIANO, GUITAR, BASS, STRINGS, DRUMS, 56, 73, 80)]
    assert roles == ["piano", "guitar", "bass", "strings", "drums", "strings", "strings", "strings"]
    assert {muse.role_of(program) for program in (*range(96, 104), *range(112, 128))} == {None}
    assert muse.role_of(104) == muse.role_of(8) == "strings"


def test_empty_bars():
    piece = piece_of({BASS: chord(0, 40) + chord(12, 40), PIANO: chord(0, 60, length=16), DRUMS: chord(4, 36)})
    assert muse.empty_bars(piece, "bass") == 50
    assert muse.empty_bars(piece, "piano") == 0  # a held note is no silence
    assert muse.empty_bars(piece, "drums") == 75
    ends_on_the_line = piece_of({BASS: chord(0, 40, length=4), PIANO: chord(4, 60)})
    assert muse.empty_bars(ends_on_the_line, "bass") == 50


def test_pitch_classes():
    piece = piece_of({PIANO: chord(0, 60, 72, 64, 67) + chord(8, 62)})  # an empty bar between does not count
    assert muse.pitch_classes(piece, "piano") == (3 + 1) / 2
    assert muse.pitch_classes(piece, "piano", released_code=True) == (2 + 1) / 2  # bands of 59 to 65 and 66 to 72
    assert muse.pitch_classes(piece_of({PIANO: chord(0, 60, length=5)}), "piano") == 1  # sounds in both bars


def test_released_pitch_classes_are_registers():
    neighbours = piece_of({PIANO: chord(0, 59, 60, 61, 62, 63, 64, 65)})
    assert muse.pitch_classes(neighbours, "piano") == 7
    assert muse.pitch_classes(neighbours, "piano", released_code=True) == 1
    with pytest.raises(Undefined, match="no piano"):
        muse.pitch_classes(piece_of({GUITAR: chord(0, 60)}), "piano")


def test_qualified_notes_last_three_of_96_steps():
    piece = piece_of({PIANO: chord(0, 60, length=3 * STEP) + chord(1, 60, length=2 * STEP) + chord(2, 60, length=STEP)
                      + chord(3, 60)})
    assert muse.qualified_notes(piece, "piano") == 50
    assert muse.qualified_notes(piece, "piano", released_code=True) == 75


def test_released_notes_are_cut_at_bar_lines_and_lose_a_step_when_struck_again():
    over_the_line = piece_of({PIANO: chord(4 - STEP, 60, length=2 * STEP)})
    assert muse.qualified_notes(over_the_line, "piano", released_code=True) == 0  # one step on either side
    again = piece_of({PIANO: chord(0, 60, length=2 * STEP) + chord(2 * STEP, 60, length=2 * STEP)})
    assert muse.qualified_notes(again, "piano", released_code=True) == 50
    two_bars = piece_of({PIANO: chord(0, 60, length=8) + chord(4, 62, length=STEP)})
    assert muse.qualified_notes(two_bars, "piano", released_code=True) == pytest.approx((100 + 50) / 2)
    assert muse.qualified_notes(two_bars, "piano") == pytest.approx((100 + 0) / 2)


def test_drum_pattern():
    sixteenths = piece_of({DRUMS: [(n / 4, 0.1, 42, 90) for n in range(16)]})
    assert muse.drum_pattern(sixteenths) == muse.drum_pattern(sixteenths, released_code=True) == 100
    triplets = piece_of({DRUMS: [(n / 3, 0.1, 42, 90) for n in range(12)]})  # on steps 0, 8, 16 of 24: one in three
    assert muse.drum_pattern(triplets) == pytest.approx(100 / 3)
    late = piece_of({DRUMS: [(0, 0.1, 42, 90), (1 + STEP, 0.1, 42, 90)]})
    assert muse.drum_pattern(late) == 50
    assert muse.drum_pattern(late, released_code=True) == pytest.approx(65)
    all_late = piece_of({DRUMS: [(n + 2 * STEP, 0.1, 42, 90) for n in range(4)]})
    assert muse.drum_pattern(all_late) == 0
    assert muse.drum_pattern(all_late, released_code=True) == 100  # the best of six shifts


def test_tonal_distance_of_the_same_chord_is_zero():
    piece = piece_of({PIANO: chord(0, 60, 64, 67, length=4), GUITAR: chord(0, 48, 52, 55, length=4)})
    assert muse.tonal_distance(piece, "piano", "guitar") == pytest.approx(0)
    assert muse.tonal_distance(piece, "piano", "guitar", released_code=True) > 0.1


def test_tonal_distance_by_hand_symmetric_and_the_same_in_every_key():
    def distance(shift, first="piano", second="guitar", released=False):
        piece = piece_of({PIANO: chord(0, 60 + shift, length=4), GUITAR: chord(0, 55 + shift, length=4)})
        return muse.tonal_distance(piece, first, second, released)
    fifth = np.pi * 7 * np.array([7 / 6, 3 / 2, 2 / 3])  # the angles by which a fifth turns the three circles
    expected = np.sqrt((np.array([1, 1, 0.25]) * (2 - 2 * np.cos(fifth))).sum())
    assert distance(0) == pytest.approx(expected)
    assert distance(0, "guitar", "piano") == pytest.approx(expected)
    assert [distance(shift) for shift in range(12)] == pytest.approx([expected] * 12)
    assert len({round(distance(shift, released=True), 6) for shift in range(12)}) > 1


def test_beats_with_a_silent_side_are_skipped():
    piece = piece_of({PIANO: chord(0, 60, length=4), GUITAR: chord(0, 60, length=1)})
    assert muse.tonal_distance(piece, "piano", "guitar") == pytest.approx(0)
    with pytest.raises(Undefined, match="piano and guitar never sound together"):
        muse.tonal_distance(piece, "piano", "guitar", released_code=True)  # no bar in which they do on every beat
    with pytest.raises(Undefined, match="piano and bass never sound together"):
        muse.tonal_distance(piece_of({PIANO: chord(0, 60), BASS: chord(1, 40)}), "piano", "bass")


def test_chroma_is_weighed_by_time():
    piece = piece_of({PIANO: chord(0, 60, length=0.75) + chord(0.75, 67, length=0.25), GUITAR: chord(0, 60)})
    whole = piece_of({PIANO: chord(0, 67), GUITAR: chord(0, 60)})
    assert muse.tonal_distance(piece, "piano", "guitar") == pytest.approx(muse.tonal_distance(whole, "piano", "guitar") / 4)


def test_parts_that_do_not_play_are_named():
    with pytest.raises(Undefined, match="no drums"):
        muse.drum_pattern(one_note())
    with pytest.raises(Undefined, match="no bass"):
        muse.empty_bars(one_note(), "bass")
    with pytest.raises(Undefined, match="no strings"):
        muse.tonal_distance(one_note(), "piano", "strings")
    with pytest.raises(Undefined, match="drums have no harmony"):
        muse.pitch_classes(drums_only(), "drums")
    for silence in (piece_of({}), piece_of({120: chord(0, 60)})):
        with pytest.raises(Undefined, match="no piano"):
            muse.qualified_notes(silence, "piano")


def test_odd_metres_have_beats_and_bars_of_their_own():
    piece = piece_of({PIANO: chord(0, 60, length=7), DRUMS: chord(3.5, 36)}, {0: (7, 8)})
    assert muse.empty_bars(piece, "drums") == 50
    assert muse.drum_pattern(piece) == 100


@pytest.mark.parametrize("released", [False, True])
def test_cells_of_a_set(released):
    found = muse.cells([band(), drums_only(), piece_of({})], released)
    assert list(found) == [name for name in muse.CELLS if name in found]
    assert len(muse.CELLS) == 20
    assert set(muse.CELLS) - set(found) == {name for name in muse.CELLS if "guitar" in name}
    assert found["EB bass"] == 0
    assert found["UPC bass"] == 1
    assert found["DP drums"] == found["QN piano"] == 100
    assert found["UPC strings"] == (5 if not released else 2)  # C D E F G, from 72 on: bands of 66 to 72 and 73 to 79
    assert all(np.isfinite(value) for value in found.values())


def test_every_bar_of_a_set_counts_once():
    short, long = piece_of({PIANO: chord(0, 60)}), piece_of({PIANO: chord(0, 60, 64) + chord(4, 60, 64) + chord(8, 60, 64)})
    assert muse.cells([short, long])["UPC piano"] == (1 + 2 + 2 + 2) / 4
    with pytest.raises(Undefined, match="no pieces"):
        muse.cells([])


@pytest.mark.parametrize(("row", "published"), [("jamming", 17.4), ("composer", 54.7), ("hybrid", 48.6)])
def test_relative_error_of_the_published_rows(row, published):
    error = muse.relative_error(dict(zip(muse.CELLS, ROWS[row], strict=True)), dict(zip(muse.CELLS, DATA, strict=True)))
    assert error == pytest.approx(published, abs=0.05)


def test_relative_error_needs_a_cell_in_common():
    assert muse.relative_error({"EB bass": 3.0, "DP drums": 50.0}, {"EB bass": 2.0, "EB piano": 5.0}) == 50
    with pytest.raises(Undefined, match="no cell in common"):
        muse.relative_error({"EB bass": 1.0}, {"EB bass": 0.0})
