"""The command that tries out windows: which length and which batch size a family learns best from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import create_model

from bandmate.commands.compose import Words
from bandmate.commands.flags import flat, make_command, run
from bandmate.commands.screen import progress_bar, say
from bandmate.run import Training
from bandmate.settings import Settings, UserError

OF_THE_GRID = ("steps", "batch", "length", "minutes", "evaluate_every")
"""What the grid decides, and is not the same in every cell."""


def search(*words: Words) -> None:
    """Try out lengths of windows and batch sizes, and draw how well each pairing learns."""
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in Training.model_fields.items()
                              if name not in OF_THE_GRID}
    shared = create_model("Shared", __base__=Settings, **fields)
    run(make_command("bandmate search", _search, training=flat(shared, group="Training")), words or ["--help"])


def _search(family: str, data: Path, out: Path, *, lengths: str = "128,256,512", batches: str = "8,16,32", rows: int = 500_000,
            size: str = "small", training: Any = None) -> None:
    """Try out lengths of windows and batch sizes: each pairing is a training that hears the same amount of music.

    Stopped in the middle, the same command goes on where it was; with more lengths or batches it adds to what is done.

    Example: `bandmate search gpt data/ out/search --lengths 128,256 --batches 8,16 --rows 200000`

    Parameters
    ----------
    family:
        Family to train (see `bandmate train --help`).
    data:
        Folder that `bandmate prepare` made.
    out:
        Folder for search.csv, search.png and a run for each pairing.
    lengths:
        Rows of the codec in a window, with commas between.
    batches:
        Windows a step, with commas between.
    rows:
        Rows of music that every training hears.
    size:
        Named size of the model.
    """
    from bandmate.output.heat import draw_heat
    try:
        from bandmate.search import Cell, Grid
        from bandmate.search import search as try_out
    except ModuleNotFoundError as error:
        raise UserError(f"training needs the package '{error.name}', which is not installed; "
                        "install it with: pip install 'bandmate[train]'") from None

    def draw(cells: list[Cell]) -> None:
        draw_heat({(cell.length, cell.batch): cell.nats_per_note for cell in cells}, out / "search.png", "windows a step",
                  "rows in a window", f"{family}: nats per held-out note after {rows} rows")

    wish = {name: getattr(training, name) for name in training.model_fields_set} if training else {}
    grid = Grid(lengths=_numbers("lengths", lengths), batches=_numbers("batches", batches), rows=rows)
    with progress_bar("searching") as show:
        cells = try_out(family, data, out, grid, Training(**wish), size=size, on_cell=draw,
                        progress=lambda share, about: show(share, note=about))
    draw(cells)
    judged = [cell for cell in cells if cell.nats_per_note is not None]
    if judged:
        best = min(judged, key=lambda cell: cell.nats_per_note or 0.0)
        say(f"best: windows of {best.length} rows, {best.batch} a step, {best.nats_per_note:.3f} nats per held-out note")
    print(out / "search.csv")
    print(out / "search.png")


def _numbers(name: str, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise UserError(f"{name} is '{text}'; whole numbers with commas between were expected; for example 128,256,512")
    return tuple(map(int, parts))
