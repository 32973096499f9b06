"""A heat map: a number for every pairing of two things, the best of them framed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bandmate.music.files import whole_file
from bandmate.output.plots import GREY, INK

CELL = 0.9  # inches
MARGIN = 1.8  # inches for names and title
BEST = "#e4572e"


def draw_heat(values: Mapping[tuple[int, int], float | None], path: str | Path, across: str, down: str,
              title: str = "") -> Path:
    """Draw values, {(number down, number across): value, lower is better}; what is missing stays white. Return the path."""
    path = Path(path)
    rows, columns = (sorted({place[axis] for place in values}) for axis in (0, 1))
    table = np.full((len(rows), len(columns)), np.nan)
    for (row, column), value in values.items():
        table[rows.index(row), columns.index(column)] = np.nan if value is None else value
    figure = Figure(figsize=(MARGIN + CELL * len(columns), MARGIN + 0.7 * CELL * len(rows)), layout="constrained")
    axis = figure.add_subplot()
    if not np.isnan(table).all():
        middle = (np.nanmin(table) + np.nanmax(table)) / 2
        axis.imshow(table, cmap="Blues_r", aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            if not np.isnan(value):
                axis.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=9,
                          color="white" if value < middle else INK)
        down_at, across_at = np.argwhere(table == np.nanmin(table))[0].tolist()
        axis.add_patch(Rectangle((across_at - 0.5, down_at - 0.5), 1, 1, fill=False, edgecolor=BEST, linewidth=2))
    axis.set_xticks(range(len(columns)), list(map(str, columns)), color=INK)
    axis.set_yticks(range(len(rows)), list(map(str, rows)), color=INK)
    axis.set_xlabel(across, color=GREY)
    axis.set_ylabel(down, color=GREY)
    axis.set_title(title, fontsize=9, color=INK)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, format=path.suffix.removeprefix("."), dpi=110, facecolor="white")
    return path
