"""Chords by name, their scales, and where they change."""

import itertools

import pytest

from bandmate.music.chords import SCALES, parse_chord, parse_chords, spans, strong_beats
from bandmate.settings import UserError


@pytest.mark.parametrize(("text", "root", "intervals"), [
    ("C", 0, (0, 4, 7)), ("Am", 9, (0, 3, 7)), ("F#dim", 6, (0, 3, 6)), ("Ebaug", 3, (0, 4, 8)), ("Dsus2", 2, (0, 2, 7)),
    ("Dsus4", 2, (0, 5, 7)), ("Dsus", 2, (0, 5, 7)), ("G5", 7, (0, 7)), ("Bb5", 10, (0, 7)), ("C6", 0, (0, 4, 7, 9)),
    ("Cm6", 0, (0, 3, 7, 9)), ("C6/9", 0, (0, 4, 7, 9, 2)), ("G7", 7, (0, 4, 7, 10)), ("Cmaj7", 0, (0, 4, 7, 11)),
    ("CmMaj7", 0, (0, 3, 7, 11)), ("Bm7b5", 11, (0, 3, 6, 10)), ("Bdim7", 11, (0, 3, 6, 9)), ("C9", 0, (0, 4, 7, 10, 2)),
    ("Cmaj9", 0, (0, 4, 7, 11, 2)), ("Cm9", 0, (0, 3, 7, 10, 2)), ("Cadd9", 0, (0, 4, 7, 2)), ("Cmadd9", 0, (0, 3, 7, 2)),
    ("C11", 0, (0, 4, 7, 10, 2, 5)), ("C13", 0, (0, 4, 7, 10, 2, 9)), ("C7b5", 0, (0, 4, 10, 6)), ("C7#5", 0, (0, 4, 10, 8)),
    ("C7b9", 0, (0, 4, 7, 10, 1)), ("C7#9", 0, (0, 4, 7, 10, 3)), ("C7#11", 0, (0, 4, 7, 10, 6)),
    ("C13b9", 0, (0, 4, 7, 10, 9, 1)),
    ("C7alt", 0, (0, 4, 10, 8, 3)), ("C9sus4", 0, (0, 5, 7, 10, 2)), ("Cb", 11, (0, 4, 7)), ("C##m", 2, (0, 3, 7)),
])
def test_parse_chord(text, root, intervals):
    chord = parse_chord(text)
    assert (chord.name, chord.root, chord.bass) == (text, root, root)
    assert chord.tones == tuple((root + step) % 12 for step in sorted(intervals))


@pytest.mark.parametrize("names", [
    ("Cmaj7", "CM7", "CΔ", "CΔ7", "CMaj7", "Cma7", " Cmaj7 "), ("Cm7", "Cmin7", "C-7", "Cmi7", "CMin7"),
    ("Cm7b5", "Cø", "Cø7", "C-7(b5)", "Cm7♭5"), ("Cdim7", "C°7", "Co7"), ("C7#5", "C+7", "Caug7"),
    ("CmMaj7", "Cm(maj7)", "C-Δ7"),
    ("Bb", "B♭", "Bbmaj", "BbM"), ("F#m", "F♯m", "F#min", "F#-"), ("G7b9#11", "G7(b9,#11)", "G7(b9)(#11)"),
])
def test_names_for_one_chord(names):
    chords = [parse_chord(name) for name in names]
    assert {(chord.root, frozenset(chord.tones), chord.scale) for chord in chords} == {
        (chords[0].root, frozenset(chords[0].tones), chords[0].scale)}


def test_bass():
    chord = parse_chord("F#m7b5/E")
    assert (chord.root, chord.bass, chord.tones) == (6, 4, (6, 9, 0, 4))
    added = parse_chord("C/D")
    assert (added.bass, added.tones) == (2, (0, 2, 4, 7))


@pytest.mark.parametrize(("text", "name"), [
    ("C", "ionian"), ("Cmaj7", "ionian"), ("Cadd9", "ionian"), ("C7", "mixolydian"), ("C13", "mixolydian"),
    ("C/Bb", "mixolydian"),
    ("Cm", "aeolian"), ("Cm9", "aeolian"), ("Cm6", "dorian"), ("Cm7b5", "locrian"), ("Cdim", "locrian"),
    ("Cdim7", "whole-half"),
    ("CmMaj7", "melodic minor"), ("Cmaj7#11", "lydian"), ("C7b5", "lydian dominant"), ("C+", "whole tone"),
    ("Cmaj7#5", "lydian augmented"), ("C7b9", "mixolydian b9 b13"), ("C7#9", "half-whole"), ("C7alt", "altered"),
])
def test_scale(text, name):
    assert parse_chord(text).scale == tuple(sorted(SCALES[name]))


def test_every_scale_has_all_notes_of_its_chord():
    words = ("", "m", "dim", "aug"), ("", "7", "maj7", "9", "13"), ("", "b5", "#9", "#11")
    for quality, number, change in itertools.product(*words):
        if not (quality == "dim" and change == "b5"):
            chord = parse_chord(f"A{quality}{number}{change}/D")
            assert {*chord.tones, chord.bass} <= {*chord.scale}
            assert chord.tones[0] == chord.root


def test_a_diatonic_progression_stays_nearly_diatonic():
    white = {0, 2, 4, 5, 7, 9, 11}
    for name in "C Dm Em F G Am Bdim Cmaj7 Fmaj7 G7 Am7 Bm7b5".split():
        assert len({*parse_chord(name).scale} - white) <= (2 if name == "Em" else 1), name


@pytest.mark.parametrize(("text", "hint"), [
    ("H7", "did you mean 'B7'"), ("h", "did you mean 'B'"), ("am", "did you mean 'Am'"), ("cmaj7", "did you mean 'Cmaj7'"),
    ("a", "did you mean 'A' or 'Am'"), ("C2", "did you mean 'Csus2'"), ("C4", "did you mean 'Csus4'"),
    ("Cdom7", "did you mean 'C7'"), ("Fsharpm", "did you mean 'F#m'"), ("Cmin77", "did you mean 'Cm7'"), ("Cj7", "'C7'"),
    ("Am-F-C-G", "did you mean 'Am F C G'"), ("V7", "begin with a letter"), ("", "begin with a letter"),
    ("C/H", "did you mean 'C/B'"),
    ("Cmaj5", "did you mean"), ("Cmaj7alt", "did you mean 'Cmaj7'"), ("Cm7sus4", "did you mean 'C7sus4'"),
])
def test_what_is_no_chord(text, hint):
    with pytest.raises(UserError, match="is not a chord; chords look like") as caught:
        parse_chord(text)
    assert hint in str(caught.value)


def names(text):
    return [[chord.name for chord in bar] for bar in parse_chords(text)]


def test_progressions():
    assert names("Am F C G") == [["Am"], ["F"], ["C"], ["G"]]
    assert names("Am, F, G7(b9,#11)") == [["Am"], ["F"], ["G7(b9,#11)"]]
    assert names("Am | F G | C") == [["Am"], ["F", "G"], ["C"]]
    assert names("| Am F |") == [["Am", "F"]]
    assert names("Am | % | F") == [["Am"], ["Am"], ["F"]]


@pytest.mark.parametrize(("text", "hint"), [
    ("", "there are no chords"), ("  ", "there are no chords"), ("Am | | F", "bar 2 of the chords is empty"),
    ("%", "'%' is not a chord"), ("Am X", "'X' is not a chord"), ("|", "bar 1 of the chords is empty"),
])
def test_bad_progressions(text, hint):
    with pytest.raises(UserError) as caught:
        parse_chords(text)
    assert hint in str(caught.value)


@pytest.mark.parametrize(("metre", "beats"), [
    ((4, 4), [0, 48]), ((3, 4), [0]), ((2, 4), [0]), ((2, 2), [0]), ((5, 4), [0]), ((7, 8), [0]), ((4, 8), [0, 24]),
    ((4, 2), [0, 96]), ((8, 4), [0, 96]), ((3, 8), [0]), ((6, 8), [0, 36]), ((9, 8), [0, 36, 72]), ((12, 8), [0, 36, 72, 108]),
    ((6, 4), [0, 72]), ((12, 16), [0, 18, 36, 54]), ((1, 4), [0]), ((10, 8), [0]),
])
def test_strong_beats(metre, beats):
    assert strong_beats(*metre, 24) == beats


@pytest.mark.parametrize(("metre", "count", "starts"), [
    ((4, 4), 1, [0]), ((4, 4), 2, [0, 48]), ((4, 4), 3, [0, 48, 72]), ((4, 4), 4, [0, 24, 48, 72]), ((3, 4), 2, [0, 48]),
    ((3, 4), 3, [0, 24, 48]), ((6, 8), 2, [0, 36]), ((6, 8), 3, [0, 24, 48]), ((7, 8), 2, [0, 48]), ((5, 4), 2, [0, 72]),
    ((9, 8), 2, [0, 72]), ((4, 4), 8, [0, 12, 24, 36, 48, 60, 72, 84]), ((2, 4), 3, [0, 24, 36]),
])
def test_spans(metre, count, starts):
    chords = [parse_chord(name) for name in "C D E F G A B Cm".split()[:count]]
    steps = metre[0] * 96 // metre[1]
    shared = spans(chords, steps, strong_beats(*metre, 24))
    assert [start for start, _ in shared] == starts
    assert [chord for _, chord in shared] == chords


def test_a_bar_too_short_for_its_chords():
    chords = parse_chords("C D E |")[0]
    assert spans(chords, 2, [0]) == [(0, chords[0]), (1, chords[1])]
