"""What the latents of music hold: how much, in nats, and whether they still tell its style.

A fresh little network, the probe, learns to name the style from the content latents of the training pieces alone. Where
content is free of style, it does no better on held-out ones than chance (Lample et al., Fader Networks, 2017, arXiv
1706.00409). For models that keep content and style apart: those with ``styles`` and ``encode``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs.onsets import Onsets
from bandmate.data.windows import Prepared
from bandmate.evaluate import held_out
from bandmate.families.style_vae_homes import KEYS
from bandmate.families.vae_part import divergence, drawn
from bandmate.latents import ACTIVE
from bandmate.model import Model
from bandmate.recognise import Verdict
from bandmate.settings import UserError

DRAWS = 4  # of the content of each stretch
HIDDEN, ROUNDS, RATE, DECAY = 64, 300, 1e-2, 1e-3  # of the probe, which hears all training stretches in every round
STRETCHES = 4000  # of a split, at most, that are looked at
LENGTH, BATCH = 512, 32  # rows of a window, and windows at once

Row = dict[str, Any]


class Read(NamedTuple):
    """What a model reads in stretches of a split, and what these are."""

    mean: Tensor
    """Of the content latents: (N, Z)."""
    log: Tensor
    """Of their variance."""
    named: Tensor
    """Number of the style that the model takes each for: (N,)."""
    right: Tensor
    """Number of the style of its piece."""
    pages: list[dict[str, np.ndarray]]
    """The stretches themselves, as batches."""


@torch.no_grad()
def read(model: Any, data: Prepared, split: str, label: str, seed: int = 0) -> Read:
    """Let a model read stretches of pieces whose ``label`` it knows, drawn from a split. Raises UserError if there are none.

    Each stretch is moved to a key drawn by chance, as while learning: reels are in D and G, but a reel in F is a reel.
    """
    codec, number = data.codec(), {name: n for n, name in enumerate(model.styles)}
    rows = [row for row in data.pieces if row["split"] == split and row[label] in number]
    stretches: list[tuple[np.ndarray, int]] = []
    random = np.random.default_rng(seed)
    for at in random.permutation(len(rows)).tolist():
        if len(stretches) < STRETCHES:
            pages = codec.pages(data.piece(split, int(rows[at]["index"])), LENGTH)
            if isinstance(codec, Onsets):
                pages = [codec.moved(page, KEYS, random) for page in pages]
            stretches += [(page, number[rows[at][label]]) for page in pages]
    if not stretches:
        raise UserError(f"no piece of '{split}' in '{data.folder}' has a {label} that the model knows and is long enough to "
                        "be read; prepare more music")
    stretches = sorted(stretches[:STRETCHES], key=lambda stretch: len(stretch[0]))
    batches = [data.stack([page for page, _ in stretches[first:first + BATCH]]) for first in range(0, len(stretches), BATCH)]
    found = [model.encode(torch.from_numpy(batch["ids"])) for batch in batches]
    mean, log, logits = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Read(mean, log, logits.argmax(-1), torch.tensor([style for _, style in stretches]), batches)


def latents(model: Model, test: Read) -> Row:
    """Return what held-out latents hold: nats, latents in use, what is rebuilt from them, and whether the style is read."""
    kl = float(divergence(test.mean, test.log).sum(1).mean())
    scores = held_out(model, test.pages)
    row: Row = {"stretches": len(test.mean), "KL, nats": kl,
                "in use": int((test.mean.var(0, correction=0) > ACTIVE).sum()), "latents": test.mean.shape[1]}
    if scores.nats_per_note is not None:
        row["bound, nats a note"] = scores.nats_per_note
        row["reconstruction, nats a note"] = scores.nats_per_note - kl * len(test.mean) / scores.notes
    row |= {f"right {field}, %": 100 * share for field, share in scores.accuracy.items()}
    return row | {"style read, %": 100 * float((test.named == test.right).float().mean()),
                  "commonest style, %": 100 * float(torch.bincount(test.right).max() / len(test.right))}


def probe(train: Read, valid: Read, test: Read, *, seed: int = 0) -> float:
    """Return how well a fresh network names the style of held-out content: the mean share named rightly over styles, 0 to 1.

    It learns from the means of ``train``, every style counting the same, and is kept as it is best on ``valid``. By chance it
    is 1 by the number of styles. The same seed gives the same number.
    """
    middle, spread = train.mean.mean(0), train.mean.std(0, correction=0).clamp(min=1e-4)
    known, chosen, asked = ((each.mean - middle) / spread for each in (train, valid, test))
    counts = torch.bincount(train.right)
    weight = torch.where(counts > 0, 1.0 / counts.clamp(min=1), 0.0)
    best, said = -math.inf, torch.zeros(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(known.shape[1], HIDDEN), nn.ReLU(), nn.Dropout(0.5), nn.Linear(HIDDEN, len(counts)))
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
        for _ in range(ROUNDS):
            network.train()
            optimizer.zero_grad()
            F.cross_entropy(network(known), train.right, weight).backward()
            optimizer.step()
            network.eval()
            with torch.no_grad():
                score = _balanced(network(chosen), valid.right)
                if score > best:
                    best, said = score, network(asked)
    return _balanced(said, test.right)


def as_heard(model: Any, read: Read, seed: int = 0) -> Read:
    """Return some draws from each content, as the decoder hears it while learning, counted from the home of its style.

    The content of a VAE is a distribution; its mean is more than the decoder ever learns to listen to. Where a model has homes
    for its styles, contents are counted from there when a tune changes its manner.
    """
    mean, log, right = (values.repeat(DRAWS, *[1] * (values.ndim - 1)) for values in (read.mean, read.log, read.right))
    content = drawn(mean, log, torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed)))
    with torch.no_grad():
        return read._replace(mean=model.homes.from_home(content, right), right=right)


def _balanced(logits: Tensor, right: Tensor) -> float:
    return Verdict(logits.argmax(-1).numpy(), right.numpy()).balanced()


def known_styles(model: Any) -> Sequence[str]:
    """Return the styles of a model that keeps them apart from content; none of any other."""
    return tuple(model.styles) if hasattr(model, "styles") and hasattr(model, "encode") else ()
