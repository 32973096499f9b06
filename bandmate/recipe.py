"""How to learn to recognise a composer or a style: what `bandmate recognise train` can be told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bandmate.settings import Settings


class Recipe(Settings):
    """How to learn to recognise."""

    label: Literal["style", "composer"] = "style"
    """What to recognise."""
    least: Annotated[int, Field(ge=2)] = 30
    """Fewest training pieces of a class; rarer ones are left out."""
    most: Annotated[int, Field(ge=2)] = 400
    """Most training pieces of a class, drawn by the seed."""
    bars: Annotated[int, Field(ge=1, le=256)] = 8
    """Length in bars of the stretches that it hears."""
    stretches: Annotated[int, Field(ge=1)] = 4
    """Most stretches of a piece."""
    hidden: Annotated[int, Field(ge=0)] = 128
    """Width of the hidden layer; 0 is logistic regression."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of the hidden layer that is left out while learning, and half as many of the traits."""
    rounds: Annotated[int, Field(ge=1)] = 30
    """Rounds of learning; of them the one is kept that is best on the valid pieces."""
    seed: int = 0
    """Draws pieces and first weights."""
