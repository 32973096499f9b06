"""Work on a piece with the codec `bars`: what is given stays, what was asked for holds, whatever is drawn."""

import numpy as np
import pytest
from music_made_here import band, drums_only, piece_of, table

from bandmate.codecs import bars as b
from bandmate.codecs.bars import Bars
from bandmate.codecs.bars_plan import Plan
from bandmate.codecs.codec import stroll
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.obedience.prompts import Prompt, prompts
from bandmate.obedience.trials import trial
from bandmate.settings import UserError


def answer(request, prompt=None):
    draft = None if prompt is None else Draft.of(request, prompt)
    grammar = Bars().grammar(request, 1, draft)
    return [grammar.piece(stream) for stream in stroll(grammar, request.seed)]


@pytest.fixture(scope="module")
def real_prompts() -> list[Prompt]:
    return list(prompts())


@pytest.mark.parametrize("seed", range(4))
def test_hard_controls_hold_for_any_request_and_prompt(seed, real_prompts):
    report = trial(answer, 60, seed, given=real_prompts)
    assert not report.failures
    assert report.pieces >= 55
    assert {control for _, control in report.asked} >= {"instruments", "key", "chords", "given", "written", "max_leap", "fresh"}


def test_a_continuation_keeps_every_note_and_adds_bars():
    [piece] = answer(Request(task="continue", bars=4), band(4))
    notes, before = table(piece), table(band(4))
    assert [note for note in notes if note[0] < 16 * 480] == before
    assert 28 * 480 < max(start + length for start, length, *_ in notes) <= 32 * 480


def test_a_piece_is_cut_where_it_is_to_go_on():
    [piece] = answer(Request(task="continue", bars=2, at=3), band(8))
    notes = table(piece)
    assert [note for note in notes if note[0] < 12 * 480] == [note for note in table(band(8)) if note[0] < 12 * 480]
    assert max(start for start, *_ in notes) < 20 * 480


def test_an_infill_changes_the_named_parts_of_the_named_bars_alone():
    [piece] = answer(Request(task="infill", region="2-3", instruments=("bass", "drums")), band(6))

    def outside(notes):
        return [note for note in notes if not (4 * 480 <= note[0] < 12 * 480 and note[4] in (33, 128))]
    assert outside(table(piece)) == outside(table(band(6)))
    assert table(piece) != table(band(6))


def test_an_accompaniment_has_a_track_of_its_own():
    [piece] = answer(Request(task="accompany", instruments=("strings",)), band(4))
    assert [note for note in table(piece) if note[4] != 40] == table(band(4))
    assert any(track.name == "Violin" and len(track.notes) for track in piece.tracks)


def test_a_variation_is_like_it_but_not_it():
    whole = {note[:1] + note[2:3] + note[4:] for note in table(band(8))}
    shares = []
    for amount in (0.1, 0.5, 1.0):
        [piece] = answer(Request(task="vary", region="1-8", amount=amount, seed=4), band(8))
        shares.append(len(whole & {note[:1] + note[2:3] + note[4:] for note in table(piece)}) / len(whole))
    assert 1 > shares[0] > shares[1] > shares[2]
    assert shares[0] > 0.8
    assert shares[2] < 0.1


def test_keeping_rhythm_or_pitches_keeps_them():
    [piece] = answer(Request(task="vary", region="1-4", amount=1, keep="rhythm"), band(4))
    assert sorted(note[:2] + note[4:] for note in table(piece)) == sorted(note[:2] + note[4:] for note in table(band(4)))
    [piece] = answer(Request(task="vary", region="1-4", amount=1, keep="pitches"), band(4))
    assert sorted((note[0] // 1920, note[2], note[4]) for note in table(piece)) == sorted(
        (note[0] // 1920, note[2], note[4]) for note in table(band(4)))
    assert table(piece) != table(band(4))


def test_what_is_heard_is_what_is_near():
    """The hole is heard with bars on both sides, header first, and no more than there is room for."""
    draft = Draft.of(Request(task="infill", region="30-31"), band(64))
    grammar = Bars().grammar(Request(task="infill", region="30-31"), 1, draft)
    heard = grammar.hear(0, np.zeros((0, 3), np.int64), 300)
    words = Bars().words(heard)
    assert words[0] == "begin"
    assert 200 < len(heard) <= 300
    given, music = words.index("given"), words.index("music")
    assert [word.split()[1] for word in words[given:music] if word.startswith("bar")][:3] == ["36", "36", "36"]
    assert sum(word.startswith("bar") for word in words[given:music]) > 3
    assert sum(word.startswith("bar") for word in words[music:]) > 2
    assert {word for word in words if word.startswith("write")} == {"write piano", "write bass", "write pipe", "write drums"}


def test_two_holes_are_written_one_after_the_other():
    plan = Plan.of(Draft.of(Request(task="infill", region="2,5-6"), band(8)))
    assert [(bar.number, bar.first, bar.last) for bar in plan.todo] == [(1, 1, 2), (4, 4, 6), (5, 4, 6)]


def test_an_orchestra_in_a_rare_metre_is_heard():
    piece = piece_of({program: [(beat / 8, 0.5, 60, 90) for beat in range(200)] for program in range(0, 128, 8)},
                     {0: (11, 16)})
    [result] = answer(Request(task="infill", region="2", instruments=("piano",)), piece)
    assert len(result.tracks) == 16
    assert b.METRES[Plan.of(Draft.of(Request(task="infill", region="2"), piece)).bars[0].line[2] - b.METRE_AT] != (11, 16)


@pytest.mark.parametrize(("wish", "prompt", "sentence"), [
    ({"task": "infill", "region": "7-9"}, band(8), "bars 7 to 9 were named, but the piece has 8"),
    ({"task": "continue", "at": 9}, band(8), "was to go on after bar 9, but has 8 bars"),
    ({"task": "accompany", "instruments": ("piano",)}, band(4), "piano cannot be both given and written"),
    ({"task": "continue"}, piece_of({}), "the prompt has no notes"),
    ({"task": "generate"}, band(4), "a prompt was given"),
    ({"task": "infill", "region": "1", "tempo": 90}, band(4), "metre and tempo of the piece stay"),
    ({"task": "infill", "region": "1", "drums": False}, drums_only(), "nothing is left to be written"),
    ({"task": "continue", "key": "C major", "chords": "C Gb"}, band(4), "the chord Gb has no note in C major"),
    ({"task": "continue", "instruments": ("flute",), "pitches": ("flute:C2-C3",), "max_leap": ("5",)}, band(4),
     "pipe plays D5 before, from where a leap of at most 5"),
])
def test_what_means_nothing_is_refused(wish, prompt, sentence):
    with pytest.raises(UserError, match=sentence):
        answer(Request(**wish), prompt)


@pytest.mark.parametrize(("wish", "sentence"), [
    ({"task": "infill"}, "not said which bars to fill in"),
    ({"task": "vary"}, "not said which bars to vary"),
    ({"task": "accompany"}, "not said who accompanies"),
    ({"task": "infill", "region": "9-3"}, "'9-3' is no range of bars"),
    ({"at": 3}, "'at' belongs to the task continue"),
    ({"keep": "rhythm"}, "'keep' belongs to the task vary"),
    ({"region": "3"}, "a region was named, but generate writes new bars"),
    ({"fresh": True}, "nothing is given"),
    ({"task": "vary", "region": "1", "max_leap": ("4",)}, "vary leaves notes as they are"),
    ({"loudness": "9"}, "'9' is no loudness"),
    ({"max_polyphony": ("piano",)}, "'piano' is not a limit"),
])
def test_a_request_that_contradicts_itself_is_refused(wish, sentence):
    with pytest.raises(UserError, match=sentence):
        Request(**wish)
