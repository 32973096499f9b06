"""Concord: what a part hears of the tones that others already play, and which keys it plays the rather for it.

Parts that are written from points or pictures of their own do not know of each other's keys, and clash as chance has it. Here
a part hears, step by step, which of the twelve tones sound in the parts before it, now and in the same half bar; how well each
key goes with each of these is learnt by their distance alone, so that it is the same in every key.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bandmate.codecs.roll import KEYS

HALF_BAR = 4  # steps, at two a quarter
QUICKLY = 3.0  # how much faster than others these weights move


class Concord(nn.Module):
    """Leans the logits of one part, of so many channels, to what goes with the others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fitting = nn.Parameter(torch.zeros(channels, 2, 12))
        """How well a tone so many semitones above another goes with it: now, and in the half bar."""

    def forward(self, others: Tensor) -> Tensor:
        """Return what is added to logits (N, C, T, 128), of how keys of others sound: bool (N, parts, T, 128)."""
        now = tones(others)
        around = now.unflatten(1, (-1, HALF_BAR)).amax(2).repeat_interleave(HALF_BAR, 1)
        above = (torch.arange(12)[None] - torch.arange(12)[:, None]) % 12  # from a tone (row) up to another
        fit = QUICKLY * self.fitting[:, :, above.to(others.device)]
        lean = torch.einsum("ntkd,ckde->ncte", torch.stack([now, around], 2), fit)
        return lean[..., torch.arange(KEYS, device=others.device) % 12]


def tones(others: Tensor) -> Tensor:
    """Return which of the twelve tones sound in any part: float (N, T, 12), of keys that sound (N, parts, T, 128)."""
    padded = nn.functional.pad(others.any(1), (0, -KEYS % 12))
    return padded.unflatten(-1, (-1, 12)).any(-2).float()
