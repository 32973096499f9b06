"""The families of composers. To add one: one file, and one line here."""

import sys

from bandmate.families.band_rnn import BandRnn
from bandmate.families.bands import Bands
from bandmate.families.chorales import Chorales
from bandmate.families.chords import Chords
from bandmate.families.frames import FramesModel
from bandmate.families.gan import Gan
from bandmate.families.gpt import Gpt
from bandmate.families.gru import Gru
from bandmate.families.harmony_cnn import HarmonyCnn
from bandmate.families.lstm import Lstm
from bandmate.families.markov import Markov
from bandmate.families.melody_vae import MelodyVae
from bandmate.families.rhythm_net import RhythmNet
from bandmate.families.style_vae import StyleVae
from bandmate.families.vae import Vae
from bandmate.model import Model

FAMILIES: dict[str, type[Model]] = {
    "bands": Bands,
    "markov": Markov,
    "chorales": Chorales,
    "frames": FramesModel,
    "band_rnn": BandRnn,
    "vae": Vae,
    "melody_vae": MelodyVae,
    "style_vae": StyleVae,
    "gan": Gan,
    "harmony_cnn": HarmonyCnn,
    "chords": Chords,
    "lstm": Lstm,
    "gru": Gru,
    "gpt": Gpt,
    "rhythm_net": RhythmNet,
}


def about(family: str) -> str:
    """Return what a family is: the first paragraph of its file."""
    return " ".join((sys.modules[FAMILIES[family].__module__].__doc__ or "").partition("\n\n")[0].split())
