"""The same over HTTP: named endpoints that programs call, without the page.

Each takes the options as JSON (the fields of the model's Options), those that work on a piece a file beside it, and gives
back MIDI files and what was asked for, seeds included. See docs/studio.md for examples.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from bandmate.music.draft import Draft
from bandmate.music.files import SUFFIXES
from bandmate.music.files import write as write_midi
from bandmate.settings import UserError
from bandmate.studio.desk import Desk, Wish
from bandmate.studio.guard import shown
from bandmate.studio.uploads import read_upload
from bandmate.studio.visits import Visit
from bandmate.studio.writing import write

OLD_S = 600  # after so long a file has been taken over
TASKS = {"compose": "generate", "continue_piece": "continue", "infill": "infill", "accompany": "accompany", "vary": "vary"}


def endpoints(desk: Desk) -> None:
    """Give the page its endpoints."""
    options = gr.JSON(visible=False)
    file = gr.File(visible=False, file_types=list(SUFFIXES), type="filepath")
    files = gr.File(visible=False, file_count="multiple")
    told = gr.JSON(visible=False)
    for name, task in TASKS.items():
        button = gr.Button(visible=False)
        inputs = [options] if task == "generate" else [file, options]
        button.click(_endpoint(desk, task), inputs, [files, told], api_name=name, concurrency_id="writing",
                     concurrency_limit=1, api_description=_about(task))


def _new_folder(folder: Path) -> Path:
    """Return a new folder in one whose old folders are cleared away: the page has made its own copies by then."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > OLD_S:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=folder))


def _about(task: str) -> str:
    piece = "" if task == "generate" else "a music file and "
    return (f"{task}: give {piece}options as JSON, such as "
            '{"bars": 8, "instruments": ["piano", "bass"], "seed": 7}; '
            "returns MIDI files, one a variant, and the request with its seed")


def _endpoint(desk: Desk, task: str) -> Callable[..., Any]:
    """Return the function behind an endpoint."""
    def run(options: Any, path: str | None) -> tuple[list[str], dict[str, Any]]:
        if not isinstance(options, dict | None):
            raise UserError('the options are no JSON object; fields such as {"bars": 8} were expected; '
                            "see `bandmate generate --help`")
        chosen = {**(options or {}), "task": task}
        model = str(chosen.pop("model", desk.models.names()[0]))
        if task != "generate" and path is None:
            raise UserError(f"there is no file to {task}; a music file was expected; send one")
        prompt = None if path is None else read_upload(path)
        visit = Visit()
        wish = Wish(model, chosen, prompt)
        checked = desk.options(wish, visit)
        if prompt is not None:
            Draft.of(checked, prompt)
        with desk.models.turn:
            *_, now = write(desk.models.get(model), checked, prompt, threading.Event(), desk.longest_s)
        made = []
        for number, piece in enumerate(now.pieces):
            made.append(_new_folder(desk.folder / "answers") / f"{task}-{checked.seed + number}.mid")
            write_midi(piece, made[-1])
        return [str(path) for path in made], {**checked.model_dump(mode="json"), "model": desk.models.record(model),
                                              "stopped": now.stopped}

    if task == "generate":
        @shown
        def compose(request: gr.Request, options: Any) -> Any:
            return run(options, None)
        return compose

    @shown
    def work(request: gr.Request, path: str | None, options: Any) -> Any:
        return run(options, path)
    return work
