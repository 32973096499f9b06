"""What each control must do in the file that is downloaded: a value for it, and what is seen then that is not seen without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from music_made_here import band
from studio.visitor import Made

from bandmate.music.request import Request
from bandmate.obedience.controls import check
from bandmate.obedience.heard import Note, hear

PROMPT = band(4)
"""The piece that is worked on."""

Seen = Callable[[Made, Made], object]
"""Tells whether what a control is for is seen in the first, written with it, and not in the second, written without it."""


@dataclass(frozen=True)
class Effect:
    """A control that is turned, and what must come of it."""

    value: Any
    seen: Seen
    against: Any = None
    """What it is compared with; left out, how the control stands at first."""
    beside: tuple[tuple[str, Any], ...] = ()
    """Other controls that must be turned first, for both."""


def asked(made: Made) -> Request:
    """Return the request that the .json of a piece tells."""
    return Request(**{name: value for name, value in made.stories[0].items() if name in Request.model_fields})


def holds(name: str) -> Seen:
    """The checker that reads the file with mido finds that the control holds; without it, it does not."""
    def seen(made: Made, plain: Made) -> bool:
        request = asked(made)
        prompt = None if request.task == "generate" else made.prompt
        return check(made.file, request, prompt)[name] and not check(plain.file, request, prompt)[name]
    return seen


def notes(made: Made) -> list[Note]:
    """Return all notes that are no drums."""
    return [note for note in hear(made.file).notes if note.family < 16]


def onsets(made: Made) -> int:
    """Count the moments at which something begins."""
    return len({note.start for note in hear(made.file).notes})


def together(made: Made) -> float:
    """Return how many notes sound together on average, while any sounds."""
    found = notes(made)
    sounding = [sum(note.start <= tick < note.end for note in found) for tick in range(0, hear(made.file).end, 20)]
    return float(np.mean([count for count in sounding if count]))


def chord_sizes(made: Made) -> list[int]:
    """Return how many notes begin together, moment after moment."""
    return [len(list(group)) for _, group in groupby(notes(made), key=lambda note: note.start)]


def more(measure: Callable[[Made], float]) -> Seen:
    """More of something than in what it is compared with, on average over the variants."""
    def mean(made: Made) -> float:
        return float(np.mean([measure(Made([file], made.stories, made.prompt)) for file in made.files]))
    return lambda made, plain: mean(made) > mean(plain)


def differs(made: Made, plain: Made) -> bool:
    """Another piece."""
    return made.file != plain.file


def tells(name: str) -> Seen:
    """Another piece, whose .json tells of the choice."""
    return lambda made, plain: differs(made, plain) and made.stories[0][name] not in (None, plain.stories[0][name])


def changed(made: Made) -> int:
    """Count the notes that are not those of the piece that is worked on."""
    return len({*hear(made.file).notes} - {*hear(made.prompt or b"").notes})


def likeliest(made: Made, plain: Made) -> bool:
    """The likeliest piece, which is another one than was drawn: all ways to ask for it must meet (see the test)."""
    return differs(made, plain)


def two(made: Made, plain: Made) -> bool:
    """The same piece, and one more: that of the next seed."""
    return len(made.files) == 2 and made.file == plain.file and made.files[1] != plain.file


def chord_names(made: Made, plain: Made) -> bool:
    """C and F are the only chords."""
    tones = [{note.pitch % 12 for note in group} for _, group in groupby(notes(made), key=lambda note: note.start)]
    return all(one <= {0, 4, 7} or one <= {0, 5, 9} for one in tones) and differs(made, plain)


def tresillo(made: Made, plain: Made) -> bool:
    """Notes begin on the first, fourth and seventh of eight sixteenths."""
    quarter = hear(made.file).quarter
    return {note.start * 4 // quarter % 8 for note in notes(made)} == {0, 3, 6} and differs(made, plain)


def written(made: Made, plain: Made) -> bool:
    """Another model wrote it."""
    return made.stories[0]["model"]["name"] != plain.stories[0]["model"]["name"] and differs(made, plain)


SOFT: dict[str, Effect] = {
    "density": Effect(8, more(lambda made: len(hear(made.file).notes)), against=1),
    "busyness": Effect(8, more(onsets), against=1),
    "polyphony": Effect(8, more(together), against=1),
    "tessitura": Effect(8, more(lambda made: float(np.mean([note.pitch for note in notes(made)]))), against=1),
    "loudness": Effect("8", more(lambda made: float(np.mean([note.velocity for note in notes(made)]))), against="1"),
}
"""Words that the model tends to follow: of the same seed, the highest level against the lowest."""

HARD: dict[str, Effect] = {
    "instruments": Effect(["strings", "flute"], holds("instruments")),
    "drums": Effect(True, holds("drums")),
    "bars": Effect(3, holds("bars")),
    "tempo": Effect("91", holds("tempo")),
    "metre": Effect("3/4", holds("metre")),
    "key": Effect("D minor", holds("key")),
    "pitches": Effect("piano:C6-C7", holds("pitches")),
    "chords": Effect("Dm Gm A7", holds("chords")),
    "max_polyphony": Effect("1", holds("max_polyphony")),
    "max_leap": Effect("1", holds("max_leap")),
}
"""Controls that always hold."""

DRAWN: dict[str, Effect] = {
    "temperature": Effect(0, likeliest),
    "top_k": Effect(1, likeliest),
    "top_p": Effect(0.01, differs),
    "min_p": Effect(0.99, differs),
    "candidates": Effect(4, differs),
    "variants": Effect(2, two),
    "seed": Effect("12", differs),
}
"""How freely it is drawn, and how often."""

COMPOSE: dict[str, Effect] = {
    **HARD, **SOFT, **DRAWN,
    "style": Effect("bluegrass", tells("style")),
    "composer": Effect("Chopin, Fryderyk", tells("composer")),
    "precision": Effect("int8", tells("precision")),
}

RHYTHM: dict[str, Effect] = {
    "rhythm": Effect("euclid", differs),
    "pattern": Effect("tresillo", tresillo, beside=(("rhythm", "euclid"),)),
}

CHORDS: dict[str, Effect] = {
    "allowed": Effect("C, F", chord_names),
    "most_notes": Effect(1, lambda made, plain: max(chord_sizes(made)) == 1 < max(chord_sizes(plain))),
}

FIVE: dict[str, Effect] = {
    "threshold": Effect(0.05, more(lambda made: len(hear(made.file).notes)), against=0.9),
    "change": Effect(0, differs, beside=(("bars", 8),)),
    "whim": Effect(3, differs),
    "noise_sd": Effect(3, differs),
    "noise_where": Effect("pre", differs),
    "counts": Effect("2,3,1,2,2", differs),
    "alpha": Effect(1, differs),
    "song": Effect("a song", differs),
    "era": Effect("an era", differs),
    "strength": Effect(8, differs),
}
"""What those have who write for five instruments."""

EFFECTS = {**COMPOSE, **RHYTHM, **CHORDS, **FIVE}
"""Every control that writes a new piece, by name: a control that is added needs a line here."""

TASKS: dict[str, tuple[str, Effect]] = {
    "bars": ("continue", Effect(3, holds("bars"))),
    "at": ("continue", Effect("2", holds("bars"))),
    "region": ("infill", Effect("2", holds("given"))),
    "instruments": ("infill", Effect(["flute"], holds("instruments"))),
    "drums": ("infill", Effect(False, holds("drums"), against=True)),
    "fresh": ("continue", Effect(True, holds("fresh"), beside=(("at", "4"),))),
    "amount": ("vary", Effect(1, more(changed), against=0.1)),
    "keep": ("vary", Effect("rhythm", holds("keep"))),
}
"""What a control does to a visitor's own piece, where that is not what it does to a new one."""

PIECE = {name: ("infill", effect) for name, effect in COMPOSE.items() if name not in ("tempo", "metre")} | TASKS
"""Every control that works on a piece, with the task in which it is turned."""
