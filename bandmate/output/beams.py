"""What joins note values on paper: beams and the brackets of triplets."""

from __future__ import annotations

from itertools import groupby

from bandmate.output.layout import FINEST
from bandmate.output.values import Bar, Symbol

EIGHTH = FINEST // 2


def beam_levels(symbol: Symbol) -> int:
    """Return how many beams or flags a value has: 1 for an eighth, 2 for a 16th, 3 for a 32nd; rests have none."""
    written = symbol.length * 3 // 2 if symbol.triplet else symbol.length
    return sum(written < FINEST // 2**level for level in range(3)) if symbol.pitches else 0


def find_beams(voice: list[Symbol], bar: Bar) -> dict[int, list[str]]:
    """Return for each beamed symbol of a voice, by index, what each of its beams does, in MusicXML's words."""
    groups = _groups(voice, bar)
    beams: dict[int, list[str]] = {}
    for _, run in groupby(range(len(voice)), key=lambda index: (groups[voice[index].start], beam_levels(voice[index]) > 0)):
        members = list(run)
        levels = [beam_levels(voice[index]) for index in members]
        if len(members) < 2 or not levels[0]:
            continue
        for place, index in enumerate(members):
            beams[index] = []
            for level in range(1, levels[place] + 1):
                before = place > 0 and levels[place - 1] >= level
                after = place + 1 < len(members) and levels[place + 1] >= level
                hook = "forward hook" if place == 0 else "backward hook"
                beams[index].append("continue" if before and after else "begin" if after else "end" if before else hook)
    return beams


def _groups(voice: list[Symbol], bar: Bar) -> dict[int, int]:
    """Return for each start of a symbol the beat it is beamed with; four plain eighths in 4/4 make one group."""
    if bar.is_compound:
        edges = list(range(0, bar.length, bar.beat))
    elif bar.denominator >= 8:
        edges = [0]
        for size in bar.parts():
            edges.append(edges[-1] + size)
    else:
        edges = list(range(0, bar.length, FINEST))
        if bar.length % (4 * FINEST) == 0 or bar.length == 2 * FINEST:
            for half in range(0, bar.length, 2 * FINEST):
                inside = [symbol for symbol in voice if half <= symbol.start < half + 2 * FINEST]
                if all(symbol.length == EIGHTH and symbol.pitches for symbol in inside):
                    edges.remove(half + FINEST)
    return {symbol.start: max(edge for edge in edges if edge <= symbol.start) for symbol in voice}


def find_triplets(voice: list[Symbol]) -> dict[int, str]:
    """Return which symbols of a voice, by index, "start" and "stop" the bracket of a triplet."""
    ends: dict[int, str] = {}
    for (_, triplet), run in groupby(range(len(voice)), key=lambda index: (voice[index].start // FINEST, voice[index].triplet)):
        members = list(run)
        if triplet and len(members) > 1:
            ends |= {members[0]: "start", members[-1]: "stop"}
    return ends
