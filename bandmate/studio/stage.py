"""The stage: the part of the page on which pieces appear while they are written, sound, and can be taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from bandmate.studio.phrases import table

PHRASES = ("roll", "sheet", "notes", "stems", "seed", "continue", "vary", "again")
HERE = Path(__file__).parent
NOTHING: dict[str, Any] = {"writing": False, "share": 0, "said": "", "variants": []}


def stage(name: str) -> gr.HTML:
    """Put a stage on the page. Its value is made by :class:`bandmate.studio.desk.Desk`; its clicks say {"act", "token"}."""
    return gr.HTML(value=NOTHING, elem_id=name, elem_classes=["stage"], phrases=table(PHRASES),
                   html_template='<p class="said" role="status"></p><progress max="1" value="0" hidden></progress>'
                                 '<div class="board"></div>',
                   js_on_load=(HERE / "stage.js").read_text(encoding="utf-8"), apply_default_css=False)
