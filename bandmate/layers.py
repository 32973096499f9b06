"""What several families are made of: positions that turn.

Queries and keys are turned by an angle that grows with their place, so that a model hears how far apart two words are and
not where they stand: a window may be cut from anywhere in a piece (Su et al. 2021, arXiv 2104.09864).
"""

from __future__ import annotations

import torch
from torch import Tensor

ROTARY_BASE = 10_000.0


def rotary(length: int, width: int, base: float = ROTARY_BASE) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (length, width) of rotary positions, the two halves of a head turning together.

    The sines of the first half are negative, which :func:`turn` expects.
    """
    angles = torch.outer(torch.arange(length).float(), base ** -(torch.arange(0, width, 2).float() / width))
    return angles.cos().repeat(1, 2), torch.cat([-angles.sin(), angles.sin()], dim=-1)


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn queries or keys (..., T, head width) to their positions, each half with the other."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)
