"""Licences are written in one way, and nothing is made up."""

import pytest

from bandmate.data.licences import NOT_COMMERCIAL, NOT_STATED, mark, tidy


@pytest.mark.parametrize(("written", "meant"), [
    ("CC-BY-SA (3.0)", "CC-BY-SA-3.0"),
    ("CC-BY (2.5)", "CC-BY-2.5"),
    ("CC-BY-SA (-sa)", "CC-BY-SA"),
    ("CC-BY-SA (ed))", "CC-BY-SA"),
    ("CC-BY-SA (nal)", "CC-BY-SA"),
    ("cc by-nc-sa 4.0", "CC-BY-NC-SA-4.0"),
    ("Creative Commons Attribution-ShareAlike 4.0 (nal)", "CC-BY-SA-4.0"),
    ("Creative  Commons Attribution-NonCommercial-NoDerivs license 3.0", "CC-BY-NC-ND-3.0"),
    ("CC-BY-4.0 (Google LLC)", "CC-BY-4.0 (Google LLC)"),
    ("CC-BY-SA-3.0-DE (Bernd Krueger, piano-midi.de)", "CC-BY-SA-3.0-DE (Bernd Krueger, piano-midi.de)"),
    ("CC BY 3.0 / GPL-2.0", "CC-BY-3.0 / GPL-2.0"),
    ("public domain", "Public Domain"),
])
def test_one_way_of_writing_each(written, meant):
    assert tidy(written) == meant
    assert tidy(meant) == meant


@pytest.mark.parametrize("text", [
    "", "CC0-1.0", "MIT", "BSD-3-Clause (older revision in git history)", "PD (repo MIT)", "zlib / CC-BY-3.0 / see copyright",
    "PD music; encoding M. Greentree, distributed in music21 by permission", "CC BYE"])
def test_any_other_stays_as_it_is(text):
    assert tidy(text) == text


def test_what_a_person_should_look_at_twice():
    assert {mark(text) for text in ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0 (somebody)", "not for commercial use", "Non-commercial",
                                    "research use only")} == {NOT_COMMERCIAL}
    assert {mark(text) for text in ("", " ", "unknown", "no licence stated")} == {NOT_STATED}
    assert {mark(text) for text in ("CC0-1.0", "CC-BY-SA-4.0", "MIT (its songs are commercial)", "PD (repo MIT)")} == {""}
