"""The character of some music, in levels from 1 to 8: how dense, loud, busy, many-voiced and high it is.

A model learns these words from the music itself, and a person may ask for them. The borders between levels are the
octiles of windows of the music that the shipped model learns from, so that each level is about as common as the others.
"""

from __future__ import annotations

import numpy as np

from bandmate.music.instruments import DRUM_CLASS

LEVELS = 8
VELOCITY_STEP = 15  # a level of loudness is 15 of MIDI's 127

BORDERS = {
    "density": (3.5, 5, 7, 8, 10, 12, 15),  # notes a quarter
    "busyness": (1.6, 2, 2.3, 2.8, 3.2, 3.6, 4.2),  # moments a quarter at which something starts
    "polyphony": (2.6, 3.5, 4.2, 4.9, 5.6, 6.6, 8.1),  # pitched notes that sound together, while any sounds
    "tessitura": (53, 57.5, 60, 62, 63.5, 65.5, 68.5),  # mean MIDI pitch of pitched notes
}


def measures(start: np.ndarray, duration: np.ndarray, pitch: np.ndarray, family: np.ndarray, quarter: int,
             steps: int) -> dict[str, float]:
    """Measure some notes (N,) in ``steps`` steps of music, ``quarter`` steps a quarter; what has no notes is left out.

    Drums (family 16) count for density and busyness alone.
    """
    if not len(start) or not steps:
        return {}
    found = {"density": len(start) * quarter / steps, "busyness": len(np.unique(start)) * quarter / steps}
    pitched = family != DRUM_CLASS
    if pitched.any():
        edges = np.zeros(int((start + duration).max()) + 1, np.int64)
        np.add.at(edges, start[pitched], 1)
        np.add.at(edges, start[pitched] + duration[pitched], -1)
        sounding = edges.cumsum()
        found["polyphony"] = float(sounding[sounding > 0].mean())
        found["tessitura"] = float(pitch[pitched].mean())
    return found


def level(name: str, value: float) -> int:
    """Return the level (1 to 8) of a measure."""
    return 1 + int(np.searchsorted(BORDERS[name], value, side="right"))


def loudness(start: np.ndarray, velocity: np.ndarray, steps: int) -> tuple[int, int] | None:
    """Return the levels of loudness (1 to 8) of the first and the second half of some music; None if it has no notes."""
    if not len(start):
        return None
    early = start < steps / 2
    halves = [velocity[half].mean() if half.any() else velocity.mean() for half in (early, ~early)]
    first, second = (min(max(round(float(mean) / VELOCITY_STEP), 1), LEVELS) for mean in halves)
    return first, second
