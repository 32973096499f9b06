"""The families of composers. To add one: one file, and one line here."""

from bandmate.families.bands import Bands
from bandmate.families.chorales import Chorales
from bandmate.families.frames import FramesModel
from bandmate.families.markov import Markov
from bandmate.model import Model

FAMILIES: dict[str, type[Model]] = {
    "bands": Bands,
    "markov": Markov,
    "chorales": Chorales,
    "frames": FramesModel,
}
