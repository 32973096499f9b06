"""Do different pieces of a composer differ? A hundred of them beside each other, and beside as many that people wrote.

Adversaries collapse: whatever the noise, they write one piece. Networks that write four bars after four bars can do the same,
whatever they begin with. Of many pieces, made from different seeds or after different openings, the last four bars are laid
side by side; neither fewer nor more differences than among people's are good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bandmate.codecs.roll import BLOCK, OFF, Roll, mend, sounding
from bandmate.data.windows import Prepared
from bandmate.failings import HUMAN, Way
from bandmate.metrics import rolls
from bandmate.metrics.undefined import value_or_reason
from bandmate.piece import Piece
from bandmate.settings import UserError

MOST = 64  # variants that a family writes at once
ALIKE = 0.01  # share of the cells that sound in people's blocks: those that differ in fewer are alike

Row = dict[str, Any]
Progress = Callable[[str, float], None]


def collapse(ways: Sequence[Way], data: Prepared, samples: int = 100, bars: int = 4, given: int = 0, seed: int = 0,
             progress: Progress = lambda what, share: None) -> list[Row]:
    """Return a row of measures for each composer, then one of people.

    Each writes so many pieces of so many ``bars``, from different seeds, and after the first ``given`` bars, if any, of
    different held-out blocks. Of each the last 32 steps count. People are held-out blocks. Raises UserError for data of
    another codec than `roll`, or for too few held-out blocks.
    """
    codec = data.written_in(Roll)
    blocks = held_out(data, codec, samples, seed)
    openings = [codec.decode(mend(block[:given * codec.bar])) for block in blocks] if given else []
    rows, people = [], sounding(blocks)
    for way in ways:
        wish = way.options.replace(bars=bars, seed=seed)
        pieces: list[Piece] = []
        while len(pieces) < samples:
            if openings:
                number = len(pieces)
                pieces += way.model.generate(wish.replace(task="continue", at=given, seed=seed + number), openings[number])
            else:
                pieces += way.model.generate(wish.replace(variants=min(MOST, samples - len(pieces)), seed=seed + len(pieces)))
            progress(way.text, len(pieces) / samples)
        last = [codec.encode(piece)[-BLOCK:] for piece in pieces]
        rows.append({"": way.text, **measured(np.stack([sounding(filled(ids)) for ids in last]), people)})
    return [*rows, {"": HUMAN, **measured(people, people)}]


def measured(blocks: np.ndarray, people: np.ndarray) -> Row:
    """Return what is told of rolls (N, 32, 5, 128), bool, beside people's."""
    alike = int(ALIKE * people.sum((1, 2, 3)).mean())
    found: Row = {
        "distinct": value_or_reason(lambda some: rolls.distinct_ratio(some, alike), blocks),
        "pairwise distance": value_or_reason(rolls.mean_pairwise_distance, blocks),
        "of people's, %": value_or_reason(
            lambda some: 100 * rolls.mean_pairwise_distance(some) / rolls.mean_pairwise_distance(people), blocks),
        "cells": float(blocks.sum((1, 2, 3)).mean()),
        "clashes, %": value_or_reason(lambda some: 100 * rolls.clash_rate(some), blocks)}
    for name, shares in (("empty, %", rolls.empty_parts(blocks)), ("flooded, %", rolls.flooded_parts(blocks))):
        found[name] = " ".join(f"{100 * share:.0f}" for share in shares)
    return found


def held_out(data: Prepared, codec: Roll, count: int, seed: int) -> np.ndarray:
    """Return blocks of different places in the held-out pieces, all bars of which sound: ids (count, 32, 640)."""
    places = [(split, index, start) for split in ("valid", "test") for index in range(len(data.split(split)[1]) - 1)
              for start in range(0, len(data.piece(split, index)) - BLOCK + 1, BLOCK)]
    found: list[np.ndarray] = []
    for number in np.random.default_rng(seed).permutation(len(places)).tolist():
        split, index, start = places[number]
        block = data.piece(split, index)[start:start + BLOCK]
        if len(found) < count and all(sounding(block[bar:bar + codec.bar]).any() for bar in range(0, BLOCK, codec.bar)):
            found.append(block)
    if len(found) < count:
        raise UserError(f"{count} blocks were wanted, but the held-out pieces have only {len(found)}; ask for fewer, or "
                        "prepare more music")
    return np.stack(found)


def filled(ids: np.ndarray) -> np.ndarray:
    """Return rows (T, 640) with silence before them, if they are fewer than 32."""
    return np.pad(ids, ((BLOCK - len(ids), 0), (0, 0)), constant_values=OFF)
