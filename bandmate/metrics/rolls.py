"""Blocks of piano rolls side by side: do their parts fit together, and is one block like all the others?

Rolls are bool (N, T, P, 128): N blocks, T steps, P parts, 128 keys. These measures show the failings that were reported of the
first systems of this kind: instruments that flood the music or fall silent, chords of two parts that clash (C-E-G against
D-F-A), networks that write the same whatever they begin with, and adversaries that collapse to one output.
"""

from __future__ import annotations

import numpy as np

from bandmate.metrics.undefined import Undefined

OCTAVE = 12
CLASHES = (1, 2, 10, 11)  # semitones between pitch classes: seconds and sevenths, and ninths with them
USUAL = (8, 6, 2, 10, 5)
"""How many keys of piano, guitar, bass, strings and drums are seldom exceeded in a step of music that people made."""


def clash_rate(rolls: np.ndarray, pitched: int = 4) -> float:
    """Return the share of clashes, 0 to 1: among all pairs of notes that two different parts sound at once, those a second,
    a seventh or a ninth apart. Only the first ``pitched`` parts count. Raises Undefined if no two parts sound together.
    """
    classes = np.zeros((*rolls.shape[:2], pitched, OCTAVE), np.int64)
    for key in range(rolls.shape[-1]):
        classes[..., key % OCTAVE] += rolls[:, :, :pitched, key]
    apart = (np.arange(OCTAVE)[:, None] - np.arange(OCTAVE)) % OCTAVE
    clashes, pairs = 0, 0
    for one in range(pitched):
        for other in range(one + 1, pitched):
            both = np.einsum("nta,ntb->ab", classes[:, :, one], classes[:, :, other])
            pairs += int(both.sum())
            clashes += int(both[np.isin(apart, CLASHES)].sum())
    if not pairs:
        raise Undefined("no two parts sound together")
    return clashes / pairs


def empty_parts(rolls: np.ndarray) -> np.ndarray:
    """Return for each part the share of the blocks in which it is silent, 0 to 1: (P,). Raises Undefined for no blocks."""
    return 1 - _some(rolls).any((1, 3)).mean(0)


def flooded_parts(rolls: np.ndarray, most: tuple[int, ...] = USUAL) -> np.ndarray:
    """Return for each part the share of the steps in which it sounds more than ``most`` (P,) keys, 0 to 1: (P,).

    Raises Undefined for no blocks.
    """
    return (_some(rolls).sum(-1) > np.array(most)).mean((0, 1))


def mean_pairwise_distance(rolls: np.ndarray) -> float:
    """Return in how many cells two different blocks differ, the mean over all pairs (Hamming distance).

    Raises Undefined for fewer than two blocks.
    """
    return float(_distances(rolls)[np.triu_indices(len(rolls), 1)].mean())


def distinct_ratio(rolls: np.ndarray, within: int = 0) -> float:
    """Return how many different blocks there are, as a share of all: 1 for no two alike, 1 / N for a single output.

    Blocks that differ in at most ``within`` cells from one that was counted are alike. Raises Undefined for fewer than two.
    """
    alike = _distances(rolls) <= within
    counted: list[int] = []
    for number in range(len(rolls)):
        if not alike[number, counted].any():
            counted.append(number)
    return len(counted) / len(rolls)


def _some(rolls: np.ndarray) -> np.ndarray:
    if not rolls.size:
        raise Undefined("no blocks")
    return rolls


def _distances(rolls: np.ndarray) -> np.ndarray:
    """Return in how many cells each two blocks differ: (N, N)."""
    if len(rolls) < 2:
        raise Undefined("fewer than two blocks")
    flat = rolls.reshape(len(rolls), -1).astype(np.float32)
    counts = flat.sum(1)
    return np.rint(counts[:, None] + counts - 2 * flat @ flat.T)
