"""In whose manner the family `vae` goes on: towards latents of other music, and along attributes.

A source is a set of latents for each part, of the blocks of some songs. What stands before is moved towards one that is drawn
from it, z' = alpha * s + (1 - alpha) * z, each part for itself. Attribute vectors are those of MusicVAE (Roberts et al. 2018,
arXiv 1803.05428): the mean latent of blocks with much of something, less that of blocks with little.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bandmate.codecs.codec import Codec
from bandmate.codecs.roll import ONSET, PARTS, PITCHED
from bandmate.families.roll_blocks import blocks_of
from bandmate.families.vae_bank import Bank, cut
from bandmate.model import Options
from bandmate.music.character import LEVELS
from bandmate.music.files import read

ATTRIBUTES = ("density", "busyness", "polyphony", "tessitura")
LABELS = {"song": "title", "composer": "composer", "style": "style", "era": "era"}
MIDDLE = (LEVELS + 1) / 2
FEWEST = 8  # blocks of a part that tell what an attribute is like
THIRD = 1 / 3

Randoms = Sequence[np.random.Generator]
"""One for each stream."""


def mix(latents: Tensor, source: Sequence[Tensor], alpha: float, randoms: Randoms) -> Tensor:
    """Move latents (B, P, K) towards those of a source, (M, K) for each part: each part towards one that is drawn for it.

    An ``alpha`` of 0 leaves them as they are, of 1 gives those that were drawn.
    """
    drawn = torch.stack([torch.stack([one[int(random.integers(len(one)))] for one in source]) for random in randoms])
    return alpha * drawn + (1 - alpha) * latents


def noise(latents: Tensor, spread: float, randoms: Randoms) -> Tensor:
    """Return latents (B, ..., K) with normal noise of standard deviation ``spread`` added."""
    draws = np.stack([random.standard_normal(latents.shape[1:]) for random in randoms])
    return latents + spread * torch.from_numpy(draws).to(latents)


def of_files(codec: Codec, paths: Sequence[str]) -> Tensor:
    """Return the blocks of some MIDI files, ids (N, 5, 32, 128). Raises UserError for what cannot be read, or has no music."""
    blocks = np.concatenate([cut(codec.encode(read(path))) for path in paths])
    return blocks_of(torch.from_numpy(blocks.astype(np.int64)))[0][:, 0]


def of_bank(bank: Bank, options: Options) -> Tensor:
    """Tell which blocks of a bank are of any song, composer, style or era that is named, bool (N,); several stand between
    semicolons. Raises UserError for a name that the bank does not know."""
    chosen = torch.zeros(len(bank), dtype=torch.bool, device=bank.pieces.device)
    for option, kind in LABELS.items():
        for name in filter(None, (word.strip() for word in (getattr(options, option, None) or "").split(";"))):
            chosen |= bank.by(kind, name)
    return chosen


def unique(blocks: Tensor, latents: Tensor) -> list[Tensor]:
    """Return the different latents of each part, (M, K), of blocks (N, 5, 32, 128) with latents (N, 5, K): of those in which it
    is silent only one, and none if it ever plays."""
    plays = (blocks >= ONSET).any(-1).any(-1)
    return [torch.unique(latents[plays[:, part], part], dim=0) if plays[:, part].any() else latents[:1, part]
            for part in range(len(PARTS))]


def measured(blocks: Tensor) -> dict[str, Tensor]:
    """Measure the attributes of each part of blocks (N, 5, 32, 128): float (N, 5), 0 for a part that is silent."""
    sounds, strikes = blocks >= ONSET, blocks == ONSET
    steps = sounds.any(-1).sum(-1)
    keys = torch.arange(blocks.shape[-1], device=blocks.device)
    return {"density": strikes.sum((-1, -2)).float(), "busyness": strikes.any(-1).sum(-1).float(),
            "polyphony": sounds.sum((-1, -2)) / steps.clamp(min=1),
            "tessitura": (strikes * keys).sum((-1, -2)) / strikes.sum((-1, -2)).clamp(min=1)}


def direction(blocks: Tensor, latents: Tensor, attribute: str) -> Tensor:
    """Return the attribute vector of each part, (5, K): latents (N, 5, K) of the third of the blocks (N, 5, 32, 128) with most
    of it, less those of the third with least, on average. It is 0 for parts that hardly play, and for drums in no register."""
    values, plays = measured(blocks)[attribute], (blocks >= ONSET).any(-1).any(-1)
    found = torch.zeros_like(latents[0])
    for part in range(PITCHED if attribute == "tessitura" else len(PARTS)):
        own, mine = values[plays[:, part], part], latents[plays[:, part], part]
        if len(own) >= FEWEST:
            third = max(int(len(own) * THIRD), 1)
            order = own.argsort()
            found[part] = mine[order[-third:]].mean(0) - mine[order[:third]].mean(0)
    return found


def shift(blocks: Tensor, latents: Tensor, options: Options) -> Tensor:
    """Return by how much latents are moved for the levels that are asked for, (5, K): level 8 by a whole vector upward, level 1
    by one downward."""
    total = torch.zeros_like(latents[0])
    for attribute in ATTRIBUTES:
        if level := getattr(options, attribute):
            total += (level - MIDDLE) / (LEVELS - MIDDLE) * direction(blocks, latents, attribute)
    return total
