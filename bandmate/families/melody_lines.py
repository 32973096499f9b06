"""Lines of one voice: at each step of a block a key is struck, held, or nothing sounds; 130 symbols."""

from __future__ import annotations

import torch
from torch import Tensor

from bandmate.codecs.roll import BLOCK, KEYS, OFF, ONSET, PITCHED
from bandmate.families import roll_blocks

REST, HOLD, FIRST_KEY = 0, 1, 2
SYMBOLS = FIRST_KEY + KEYS
FEWEST_STRIKES = 4
LONGEST_REST = 16  # sixteenths, a bar: as in MusicVAE


def melodies(ids: Tensor) -> Tensor:
    """Return the lines of the pitched parts of a batch of rows (B, T, 640): symbols int64 (N, 32) of those two bars that have
    some strikes and no rest longer than a bar."""
    blocks, music = roll_blocks.blocks_of(ids)
    line = skyline(blocks[music.all(-1)][:, :PITCHED].flatten(0, 1))
    too_long = (line == REST).unfold(1, LONGEST_REST + 1, 1).all(-1).any(-1)
    return line[((line >= FIRST_KEY).sum(-1) >= FEWEST_STRIKES) & ~too_long]


def skyline(blocks: Tensor) -> Tensor:
    """Return the highest line of some blocks, ids (N, 32, 128), as symbols int64 (N, 32): a key is struck, held, or nothing
    sounds. What is held when a block begins counts as struck."""
    pitches = torch.arange(1, KEYS + 1, device=blocks.device)
    struck = ((blocks == ONSET) * pitches).amax(-1)  # 0 for none
    struck[:, 0] = ((blocks[:, 0] >= ONSET) * pitches).amax(-1)
    now, out = torch.zeros_like(struck[:, 0]), []
    for step in range(BLOCK):
        goes_on = (now > 0) & (blocks[:, step].gather(1, (now - 1).clamp(min=0)[:, None])[:, 0] > ONSET)
        new = (struck[:, step] > 0) & ~(goes_on & (struck[:, step] < now))
        now = torch.where(new, struck[:, step], torch.where(goes_on, now, 0))
        out.append(torch.where(new, now - 1 + FIRST_KEY, torch.where(now > 0, HOLD, REST)))
    return torch.stack(out, 1)


def played(line: Tensor, before: Tensor) -> Tensor:
    """Return melodies (N, 32) as ids (N, 32, 128) of a part; what is held without having been struck is silent."""
    sounds = torch.zeros(*line.shape, KEYS, dtype=torch.bool, device=line.device)
    now = torch.full_like(line[:, 0], -1)
    for step in range(BLOCK):
        symbol = line[:, step]
        now = torch.where(symbol >= FIRST_KEY, symbol - FIRST_KEY, torch.where(symbol == HOLD, now, -1))
        sounds[torch.nonzero(now >= 0)[:, 0], step, now[now >= 0]] = True
    strikes = sounds & (line >= FIRST_KEY)[..., None]
    keys = roll_blocks.articulated(sounds[:, None], strikes[:, None], before[:, None])[:, 0]
    return torch.where(sounds, keys, OFF)
