"""Keys, modes, metres: the little music theory that controls and measures need."""

from __future__ import annotations

import re

import numpy as np

from bandmate.settings import UserError

TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)
"""The 24 keys: numbers 0 to 11 are major, 12 to 23 minor; ``number % 12`` is the tonic's pitch class."""

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10, 11)}
"""Pitch classes above the tonic. Minor is natural minor plus the raised leading tone of harmonic minor."""

# Krumhansl and Kessler's probe-tone ratings (Psychological Review 89, 1982): how well each pitch class fits a key.
_PROFILES = np.array([
    [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
    [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
])
_PROFILES = _PROFILES - _PROFILES.mean(axis=1, keepdims=True)
_PROFILES = _PROFILES / np.linalg.norm(_PROFILES, axis=1, keepdims=True)
_KEY_PROFILES = np.stack([np.roll(_PROFILES[number // 12], number % 12) for number in range(24)])


def parse_key(text: str) -> int:
    """Read a key such as "D minor", "F# major", "Bbm", "a" (lower case alone is minor) or "C"; return 0 to 23."""
    match = re.fullmatch(r"\s*([A-Ga-g])\s*(#|♯|b|♭|-?sharp|-?flat)?\s*[-_]?\s*(major|minor|maj|min|dur|moll|m|M)?\s*", text)
    if not match:
        raise UserError(f"'{text}' is not a key; keys look like 'C major', 'D minor', 'F#m' or 'Bb'")
    letter, accidental, mode = match.groups()
    tonic = "C D EF G A B".index(letter.upper())
    tonic += {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}.get((accidental or "").strip("-"), 0)
    minor = mode in ("minor", "min", "moll", "m") or (mode is None and letter.islower())
    return tonic % 12 + 12 * minor


def key_name(key: int) -> str:
    """Name a key number (0 to 23)."""
    return KEYS[key]


def scale(key: int) -> tuple[int, ...]:
    """Pitch classes (0 to 11) of a key's scale; minor includes both sevenths."""
    return tuple(sorted((key + step) % 12 for step in SCALES["minor" if key >= 12 else "major"]))


def find_key(pitches: np.ndarray, weights: np.ndarray) -> int:
    """Estimate the key of pitched notes by correlation with key profiles.

    Source: Krumhansl, Cognitive Foundations of Musical Pitch, 1990. With no notes the answer is 0 (C major).
    """
    chroma = np.bincount(np.asarray(pitches, dtype=np.int64) % 12, weights=weights, minlength=12)
    return int(np.argmax(_KEY_PROFILES @ (chroma - chroma.mean())))


def parse_metre(text: str) -> tuple[int, int]:
    """Read a metre such as "3/4"; return numerator and denominator."""
    match = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(\d{1,2})\s*", text)
    if not match or int(match[1]) == 0 or int(match[2]) not in (1, 2, 4, 8, 16, 32):
        raise UserError(f"'{text}' is not a metre; metres look like '4/4', '3/4' or '6/8'")
    return int(match[1]), int(match[2])


def parse_pitch(text: str) -> int:
    """Read a pitch such as "C4" (60), "F#2", "Bb-1" or a MIDI number from 0 to 127."""
    match = re.fullmatch(r"\s*([A-Ga-g])([#b]?)(-?\d)\s*", text)
    if match:
        step = "C D EF G A B".index(match[1].upper()) + {"#": 1, "b": -1, "": 0}[match[2]]
        pitch = step + 12 * (int(match[3]) + 1)
    elif text.strip().isdigit():
        pitch = int(text)
    else:
        pitch = -1
    if not 0 <= pitch <= 127:
        raise UserError(f"'{text}' is not a pitch; pitches look like 'C4' (middle C), 'F#2' or a MIDI number from 0 to 127")
    return pitch


def pitch_name(pitch: int) -> str:
    """Name a MIDI pitch; 60 is C4."""
    return f"{('C', 'C#', 'D', 'Eb', 'E', 'F', 'F#', 'G', 'Ab', 'A', 'Bb', 'B')[pitch % 12]}{pitch // 12 - 1}"
