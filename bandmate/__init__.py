"""bandmate: a program that writes music with you.

    import bandmate as bm
    model = bm.load("bands")                                    # a shipped model, or the path of your own
    piece = model.generate(model.Options(bars=16, instruments=["piano", "bass"], drums=True, seed=7))[0]
    bm.write(piece, "first.mid"); bm.render(piece, "first.mp3")

    bm.prepare("bands", "midis/", "data/"); model = bm.train("bands", "data/", "runs/first")

Each name is looked up when it is first used, so that importing bandmate is quick and loads no torch.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bandmate.checkpoint import load, save
    from bandmate.data.prepare import Summary
    from bandmate.music.files import read, write
    from bandmate.output.audio import render
    from bandmate.piece import Piece
    from bandmate.run import Training
    from bandmate.settings import UserError
    from bandmate.training import train

__all__ = ["Piece", "Training", "UserError", "load", "prepare", "read", "render", "save", "train", "write"]

_HOMES = {
    "Piece": "bandmate.piece", "UserError": "bandmate.settings", "Training": "bandmate.run",
    "read": "bandmate.music.files", "write": "bandmate.music.files", "render": "bandmate.output.audio",
    "load": "bandmate.checkpoint", "save": "bandmate.checkpoint", "train": "bandmate.training",
}


def prepare(family: str, sources: str | Path | list[str | Path], out: str | Path, **choices: Any) -> Summary:
    """Make training data for a family of music files, folders, archives or the word `bach`, in the folder ``out``.

    ``choices`` are those of :func:`bandmate.data.prepare.prepare`; the codec is the family's own unless ``codec`` names one.
    """
    from bandmate.data.prepare import prepare
    from bandmate.families import FAMILIES
    from bandmate.settings import UserError, nearest
    if family not in FAMILIES:
        raise UserError(f"there is no family '{family}'; {nearest(family, FAMILIES)}")
    named = [sources] if isinstance(sources, str | Path) else sources
    return prepare([str(source) for source in named], out, **{"codec": FAMILIES[family].Codec.name, **choices})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"bandmate has no '{name}'; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
