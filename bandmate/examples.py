"""Examples for recognising: stretches of prepared pieces with their composer or style; and an examination on held-out ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from bandmate.data.windows import Prepared
from bandmate.metrics.manner import manner, stretches
from bandmate.recognise import WIDTH, Card, Examples, Recipe, Recogniser, Verdict, judge, learn, nearest_histogram
from bandmate.settings import UserError

LEAST_CLASSES = 2

Progress = Callable[[float], None]


class Study(NamedTuple):
    """A recogniser, and how it did on the test pieces; its card has the numbers."""

    model: Recogniser
    verdict: Verdict
    counts: dict[str, int]
    """Pieces that were used of each split."""


def study(data: Prepared, recipe: Recipe, progress: Progress = lambda share: None) -> Study:
    """Learn to recognise the training pieces of prepared data, choose on the valid pieces, be examined on the test pieces.

    Raises UserError if too few classes have labels and pieces enough, or none of them is held out.
    """
    classes = _classes(data, recipe)
    drawn = {split: _drawn(data, split, classes, recipe) for split in ("train", "valid", "test")}
    total, done, sets = sum(map(len, drawn.values())), 0, {}
    for split, rows in drawn.items():
        if not rows:
            raise UserError(f"no {split} piece in '{data.folder}' has one of the {len(classes)} classes; held-out pieces "
                            "were expected; prepare more music, or lower --least")
        start, done = done, done + len(rows)
        sets[split] = _listen(data, rows, classes, recipe, partial(_part, progress, 0.9 * start / total, 0.9 * done / total))
    manifest = data.manifest
    card = Card(recipe=recipe, classes=classes, data_hash=manifest.get("data_hash", ""),
                sources=tuple(manifest.get("sources", ())))
    model = learn(sets["train"], sets["valid"], card)
    progress(1.0)
    verdict = judge(model, sets["test"])
    model.card = card.replace(scores=_scores(model, sets))
    return Study(model, verdict, {split: int(examples.pieces.max()) + 1 for split, examples in sets.items()})


def _part(progress: Progress, start: float, end: float, share: float) -> None:
    """Tell progress within a part of the work."""
    progress(start + (end - start) * share)


def _classes(data: Prepared, recipe: Recipe) -> tuple[str, ...]:
    """Return the labels with enough training pieces, the commonest first."""
    counts = Counter(row.get(recipe.label, "") for row in data.pieces if row["split"] == "train")
    counts.pop("", None)
    if not counts:
        raise UserError(f"no training piece in '{data.folder}' has a {recipe.label}; labels were expected, from a "
                        "catalogue.csv, the scores, or the names of folders; prepare it again from labelled music")
    classes = tuple(name for name, count in counts.most_common() if count >= recipe.least)
    if len(classes) < LEAST_CLASSES:
        often = ", ".join(f"{name} ({count})" for name, count in counts.most_common(5))
        raise UserError(f"only {len(classes)} {recipe.label} has {recipe.least} training pieces or more; at least "
                        f"{LEAST_CLASSES} were expected; lower --least (there are {often})")
    return classes


def _drawn(data: Prepared, split: str, classes: tuple[str, ...], recipe: Recipe) -> list[dict[str, str]]:
    """Return the rows of the pieces to hear: of the training pieces at most so many of a class."""
    random = np.random.default_rng(recipe.seed)
    chosen = []
    for name in classes:
        rows = [row for row in data.pieces if row["split"] == split and row[recipe.label] == name]
        if split == "train" and len(rows) > recipe.most:
            rows = [rows[n] for n in sorted(random.choice(len(rows), recipe.most, replace=False).tolist())]
        chosen += rows
    return chosen


def _listen(data: Prepared, rows: list[dict[str, str]], classes: tuple[str, ...], recipe: Recipe,
            progress: Progress) -> Examples:
    codec, number = data.codec(), {name: n for n, name in enumerate(classes)}
    traits, right, pieces, count = [], [], [], 0
    for done, row in enumerate(rows):
        heard = stretches(codec.decode(data.piece(row["split"], int(row["index"]))), recipe.bars, recipe.stretches)
        traits += [manner(stretch) for stretch in heard]
        right += [number[row[recipe.label]]] * len(heard)
        pieces += [count] * len(heard)
        count += bool(heard)
        progress((done + 1) / len(rows))
    return Examples(np.array(traits, np.float32).reshape(-1, WIDTH), np.array(right, np.int64), np.array(pieces, np.int64))


def _scores(model: Recogniser, sets: dict[str, Examples]) -> dict[str, float]:
    """Return what the card says: shares of pieces, and of single stretches, that are named rightly."""
    test, train = sets["test"], sets["train"]
    whole, stretch, histogram = judge(model, test), judge(model, test, whole=False), nearest_histogram(train, test)
    return {"chance": 1 / len(model.card.classes), "commonest class": float(np.bincount(whole.right).max() / len(whole.right)),
            "histogram": histogram.accuracy(), "histogram, balanced": histogram.balanced(),
            "accuracy": whole.accuracy(), "balanced": whole.balanced(),
            "accuracy of a stretch": stretch.accuracy(), "balanced, of a stretch": stretch.balanced(),
            "balanced, valid": judge(model, sets["valid"]).balanced(), "test classes": float(len(np.unique(whole.right)))}
