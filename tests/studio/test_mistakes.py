"""Whatever a visitor does wrong is told in the visitor's language."""

from __future__ import annotations

from string import Formatter

import pytest
from music_made_here import band, drums_only

from bandmate.metrics.measures import MEASURES
from bandmate.music.draft import Draft
from bandmate.music.files import read_bytes
from bandmate.settings import UserError
from bandmate.studio import uploads
from bandmate.studio.desk import Wish
from bandmate.studio.mistakes import MISTAKES, told, translated
from bandmate.studio.phrases import LANGUAGES, PHRASES
from bandmate.studio.visits import Visit

OTHERS = LANGUAGES[1:]

ASKED = [  # what the fields of the page let through
    {"tempo": "fast"}, {"tempo": "500"}, {"tempo": "3"}, {"seed": "-1"}, {"seed": "x"}, {"tempo": "nan"},
    {"seed": str(2**80)}, {"seed": "1.5"},
    {"key": "H dur"}, {"instruments": ["banana"]}, {"instruments": ["violn"]}, {"instruments": ["piano", "harpsichord"]},
    {"instruments": ["drums"], "drums": False}, {"pitches": "piano"}, {"pitches": "piano:C6-C3"}, {"pitches": "piano:X-Y"},
    {"pitches": "flute:C4-C5", "instruments": ["piano"]},
    {"pitches": "piano:C#4-C#4", "key": "C major", "instruments": ["piano"]},
    {"chords": "Am Q"}, {"chords": "Am | | C"}, {"chords": "|"}, {"chords": "Hm"}, {"chords": "c"},
    {"chords": "F# C", "key": "C major"},
    {"max_polyphony": "many"}, {"max_leap": "0"}, {"loudness": "loud"}, {"style": "polka"}, {"composer": "Nobody"},
    {"composer": "Schumann"}, {"bars": 128, "variants": 9}, {"rhythm": "euclid", "pattern": "nothing"}, {"pattern": "3/8"},
    {"rhythm": "euclid", "pattern": "9/4"}, {"rhythm": "euclid", "pattern": "0/4"}, {"rhythm": "learnt"}, {"rhythm": "joint"},
    {"allowed": "Q"}, {"allowed": "C", "pitches": "piano:D4-D4"}, {"like": "a.mid"},
]
OF_MY_PIECE = [
    {"task": "infill"}, {"task": "vary"}, {"task": "infill", "region": "0-4"}, {"task": "infill", "region": "9-12"},
    {"task": "accompany"}, {"task": "accompany", "instruments": ["piano"]}, {"task": "continue", "at": "9"},
    {"task": "continue", "at": "0"}, {"task": "continue", "at": "x"},
    {"task": "vary", "region": "2", "chords": "C"}, {"task": "infill", "region": "2", "key": "F# major", "chords": "C"},
]
FILES = [("a.mid", b"junk"), ("a.txt", b"hello"), ("a.mid", b""), ("a.musicxml", b"<score"), ("a.abc", b""), ("a.krn", b"junk"),
         ("a.mid", b"MThd\0\0\0\6\0\1\0\1\0\0MTrk\0\0\0\0"), ("a.mid", b"MThd\0\0\0\6\0\1\0\1\1\0MTrk\0\0\1\0")]


def is_told(sentence: str) -> None:
    """Assert that a sentence is not left in English, in any language."""
    for language in OTHERS:
        assert told(sentence, language) != told(sentence, "en"), sentence


def test_the_table_is_whole():
    assert len({mistake["en"] for mistake in MISTAKES}) == len(MISTAKES)
    for mistake in MISTAKES:
        assert tuple(mistake) == LANGUAGES
        places = {name for _, name, _, _ in Formatter().parse(mistake["en"]) if name}
        for language in OTHERS:
            assert mistake[language].strip()
            assert {name for _, name, _, _ in Formatter().parse(mistake[language]) if name} <= places


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_wish_that_cannot_be_met(desk, asked):
    """By the shipped model, or by chords where the field stands on their tab alone."""
    model = "chords" if {"rhythm", "pattern", "allowed"} & set(asked) else "bands"
    with pytest.raises(UserError) as refused:
        list(desk.write(Wish(model, {"bars": 1, **asked}), None))
    is_told(str(refused.value))


@pytest.mark.parametrize("asked", OF_MY_PIECE, ids=str)
def test_work_that_cannot_be_done(desk, asked):
    wish = Wish("bands", {"bars": 1, **asked}, band(4))
    with pytest.raises(UserError) as refused:
        Draft.of(desk.options(wish, Visit()), band(4))
        list(desk.write(wish, None))
    is_told(str(refused.value))


def test_drums_alone_cannot_be_left_out(desk):
    with pytest.raises(UserError) as refused:
        Draft.of(desk.options(Wish("bands", {"task": "continue", "bars": 1, "drums": False}), Visit()), drums_only())
    is_told(str(refused.value))


@pytest.mark.parametrize(("name", "data"), FILES)
def test_a_file_that_is_no_music(name, data):
    with pytest.raises(UserError) as refused:
        read_bytes(data, name)
    is_told(str(refused.value))


def test_an_upload_beyond_the_limits(tmp_path, monkeypatch):
    (tmp_path / "a.mid").write_bytes(band(4).dumps_midi())
    for limit in ("MOST_NOTES", "MEGABYTES"):
        monkeypatch.setattr(uploads, limit, 0)
        with pytest.raises(UserError) as refused:
            uploads.read_upload(tmp_path / "a.mid")
        is_told(str(refused.value))


def test_what_is_gone_or_not_yours(desk):
    for look in (lambda: desk.shelf.get("gone"), lambda: desk.mine("other", Visit()), lambda: desk.models.get("none")):
        with pytest.raises(UserError) as refused:
            look()
        is_told(str(refused.value))


def test_a_sentence_in_the_language_of_the_visitor():
    sentence = "there is no instrument 'violn'; did you mean 'violin' or 'viola'?"
    assert told(sentence, "en") == "There is no instrument 'violn'; did you mean 'violin' or 'viola'?"
    assert told(sentence, "ru") == "Инструмента «violn» нет; может быть, 'violin', 'viola'?"
    assert told("a model with the codec 'roll' cannot hold key and max_leap; leave it out, or take a model with the codec "
                "'bars'", "pl") == ("Model z kodekiem roll nie może dotrzymać: Tonacja, Największy skok; pomiń to albo weź "
                                    "model z kodekiem bars.")
    assert told("tempo is 'x'; input should be less than or equal to 300", "zh") == "速度：'x'；值应不大于 300。"
    assert told("something new; leave it out", "el") == "Something new; leave it out."
    assert told("Пьесы пока нет", "ru") == "Пьесы пока нет."


def test_measures_and_their_reasons_are_phrases():
    for name, (_, unit, _) in MEASURES.items():
        assert f"measure.{name}" in PHRASES
        assert f"unit.{unit}" in PHRASES
    for why in ("no notes", "not in four voices", "no two neighbouring bars of one length"):
        assert translated(why, "ru")
