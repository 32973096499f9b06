"""Commands about models: which there are, what they are made of, how fast they are, and how to take them elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bandmate.commands.flags import make_app
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
