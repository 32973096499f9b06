"""Let a model write while somebody watches: what stands so far, how long it still takes, and a way to stop it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bandmate.model import Model, SoFar
from bandmate.piece import Piece

LONGEST_S = 180.0  # of work on one request; what stands then is kept
EVERY_S = 0.25  # how often what stands is shown


@dataclass
class Written:
    """What stands at a moment: one piece a variant."""

    pieces: list[Piece]
    share: float
    left_s: float | None = None
    """Seconds until it is done, as far as one can tell."""
    done: bool = False
    stopped: bool = False
    """Whether it was ended before it was finished."""


class _Stopped(Exception):
    """Ends the work of a model."""


def write(model: Model, options: Any, prompt: Piece | None, stop: threading.Event, longest_s: float = LONGEST_S,
          every_s: float = EVERY_S) -> Iterator[Written]:
    """Yield what stands, every ``every_s`` seconds, and at last what was written. Raises what the model raises.

    When ``stop`` is set or the time is up, what has notes by then is the result.
    """
    news: queue.Queue[Written | BaseException] = queue.Queue()
    begun = time.monotonic()
    shown = begun - every_s
    last = Written([], 0.0)

    def watch(share: float, so_far: SoFar) -> None:
        nonlocal shown, last
        now = time.monotonic()
        over = stop.is_set() or now - begun > longest_s
        if over or now - shown >= every_s:
            shown = now
            last = Written(so_far(), share, (now - begun) * (1 - share) / share if share > 0 else None)
            news.put(last)
        if over:
            raise _Stopped

    def work() -> None:
        try:
            news.put(Written(model.generate(options, prompt, watch), 1.0, 0.0, done=True))
        except _Stopped:
            pieces = [piece for piece in last.pieces if piece.note_num()]
            news.put(Written(pieces, last.share, 0.0, done=True, stopped=True))
        except BaseException as error:  # handed on to the thread that asked
            news.put(error)

    worker = threading.Thread(target=work, name="writing", daemon=True)
    worker.start()
    try:
        while True:
            told = news.get()
            if isinstance(told, BaseException):
                raise told
            yield told
            if told.done:
                return
    finally:
        stop.set()  # nobody watches any more
        worker.join()
