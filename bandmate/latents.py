"""What latents hold, and what follows from them: the families `vae` and `melody_vae`, in numbers, beside real music.

How well is a block rebuilt from its latents, and how many nats do these carry? Does more noise give more variety, and a larger
alpha more of a manner? Do parts clash, fall silent, or flood the music? All blocks are of held-out pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bandmate.codecs.roll import BLOCK, ONSET, PARTS, Roll
from bandmate.data.windows import Prepared
from bandmate.families import vae_manner
from bandmate.families.melody_lines import FIRST_KEY, HOLD, REST, melodies
from bandmate.families.melody_vae import MelodyVae
from bandmate.families.roll_blocks import blocks_of
from bandmate.families.vae import Vae
from bandmate.families.vae_part import divergence, drawn
from bandmate.families.vae_writer import foretold, keys
from bandmate.metrics import rolls
from bandmate.metrics.undefined import value_or_reason
from bandmate.settings import UserError

Row = dict[str, Any]
Progress = Callable[[float], None]
"""Called with the share that is done, 0 to 1."""

NOISES = (0.0, 0.25, 0.5, 1.0, 2.0)
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
ACTIVE = 0.01  # variance of the mean of a latent from which on it is in use (Burda et al. 2015, arXiv 1509.00519)
DRAWS = 16  # outputs that are drawn from one start
STARTS = 8
IN_A_ROW = 4  # blocks that are written one after another: sixteen bars
SONGS = 8


def unwatched(share: float) -> None:
    """Watch nothing."""


def held_out(data: Prepared, split: str, most: int) -> Tensor:
    """Return blocks of held-out pieces, ids (N, 5, 32, 128), evenly spread: at most so many. Raises UserError for none, and
    for data of another codec than `roll`."""
    data.written_in(Roll)
    count = len(data.split(split)[1]) - 1
    found = []
    for index in range(count):
        ids = torch.from_numpy(data.piece(split, index).astype(np.int8))[None]
        blocks, music = blocks_of(ids)
        found.append(blocks[music.all(-1)])
    blocks = torch.cat([torch.zeros(0, len(PARTS), BLOCK, 128, dtype=torch.int8), *found])
    blocks = blocks[(blocks >= ONSET).flatten(1).any(1)]
    if not len(blocks):
        raise UserError(f"no piece of '{split}' is as long as a block of {BLOCK} steps; prepare more music")
    return blocks[np.unique(np.linspace(0, len(blocks) - 1, most).astype(int))]


@torch.inference_mode()
def rebuilt(model: Vae, blocks: Tensor, threshold: float) -> list[Row]:
    """Return how well each part of blocks (N, 5, 32, 128) is rebuilt from its mean latents at a threshold: a row a part.

    Precision and recall of the cells that sound, of those that are struck, KL in nats a block, and latents in use.
    """
    rows = []
    guessed, strikes, _ = model.decode(model.latents(blocks), threshold)
    for number, part in enumerate(model.parts):
        own = blocks[:, number]
        plays = (own >= ONSET).flatten(1).any(1)
        own = own[plays]
        if not len(own):
            continue
        mean, log = part.encode(own)
        sounds, true = guessed[plays, number], own >= ONSET
        row: Row = {"part": PARTS[number], "blocks": len(own), **_hits(sounds, true, "")}
        if part.articulate:
            earlier = torch.nn.functional.pad(sounds, (0, 0, 1, 0))[:, :-1]
            row |= _hits(sounds & (strikes[plays, number] | ~earlier), own == ONSET, "struck ")
        row |= {"KL, nats": float(divergence(mean, log).sum(1).mean()),
                "in use": int((mean.var(0, correction=0) > ACTIVE).sum())}
        rows.append(row)
    return rows


def _hits(guessed: Tensor, true: Tensor, what: str) -> Row:
    right = float((guessed & true).sum())
    return {f"{what}precision": right / max(float(guessed.sum()), 1), f"{what}recall": right / max(float(true.sum()), 1)}


def write(model: Vae, start: Tensor, options: Any, randoms: vae_manner.Randoms, source: list[Tensor] | None = None,
          number: int = 1) -> Tensor:
    """Return blocks that follow on others (B, 5, 32, 128) as the model proposes them, with no grammar: ids (B, number, ...)."""
    found, last, latents = [], start, model.latents(start)
    for _ in range(number):
        latents = foretold(model.onward, latents, options, randoms, source)
        last = keys(model, latents, last, options.threshold)[0]
        found.append(last)
    return torch.stack(found, 1)


@torch.inference_mode()
def varied(model: Vae, blocks: Tensor, options: Any, progress: Progress = unwatched) -> list[Row]:
    """Return what noise does, a row a ``noise_sd``, and a last one of real music.

    Variation is the mean distance, in cells, of blocks that follow on the same start; that of different starts stands beside
    it, with clashes, silent and flooded parts of four blocks in a row.
    """
    starts = blocks[np.unique(np.linspace(0, len(blocks) - 1, STARTS).astype(int))]
    rows = []
    for number, spread in enumerate(NOISES):
        progress(number / len(NOISES))
        wish = options.replace(noise_sd=spread)
        apart = [rolls.mean_pairwise_distance(_rolls(write(model, one.expand(DRAWS, *one.shape), wish, _dice(DRAWS))))
                 for one in starts]
        several = write(model, blocks, wish, _dice(len(blocks)), number=IN_A_ROW)
        rows.append({"noise_sd": spread, "same start": float(np.mean(apart)), **_measured(_rolls(several[:, -1])),
                     "cells": float((several >= ONSET).sum() / several.shape[:2].numel())})
    return [*rows, {"noise_sd": "real music", "same start": "", **_measured(_rolls(blocks[:, None])),
                    "cells": float((blocks >= ONSET).sum() / len(blocks))}]


def _measured(music: np.ndarray) -> Row:
    return {"different starts": value_or_reason(rolls.mean_pairwise_distance, music),
            "clashes": value_or_reason(rolls.clash_rate, music),
            "silent": float(rolls.empty_parts(music).mean()), "flooded": float(rolls.flooded_parts(music).mean())}


@torch.inference_mode()
def mannered(model: Vae, blocks: Tensor, options: Any, progress: Progress = unwatched) -> list[Row]:
    """Return how like its source music is, a row an ``alpha``: of what follows on other blocks in the manner of a song, the
    likeness to that song's nearest block, twice the cells in common by the cells of both, mean over some songs of the bank."""
    if not len(model.bank):
        return []
    kept, owner = model.bank.ids(), model.bank.pieces
    songs = torch.unique(owner)[np.unique(np.linspace(0, len(torch.unique(owner)) - 1, SONGS).astype(int))]
    starts = blocks[np.unique(np.linspace(0, len(blocks) - 1, DRAWS).astype(int))]
    rows = []
    for number, alpha in enumerate(ALPHAS):
        progress(number / len(ALPHAS))
        likeness = []
        for song in songs:
            own = kept[owner == song]
            source = vae_manner.unique(own, model.latents(own))
            new = write(model, starts, options.replace(alpha=alpha, noise_sd=0), _dice(len(starts)), source)[:, 0]
            likeness.append(_alike(new, own).amax(1).mean().item())
        rows.append({"alpha": alpha, "likeness": float(np.mean(likeness))})
    return rows


def _alike(some: Tensor, others: Tensor) -> Tensor:
    """Return twice the cells in common by the cells of both, (N, M), of blocks (N, ...) and (M, ...)."""
    one, two = ((blocks >= ONSET).flatten(1).float() for blocks in (some, others))
    return 2 * one @ two.T / (one.sum(1)[:, None] + two.sum(1)).clamp(min=1)


def _rolls(blocks: Tensor) -> np.ndarray:
    """Return blocks (N, ..., 5, 32, 128) as the measures want them: bool (N, 32, 5, 128)."""
    return (blocks.flatten(0, -4) >= ONSET).transpose(1, 2).numpy()


def _dice(streams: int) -> list[np.random.Generator]:
    return [np.random.default_rng(number) for number in range(streams)]


@torch.inference_mode()
def melody(model: MelodyVae, data: Prepared, split: str) -> Row:
    """Return how many symbols of two-bar melodies of a split are read right from their latents, 0 to 1: from their mean, and
    from a draw; of strikes alone; of a guess that is always the commonest symbol; and the KL in nats."""
    data.written_in(Roll)
    pieces = [data.piece(split, index).astype(np.int8) for index in range(len(data.split(split)[1]) - 1)]
    line = torch.cat([torch.zeros(0, BLOCK, dtype=torch.int64), *(melodies(torch.from_numpy(ids)[None]) for ids in pieces)])
    if not len(line):
        raise UserError(f"there is no melody of two bars in '{split}'; prepare more music")
    mean, log = model.encode(line)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    exact, by_draw = (model.decode(latent).argmax(-1) == line for latent in (mean, drawn(mean, log, noise)))
    struck = line >= FIRST_KEY
    return {"melodies": len(line), "from the mean": float(exact.float().mean()), "from a draw": float(by_draw.float().mean()),
            "strikes, from a draw": float(by_draw[struck].float().mean()),
            "always the commonest": float(max((line == symbol).float().mean() for symbol in (HOLD, REST))),
            "KL, nats": float(divergence(mean, log).sum((1, 2)).mean())}
