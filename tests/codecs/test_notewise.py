"""The codec `notewise`: words as Clara and Maia wrote them, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_made_here import any_piece, band, piece_of, table

from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.notewise import LOWEST, Notewise, NotewiseConfig
from bandmate.codecs.solo import fits, one_part, overlapping
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.piece import Labels
from bandmate.settings import UserError

NOTEWISE = Notewise()
FORMS = [NotewiseConfig(), NotewiseConfig(notes=88, steps=4), NotewiseConfig(notes=38, loudness=True, composers=("Bach",))]


def spelled(piece, codec=NOTEWISE):
    return " ".join(codec.words(codec.encode(piece)))


def test_149_words():
    assert len(NOTEWISE.vocabulary) == 149
    assert NOTEWISE.vocabulary[:2] + NOTEWISE.vocabulary[61:64] == ["p0", "p1", "p61", "endp0", "endp1"]
    assert NOTEWISE.vocabulary[123:125] + NOTEWISE.vocabulary[-1:] == ["endp61", "wait1", "wait25"]
    assert len(Notewise(NotewiseConfig(loudness=True)).vocabulary) == 157


def test_an_eighth_note():
    assert spelled(piece_of({0: [(0, 0.5, 74, 90)]})) == "begin p41 wait5 endp41 wait1 end"


def test_steps_go_from_low_to_high_and_waits_merge():
    piece = piece_of({0: [(0, 1, 48, 90), (0, 0.5, 60, 90), (0.5, 0.5, 62, 90), (5, 1 / 12, 40, 90)]})
    assert spelled(piece) == ("begin p15 p27 wait5 endp27 wait1 p29 wait5 endp15 endp29 wait25 wait24 p7 endp7 wait1 end")


def test_a_note_struck_again_has_no_end():
    assert spelled(piece_of({0: [(0, 0.5, 60, 90), (0.5, 0.5, 60, 90)]})) == "begin p27 wait6 p27 wait5 endp27 wait1 end"
    assert spelled(piece_of({0: [(0, 0.5, 60, 90), (1, 0.5, 60, 90)]})) == (
        "begin p27 wait5 endp27 wait7 p27 wait5 endp27 wait1 end")


def test_notes_outside_move_by_octaves_and_parts_become_one():
    assert spelled(piece_of({0: [(0, 1, 21, 90)], 40: [(0, 1, 108, 90)]})) == (
        "begin p0 p51 wait11 endp0 endp51 wait1 end")


def test_drums_are_left_out():
    assert {pitch for _, _, pitch, _, _ in table(NOTEWISE.decode(NOTEWISE.encode(band(1))))} >= {36, 60, 72}
    assert all(program == 0 for *_, program in table(NOTEWISE.decode(NOTEWISE.encode(band(1)))))
    with pytest.raises(UserError, match="no pitched instrument plays"):
        NOTEWISE.encode(piece_of({128: [(0, 1, 36, 90)]}))


def test_loudness_is_said_when_it_changes():
    codec = Notewise(NotewiseConfig(loudness=True))
    piece = piece_of({0: [(0, 1, 60, 91), (1, 1, 62, 88), (2, 1, 64, 30)]})
    assert spelled(piece, codec) == "begin v6 p27 wait11 endp27 wait1 p29 wait11 endp29 wait1 v2 p31 wait11 endp31 wait1 end"
    assert [velocity for *_, velocity, _ in table(codec.decode(codec.encode(piece)))] == [90, 90, 30]


def test_a_note_without_end_lasts_a_quarter():
    ids = np.array([[NOTEWISE.strike + 27], [NOTEWISE.wait + 3], [NOTEWISE.strike + 29]])
    assert [(start, length) for start, length, *_ in table(NOTEWISE.decode(ids))] == [(0, 480), (120, 480)]


def test_composers_begin_a_piece_and_every_window():
    codec = Notewise(NotewiseConfig(composers=("Bach", "Mozart")))
    ids = codec.encode(band(4), Labels(composer="Mozart"))
    assert codec.words(ids[:2]) == ["Mozart", "begin"]
    assert codec.given(ids)[:3].tolist() == [True, True, False]
    assert codec.words(codec.window(ids, 10, 0.5))[0] == "Mozart"
    assert len(codec.window(ids, 10, 0.5)) == 10
    assert codec.words(codec.encode(band(1)))[0] == "begin"
    random = np.random.default_rng(0)
    named = [codec.lesson(ids, 10, random, Variety(keep_header=0.5))[0, 0] == 4 for _ in range(80)]
    assert 20 < sum(named) < 60


@pytest.mark.parametrize("composer", ["", "Bach"])
def test_pages_score_every_row_once(composer):
    codec = Notewise(NotewiseConfig(composers=("Bach",)))
    ids = codec.encode(band(4), Labels(composer=composer))
    scored = [page[1:][~codec.given(page)[1:]] for page in codec.pages(ids, 16)]
    assert max(map(len, codec.pages(ids, 16))) == 16
    assert (np.concatenate(scored) == ids[1 + bool(composer):]).all()


def test_windows_overlap_by_half():
    ids = np.arange(2000)[:, None]
    windows = overlapping(ids)
    assert {len(window) for window in windows[:-1]} == {512}
    assert [int(window[0, 0]) for window in windows] == list(range(0, 1792, 256))
    assert windows[-1][-1, 0] == 1999
    assert len(overlapping(ids[:300])) == 1


def test_transposed_ids_are_the_transposed_piece():
    tune = [(0, 1, 60, 90), (1, 1, 64, 90), (1, 2, 67, 90)]
    ids = NOTEWISE.encode(piece_of({0: tune}))
    for shift in (-6, 3, 6):
        higher = piece_of({0: [(start, length, pitch + shift, velocity) for start, length, pitch, velocity in tune]})
        assert (NOTEWISE.transpose(ids, shift) == NOTEWISE.encode(higher)).all()
    assert NOTEWISE.shifts(ids) == list(range(-27, 28))
    random = np.random.default_rng(0)
    assert len({NOTEWISE.lesson(ids, 64, random, Variety(transpose=6))[1, 0] for _ in range(300)}) == 13


@pytest.mark.parametrize("config", FORMS, ids=str)
@given(seed=st.integers(0, 2**32 - 1), bars=st.integers(1, 3), metre=st.sampled_from(["4/4", "3/4", "7/8"]))
def test_round_trip_of_whatever_the_grammar_allows(config, seed, bars, metre):
    codec = Notewise(config)
    request = Request(bars=bars, metre=metre, composer=config.composers[0] if config.composers else None)
    [ids] = stroll(codec.grammar(request, 1), seed)
    piece = codec.decode(ids, request)
    assert (codec.encode(piece, Labels(composer=request.composer or "")) == ids).all()


@pytest.mark.parametrize("config", FORMS[:2], ids=str)
@given(piece=any_piece(12))
def test_round_trip_of_any_piece_on_the_grid(config, piece):
    codec = Notewise(config)
    if all(program == 128 for *_, program in table(piece)):
        return
    quantised = fits(one_part(piece, codec.steps_per_quarter).notes, codec.lowest, codec.lowest + config.notes - 1)
    again = one_part(codec.decode(codec.encode(piece)), codec.steps_per_quarter).notes
    lost = quantised[:, 0].min() - again[:, 0].min()  # whole bars, where bars of the piece are not those of 4/4
    again[:, 0] += lost
    assert again[:, :3].tolist() == quantised[:, :3].tolist()


def test_keys_and_ranges_are_held():
    request = Request(bars=2, key="D minor", pitches=("piano:C3-C5",))
    for ids in stroll(NOTEWISE.grammar(request, 4), 1):
        pitches = {pitch for _, _, pitch, *_ in table(NOTEWISE.decode(ids, request))}
        assert all(48 <= pitch <= 72 for pitch in pitches)
        assert {pitch % 12 for pitch in pitches} <= {2, 4, 5, 7, 9, 10, 0, 1}
    with pytest.raises(UserError, match="no note of the codec 'notewise' is left"):
        NOTEWISE.grammar(Request(pitches=("piano:C0-C1",)), 1)


def test_a_piece_is_continued_and_stays_as_it_is():
    prompt = piece_of({0: [(0, 1, 60, 91), (1, 2, 64, 33)], 40: [(0, 3.99, 67, 77)], 128: [(0, 0.25, 36, 100)]}, {0: (3, 4)})
    request = Request(task="continue", bars=2)
    grammar = NOTEWISE.grammar(request, 2, Draft.of(request, prompt))
    heard = NOTEWISE.words(grammar.hear(0, np.zeros((0, 1), np.int64), 100))
    assert heard[:2] == ["begin", "p27"]
    assert sum(int(word[4:]) for word in heard if word.startswith("wait")) == 6 * 12  # a tie into the second bar
    for ids in stroll(grammar, 3):
        piece = grammar.piece(ids)
        bar = 3 * 480
        assert [note for note in table(piece) if note[0] < 2 * bar] == table(prompt)
        added = [note for note in table(piece) if note[0] >= 2 * bar]
        assert added
        assert 3 * bar < max(start + length for start, length, *_ in added) <= 4 * bar
        assert {program for *_, program in added} == {0}


def test_silent_bars_at_the_top_are_not_heard():
    prompt, request = piece_of({0: [(9, 1, 60, 91)]}), Request(task="continue", bars=1)
    grammar = NOTEWISE.grammar(request, 1, Draft.of(request, prompt))
    heard = NOTEWISE.words(grammar.hear(0, np.zeros((0, 1), np.int64), 100))
    assert heard == ["begin", "wait12", "p27", "wait11", "endp27", "wait1", "wait24"]
    assert len(table(grammar.piece(stroll(grammar, 0)[0]))) > 1


def test_drums_alone_are_not_heard():
    prompt, request = piece_of({128: [(0, 1, 36, 91)]}), Request(task="continue", bars=1)
    with pytest.raises(UserError, match="only drums play before"):
        NOTEWISE.grammar(request, 1, Draft.of(request, prompt))
    request = request.replace(instruments=("flute",))
    grammar = NOTEWISE.grammar(request, 1, Draft.of(request, prompt))
    assert {program for *_, program in table(grammar.piece(stroll(grammar, 0)[0]))} == {73, 128}


@pytest.mark.parametrize(("metre", "longest"), [("4/4", 48), ("3/4", 48), ("6/4", 72)])
def test_no_note_sounds_longer_than_a_whole_note_or_a_bar(metre, longest):
    request = Request(bars=6, metre=metre)
    lengths = np.concatenate([NOTEWISE.notes(ids.astype(np.int64))[:, 1] for seed in range(4)
                              for ids in stroll(NOTEWISE.grammar(request, 2), seed)])
    assert lengths.max() == longest
    silent = NOTEWISE.grammar(request, 1)  # one who never ends a note, if it can be helped
    words = []
    while not silent.done.all():
        [allowed] = silent.mask(0, np.zeros((1, 1), int))
        allowed[NOTEWISE.stop:NOTEWISE.wait + 1] &= not allowed[NOTEWISE.wait + 1:NOTEWISE.level].any()
        words.append([int(np.flatnonzero(allowed)[-1])])
        silent.advance(np.array(words[-1:]))
    assert NOTEWISE.notes(np.array(words))[0, 1] == longest


def test_the_longer_a_note_sounds_the_likelier_is_its_end():
    grammar = NOTEWISE.grammar(Request(bars=4), 1)
    nothing = np.zeros((1, 1), int)

    def say(word):
        grammar.advance(np.array([[word]]))
        return np.zeros(NOTEWISE.sizes) if (lean := grammar.lean(0, nothing)) is None else lean[0]

    assert grammar.lean(0, nothing) is None
    say(NOTEWISE.strike + 20)
    lean = say(NOTEWISE.strike + 30)
    assert lean[NOTEWISE.wait + 11] == pytest.approx(0.4 * 3)  # to the last step of the quarter, rather than over it
    assert lean[NOTEWISE.wait + 12:NOTEWISE.level].tolist() == pytest.approx([-0.6 * 3] * 14)
    assert np.count_nonzero(lean) == 15
    lean = say(NOTEWISE.wait + 11)
    assert lean[[NOTEWISE.stop + 20, NOTEWISE.stop + 30]].tolist() == [3, 3]
    assert (lean[NOTEWISE.strike:NOTEWISE.stop] == -3).all()  # what was waited for is an end
    lean = say(NOTEWISE.stop + 20)
    assert lean.nonzero()[0].tolist() == [NOTEWISE.stop + 30]
    say(NOTEWISE.wait + 1)
    lean = say(NOTEWISE.wait + 11)
    assert lean[NOTEWISE.stop + 30] == pytest.approx(3 * 2 ** 1.5)
    say(NOTEWISE.stop + 30)
    assert grammar.lean(0, nothing) is None


def test_lowest_notes():
    assert {notes: Notewise(NotewiseConfig(notes=notes)).lowest for notes in LOWEST} == {38: 45, 62: 33, 88: 21}


def test_notes_share_their_pitch():
    parts = NOTEWISE.parts(0)
    assert len(parts) == NOTEWISE.sizes[0]
    assert (parts[NOTEWISE.strike + 5, :2] == parts[NOTEWISE.stop + 5, :2]).all()
    assert not parts[NOTEWISE.wait + 1:].any()
    assert not parts[:3].any()
