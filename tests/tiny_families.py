"""Families so small that a test can let each of them learn and write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from music_made_here import band, choir

from bandmate.codecs import make_codec
from bandmate.codecs.codec import Codec
from bandmate.codecs.learnt import with_words_of
from bandmate.families import FAMILIES
from bandmate.model import Model


@dataclass(frozen=True)
class Tiny:
    """A family over a codec, small enough for a test."""

    family: str
    codec: str
    config: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [word for word in ("numbers", "dense") if self.config.get(word)]
        return " ".join([self.family, self.codec, *words, *([self.config["form"]] if "form" in self.config else [])])

    @property
    def in_bands(self) -> bool:
        """Tell whether it writes for several instruments."""
        return self.codec in ("bars", "triples")

    def make(self) -> Any:
        """Return the model, which has learnt nothing; always the same."""
        torch.manual_seed(0)
        kind = FAMILIES[self.family]
        return kind(kind.Config(**self.config), codec_of(self.codec)).eval()


SHAPE = {"width": 32, "layers": 2, "heads": 2, "head_width": 16, "hidden": 48, "context": 96}
RECURRENT = {"width": 24, "layers": 2, "embedding": 16, "dropout": 0.0}
FAITHFUL = {**RECURRENT, "dense": 12, "tied": False}

BANDS = [Tiny("bands", "bars", SHAPE), Tiny("bands", "bars", {**SHAPE, "form": "stream"}),
         Tiny("bands", "triples", {**SHAPE, "form": "stream"}), Tiny("markov", "bars"), Tiny("markov", "triples")]
NETWORKS = [Tiny("lstm", "notewise", RECURRENT), Tiny("lstm", "names", RECURRENT),
            Tiny("lstm", "names", {**FAITHFUL, "numbers": True}),
            Tiny("lstm", "names:rhythm=joint", {**FAITHFUL, "numbers": True}), Tiny("lstm", "bars", RECURRENT),
            Tiny("gru", "intervals", RECURRENT), Tiny("gru", "names:rhythm=joint", RECURRENT),
            Tiny("gru", "chordwise", FAITHFUL), Tiny("rhythm_net", "names:rhythm=joint", RECURRENT)]
SOLOISTS = [Tiny("gpt", "notewise", {"width": 32, "layers": 2, "heads": 2, "hidden": 48, "dropout": 0.0}),
            Tiny("markov", "names")]
TINY = [*BANDS, *NETWORKS, *SOLOISTS]
COMPOSERS = [tiny for tiny in TINY if tiny.family != "rhythm_net"]


def codec_of(text: str) -> Codec:
    """Return a codec by name and settings; one that learns its words has learnt some."""
    return with_words_of(make_codec(text), [band(4), choir()])


def batch_of(model: Model, rows: int = 60) -> dict[str, torch.Tensor]:
    """Return a batch of two windows, the second half as long."""
    ids = model.codec.encode(band(4)).astype(np.int64)[:rows]
    shorter = np.full_like(ids, model.codec.pad)
    shorter[:len(ids) // 2] = ids[:len(ids) // 2]
    given = np.stack([model.codec.given(ids)] * 2)
    return {"ids": torch.from_numpy(np.stack([ids, shorter])), "given": torch.from_numpy(given)}
