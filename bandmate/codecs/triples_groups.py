"""The 12 instrument groups of the codec `triples`, and which instruments belong to them.

Source: Allegro Music Transformer (asigalov61, 2023), which leaves all other instruments out. "Nearest" is ours: it
finds a group for each of the 128 programs of General MIDI.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandmate.music.instruments import parse_instrument
from bandmate.music.request import Request
from bandmate.piece import DRUMS
from bandmate.settings import UserError


class Group(NamedTuple):
    """An instrument group: the programs that the source puts in it, the nearest others, and the one that sounds."""

    name: str
    sounds: int
    programs: tuple[int, ...]
    nearest: tuple[int, ...] = ()


GROUPS = (
    Group("piano", 0, (*range(0, 8),), (*range(8, 16), *range(112, 115), *range(119, 128))),
    Group("guitar", 24, (*range(24, 31),), (31, 84, *range(104, 108))),
    Group("bass", 32, (*range(32, 40),), (47, 87, *range(115, 119))),
    Group("violin", 40, (40, 41), (44, 45, *range(48, 52), 92, 110)),
    Group("cello", 42, (42,), (43,)),
    Group("harp", 46, (46,), (108,)),
    Group("trumpet", 56, (*range(56, 61),), (55, 61, 62, 63)),
    Group("sax", 71, (*range(64, 72),), (109, 111)),
    Group("flute", 73, (*range(72, 79),), (79, *range(80, 84), 86)),
    Group("drums", DRUMS, (DRUMS,)),
    Group("choir", 53, (52, 53), (54, 85, 91)),
    Group("organ", 19, (*range(16, 21),), (21, 22, 23, *range(88, 91), *range(93, 104))),
)
"""The 12 groups of the source, and the programs that it writes for them."""

DRUM_GROUP = 9


def group_of(nearest: bool) -> np.ndarray:
    """Return the group of each program, -1 for none: int64 (129,)."""
    groups = np.full(DRUMS + 1, -1)
    for number, group in enumerate(GROUPS):
        groups[[*group.programs, *(group.nearest if nearest else ())]] = number
    return groups


def parts_asked(request: Request, nearest: bool) -> dict[int, int]:
    """Return the parts that a request names as {group: program}, the first named first; {} if the model is to choose.

    Raises UserError for an instrument without a group, and for two that are one group.
    """
    groups = group_of(nearest)
    parts: dict[int, int] = {}
    names: dict[int, str] = {}
    for name in request.instruments:
        program = parse_instrument(name)
        group = int(groups[program])
        if group < 0:
            raise UserError(f"this model has no instrument for '{name}'; it plays "
                            + ", ".join(known.name for known in GROUPS))
        if parts.setdefault(group, program) != program:
            raise UserError(f"'{names[group]}' and '{name}' are one part for this model, the {GROUPS[group].name} part; "
                            "choose one of them")
        names[group] = name
    if parts and request.drums:
        parts[DRUM_GROUP] = DRUMS
    return parts
