"""The families of composers. To add one: one file, and one line here."""

import sys

from bandmate.families.bands import Bands
from bandmate.families.chorales import Chorales
from bandmate.families.chords import Chords
from bandmate.families.frames import FramesModel
from bandmate.families.gpt import Gpt
from bandmate.families.gru import Gru
from bandmate.families.lstm import Lstm
from bandmate.families.markov import Markov
from bandmate.families.rhythm_net import RhythmNet
from bandmate.model import Model

FAMILIES: dict[str, type[Model]] = {
    "bands": Bands,
    "markov": Markov,
    "chorales": Chorales,
    "frames": FramesModel,
    "chords": Chords,
    "lstm": Lstm,
    "gru": Gru,
    "gpt": Gpt,
    "rhythm_net": RhythmNet,
}


def about(family: str) -> str:
    """Return what a family is: the first paragraph of its file."""
    return " ".join((sys.modules[FAMILIES[family].__module__].__doc__ or "").partition("\n\n")[0].split())
