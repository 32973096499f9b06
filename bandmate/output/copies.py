"""See a copy: two piano rolls, one above the other, with the stretch that they share shaded and in line.

Each shows the bars around the shared stretch. One colour stands for one family of instruments in both.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bandmate.music.files import whole_file
from bandmate.music.instruments import CLASSES, class_of
from bandmate.output.drums import DRUM_ORDER
from bandmate.output.layout import Layout, Part, lay_out
from bandmate.output.plots import (
    COLOURS,
    DRUM_COLOUR,
    DRUM_LENGTH,
    INK,
    LANE,
    SEMITONE,
    WIDTH,
    WRITTEN,
    draw_bars,
    draw_boxes,
    draw_drums,
    draw_pitches,
    number_bars,
)
from bandmate.piece import TICKS_PER_QUARTER, Piece

MOST_BARS = 16  # in a picture: of a longer stretch the beginning is shown
ROLL = 1.3  # inches: the least height of a roll


class Side(NamedTuple):
    """One of the two pieces: its name, and where the shared stretch starts (quarters from the first bar that sounds)."""

    name: str
    piece: Piece
    start: float


class _View(NamedTuple):
    """What is shown of a piece: bars, and the parts that sound in them. Times are ticks."""

    side: Side
    layout: Layout
    parts: list[Part]
    first: int
    stop: int
    start: int

    @property
    def before(self) -> int:
        return self.start - int(self.layout.bars[self.first, 0])

    @property
    def after(self) -> int:
        return int(self.layout.bars[self.stop, 0]) - self.start


def draw_copy(upper: Side, lower: Side, beats: float, path: str | Path, title: str = "") -> Path:
    """Draw the stretch of ``beats`` quarters that two pieces share (.png, .svg or .pdf by suffix); return the path."""
    path = Path(path)
    figure = _draw(_view(upper, beats), _view(lower, beats), beats, title)
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, dpi=120, facecolor="white")
    return path


def _view(side: Side, beats: float) -> _View:
    """Choose the bars to show: those of the stretch, and one before and after."""
    layout = lay_out(side.piece)
    lines, start = layout.bars[:, 0], round(side.start * TICKS_PER_QUARTER)
    first = max(int(np.searchsorted(lines, start, side="right")) - 2, 0)
    stop = int(np.searchsorted(lines, start + beats * TICKS_PER_QUARTER)) + 1
    stop = min(max(stop, first + 1), first + MOST_BARS, len(lines) - 1)
    parts = []
    for part in layout.parts:
        seen = part.notes[(part.notes[:, 0] < lines[stop]) & (part.notes[:, 1] > lines[first])]
        if len(seen):
            seen[:, :2] = seen[:, :2].clip(lines[first], lines[stop])
            parts.append(Part(part.name, part.program, seen))
    return _View(side, layout, parts, first, stop, start)


def _draw(upper: _View, lower: _View, beats: float, title: str) -> Figure:
    views = (upper, lower)
    before, after = max(view.before for view in views), max(view.after for view in views)
    heights = [_heights(view) for view in views]
    figure = Figure(figsize=(WIDTH, 1.2 + sum(sum(part) + 0.5 for part in heights)), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[sum(part) for part in heights])
    for view, part_heights, cell in zip(views, heights, grid, strict=True):  # type: ignore[call-overload]
        inner = cell.subgridspec(len(part_heights), 1, height_ratios=part_heights, hspace=0.0)
        axes = [figure.add_subplot(inner[index]) for index in range(len(part_heights))]
        for axis in axes:
            draw_bars(axis, view.layout, view.first, view.stop, before + after)
            axis.set_xlim(view.start - before, view.start + after)
            axis.axvspan(view.start, min(view.start + beats * TICKS_PER_QUARTER, view.start + view.after), color=WRITTEN,
                         linewidth=0, zorder=0.5)
        _draw_parts(axes, view.parts)
        number_bars(axes[0], view.layout, view.first, view.stop)
        axes[0].set_title(view.side.name, loc="left", fontsize=9, color=INK, pad=14)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    families = sorted({class_of(part.program) for view in views for part in view.parts})
    figure.legend(handles=[Patch(facecolor=_colour(family), label=CLASSES[family].title()) for family in families],
                  loc="outside lower left", ncols=9, frameon=False, fontsize=8, labelcolor=INK, handlelength=1.0,
                  handleheight=1.0, columnspacing=1.6)
    return figure


def _draw_parts(axes: list[Axes], parts: list[Part]) -> None:
    pitched, drums = [part for part in parts if not part.is_drums], [part for part in parts if part.is_drums]
    if pitched or not drums:
        lowest, highest = _span(pitched)
        draw_pitches(axes[0], [], lowest, highest)
        for part in pitched:
            start, end, pitch, velocity = part.notes.T
            draw_boxes(axes[0], start, end, pitch - 0.44, pitch + 0.44, _colour(class_of(part.program)), velocity)
    if drums:
        draw_drums(axes[-1], drums, _lanes(drums), DRUM_LENGTH * TICKS_PER_QUARTER)


def _heights(view: _View) -> list[float]:
    pitched, drums = [part for part in view.parts if not part.is_drums], [part for part in view.parts if part.is_drums]
    lowest, highest = _span(pitched)
    return ([max(ROLL, (highest - lowest) * SEMITONE)] * bool(pitched or not drums)
            + [LANE * (len(_lanes(drums)) + 0.5)] * bool(drums))


def _span(parts: list[Part]) -> tuple[int, int]:
    pitches = np.concatenate([part.notes[:, 2] for part in parts]) if parts else np.array([60])
    return int(pitches.min()) - 2, int(pitches.max()) + 2


def _lanes(drums: list[Part]) -> list[int]:
    struck = {int(pitch) for part in drums for pitch in part.notes[:, 2]}
    return sorted(struck, key=lambda pitch: DRUM_ORDER.get(pitch, len(DRUM_ORDER) + pitch))


def _colour(family: int) -> str:
    return COLOURS[family] if family < len(COLOURS) else DRUM_COLOUR
