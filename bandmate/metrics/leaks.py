"""Does a split leak? How long held-out music goes on exactly like a piece that a model trains on, in its key or another.

A benchmark of tunes that many composers set has such stretches by nature: Bach wrote several chorales on one melody. The
longest of each held-out piece says how much of it a model may simply remember; the *clean* pieces are those whose melody
stays below sixteen beats. Music comes as voices on a grid of sixteenths, as in the JSB chorales of Boulanger-Lewandowski,
Bengio and Vincent (2012, arXiv 1206.6392), with the voices kept apart (Huang et al., Coconet, ISMIR 2017).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bandmate.metrics.nearest import SYMBOL_BITS, Nearest, mix
from bandmate.metrics.undefined import Undefined
from bandmate.settings import UserError

STEPS_PER_BEAT = 4
LONG, CLEAN = 8, 16  # beats: a run that is worth a look; below which a melody counts as clean
SPLITS = ("train", "valid", "test")


def as_it_stands(voices: np.ndarray) -> np.ndarray:
    """Return all voices of each step: (T, K)."""
    return voices


def in_any_key(voices: np.ndarray) -> np.ndarray:
    """Return for each step the voices above the last (the bass), and how far the first (the tune) has moved: (T, K)."""
    return np.column_stack([voices[:, :-1] - voices[:, -1:], melody_in_any_key(voices)])


def melody_in_any_key(voices: np.ndarray) -> np.ndarray:
    """Return for each step how far the first voice has moved since the step before, 0 at the start: (T, 1)."""
    return np.diff(voices[:, :1], axis=0, prepend=voices[:1, :1])


VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all voices, as they stand": as_it_stands, "all voices, in any key": in_any_key, "melody, in any key": melody_in_any_key}
MELODY = "melody, in any key"


@dataclass(frozen=True)
class Leak:
    """The longest runs, in beats, that each held-out piece (N,) shares with a training piece, and the number of the latter."""

    beats: np.ndarray
    nearest: np.ndarray

    def median_and_tail(self) -> tuple[float, float, float, float]:
        """Return median, 90th and 95th percentile, and maximum, in beats."""
        median, p90, p95, most = map(float, np.percentile(self.beats, [50, 90, 95, 100]))
        return median, p90, p95, most

    def at_least(self, beats: float) -> int:
        """Count the pieces with a run of so many beats or more."""
        return int((self.beats >= beats).sum())


def leaks(train: Sequence[np.ndarray], held_out: Sequence[np.ndarray], view: str) -> Leak:
    """Return the longest run of each held-out piece that a training piece has, too, in one of VIEWS.

    Pieces are int arrays (T, K) of pitches, the highest voice first, -1 for a rest: a rest is like any other value, so a
    move into it or out of it depends on the key. Raises Undefined if either side is empty.
    """
    if not train or not held_out:
        raise Undefined("no pieces")
    known = Nearest([_symbols(VIEWS[view](piece)) for piece in train])
    beats, nearest = np.zeros(len(held_out)), np.zeros(len(held_out), np.int64)
    for number, piece in enumerate(held_out):
        lengths, where = known.match(_symbols(VIEWS[view](piece)))
        best = int(lengths.argmax())
        beats[number], nearest[number] = lengths[best] / STEPS_PER_BEAT, known.place(where[best])[0]
    return Leak(beats, nearest)


def clean(train: Sequence[np.ndarray], held_out: Sequence[np.ndarray]) -> np.ndarray:
    """Tell which held-out pieces share less than sixteen beats of melody with any training piece: bool (N,)."""
    return leaks(train, held_out, MELODY).beats < CLEAN


def read_voices(path: str | Path) -> dict[str, list[np.ndarray]]:
    """Read a .json of splits, pieces, steps and voices: {"train": [(T, K), ...], "valid": ..., "test": ...}.

    Raises UserError for a file that is missing, or is not such a one.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no file '{path}'; a .json of voices such as Jsb16thSeparated.json was expected; "
                        "check the name") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}); a .json of voices was expected; check it") from None
    except ValueError:
        raise UserError(f"'{path}' is not JSON; a .json of voices such as Jsb16thSeparated.json was expected") from None
    if not isinstance(data, Mapping) or not all(data.get(split) for split in SPLITS):
        raise UserError(f"'{path}' has no split with pieces for each of {', '.join(SPLITS)}; a .json of voices such as "
                        "Jsb16thSeparated.json was expected")
    try:
        pieces = {split: [np.array(piece, dtype=np.int64) for piece in data[split]] for split in SPLITS}
    except (TypeError, ValueError, OverflowError):
        pieces = {}
    if len({piece.shape[1:] for split in pieces.values() for piece in split}) != 1 or pieces["train"][0].ndim != 2:
        raise UserError(f"'{path}' does not hold voices: every step of every piece was to be a list of equally many pitches, "
                        "such as [67, 62, 59, 43]; name Jsb16thSeparated.json or one like it")
    return pieces


def _symbols(rows: np.ndarray) -> np.ndarray:
    """Turn each row (T, K) into one symbol: int64 (T,)."""
    symbols = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        symbols = mix(symbols + column.astype(np.uint64))
    return (symbols >> np.uint64(64 - SYMBOL_BITS)).astype(np.int64)
