"""Voice leading, by hand: two chords are enough for every fault."""

import numpy as np
import pytest
from music_made_here import band, drums_only, one_note, piece_of

from bandmate.metrics import chorale
from bandmate.metrics.undefined import Undefined

MEASURES = (chorale.parallel_fifths, chorale.parallel_octaves, chorale.voice_crossing, chorale.wide_spacing)


def choir(*chords):
    """Four tracks of quarters; a pitch of -1 is a rest."""
    piece = piece_of({52 + voice: [(n, 1, chord[voice], 80) for n, chord in enumerate(chords) if chord[voice] >= 0]
                      for voice in range(4)})
    return piece


def test_parallel_fifths_and_octaves():
    fifths = choir((76, 69, 62, 55), (77, 69, 64, 57))  # tenor and bass: d over g to e over a
    assert chorale.parallel_fifths(fifths) == 100
    assert chorale.parallel_octaves(fifths) == 0
    octaves = choir((72, 67, 64, 48), (74, 67, 65, 50))  # soprano and bass, two octaves apart
    assert chorale.parallel_octaves(octaves) == 100
    assert chorale.parallel_fifths(octaves) == 0


def test_fifths_that_do_not_count():
    assert chorale.parallel_fifths(choir((72, 67, 62, 55), (72, 67, 62, 55), (72, 69, 62, 55))) == 0  # only one voice moves
    contrary = choir((76, 69, 62, 55), (76, 69, 64, 45))  # from a fifth to a twelfth, in opposite directions
    assert chorale.parallel_fifths(contrary) == 0
    other_interval = choir((76, 69, 62, 55), (78, 70, 64, 56))  # fifths widen to sixths
    assert chorale.parallel_fifths(other_interval) == 0


def test_rates_are_per_hundred_changes():
    music = choir((76, 69, 62, 55), (77, 69, 64, 57), (77, 69, 64, 57), (77, 69, 64, 60), (76, 69, 64, 60))
    assert chorale.parallel_fifths(music) == pytest.approx(100 / 3)


def test_every_chord_up_a_step_is_all_parallel():
    assert chorale.parallel_octaves(choir((72, 72, 60, 48), (74, 74, 62, 50))) == 600  # unisons count like octaves


def test_crossing_and_spacing():
    frames = np.array([(72, 67, 64, 48), (66, 67, 64, 48), (80, 67, 64, 30), (80, 67, -1, 30)])
    assert chorale.voice_crossing(frames) == pytest.approx(100 / 3)  # of the three full chords
    assert chorale.wide_spacing(frames) == pytest.approx(100 / 3)  # thirteen semitones; the bass may be far
    assert chorale.wide_spacing(np.array([(79, 67, 64, 48)])) == 0  # an octave is not wide


def test_voices_of_a_piece():
    frames = chorale.voices(choir((72, 67, 64, 48), (-1, 67, 64, 50)))
    assert frames.shape == (8, 4)
    assert frames[3].tolist() == [72, 67, 64, 48]
    assert frames[4].tolist() == [-1, 67, 64, 50]  # the soprano's note ends on the beat
    overlapping = piece_of({voice: [(0, 1.5, pitch, 80), (1, 1, pitch + 2, 80)]
                            for voice, pitch in enumerate((48, 60, 67, 72))})
    assert chorale.voices(overlapping)[:, 3].tolist() == [48] * 4 + [50] * 4  # sorted by pitch; a new note ends the last
    late = piece_of({voice: [(8, 1, pitch, 80)] for voice, pitch in enumerate((48, 60, 67, 72))})
    assert len(chorale.voices(late)) == 4


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("music", [piece_of({}), one_note(), drums_only(), band(), np.full((3, 4), -1), np.zeros((3, 5), int)],
                         ids=["empty", "one note", "drums", "chords", "silence", "five voices"])
def test_other_music_is_not_in_four_voices(measure, music):
    with pytest.raises(Undefined, match="not in four voices"):
        measure(music)


def test_chords_in_a_track_are_no_voice():
    piece = piece_of({0: [(0, 1, 72, 80), (0, 1, 76, 80)], 1: [(0, 1, 67, 80)], 2: [(0, 1, 64, 80)], 3: [(0, 1, 48, 80)]})
    with pytest.raises(Undefined, match="not in four voices"):
        chorale.voices(piece)


def test_what_never_happens_has_no_rate():
    with pytest.raises(Undefined, match="never changes"):
        chorale.parallel_fifths(choir((72, 67, 64, 48)))
    with pytest.raises(Undefined, match="never sound together"):
        chorale.voice_crossing(choir((72, -1, 64, 48), (-1, 67, -1, -1)))
