"""Little pieces for tests, built note by note, and ways to look at what comes out."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import symusic
from hypothesis import strategies as st

from bandmate.music.files import write
from bandmate.music.grid import note_table
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.piece import DRUMS, Piece

TICKS = 480

Note = tuple[float, float, int, int]
"""Start and length in quarters, pitch, velocity."""


def piece_of(parts: dict[int, list[Note]], metres: dict[float, tuple[int, int]] | None = None, tempo: float = 120,
             ticks: int = TICKS) -> Piece:
    """Build a piece: {program: notes} (128 is the drum kit), {quarter: metre}."""
    piece = symusic.Score(ticks)
    piece.tempos.append(symusic.Tempo(0, tempo))
    for start, metre in (metres or {0: (4, 4)}).items():
        piece.time_signatures.append(symusic.TimeSignature(round(start * ticks), *metre))
    for program, notes in parts.items():
        track = symusic.Track("", program % DRUMS, program == DRUMS)
        for start, length, pitch, velocity in notes:
            track.notes.append(symusic.Note(round(start * ticks), round(length * ticks), pitch, velocity))
        piece.tracks.append(track)
    return piece


def songbook(folder: Path, song: Callable[[int], Piece], count: int = 12) -> Path:
    """Write songs 0, 1, ... into a folder, as MIDI files; return it."""
    for number in range(count):
        write(song(number), folder / f"{number}.mid")
    return folder


def one_note(pitch: int = 60, program: int = 0) -> Piece:
    """One quarter note at the start of a bar."""
    return piece_of({program: [(0, 1, pitch, 90)]})


def band(bars: int = 4) -> Piece:
    """Piano chords, a bass line, a tune and drums in C major, 4/4, 100 quarters a minute."""
    parts: dict[int, list[Note]] = {0: [], 33: [], 73: [], DRUMS: []}
    for bar in range(bars):
        at, root = 4 * bar, (48, 53, 55, 48)[bar % 4]
        parts[0] += [(at + half, 2, root + step, 75) for half in (0, 2) for step in (12, 16, 19)]
        parts[33] += [(at + beat, 1, root - 12, 90) for beat in range(4)]
        parts[73] += [(at + 0.5 * step, 0.5, 72 + (0, 2, 4, 5, 7, 5, 4, 2)[step], 105) for step in range(8)]
        parts[DRUMS] += [(at + beat, 0.25, 36 if beat % 2 == 0 else 38, 105) for beat in range(4)]
    return piece_of(parts, tempo=100)


def choir() -> Piece:
    """Two bars of four voices, soprano to bass."""
    chords = [(72, 67, 64, 48), (71, 67, 62, 55), (72, 67, 64, 48), (69, 65, 60, 53)] * 2
    return piece_of({40 + voice: [(quarter, 1, chord[voice], 80) for quarter, chord in enumerate(chords)]
                     for voice in range(4)})


def drums_only() -> Piece:
    """One bar of drums."""
    return piece_of({DRUMS: [(0, 0.25, 36, 105), (1, 0.25, 38, 105), (2, 0.25, 36, 105), (3, 0.25, 38, 105)]})


def changing_metre() -> Piece:
    """One bar of 4/4, two of 3/4, one of 6/8, back to 4/4."""
    return piece_of({0: [(float(beat), 1, 60 + beat, 90) for beat in range(17)]},
                    {0: (4, 4), 4: (3, 4), 10: (6, 8), 13: (4, 4)})


def pickup() -> Piece:
    """A tune that begins on the last quarter of its first bar, in triplets."""
    third = 1 / 3
    return piece_of({73: [(3 + n * third, third, 72 + n, 90) for n in range(3)] + [(4, 4, 77, 105)]})


def table(piece: Piece) -> list[tuple[int, ...]]:
    """List the notes of a piece: (start, duration, pitch, velocity, program) in ticks, sorted."""
    return sorted(map(tuple, note_table(piece).tolist()))


def overlaps(piece: Piece) -> int:
    """Count notes that start before the same pitch of the same part has ended."""
    ends: dict[tuple[int, int], int] = {}
    count = 0
    for start, duration, pitch, _, program in table(piece):
        count += start < ends.get((pitch, program), 0)
        ends[pitch, program] = start + duration
    return count


def reopened(piece: Piece) -> tuple[mido.MidiFile, pretty_midi.PrettyMIDI]:
    """Write a piece as a MIDI file and open it with two other readers."""
    data = piece.dumps_midi()
    return mido.MidiFile(file=io.BytesIO(data)), pretty_midi.PrettyMIDI(io.BytesIO(data))


@st.composite
def any_piece(draw: st.DrawFn, steps_per_quarter: int) -> Piece:
    """Draw a piece on a grid: up to 40 notes for up to six programs, drums among them, under changing metres."""
    bars = draw(st.lists(st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 2), (5, 4), (7, 8), (1, 4)]), min_size=1, max_size=6))
    starts = np.cumsum([0, *(4 * numerator / denominator for numerator, denominator in bars)])
    programs = draw(st.lists(st.integers(0, DRUMS), min_size=1, max_size=6, unique=True))
    step = st.integers(0, int(starts[-1] * steps_per_quarter) - 1)
    note = st.tuples(st.sampled_from(programs), step, st.integers(1, 5 * steps_per_quarter), st.integers(0, 127),
                     st.integers(1, 127))
    parts: dict[int, list[Note]] = {}
    for program, start, length, pitch, velocity in draw(st.lists(note, min_size=1, max_size=40)):
        parts.setdefault(program, []).append((start / steps_per_quarter, length / steps_per_quarter, pitch, velocity))
    metres = {float(start): metre for start, metre in zip(starts, bars, strict=False)}
    return piece_of(parts, metres, tempo=draw(st.integers(30, 240)))


@st.composite
def any_request(draw: st.DrawFn, metres: tuple[str, ...]) -> Request:
    """Draw a request that every codec can hold."""
    instruments = draw(st.lists(st.sampled_from(["piano", "bass", "guitar", "violin", "flute", "organ"]), unique=True))
    ranges = {name: f"{name}:C3-B4" for name in instruments}
    return Request(bars=draw(st.integers(1, 12)), instruments=tuple(instruments),
                   drums=draw(st.sampled_from([None, True, False])), metre=draw(st.sampled_from(metres)),
                   key=draw(st.sampled_from([None, "C major", "F# minor"])), tempo=draw(st.sampled_from([None, 40, 97.5, 240])),
                   pitches=tuple(ranges[name] for name in draw(st.lists(st.sampled_from(instruments), unique=True))
                                 ) if instruments else ())


def check_answer(piece: Piece, request: Request) -> None:
    """Assert that a piece is what was asked for, by what other programs read in its MIDI file."""
    midi, pretty = reopened(piece)
    assert midi.type == 1
    assert midi.ticks_per_beat == TICKS
    numerator, denominator = parse_metre(request.metre)
    bar = numerator * 4 * TICKS // denominator
    notes = table(piece)
    assert sum(len(part.notes) for part in pretty.instruments) == len(notes)
    ends = [start + duration for start, duration, *_ in notes]
    assert notes[0][0] < bar, "the first bar sounds"
    assert (request.bars - 1) * bar < max(ends) <= request.bars * bar, "the last bar sounds, and nothing after it"
    assert not overlaps(piece)
    assert [(mark.numerator, mark.denominator) for mark in pretty.time_signature_changes] == [(numerator, denominator)]
    if request.tempo:
        assert abs(pretty.get_tempo_changes()[1][0] - request.tempo) < 0.01
    played = {program for *_, program in notes}
    asked = request.programs()
    if asked is not None:
        assert played == set(asked.values())
    if request.drums is not None:
        assert (DRUMS in played) == request.drums
    for part in pretty.instruments:
        low, high = request.pitch_ranges().get(16 if part.is_drum else part.program // 8, (0, 127))
        assert all(low <= note.pitch <= high for note in part.notes)
        if request.key and not part.is_drum:
            assert {note.pitch % 12 for note in part.notes} <= set(scale(parse_key(request.key)))
