"""The command that says what latents hold: how well music is rebuilt, what noise and alpha do."""

from __future__ import annotations

from pathlib import Path

from bandmate.commands.failings import table
from bandmate.commands.screen import progress_bar
from bandmate.settings import UserError, demand

ALPHA = 0.3  # share of the time that the last table takes


def latents(model: str, *, data: Path, split: str = "valid", blocks: int = 256, threshold: float = 0.25) -> None:
    """Count what the latents of a model of the family `vae` or `melody_vae` hold, beside real music: tables.

    How well held-out music is rebuilt from them, with their KL in nats; how variety grows with noise, and likeness to a source
    with alpha; clashes between parts, silent and flooded parts.

    Example: `bandmate benchmark latents runs/vae --data data/`

    Parameters
    ----------
    model:
        A .safetensors file, or a run folder.
    data:
        Folder that `bandmate prepare` made.
    split:
        Pieces to look at: valid or test.
    blocks:
        How many blocks of 32 steps of these, at most.
    threshold:
        Keys sound whose chance is above this.
    """
    from bandmate import checkpoint
    from bandmate import latents as count
    from bandmate.data.windows import Prepared
    from bandmate.families.melody_vae import MelodyVae
    from bandmate.families.vae import Vae
    demand("blocks", blocks, 2, 10_000)
    demand("threshold", threshold, 0, 1)
    composer, prepared = checkpoint.load(model), Prepared(data)
    if split not in ("valid", "test"):
        raise UserError(f"'{split}' is no held-out part of prepared music; valid or test was expected; name one of them")
    if isinstance(composer, MelodyVae):
        print(table([count.melody(composer, prepared, split)]))
        return
    if not isinstance(composer, Vae):
        raise UserError(f"'{model}' has no latents; a model of the family 'vae' or 'melody_vae' was expected; name one")
    known, wish = count.held_out(prepared, split, blocks), composer.Options(threshold=threshold)
    with progress_bar("composing") as show:
        tables = [count.rebuilt(composer, known, threshold),
                  count.varied(composer, known, wish, lambda share: show(share * (1 - ALPHA), note="noise")),
                  count.mannered(composer, known, wish, lambda share: show(1 - ALPHA + ALPHA * share, note="alpha"))]
    print("\n\n".join(table(rows) for rows in tables if rows))
