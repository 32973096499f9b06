"""What was measured of composers and styles: a table for `docs/` and the screen; pictures of beta, and of two adversaries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bandmate.music.files import whole_file
from bandmate.output.confusion import draw_confusion
from bandmate.output.folder import versions
from bandmate.output.plots import COLOURS, GREY, INK
from bandmate.run import Run

BOTH = ("discriminator", "encoder")
"""Columns of metrics.csv: the losses of two networks that learn against each other."""

READINGS = {
    "recognised, %": "samples that a recogniser takes for the style that was chosen; people: their held-out pieces",
    "in one metre, %": "the same, all asked for in one metre, not each in its usual one",
    "in other styles, %": "how often a style is recognised in those of another",
    "new manner, %": "held-out tunes in another style, taken for that style",
    "old manner, %": "the same, taken for the style that they had",
    "chroma kept": "cosine between tune and transfer, every four bars, 0 to 1; chance: two held-out tunes",
    "chroma kept, own style": "the same where the style stays",
    "copies, %": "samples with four bars' worth of a training piece, note for note in any key",
    "longest copy, quarters": "95th percentile, in any key; no more than people's is good",
    "overlap": "mean overlapping area of twelve features with held-out pieces, 0 to 1; people: other held-out pieces",
    "stretches": "held-out stretches that were read",
    "KL, nats": "a stretch, of the content latents",
    "in use": "content latents whose mean varies by more than 0.01",
    "bound, nats a note": "no more than this is a held-out note's surprise",
    "reconstruction, nats a note": "the part of it that is no KL",
    "style read, %": "held-out stretches of which the model itself names the style",
    "commonest style, %": "what a guess that is always the same gets right of these",
    "probe, %": "styles that a fresh network reads from the content alone, mean over styles; the content is as the decoder "
                "hears it while learning, drawn, and counted from the home of its style",
    "probe of means, %": "the same from the means of contents as they are, which is more than the decoder hears",
    "probe, chance, %": "what it gets right without knowing anything",
}
"""What a measure says; for those of music, `bandmate evaluate` says it."""

BETA = {"reconstruction, nats a note": "reconstruction, nats a note", "KL, nats": "KL, nats a stretch",
        "overlap": "overlap with real music", "recognised, %": "style recognised, %"}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as Markdown: measures down, composers across."""
    lines = ["| | " + " | ".join(str(row["name"]) for row in rows) + " |", "|---|" + "---|" * len(rows)]
    for name in dict.fromkeys(name for row in rows for name in row if name != "name"):
        reading = f"<br>{READINGS[name]}" if name in READINGS else ""
        lines.append(f"| **{name}**{reading} | " + " | ".join(_cell(row.get(name, "")) for row in rows) + " |")
    return "\n".join(lines)


def plain(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a table for the screen, in which names are cut where they are too long."""
    cells = [["", *(str(row["name"])[-24:] for row in rows)]]
    cells += [[name, *(_cell(row.get(name, ""))[:24] for row in rows)]
              for name in dict.fromkeys(name for row in rows for name in row if name != "name")]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in
                                                             zip(line[1:], widths[1:], strict=True))]) for line in cells)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def write_styles(rows: Sequence[Mapping[str, Any]], confusions: Mapping[str, np.ndarray], classes: Sequence[str],
                 about: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write styles.md, styles.json and a picture of what each composer's samples are taken for; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(["# Composers and styles", "", f"Made by `{about['command']}`.", "", table(rows), "", "## Protocol", "",
                      *(f"* {name}: {value}" for name, value in about.items() if name != "command"),
                      "* versions: " + ", ".join(f"{name} {number}" for name, number in versions().items())]) + "\n"
    numbers = {"about": dict(about), "rows": list(rows), "classes": list(classes), "versions": versions(),
               "confusions": {name: counts.tolist() for name, counts in confusions.items()}}
    written = []
    for name, content in (("styles.md", text), ("styles.json", json.dumps(numbers, indent=2, ensure_ascii=False) + "\n")):
        with whole_file(folder / name) as unfinished:
            unfinished.write_text(content, encoding="utf-8")
        written.append(folder / name)
    names = [Path(name.partition(":")[0]).stem or "model" for name in confusions]
    for number, (name, counts) in enumerate(confusions.items()):
        alone = names[number] if names.count(names[number]) == 1 else f"{names[number]}-{number + 1}"
        written.append(draw_confusion(counts, classes, folder / f"confusion-{alone}.png", f"{name}: asked for, and heard"))
    return [*written, *draw_beta(rows, folder / "beta.png")]


def draw_beta(rows: Sequence[Mapping[str, Any]], path: Path) -> list[Path]:
    """Draw what a stronger pull of the latents towards the normal distribution does; nothing for fewer than two betas."""
    rows = sorted((row for row in rows if isinstance(row.get("beta"), float | int)), key=lambda row: row["beta"])
    if len({row["beta"] for row in rows}) < 2:
        return []
    figure = Figure(figsize=(6, 2 * len(BETA)), layout="constrained")
    for axis, colour, (name, heading) in zip(figure.subplots(len(BETA), 1, sharex=True), COLOURS, BETA.items(), strict=False):
        points = [(row["beta"], row[name]) for row in rows if isinstance(row.get(name), float | int)]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker="o")
        axis.set_title(heading, fontsize=9, color=INK, loc="left")
        _plain(axis)
    figure.axes[-1].set_xlabel("beta", color=GREY)
    return [_save(figure, path)]


def draw_adversaries(models: Sequence[str], folder: Path) -> list[Path]:
    """Draw the losses of a discriminator and of the encoder that learnt against it, for each run folder that has them, from
    when both have had their turn."""
    drawn = []
    for model in dict.fromkeys(models):
        rows = [row for row in Run(model).rows() if all(row.get(name) for name in BOTH)] if Path(model).is_dir() else []
        if rows[1:]:  # the first is a mean over steps of which some came before the first turn
            drawn.append(_save(_twins(rows[1:]), folder / f"adversary-{Path(model).resolve().name}.png"))
    return drawn


def _twins(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw two losses over the same steps, each on an axis of its own."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    left = figure.add_subplot()
    for axis, name, colour in ((left, BOTH[0], COLOURS[0]), (left.twinx(), BOTH[1], COLOURS[1])):
        axis.plot([row["step"] for row in rows], [row[name] for row in rows], color=colour)
        axis.set_ylabel(f"{name}, nats", color=colour)
        _plain(axis)
        axis.tick_params(axis="y", labelcolor=colour)
    left.set_xlabel("step", color=GREY)
    left.set_title("the discriminator reads the style from the content, the encoder hides it", fontsize=9, color=INK)
    return figure


def _plain(axis: Axes) -> None:
    axis.grid(alpha=0.3)
    axis.tick_params(labelsize=8, labelcolor=GREY, length=2)
    axis.spines[["top"]].set_visible(False)


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=110, facecolor="white")
    return path
