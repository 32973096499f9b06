"""Codecs: each a way of writing a piece as an array of ids. One file an encoding."""

from bandmate.codecs.bars import Bars
from bandmate.codecs.bpe import Bpe
from bandmate.codecs.chordwise import Chordwise
from bandmate.codecs.codec import Codec
from bandmate.codecs.frames import Frames
from bandmate.codecs.intervals import Intervals
from bandmate.codecs.miditok import MidiLike, Remi, Tsd
from bandmate.codecs.names import Names
from bandmate.codecs.ngrams import Ngrams
from bandmate.codecs.notewise import Notewise
from bandmate.codecs.onsets import Onsets
from bandmate.codecs.roll import Roll
from bandmate.codecs.triples import Triples
from bandmate.codecs.voices import Voices
from bandmate.settings import UserError, nearest

CODECS: dict[str, type[Codec]] = {
    "bars": Bars, "triples": Triples, "voices": Voices, "frames": Frames, "roll": Roll,
    "names": Names, "intervals": Intervals, "notewise": Notewise, "onsets": Onsets, "chordwise": Chordwise, "ngrams": Ngrams,
    "bpe": Bpe, "remi": Remi, "tsd": Tsd, "midilike": MidiLike,
}


def make_codec(text: str, **words: object) -> Codec:
    """Make a codec by its name, with settings if need be ("names:rhythm=joint,chords=classes").

    ``words`` are settings too (styles, composers), given to codecs that have them. Raises UserError for unknown ones.
    """
    name, _, rest = text.partition(":")
    if name not in CODECS:
        raise UserError(f"there is no codec '{name}'; {nearest(name, CODECS)}")
    kind = CODECS[name]
    chosen: dict[str, object] = {}
    for choice in filter(None, (part.strip() for part in rest.split(","))):
        setting, equals, value = choice.partition("=")
        if not equals:
            raise UserError(f"'{choice}' is no setting of the codec '{name}'; settings look like names:rhythm=joint; "
                            "write it so")
        chosen[setting.strip()] = int(value) if value.strip().isdigit() else value.strip()
    return kind(kind.Config(**{**{word: value for word, value in words.items() if word in kind.Config.model_fields}, **chosen}))
