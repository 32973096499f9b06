"""A picture of what is taken for what: one row for what a piece is, one column for what it was called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from bandmate.music.files import whole_file
from bandmate.output.plots import GREY, INK

CELL = 0.2  # inches
MARGIN = 3.2  # inches for names and title


def draw_confusion(counts: np.ndarray, names: Sequence[str], path: str | Path, title: str = "") -> Path:
    """Draw counts (classes, classes) as shares of their rows; classes without pieces have no row. Return the path."""
    path = Path(path)
    rows = np.flatnonzero(counts.sum(axis=1))
    shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
    figure = Figure(figsize=(MARGIN + CELL * len(names), MARGIN + CELL * len(rows)), layout="constrained")
    axis = figure.add_subplot()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7, color=INK)
    axis.set_yticks(range(len(rows)), [f"{names[row]} ({counts[row].sum()})" for row in rows.tolist()], fontsize=7, color=INK)
    axis.scatter(rows, range(len(rows)), s=14, marker="s", facecolors="none", edgecolors="#e4572e", linewidths=0.6)
    axis.set_xlabel("called", color=GREY)
    axis.set_ylabel("is (pieces)", color=GREY)
    axis.set_title(title, fontsize=9, color=INK)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, format=path.suffix.removeprefix("."), dpi=110, facecolor="white")
    return path
