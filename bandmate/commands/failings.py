"""The command that counts known failings: composers, and ways to draw from them, beside people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bandmate.commands.screen import progress_bar, say
from bandmate.settings import UserError


def failings(*models: str, data: Path, bars: int = 32, given: int = 8, pieces: int = 10, seed: int = 0,
             drift: int = 500) -> None:
    """Count known failings of models, and of ways to draw from them, beside people: one table.

    Circles, one length of note, notes that hang, melodies that never step, copies. A model of intervals is also let walk
    without the bounds of the keyboard, to see how far it drifts.

    Example: `bandmate benchmark failings runs/lstm runs/lstm:temperature=0 chords --data data/`

    Parameters
    ----------
    models:
        Shipped models, .safetensors files, or run folders; after a colon how they are to draw, if not as usual
        ("runs/gru:temperature=0,rhythm=random").
    data:
        Folder that `bandmate prepare` made: openings and possible copies are its training pieces, people its others.
    bars:
        Bars that each adds to an opening.
    given:
        Bars of each opening; 0 lets models write from nothing.
    pieces:
        Pieces that each writes.
    seed:
        Draws the openings and the music.
    drift:
        Events of a walk without bounds; 0 leaves it out.
    """
    from bandmate.codecs.intervals import Intervals
    from bandmate.data.windows import Prepared
    from bandmate.failings import Way
    from bandmate.failings import drift as walk
    from bandmate.failings import failings as count
    for name, value, least in (("bars", bars, 1), ("given", given, 0), ("pieces", pieces, 1), ("drift", drift, 0)):
        if value < least:
            raise UserError(f"{name} is {value}; at least {least} was expected; name a larger number")
    if not models:
        raise UserError("no model was named; at least one was expected; for example: bandmate failings chords --data data/")
    prepared, ways = Prepared(data), [Way.parse(text) for text in models]
    with progress_bar("composing") as show:
        rows = count(ways, prepared, bars, given, pieces, seed, lambda what, share: show(share, note=what))
    print(table(rows))
    for way in ways:
        if drift and isinstance(way.model.codec, Intervals):
            low, high, beyond = walk(way, drift, pieces)
            say(f"{way.text}, {drift} steps without bounds: from pitch {low:.0f} to {high:.0f}, "
                f"{beyond:.1%} of the events beyond the piano")


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table in Markdown."""
    names = list(rows[0])
    cells = [[f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name]) for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in (names, ["---", *["---:"] * (len(names) - 1)], *cells))
