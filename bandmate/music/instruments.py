"""Instruments by the names that musicians use, and the families they belong to.

The 128 programs of General MIDI (MMA, 1991) fall into 16 families of eight; the drum kit is a seventeenth class.
"""

from __future__ import annotations

from bandmate.piece import DRUMS
from bandmate.settings import UserError, nearest

PROGRAMS = tuple(
    "acoustic grand piano,bright acoustic piano,electric grand piano,honky-tonk piano,electric piano 1,electric piano 2,"
    "harpsichord,clavinet,celesta,glockenspiel,music box,vibraphone,marimba,xylophone,tubular bells,dulcimer,"
    "drawbar organ,percussive organ,rock organ,church organ,reed organ,accordion,harmonica,tango accordion,"
    "nylon guitar,steel guitar,jazz guitar,clean guitar,muted guitar,overdriven guitar,distortion guitar,guitar harmonics,"
    "acoustic bass,finger bass,pick bass,fretless bass,slap bass 1,slap bass 2,synth bass 1,synth bass 2,"
    "violin,viola,cello,contrabass,tremolo strings,pizzicato strings,harp,timpani,"
    "string ensemble 1,string ensemble 2,synth strings 1,synth strings 2,choir aahs,voice oohs,synth voice,orchestra hit,"
    "trumpet,trombone,tuba,muted trumpet,french horn,brass section,synth brass 1,synth brass 2,"
    "soprano sax,alto sax,tenor sax,baritone sax,oboe,english horn,bassoon,clarinet,"
    "piccolo,flute,recorder,pan flute,blown bottle,shakuhachi,whistle,ocarina,"
    "square lead,saw lead,calliope lead,chiff lead,charang lead,voice lead,fifths lead,bass lead,"
    "new age pad,warm pad,polysynth pad,choir pad,bowed pad,metallic pad,halo pad,sweep pad,"
    "rain,soundtrack,crystal,atmosphere,brightness,goblins,echoes,sci-fi,"
    "sitar,banjo,shamisen,koto,kalimba,bagpipe,fiddle,shanai,"
    "tinkle bell,agogo,steel drums,woodblock,taiko drum,melodic tom,synth drum,reverse cymbal,"
    "guitar fret noise,breath noise,seashore,bird tweet,telephone ring,helicopter,applause,gunshot".split(",")
)

CLASSES = (
    "piano", "mallets", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "lead", "pad", "effects", "world", "percussion", "sounds", "drums",
)
"""Instrument classes: the 16 families of General MIDI in their order, then the drum kit (class 16)."""

DRUM_CLASS = 16
DRUM_KIT = range(35, 82)
"""Pitches that every General MIDI drum kit has a sound for."""

USUAL_PITCHES = ((27, 99), (40, 101), (30, 86), (33, 86), (24, 67), (36, 93), (37, 86), (31, 84),
                 (36, 88), (40, 100), (36, 96), (36, 88), (36, 92), (44, 86), (36, 92), (36, 92))
"""Lowest and highest pitch that is usual for each class but the drums: all but some 0.3 % of the notes of the music that the
shipped model learnt from lie between."""

USUAL_DRUMS = frozenset((35, 36, 37, 38, 39, 40, 42, 43, 44, 46, 51, 53, 54, 56, 63, 64, 69, 70, 75, 81, 82))
"""Drums that each play one in a hundred drum notes or more of that music."""

# The program that stands for a class when nothing says which: the one that sounds good in most music.
DEFAULT_PROGRAMS = (0, 11, 16, 25, 33, 40, 48, 61, 65, 73, 80, 88, 98, 105, 114, 122, DRUMS)

# Everyday words beside General MIDI's own names.
_ALIASES = {
    "grand piano": 0, "electric piano": 4, "rhodes": 4, "clavichord": 7, "bells": 14, "hammond": 16, "pipe organ": 19,
    "acoustic guitar": 25, "electric guitar": 27, "classical guitar": 24, "distorted guitar": 30, "bass guitar": 33,
    "electric bass": 33, "double bass": 43, "upright bass": 32, "slap bass": 36, "synth bass": 38, "string ensemble": 48,
    "string section": 48, "choir": 52, "voice": 52, "voices": 52, "vocals": 53, "horn": 60, "horns": 61, "sax": 65,
    "saxophone": 65, "synth": 81, "synth lead": 80, "synth pad": 89, "drum kit": DRUMS, "drumset": DRUMS, "kit": DRUMS,
    "brass section": 61, "timpani": 47, "pizzicato": 45,
}


def class_of(program: int) -> int:
    """Return the class (0 to 16) of a program (0 to 127, or 128 for drums)."""
    return program // 8


def program_name(program: int) -> str:
    """Name a program (0 to 127, or 128 for drums)."""
    return "drums" if program == DRUMS else PROGRAMS[program]


def known_instruments() -> list[str]:
    """List every instrument name that :func:`parse_instrument` understands, classes first."""
    return list(dict.fromkeys([*CLASSES, *_ALIASES, *PROGRAMS]))


def parse_instrument(text: str) -> int:
    """Read an instrument by class, program name, everyday word or program number (0 to 127); return its program."""
    word = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    for name, program in [*zip(CLASSES, DEFAULT_PROGRAMS, strict=True), *_ALIASES.items(),
                          *((name, number) for number, name in enumerate(PROGRAMS))]:
        if word in (name.replace("-", " "), name.replace("-", " ") + "s"):
            return program
    if word.isdigit() and int(word) <= 127:
        return int(word)
    raise UserError(f"there is no instrument '{text}'; {nearest(word, known_instruments())}")
