"""The families of composers. To add one: one file, and one line here."""

from bandmate.families.bands import Bands
from bandmate.model import Model

FAMILIES: dict[str, type[Model]] = {
    "bands": Bands,
}
