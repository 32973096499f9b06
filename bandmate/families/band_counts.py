"""The chance of a set of keys, once it is known how many there are: the conditional Bernoulli distribution.

Of some candidates each would sound by itself with a chance of its own. Among all sets of the same size, a set then has the
chance of its keys sounding and no others, divided by the chance that just so many sound (Chen and Liu 1997,
Statistica Sinica 7). So a chord may be likely where each of its keys alone is not, and its size is never left to luck.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MOST = 16
"""A count that also stands for all greater ones."""
_LEAST = 1e-30


def counted(keys: Tensor) -> Tensor:
    """Count keys, bool (..., K), up to MOST: int64 (...)."""
    return keys.sum(-1).clamp(max=MOST)


def set_nats(logits: Tensor, candidates: Tensor, chosen: Tensor) -> Tensor:
    """Return the nats (N,) of the ``chosen`` keys among ``candidates``, bool (N, K), given their count, for logits (N, K)."""
    count = counted(chosen)
    open_ = (count > 0) & ~((chosen == candidates).all(-1) & (count < MOST))  # there is more than one such set
    nats = 0 * logits.float().mean(-1)  # 0, and yet made of all weights: several devices expect a gradient of each
    if open_.any():
        nats[open_] = _nats(logits[open_].float(), candidates[open_], chosen[open_], count[open_])
    return nats


def _nats(logits: Tensor, candidates: Tensor, chosen: Tensor, count: Tensor) -> Tensor:
    alone = torch.where(chosen, -F.logsigmoid(logits), -F.logsigmoid(-logits)) * candidates
    chance = count_chances(torch.sigmoid(logits) * candidates).gather(1, count[:, None])[:, 0]
    return alone.sum(-1) + chance.clamp(min=_LEAST).log()


def count_chances(chances: Tensor) -> Tensor:
    """Return how likely it is that just so many keys sound, (N, MOST + 1), where each does with a chance of its own (N, K)."""
    counts = F.one_hot(torch.zeros(len(chances), dtype=torch.long, device=chances.device), MOST).to(chances)
    for chance in chances.T[:, :, None]:
        counts = counts * (1 - chance) + F.pad(counts, (1, -1)) * chance
    return torch.cat([counts, (1 - counts.sum(-1, keepdim=True)).clamp(min=0)], -1)
