"""The page: tabs to ask for music on one side, the stage on which it appears on the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from bandmate.families import FAMILIES
from bandmate.music.grid import lay_bars
from bandmate.settings import UserError
from bandmate.studio.compare import compare_tab
from bandmate.studio.desk import Desk, Stage, Wish
from bandmate.studio.endpoints import endpoints
from bandmate.studio.guard import shown
from bandmate.studio.phrases import text
from bandmate.studio.stage import stage
from bandmate.studio.tabs import WRITING, compose_tab, family_tab, piece_tab
from bandmate.studio.train import train_tab

HERE = Path(__file__).parent
STYLE = (HERE / "style.css").read_text(encoding="utf-8")
CACHE_S = (600, 3600)  # every ten minutes, temporary files older than an hour go
QUEUE = 200  # visitors who may wait at once
MORE_BARS = 8  # that "continue this one" adds


def build(desk: Desk) -> gr.Blocks:
    """Build the page."""
    with gr.Blocks(title="bandmate studio", analytics_enabled=False, delete_cache=CACHE_S, fill_width=True) as page:
        endpoints(desk)  # first, so that they have the names they ask for
        gr.Markdown("# bandmate")
        gr.Markdown(text("welcome"))
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                tabs = gr.Column()
            with gr.Column(scale=1, min_width=320):
                with gr.Row():
                    undo = gr.Button(text("undo"), size="sm", elem_id="undo", min_width=80)
                    redo = gr.Button(text("redo"), size="sm", elem_id="redo", min_width=80)
                    stop = gr.Button(text("stop"), size="sm", variant="stop", elem_id="stop", min_width=80)
                board = stage("board")
        with tabs, gr.Tabs(elem_id="tabs"):
            with gr.Tab(text("tab.compose"), id="compose"):
                form, model = compose_tab(desk, board)
            with gr.Tab(text("tab.piece"), id="piece"):
                lists = [model, piece_tab(desk, board)]
            with gr.Tab(text("tab.compare"), id="compare"):
                others = compare_tab(desk, board)
            with gr.Tab(text("tab.train"), id="train"):
                learnt = train_tab(desk)
            families = {}
            with gr.Tab(text("tab.families"), id="families"), gr.Tabs(elem_id="families"):
                for family in list(FAMILIES)[1:]:
                    with gr.Tab(family, id=f"family-{family}"):
                        families[family] = family_tab(desk, board, family)

        @shown
        def again(request: gr.Request, event: gr.EventData, model: str, *values: Any) -> Iterator[Stage]:
            visit = desk.visits.of(request.session_hash)
            kept = desk.mine(str(event.token), visit)
            piece, story = kept.piece, kept.story
            if event.act == "continue":
                wish = Wish(story["model"]["name"], {"task": "continue", "bars": MORE_BARS}, piece)
            elif event.act == "vary":
                bars, _ = lay_bars(piece, piece.ticks_per_quarter, max(piece.end(), 1))
                wish = Wish(story["model"]["name"], {"task": "vary", "region": f"1-{len(bars)}"}, piece)
            elif event.act == "again":
                wish = Wish(model, {**form.read(values), "seed": story["seed"] + story["variant"], "variants": 1})
            else:
                raise UserError(f"there is nothing called '{event.act}' to do; continue, vary or again was expected")
            yield from desk.write(wish, request)

        def halt(request: gr.Request) -> None:
            desk.visits.of(request.session_hash).stop.set()

        def back(request: gr.Request) -> Stage:
            return desk.show(desk.visits.of(request.session_hash).go(-1), request)

        def forth(request: gr.Request) -> Stage:
            return desk.show(desk.visits.of(request.session_hash).go(1), request)

        def welcome(request: gr.Request) -> list[Any]:
            visit = desk.visits.of(request.session_hash)
            return [desk.show(visit.go(0), request),
                    *(gr.update(choices=desk.models.names(visit)) for _ in [*lists, others]),
                    *(gr.update(choices=names, value=names[0] if names else None)
                      for names in (desk.models.names(visit, family) for family in families))]

        def goodbye(request: gr.Request) -> None:
            desk.visits.end(request.session_hash)

        quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        board.click(again, [model, *form.inputs], board, **WRITING)
        stop.click(halt, None, None, **quick)
        undo.click(back, None, board, **quick)
        redo.click(forth, None, board, **quick)
        shows = [board, *lists, others, *families.values()]
        page.load(welcome, None, shows, **quick)
        learnt.change(welcome, None, shows, **quick)
        page.unload(goodbye)
    page.queue(max_size=QUEUE, default_concurrency_limit=4)
    return page
