"""The command `benchmark collapse`: do the pieces of a model of piano rolls differ as those of people do?"""

from __future__ import annotations

from pathlib import Path

from bandmate.commands.failings import table
from bandmate.commands.screen import progress_bar
from bandmate.settings import UserError, demand


def collapse(*models: str, data: Path, samples: int = 100, bars: int = 4, given: int = 0, seed: int = 0) -> None:
    """Tell whether models that write piano rolls collapse: many pieces of each, beside as many that people wrote.

    Told are the share of pieces that are unlike all others, in how many cells two differ, how many cells sound, how often
    parts clash, and for piano, guitar, bass, strings and drums how often they are empty, or flooded. The last 32 steps of
    each piece count: four bars.

    Example: `bandmate benchmark collapse runs/gan runs/original --data data/`

    Parameters
    ----------
    models:
        Run folders or .safetensors files of models with the codec `roll`; after a colon how they are to draw, if not as
        usual ("runs/gan:temperature=0.5").
    data:
        Folder that `bandmate prepare --codec roll` made: people are its held-out pieces.
    samples:
        Pieces that each writes.
    bars:
        Bars of each piece.
    given:
        Bars of held-out music, up to four, to go on from, another opening for each piece; 0 writes from nothing.
    seed:
        Draws the music, each piece by a seed of its own, and chooses people's.
    """
    from bandmate.collapse import collapse as lay_side_by_side
    from bandmate.data.windows import Prepared
    from bandmate.failings import Way
    for name, value, least, most in (("samples", samples, 2, 10_000), ("bars", bars, 4, 1000), ("given", given, 0, 4)):
        demand(name, value, least, most)
    if not models:
        raise UserError("no model was named; at least one was expected; "
                        "for example: bandmate benchmark collapse runs/gan --data data/")
    prepared, ways = Prepared(data), [Way.parse(text) for text in models]
    with progress_bar("composing") as show:
        rows = lay_side_by_side(ways, prepared, samples, bars, given, seed, lambda what, share: show(share, note=what))
    print(table(rows))
