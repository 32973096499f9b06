"""The judge's report as a page: one HTML file with its pictures in it, for a browser, and the same numbers as .json."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bandmate.data.collection import Collection
from bandmate.metrics.structure import self_similarity
from bandmate.metrics.undefined import Undefined
from bandmate.music.files import whole_file
from bandmate.output.folder import versions
from bandmate.output.plots import COLOURS, GREY, INK

NEW_COLOUR, REAL_COLOUR = COLOURS[1], COLOURS[0]
EXAMPLES = 3  # pieces of each set whose similarity matrix is shown
STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td small { display: block; opacity: .65; } img { width: 100%; background: white; border-radius: 6px; }
.near { color: #1d8a5a; } .far { color: #c0482a; } .none { opacity: .55; }
"""


def write_report(report: dict[str, Any], new: Collection, real: Collection, folder: Path) -> list[Path]:
    """Write report.html and report.json into a folder, which is made; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    report = {**report, "versions": versions()}
    written = []
    for name, text in (("report.html", page(report, new, real)),
                       ("report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")):
        with whole_file(folder / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def page(report: dict[str, Any], new: Collection, real: Collection) -> str:
    """Return the report as HTML."""
    about = [f"{which}: {report[which]['pieces']} pieces, {report[which]['notes']:,} notes, of "
             f"{report[which]['place']} (SHA-256 {report[which]['sha256'][:12]})" for which in ("new", "real")]
    parts = [
        f"<h1>{html.escape(Path(new.place).name or new.place)} beside {html.escape(Path(real.place).name or real.place)}</h1>",
        *(f"<p>{html.escape(line)}</p>" for line in about),
        "<p>Noise is how far two random halves of the real set lie apart: a difference no larger means nothing. "
        "Closer to the real column is better; nothing is better for being high or low.</p>",
        "<h2>Piece by piece</h2>", _measures(report["measures"]), _picture(_histograms(report["measures"])),
        "<h2>As a set</h2>", "<p>Overlapping area and divergence of distances (Yang and Lerch, 2020), beside what two halves "
        "of the real set reach.</p>", _likeness(report["likeness"]),
        "<h2>The band</h2>", "<p>MuseGAN's measures by the paper's definitions.</p>", _band(report["band"]["paper"]),
        "<p>The same as the released code counts, for comparison with the published table alone.</p>",
        _band(report["band"]["released code"]),
        "<h2>Shared note words</h2>", _words(report["n-grams"]),
        "<h2>Bars that come back</h2>", _picture(_similarities(new, real)),
        f"<p><small>seed {report['seed']}; " + ", ".join(f"{name} {number}" for name, number in report["versions"].items())
        + "</small></p>"]
    return ('<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>bandmate: report</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float | int) else f'<span class="none">{html.escape(str(value))}</span>'


def _measures(measures: dict[str, Any]) -> str:
    rows = []
    for name, row in measures.items():
        cells = []
        for which in ("new", "real"):
            said = row[which]
            missing = sum(said["undefined"].values())
            why = f"{missing} without a value: {', '.join(reason.removeprefix('n/a: ') for reason in said['undefined'])}"
            cells.append(f"{_number(said['mean'])}" + (f" ± {_number(said['deviation'])}" if said["count"] else "")
                         + (f"<small>{html.escape(why)}</small>" if missing else ""))
        gap = "n/a"
        if all(isinstance(value, float) for value in (row["new"]["mean"], row["real"]["mean"], row["noise"])):
            away = abs(row["new"]["mean"] - row["real"]["mean"])
            gap = f'<span class="{"near" if away <= 2 * row["noise"] else "far"}">{_number(away)}</span>'
        rows.append([f"{html.escape(name)} ({row['unit']})<small>{html.escape(row['asks'])}</small>", *cells, gap,
                     _number(row["noise"])])
    return _table(["measure", "new", "real", "difference", "noise"], rows)


def _likeness(likeness: dict[str, Any]) -> str:
    new, halves = likeness["new"], likeness["halves of the real set"]
    if isinstance(new, str):
        return f"<p>{html.escape(new)}</p>"
    rows = []
    for name, found in new.items():
        beside = halves.get(name) if isinstance(halves, dict) else halves
        rows.append([html.escape(name), *(_number(one[value]) if isinstance(one, dict) else _number(one or "n/a")
                                          for value in ("overlap", "divergence") for one in (found, beside))])
    return _table(["feature", "overlap", "of real halves", "divergence", "of real halves"], rows)


def _band(table: dict[str, Any]) -> str:
    rows = [[cell, _number(table["new"].get(cell, "n/a")), _number(table["real"].get(cell, "n/a"))]
            for cell in dict.fromkeys([*table["real"], *table["new"]])]
    rows.append(["mean relative error, %", _number(table["relative error"]),
                 f"{_number(table['relative error of halves'])} (halves)"])
    return _table(["cell", "new", "real"], rows)


def _words(found: dict[str, Any]) -> str:
    if isinstance(found["new"], str):
        return f"<p>{html.escape(found['new'])}</p>"
    said = f"<p>Maia's BLEU against the real set: {_number(found['new']['bleu'])}"
    if not isinstance(found["halves of the real set"], str):
        said += f"; one half of the real set against the other: {_number(found['halves of the real set']['bleu'])}"
    return said + ". Higher than that is copying.</p>" + _picture(_ngrams(found))


def _picture(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor="white")
    return f'<p><img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"></p>'


def _histograms(measures: dict[str, Any]) -> Figure:
    """Draw each measure of both sets as shares of pieces."""
    shown = [(name, row) for name, row in measures.items() if "histogram" in row]
    columns = 3
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(11, 2.0 * lines + 0.3), layout="constrained")
    for number, (name, row) in enumerate(shown):
        axis = figure.add_subplot(lines, columns, number + 1)
        edges = np.array(row["histogram"]["edges"])
        for which, colour in (("real", REAL_COLOUR), ("new", NEW_COLOUR)):
            counts = np.array(row["histogram"][which], float)
            axis.stairs(counts / max(counts.sum(), 1), edges, fill=True, alpha=0.45, color=colour, label=which)
        axis.set_title(f"{name} ({row['unit']})", fontsize=9, color=INK)
        axis.tick_params(labelsize=7, labelcolor=GREY, length=2)
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
    if shown:
        figure.axes[0].legend(frameon=False, fontsize=8)
    return figure


def _ngrams(found: dict[str, Any]) -> Figure:
    """Draw the cumulative n-grams of the new set and of a half of the real one as bars."""
    figure = Figure(figsize=(11, 2.6), layout="constrained")
    axis = figure.add_subplot()
    kinds = [(name, colour) for name, colour in (("new", NEW_COLOUR), ("halves of the real set", REAL_COLOUR))
             if not isinstance(found[name], str)]
    for number, (name, colour) in enumerate(kinds):
        heights = found[name]["cumulative"]
        axis.bar(np.arange(1, len(heights) + 1) + (number - 0.5) * 0.4, heights, 0.38, color=colour, label=name)
    axis.set_xlabel("words in a row, cumulative", fontsize=9)
    axis.set_ylabel("BLEU", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _similarities(new: Collection, real: Collection) -> Figure:
    """Draw how alike the bars of some pieces are: dark where two bars are the same."""
    figure = Figure(figsize=(11, 7.4), layout="constrained")
    for row, (which, collection) in enumerate((("new", new), ("real", real))):
        for column, named in enumerate(collection.pieces[:EXAMPLES]):
            axis = figure.add_subplot(2, EXAMPLES, row * EXAMPLES + column + 1)
            axis.set_title(f"{which}: {Path(named.name).stem[:34]}", fontsize=9, color=INK)
            try:
                alike = self_similarity(named.piece)
                edges = (0.5, len(alike) + 0.5)
                axis.imshow(alike, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", extent=(*edges, *edges[::-1]))
                axis.locator_params(integer=True)
            except Undefined as reason:
                axis.text(0.5, 0.5, f"n/a: {reason}", ha="center", transform=axis.transAxes)
            axis.tick_params(labelsize=7, labelcolor=GREY, length=2)
    return figure
