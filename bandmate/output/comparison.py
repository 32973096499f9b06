"""The comparison as a page for `docs/` and as a picture: one row a family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bandmate.music.files import whole_file
from bandmate.output.folder import versions
from bandmate.output.plots import COLOURS, GREY, INK

COLUMNS = {
    "nats a note": ("held-out nats a note", "lower is better", 2),
    "overlap": ("overlap with real music", "mean overlapping area of twelve features, 0 to 1; higher is better", 2),
    "band error": ("error in the band's cells, %", "MuseGAN's measures; lower is better", 0),
    "longest copy": ("longest copy, quarters", "95th percentile, as it stands; no more than people's is good", 1),
    "longest copy, any key": ("the same in any key", "95th percentile", 1),
    "8-grams found": ("8-grams found in training, %", "no more than people's is good", 1),
    "obedience": ("obedience, %", "controls that held in random requests", 1),
    "notes a second": ("notes a second", "written on this machine; higher is better", 0),
    "megabytes": ("size, MB", "of the file", 1),
    "training minutes": ("training, minutes", "", 0),
}
"""For each measure: its heading, how to read it, and digits after the point."""


def write_comparison(rows: list[dict[str, Any]], about: dict[str, Any], folder: Path) -> list[Path]:
    """Write comparison.md and comparison.png into a folder, which is made; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "comparison.md") as unfinished:
        unfinished.write_text(table(rows, about), encoding="utf-8")
    with whole_file(folder / "comparison.png") as unfinished:
        draw(rows).savefig(unfinished, dpi=110, facecolor="white")
    return [folder / "comparison.md", folder / "comparison.png"]


def table(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    """Return the comparison as Markdown: measures down, composers across."""
    lines = ["# All families side by side", "", f"Made by `{about.pop('command')}`. The same data, requests, prompts and "
             "measures for all; the last column is people: held-out pieces that no model learnt from.", "",
             "| | " + " | ".join(row["name"] for row in rows) + " |", "|---|" + "---|" * len(rows)]
    for name, (heading, reading, digits) in COLUMNS.items():
        cells = [_cell(row.get(name, ""), digits) for row in rows]
        lines.append(f"| **{heading}**{f'<br>{reading}' if reading else ''} | " + " | ".join(cells) + " |")
    lines += ["", "![the same as a picture](comparison.png)", "", "## Protocol", ""]
    lines += [f"* {name}: {value}" for name, value in about.items()]
    lines += [f"* {row['name']}: SHA-256 {row['sha256'][:16]}, {row['parameters']:,} weights, "
              f"{row['silent pieces']} silent pieces"
              for row in rows if "sha256" in row]
    lines.append("* versions: " + ", ".join(f"{name} {number}" for name, number in versions().items()))
    return "\n".join(lines) + "\n"


def _cell(value: Any, digits: int) -> str:
    return f"{value:,.{digits}f}" if isinstance(value, float | int) else str(value)


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw one row of bars a measure, one bar a composer."""
    columns = 5
    lines = -(-len(COLUMNS) // columns)
    figure = Figure(figsize=(12.5, 0.7 + lines * (0.6 + 0.32 * len(rows))), layout="constrained")
    names = [row["name"] if len(row["name"]) < 20 else f"…{row['name'][-18:]}" for row in rows]
    for number, (measure, (heading, _, digits)) in enumerate(COLUMNS.items()):
        axis = figure.add_subplot(lines, columns, number + 1)
        values = [row.get(measure) for row in rows]
        lengths = [float(value) if isinstance(value, float | int) else 0.0 for value in values]
        axis.barh(range(len(rows)), lengths, color=[COLOURS[at % len(COLOURS)] for at in range(len(rows))], height=0.7)
        for at, (value, length) in enumerate(zip(values, lengths, strict=True)):
            text = _cell(value, digits) if isinstance(value, float | int) else "n/a"
            axis.annotate(text, (length, at), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8, color=INK)
        axis.set_yticks(range(len(rows)), names if number % columns == 0 else [""] * len(rows), fontsize=8, color=INK)
        axis.invert_yaxis()
        axis.set_xlim(0, max(lengths, default=0) * 1.35 or 1)
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.set_title(heading, fontsize=8.5, color=GREY)
        axis.spines[:].set_visible(False)
    return figure
