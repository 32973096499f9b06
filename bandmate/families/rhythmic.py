"""Rhythm from elsewhere, for composers that know pitches alone: even, Euclid's, drawn at random, or a network's.

A codec without time of its own (`names`, `intervals`) plays its notes and chords in slots, which these options choose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import model_validator

from bandmate.model import Options
from bandmate.music.rhythm import RHYTHMS, Euclid, Slots
from bandmate.settings import UserError

Beat = Callable[[float, int], Slots]
"""Makes the slots of so many quarters from a seed."""


class RhythmOptions(Options):
    """What a person may turn where the rhythm may come from elsewhere."""

    rhythm: Literal["none", "euclid", "random", "learnt", "joint"] = "none"
    """Rhythm of a model that learnt pitches alone: none (even eighths), euclid, random, or learnt (see `rhythm_model`).
    A model that learnt notes and rhythm together plays its own: joint, or left out."""
    pattern: str | None = None
    """Euclid's rhythm by name or numbers ("tresillo", "5/13", "5/13+2"); left out, it is drawn from the seed."""
    rhythm_model: str | None = None
    """The model of the family rhythm_net that beats a learnt rhythm: a .safetensors file, or a run folder."""

    @model_validator(mode="after")
    def _check_rhythm(self) -> RhythmOptions:
        if self.pattern is not None and self.rhythm != "euclid":
            raise UserError(f"the pattern '{self.pattern}' is one of Euclid's, but the rhythm is '{self.rhythm}'; ask for the "
                            "rhythm 'euclid', or leave the pattern out")
        if self.rhythm_model is not None and self.rhythm != "learnt":
            raise UserError(f"the model of rhythm '{self.rhythm_model}' was named, but the rhythm is '{self.rhythm}'; ask for "
                            "the rhythm 'learnt', or leave the model of rhythm out")
        if self.pattern is not None:
            Euclid.parse(self.pattern)
        return self


def beat(options: RhythmOptions, quarters: float, learnt: Beat | None = None) -> Slots:
    """Return the slots that some options ask for. Raises UserError if a learnt rhythm is wanted and none is at hand."""
    if options.rhythm == "learnt":
        if learnt is None:
            raise UserError("a learnt rhythm was asked for, but no model of rhythm is at hand; train one with "
                            "`bandmate train rhythm_net` and name it as the rhythm model")
        return learnt(quarters, options.seed)
    if options.pattern is not None:
        return Euclid.parse(options.pattern).slots(quarters)
    return RHYTHMS[options.rhythm](quarters, options.seed)


def keep_time(grammar: Any, options: Options, learnt: Beat | None = None) -> None:
    """Let a grammar play in the rhythm that some options ask for, if they say any. Raises UserError where that cannot be."""
    if not isinstance(options, RhythmOptions):
        return
    codec = grammar.codec
    own = not hasattr(grammar, "keep_time") or codec.joint
    if options.rhythm == "none" or (own and options.rhythm == "joint"):
        return
    if own:
        raise UserError(f"this model writes its own rhythm with the notes, so the rhythm '{options.rhythm}' has no place; "
                        "leave it out, or take a model that learnt pitches alone")
    if options.rhythm == "joint":
        raise UserError("this model learnt pitches alone; for rhythm of its own, prepare music with "
                        f"--codec {codec.name}:rhythm=joint and train on that, or take another rhythm")
    grammar.keep_time(beat(options, grammar.end / codec.steps_per_quarter, learnt))
