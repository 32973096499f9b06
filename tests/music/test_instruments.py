"""Instruments by name."""

import pytest

from bandmate.music.instruments import (
    CLASSES,
    DEFAULT_PROGRAMS,
    PROGRAMS,
    class_of,
    known_instruments,
    parse_instrument,
    program_name,
)
from bandmate.piece import DRUMS
from bandmate.settings import UserError


def test_there_are_128_programs_in_16_families_and_drums():
    assert len(set(PROGRAMS)) == 128
    assert len(CLASSES) == len(DEFAULT_PROGRAMS) == 17
    assert [class_of(program) for program in DEFAULT_PROGRAMS] == list(range(17))


def test_every_name_is_understood():
    for name in known_instruments():
        assert 0 <= parse_instrument(name) <= DRUMS
    assert [class_of(parse_instrument(name)) for name in CLASSES] == list(range(17))
    for number, name in enumerate(PROGRAMS):
        assert class_of(parse_instrument(name)) == class_of(number)


@pytest.mark.parametrize(("text", "program"), [
    ("piano", 0), ("Piano", 0), ("bass", 33), ("violins", 40), ("double_bass", 43), ("honky tonk piano", 3), ("17", 17),
    ("drums", DRUMS), ("drum-kit", DRUMS), ("sax", 65), ("127", 127),
])
def test_parse_instrument(text, program):
    assert parse_instrument(text) == program


def test_unknown_instruments_name_the_nearest():
    with pytest.raises(UserError, match="there is no instrument 'pianoo'; did you mean 'piano'"):
        parse_instrument("pianoo")
    for text in ("128", "xyzzy"):
        with pytest.raises(UserError, match=f"there is no instrument '{text}'"):
            parse_instrument(text)


def test_program_names():
    assert program_name(0) == "acoustic grand piano"
    assert program_name(DRUMS) == "drums"
