"""Settings that explain themselves, and the one error that people see.

Every choice a person can make is a field of a :class:`Settings` class, with its bounds and one sentence of
help under it. The command line, the web page and the checkpoints all read the same class.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, ValidationError


class UserError(Exception):
    """A mistake that a person can mend: what happened; what was expected; what to do."""


class Settings(BaseModel):
    """A frozen set of choices. Unknown names and values out of bounds raise :class:`UserError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise UserError(explain(error, type(self))) from None

    def replace(self, **changes: object):
        """Return a checked copy with some fields changed."""
        return type(self)(**{**{name: getattr(self, name) for name in self.model_fields_set}, **changes})


def explain(error: ValidationError, kind: type[Settings]) -> str:
    """Turn pydantic's report into sentences: which setting, what it was, what it may be."""
    sentences = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            sentences.append(f"there is no setting '{name}' in {kind.__name__}; {nearest(name, kind.model_fields)}")
            continue
        message = problem["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        given = "" if isinstance(problem["input"], dict) else f" is {problem['input']!r}"
        sentences.append(f"{name}{given}; {message}" if name else message)
    return ". ".join(sentences)


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known words come nearest to a misspelt one."""
    known = list(known)
    lower = {name.lower(): name for name in reversed(known)}
    close = [lower[match] for match in difflib.get_close_matches(word.lower(), lower, n=3, cutoff=0.5)]
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    shown = ", ".join(known[:40]) + (", ..." if len(known) > 40 else "")
    return f"known are: {shown}"


def demand(name: str, value: float, least: float, most: float) -> None:
    """Raise UserError unless a number lies between two others, or is one of them."""
    if not least <= value <= most:
        raise UserError(f"{name} is {value}; a number from {least} to {most} was expected; name another")
