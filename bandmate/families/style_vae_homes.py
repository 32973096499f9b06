"""Where the contents of each style of `style_vae` live: a home with a middle and a spread of its own.

Four bars in the manner of Bach lie elsewhere among all contents than four bars of a folk tune: a content drawn from where all
lie together is seldom one that Bach would have had. So contents are counted from the home of their style when composing:
they leave one (whitened) and enter another (coloured), as pictures do that change their style (Li et al. 2017, arXiv
1705.08086). What is drawn from a standard normal distribution lies where the contents of the style do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.families import style_vae_parts as parts

LEAST = 1e-4  # variance in every direction
KEYS = 5  # semitones by which music is moved at most, as while learning: the key is no part of a style
PIECES, LONGEST, BATCH = 2000, 512, 128  # training pieces from which homes are taken; rows of a stretch; stretches at once


class Homes(nn.Module):
    """The middle (S, K) and the spread (S, K, K), a covariance, of the contents of each style."""

    middles: Tensor
    spreads: Tensor

    def __init__(self, styles: int, content: int) -> None:
        super().__init__()
        self.register_buffer("middles", torch.zeros(styles, content))
        self.register_buffer("spreads", torch.eye(content).repeat(styles, 1, 1))

    @torch.no_grad()
    def settle(self, mean: Tensor, log: Tensor, labels: Tensor) -> None:
        """Take homes from where contents lie, with means and log variances (B, K) and labels (B,), -1 for none."""
        for style in labels[labels >= 0].unique().tolist():
            own, variance = mean[labels == style], log[labels == style].exp()
            self.middles[style] = own.mean(0)
            away = own - own.mean(0)
            self.spreads[style] = away.T @ away / len(own) + torch.diag(variance.mean(0))

    def enter(self, content: Tensor, weights: Tensor) -> Tensor:
        """Return where contents (B, K), counted from home, lie in that of a mix of styles, (B, S) or one for all (1, S)."""
        middle, shape, place = self._homes(weights, len(content))
        return (middle[:, :, None] + shape @ content.to(middle).T)[place, :, torch.arange(len(content), device=place.device)]

    def leave(self, content: Tensor, weights: Tensor) -> Tensor:
        """Return contents (B, K) counted from the home of a mix of styles, (B, S) or one for all (1, S)."""
        middle, shape, place = self._homes(weights, len(content))
        away = torch.linalg.solve_triangular(shape, content.T - middle[:, :, None], upper=False)
        return away[place, :, torch.arange(len(content), device=place.device)]

    def from_home(self, content: Tensor, labels: Tensor) -> Tensor:
        """Return contents (B, K) counted from the home of their style, as when composing; labels (B,), -1 for none."""
        counted = self.leave(content, F.one_hot(labels.clamp(min=0), len(self.middles)))
        return torch.where((labels >= 0)[:, None], counted, content)

    def _homes(self, weights: Tensor, contents: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the middle (H, K) and the shape (H, K, K) of each different home, and which is that of each content."""
        weights, place = weights.to(self.middles).unique(dim=0, return_inverse=True)
        spread = torch.einsum("hs,skl->hkl", weights, self.spreads)
        shape = torch.linalg.cholesky(spread + LEAST * torch.eye(spread.shape[-1], device=spread.device))
        return weights @ self.middles, shape, place.expand(contents)


def at_rest(model: Any, batch: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Return means and log variances (B, K), and labels (B,), of the contents of a batch as when composing: without dropout."""
    ids, labels = parts.hide(torch.as_tensor(batch["ids"]).to(model.codebook.device), model.codec.first)
    learning = model.encoder.training
    model.encoder.eval()
    mean, log, _ = model.hear(ids)
    model.encoder.train(learning)
    return mean, log, labels


@torch.no_grad()
def settle(model: Any, batches: Iterable[dict[str, Any]]) -> None:
    """Take the homes of all styles from training music, in many keys: a tune that changes its manner stays in its own."""
    random = np.random.default_rng(0)
    found = [at_rest(model, {"ids": np.stack([model.codec.moved(ids, KEYS, random) for ids in np.asarray(batch["ids"])])})
             for batch in batches]
    if found:
        model.homes.settle(*(torch.cat(each) for each in zip(*found, strict=True)))
