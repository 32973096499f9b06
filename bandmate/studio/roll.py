"""What the page draws of a piece: its notes in seconds, so that the picture follows the sound."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from bandmate.music.files import seconds_at
from bandmate.music.grid import lay_bars
from bandmate.music.instruments import program_name
from bandmate.piece import DRUMS, Piece
from bandmate.studio.phrases import name_of


def roll(piece: Piece, written_quarters: Sequence[tuple[float, float]] = (), language: str = "en") -> str:
    """Return JSON: "end" and "bars" in seconds, "parts", "notes", "written"; a note is [start, length, pitch, velocity, part].

    It is one text, not a tree, since the page is told of every change, and compares trees leaf by leaf.
    ``written_quarters`` are the stretches that were asked for, which the page shades; parts have names in ``language``.
    """
    heard = piece.to("second")
    parts = [{"name": name_of(track.name or program_name(DRUMS if track.is_drum else track.program), language),
              "drums": track.is_drum} for track in piece.tracks]
    notes: list[list[float]] = []
    for part, track in enumerate(heard.tracks):
        table = track.notes.numpy()
        notes += np.column_stack([np.round(table["time"], 3), np.round(table["duration"], 3), table["pitch"], table["velocity"],
                                  np.full(len(table["pitch"]), part)]).tolist()
    last = piece.end()
    bars, end = lay_bars(piece, piece.ticks_per_quarter, max(last, 1))
    lines = [round(seconds_at(piece, tick), 3) for tick in [*bars[:, 0].tolist(), end]]
    return json.dumps({"end": lines[-1], "bars": lines, "parts": parts, "notes": sorted(notes),
                       "written": [[round(seconds_at(piece, round(edge * piece.ticks_per_quarter)), 3) for edge in stretch]
                        for stretch in written_quarters]}, separators=(",", ":"))
