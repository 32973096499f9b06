"""The checker on pieces built by hand: each control seen to hold, and seen to fail."""

import io

import mido
import pytest
from music_made_here import band, piece_of

from bandmate.music.request import Request
from bandmate.obedience.controls import check
from bandmate.piece import DRUMS

C_MAJOR = [(beat, 1, pitch, 80) for beat, pitch in enumerate([60, 64, 67, 65, 62, 60, 59, 60])]  # two bars of 4/4


def held(piece, prompt=None, **wish):
    """Return the controls that hold and those that do not."""
    found = check(piece.dumps_midi(), Request(**wish), prompt.dumps_midi() if prompt else None)
    return {name for name, holds in found.items() if holds}, {name for name, holds in found.items() if not holds}


def test_a_new_piece_that_obeys():
    piece = piece_of({0: C_MAJOR, 33: [(0, 4, 36, 80), (4, 3.5, 43, 80)], DRUMS: [(7, 1, 36, 80)]}, {0: (4, 4)}, tempo=97.5)
    holds, fails = held(piece, bars=2, instruments=("piano", "bass"), drums=True, tempo=97.5, metre="4/4", key="C major",
                        pitches=("piano:B3-C5", "bass:C2-C3"), max_polyphony=("1",), max_leap=("7",), chords="C | Dm G")
    assert fails == {"chords"}  # F4 on D minor is fine, the bass G on D minor is not
    assert holds == {"instruments", "drums", "bars", "metre", "tempo", "key", "pitches", "max_polyphony", "max_leap", "written"}


@pytest.mark.parametrize(("control", "wish"), [
    ("instruments", {"instruments": ("piano",)}), ("instruments", {"instruments": ("piano", "bass", "flute")}),
    ("instruments", {"instruments": ("piano", "bass", "flute"), "drums": True}), ("drums", {"drums": False}),
    ("bars", {"bars": 1}), ("bars", {"bars": 3}), ("metre", {"metre": "3/4"}), ("metre", {"metre": "2/4", "bars": 4}),
    ("tempo", {"tempo": 97}), ("key", {"key": "G major"}), ("key", {"key": "A minor", "pitches": ("guitar:C3-C5",)}),
    ("pitches", {"pitches": ("piano:C4-C5",)}), ("pitches", {"pitches": ("drums:40-50",)}),
    ("max_polyphony", {"max_polyphony": ("1",)}),
    ("max_polyphony", {"max_polyphony": ("3", "bass:1")}), ("max_leap", {"max_leap": ("3",)}),
    ("max_leap", {"max_leap": ("bass:6",)}),
    ("chords", {"chords": "Am"}),
])
def test_a_new_piece_that_does_not(control, wish):
    piece = piece_of({0: [*C_MAJOR, (7.5, 0.5, 66, 80)], 33: [(0, 5, 36, 80), (4, 3.5, 43, 80)], DRUMS: [(7, 1, 36, 80)]},
                     tempo=97.5)
    assert control in held(piece, **{"bars": 2, **wish})[1]


def test_drums_that_are_missing():
    assert "drums" in held(piece_of({0: C_MAJOR}), bars=2, drums=True)[1]


def test_nothing_was_written():
    empty = mido.MidiFile(tracks=[mido.MidiTrack()])
    data = io.BytesIO()
    empty.save(file=data)
    assert not check(data.getvalue(), Request(bars=1))["written"]
    prompt = band(2)
    assert "written" in held(prompt, prompt, task="continue", bars=1)[1]


def test_a_tempo_that_changes():
    piece = piece_of({0: C_MAJOR}, tempo=97.5)
    piece.tempos.append(type(piece.tempos[0])(960, 98.0))
    assert "tempo" in held(piece, bars=2, tempo=97.5)[1]


@pytest.mark.parametrize(("notes", "chords", "obeys"), [
    ([(0, 60), (1, 62), (2, 64), (3, 65)], "C", True),
    ([(0, 62)], "C", False),  # not a chord tone on the first beat
    ([(2, 62)], "C", False),  # nor on the third
    ([(1, 61)], "C", False),  # not in the scale
    ([(1, 66)], "C7#11", True),
    ([(1, 62), (3, 62)], "C G", True),
    ([(0, 60), (1, 67)], "C G |", True),
    ([(2, 65)], "C F |", True),
    ([(2, 64)], "C F |", False),  # strong, for a chord begins there
    ([(1, 62), (2, 65), (3, 67)], "C F G |", True),
    ([(3, 65)], "C F G |", False),  # the last of three begins on the fourth beat
    ([(0, 60), (4, 61)], "C Db", True),
    ([(0, 60), (4, 60)], "C Db", False),
    ([(0, 60), (4, 61), (8, 60)], "C Db", True),  # and from the start
])
def test_chords(notes, chords, obeys):
    piece = piece_of({0: [(start, 1, pitch, 80) for start, pitch in notes]})
    assert ("chords" in held(piece, bars=3, chords=chords)[0]) == obeys


@pytest.mark.parametrize(("bass", "chords", "obeys"), [
    ([(0, 36), (1, 40), (2, 43)], "C", True),
    ([(0, 40)], "C", False),
    ([(0, 40)], "C/E", True),
    ([(1, 38)], "C", False),  # the first counts, wherever it starts
    ([(0, 36), (0, 48)], "C", True),
    ([(0, 36), (2, 41)], "C F |", True),
    ([(0, 36), (2, 45)], "C F |", False),
    ([(0, 36), (4, 40)], "C", False),  # each bar is a new chord
])
def test_bass_of_chords(bass, chords, obeys):
    piece = piece_of({33: [(start, 1, pitch, 80) for start, pitch in bass]})
    assert ("chords" in held(piece, bars=2, chords=chords)[0]) == obeys


def test_polyphony_counts_what_is_held():
    piece = piece_of({0: [(0, 4, 60, 80), (1, 1, 64, 80), (2, 1, 67, 80)]})
    assert "max_polyphony" in held(piece, bars=1, max_polyphony=("2",))[0]
    assert "max_polyphony" in held(piece, bars=1, max_polyphony=("piano:1",))[1]
    assert "max_polyphony" in held(piece, bars=1, max_polyphony=("3", "flute:1"))[0]


def test_leaps_are_from_the_nearest_note_of_the_onset_before():
    piece = piece_of({0: [(0, 1, 48, 80), (0, 1, 72, 80), (1, 1, 70, 80), (2, 1, 60, 80)]})
    assert "max_leap" in held(piece, bars=1, max_leap=("10",))[0]
    assert "max_leap" in held(piece, bars=1, max_leap=("9",))[1]


def longer(bars, *notes, tempo=100):
    """Return a band of some bars and more notes on the piano."""
    piece = band(bars)
    for start, length, pitch, velocity in notes:
        piece.tracks[0].notes.append(type(piece.tracks[0].notes[0])(round(start * 480), round(length * 480), pitch, velocity))
    piece.tempos[0].qpm = tempo
    return piece


def test_a_continuation_that_obeys():
    holds, fails = held(longer(2, (8, 4, 60, 80), (12, 2, 64, 80)), band(2), task="continue", bars=2, instruments=("piano",),
                        key="C major", fresh=True, max_leap=("19",), drums=False)
    assert fails == set()
    assert holds == {"instruments", "drums", "bars", "key", "max_leap", "fresh", "given", "written"}


@pytest.mark.parametrize(("control", "piece", "wish"), [
    ("bars", longer(2, (8, 2, 60, 80)), {"bars": 2}),
    ("bars", longer(2, (8, 9, 60, 80)), {"bars": 2}),
    ("bars", longer(2, (16, 1, 60, 80)), {"bars": 2}),
    ("given", longer(2, (7, 2, 61, 80), (8, 4, 60, 80)), {"bars": 1}),
    ("given", longer(1, (8, 4, 60, 80)), {"bars": 1}),
    ("given", longer(2, (8, 4, 60, 80), tempo=101), {"bars": 1}),
    ("instruments", band(3), {"bars": 1, "instruments": ("piano", "bass")}),
    ("drums", band(3), {"bars": 1, "drums": False}),
    ("drums", longer(2, (8, 4, 60, 80)), {"bars": 1, "drums": True}),
    ("fresh", band(4), {"bars": 2, "fresh": True}),  # its fourth bar is its first
    ("metre", longer(2, (8, 4, 60, 80)), {"bars": 1, "metre": "3/4"}),
    ("tempo", longer(2, (8, 4, 60, 80)), {"bars": 1, "tempo": 120}),
    ("max_leap", longer(2, (8, 1, 80, 80)), {"bars": 1, "max_leap": ("6",)}),  # from a given note
    ("key", longer(2, (8, 1, 61, 80)), {"bars": 1, "key": "C major"}),
])
def test_a_continuation_that_does_not(control, piece, wish):
    assert control in held(piece, band(2), task="continue", **wish)[1]


def test_a_continuation_in_another_metre_and_tempo():
    piece = longer(2, (8, 3, 60, 80), (11, 3, 64, 80))
    piece.time_signatures.append(type(piece.time_signatures[0])(8 * 480, 3, 4))
    piece.tempos.append(type(piece.tempos[0])(8 * 480, 140.0))
    wish = {"task": "continue", "bars": 2, "metre": "3/4", "tempo": 140}
    assert held(piece, band(2), **wish)[1] == set()
    piece.tempos[1].time = 9 * 480
    assert held(piece, band(2), **wish)[1] == {"tempo"}
    piece.tempos[1].time = 7 * 480
    assert held(piece, band(2), **wish)[1] == {"given"}


def test_a_continuation_from_the_middle():
    piece = longer(2, (8, 4, 60, 80))
    assert held(piece, band(4), task="continue", at=2, bars=1)[1] == set()
    assert "given" in held(piece, band(4), task="continue", at=3, bars=1)[1]


def without(piece, track, first, last):
    """Take the notes of a track away that start between two quarters."""
    notes = piece.tracks[track].notes
    piece.tracks[track].notes = type(notes)([note for note in notes if not first <= note.start / 480 < last])
    return piece


def test_a_hole():
    prompt, piece = band(4), without(longer(4, (4, 4, 60, 80)), 0, 4.5, 8)
    wish = {"task": "infill", "region": "2", "instruments": ("piano",), "max_polyphony": ("4",)}
    piece = without(piece, 0, 4, 4.1)
    assert held(piece, prompt, **wish) == ({"instruments", "max_polyphony", "given"}, {"written"})
    piece = without(longer(4), 0, 4.5, 8)
    assert held(piece, prompt, **wish)[1] == set()
    assert "given" in held(piece, prompt, **{**wish, "region": "3"})[1]
    assert "given" in held(piece, prompt, **{**wish, "instruments": ("bass",)})[1]
    assert "fresh" in held(prompt, prompt, **wish, fresh=True)[1]
    assert "fresh" in held(piece, prompt, **wish, fresh=True)[0]


def test_accompaniment():
    prompt, piece = band(2), band(2)
    strings = piece_of({48: [(1, 6, 55, 70)]}).tracks[0]
    piece.tracks.append(strings)
    wish = {"task": "accompany", "instruments": ("ensemble",)}
    assert held(piece, prompt, **wish)[1] == set()
    assert held(piece, prompt, **wish, region="2")[1] == {"given", "written"}
    assert held(piece, prompt, task="accompany", instruments=("organ",))[1] == {"instruments", "given", "written"}
    piece.tracks[1].program = 34
    assert held(piece, prompt, **wish)[1] == {"instruments", "given"}


def test_variations():
    prompt = piece_of({73: C_MAJOR})
    other = piece_of({73: [*C_MAJOR[:4], (4, 1, 65, 80), (5, 1, 64, 90), (6, 1, 59, 80), (7, 1, 60, 80)]})
    wish = {"task": "vary", "region": "2"}
    assert held(other, prompt, **wish, keep="rhythm")[1] == set()
    assert held(other, prompt, **wish, keep="pitches")[1] == {"keep"}
    later = piece_of({73: [*C_MAJOR[:4], (4.5, 1, 62, 80), (5.5, 1, 59, 80), (7, 1, 60, 80)]})
    assert held(later, prompt, **wish, keep="pitches")[1] == set()
    assert held(later, prompt, **wish, keep="rhythm")[1] == {"keep"}


def test_a_velocity_or_a_tick_that_changed_is_heard():
    prompt = piece_of({73: C_MAJOR})
    for note in ((3, 1, 65, 81), (3, 1.01, 65, 80), (3.01, 0.99, 65, 80), (3, 1, 66, 80)):
        piece = piece_of({73: [*C_MAJOR[:3], note, *C_MAJOR[4:], (8, 4, 60, 80)]})
        assert "given" in held(piece, prompt, task="continue", bars=1)[1]


def test_bars_follow_the_time_signatures():
    prompt = piece_of({0: [(0, 12, 60, 80)]}, {0: (4, 4), 6: (3, 4), 9: (3, 4)})  # 4/4, half a 4/4, 3/4, 3/4
    piece = piece_of({0: [(0, 12, 60, 80)], 33: [(6, 3, 36, 80)]}, {0: (4, 4), 6: (3, 4), 9: (3, 4)})
    assert held(piece, prompt, task="accompany", instruments=("bass",), region="3")[1] == set()
    moved = piece_of({0: [(0, 12, 60, 80)], 33: [(6, 3, 36, 80)]}, {0: (4, 4), 7: (3, 4)})
    assert "given" in held(moved, prompt, task="accompany", instruments=("bass",), region="3")[1]
