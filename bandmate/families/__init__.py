"""The families of composers. To add one: one file, and one line here."""

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
