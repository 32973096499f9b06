"""Pitches and beats: every value by hand."""

import numpy as np
import pytest
from music_made_here import band, changing_metre, drums_only, one_note, piece_of

from bandmate.metrics import tonality
from bandmate.metrics.undefined import Undefined
from bandmate.settings import UserError

PITCH_MEASURES = (tonality.pitch_class_entropy, tonality.pitch_entropy, tonality.pitch_range, tonality.scale_consistency,
                  tonality.polyphony, tonality.polyphony_rate)
SCALE = (60, 62, 64, 65, 67, 69, 71)


def tune(pitches, length=1.0):
    return piece_of({0: [(n * length, length, pitch, 90) for n, pitch in enumerate(pitches)]})


@pytest.mark.parametrize("measure", PITCH_MEASURES)
@pytest.mark.parametrize("piece", [piece_of({}), piece_of({0: []}), drums_only()], ids=["no tracks", "no notes", "drums only"])
def test_without_pitched_notes_nothing_is_said(measure, piece):
    with pytest.raises(Undefined, match="no pitched notes"):
        measure(piece)


def test_one_note():
    values = [measure(one_note()) for measure in PITCH_MEASURES]
    assert values == [0, 0, 0, 100, 1, 0]
    assert tonality.empty_beat_rate(one_note()) == 0


def test_entropy_is_of_notes_not_of_time():
    assert tonality.pitch_class_entropy(tune([60, 72, 62, 74])) == 1  # two classes, equally often
    assert tonality.pitch_entropy(tune([60, 72, 62, 74])) == 2
    long_and_short = piece_of({0: [(0, 3, 60, 90), (3, 1, 62, 90)]})
    assert tonality.pitch_class_entropy(long_and_short) == 1
    assert tonality.pitch_class_entropy(tune(range(60, 72))) == pytest.approx(np.log2(12))
    assert tonality.pitch_class_entropy(tune([60, 60, 60, 62])) == pytest.approx(0.75 * np.log2(4 / 3) + 0.25 * 2)


def test_range_leaves_drums_out():
    assert tonality.pitch_range(piece_of({0: [(0, 1, 50, 90), (1, 1, 67, 90)], 128: [(0, 1, 36, 90)]})) == 17


def test_scale_consistency():
    assert tonality.scale_consistency(tune(SCALE)) == 100
    assert tonality.scale_consistency(tune([pitch + 3 for pitch in SCALE])) == 100
    assert tonality.scale_consistency(tune([*SCALE, 61])) == 87.5
    assert tonality.scale_consistency(tune(range(60, 72))) == pytest.approx(100 * 7 / 12)


def test_groove_counts_the_silent_bar_after_a_piece_that_ends_on_a_bar_line():
    two_alike = piece_of({0: [(0, 1, 60, 90), (4, 1, 62, 90)]})
    assert tonality.groove_consistency(two_alike) == 100
    ends_on_a_line = piece_of({0: [(0, 1, 60, 90), (4, 4, 62, 90)]})  # bars: one onset, the same, silence
    assert tonality.groove_consistency(ends_on_a_line) == pytest.approx(100 * (1 - (0 + 1 / 48) / 2))
    assert tonality.groove_consistency(ends_on_a_line, 16) == pytest.approx(100 * (1 - (0 + 1 / 16) / 2))


def test_groove_hears_all_parts_together():
    other_drums = piece_of({0: [(0, 1, 60, 90), (4, 1, 62, 90)], 128: [(0, 0.25, 36, 90), (5, 0.25, 36, 90)]})
    assert tonality.groove_consistency(other_drums) == pytest.approx(100 * (1 - 1 / 48))


def test_groove_gives_every_metre_its_own_bar():
    value = tonality.groove_consistency(changing_metre())  # quarters in 4/4, 3/4, 3/4, 6/8, 4/4, then the silent bar
    assert value == pytest.approx(100 * (1 - (0 + 0 + 4 / 48) / 3))
    with pytest.raises(Undefined, match="no two neighbouring bars of one length"):
        tonality.groove_consistency(piece_of({0: [(0, 1, 60, 90), (4, 1, 62, 90)]}, {0: (4, 4), 4: (3, 4)}))


def test_groove_without_a_groove():
    with pytest.raises(Undefined, match="no notes"):
        tonality.groove_consistency(piece_of({}))
    with pytest.raises(Undefined, match="no two"):
        tonality.groove_consistency(one_note())
    with pytest.raises(UserError, match="a multiple of 4 was expected"):
        tonality.groove_consistency(band(), 47)


def test_polyphony_counts_pitches_while_any_sounds():
    piece = piece_of({0: [(0, 2, 60, 90), (0, 1, 64, 90), (0, 1, 67, 90)], 40: [(0, 1, 67, 90)], 128: [(0, 4, 36, 90)]})
    assert tonality.polyphony(piece) == 2  # three pitches, then one; a pitch in two parts is one
    assert tonality.polyphony_rate(piece) == 25  # one quarter of the four that the drum lasts
    assert tonality.polyphony_rate(piece, threshold=0) == 50


def test_a_note_that_ends_on_a_beat_leaves_the_next_one_empty():
    assert tonality.empty_beat_rate(piece_of({0: [(0, 1, 60, 90), (3, 1, 60, 90)]})) == 50
    assert tonality.empty_beat_rate(piece_of({0: [(0, 1.25, 60, 90), (3, 1, 60, 90)]})) == 25
    assert tonality.empty_beat_rate(drums_only()) == 0
    assert tonality.empty_beat_rate(piece_of({0: [(8, 1, 60, 90)]})) == 0  # silence before the music does not count
    with pytest.raises(Undefined, match="no notes"):
        tonality.empty_beat_rate(piece_of({}))
