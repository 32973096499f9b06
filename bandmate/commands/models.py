"""Commands about models: which there are, what they are made of, how fast they are, and how to take them elsewhere."""

from __future__ import annotations

from pathlib import Path

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
    named = list(paths) or list(shipped())
    if not named:
        raise UserError("no model is shipped with this copy of bandmate; name a .safetensors file or a run folder")
    for name in named:
        path = find(name)
        card = read_card(name)
        print(f"{name}  ({path}, {path.stat().st_size / 1e6:.1f} MB)")
        for field, value in card:
            if field == "sources":
                for source in value:
                    print("  source: " + ", ".join(f"{key} {word}" for key, word in source.items()))
            elif isinstance(value, dict):
                if value:
                    print(f"  {field}: " + ", ".join(f"{key} {share:.3f}" for key, share in value.items()))
            elif value not in ("", None):
                print(f"  {field.replace('_', ' ')}: {f'{value:,}' if isinstance(value, int) else value}")
        codec = load(name).codec.config
        for field in ("styles", "composers"):
            if words := getattr(codec, field, ()):
                print(f"  {field}: {', '.join(words)}")


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
