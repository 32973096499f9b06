"""Which windows to learn from: how long they should be, and how many to a step, tried out in every pairing.

As for Maia (2020), whose makers tried lengths and batch sizes in a grid. Every cell of the grid is a training of its own
that hears the same amount of music, so that many small steps stand fairly beside a few large ones; it is examined on the
held-out pieces in windows of its own length. ``search.csv`` has a row for each cell that is done, and a search that was
stopped goes on where it was, in the middle of a cell if need be.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bandmate.data.windows import Prepared
from bandmate.music.files import whole_file
from bandmate.run import Run, Training, read_report
from bandmate.settings import Settings, UserError
from bandmate.training import Interrupted, train

Watch = Callable[[float, str], None]
"""Called as a search goes on: with the share that is done, 0 to 1, and a word about the cell in hand."""


class Grid(Settings):
    """What is tried out."""

    lengths: Annotated[tuple[Annotated[int, Field(ge=8)], ...], Field(min_length=1)] = (128, 256, 512)
    """Rows of the codec in a window."""
    batches: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (8, 16, 32)
    """Windows a step."""
    rows: Annotated[int, Field(ge=8)] = 500_000
    """Rows of music that every cell hears."""

    def cells(self) -> list[tuple[int, int]]:
        """Return every pairing of a length and a batch size once."""
        return [(length, batch) for length in dict.fromkeys(self.lengths) for batch in dict.fromkeys(self.batches)]


class Cell(Settings):
    """How a cell of the grid came out: a row of search.csv."""

    length: int
    """Rows in a window."""
    batch: int
    """Windows a step."""
    steps: int
    """Steps made."""
    seconds: float
    """Seconds of training."""
    nats_per_note: float | None
    """Surprise on held-out notes; lower is better. None for a family without a likelihood."""


def search(family: str, data: str | Path, out: str | Path, grid: Grid | None = None, training: Training | None = None, *,
           size: str = "small", config: dict[str, Any] | None = None, progress: Watch = lambda share, about: None,
           on_cell: Callable[[list[Cell]], None] = lambda cells: None) -> list[Cell]:
    """Train a family on prepared data in every cell of a grid, and return how each came out.

    ``training`` holds what all cells share. ``on_cell`` is called with all that is done, after each cell. The folder ``out``
    keeps search.csv and a run for each cell. Raises UserError if it holds another search, :class:`Interrupted` on Ctrl-C.
    """
    grid, training, out = grid or Grid(), training or Training(), Path(out)
    shared = {name: getattr(training, name) for name in training.model_fields_set - {"length", "batch", "steps", "minutes"}}
    about = {"family": family, "size": size, "config": config or {}, "rows": grid.rows, "training": shared,
             "data_hash": Prepared(data).manifest["data_hash"]}
    _begin(out, json.loads(json.dumps(about, default=str)))
    done = {(cell.length, cell.batch): cell for cell in read(out)}
    cells = grid.cells()
    for number, (length, batch) in enumerate(cells):
        if (length, batch) in done:
            continue
        steps = max(1, grid.rows // (length * batch))
        wish = training.replace(length=length, batch=batch, steps=steps, evaluate_every=steps)
        text = f"{length} rows, {batch} a step"

        def show(step: int, steps: int, row: dict[str, float], number: int = number, text: str = text) -> None:
            progress((number + step / steps) / len(cells), text)

        run = Run(out / f"{length}x{batch}")
        try:
            train(family, data, run.folder, wish, size=size, config=config, resume=run.exists(), progress=show)
        except Interrupted:
            raise Interrupted("stopped; all is kept; the same command goes on") from None
        report = read_report(run.folder)
        done[length, batch] = Cell(length=length, batch=batch, steps=report.step, seconds=report.seconds,
                                   nats_per_note=report.after)
        _write(out, list(done.values()))
        on_cell(list(done.values()))
    progress(1, "")
    return [done[cell] for cell in cells]


def read(out: str | Path) -> list[Cell]:
    """Return the cells of a search that are done."""
    path = Path(out) / "search.csv"
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [Cell(**{name: value or None for name, value in row.items()}) for row in csv.DictReader(file)]


def _begin(out: Path, about: dict[str, Any]) -> None:
    """Write search.json, or check that the search which it tells of is this one."""
    path = out / "search.json"
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        different = [name for name in about if known.get(name) != about[name]]
        if different:
            raise UserError(f"the folder '{out}' holds another search (different: {', '.join(different)}); the same settings "
                            "or a new folder were expected; choose another folder")
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the folder '{out}' cannot be made ({error.strerror}); choose another folder") from None
    with whole_file(path) as unfinished:
        unfinished.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _write(out: Path, cells: list[Cell]) -> None:
    with whole_file(out / "search.csv") as unfinished, open(unfinished, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(Cell.model_fields))
        writer.writeheader()
        writer.writerows(cell.model_dump() for cell in cells)
