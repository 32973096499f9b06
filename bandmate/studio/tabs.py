"""The tabs in which music is asked for: compose, my piece, and one for each further family."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from bandmate.families import FAMILIES, about
from bandmate.music.draft import Draft
from bandmate.music.files import SUFFIXES, describe
from bandmate.music.instruments import CLASSES, class_of
from bandmate.music.request import MEANINGLESS
from bandmate.piece import DRUMS
from bandmate.settings import UserError
from bandmate.studio.desk import PLACES, Desk, Stage, Wish
from bandmate.studio.form import Form, known_choices, named
from bandmate.studio.guard import shown
from bandmate.studio.phrases import PHRASES, language_of, say, text
from bandmate.studio.roll import roll
from bandmate.studio.stage import NOTHING, stage
from bandmate.studio.uploads import read_upload

FIRST = ("instruments", "drums", "bars", "tempo", "metre", "key", "style", "chords", "variants", "temperature")
FIRST_OF_TASK = ("region", "bars", "at", "instruments", "drums", "amount", "keep", "variants", "temperature")
TASKS = ("continue", "infill", "accompany", "vary")
WRITING: dict[str, Any] = {"concurrency_id": "writing", "concurrency_limit": 1, "api_visibility": "private",
                           "show_progress": "minimal"}
"""Who waits for whom: one request at a time is written, the others wait and see their place."""

BAND = {"instruments": ("piano", "guitar", "bass"), "drums": True, "bars": 16, "variants": 2}
"""What the page asks for until a visitor chooses otherwise."""


def model_list(desk: Desk, place: str, family: str | None = None) -> gr.Dropdown:
    """Put a list of models on the page."""
    names = desk.models.names(family=family)
    return gr.Dropdown(names, value=names[0] if names else None, label=text("model"), info=text("model.help"),
                       elem_id=f"{place}-model")


def compose_tab(desk: Desk, board: gr.HTML) -> tuple[Form, gr.Dropdown]:
    """Lay out the tab that writes new pieces with any model, the best one first."""
    options = desk.models.get(desk.models.names()[0]).Options
    go = gr.Button(text("compose"), variant="primary", elem_id="compose")
    names = [name for name in options.model_fields if name not in MEANINGLESS["generate"]]
    words = known_choices(desk.models.words("styles"), desk.models.words("composers"))
    form = Form("compose", options, names, FIRST, words, BAND)
    model = model_list(desk, "compose")

    @shown
    def compose(request: gr.Request, model: str, *values: Any) -> Iterator[Stage]:
        yield from desk.write(Wish(model, form.read(values)), request)

    gr.on([go.click], compose, [model, *form.inputs], board, **WRITING)
    return form, model


def family_tab(desk: Desk, board: gr.HTML, family: str) -> gr.Dropdown:
    """Lay out the tab of a further family: its models, and a form out of its Options."""
    gr.Markdown(text(f"family.{family}") if f"family.{family}" in PHRASES else about(family))
    model = model_list(desk, family, family)
    options = FAMILIES[family].Options
    go = gr.Button(text("compose"), variant="primary", elem_id=f"{family}-compose")
    without = {*MEANINGLESS["generate"], *PLACES, *options.IDLE}
    names = [name for name in options.model_fields if name not in without]
    form = Form(family, options, names, FIRST, known_choices([], []))

    @shown
    def compose(request: gr.Request, model: str | None, *values: Any) -> Iterator[Stage]:
        if not model:
            raise UserError(say(request, "no model"))
        yield from desk.write(Wish(model, form.read(values)), request)

    go.click(compose, [model, *form.inputs], board, **WRITING)
    return model


def piece_tab(desk: Desk, board: gr.HTML) -> gr.Dropdown:
    """Lay out the tab that works on a visitor's piece: continue, fill in, accompany, vary."""
    file = gr.File(label=text("file"), file_types=list(SUFFIXES), type="filepath", elem_id="piece")
    heard = gr.Markdown(elem_id="about")
    mine = stage("mine")
    task = gr.Radio([(text(f"task.{name}"), name) for name in TASKS], value="continue", label=text("task"), elem_id="task")
    go = gr.Button(text("work"), variant="primary", elem_id="work")
    options = desk.models.get(desk.models.names()[0]).Options
    names = [name for name in options.model_fields if name not in ("task", "metre", "tempo")]
    words = known_choices(desk.models.words("styles"), desk.models.words("composers"))
    form = Form("piece", options, names, FIRST_OF_TASK, words, {"bars": 8})
    model = model_list(desk, "piece")
    prompt = gr.State(None)

    @shown
    def read(request: gr.Request, path: str | None) -> tuple[Any, ...]:
        if path is None:
            return None, "", NOTHING, gr.skip()
        piece = read_upload(path)
        found = describe(piece)
        families = dict.fromkeys(class_of(DRUMS if track.is_drum else track.program)
                                 for track in piece.tracks if len(track.notes))
        key = say(request, f"key.{found['key']}") if found["key"] else "-"
        told = say(request, "heard", bars=found["bars"], notes=found["notes"], key=key, tempo=found["tempo"],
                   parts=", ".join(say(request, f"class.{CLASSES[family]}") for family in families))
        token = desk.shelf.put(piece, {"model": {"name": ""}, "seed": 0, "variant": 0, "task": "prompt"})
        view = {"writing": False, "share": 1, "said": "", "variants": [
            {"token": token, "title": say(request, "prompt"), "acts": [], "roll": roll(piece, language=language_of(request))}]}
        return token, told, view, gr.update(choices=[named(word) for word in dict.fromkeys([
            *(CLASSES[family] for family in families if CLASSES[family] != "drums"), *form.choices["instruments"]])])

    @shown
    def work(request: gr.Request, token: str | None, task: str, model: str, *values: Any) -> Iterator[Stage]:
        if token is None:
            raise UserError(say(request, "no prompt"))
        chosen = {name: value for name, value in form.read(values).items() if name not in MEANINGLESS[task]}
        piece = desk.shelf.get(token).piece
        wish = Wish(model, {**chosen, "task": task}, piece)
        Draft.of(desk.options(wish, desk.visits.of(request.session_hash)), piece)
        yield from desk.write(wish, request)

    def meaning(task: str) -> list[Any]:
        return [gr.update(visible=name not in MEANINGLESS[task]) for name in form.controls]

    gr.on([file.upload, file.clear], read, file, [prompt, heard, mine, form.controls["instruments"]], api_visibility="private",
          show_progress="minimal")
    task.change(meaning, task, form.inputs, api_visibility="private", queue=False, show_progress="hidden")
    for name, control in form.controls.items():
        control.visible = name not in MEANINGLESS["continue"]
    go.click(work, [prompt, task, model, *form.inputs], board, **WRITING)
    return model

