"""See a piece: a piano roll with one colour a track, bar lines and bar numbers, the drums in lanes of their own below.

Time runs from left to right, in rows like the lines of a score; soft notes are paler than loud ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bandmate.music.files import whole_file
from bandmate.music.theory import pitch_name
from bandmate.output.drums import DRUM_ORDER, drum
from bandmate.output.layout import Layout, Part, lay_out
from bandmate.piece import TICKS_PER_QUARTER, Piece

COLOURS = ("#3b6fd4", "#e4572e", "#2a9d6f", "#b5479b", "#e0a100", "#2fa8c4", "#7a5cc9", "#8a5a3c", "#d94f70", "#6b8e23",
           "#5f7187", "#c77b30", "#14746f", "#9a348e", "#4a4e9d", "#a3a323")
"""Track colours, in the order of tracks."""
DRUM_COLOUR, INK, GREY, BAR_LINE, BEAT_LINE, BLACK_KEY = "#3d4451", "#20242b", "#6b7480", "#a9b1bd", "#e6e9ee", "#f4f5f8"

WRITTEN = "#fff3c9"
"""The ground on which new music stands in a piece that was there."""

BARS_A_ROW, MOST_IN_ONE_ROW, MOST_ROWS = 16, 20, 8
WIDTH, SEMITONE, LANE = 13.0, 0.065, 0.16  # inches: the picture, a semitone, a lane of the drums
BLACK_KEYS = (1, 3, 6, 8, 10)
FAINTEST = 0.3  # how opaque the softest note is
DRUM_LENGTH = 0.16  # quarters: how long a drum stroke is drawn


def piano_roll(piece: Piece, path: str | Path, title: str = "", written: Sequence[tuple[float, float]] = ()) -> Path:
    """Draw a piece as a picture (.png, .svg or .pdf by suffix); return its path. Raises UserError if it has no notes.

    Stretches that were ``written`` into it (from, to in quarters) are shaded.
    """
    path = Path(path)
    figure = draw(lay_out(piece), title, written)
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, dpi=120, facecolor="white")
    return path


def draw(layout: Layout, title: str = "", written: Sequence[tuple[float, float]] = ()) -> Figure:
    """Draw a piano roll: in every row of bars the pitches, and below them the drums."""
    pitched = [part for part in layout.parts if not part.is_drums]
    drums = [part for part in layout.parts if part.is_drums]
    pitches = np.concatenate([part.notes[:, 2] for part in pitched]) if pitched else np.zeros(1, int)
    lowest, highest = int(pitches.min()) - 2, int(pitches.max()) + 2
    struck = {int(pitch) for part in drums for pitch in part.notes[:, 2]}
    lanes = sorted(struck, key=lambda pitch: DRUM_ORDER.get(pitch, len(DRUM_ORDER) + pitch))
    heights = [max(1.2, (highest - lowest) * SEMITONE)] * bool(pitched) + [LANE * (len(lanes) + 0.5)] * bool(drums)

    rows = _rows(len(layout.bars) - 1)
    width = max(layout.bars[stop, 0] - layout.bars[first, 0] for first, stop in rows)
    figure = Figure(figsize=(WIDTH, 0.8 + len(rows) * (sum(heights) + 0.38)), layout="constrained")
    grid = figure.add_gridspec(len(rows), 1)
    for row, (first, stop) in enumerate(rows):
        inner = grid[row].subgridspec(len(heights), 1, height_ratios=heights, hspace=0.0)
        axes = [figure.add_subplot(inner[index]) for index in range(len(heights))]
        for axis in axes:
            draw_bars(axis, layout, first, stop, width)
            for start, end in written:
                axis.axvspan(start * TICKS_PER_QUARTER, end * TICKS_PER_QUARTER, color=WRITTEN, linewidth=0, zorder=0.5)
        if pitched:
            draw_pitches(axes[0], pitched, lowest, highest)
        if drums:
            draw_drums(axes[-1], drums, lanes, DRUM_LENGTH * TICKS_PER_QUARTER)
        number_bars(axes[0], layout, first, stop)
    _draw_legend(figure, layout, pitched, drums, title)
    return figure


def _rows(bars: int) -> list[tuple[int, int]]:
    """Break bars into rows (first bar, bar after the last)."""
    length = bars if bars <= MOST_IN_ONE_ROW else BARS_A_ROW
    while -(-bars // length) > MOST_ROWS:
        length *= 2
    return [(first, min(first + length, bars)) for first in range(0, bars, length)]


def draw_bars(axis: Axes, layout: Layout, first: int, stop: int, width: int) -> None:
    """Set up the time axis of a row: bar lines, and fainter beat lines while there is room for them."""
    start, end = int(layout.bars[first, 0]), int(layout.bars[stop, 0])
    axis.set_xlim(start, start + width)
    across = axis.get_xaxis_transform()
    axis.vlines(layout.bars[first:stop + 1, 0], 0, 1, color=BAR_LINE, linewidth=0.9, zorder=1, transform=across,
                clip_on=False)
    if stop - first <= MOST_IN_ONE_ROW:
        beats = [np.arange(layout.bars[bar, 0], layout.bars[bar + 1, 0], TICKS_PER_QUARTER * 4 / layout.bars[bar, 2])[1:]
                 for bar in range(first, stop)]
        axis.vlines(np.concatenate(beats), 0, 1, color=BEAT_LINE, linewidth=0.7, zorder=0.9, transform=across)
    axis.axvspan(end, start + width, color="white", linewidth=0, zorder=0.95)
    axis.tick_params(length=0, labelsize=7, labelcolor=GREY, pad=3)
    axis.set_xticks([])
    axis.spines[:].set_visible(False)


def number_bars(axis: Axes, layout: Layout, first: int, stop: int) -> None:
    """Write bar numbers above the bar lines, and the metre where it changes."""
    every = 1 if stop - first <= 32 else 4
    metre = None if first == 0 else tuple(layout.bars[first - 1, 1:])
    for bar in range(first, stop):
        changed = tuple(layout.bars[bar, 1:]) != metre
        metre = tuple(layout.bars[bar, 1:])
        label = f"{bar + 1}" if bar % every == 0 else ""
        if changed and first + bar > 0:
            label += f"  {metre[0]}/{metre[1]}"
        axis.annotate(label, (layout.bars[bar, 0], 1), xycoords=("data", "axes fraction"), xytext=(1, 2),
                      textcoords="offset points", fontsize=7, color=GREY, annotation_clip=False)


def draw_pitches(axis: Axes, parts: list[Part], lowest: int, highest: int) -> None:
    """Draw the notes over the pattern of the keyboard; parts with long notes lie at the bottom."""
    axis.set_ylim(lowest - 0.5, highest + 0.5)
    pitches = np.arange(lowest, highest + 1)
    black = pitches[np.isin(pitches % 12, BLACK_KEYS)]
    axis.barh(black, 1, height=1, color=BLACK_KEY, linewidth=0, zorder=0.5, transform=axis.get_yaxis_transform())
    octaves = pitches[pitches % 12 == 0]
    axis.hlines(octaves - 0.5, 0, 1, color=BAR_LINE, linewidth=0.6, zorder=0.8, transform=axis.get_yaxis_transform())
    axis.set_yticks(octaves, [pitch_name(int(pitch)) for pitch in octaves])
    coloured = [(part, COLOURS[index % len(COLOURS)]) for index, part in enumerate(parts)]
    for part, colour in sorted(coloured, key=lambda pair: -float((pair[0].notes[:, 1] - pair[0].notes[:, 0]).mean())):
        start, end, pitch = part.notes[:, 0], part.notes[:, 1], part.notes[:, 2]
        draw_boxes(axis, start, end, pitch - 0.44, pitch + 0.44, colour, part.notes[:, 3])


def draw_drums(axis: Axes, parts: list[Part], lanes: list[int], length: float) -> None:
    """Draw strokes in one lane a drum, the taller the louder."""
    axis.set_ylim(-0.5, len(lanes) + 0.1)
    axis.set_yticks(range(len(lanes)), [drum(pitch).name for pitch in lanes])
    axis.hlines(range(len(lanes)), 0, 1, color=BEAT_LINE, linewidth=0.6, zorder=0.6, transform=axis.get_yaxis_transform())
    for part in parts:
        lane = np.array([lanes.index(pitch) for pitch in part.notes[:, 2]])
        half = 0.18 + 0.24 * part.notes[:, 3] / 127
        draw_boxes(axis, part.notes[:, 0], part.notes[:, 0] + length, lane - half, lane + half, DRUM_COLOUR, part.notes[:, 3])


def draw_boxes(axis: Axes, left: np.ndarray, right: np.ndarray, bottom: np.ndarray, top: np.ndarray, colour: str,
                velocity: np.ndarray) -> None:
    """Draw boxes with these edges (N,), where they are in sight; soft notes are pale."""
    first, last = axis.get_xlim()
    seen = (left < last) & (right > first)
    left, right, bottom, top, velocity = (column[seen] for column in (left, right, bottom, top, velocity))
    corners = np.stack([np.column_stack(side) for side in ((left, bottom), (left, top), (right, top), (right, bottom))], axis=1)
    faces = np.tile(to_rgba(colour), (len(left), 1))
    faces[:, 3] = FAINTEST + (1 - FAINTEST) * velocity / 127
    axis.add_collection(PolyCollection(list(corners), facecolors=faces, edgecolors="white", linewidths=0.35, zorder=3),
                        autolim=False)


def _draw_legend(figure: Figure, layout: Layout, pitched: list[Part], drums: list[Part], title: str) -> None:
    """Write title, tempo and metre, and which colour is which track."""
    numerator, denominator = layout.bars[0, 1:]
    bars = len(layout.bars) - 1
    facts = f"{numerator}/{denominator}   ♩ = {layout.tempo:.0f}   {bars} bar{'s' * (bars != 1)}"
    figure.suptitle(f"{title}     {facts}" if title else facts, x=0.01, ha="left", fontsize=11, color=INK)
    handles = [Patch(facecolor=COLOURS[index % len(COLOURS)], label=part.name[:28]) for index, part in enumerate(pitched)]
    handles += [Patch(facecolor=DRUM_COLOUR, label=part.name[:28]) for part in drums[:1]]
    figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 8), frameon=False, fontsize=8,
                  labelcolor=INK, handlelength=1.0, handleheight=1.0, columnspacing=1.6)
