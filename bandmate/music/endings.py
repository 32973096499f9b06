"""How a piece ends: whether its last chord is home, the chord of the key on its root."""

from __future__ import annotations

import numpy as np

from bandmate.music.chords import strong_beats
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, lay_bars, note_table
from bandmate.music.theory import TONICS, find_key
from bandmate.piece import DRUMS, Piece

MAJOR, MINOR = (0, 4, 7), (0, 3, 4, 7)  # a piece in minor may end in major


def key_of(piece: Piece) -> int:
    """Estimate the key of a piece (0 to 23, as in `theory`) from its pitched notes; long notes count more."""
    notes = _pitched(piece)
    return find_key(notes[:, PITCH], notes[:, DURATION])


def far_from_home(piece: Piece, key: int) -> int:
    """Tell how far the last chord of a piece is from the chord of a key (0 to 23).

    0: it is that chord, the tonic in the bass; 1: one of the two; 2: neither. The last chord is what sounds when the last
    pitched note starts. A piece without any is 2 away.
    """
    notes = _pitched(piece)
    if not len(notes):
        return 2
    last = notes[:, START].max()
    chord = notes[notes[:, START] + notes[:, DURATION] > last, PITCH]
    above = (chord - key) % 12
    return int(above[chord.argmin()] != 0) + int(not np.isin(above, MINOR if key >= 12 else MAJOR).all())


def cadence(key: int) -> str:
    """Return the chords of an ending in a key (0 to 23), a bar each: dominant and tonic, as `chords` reads them."""
    return f"{TONICS[(key + 7) % 12]} {TONICS[key % 12]}{'m' if key >= 12 else ''}"


def held(piece: Piece) -> Piece:
    """Return a piece whose last bar rests on its last strong beat: notes of strong beats are held, no others sound there."""
    piece, quarter = piece.copy(), piece.ticks_per_quarter
    notes = _pitched(piece)
    if not len(notes):
        return piece
    bars, end = lay_bars(piece, quarter, int((notes[:, START] + notes[:, DURATION]).max()))
    first, numerator, denominator = bars[-1].tolist()
    strong = {first + beat for beat in strong_beats(numerator, denominator, quarter)} & set(notes[:, START].tolist())
    if not strong:
        return piece
    last = max(strong)
    for track in piece.tracks:
        stay = [note for note in track.notes if note.time <= last or track.is_drum]
        for note in stay:
            if not track.is_drum and note.time >= first and note.end > last:
                note.duration = (end if note.time in strong else last) - note.time
        track.notes = type(track.notes)(stay)
    return piece


def _pitched(piece: Piece) -> np.ndarray:
    notes = note_table(piece).astype(np.int64)
    return notes[notes[:, PROGRAM] != DRUMS]
