"""The grammar of `bars`: whatever it lets pass is the music that was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from music_made_here import any_piece, any_request, band, check_answer, drums_only, table

from bandmate.codecs import bars as b
from bandmate.codecs.bars import METRES, Bars, BarsConfig
from bandmate.codecs.bars_grammar import LONGEST_REST, MAX_NOTES_A_BAR
from bandmate.codecs.codec import stroll
from bandmate.music.instruments import DRUM_KIT
from bandmate.music.request import Request
from bandmate.piece import DRUMS
from bandmate.settings import UserError

METRE_NAMES = tuple("{}/{}".format(*metre) for metre in METRES)


def walks(request, rows=3, seed=0, config=None):
    codec = Bars(config)
    for ids in stroll(codec.grammar(request, rows), seed):
        yield ids, codec.decode(ids, request)


@given(any_request(METRE_NAMES), st.integers(0, 2**32))
def test_whatever_the_grammar_allows_is_the_music_asked_for(request, seed):
    for ids, piece in walks(request, seed=seed):
        check_answer(piece, request)
        assert b.bar_lines(ids[:, 0]).sum() == request.bars
        assert ids[-1, 0] == b.END
        parts = ids[ids[:, 0] == b.PART, 1] - b.NOTES
        assert {note[4] // 8 for note in table(piece)} == set((parts // 128).tolist())


@given(any_request(("4/4", "6/8")), st.integers(0, 2**32))
def test_what_is_written_encodes_to_itself(request, seed):
    for ids, piece in walks(request, rows=1, seed=seed):
        again = Bars().encode(piece)
        music, heard = ids[ids[:, 0] >= b.POSITION], again[again[:, 0] >= b.POSITION]
        assert (music[:, :2] == heard[:, :2]).all()
        assert (ids[b.bar_lines(ids[:, 0])] == again[b.bar_lines(again[:, 0])]).all()


@given(any_piece(24))
def test_music_as_encoded_is_allowed(piece):
    """Every row that the encoder writes after the first bar line is one that the grammar would let pass, metre aside."""
    codec = Bars()
    ids = codec.encode(piece).astype(np.int64)
    if len({tuple(row) for row in ids[b.bar_lines(ids[:, 0])][:, 2:].tolist()}) > 1:
        return
    metre = METRES[int(ids[ids[:, 0] == b.METRE, 2][0]) - b.METRE_AT]
    grammar = codec.grammar(Request(bars=int(b.bar_lines(ids[:, 0]).sum()), metre="{}/{}".format(*metre)), 1)
    [row] = grammar.rows
    row.header.slot = len(row.header.slots)
    for step in ids[ids[:, 0] != b.PAD][int(codec.given(ids).sum()):]:
        for field in range(2):
            assert grammar.mask(field, step[None])[0, step[field]]
        grammar.advance(step[None])
    assert grammar.done.all()


@pytest.mark.parametrize("drums", [True, False, None])
@pytest.mark.parametrize("instruments", [(), ("drums",), ("piano",)])
def test_drums(instruments, drums):
    if drums is False and "drums" in instruments:
        return
    request = Request(bars=2, instruments=instruments, drums=drums)
    for _, piece in walks(request, rows=8):
        check_answer(piece, request)
        if instruments == ("piano",) and not drums:
            assert {note[4] for note in table(piece)} == {0}


def test_the_exact_program_is_kept():
    for _, piece in walks(Request(bars=1, instruments=("fretless bass", "rhodes"))):
        assert {note[4] for note in table(piece)} == {35, 4}


def test_pitch_range_of_one_pitch_a_part_still_lets_every_part_play():
    request = Request(bars=1, metre="1/16", instruments=("piano", "bass", "flute", "drums"), key="C major",
                      pitches=("piano:C4-C#4", "bass:C4-C#4", "flute:C4-C#4", "drums:36-36"))
    for _, piece in walks(request, rows=8):
        check_answer(piece, request)


def test_header_fields_left_out_are_chosen_or_left_out():
    codec = Bars(BarsConfig(styles=("folk",)))
    request = Request(bars=4, instruments=("piano",), tempo=100, style="folk", key="A minor")
    assert codec.words(codec.grammar(request, 1).prompt) == [
        "begin", "style folk", "has_drums no", "part piano:acoustic grand piano", "metre 4/4", "key A minor", "tempo 100",
        "length 4 left", "music"]
    assert codec.words(codec.grammar(Request(bars=4), 1).prompt) == ["begin"]
    [ids] = stroll(codec.grammar(Request(bars=4, drums=True), 1), 3)
    words = [word.split()[0] for word in codec.words(ids)]
    parts = ["part"] * words.count("part")
    assert words[:words.index("music") + 1] == ["begin", "has_drums", *parts, "metre", "tempo", "length", "music"]


def test_no_part_that_was_asked_for_rests_long():
    request = Request(bars=24, instruments=("piano", "bass"), drums=True)
    for ids, _ in walks(request, rows=4):
        bar = np.cumsum(b.bar_lines(ids[:, 0])) - 1
        notes = ids[:, 0] >= b.POSITION
        for family in (0, 4, 16):
            heard = np.unique(bar[notes & ((ids[:, 1] - b.NOTES) // 128 == family)])
            assert np.diff(heard, prepend=0, append=24).max() <= LONGEST_REST + 1


def test_silent_parts_begin_by_a_quarter_of_the_piece():
    for ids, _ in walks(Request(bars=8, instruments=("piano", "violin"), drums=True), rows=8):
        bar = np.cumsum(b.bar_lines(ids[:, 0])) - 1
        for family in (0, 5, 16):
            plays = (ids[:, 0] >= b.POSITION) & ((ids[:, 1] - b.NOTES) // 128 == family)
            assert bar[plays].min() <= 2


def test_a_bar_ends_even_if_the_model_is_stuck():
    grammar = Bars().grammar(Request(bars=1, instruments=("piano",), tempo=120), 1)
    grammar.advance(np.array([[b.BAR, 0, 0]]))
    for _ in range(1000):  # always one more note, as early and as low as may be
        row = np.zeros((1, 3), np.int64)
        allowed = np.flatnonzero(grammar.mask(0, row)[0])
        row[0, 0] = next((number for number in allowed.tolist() if number >= b.POSITION), allowed[0])
        for field in (1, 2):
            row[0, field] = np.flatnonzero(grammar.mask(field, row)[0])[0]
        grammar.advance(row)
        if grammar.done.all():
            break
    assert grammar.rows[0].notes == MAX_NOTES_A_BAR


def test_finished_rows_allow_only_padding():
    grammar = Bars().grammar(Request(bars=1, instruments=("drums",)), 2)
    stroll(grammar, 0)
    for field in range(3):
        mask = grammar.mask(field, np.zeros((2, 3), np.int64))
        assert mask[:, 0].all()
        assert mask.sum() == 2


@pytest.mark.parametrize(("asked", "sentence"), [
    ({"metre": "11/16"}, "the metre 11/16 is not among those of the codec 'bars'"),
    ({"style": "jazz"}, "does not know the style 'jazz'; it was trained without any style"),
    ({"composer": "Bach"}, "does not know the composer 'Bach'"),
    ({"key": "C major", "instruments": ("piano",), "pitches": ("piano:C#4-C#4",)}, "has no pitch in the range"),
])
def test_what_cannot_be_held_is_refused(asked, sentence):
    with pytest.raises(UserError, match=sentence):
        Bars().grammar(Request(**asked), 1)


def test_nearest_style_is_named():
    with pytest.raises(UserError, match="did you mean 'jazz'"):
        Bars(BarsConfig(styles=("folk", "jazz"))).grammar(Request(style="jaxx"), 1)


def test_real_bands_stay_bands():
    assert {track.is_drum for track in Bars().decode(Bars().encode(drums_only())).tracks} == {True}
    assert {note[4] for note in table(Bars().decode(Bars().encode(band())))} == {0, 33, 73, DRUMS}


def test_drums_have_a_sound_on_every_kit():
    for _, piece in walks(Request(bars=4, instruments=("drums",)), rows=4):
        assert {note[2] for note in table(piece)} <= set(DRUM_KIT)


def test_a_composer_is_known_by_a_part_of_the_name():
    codec = Bars(BarsConfig(composers=("Bach, Johann Sebastian", "Schumann, Clara", "Schumann, Robert")))
    prompt = codec.grammar(Request(composer="bach", instruments=("piano",)), 1).prompt
    assert (prompt[:, 1] == b.COMPOSER_AT).any()
    with pytest.raises(UserError, match="which of Schumann, Clara, Schumann, Robert"):
        codec.grammar(Request(composer="schumann"), 1)
