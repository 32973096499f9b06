"""The same music in another key, arrangement or file is found; other music is left alone."""

import numpy as np
from music_made_here import piece_of

from bandmate.data.duplicates import HASHES, fingerprint, groups, signatures
from bandmate.music.grid import note_table
from bandmate.piece import DRUMS, Piece


def tune(seed: int, length: int = 80) -> list[int]:
    steps = np.random.default_rng(seed).integers(-4, 5, length)
    return (60 + np.clip(np.cumsum(steps), -20, 20)).tolist()


def melody(pitches: list[int], program: int = 0, beat: float = 0.5) -> Piece:
    return piece_of({program: [(n * beat, beat, pitch, 90) for n, pitch in enumerate(pitches)]})


def grouped(*pieces: Piece) -> list[int]:
    tables = [signatures(note_table(piece), piece.ticks_per_quarter) for piece in pieces]
    owners = np.repeat(np.arange(len(pieces)), [len(table) for table in tables])
    return groups(np.concatenate(tables), owners, len(pieces)).tolist()


def test_another_key_instrument_or_note_value_is_the_same_music():
    first = tune(1)
    assert grouped(melody(first), melody([pitch + 3 for pitch in first]), melody(first, 40), melody(first, 73, 0.25)) == [0] * 4


def test_other_tunes_stay_apart():
    assert grouped(*(melody(tune(seed)) for seed in range(12))) == list(range(12))


def test_an_edition_with_a_few_other_notes_is_the_same_music():
    first = tune(1, 200)
    second = [pitch + (n % 67 == 30) for n, pitch in enumerate(first)]
    assert grouped(melody(tune(9, 200)), melody(first), melody(second)) == [0, 1, 1]


def test_an_arrangement_holds_its_tune():
    first = tune(1)
    arranged = piece_of({
        73: [(n / 2, 0.5, pitch + 5, 90) for n, pitch in enumerate(first)],
        33: [(n, 1, 40 + n * 5 % 12, 90) for n in range(40)],
        DRUMS: [(n / 2, 0.5, 36, 90) for n in range(80)]})
    assert grouped(melody(first), arranged, melody(tune(3))) == [0, 0, 2]


def test_a_shared_accompaniment_is_no_shared_music():
    boogie = [(n / 2, 0.5, 40 + (0, 4, 7, 9)[n % 4], 90) for n in range(80)]
    songs = [piece_of({73: [(n / 2, 0.5, pitch, 90) for n, pitch in enumerate(tune(seed))], 33: boogie}) for seed in (1, 2)]
    assert grouped(*songs) == [0, 1]


def test_drums_are_compared_only_where_there_is_nothing_else():
    beat = [(n / 2, 0.5, pitch, 90) for n, pitch in enumerate((36, 42, 38, 42, 36, 36, 38, 46) * 10)]
    songs = [piece_of({73: [(n / 2, 0.5, pitch, 90) for n, pitch in enumerate(tune(seed))], DRUMS: beat}) for seed in (1, 2)]
    assert grouped(*songs, piece_of({DRUMS: beat}), piece_of({DRUMS: beat})) == [0, 1, 2, 2]


def test_short_and_monotonous_pieces():
    short = melody([60, 62, 64, 65, 67, 69, 71, 72, 71, 60, 64])
    assert grouped(short, melody([60] * 30), melody([50] * 30), short) == [0, 1, 2, 0]
    assert signatures(note_table(melody([60])), 480).shape == (0, HASHES)
    assert groups(np.zeros((0, HASHES), np.uint32), np.zeros(0, np.int64), 0).tolist() == []


def test_the_very_same_notes_have_one_fingerprint():
    piece = melody(tune(1))
    finer = piece.resample(960)
    backwards = note_table(piece)[::-1]
    own = fingerprint(note_table(piece), 480)
    assert own == fingerprint(note_table(finer), 960) == fingerprint(backwards, 480)
    changed = note_table(piece)
    changed[3, 2] += 1
    others = {fingerprint(changed, 480), fingerprint(note_table(melody(tune(2))), 480), fingerprint(note_table(piece)[1:], 480)}
    assert len(others | {own}) == 4
