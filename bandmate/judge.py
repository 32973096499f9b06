"""The judge: a set of pieces beside real music, by every measure, with the noise of the real music beside each number.

How far two random halves of the real set lie apart says how much a difference means: a model that is no farther from the
real pieces than they are from each other cannot be told from them by that measure. What is closer to the real row is
better; no measure is better for being high or low.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bandmate.data.collection import Collection, Named
from bandmate.metrics import muse, ngrams, sets
from bandmate.metrics.measures import MEASURES
from bandmate.metrics.undefined import Undefined, value_or_reason
from bandmate.piece import Piece
from bandmate.settings import UserError

SPLITS = 20  # random ways to halve the real set
LEAST = 2  # pieces in a set
BINS = 20  # of the histograms

Progress = Callable[[float], None]


def judge(new: Collection, real: Collection, seed: int = 0, progress: Progress = lambda share: None) -> dict[str, Any]:
    """Compare ``new`` pieces with ``real`` ones; return all numbers in a form that JSON can hold.

    A measure without a value says why ("n/a: no drums"). Raises UserError for a set with fewer than two pieces.
    """
    for name, collection in (("new", new), ("real", real)):
        if len(collection.pieces) < LEAST:
            raise UserError(f"the {name} set '{collection.place}' has {len(collection.pieces)} piece; at least {LEAST} were "
                            "expected, for one piece has no spread; name more music")
    random = np.random.default_rng(seed)
    halves = [random.permutation(len(real.pieces)) for _ in range(SPLITS)]
    measures = {}
    for number, name in enumerate(MEASURES):
        measures[name] = _measure(name, new.pieces, real.pieces, halves)
        progress((number + 1) / len(MEASURES) * 0.5)
    pieces, others = ([named.piece for named in collection.pieces] for collection in (new, real))
    first, second = _halves(others, halves[0])
    report = {
        "new": _about(new), "real": _about(real), "seed": seed, "measures": measures,
        "band": {kind: _band(pieces, others, first, second, kind == "released code") for kind in ("paper", "released code")}}
    progress(0.7)
    report["likeness"] = {"new": _likeness(pieces, others), "halves of the real set": _likeness(first, second)}
    progress(0.85)
    report["n-grams"] = {"new": _ngrams(pieces, others), "halves of the real set": _ngrams(first, second)}
    progress(1.0)
    return report


def _about(collection: Collection) -> dict[str, Any]:
    return {"place": collection.place, "pieces": len(collection.pieces), "sha256": collection.digest,
            "notes": sum(named.piece.note_num() for named in collection.pieces), "skipped": collection.skipped}


def _halves(pieces: Sequence[Piece], order: np.ndarray) -> tuple[list[Piece], list[Piece]]:
    middle = len(order) // 2
    return [pieces[n] for n in order[:middle]], [pieces[n] for n in order[middle:]]


def _measure(name: str, new: Sequence[Named], real: Sequence[Named], halves: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return one measure of both sets: mean, spread, histogram, and the noise of the real one."""
    measure = MEASURES[name]
    rows: dict[str, Any] = {"unit": measure.unit, "asks": measure.asks}
    values = {}
    for which, pieces in (("new", new), ("real", real)):
        said = [value_or_reason(measure.of, named.piece) for named in pieces]
        values[which] = np.array([value if isinstance(value, float) else math.nan for value in said])
        rows[which] = _spread(values[which]) | {"undefined": dict(Counter(v for v in said if isinstance(v, str)).most_common())}
    gaps = [abs(_mean(values["real"][order[:len(order) // 2]]) - _mean(values["real"][order[len(order) // 2:]]))
            for order in halves]
    known = [gap for gap in gaps if not math.isnan(gap)]
    rows["noise"] = float(np.mean(known)) if known else "n/a: too few values"
    both = np.concatenate([values["new"], values["real"]])
    both = both[~np.isnan(both)]
    if len(both):
        edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-9), BINS + 1)
        rows["histogram"] = {"edges": edges.tolist()} | {
            which: np.histogram(found[~np.isnan(found)], edges)[0].tolist() for which, found in values.items()}
    return rows


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else math.nan


def _spread(values: np.ndarray) -> dict[str, Any]:
    values = values[~np.isnan(values)]
    if not len(values):
        return {"count": 0, "mean": "n/a", "deviation": "n/a"}
    return {"count": len(values), "mean": float(values.mean()), "deviation": float(values.std())}


def _band(new: list[Piece], real: list[Piece], first: list[Piece], second: list[Piece], released: bool) -> dict[str, Any]:
    """Return MuseGAN's table for both sets, how far the new row is from the real one, and how far two real halves are."""
    rows = {"new": muse.cells(new, released), "real": muse.cells(real, released)}
    return {**rows, "relative error": value_or_reason(muse.relative_error, rows["new"], rows["real"]),
            "relative error of halves": value_or_reason(muse.relative_error, muse.cells(first, released),
                                                        muse.cells(second, released))}


def _likeness(new: list[Piece], real: list[Piece]) -> dict[str, Any] | str:
    try:
        return {name: found._asdict()
                for name, found in sets.compare(new, real).items()}
    except Undefined as reason:
        return f"n/a: {reason}"


def _ngrams(new: list[Piece], real: list[Piece]) -> dict[str, Any] | str:
    """Return Maia's BLEU and its cumulative orders of each new piece against all real ones, as means over the pieces."""
    counts = ngrams.Counts([ngrams.words(piece) for piece in real], ngrams.ORDERS)
    texts = [text for text in map(ngrams.words, new) if len(text) >= ngrams.ORDERS]
    if not texts:
        return "n/a: no piece is long enough"
    return {"bleu": float(np.mean([ngrams.bleu(text, counts) for text in texts])),
            "cumulative": np.mean([ngrams.cumulative(text, counts) for text in texts], axis=0).tolist()}
