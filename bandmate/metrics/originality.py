"""Is it new? How long a piece goes on exactly like one that a model has learnt from, as it stands or in another key.

What is compared are *events*: moments where notes start, each with all the notes that start there (instrument class and
pitch) and the distance to the next moment. Times are snapped to twelve steps a quarter; velocities and lengths of notes do
not count, so that a copy stays one when it is played differently. In another key: the notes above the lowest of their
moment, and the step from there to the lowest of the next; drums stay as they are.

People copy, too: compare the numbers with those of human music that no model has seen. After the longest copied stretches
that Hadjeres, Pachet and Nielsen count for DeepBach (2017, arXiv 1612.01010), here for several instruments and in any key.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bandmate.metrics.nearest import SYMBOL_BITS, Nearest, mix
from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, to_grid
from bandmate.music.instruments import DRUM_CLASS
from bandmate.piece import Piece

STEPS_PER_QUARTER = 12
GRAM = 8
"""Events in the short stretches whose share is counted."""

STEP_BITS = 8  # of a symbol: the step to the next lowest note, 1 to 255; 0 if there is none


@dataclass(frozen=True)
class Run:
    """A stretch that a piece shares with another. Times are quarters from the first bar that sounds.

    ``beats`` (quarters) last from the start of its first event to the moment after its last; ``number`` counts the pieces
    of the library in the order they were added. Of no events, ``name`` is empty and ``number`` -1.
    """

    events: int = 0
    beats: float = 0.0
    name: str = ""
    number: int = -1
    start: float = 0.0
    there: float = 0.0


@dataclass(frozen=True)
class Moments:
    """Where notes start: ``times`` int32 (N + 1,) in steps, with the end of the music, and a symbol for each moment (N,)."""

    times: np.ndarray
    exact: np.ndarray
    relative: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """What a piece shares with a library: the longest run and the share of its 8-grams, as it stands and in any key.

    The shares are None for a piece of fewer than eight events.
    """

    exact: Run
    transposed: Run
    grams: float | None
    transposed_grams: float | None


class Library:
    """Pieces to compare with: add them, close it, ask. Some 60 bytes an event."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._moments: list[Moments] = []

    def add(self, name: str, piece: Piece) -> None:
        """Put in a piece. One without notes is counted, but nothing is found in it."""
        try:
            found = moments(piece)
        except Undefined:
            found = Moments(np.zeros(1, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))
        self.names.append(name)
        self._moments.append(found)

    def close(self) -> None:
        """Sort what was added; from now on it can be searched."""
        self._times = [found.times for found in self._moments]
        self._exact = Nearest([found.exact for found in self._moments])
        self._relative = Nearest([found.relative for found in self._moments])
        self._moments = []

    def longest(self, piece: Piece, transposed: bool = False, by: str = "events") -> Run:
        """Return the longest run that is also found in the library, of most "events" or of most "beats".

        A run ``transposed`` may stand in another key there, or in the same. Raises Undefined for a piece without notes.
        """
        found = moments(piece)
        exact = self._run(found, *self._exact.match(found.exact), by)
        if not transposed:
            return exact
        other = self._run(found, *self._relative.match(found.relative, STEP_BITS), by)
        return max(exact, other, key=lambda run: (run.events, run.beats) if by == "events" else (run.beats, run.events))

    def shared(self, piece: Piece, transposed: bool = False) -> float:
        """Return the share (0 to 1) of a piece's stretches of eight events that are found in the library.

        Raises Undefined for a piece without notes, or of fewer than eight events.
        """
        found = moments(piece)
        share = _share(self._exact.match(found.exact)[0])
        if transposed and share is not None:
            share = max(share, _share(self._relative.match(found.relative, STEP_BITS)[0]) or 0.0)
        if share is None:
            raise Undefined("fewer than eight events")
        return share

    def compare(self, piece: Piece, by: str = "events") -> Comparison:
        """Return all of this at once, which is quicker. Raises Undefined for a piece without notes."""
        found = moments(piece)
        exact, relative = self._exact.match(found.exact), self._relative.match(found.relative, STEP_BITS)
        runs = self._run(found, *exact, by), self._run(found, *relative, by)
        grams, other = _share(exact[0]), _share(relative[0])
        longest = max(runs, key=lambda run: (run.events, run.beats) if by == "events" else (run.beats, run.events))
        return Comparison(runs[0], longest, grams, None if grams is None or other is None else max(grams, other))

    def _run(self, found: Moments, lengths: np.ndarray, where: np.ndarray, by: str) -> Run:
        """Choose the best of the stretches that start at each moment."""
        start = np.arange(len(lengths))
        beats = (found.times[start + lengths] - found.times[start]) / STEPS_PER_QUARTER
        best = int(np.lexsort((beats, lengths) if by == "events" else (lengths, beats))[-1])
        if not lengths[best]:
            return Run()
        number, first = map(int, self._exact.place(int(where[best])))  # both views lay the pieces out alike
        return Run(int(lengths[best]), float(beats[best]), self.names[number], number,
                   float(found.times[best]) / STEPS_PER_QUARTER, float(self._times[number][first]) / STEPS_PER_QUARTER)


def _share(lengths: np.ndarray) -> float | None:
    starts = lengths[:len(lengths) - GRAM + 1] if len(lengths) >= GRAM else lengths[:0]
    return float((starts >= GRAM).mean()) if len(starts) else None


def moments(piece: Piece) -> Moments:
    """Return the moments of a piece where notes start. Raises Undefined for a piece without notes."""
    notes = to_grid(piece, STEPS_PER_QUARTER).notes
    if not len(notes):
        raise Undefined("no notes")
    family = notes[:, PROGRAM].astype(np.int64) // 8
    keys = np.unique((notes[:, START].astype(np.int64) << 16) + (family << 8) + notes[:, PITCH])  # each note only once
    starts, family, pitches = keys >> 16, keys >> 8 & 0xff, keys & 0xff
    first = np.flatnonzero(np.diff(starts, prepend=-1))
    times = np.append(starts[first], (notes[:, START] + notes[:, DURATION]).max()).astype(np.int32)
    lowest = np.minimum.reduceat(np.where(family == DRUM_CLASS, 255, pitches), first)
    pitched = np.flatnonzero(lowest < 255)
    steps = np.zeros(len(first), np.int64)
    steps[pitched[:-1]] = 128 + np.diff(lowest[pitched])
    above = np.where(family == DRUM_CLASS, pitches, pitches - lowest.repeat(np.diff(first, append=len(keys))))
    gaps = np.diff(times)
    relative = _symbols(family, above, first, gaps) >> np.uint64(64 - SYMBOL_BITS + STEP_BITS) << np.uint64(STEP_BITS)
    exact = _symbols(family, pitches, first, gaps) >> np.uint64(64 - SYMBOL_BITS)
    return Moments(times, exact.astype(np.int64), relative.astype(np.int64) + steps)


def _symbols(family: np.ndarray, pitches: np.ndarray, first: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Hash what starts at each moment, in whatever order, and the distance to the next: uint64 (N,)."""
    return mix(np.add.reduceat(mix((family << 8) + pitches), first) + mix(gaps))
