"""The codec `onsets`: one row a note in stretches of four bars, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from music_made_here import any_piece, any_request, band, changing_metre, check_answer, pickup, piece_of, table

from bandmate.codecs import onsets as o
from bandmate.codecs.codec import Variety, stroll
from bandmate.codecs.onsets import Onsets, OnsetsConfig
from bandmate.codecs.solo import END, LOUDNESS
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.piece import Labels
from bandmate.settings import UserError

CODEC = Onsets(OnsetsConfig(styles=("folk", "jazz")))
METRES = ("4/4", "3/4", "6/8", "7/8")


def spelled(piece, codec=CODEC, style=""):
    return codec.words(codec.encode(piece, Labels(style=style)))


def test_rows_by_hand():
    piece = piece_of({0: [(0, 1, 60, 90), (0, 2, 64, 90), (1.5, 0.125, 62, 90), (17, 8, 108, 90)]})
    assert spelled(piece, style="jazz") == ["jazz, a bar of 4", "C4 +0 8", "E4 +0 16", "D4 +12 1", "end", "C8 +8 32", "end"]
    assert spelled(piece_of({0: [(1, 1, 60, 90)]}, {0: (7, 8)})) == ["begin, a bar of 3 and 4/8", "C4 +8 8", "end"]
    assert CODEC.sizes == (5 + 88, 34, 33)
    ids = CODEC.encode(piece)
    assert ids.dtype == np.int16
    assert CODEC.notes_in(ids).tolist() == [0, 1, 1, 1, 0, 1, 0]
    assert CODEC.given(ids).tolist() == [True, *[False] * 6]


def test_what_is_longer_than_a_whole_note_is_cut():
    late = piece_of({0: [(0, 9, 60, 90), (12, 1, 62, 90), (16, 1, 64, 90)]})
    assert spelled(late)[1:] == ["C4 +0 32", "D4 +32 8", "end", "E4 +0 8", "end"]


def test_drums_are_left_out_and_parts_become_one():
    words = spelled(band(1))
    assert {"C2 +0 8", "C5 +0 4", "C4 +0 16"} <= set(words)
    with pytest.raises(UserError, match="no pitched instrument plays"):
        CODEC.encode(piece_of({128: [(0, 1, 36, 90)]}))


def test_bars_of_the_commonest_length_and_upbeats():
    assert spelled(changing_metre())[0] in ("begin, a bar of 3", "begin, a bar of 4")
    assert spelled(pickup())[:2] == ["begin, a bar of 4", "C5 +24 3"]
    upbeat = piece_of({0: [(0, 1, 67, 90), *((1 + n, 1, 60 + n, 90) for n in range(12))]}, {0: (1, 4), 1: (3, 4)})
    assert spelled(upbeat)[:3] == ["begin, a bar of 3", "G4 +16 8", "C4 +8 8"]


def test_labels_are_those_of_one_kind():
    by_composer = Onsets(OnsetsConfig(label="composer", composers=("Bach",), styles=("folk",)))
    assert (by_composer.labels, by_composer.config.styles) == (("Bach",), ())
    assert spelled(band(1), by_composer)[0] == "begin, a bar of 4"
    ids = by_composer.encode(band(1), Labels(style="folk", composer="Bach"))
    assert by_composer.words(ids)[0] == "Bach, a bar of 4"
    assert CODEC.words(CODEC.encode(band(1), Labels(style="folk")))[0] == "folk, a bar of 4"


def heard(piece):
    """Return what the grid keeps of a piece within a stretch: pitches, and times from the first of them."""
    notes = table(piece)
    first = min(note[0] for note in notes)
    return sorted((start - first, min(length, 4 * 480), pitch) for start, length, pitch, *_ in notes)


@settings(max_examples=60, deadline=None)
@given(any_piece(8))
def test_round_trip_of_any_piece(piece):
    notes = [note for note in table(piece) if note[4] != 128 and 21 <= note[2] <= 108]
    if not notes:
        return
    metres = {mark.time / 480: (mark.numerator, mark.denominator) for mark in piece.time_signatures}
    piece = piece_of({0: [(start / 480, length / 480, pitch, velocity) for start, length, pitch, velocity, _ in notes]}, metres)
    once = CODEC.decode(CODEC.encode(piece))
    starts = sorted({start for start, *_ in heard(piece)})
    if max(np.diff(starts), default=0) <= 4 * 480:  # no rest is cut
        alone = {(start, pitch) for start, _, pitch in heard(piece)}
        assert {(start, pitch) for start, _, pitch in heard(once)} == alone
    assert (CODEC.encode(CODEC.decode(CODEC.encode(once))) == CODEC.encode(once)).all()
    assert table(CODEC.decode(CODEC.encode(once))) == table(once)
    assert {velocity for *_, velocity, _ in table(once)} == {LOUDNESS}


def test_the_grid_is_kept_to_the_note():
    piece = piece_of({0: [(n * 0.625, 0.5, 60 + n % 7, LOUDNESS) for n in range(60)] + [(2, 3, 40, LOUDNESS)]})
    assert table(CODEC.decode(CODEC.encode(piece))) == table(piece)


@settings(max_examples=40, deadline=None)
@given(any_request(METRES), st.integers(0, 2**32 - 1))
def test_whatever_the_grammar_allows_answers_the_request(request, seed):
    alone = request.instruments[:1]
    request = request.replace(instruments=alone, drums=None, pitches=tuple(
        span for span in request.pitches if span.partition(":")[0] in alone))
    grammar = CODEC.grammar(request, 2)
    for stream in stroll(grammar, seed):
        piece = grammar.piece(stream)
        check_answer(piece, request)
        assert (CODEC.encode(piece)[1:, o.KEY] >= END).all()
        assert len(table(piece)) == CODEC.notes_in(stream).sum()  # no note is written twice


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_it_goes_on_after_a_piece(seed, bars):
    prompt = piece_of({73: [(n, 1, 60 + n % 5, 90) for n in range(22)]})
    request = Request(task="continue", bars=bars)
    grammar = CODEC.grammar(request, 1, Draft.of(request, prompt))
    assert CODEC.words(grammar.header)[0] == "begin, a bar of 4"
    assert [note[2] for note in grammar.before_it.tolist()] == [60 + n % 5 for n in range(8, 22)]
    assert grammar.before_it[0].tolist()[0] == 0
    [stream] = stroll(grammar, seed)
    piece = grammar.piece(stream)
    assert [note for note in table(piece) if note[0] < 24 * 480] == table(prompt)
    assert (23 + 4 * bars) * 480 - 3 * 480 <= piece.end() <= (24 + 4 * bars) * 480


def test_what_the_grammar_cannot_hold_it_says():
    assert CODEC.words(CODEC.grammar(Request(style="jazz", metre="3/4"), 1).prompt) == ["jazz, a bar of 3"]
    for wish, text in [({"style": "polka"}, "does not know the style 'polka'; did you mean 'folk'"),
                       ({"composer": "Bach"}, "it was not told any"), ({"drums": True}, "cannot hold drums"),
                       ({"pitches": ("piano:C9-D9",), "instruments": ("piano",)}, "its keys are those of a piano")]:
        with pytest.raises(UserError, match=text):
            CODEC.grammar(Request(**wish), 1)


def test_lessons_and_pages():
    piece = piece_of({0: [(n / 2, 0.5, 60 + n % 12, 90) for n in range(90)]}, {0: (3, 4)})
    ids = CODEC.encode(piece, Labels(style="folk"))
    pages = CODEC.pages(ids, 200)
    assert [CODEC.words(page[[0, 1, -1]]) for page in pages] == [
        ["folk, a bar of 3", "C4 +0 4", "end"]] * 3 + [["folk, a bar of 3", "C4 +0 4", "end"]]
    assert sum(int(CODEC.notes_in(page).sum()) for page in pages) == 90
    assert sum(int(CODEC.notes_in(page).sum()) for page in CODEC.pages(ids, 10)) == 90
    assert max(map(len, CODEC.pages(ids, 10))) == 10
    random = np.random.default_rng(0)
    names, keys, phases = set(), set(), set()
    for _ in range(60):
        lesson = CODEC.lesson(ids, 60, random, Variety(transpose=5, keep_header=0.5))
        assert 2 + o.FEWEST <= len(lesson) <= 26
        assert lesson[-1, 0] == END
        names.add(CODEC.words(lesson)[0])
        starts = CODEC.notes(lesson)
        keys.add(int(starts[:, 2].min()))
        phases |= set((starts[:, 0] % 4).tolist())
    assert names == {"folk, a bar of 3", "begin, a bar of 3"}
    assert {*range(55, 66)} <= keys
    assert phases == {0}
    high = CODEC.encode(piece_of({0: [(n, 1, 106, 90) for n in range(8)]}))
    lessons = [CODEC.lesson(high, 60, random, Variety(transpose=5)) for _ in range(60)]
    assert {int(CODEC.notes(lesson)[0, 2]) for lesson in lessons} == {*range(101, 109)}
    assert len(CODEC.lesson(ids, 9, random, Variety())) == 9
