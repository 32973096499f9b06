"""GRU: gated recurrent units, an LSTM's simpler sister; a composer that guesses the next note.

Two gates instead of three, and no hidden cell (Cho et al. 2014, arXiv 1406.1078); :mod:`bandmate.families.cells` writes it
out. The size ``nextnote`` is the smallest of the classic note composers as it was: vectors of 96, one layer of 96, over the
names of notes and chords, drawn at a temperature of 0.8 to 1.2.
"""

from __future__ import annotations

from torch import nn

from bandmate.families.recurrent import Recurrent
from bandmate.model import Size

PRACTICE = {"batch": 16, "length": 256, "lr": 3e-3, "steps": 2000, "evaluate_every": 100, "keep_every": 500}
EVENTS = {**PRACTICE, "length": 128, "lr": 6e-3}  # a chorale has some hundred notes and chords
SMALL = {"width": 192, "layers": 1, "embedding": 96}


class Gru(Recurrent):
    """The model: see the top of this file."""

    cells = nn.GRU
    SIZES = {
        "tiny": Size(config={"width": 64, "layers": 1, "embedding": 32, "dropout": 0.1},
                     training={**PRACTICE, "batch": 8, "steps": 300}),
        "small": Size(config={**SMALL, "dropout": 0.2}, training=PRACTICE),
        "medium": Size(config={"embedding": 96}, training={**PRACTICE, "length": 512}),
        "large": Size(config={"width": 1024, "layers": 3, "embedding": 384}, training={**PRACTICE, "length": 512, "lr": 1e-3}),
        "names": Size(config={**SMALL, "dropout": 0.4}, codec="names", training=EVENTS),
        "intervals": Size(config={**SMALL, "dropout": 0.4}, codec="intervals", training=EVENTS),
        "nextnote": Size(config={"width": 96, "layers": 1, "embedding": 96, "dropout": 0.0, "tied": False, "optimizer": "adam"},
                         codec="names", training={"batch": 64, "length": 128, "lr": 1e-3, "steps": 10_000}),
    }
