"""The tab in which several models write the same request, side by side, with measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from bandmate.metrics.measures import MEASURES
from bandmate.metrics.undefined import Undefined
from bandmate.model import Options
from bandmate.settings import UserError
from bandmate.studio.desk import Desk, Stage, Wish
from bandmate.studio.form import Form, known_choices
from bandmate.studio.guard import shown
from bandmate.studio.mistakes import told, translated
from bandmate.studio.phrases import PHRASES, language_of, say, text
from bandmate.studio.tabs import WRITING
from bandmate.studio.visits import Take

ASKED = ("bars", "instruments", "drums", "key", "tempo", "seed", "temperature")


def compare_tab(desk: Desk, board: gr.HTML) -> gr.Dropdown:
    """Lay out the tab; return its list of models."""
    names = desk.models.names()
    chosen = gr.Dropdown(names, value=names, multiselect=True, label=text("compare.models"), info=text("compare.models.help"),
                         elem_id="chosen")
    go = gr.Button(text("compare.go"), variant="primary", elem_id="compare")
    form = Form("compare", Options, list(ASKED), ASKED, known_choices([], []), {"instruments": ("piano",), "bars": 8})
    measures = gr.Dataframe(label=text("compare.table"), interactive=False, visible=False, elem_id="measures", wrap=True)

    @shown
    def compare(request: gr.Request, chosen: list[str], *values: Any) -> Iterator[tuple[Stage, Any]]:
        if not chosen:
            raise UserError(say(request, "no one"))
        visit, language = desk.visits.of(request.session_hash), language_of(request)
        asked = form.read(values)
        seed = desk.options(Wish(chosen[0], asked), visit).seed
        tokens = []
        for name in chosen:
            last: Stage = {"variants": []}
            try:
                for last in desk.write(Wish(name, {**asked, "seed": seed, "variants": 1}), request):
                    yield last, gr.skip()
            except UserError as refusal:  # it cannot do what is asked; the others can
                gr.Warning(f"{name}: {told(str(refusal), language)}", title=say(request, "cannot"), duration=20)
            tokens += [variant["token"] for variant in last["variants"] if variant.get("token")]
        if len(tokens) > 1:
            visit.add(Take("compare", tokens))
        rows = [[f"{_word('measure', measure, language)} ({_word('unit', unit, language)})",
                 *(_value(of, desk.shelf.get(token).piece, language) for token in tokens)]
                for measure, (of, unit, _) in MEASURES.items()]
        yield desk.show(visit.go(0), request), gr.update(
            value={"headers": [say(request, "compare.measure"), *(desk.shelf.get(token).story["model"]["name"]
                                                                   for token in tokens)], "data": rows}, visible=True)

    go.click(compare, [chosen, *form.inputs], [board, measures], **WRITING)
    return chosen


def _word(kind: str, word: str, language: str) -> str:
    """Return a measure or a unit in a language; a new one, that the table does not know, as it is."""
    return PHRASES.get(f"{kind}.{word}", {language: word})[language]


def _value(measure: Any, piece: Any, language: str) -> str:
    try:
        return f"{measure(piece):.3g}"
    except Undefined as why:
        return PHRASES["undefined"][language].format(why=translated(str(why), language) or why)
