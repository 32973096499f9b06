"""The desk at which pieces are written for visitors: a request comes in, what the stage shows goes out."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from bandmate.music.draft import Draft
from bandmate.piece import Piece
from bandmate.settings import UserError
from bandmate.studio.models import Models
from bandmate.studio.phrases import language_of, say
from bandmate.studio.roll import roll
from bandmate.studio.shelf import Shelf
from bandmate.studio.visits import Take, Visit, Visits
from bandmate.studio.writing import LONGEST_S, write

SEEDS = 2**31
MOST_BARS = 128
MOST_VARIANTS = 8
PLACES = ("rhythm_model", "like", "content", "between")
"""Options that are paths: no visitor names one."""
ACTS = ("continue", "vary", "again")
Stage = dict[str, Any]
"""What stage.js shows: "variants" with rolls, and how the work goes."""


@dataclass(frozen=True)
class Wish:
    """What a visitor asks for."""

    model: str
    options: dict[str, Any]
    prompt: Piece | None = None

    @property
    def task(self) -> str:
        """What is to be done."""
        return str(self.options.get("task", "generate"))


class Desk:
    """Models, what they have written, and for whom."""

    def __init__(self, models: Models, longest_s: float = LONGEST_S) -> None:
        self.models, self.longest_s = models, longest_s
        self.shelf, self.visits = Shelf(), Visits()
        self._folder = tempfile.TemporaryDirectory(prefix="bandmate-")
        self.folder = Path(self._folder.name)
        """For files that are gone when the studio ends."""

    def options(self, wish: Wish, visit: Visit) -> Any:
        """Return the options of a wish, checked, with a seed. Raises UserError."""
        kind, usual = self.models.get(wish.model, visit).Options, self.models.get(self.models.names()[0]).Options.model_fields
        if set(PLACES) & set(wish.options):
            raise UserError(f"{', '.join(PLACES)} name files, and no file is opened for a visitor; leave them out")
        asked = {name: value for name, value in wish.options.items()  # usual values mean none
                 if name in kind.model_fields or name not in usual or value != usual[name].default}
        options = kind(**{"seed": secrets.randbelow(SEEDS), **asked})
        if options.bars > MOST_BARS or options.variants > MOST_VARIANTS or options.candidates > MOST_VARIANTS:
            raise UserError(f"at most {MOST_BARS} bars, {MOST_VARIANTS} variants and {MOST_VARIANTS} candidates are written "
                            "here; ask for less, or use the command line")
        return options

    def write(self, wish: Wish, request: gr.Request | None) -> Iterator[Stage]:
        """Write what is wished for; yield what the stage shows meanwhile, and at last the take."""
        visit = self.visits.of(request.session_hash if request else None)
        stop = visit.stop = threading.Event()
        options = self.options(wish, visit)
        yield {"writing": True, "share": 0.0, "said": say(request, "begun"), "variants": []}
        begun, language = time.monotonic(), language_of(request)
        written = Draft.of(options, wish.prompt).written_quarters() if wish.prompt is not None else []
        with self.models.turn:
            for now in write(self.models.get(wish.model, visit), options, wish.prompt, stop, self.longest_s):
                if now.done:
                    break
                left = say(request, "left", seconds=round(now.left_s)) if now.left_s is not None else say(request, "begun")
                yield {"writing": True, "share": now.share, "said": left,
                       "variants": [{"title": say(request, "variant", number=number), "acts": [],
                                     "roll": roll(piece, written, language)}
                                    for number, piece in enumerate(now.pieces, start=1)]}
        tokens = [self.keep(piece, wish, options, number, visit) for number, piece in enumerate(now.pieces)]
        if tokens:
            visit.add(Take(wish.task, tokens))
        said = say(request, "nothing" if not tokens else "stopped" if now.stopped else "done",
                   seconds=round(time.monotonic() - begun, 1))
        yield {**self.show(visit.go(0) if tokens else None, request), "said": said}

    def keep(self, piece: Piece, wish: Wish, options: Any, number: int, visit: Visit) -> str:
        """Put a variant on the shelf with its story; return its token."""
        story = {"variant": number, **options.model_dump(mode="json"), "model": self.models.record(wish.model, visit)}
        if wish.prompt is not None:
            story["written_quarters"] = Draft.of(options, wish.prompt).written_quarters()
        return self.shelf.put(piece, story)

    def show(self, take: Take | None, request: gr.Request | None) -> Stage:
        """Return what the stage shows of a take."""
        variants = []
        for number, token in enumerate(take.tokens if take else []):
            try:
                kept = self.shelf.get(token)
            except UserError:
                continue
            story = kept.story
            title = f"{say(request, 'variant', number=number + 1)} · {story['model']['name']}"
            variants.append({"token": token, "title": title, "seed": story["seed"] + story["variant"],
                             "acts": [act for act in ACTS if act != "again" or story["task"] == "generate"],
                             "roll": roll(kept.piece, story.get("written_quarters", []), language_of(request))})
        return {"writing": False, "share": 1.0, "said": "" if variants else say(request, "empty"), "variants": variants}

    def mine(self, token: str, visit: Visit) -> Any:
        """Return a piece of this visitor's. Raises UserError for any other."""
        if not any(token in take.tokens for take in visit.takes):
            raise UserError("this piece is not one of yours; choose one that is on the page")
        return self.shelf.get(token)
