"""Codecs: each a way of writing a piece as an array of ids. One file an encoding."""

from bandmate.codecs.bars import Bars
from bandmate.codecs.codec import Codec
from bandmate.codecs.triples import Triples
from bandmate.codecs.voices import Voices

CODECS: dict[str, type[Codec]] = {"bars": Bars, "triples": Triples, "voices": Voices}
