"""Two styles made here, chorales and reels, and a small `style_vae` that has learnt them by heart."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from music_made_here import piece_of

from bandmate.codecs.onsets import Onsets, OnsetsConfig
from bandmate.data.windows import Prepared
from bandmate.families.style_vae import StyleVae
from bandmate.families.style_vae_homes import settle
from bandmate.piece import Labels, Piece

CODEC = Onsets(OnsetsConfig(styles=("chorale", "reel")))


def chorale(root: int):
    """Four bars of chords."""
    return piece_of({0: [(n, 1, root + step, 90) for n in range(0, 16, 2) for step in (-12, 0, 4, 7)]})


def reel(root: int):
    """Four bars of one quick line."""
    return piece_of({0: [(n / 2, 0.5, root + 12 + (0, 4, 7)[n % 3], 90) for n in range(32)]})


CHORALE, REEL = chorale(60), reel(60)
PIECES = {"chorale": [chorale(57), CHORALE, chorale(63)], "reel": [reel(57), REEL, reel(63)]}
LESSONS = 100
TINY = {"width": 24, "hearing": 16, "embedding": 8, "content": 6, "style": 4, "anneal": 0, "cooling": 0, "dropout": 0.0}


def make(codec=CODEC, **config) -> StyleVae:
    torch.manual_seed(0)
    return StyleVae(StyleVae.Config(**{**TINY, **config}), codec).eval()


def batch_of(*labelled: tuple[Piece, str]) -> dict[str, torch.Tensor]:
    """Return pieces of four bars as stretches, labelled."""
    rows = [CODEC.encode(piece, Labels(style=style)) for piece, style in labelled]
    batch = Prepared.stack(SimpleNamespace(_codec=CODEC), rows)  # type: ignore[arg-type]
    return {name: torch.from_numpy(array) for name, array in batch.items()}


BATCH = batch_of((CHORALE, "chorale"), (REEL, "reel"))
ALL = batch_of(*((piece, style) for style, pieces in PIECES.items() for piece in pieces))


def taught() -> StyleVae:
    """A model that knows three tunes in two styles by heart."""
    model = make(kl_weight=0.02, spread=0.0, hidden=0.5, layers=1).train()
    optimizers = model.optimizers(2e-2)
    for _ in range(LESSONS):
        torch.manual_seed(int(model.seen))
        model.step(ALL, optimizers, torch.Tensor.backward)
    settle(model, [ALL])
    return model.eval()
