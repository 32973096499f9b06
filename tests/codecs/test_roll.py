"""The codec `roll`: five parts on a piano roll, and back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from music_made_here import any_piece, any_request, band, changing_metre, check_answer, drums_only, piece_of, table

from bandmate.codecs import roll as c
from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.roll import Roll, RollConfig
from bandmate.music.draft import Draft
from bandmate.music.grid import PITCH, PROGRAM, START, note_table
from bandmate.music.request import Request
from bandmate.piece import DRUMS
from bandmate.settings import UserError

ROLL = Roll()
ANY_TIME = {steps: Roll(RollConfig(steps_per_quarter=steps, common_time=False)) for steps in (2, 4, 24)}


def test_every_program_goes_to_the_part_of_lpd_5():
    parts = ["piano" if program < 8 else "guitar" if 24 <= program < 32 else "bass" if 32 <= program < 40 else
             "strings" if program < 96 or 104 <= program < 112 else "" for program in range(DRUMS)] + ["drums"]
    for program, part in enumerate(parts):
        if part:
            assert ROLL.words(ROLL.encode(piece_of({program: [(0, 0.5, 60, 9)]})))[0] == f"{part} C4"
        else:
            with pytest.raises(UserError, match="leaves effects and sounds out"):
                ROLL.encode(piece_of({program: [(0, 0.5, 60, 9)]}))


def test_notes_are_struck_and_held():
    piece = piece_of({0: [(0, 1, 60, 80), (1, 1, 60, 80), (0, 2, 64, 1)], 33: [(0.5, 1.2, 36, 80)], DRUMS: [(2, 0.25, 38, 80)]})
    ids = ROLL.encode(piece)
    assert ids.shape == (8, 640)
    assert ids.dtype == np.int16
    assert ROLL.words(ids)[:5] == ["piano C4 E4", "piano C4~ E4~ | bass C2", "piano C4 E4~ | bass C2~", "piano C4~ E4~",
                                   "drums D2"]
    assert ROLL.words(ids)[5] == "rest"
    assert ROLL.notes_in(ids).tolist() == [2, 1, 1, 0, 1, 0, 0, 0]
    assert ROLL.is_note(ids)[:5].tolist() == [True, True, True, False, True]
    assert c.onsets(torch.from_numpy(ids)).sum() == 5
    assert (c.sounding(ids) == c.sounding(torch.from_numpy(ids)).numpy()).all()
    assert c.cells(ids)[0, c.PARTS.index("piano"), 60] == c.ONSET


def test_notes_of_one_part_that_overlap_sound_as_long_as_any_of_them():
    together = piece_of({40: [(0, 4, 60, 80)], 73: [(1, 1, 60, 80)]})
    held = ["strings C4~"] * 5
    assert ROLL.words(ROLL.encode(together)) == ["strings C4", "strings C4~", "strings C4", *held]


def test_decode_plays_on_the_programs_asked_for_and_strings_softly():
    piece = ROLL.decode(ROLL.encode(band(2)))
    assert {(note[4], note[3]) for note in table(piece)} == {(0, 102), (32, 102), (48, 61), (DRUMS, 102)}
    piece = ROLL.decode(ROLL.encode(band(2)), Request(instruments=("harpsichord", "flute"), tempo=70))
    assert {note[4] for note in table(piece)} == {6, 32, 73, DRUMS}
    assert piece.tempos[0].qpm == pytest.approx(70)
    assert ROLL.encode(ROLL.decode(ROLL.encode(band(2)))).tolist() == ROLL.encode(band(2)).tolist()


def music(ids: np.ndarray) -> np.ndarray:
    """Return the rows from the first to the last that sounds: where a metre is not 4/4, bars around them are laid anew."""
    heard = np.flatnonzero(c.sounding(ids).any((1, 2)))
    return ids[heard[0]:heard[-1] + 1]


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([2, 4, 24]))
def test_round_trip_on_the_grid(data, steps):
    piece, codec = data.draw(any_piece(steps)), ANY_TIME[steps]
    if (c.PART_OF_CLASS[note_table(piece)[:, PROGRAM] // 8] < 0).all():
        return
    ids = codec.encode(piece)
    known = {(program, pitch) for *_, pitch, _, program in table(piece) if c.PART_OF_CLASS[program // 8] >= 0}
    assert {(int(part), key) for part, key in zip(*np.nonzero(c.onsets(ids).any(0)), strict=True)} == {
        (int(c.PART_OF_CLASS[program // 8]), pitch) for program, pitch in known}
    again = codec.encode(codec.decode(ids))
    assert (music(again) == music(ids)).all()
    assert (c.notes_of(ids)[:, 1] > 0).all()
    assert (music(c.paint(c.notes_of(ids), c.notes_of(ids)[:, PROGRAM], len(ids))) == music(ids)).all()


@settings(max_examples=8, deadline=None)
@given(st.data(), st.integers(0, 2**32 - 1))
def test_whatever_the_grammar_allows_is_what_was_asked_for(data, seed):
    request = data.draw(any_request(("4/4", "3/4", "2/2"))).replace(bars=2)
    if request.programs() and len({c.PART_OF_CLASS[family] for family in request.programs()}) < len(request.programs()):
        with pytest.raises(UserError, match="are both the strings"):
            ROLL.grammar(request, 1)
        return
    grammar = ROLL.grammar(request, 2)
    for ids in stroll(grammar, seed):
        check_answer(grammar.piece(ids), request)


def proposals(grammar, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Propose whole blocks at random, dense or all but silent."""
    random = np.random.default_rng(seed)
    scores = random.random((grammar.rows, grammar.steps, c.CELLS))
    on = scores > random.choice([0.3, 0.99, 2])
    return np.where(on, random.integers(c.ONSET, c.SUSTAIN + 1, scores.shape), c.OFF), scores


def settled(grammar, seed: int = 0) -> np.ndarray:
    """Put blocks that were proposed right, step after step: (B, T, 640)."""
    blocks, scores = proposals(grammar, seed)
    rows = [np.tile(grammar.prompt, (grammar.rows, 1, 1))]
    while not grammar.done.all():
        step = grammar.written
        row = grammar.settle(blocks[:, step], c.cells(scores)[:, step])
        for field in np.flatnonzero(row[0] >= c.ONSET).tolist():
            assert grammar.fixed[step, field] or grammar.keys[field]
        grammar.advance(row)
        rows.append(row[:, None])
    return np.concatenate(rows, axis=1)


@settings(max_examples=12, deadline=None)
@given(st.data(), st.integers(0, 2**32 - 1))
def test_blocks_are_put_right(data, seed):
    request = data.draw(any_request(("4/4", "3/4"))).replace(bars=2, instruments=("piano", "bass", "violin"), pitches=(),
                                                             max_polyphony=("piano:3",))
    grammar = ROLL.grammar(request, 2)
    for ids in settled(grammar, seed):
        check_answer(grammar.piece(ids), request)
        assert c.sounding(ids)[:, 0].sum(1).max() <= 3
        assert (c.mend(ids) == ids).all()


def test_of_too_many_keys_the_weakest_fall_silent():
    grammar = ROLL.grammar(Request(bars=1, instruments=("piano",), max_polyphony=("2",)), 1)
    proposed, scores = np.full((1, c.CELLS), c.OFF), np.zeros((1, c.CELLS))
    proposed[0, [60, 64, 67]] = c.SUSTAIN
    scores[0, [60, 64, 67]] = 0.9, 0.2, 0.5
    row = grammar.settle(proposed, scores)
    assert ROLL.words(row) == ["piano C4 G4"]
    grammar.advance(row)
    assert ROLL.words(grammar.settle(proposed, scores)) == ["piano C4~ G4~"]


@pytest.mark.parametrize(("wish", "text"), [
    ({"style": "folk"}, "cannot hold style"), ({"chords": "Am F"}, "cannot hold chords"),
    ({"instruments": ("violin", "flute")}, "are both the strings"),
    ({"instruments": ("sitar", "sci-fi")}, "effects have no part"),
    ({"metre": "7/16"}, "no whole number of steps"), ({"pitches": ("piano:C#4-C#4",), "key": "C major"}, "no key is left")])
def test_what_the_grammar_cannot_hold_it_says(wish, text):
    with pytest.raises(UserError, match=text):
        ROLL.grammar(Request(**wish), 1)


def worked_on(piece, seed: int = 0, **wish):
    """Write into a piece at random; return the notes of the whole, and the grammar."""
    request = Request(**wish)
    grammar = ROLL.grammar(request, 1, Draft.of(request, piece))
    [ids] = settled(grammar, seed)
    return note_table(grammar.piece(ids)), grammar


def rows_of(notes: np.ndarray) -> set[tuple[int, ...]]:
    return set(map(tuple, notes.tolist()))


@pytest.mark.parametrize("seed", range(4))
def test_a_piece_is_continued_by_who_plays_in_it(seed):
    notes, grammar = worked_on(band(4), seed, task="continue", bars=2)
    old = notes[:, START] < 4 * 4 * 480
    assert rows_of(notes[old]) == rows_of(note_table(band(4)))
    assert len(grammar.prompt) == 32
    assert (grammar.prompt == ROLL.encode(band(4))).all()
    assert set(notes[~old, PROGRAM].tolist()) <= {0, 33, 73, DRUMS}
    assert 5 * 4 * 480 < (notes[:, START] + notes[:, 1]).max() <= 6 * 4 * 480


def test_one_part_is_filled_in_and_the_others_sound_along():
    notes, grammar = worked_on(band(4), 1, task="infill", region="2-3", instruments=("bass",), key="C major")
    inside = (notes[:, START] >= 4 * 480) & (notes[:, START] < 12 * 480)
    kept = note_table(band(4))
    mine = (kept[:, PROGRAM] == 33) & (kept[:, START] >= 4 * 480) & (kept[:, START] < 12 * 480)
    assert rows_of(kept[~mine]) == rows_of(notes[~(inside & (notes[:, PROGRAM] == 33))])
    new = notes[inside & (notes[:, PROGRAM] == 33)]
    assert len(new)
    assert set((new[:, PITCH] % 12).tolist()) <= {0, 2, 4, 5, 7, 9, 11}
    assert (c.cells(grammar.frame)[:, 0] == c.cells(ROLL.encode(band(4)))[8:24, 0]).all()


def test_a_part_is_added_to_a_piece():
    notes, _ = worked_on(band(2), 2, task="accompany", instruments=("guitar",))
    assert rows_of(note_table(band(2))) < rows_of(notes)
    assert {24, 25} & set(notes[:, PROGRAM].tolist())
    with pytest.raises(UserError, match="cannot vary"):
        worked_on(band(2), task="vary", region="1")
    with pytest.raises(UserError, match="has nothing for piano"):
        worked_on(piece_of({98: [(0, 1, 60, 80)]}), task="continue", bars=1)


def test_of_two_who_share_a_part_the_busier_goes_on():
    piece = piece_of({41: [(0, 4, 60, 80)], 73: [(n, 1, 72 + n, 80) for n in range(4)]})
    notes, _ = worked_on(piece, 3, task="continue", bars=1)
    assert set(notes[notes[:, START] >= 4 * 480, PROGRAM].tolist()) == {73}


def test_only_bars_that_fit_into_blocks_are_taken():
    with pytest.raises(UserError, match="common_time=false"):
        ROLL.encode(changing_metre())
    assert len(ANY_TIME[2].encode(changing_metre())) == 34
    assert len(ROLL.encode(drums_only())) == 8


def test_lessons_begin_with_a_block_and_come_in_other_keys_without_the_drums():
    ids = ROLL.encode(band(16))
    random = np.random.default_rng(0)
    lessons = [ROLL.lesson(ids, 64, random, Variety(transpose=2)) for _ in range(60)]
    assert {len(lesson) for lesson in lessons} == {64}
    assert len({lesson[:, :512].tobytes() for lesson in lessons}) == 5
    assert len({lesson[:, 512:].tobytes() for lesson in lessons}) == 1
    assert len(c.shifts(ids)) > 12
    for shift in c.shifts(ids):
        moved = c.transpose(ids, shift)
        assert (c.cells(moved)[:, 4] == c.cells(ids)[:, 4]).all()
        assert (np.sort(c.cells(moved), axis=-1) == np.sort(c.cells(ids), axis=-1)).all()
        assert np.flatnonzero(c.sounding(moved)[:, :4].any((0, 1))).min() >= 21
        assert (c.transpose(moved, -shift) == ids).all()
    assert c.shifts(ROLL.encode(drums_only())) == [0]
    assert [len(page) for page in ROLL.pages(ids, 50)] == [32] * 4
    assert [len(page) for page in ANY_TIME[24].pages(ANY_TIME[24].encode(band(3)), 100)] == [96] * 3


def test_what_is_held_but_was_not_struck():
    ids = ROLL.encode(band(2))
    inside = ids[1:9]
    assert (inside[0] == c.SUSTAIN).any()
    mended = c.mend(inside)
    assert (c.sounding(mended) == c.sounding(inside)).all()
    assert (mended[1:] == inside[1:]).all()
    assert len(note_table(ROLL.decode(inside))) < len(note_table(ROLL.decode(mended)))
    assert len(ROLL.decode(np.full((3, c.CELLS), 7)).tracks) == 0
    assert len(ROLL.decode(np.zeros((0, c.CELLS), int)).tracks) == 0


def test_bars_in_which_somebody_named_is_silent_are_counted():
    grammar = ROLL.grammar(Request(bars=2, instruments=("piano", "bass")), 1)
    ids = np.full((grammar.steps, c.CELLS), c.OFF)
    assert grammar.misses(ids) == 4
    ids[0, c.PARTS.index("piano") * c.KEYS + 60] = c.ONSET  # in the first bar
    ids[-1, c.PARTS.index("bass") * c.KEYS + 40] = c.ONSET  # in the second
    assert grammar.misses(ids) == 2
    ids[:, c.PARTS.index("strings") * c.KEYS + 60] = c.ONSET  # not asked for
    assert grammar.misses(ids) == 2
