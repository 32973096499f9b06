"""All families side by side: the same data, the same requests and prompts, the same measures, one row each.

Beside the composers stands a row of people: held-out pieces that no model learnt from, measured in the same way. Real and
new pieces alike are heard for the first ``bars`` bars.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bandmate import checkpoint
from bandmate.data.windows import Prepared
from bandmate.evaluate import held_out
from bandmate.metrics import muse, sets
from bandmate.metrics.originality import Library
from bandmate.metrics.undefined import value_or_reason
from bandmate.model import Model
from bandmate.music.grid import START, from_grid, to_grid
from bandmate.music.request import Request
from bandmate.obedience.trials import trial
from bandmate.piece import Piece
from bandmate.protocol import Protocol
from bandmate.settings import UserError

HUMAN = "people"
GRID = 24
PAGE = 512  # rows of a window in the examination
GIVEN = 4  # bars of a prompt

Row = dict[str, Any]
Progress = Callable[[str, float], None]


def compare(names: Sequence[str], data: Prepared, protocol: Protocol,
            progress: Progress = lambda what, share: None) -> list[Row]:
    """Return one row for each model (a shipped name, a file or a run folder), then one for people.

    Raises UserError if a model reads another codec than the data are written in.
    """
    models = {name: checkpoint.load(name) for name in names}
    for name, model in models.items():
        if (model.codec.name, model.codec.config) != (data.codec().name, data.codec().config):
            raise UserError(f"'{name}' reads music otherwise than '{data.folder}' is written; data for all models of the "
                            f"comparison were expected; prepare them with --like {name}")
    real, people = (_first_bars(_pieces(data, split, protocol), protocol.bars) for split in ("test", "valid"))
    library = Library()
    _, offsets = data.split("train")
    for index in range(len(offsets) - 1):
        library.add(str(index), data.codec().decode(data.piece("train", index)))
        progress("the training set", (index + 1) / (len(offsets) - 1))
    library.close()
    rows = [_row(name, model, data, protocol, real, library, progress) for name, model in models.items()]
    return [*rows, {"name": HUMAN, **_quality(people, real), **_originality(people, library)}]


def _pieces(data: Prepared, split: str, protocol: Protocol) -> list[Piece]:
    _, offsets = data.split(split)
    count = len(offsets) - 1
    drawn = np.random.default_rng(protocol.seed).permutation(count)[:protocol.real]
    return [data.codec().decode(data.piece(split, index)) for index in sorted(drawn.tolist())]


def _first_bars(pieces: list[Piece], bars: int) -> list[Piece]:
    """Cut pieces after so many bars; those that fall silent are left out."""
    cut = []
    for piece in pieces:
        grid = to_grid(piece, GRID)
        if len(grid.bars) > bars:
            end = int(grid.bars[bars, 0])
            notes = grid.notes[grid.notes[:, START] < end]
            piece = from_grid(replace(grid, notes=notes, bars=grid.bars[:bars], end=end))
        if piece.note_num():
            cut.append(piece)
    return cut


def _row(name: str, model: Model, data: Prepared, protocol: Protocol, real: list[Piece], library: Library,
         progress: Progress) -> Row:
    card = checkpoint.read_card(name)
    pages = data.pages("test", 4, PAGE, protocol.examined)
    progress(f"{name}: examination", 0.0)
    scores = held_out(model, pages)
    pieces, seconds = _compose(name, model, data, protocol, progress)
    progress(f"{name}: obedience", 0.0)
    report = trial(lambda request, prompt: model.generate(_options(model, request), prompt), protocol.requests, protocol.seed,
                   lambda share: progress(f"{name}: obedience", share))
    asked = report.asked.total()
    notes = sum(piece.note_num() for piece in pieces)
    heard = _first_bars(pieces, protocol.bars)
    return {
        "name": name, "family": card.family, "nats a note": _or(scores.nats_per_note, "n/a: no likelihood"),
        **_quality(heard, real), **_originality(heard, library), "silent pieces": len(pieces) - len(heard),
        "obedience": 100 * report.obeyed.total() / asked if asked else "n/a: all requests were refused",
        "notes a second": notes / seconds, "parameters": model.parameter_count(),
        "megabytes": checkpoint.find(name).stat().st_size / 1e6, "training minutes": card.minutes,
        "sha256": checkpoint.file_hash(checkpoint.find(name))}


def _options(model: Model, request: Request) -> Any:
    return model.Options(**{name: getattr(request, name) for name in request.model_fields_set})


def _or(value: float | None, reason: str) -> float | str:
    return reason if value is None else value


def _compose(name: str, model: Model, data: Prepared, protocol: Protocol, progress: Progress) -> tuple[list[Piece], float]:
    """Let a model write from nothing, and go on from the first bars of test pieces; return all, and the seconds it took."""
    prompts = [piece for piece in _first_bars(_pieces(data, "test", protocol), GIVEN)][:protocol.pieces]
    asks: list[tuple[Any, Piece | None]] = [
        (model.Options(bars=protocol.bars, seed=protocol.seed + number), None) for number in range(protocol.pieces)]
    asks += [(model.Options(task="continue", bars=protocol.bars - GIVEN, seed=protocol.seed + number), prompt)
             for number, prompt in enumerate(prompts)]
    pieces, started = [], time.perf_counter()
    for number, (options, prompt) in enumerate(asks):
        pieces += model.generate(options, prompt)
        progress(f"{name}: composing", (number + 1) / len(asks))
    return pieces, time.perf_counter() - started


def _quality(pieces: list[Piece], real: list[Piece]) -> Row:
    """Return how near the pieces are to real ones: overlap of features (mgeval), and error of MuseGAN's cells."""
    return {"overlap": value_or_reason(sets.mean_overlap, pieces, real),
            "band error": value_or_reason(lambda: muse.relative_error(muse.cells(pieces), muse.cells(real)))}


def _originality(pieces: list[Piece], library: Library) -> Row:
    """Return what the pieces share with the training set: the longest run in quarters, and the share of their 8-grams."""
    if not pieces:
        return dict.fromkeys(("longest copy", "longest copy, any key", "8-grams found"), "n/a: no piece")
    found = [library.compare(piece, by="beats") for piece in pieces]
    grams = [each.grams for each in found if each.grams is not None]
    return {"longest copy": float(np.percentile([each.exact.beats for each in found], 95)),
            "longest copy, any key": float(np.percentile([each.transposed.beats for each in found], 95)),
            "8-grams found": 100 * float(np.mean(grams)) if grams else "n/a: fewer than eight events"}
