"""The fair protocol of the JSB benchmark ("JSB16-fair"): nats for each voice of each 16th, nothing left out or given away.

Published numbers stand on many scales; these rules fix one of them:

1. The official split; nothing else by Bach is learnt from, though other keys may be.
2. Every voice of every step of every whole piece is scored, the first step and rests, too: 47 outcomes. The number is
   all nats over all note tokens (micro); beside it stands the mean over pieces (macro), for valid and for test.
3. Whatever else a model predicts is charged to the notes. What follows from the past is free: how long a note is held,
   the place in the bar once the first is known.
4. The clean subset (see ``chorales``) is scored on its own.

The well-known 0.220 of TonicNet (Peracha 2019, arXiv 1911.11775) is on another scale: its script shows the model the true
chord of each step, a label made from the notes that are to be guessed, and does not charge for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bandmate.codecs.voices import VOICES, rows_of
from bandmate.jsb.chorales import Splits, clean
from bandmate.settings import UserError

Surprise = Callable[[np.ndarray], tuple[np.ndarray, float]]
"""What is scored: from a whole piece, pitches (T, 4) with -1 for a rest, to the nats (T, 4) of each voice of each step and
the nats of all else that was predicted."""


@dataclass(frozen=True)
class Score:
    """How surprising a set of pieces was, in nats a note token."""

    pieces: int
    notes: int
    micro: float
    macro: float
    voices: tuple[float, ...]
    charged: float
    """The part of micro that is not notes."""


def surprise(model: Any) -> Surprise:
    """Return what scores a model that sees pieces through the codec `voices` and has a likelihood for each step."""
    if not hasattr(model, "surprise"):
        raise UserError(f"{type(model).__name__} does not say how surprising each voice of each step is; a model of the family "
                        "'chorales' was expected; train one with: bandmate benchmark jsb FILE --train OUT")
    return lambda pitches: model.surprise(rows_of(pitches))


def score(pieces: Sequence[np.ndarray], surprised: Surprise, progress: Callable[[float], None] = lambda share: None,
          ) -> list[tuple[np.ndarray, float]]:
    """Return the nats (T, 4) of each piece, and what is charged to it."""
    found = []
    for number, piece in enumerate(pieces):
        nats, charged = surprised(piece)
        if nats.shape != piece.shape or not np.isfinite(nats).all() or nats.min() < 0 or charged < 0:
            raise ValueError(f"{piece.shape} nats of at least 0 were expected, not {nats.shape} from {nats.min()}")
        found.append((nats, charged))
        progress((number + 1) / len(pieces))
    return found


def total(scored: Sequence[tuple[np.ndarray, float]]) -> Score:
    """Sum up some pieces. Raises ValueError if there are none."""
    notes = np.array([nats.size for nats, _ in scored])
    sums = np.array([nats.sum() + charged for nats, charged in scored])
    voices = np.sum([nats.sum(0) for nats, _ in scored], axis=0) / (notes.sum() / len(VOICES))
    return Score(len(scored), int(notes.sum()), float(sums.sum() / notes.sum()), float((sums / notes).mean()),
                 tuple(voices.tolist()), float(sum(charged for _, charged in scored) / notes.sum()))


def benchmark(chorales: Splits, surprised: Surprise, splits: Sequence[str] = ("valid", "test"),
              progress: Callable[[float], None] = lambda share: None) -> dict[str, Score]:
    """Score whole splits: {"valid": ..., "valid, clean": ..., "valid, tune known": ...}, subsets without pieces left out."""
    scores: dict[str, Score] = {}
    for number, split in enumerate(splits):
        def show(share: float, done: int = number) -> None:
            progress((done + share) / len(splits))
        scored, is_clean = score(chorales[split], surprised, show), clean(chorales, split)
        for name, chosen in ((split, is_clean | True), (f"{split}, clean", is_clean), (f"{split}, tune known", ~is_clean)):
            if chosen.any():
                scores[name] = total([one for one, wanted in zip(scored, chosen.tolist(), strict=True) if wanted])
    return scores


def table(scores: dict[str, Score]) -> str:
    """Lay scores out as a table for people."""
    lines = [f"{'nats per note token':20} {'pieces':>6} {'notes':>8} {'micro':>7} {'macro':>7}   "
             + " ".join(f"{name:>8}" for name in VOICES) + f" {'charged':>8}"]
    for name, one in scores.items():
        lines.append(f"{name:20} {one.pieces:6d} {one.notes:8,d} {one.micro:7.4f} {one.macro:7.4f}   "
                     + " ".join(f"{voice:8.4f}" for voice in one.voices) + f" {one.charged:8.5f}")
    return "\n".join(lines)
