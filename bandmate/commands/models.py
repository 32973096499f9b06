"""Commands about models: which there are, what they are made of, how fast they are, and how to take them elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bandmate.commands.collapse import collapse
from bandmate.commands.failings import failings
from bandmate.commands.flags import make_app
from bandmate.commands.frames import frames
from bandmate.commands.jsb import jsb
from bandmate.commands.latents import latents
from bandmate.commands.recognise import style
from bandmate.commands.screen import progress_bar
from bandmate.commands.styles import styles
from bandmate.music.request import Request
from bandmate.piece import Piece
from bandmate.settings import UserError


def models(*paths: str) -> None:
    """List models with their data cards: those that are shipped, or those named.

    Example: `bandmate models runs/first`

    Parameters
    ----------
    paths:
        Model files or run folders; left out, the shipped models.
    """
    from bandmate.checkpoint import find, load, read_card, shipped
    known = ("styles", "composers")  # of the codec's settings: what a person may ask for by name
    named = list(paths) or list(shipped())
    if not named:
        raise UserError("no model is shipped with this copy of bandmate; name a .safetensors file or a run folder")
    for name in named:
        path = find(name)
        print(f"{name}  ({path}, {path.stat().st_size / 1e6:.1f} MB)")
        for field, value in [*read_card(name), *(item for item in load(name).codec.config if item[0] in known)]:
            if value not in ("", None, (), {}):
                print(f"  {field.replace('_', ' ')}: {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {'unknown' if item == '' else _shown(item)}" for name, item in value.items())
    if isinstance(value, tuple | list):
        return ("".join(f"\n    {_shown(item)}" for item in value) if isinstance(value[0], dict)
                else ", ".join(map(_shown, value)))
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def export(model: str, folder: Path) -> None:
    """Write a model as a folder that other programs read: one that `transformers` loads as a Llama.

    Example: `bandmate export runs/first llama/`

    Parameters
    ----------
    model:
        A shipped model, the path of a .safetensors file, or a run folder.
    folder:
        Folder to make.
    """
    from bandmate.checkpoint import load
    from bandmate.export import export as write_folder
    write_folder(load(model), folder)
    for path in sorted(Path(folder).iterdir()):
        print(path)


benchmark = make_app("benchmark", group="Models", help="Measure bandmate on this machine.")
for function in (jsb, frames, style, styles, failings, collapse, latents):
    benchmark.command(function)


@benchmark.command
def speed() -> None:
    """Measure how many steps a second are composed, beside x-transformers and transformers. It takes minutes.

    Example: `bandmate benchmark speed`
    """
    try:
        from bandmate.benchmark import speed as measure
    except ModuleNotFoundError as error:
        raise UserError(f"this benchmark needs the package '{error.name}', which is not installed; "
                        "install it with: pip install 'bandmate[dev]'") from None
    print(measure())


@benchmark.command
def obedience(*, model: str = "bands", requests: int = 200, learnt: int = 4, seed: int = 0) -> None:
    """Measure how often a model does what it is asked: random requests of all tasks, checked by a reader of its own.

    Printed are, for the controls that always hold, the share of pieces that obeyed; and how far the model follows the words
    about character that it has learnt.

    Example: `bandmate benchmark obedience --requests 1000`

    Parameters
    ----------
    model:
        A shipped model, the path of a .safetensors file, a run folder, or "chance": anything that may be drawn is as likely.
    requests:
        Number of random requests.
    learnt:
        Pieces for each level of each word; 0 leaves these out.
    seed:
        The same seed asks for the same.
    """
    try:
        from bandmate.obedience.learnt import follow
        from bandmate.obedience.trials import trial
    except ModuleNotFoundError as error:
        raise UserError(f"this benchmark needs the package '{error.name}', which is not installed; "
                        "install it with: pip install 'bandmate[dev]'") from None
    write = _chance() if model == "chance" else _composer(model)
    with progress_bar("asking") as show:
        report = trial(write, requests, seed, show)
    print(report.table())
    for control, prompt, request in report.failures[:20]:
        print(f"  not obeyed: {control}, prompt {prompt or 'none'}: {request.model_dump(exclude_unset=True)}")
    if learnt and model != "chance":
        with progress_bar("listening") as show:
            print("\n" + follow(lambda wish: write(Request(**wish), None)[0], learnt, show))


def _composer(name: str) -> Callable[[Request, Piece | None], list[Piece]]:
    """Return what lets a model answer requests."""
    from bandmate.checkpoint import load
    model = load(name)
    return lambda request, prompt: model.generate(model.Options(**{name: getattr(request, name)
                                                                   for name in request.model_fields_set}), prompt)


def _chance() -> Callable[[Request, Piece | None], list[Piece]]:
    """Return what answers requests by drawing anything that the grammar of `bars` allows."""
    from bandmate.codecs.bars import Bars
    from bandmate.codecs.codec import stroll
    from bandmate.music.draft import Draft

    def write(request: Request, prompt: Piece | None) -> list[Piece]:
        grammar = Bars().grammar(request, 1, None if prompt is None else Draft.of(request, prompt))
        return [grammar.piece(stream) for stream in stroll(grammar, request.seed)]
    return write
