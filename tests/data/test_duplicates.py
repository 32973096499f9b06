"""The same music in another key, arrangement or file is found; other music is left alone."""

import numpy as np
from music_made_here import piece_of

from bandmate.data.duplicates import COMMON, KEPT, fingerprint, groups, signatures
from bandmate.music.grid import note_table, track_numbers
from bandmate.piece import DRUMS, Piece

Notes = list[tuple[float, float, int, int]]
BOOGIE: Notes = [(n / 2, 0.5, 40 + (0, 4, 7, 9)[n % 4], 90) for n in range(80)]


def tune(seed: int, length: int = 80) -> list[int]:
    steps = np.random.default_rng(seed).integers(-4, 5, length)
    return (40 + np.abs((np.cumsum(steps) + 20) % 80 - 40)).tolist()  # turns back at 40 and at 80


def played(pitches: list[int], beat: float = 0.5, after: float = 0.0) -> Notes:
    return [(after + n * beat, beat, pitch, 90) for n, pitch in enumerate(pitches)]


def melody(pitches: list[int], program: int = 0, beat: float = 0.5) -> Piece:
    return piece_of({program: played(pitches, beat)})


def sketches(piece: Piece) -> np.ndarray:
    return signatures(note_table(piece), track_numbers(piece), piece.ticks_per_quarter)


def grouped(*pieces: Piece) -> list[int]:
    tables = [sketches(piece) for piece in pieces]
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


def test_a_part_of_a_piece_is_that_piece():
    whole = tune(1, 240)
    assert grouped(melody(whole), melody(whole[:120]), melody(whole[150:]), melody(tune(2))) == [0, 0, 0, 3]


def test_a_piece_after_an_introduction_is_that_piece():
    first = tune(1)
    assert grouped(melody(first), melody(tune(2, 30) + first), melody(tune(2, 30) + tune(3))) == [0, 0, 2]


def test_an_arrangement_holds_its_tune():
    first = tune(1)
    arranged = piece_of({
        73: played([pitch + 5 for pitch in first]),
        33: [(n, 1, 40 + n * 5 % 12, 90) for n in range(40)],
        DRUMS: [(n / 2, 0.5, 36, 90) for n in range(80)]})
    assert grouped(melody(first), arranged, melody(tune(3))) == [0, 0, 2]


def test_an_added_voice_changes_nothing_above_or_below():
    first = tune(1)
    above, below = ([pitch + shift for pitch in tune(seed)] for seed, shift in ((2, 40), (3, -40)))
    [other] = melody(above).tracks
    for added in (above, below):
        assert grouped(melody(first), piece_of({0: played(first) + played(added)}), melody(tune(4))) == [0, 0, 2]
    same_sound = melody(first)
    same_sound.tracks.append(other)  # two tracks of one instrument
    same_sound.tracks.append(melody([pitch - 40 for pitch in tune(5)]).tracks[0])
    assert grouped(melody(first), same_sound, melody(tune(4))) == [0, 0, 2]


def test_a_shared_accompaniment_is_no_shared_music():
    songs = [piece_of({73: played(tune(seed)), 33: BOOGIE}) for seed in (1, 2)]
    assert grouped(*songs) == [0, 1]


def test_songs_whose_accompaniments_are_alike_stay_apart():
    walk = tune(50)
    alike = walk[:50] + tune(51)[50:]
    songs = [piece_of({73: played(tune(seed)), 33: played(bass)})
             for seed, bass in ((1, walk), (1, tune(52)), (1, tune(53)), (2, alike), (2, tune(54)), (2, tune(55)))]
    assert grouped(*songs) == [0, 0, 0, 3, 3, 3]
    assert grouped(melody(walk), melody(alike)) == [0, 0]


def test_a_shared_commonplace_joins_nothing():
    scale = [60 + step for step in (0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2)] * 3
    assert grouped(*(melody(tune(seed, 40) + scale) for seed in range(4))) == [0, 1, 2, 3]
    phrase = tune(99, 40)  # common to very many pieces, and so no sign of anything
    assert len(set(grouped(*(melody(tune(seed, 15) + phrase) for seed in range(COMMON + 1))))) == COMMON + 1


def test_the_order_of_the_pieces_does_not_matter():
    tunes = [tune(seed, 100) for seed in range(8)]
    pieces = [melody(tunes[n % 8][: 50 + n]) for n in range(40)]
    order = np.random.default_rng(0).permutation(40)
    shuffled = np.array(grouped(*(pieces[n] for n in order)))
    found = {frozenset(order[shuffled == group].tolist()) for group in shuffled}
    assert found == {frozenset(range(n, 40, 8)) for n in range(8)}


def test_drums_are_compared_only_where_there_is_nothing_else():
    beat = [(n / 2, 0.5, pitch, 90) for n, pitch in enumerate((36, 42, 38, 42, 36, 36, 38, 46) * 10)]
    songs = [piece_of({73: played(tune(seed)), DRUMS: beat}) for seed in (1, 2)]
    assert grouped(*songs, piece_of({DRUMS: beat}), piece_of({DRUMS: beat})) == [0, 1, 2, 2]


def test_short_and_monotonous_pieces():
    short = melody([60, 62, 64, 65, 67, 69, 71, 72, 71, 60, 64, 65, 72])
    assert grouped(short, melody([60] * 30), melody([50] * 30), short) == [0, 1, 2, 0]
    assert sketches(melody([60])).shape == (0, KEPT)
    assert groups(np.zeros((0, KEPT), np.uint32), np.zeros(0, np.int64), 0).tolist() == []


def test_a_long_piece_takes_no_more_memory_than_a_short_one():
    assert sketches(melody(tune(1, 5000))).shape == sketches(melody(tune(1, 100))).shape == (1, KEPT)


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
