"""What a person sees while a command runs: progress on the error channel, so that results can be piped on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress as rich
from rich.console import Console

Show = Callable[..., None]
"""``show(done, total=1, note="")``: how much is done, of how much (None where nobody knows), and a word about it."""


@contextmanager
def progress_bar(label: str, in_bytes: bool = False) -> Iterator[Show]:
    """Give a function that shows a bar with the time left; the bar appears when it is first called."""
    amount: rich.ProgressColumn = rich.DownloadColumn() if in_bytes else rich.TaskProgressColumn()
    progress = rich.Progress(rich.TextColumn("{task.description}"), rich.BarColumn(), amount, rich.TimeRemainingColumn(),
                             rich.TextColumn("{task.fields[note]}"), console=Console(stderr=True),
                             redirect_stdout=False)
    task = progress.add_task(label, total=None, note="")

    def show(done: float, total: float | None = 1, note: str = "") -> None:
        progress.start()
        progress.update(task, completed=done, total=total, note=note)

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()


def say(text: object) -> None:
    """Tell a person something that is not a result."""
    print(text, file=sys.stderr)
