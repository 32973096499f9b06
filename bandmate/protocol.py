"""How the families are compared: what `bandmate compare` asks of each of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bandmate.settings import Settings


class Protocol(Settings):
    """How the families are compared."""

    pieces: Annotated[int, Field(ge=2)] = 20
    """New pieces a family writes from nothing, and continuations of so many prompts."""
    bars: Annotated[int, Field(ge=5, le=128)] = 16
    """Bars that are written and heard."""
    requests: Annotated[int, Field(ge=0)] = 40
    """Random requests by which obedience is measured."""
    examined: Annotated[int, Field(ge=1)] = 100
    """Held-out pieces for nats a note."""
    real: Annotated[int, Field(ge=2)] = 200
    """Real pieces that quality is measured against, and as many for the row of people."""
    seed: int = 0
    """Draws the pieces, the prompts and the music."""
