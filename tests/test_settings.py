"""Settings: frozen, checked, explained."""

from typing import Annotated

import pytest
from pydantic import Field

from bandmate.settings import Settings, UserError, nearest


class Oven(Settings):
    heat: Annotated[int, Field(ge=0, le=250)] = 180
    """Degrees."""
    name: str = "oven"
    """What it is called."""


def test_the_docstring_under_a_field_is_its_description():
    assert Oven.model_fields["heat"].description == "Degrees."


def test_replace_checks_and_keeps_the_rest():
    oven = Oven(heat=200).replace(name="stove")
    assert (oven.heat, oven.name) == (200, "stove")
    assert oven.model_fields_set == {"heat", "name"}
    with pytest.raises(UserError, match="heat is 300"):
        oven.replace(heat=300)


def test_frozen():
    with pytest.raises(Exception, match="frozen"):
        Oven().heat = 3


def test_mistakes_become_sentences():
    with pytest.raises(UserError, match="heat is -1; input should be greater than or equal to 0"):
        Oven(heat=-1)
    with pytest.raises(UserError, match=r"there is no setting 'heet' in Oven; did you mean 'heat'\?"):
        Oven(heet=3)
    with pytest.raises(UserError, match=r"heat is -1; .*\. there is no setting 'colour' in Oven; known are: heat, name"):
        Oven(heat=-1, colour=2)


def test_nearest():
    assert nearest("Pian", ["Piano", "bass"]) == "did you mean 'Piano'?"
    assert nearest("zzz", ["a", "b"]) == "known are: a, b"
    assert nearest("zzz", [f"word {n}" for n in range(50)]).endswith("word 39, ...")
