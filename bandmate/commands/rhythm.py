"""The command `rhythm`: look at a rhythm, or hear it, before any pitch is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bandmate.commands.flags import make_app
from bandmate.settings import UserError

DRUM, BAR, BARS = 39, 4.0, 4  # a clap; quarters; how long what is heard lasts
STEPS_PER_QUARTER = 24

rhythm = make_app("rhythm", group="Pieces", help="Look at rhythms: Euclid's, by numbers or by name, and random ones.")


@rhythm.command
def euclid(onsets: int, places: int, *, rotation: int = 0, step: float = 0.25,
           steps: Annotated[bool, Parameter(negative=())] = False, out: Path | None = None) -> None:
    """Print the Euclidean rhythm E(ONSETS, PLACES): 1 is a note, 0 none.

    Example: `bandmate rhythm euclid 5 13 --steps`

    Parameters
    ----------
    onsets:
        Number of notes.
    places:
        Number of places over which they are spread.
    rotation:
        Begin so many places later in the pattern.
    step:
        Length of a place in quarters.
    steps:
        Show how it is built, step by step.
    out:
        A MIDI file to write: the rhythm clapped, four bars of it.
    """
    from bandmate.music.rhythm import Euclid
    chosen = Euclid(onsets=onsets, places=places, rotation=rotation, step=step)
    if steps:
        print(table(onsets, places))
    print("".join(map(str, chosen.pattern())))
    if out is not None:
        _clap(chosen.slots(BAR * BARS), out)


@rhythm.command
def named(name: str | None = None, *, out: Path | None = None) -> None:
    """List the Euclidean rhythms that have a name, or print one of them.

    Example: `bandmate rhythm named tresillo`

    Parameters
    ----------
    name:
        A name from the list.
    out:
        A MIDI file to write: the rhythm clapped, four bars of it.
    """
    from bandmate.music.rhythm import PRESETS, Euclid
    if name is None and out is not None:
        raise UserError("it is not said which rhythm to clap; a name was expected; `bandmate rhythm named` lists them")
    for each in PRESETS if name is None else [name]:
        chosen = Euclid.parse(each)
        print(f"{each:<16} E({chosen.onsets}, {chosen.places})  {''.join(map(str, chosen.pattern()))}")
        if out is not None:
            _clap(chosen.slots(BAR * BARS), out)


@rhythm.command
def random(*, seed: int = 0, quarters: float = BAR * BARS, out: Path | None = None) -> None:
    """Draw a random rhythm, and print each note's start and length in quarters.

    Example: `bandmate rhythm random --seed 3`

    Parameters
    ----------
    seed:
        The same seed draws the same rhythm.
    quarters:
        Length of the whole.
    out:
        A MIDI file to write: the rhythm clapped.
    """
    from bandmate.music.rhythm import RandomRhythm
    if not quarters > 0:
        raise UserError(f"quarters is {quarters:g}; a length above 0 was expected")
    slots = RandomRhythm().slots(quarters, seed)
    for start, length, _ in slots.tolist():
        print(f"{start:6g} {length:5g}")
    if out is not None:
        _clap(slots, out)


def table(onsets: int, places: int) -> str:
    """Return the stages of building E(k, n), one a line: groups, remainders, and Euclid's algorithm on their numbers."""
    from math import gcd

    from bandmate.music.rhythm import stages
    lines = []
    for heads, tails in stages(onsets, places):
        groups, rest = (" ".join(f"[{group}]" for group in row) for row in (heads, tails))
        larger, smaller = sorted((len(heads), len(tails)), reverse=True)
        lines.append((" | ".join(filter(None, (groups, rest))), f"gcd({larger}, {smaller})"))
    whole = gcd(onsets, places)
    lines.append((" ".join(heads + tails), f"gcd({whole}, 0) = {whole}"))
    width = max(len(groups) for groups, _ in lines)
    return "\n".join(f"{groups:<{width}}  {divisor}" for groups, divisor in lines)


def _clap(slots, out: Path) -> None:  # type: ignore[no-untyped-def]  # numpy is not imported before it is needed
    """Write a rhythm as MIDI: hand claps."""
    import numpy as np

    from bandmate.music.files import write
    from bandmate.music.grid import GridPiece, from_grid
    from bandmate.music.rhythm import lay_out
    from bandmate.piece import DRUMS
    end = int(np.ceil((slots[-1, 0] + slots[-1, 1]) * STEPS_PER_QUARTER))
    notes = lay_out([[DRUM]] * len(slots), slots, STEPS_PER_QUARTER, DRUMS)
    write(from_grid(GridPiece(notes, np.array([[0, 4, 4]], np.int32), end, STEPS_PER_QUARTER)), out)
    print(out)
