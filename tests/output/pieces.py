"""Small pieces for the tests of what bandmate puts out."""

import symusic

QUARTER = 480


def part(name, program, notes, is_drum=False):
    """Make a track of (start, length, pitch[, velocity]), times in quarters."""
    track = symusic.Track(name, program, is_drum)
    for start, length, pitch, *velocity in notes:
        track.notes.append(symusic.Note(round(start * QUARTER), round(length * QUARTER), pitch, *(velocity or [90])))
    return track


def make_piece(*tracks, metres=((0, 4, 4),), tempo=120):
    """Make a piece of tracks; ``metres`` are (start in quarters, numerator, denominator)."""
    piece = symusic.Score(QUARTER)
    piece.tempos.append(symusic.Tempo(0, tempo))
    for start, numerator, denominator in metres:
        piece.time_signatures.append(symusic.TimeSignature(round(start * QUARTER), numerator, denominator))
    for track in tracks:
        piece.tracks.append(track)
    return piece


def beat(bars):
    """Return a rock beat: (start, length, pitch, velocity)."""
    notes = [(4 * bar + eighth / 2, 0.25, 42, 70) for bar in range(bars) for eighth in range(8)]
    notes += [(4 * bar + at, 0.25, pitch, 100) for bar in range(bars) for at, pitch in ((0, 36), (1, 38), (2, 36), (3, 38))]
    return notes


def band(bars=4):
    """Make a piece for piano, bass and drums in C major."""
    chords = [(4 * bar + half, 2, pitch, 80) for bar in range(bars) for half in (0, 2) for pitch in (48, 64, 67, 72)]
    bass = [(4 * bar + quarter, 1, 36 + 5 * (quarter % 2), 100) for bar in range(bars) for quarter in range(4)]
    return make_piece(part("Piano", 0, chords), part("Bass", 33, bass), part("Drums", 0, beat(bars), is_drum=True))
