"""How a piece ends: the chord of the key, on its root or not, and the chords that lead there."""

import pytest
from music_made_here import piece_of, table

from bandmate.music.chords import parse_chords
from bandmate.music.endings import cadence, far_from_home, held, key_of
from bandmate.music.theory import parse_key

C, A_MINOR = parse_key("C major"), parse_key("A minor")


def ending(*pitches, more=()):
    return piece_of({0: [(0, 1, 67, 90), *((4, 4, pitch, 90) for pitch in pitches), *more], 128: [(7, 0.25, 36, 90)]})


@pytest.mark.parametrize(("key", "pitches", "far"), [
    (C, (48, 64, 67), 0), (C, (48,), 0), (C, (52, 60, 67), 1), (C, (48, 65, 69), 1), (C, (43, 59, 62), 2),
    (A_MINOR, (45, 60, 64), 0), (A_MINOR, (45, 61, 64), 0), (C, (48, 63, 67), 1)])
def test_the_last_chord_is_home_or_not(key, pitches, far):
    assert far_from_home(ending(*pitches), key) == far


def test_what_ended_before_is_no_part_of_the_last_chord():
    assert far_from_home(ending(48, 64, more=[(3, 1, 41, 90)]), C) == 0
    assert far_from_home(ending(48, 64, more=[(6, 1, 41, 90)]), C) == 2
    assert far_from_home(piece_of({128: [(0, 1, 36, 90)]}), C) == 2


def test_the_key_of_a_piece():
    scale = [(step, 1, pitch, 90) for step, pitch in enumerate((62, 64, 66, 67, 69, 71, 73, 74))]
    assert key_of(piece_of({0: [*scale, (8, 4, 62, 90), (8, 4, 69, 90)]})) == parse_key("D major")


@pytest.mark.parametrize(("key", "chords"), [("C major", "G C"), ("F# minor", "Db F#m"), ("Bb major", "F Bb")])
def test_a_cadence_is_dominant_and_tonic(key, chords):
    assert cadence(parse_key(key)) == chords
    assert len(parse_chords(chords)) == 2


def test_the_last_strong_beat_is_held():
    piece = piece_of({0: [(0, 4, 60, 90), (4, 3, 48, 90), (5, 1, 50, 90), (5.5, 1, 64, 90), (6, 0.5, 67, 90), (6.5, 1, 53, 90)],
                      128: [(7, 0.25, 36, 90)]})
    quarter = piece.ticks_per_quarter
    notes = [(start / quarter, length / quarter, pitch) for start, length, pitch, *_ in table(held(piece))]
    assert notes == [(0, 4, 60), (4, 4, 48), (5, 1, 50), (5.5, 0.5, 64), (6, 2, 67), (7, 0.25, 36)]
    assert table(held(held(piece))) == table(held(piece))
    weak = piece_of({0: [(4.5, 1, 48, 90)]})
    assert table(held(weak)) == table(weak)
