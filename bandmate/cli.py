"""The command line: which commands there are, and what a mistake looks like. What they do stands in ``commands/``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError, Group

from bandmate.commands import compose, evaluate, feel, judge, learn, models, pieces, recognise, rhythm, search, vocabulary
from bandmate.commands.flags import make_app, run
from bandmate.commands.studio import studio
from bandmate.settings import UserError

COMPOSE = Group("Compose", sort_key=0)
USER_ERROR, INTERRUPTED, PIPE_CLOSED = 2, 130, 141

app = make_app("bandmate", help="Write music: compose for several instruments, or train a composer of your own.")
app["--help"].group = app["--version"].group = Group("About")

for group, functions in {"Pieces": (pieces.render, pieces.sheet, pieces.info, pieces.tokens, feel.humanize, feel.quantize),
                         "Learn": (learn.corpora, learn.fetch, vocabulary.vocabulary),
                         "Models": (models.models, models.export),
                         "Judge": (evaluate.evaluate, evaluate.compare, judge.copies, judge.leaks)}.items():
    for function in functions:
        app.command(function, group=group)
app.command(learn.prepare, group="Learn", usage="Usage: bandmate prepare [OPTIONS] SOURCE... OUT")
# These read their words, --help too, once they know the family: each family has flags of its own.
for order, function in enumerate((compose.generate, compose.continue_, compose.complete, compose.infill, compose.accompany,
                                  compose.vary)):
    app.command(function, name=function.__name__.rstrip("_"), group=COMPOSE, sort_key=order, help_flags=[])
app.command(studio, group=COMPOSE, sort_key=9)
app.command(learn.train, group="Learn", help_flags=[])
app.command(search.search, name="search", group="Learn", help_flags=[])
app.command(rhythm.rhythm)
app.command(recognise.recognise)
app.command(models.benchmark)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line; return its exit code: 0, or 2 after a mistake that a sentence explains."""
    try:
        run(app, sys.argv[1:] if words is None else words)
        sys.stdout.flush()
    except (UserError, CycloptsError) as error:
        print(f"bandmate: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt as error:
        print(f"\nbandmate: {str(error) or 'stopped'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at the end
        return PIPE_CLOSED
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        print(f"bandmate: {place}{error.strerror or error}; a place that can be read and written was expected; check it",
              file=sys.stderr)
        return USER_ERROR
    return 0
