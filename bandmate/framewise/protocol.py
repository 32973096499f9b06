"""The fair protocol of the frame benchmark ("frames"): nats for each frame of 88 keys, on the published split.

1. The split and the quarter grid of Boulanger-Lewandowski et al. (2012, arXiv 1206.6392). Nothing else is learnt from.
2. Whole pieces are heard. The number is that of Bai et al. (2018, arXiv 1803.01271, whose program states it): the nats of
   all 88 keys together, over all frames but the first of each piece, divided by these frames (micro). Beside it stand the
   number with first frames, and the mean over pieces (macro), which others may have meant.
3. What a model is charged for a frame is a chance over all 2^88 frames that sums up to one: as 88 independent coins, or by the
   chain rule. The two are different games: see ``docs/frames.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bandmate.codecs.frames import rows_of
from bandmate.framewise.rolls import Splits
from bandmate.settings import UserError

Surprise = Callable[[np.ndarray], np.ndarray]
"""What is scored: from a whole piano roll, bool (T, 88), to the nats (T,) of each frame."""


@dataclass(frozen=True)
class Score:
    """How surprising a set of pieces was, in nats a frame."""

    pieces: int
    frames: int
    """Frames that count: all but the first of each piece."""
    micro: float
    """All their nats over all of them: the published number."""
    with_first: float
    """The same, first frames counted, too."""
    macro: float
    """The mean over pieces of the mean over their frames but the first; a piece of one frame is left out."""


def surprise(model: Any) -> Surprise:
    """Return what scores a model that sees pieces through the codec `frames`, a row a quarter."""
    codec: Any = getattr(model, "codec", None)
    if not hasattr(model, "surprise") or codec is None or codec.name != "frames":
        raise UserError(f"{type(model).__name__} does not say how surprising each frame is; a model of the family 'frames' was "
                        "expected; train one with: bandmate benchmark frames FILE --train OUT")
    if codec.config.steps_per_quarter != 1:
        raise UserError(f"the model writes {codec.config.steps_per_quarter} frames a quarter; the benchmark has one; "
                        "train one with: bandmate benchmark frames FILE --train OUT")
    return lambda roll: model.surprise(rows_of(roll))


def score(pieces: Sequence[np.ndarray], surprised: Surprise, progress: Callable[[float], None] = lambda share: None) -> Score:
    """Score some pieces. Raises ValueError if nothing is to be scored, or if something is left out."""
    found = []
    for number, piece in enumerate(pieces):
        nats = surprised(piece)
        if nats.shape != piece.shape[:1] or not np.isfinite(nats).all() or nats.min() < 0:
            raise ValueError(f"{len(piece)} nats of at least 0 were expected, not {nats.shape}")
        found.append(nats)
        progress((number + 1) / len(pieces))
    later = [nats[1:] for nats in found if len(nats) > 1]
    if not later:
        raise ValueError("no frame is left to be scored")
    every = np.concatenate(later)
    return Score(len(found), len(every), float(every.mean()), float(np.concatenate(found).mean()),
                 float(np.mean([nats.mean() for nats in later])))


def benchmark(rolls: Splits, surprised: Surprise, splits: Sequence[str] = ("valid", "test"),
              progress: Callable[[float], None] = lambda share: None) -> dict[str, Score]:
    """Score whole splits: {"valid": ...}."""
    scores = {}
    for number, split in enumerate(splits):
        def show(share: float, done: int = number) -> None:
            progress((done + share) / len(splits))
        scores[split] = score(rolls[split], surprised, show)
    return scores


def table(scores: dict[str, Score]) -> str:
    """Lay scores out as a table for people."""
    lines = [f"{'nats per frame':24} {'pieces':>6} {'frames':>8} {'micro':>8} {'with first':>10} {'macro':>8}"]
    lines += [f"{name:24} {one.pieces:6d} {one.frames:8,d} {one.micro:8.4f} {one.with_first:10.4f} {one.macro:8.4f}"
              for name, one in scores.items()]
    return "\n".join(lines)
