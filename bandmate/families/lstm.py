"""LSTM: long short-term memory, the composer of most student projects and of Maia.

Gates decide what each cell of the memory keeps, takes in and shows (Hochreiter and Schmidhuber 1997, DOI
10.1162/neco.1997.9.8.1735); how, :mod:`bandmate.families.cells` writes out. Two sizes are systems as they were:

* ``skuli``: three layers of 512 over the names of notes and chords, windows of 100, ids as numbers, RMSprop: Skuli's Classical
  Piano Composer (2017), which always takes the likeliest name (`--temperature 0`). There a window has one target, its last;
  here every row of a window is one, which learns the same in fewer steps, and no window crosses a piece.
* ``maia``: two layers of 512 over the codec `notewise`, of Maia (2020), which draws from the 1 to 5 likeliest words
  (`--top-k 5`).
"""

from __future__ import annotations

import torch
from torch import nn

import bandmate.codecs.codec as codecs
from bandmate.families.recurrent import Recurrent, RecurrentConfig
from bandmate.model import Size

WINDOW = 100  # names that Skuli's model hears

PRACTICE = {"batch": 16, "length": 256, "lr": 3e-3, "steps": 2000, "evaluate_every": 100, "keep_every": 500}
EVENTS = {**PRACTICE, "length": 128, "lr": 6e-3}  # a chorale has some hundred notes and chords
SMALL = {"width": 192, "layers": 1}


class Lstm(Recurrent):
    """The model: see the top of this file."""

    cells = nn.LSTM
    SIZES = {
        "tiny": Size(config={"width": 64, "layers": 1, "embedding": 32, "dropout": 0.1},
                     training={**PRACTICE, "batch": 8, "steps": 300}),
        "small": Size(config={**SMALL, "dropout": 0.2}, training=PRACTICE),
        "medium": Size(training={**PRACTICE, "length": 512}),
        "large": Size(config={"width": 1024, "layers": 3, "embedding": 512}, training={**PRACTICE, "length": 512, "lr": 1e-3}),
        "names": Size(config={**SMALL, "dropout": 0.4}, codec="names", training=EVENTS),
        "intervals": Size(config={**SMALL, "dropout": 0.4}, codec="intervals", training=EVENTS),
        **{name: Size(config={**SMALL, "dropout": 0.2}, codec=name, training={**EVENTS, "lr": 4e-3})
           for name in ("chordwise", "ngrams", "bpe", "remi", "tsd", "midilike")},
        "skuli": Size(config={"width": 512, "layers": 3, "dense": 256, "dropout": 0.3, "tied": False, "numbers": True,
                              "optimizer": "rmsprop", "context": WINDOW},
                      codec="names", training={"batch": 64, "length": WINDOW + 1, "lr": 1e-3, "steps": 10_000, "transpose": 0}),
        "maia": Size(config={"width": 512, "layers": 2, "embedding": 512, "dropout": 0.5, "tied": False, "optimizer": "adam"},
                     training={"batch": 128, "length": 512, "lr": 1e-3, "steps": 10_000}),
    }

    def __init__(self, config: RecurrentConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        for layer in range(config.layers):  # at first, cells remember (Jozefowicz et al. 2015, ICML)
            bias = getattr(self.network, f"bias_ih_l{layer}")
            with torch.no_grad():
                bias[config.width:2 * config.width] = 1.0
