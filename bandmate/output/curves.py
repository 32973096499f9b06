"""A picture of how a model learnt: its loss on the music it practises, and on music it has never seen."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from bandmate.music.files import whole_file
from bandmate.run import Run


def curves(folder: str | Path) -> Path | None:
    """Draw metrics.csv of a run folder into curves.png, and return its path; None while there is nothing to draw."""
    rows = Run(folder).rows()
    if not rows:
        return None
    figure = Figure(figsize=(9, 6), layout="constrained")
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    for name, label in (("loss", "training, nats per row"), ("valid_nats_per_note", "held-out, nats per note")):
        points = [(row["step"], row[name]) for row in rows if name in row]
        if points:
            loss.plot(*zip(*points, strict=True), label=label, marker="o" if name.startswith("valid") else None)
    for name in sorted({name for row in rows for name in row if name.startswith("valid_accuracy_")}):
        points = [(row["step"], 100 * row[name]) for row in rows if name in row]
        accuracy.plot(*zip(*points, strict=True), label=name.removeprefix("valid_accuracy_"), marker="o")
    loss.set_ylabel("nats")
    accuracy.set_ylabel("right first guesses, %")
    accuracy.set_xlabel("step")
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    path = Path(folder) / "curves.png"
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    return path
