"""How far a composer follows the words about character that it has learnt: asked for each level, which does it reach?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bandmate.music.character import BORDERS, LEVELS, level, loudness, measures
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, VELOCITY, to_grid
from bandmate.piece import Piece

GRID = 24
BAND: dict[str, Any] = {"bars": 8, "instruments": ("piano", "bass"), "drums": True}

Compose = Callable[[dict[str, Any]], Piece]
"""Writes a piece for the fields of a request."""


def levels_of(piece: Piece) -> dict[str, int]:
    """Return the level (1 to 8) of each word about the character of a piece."""
    grid = to_grid(piece, GRID)
    notes = grid.notes.astype(np.int64)
    found = measures(notes[:, START], notes[:, DURATION], notes[:, PITCH], notes[:, PROGRAM] // 8, GRID, grid.end)
    levels = {name: level(name, value) for name, value in found.items()}
    halves = loudness(notes[:, START], notes[:, VELOCITY], grid.end)
    return levels if halves is None else {**levels, "loudness": round(sum(halves) / 2)}


def follow(compose: Compose, pieces: int, progress: Callable[[float], None] = lambda share: None) -> str:
    """Ask for every level of every word, ``pieces`` times each; return a table of the mean levels reached.

    Its last columns are the share of pieces within one level of what was asked for, and the correlation of the two.
    """
    names = [*BORDERS, "loudness"]
    lines = [f"{'asked':<12}" + "".join(f"{asked:>6}" for asked in range(1, LEVELS + 1)) + f"{'within 1':>11}{'r':>7}"]
    done = 0
    for name in names:
        asked_for, reached = [], []
        for asked in range(1, LEVELS + 1):
            for seed in range(pieces):
                wish = str(asked) if name == "loudness" else asked
                got = levels_of(compose({**BAND, name: wish, "seed": seed})).get(name)
                done += 1
                progress(done / (len(names) * LEVELS * pieces))
                if got is not None:
                    asked_for.append(asked)
                    reached.append(got)
        a, r = np.array(asked_for), np.array(reached)
        means = "".join(f"{r[a == asked].mean():>6.1f}" if (a == asked).any() else f"{'':>6}" for asked in range(1, LEVELS + 1))
        like = float(np.corrcoef(a, r)[0, 1]) if len(set(reached)) > 1 else 0.0
        lines.append(f"{name:<12}{means}{np.mean(np.abs(a - r) <= 1):>10.0%} {like:>6.2f}")
    return "\n".join(lines)
