"""What a person asks of a composer: the musical part of every family's options."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from bandmate.music.instruments import CLASSES, DRUM_CLASS, class_of, parse_instrument
from bandmate.music.theory import parse_key, parse_metre, parse_pitch
from bandmate.piece import DRUMS
from bandmate.settings import Settings, UserError


class Request(Settings):
    """The music that is wanted. What is left out, the model chooses."""

    bars: Annotated[int, Field(ge=1, le=256)] = 16
    """Length in bars."""
    instruments: tuple[str, ...] = ()
    """Instruments that play, and no others ("piano,bass,strings"). One a General MIDI family; drums go in `drums`."""
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

    @field_validator("instruments", "pitches", mode="before")
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
        for family in self.pitch_ranges():
            if seen and family not in seen and not (family == DRUM_CLASS and self.drums):
                raise UserError(f"a pitch range is given for {CLASSES[family]}, which does not play; "
                                "add it to the instruments or take the range away")
        return self

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
