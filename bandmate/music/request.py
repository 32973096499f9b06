"""What a person asks of a composer: the musical part of every family's options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bandmate.music.character import LEVELS
from bandmate.music.instruments import CLASSES, DRUM_CLASS, class_of, parse_instrument
from bandmate.music.theory import parse_key, parse_metre, parse_pitch
from bandmate.piece import DRUMS
from bandmate.settings import Settings, UserError

Task = Literal["generate", "continue", "infill", "accompany", "vary"]
Level = Annotated[int, Field(ge=1, le=LEVELS)]


MEANINGLESS: dict[str, tuple[str, ...]] = {
    "generate": ("task", "region", "at", "amount", "keep", "fresh"),
    "continue": ("task", "region", "amount", "keep"),
    "infill": ("task", "bars", "at", "amount", "keep", "metre", "tempo"),
    "accompany": ("task", "bars", "at", "amount", "keep", "metre", "tempo"),
    "vary": ("task", "bars", "at", "metre", "tempo", "chords", "max_polyphony", "max_leap", "fresh"),
}
"""Options that mean nothing in a task, so that nobody is asked for them there."""


class Request(Settings):
    """The music that is wanted. What is left out, the model chooses, or takes over from the prompt."""

    task: Task = "generate"
    """What to do: write a new piece, or work on a prompt."""
    bars: Annotated[int, Field(ge=1, le=256)] = 16
    """Length in bars; for `continue` the number of bars to add."""
    region: str | None = None
    """Bars of the prompt to write, counted from 1, such as "9-12" or "1-2,5" (infill, accompany, vary)."""
    at: Annotated[int, Field(ge=1)] | None = None
    """Continue after so many bars of the prompt; left out, after the last."""
    amount: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the notes that `vary` writes anew."""
    keep: Literal["rhythm", "pitches"] | None = None
    """What `vary` leaves as it is in the notes that it writes anew."""
    instruments: tuple[str, ...] = ()
    """Instruments that play, and no others ("piano,bass,strings"); with a prompt, those to write. One a General MIDI
    family; drums go in `drums`, too."""
    drums: bool | None = None
    """Whether a drum kit plays. Left out, the model decides."""
    tempo: Annotated[float, Field(ge=20, le=300)] | None = None
    """Quarter notes a minute."""
    metre: str = "4/4"
    """Metre of every bar, such as 3/4."""
    key: str | None = None
    """Key and mode, such as "D minor": pitched notes stay in its scale."""
    style: str | None = None
    """Style or genre that the model knows (see `bandmate models`)."""
    composer: str | None = None
    """Composer whose manner the model knows (see `bandmate models`)."""
    pitches: tuple[str, ...] = ()
    """Pitch range a part, such as "piano:C3-C6"."""
    chords: str | None = None
    """Chords, one a bar from the first bar to write, repeating ("Am F C G"); bars with several stand between bar lines
    ("Am | F G | C"). Strong beats take chord tones, the first bass note of a chord its bass, all else its scale."""
    max_polyphony: tuple[str, ...] = ()
    """Most notes that a part sounds at once: "4" for all pitched parts, or a part ("piano:6,flute:1")."""
    max_leap: tuple[str, ...] = ()
    """Widest step of a part in semitones, to the nearest note it played before: "12", or a part ("flute:7")."""
    fresh: bool = False
    """Never write a bar that stands in the prompt already."""
    density: Level | None = None
    """How many notes, 1 (few) to 8 (many). This and the next four are learnt: the model tends to follow them."""
    busyness: Level | None = None
    """How quick the rhythm is, 1 (calm) to 8 (busy)."""
    polyphony: Level | None = None
    """How many notes sound together, 1 (a line) to 8 (thick chords)."""
    tessitura: Level | None = None
    """In which register the music lies, 1 (low) to 8 (high)."""
    loudness: str | None = None
    """How loud, 1 to 8, or from one level to another ("3-6")."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The same seed writes the same piece."""

    @field_validator("instruments", "pitches", "max_polyphony", "max_leap", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        parts = value.split(",") if isinstance(value, str) else value
        if isinstance(parts, list | tuple):
            return tuple(word.strip() for part in parts for word in str(part).split(",") if word.strip())
        return value

    @model_validator(mode="after")
    def _check(self) -> Request:
        # pydantic passes on UserErrors as they are: they are no ValueErrors
        parse_metre(self.metre)
        if self.key is not None:
            parse_key(self.key)
        if self.drums is False and DRUMS in map(parse_instrument, self.instruments):
            raise UserError("drums are among the instruments and are also switched off; take one of the two away")
        seen: dict[int, str] = {}
        for name in self.instruments:
            family = class_of(parse_instrument(name))
            if seen.setdefault(family, name) != name:
                raise UserError(f"'{seen[family]}' and '{name}' both belong to the {CLASSES[family]} family, "
                                "of which a piece has one part; choose one of them")
        self.regions()
        self.loudness_levels()
        self.limits("max_polyphony")
        self.limits("max_leap")
        self._check_task()
        for family in self.pitch_ranges():
            if self.task == "generate" and seen and family not in seen and not (family == DRUM_CLASS and self.drums):
                raise UserError(f"a pitch range is given for {CLASSES[family]}, which does not play; "
                                "add it to the instruments or take the range away")
        return self

    def _check_task(self) -> None:
        for name, task in (("at", "continue"), ("keep", "vary")):
            if getattr(self, name) is not None and self.task != task:
                raise UserError(f"'{name}' belongs to the task {task}, not to {self.task}; leave it out")
        if self.task in ("infill", "vary") and self.region is None:
            raise UserError(f"it is not said which bars to {'vary' if self.task == 'vary' else 'fill in'}; "
                            "name them, such as 9-12")
        if self.task in ("generate", "continue") and self.region is not None:
            raise UserError(f"a region was named, but {self.task} writes new bars; leave it out, or use infill")
        if self.task == "vary" and (self.max_polyphony or self.max_leap or self.fresh or self.chords):
            raise UserError("vary leaves notes as they are, so that chords, most voices, widest leaps and fresh bars cannot be "
                            "promised; leave these out, or use infill")
        if self.task == "accompany" and not self.instruments and not self.drums:
            raise UserError("it is not said who accompanies; name the instruments to write, such as bass,drums")
        if self.fresh and self.task == "generate":
            raise UserError("fresh bars differ from those of a prompt, but nothing is given; leave it out, or continue a piece")

    def regions(self) -> list[tuple[int, int]]:
        """Return the bars of the region as half-open ranges, counted from 0."""
        ranges = []
        for text in (self.region or "").replace(" ", "").split(",") if self.region is not None else []:
            first, dash, last = text.partition("-")
            if not first.isdigit() or (dash and not last.isdigit()) or int(first) < 1 or int(last or first) < int(first):
                raise UserError(f"'{text}' is no range of bars; ranges look like '9-12' or '9', counted from 1")
            ranges.append((int(first) - 1, int(last or first)))
        return ranges

    def loudness_levels(self) -> tuple[int, int] | None:
        """Return the levels of loudness (1 to 8) at the start and at the end; None if the model is to choose."""
        if self.loudness is None:
            return None
        first, dash, last = self.loudness.replace(" ", "").partition("-")
        last = last if dash else first
        if not (first.isdigit() and last.isdigit() and 1 <= int(first) <= LEVELS and 1 <= int(last) <= LEVELS):
            raise UserError(f"'{self.loudness}' is no loudness; loudness looks like '5' or '3-7', from 1 to 8")
        return int(first), int(last)

    def limits(self, name: str) -> dict[int, int]:
        """Return the limits of "max_polyphony" or "max_leap" as {class: limit}; a limit for all counts for pitched parts."""
        limits: dict[int, int] = {}
        for text in sorted(getattr(self, name), key=lambda text: ":" in text):
            part, colon, number = text.rpartition(":")
            if not number.isdigit() or int(number) < 1 or bool(part) != bool(colon):
                raise UserError(f"'{text}' is not a limit; limits look like '4' or 'piano:4', of at least 1")
            for family in [class_of(parse_instrument(part))] if part else range(DRUM_CLASS):
                limits[family] = int(number)
        return limits

    def programs(self) -> dict[int, int] | None:
        """Return the wanted parts as {class: program}, drums included; None if the model is to choose."""
        parts = {class_of(program): program for program in map(parse_instrument, self.instruments)}
        if not parts:
            return None
        if self.drums:
            parts[DRUM_CLASS] = DRUMS
        return dict(sorted(parts.items()))

    def pitch_ranges(self) -> dict[int, tuple[int, int]]:
        """Return {class: (lowest, highest)} MIDI pitches, both included."""
        ranges = {}
        for text in self.pitches:
            name, colon, span = text.partition(":")
            low, dash, high = span.partition("-")
            if not colon or not dash:
                raise UserError(f"'{text}' is not a pitch range; ranges look like 'piano:C3-C6'")
            family, bounds = class_of(parse_instrument(name)), (parse_pitch(low), parse_pitch(high))
            if bounds[0] > bounds[1]:
                raise UserError(f"the pitch range '{text}' is empty; put the lower pitch first")
            ranges[family] = bounds
        return ranges
