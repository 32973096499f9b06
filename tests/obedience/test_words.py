"""The checker's own words mean what the program's words mean, though they share no code."""

import itertools

import pytest

from bandmate.music.chords import parse_chord, parse_chords, spans, strong_beats
from bandmate.music.instruments import CLASSES, class_of, parse_instrument
from bandmate.music.theory import KEYS, parse_key, parse_pitch, scale
from bandmate.obedience import words
from bandmate.settings import UserError


def test_chords():
    for root, quality, bass in itertools.product(("C", "F#", "Bb"), words.QUALITIES, ("", "/C", "/C#", "/E", "/Bb")):
        chord, heard = parse_chord(root + quality + bass), words.harmony(root + quality + bass)
        assert (heard.tones, heard.scale, heard.bass) == ({*chord.tones}, {*chord.scale}, chord.bass), chord.name


def test_where_chords_begin():
    chords = parse_chords("C D E F G A B |")[0]
    for numerator, denominator, count in itertools.product(range(1, 17), (2, 4, 8, 16), range(1, 8)):
        steps, strong = numerator * 96 // denominator, strong_beats(numerator, denominator, 24)
        assert words.strong_steps(numerator, denominator) == {*strong}
        for short in {steps, max(steps - 24, 1)}:
            assert words.chord_steps(count, short, numerator, denominator) == [
                start for start, _ in spans(chords[:count], short, strong)]


def test_keys_pitches_instruments():
    for key in KEYS:
        assert words.key_notes(key) == {*scale(parse_key(key))}
    assert words.key_notes("F#m") == {*scale(18)}
    assert words.key_notes("a") == {*scale(21)}
    for name in ("C4", "F#2", "Bb-1", "60", "Cb4"):
        assert words.pitch_number(name) == parse_pitch(name)
    for name in (*CLASSES, "violin", "cello", "flute", "voice", "sax", "40"):
        assert words.family_of(name) == class_of(parse_instrument(name))


def test_what_is_written_with_commas():
    assert words.pitch_ranges(("piano:C3-C4", "bass:20-40")) == {0: range(48, 61), 4: range(20, 41)}
    assert words.pitch_ranges(("flute:Bb-1-C1",)) == {9: range(10, 25)}
    assert words.limits(("piano:3",)) == {0: 3}
    assert words.limits(("4", "drums:2")) == {**dict.fromkeys(range(16), 4), 16: 2}
    assert words.bar_numbers("1-2,5") == {0, 1, 4}


def test_what_the_checker_does_not_know():
    with pytest.raises(UserError, match="the checker does not know the instrument 'kazoo'"):
        words.family_of("kazoo")
    with pytest.raises(UserError, match="the checker does not know the chord 'C7alt'"):
        words.harmony("C7alt")
