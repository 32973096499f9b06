"""Commands that judge: a set of pieces beside real music, and models beside each other."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bandmate.commands.screen import progress_bar, say
from bandmate.protocol import Protocol
from bandmate.settings import UserError


def evaluate(pieces: str, *, against: str, out: Path = Path("out/report"), most: int = 200, seed: int = 0) -> None:
    """Measure a set of pieces beside real music: one page with pictures, and all numbers as .json.

    Any music will do, not only what bandmate wrote. Beside each number stands how far two halves of the real set lie apart.

    Example: `bandmate evaluate out/ --against bach --out out/report`

    Parameters
    ----------
    pieces:
        What is judged: a folder, a file, an archive, the word `bach`, or a folder that `bandmate prepare` made (its test
        pieces).
    against:
        Real music of the same kind; named in the same ways.
    out:
        Folder for report.html and report.json.
    most:
        Pieces of each set at most, drawn by the seed; 0 takes all.
    seed:
        Draws the pieces and the halves of the real set.
    """
    from bandmate.data.collection import collect
    from bandmate.judge import judge
    from bandmate.output.report import write_report
    if most < 0:
        raise UserError(f"most is {most}; a number of pieces was expected, or 0 for all")
    if out.exists() and not out.is_dir():
        raise UserError(f"'{out}' is a file; a folder for the report was expected; choose another place with --out")
    with progress_bar("reading the new set") as show:
        new = collect(pieces, most, seed, progress=show)
    with progress_bar("reading the real set") as show:
        real = collect(against, most, seed, progress=show)
    for name, reason in (new.skipped | real.skipped).items():
        say(f"left out {name}: {reason}")
    with progress_bar("measuring") as show:
        report = judge(new, real, seed, show)
    for path in write_report(report, new, real, out):
        print(path)


def compare(*models: str, data: Path, out: Path = Path("out/comparison"),
            protocol: Annotated[Protocol | None, Parameter(name="*", group="Protocol")] = None) -> None:
    """Compare models: the same data, requests, prompts and measures, one table and one picture.

    Example: `bandmate compare bands runs/markov --data data/ --out docs/`

    Parameters
    ----------
    models:
        Shipped models, .safetensors files, or run folders, all of them for the same codec.
    data:
        Folder that `bandmate prepare` made, with the pieces that the models learnt from in its train split.
    out:
        Folder for comparison.md and comparison.png.
    """
    from bandmate.comparison import compare as measure
    from bandmate.data.windows import Prepared
    from bandmate.output.comparison import write_comparison
    if not models:
        raise UserError("no model was named; at least one was expected; for example: bandmate compare bands --data data/")
    chosen, prepared = protocol or Protocol(), Prepared(data)
    with progress_bar("comparing") as show:
        rows = measure(models, prepared, chosen, lambda what, share: show(share, note=what))
    about = {"command": shlex.join(["bandmate", "compare", *models, "--data", str(data), *_said(chosen)]),
             "data": f"{data}, hash {prepared.manifest['data_hash'][:16]}", **chosen.model_dump()}
    for path in write_comparison(rows, about, out):
        print(path)


def _said(protocol: Protocol) -> list[str]:
    """Return the flags of a protocol that differ from the usual ones."""
    return [word for name, value in protocol if value != getattr(Protocol(), name) for word in (f"--{name}", str(value))]
