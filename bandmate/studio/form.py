"""A form out of any family's Options: bounds become sliders, choices become lists, docstrings become help."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import gradio as gr
from pydantic.fields import FieldInfo

from bandmate.codecs.bars import METRES
from bandmate.music.instruments import CLASSES, PROGRAMS
from bandmate.music.theory import key_name
from bandmate.settings import Settings
from bandmate.studio.phrases import PHRASES, text

AUTO = ""  # left to the model
FEW = 16  # whole numbers that a list shows better than a slider
KEYS = 24
A_LITTLE = 0.01  # that a slider stays away from an end that is not allowed itself
STEPS = {"temperature": 0.05, "top_p": 0.01, "min_p": 0.01, "amount": 0.05}
MOST = {"temperature": 2.0, "bars": 128, "variants": 8, "candidates": 8, "top_k": 200}
"""Ends of the sliders where the Options allow more than anybody wants."""


def known_choices(styles: list[str], composers: list[str]) -> dict[str, list[str]]:
    """Return what may be chosen for options whose types do not say it."""
    return {"instruments": [*CLASSES[:-1], *PROGRAMS], "key": [key_name(key) for key in range(KEYS)],
            "metre": [f"{above}/{below}" for above, below in METRES], "style": styles, "composer": composers}


class Form:
    """The controls of some options, and how to read them."""

    def __init__(self, place: str, options: type[Settings], names: list[str], first: tuple[str, ...],
                 choices: dict[str, list[str]], values: dict[str, Any] | None = None) -> None:
        self.place, self.options, self.choices, self.values = place, options, choices, values or {}
        self.controls: dict[str, Any] = {}
        for name in [name for name in first if name in names]:
            self.controls[name] = self._control(name)
        further = [name for name in names if name not in first]
        if further:
            with gr.Accordion(text("more"), open=False):
                for name in further:
                    self.controls[name] = self._control(name)

    def _control(self, name: str) -> Any:
        field = self.options.model_fields[name]
        value = self.values.get(name, field.default)
        kinds, low, high = bounds(field)
        optional = type(None) in kinds
        about: dict[str, Any] = {"elem_id": f"{self.place}-{name}",
                 "label": text(f"option.{name}") if f"option.{name}" in PHRASES else name.replace("_", " "),
                 "info": text(f"help.{name}") if f"help.{name}" in PHRASES else " ".join((field.description or "").split())}
        literal = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), None)
        if name in self.choices and name != "instruments":
            words = [*([(text("auto"), AUTO)] if optional else []), *map(named, self.choices[name])]
            return gr.Dropdown(words, value=AUTO if value is None else value, allow_custom_value=optional, **about)
        if name in self.choices:
            return gr.Dropdown([named(word) for word in self.choices[name]], value=list(value), multiselect=True,
                               allow_custom_value=True, **about)
        if literal:
            return gr.Dropdown([*([(text("auto"), AUTO)] if optional else []), *((text(f"choice.{word}"), word)
                                                                                 for word in literal)],
                               value=AUTO if value is None else value, **about)
        if bool in kinds:
            if not optional:
                return gr.Checkbox(value=bool(value), **about)
            return gr.Radio([(text("auto"), "auto"), (text("yes"), "yes"), (text("no"), "no")],
                            value={None: "auto", True: "yes", False: "no"}[value], **about)
        number = next((kind for kind in (int, float) if kind in kinds), None)
        if number is None:
            return gr.Textbox(value=", ".join(value) if isinstance(value, tuple) else value or "", max_lines=1, **about)
        if optional and low is not None and high is not None and number is int and high - low < FEW:
            return gr.Dropdown([(text("auto"), AUTO), *((str(step), str(step)) for step in range(int(low), int(high) + 1))],
                               value=AUTO if value is None else str(value), **about)
        high = min(MOST.get(name, high), high) if high is not None else MOST.get(name)
        if optional or low is None or high is None or name == "seed":
            return gr.Textbox(value="" if value is None or name == "seed" else str(value), max_lines=1, **about)
        return gr.Slider(low, high, value=value, step=STEPS.get(name, 1 if number is int else 0.01), **about)

    @property
    def inputs(self) -> list[Any]:
        """The controls, in the order in which :meth:`read` takes their values."""
        return list(self.controls.values())

    def read(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Return the options that were chosen; what is left to the model is left out."""
        found: dict[str, Any] = {}
        for (name, control), value in zip(self.controls.items(), values, strict=True):
            if isinstance(control, gr.Radio):
                value = {"auto": None, "yes": True, "no": False}[value]
            if value is None or value == AUTO or value == [] or (value is False and isinstance(control, gr.Checkbox)):
                continue
            kinds, _, _ = bounds(self.options.model_fields[name])
            found[name] = int(value) if int in kinds and isinstance(value, float) and value.is_integer() else value
        return found


def named(word: str) -> tuple[Any, str]:
    """Return a choice with its name in the visitor's language, where there is one."""
    key = next((f"{kind}.{word}" for kind in ("class", "key", "instrument") if f"{kind}.{word}" in PHRASES), None)
    return (text(key) if key else word), word


def bounds(field: FieldInfo) -> tuple[list[Any], float | None, float | None]:
    """Return the types that an option may have, and the least and the greatest value, where it has such."""
    kinds: list[Any] = []
    marks = list(field.metadata)

    def take(kind: Any) -> None:
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            marks.extend(more)
            take(kind)
        elif get_origin(kind) in (Union, UnionType):
            for one in get_args(kind):
                take(one)
        else:
            kinds.append(kind)

    take(field.annotation)
    low: float | None = None
    high: float | None = None
    for mark in marks:
        for part in [mark, *getattr(mark, "metadata", ())]:  # one bound, or a pydantic Field that holds some
            if isinstance(part, annotated_types.Ge | annotated_types.Gt):
                low = float(part.ge) if isinstance(part, annotated_types.Ge) else float(part.gt) + A_LITTLE  # type: ignore
            elif isinstance(part, annotated_types.Le | annotated_types.Lt):
                high = float(part.le) if isinstance(part, annotated_types.Le) else float(part.lt) - A_LITTLE  # type: ignore
    return kinds, low, high
