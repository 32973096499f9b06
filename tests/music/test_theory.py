"""Keys, metres and pitches by name."""

import numpy as np
import pytest

from bandmate.music.theory import KEYS, find_key, key_name, parse_key, parse_metre, parse_pitch, pitch_name, scale
from bandmate.settings import UserError


@pytest.mark.parametrize(("text", "key"), [
    ("C", 0), ("C major", 0), ("a", 21), ("A minor", 21), ("Am", 21), ("F#m", 18), ("f# minor", 18), ("Bb", 10), ("Bbm", 22),
    ("D minor", 14), ("es".replace("es", "Eb dur"), 3), ("B sharp major", 0), ("C-flat", 11), ("c♯", 13), ("b", 23), ("B", 11),
])
def test_parse_key(text, key):
    assert parse_key(text) == key


def test_every_key_reads_its_own_name():
    assert [parse_key(name) for name in KEYS] == list(range(24))
    assert key_name(14) == "D minor"


@pytest.mark.parametrize("text", ["", "H", "C minorish", "12", "Cb#"])
def test_what_is_no_key(text):
    with pytest.raises(UserError, match="is not a key; keys look like"):
        parse_key(text)


def test_scale():
    assert scale(0) == (0, 2, 4, 5, 7, 9, 11)
    assert scale(21) == (0, 2, 4, 5, 7, 8, 9, 11)  # A minor with both sevenths


def test_find_key():
    for key in range(24):
        notes = np.array(scale(key % 12)) if key < 12 else (np.array([0, 2, 3, 5, 7, 8, 11, 12, 0, 7, 3]) + key) % 12
        chord = (np.array([0, 4, 7] if key < 12 else [0, 3, 7]) + key) % 12
        pitches = np.concatenate([notes, chord, chord])
        assert find_key(pitches, np.ones(len(pitches))) == key
    assert find_key(np.array([], np.int64), np.array([])) == 0


def test_parse_metre():
    assert parse_metre(" 12/8 ") == (12, 8)
    for text in ("0/4", "4/3", "four", "4"):
        with pytest.raises(UserError, match="is not a metre"):
            parse_metre(text)


def test_pitches():
    assert [parse_pitch(text) for text in ("C4", "F#2", "Bb-1", "60", "c4", "Cb4", "G9")] == [60, 42, 10, 60, 60, 59, 127]
    assert [parse_pitch(pitch_name(pitch)) for pitch in range(128)] == list(range(128))
    for text in ("H4", "G#9", "128", "", "C"):
        with pytest.raises(UserError, match="is not a pitch"):
            parse_pitch(text)
