"""What a measure says where it has no value: never a silent 0, never not-a-number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Undefined(Exception):
    """A measure has no value for this music; the message is a short reason: "no drums"."""


def value_or_reason(measure: Callable[..., float], *music: Any) -> float | str:
    """Return what a measure says, or "n/a: " with the reason why it says nothing."""
    try:
        return measure(*music)
    except Undefined as reason:
        return f"n/a: {reason}"
