"""Where the contents of each style of `style_vae` live: a home with a middle and a spread of its own.

Four bars in the manner of Bach lie elsewhere among all contents than four bars of a folk tune: a content drawn from where all
lie together is seldom one that Bach would have had. So contents are counted from the home of their style when composing:
they leave one (whitened) and enter another (coloured), as pictures do that change their style (Li et al. 2017, arXiv
1705.08086). What is drawn from a standard normal distribution lies where the contents of the style do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MEMORY = 2000.0  # stretches of a style that its home remembers
LEAST = 1e-4  # variance in every direction


class Homes(nn.Module):
    """The middle (S, K) and the spread (S, K, K), a covariance, of the contents of each style."""

    middles: Tensor
    spreads: Tensor
    settled: Tensor

    def __init__(self, styles: int, content: int) -> None:
        super().__init__()
        self.register_buffer("middles", torch.zeros(styles, content))
        self.register_buffer("spreads", torch.eye(content).repeat(styles, 1, 1))
        self.register_buffer("settled", torch.zeros(styles))  # stretches that were seen of each

    @torch.no_grad()
    def settle(self, mean: Tensor, log: Tensor, labels: Tensor) -> None:
        """Take in where contents lie, with means and log variances (B, K), of stretches with labels (B,), -1 for none."""
        for style in labels[labels >= 0].unique().tolist():
            own, variance = mean[labels == style], log[labels == style].exp()
            share = max(len(own) / MEMORY, len(own) / (float(self.settled[style]) + len(own)))
            away = own - torch.lerp(self.middles[style], own.mean(0), share)
            self.middles[style] += share * (own.mean(0) - self.middles[style])
            spread = away.T @ away / len(own) + torch.diag(variance.mean(0))
            self.spreads[style] += share * (spread - self.spreads[style])
            self.settled[style] += len(own)

    def enter(self, content: Tensor, weights: Tensor) -> Tensor:
        """Return contents (B, K), counted from home, where they lie in the home of a mix of styles (B, S)."""
        middle, shape = self._home(weights)
        return middle + (shape @ content.to(middle)[..., None])[..., 0]

    def leave(self, content: Tensor, weights: Tensor) -> Tensor:
        """Return contents (B, K) counted from the home of a mix of styles, (B, S) or one for all (1, S)."""
        middle, shape = self._home(weights)
        return torch.linalg.solve_triangular(shape, (content - middle)[..., None], upper=False)[..., 0]

    def _home(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = weights.to(self.middles)
        spread = torch.einsum("bs,skl->bkl", weights, self.spreads)
        return weights @ self.middles, torch.linalg.cholesky(spread + LEAST * torch.eye(spread.shape[-1], device=spread.device))
