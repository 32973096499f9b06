"""What the family `vae` is made of: one part's block of music as a few numbers and back, and networks that go on from them.

A variational autoencoder (Kingma and Welling 2013, arXiv 1312.6114) of one part of a block, 32 steps x 128 keys, and the small
networks that say which latent follows. The faithful loss takes keys for brightness, with one learnt sigma for all (sigma-VAE,
Rybkin et al. 2020, arXiv 2006.13202); ours takes them for what they are: off, struck or held, each with a chance.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs.roll import ONSET

LEAST_LOG = -6.0  # of a spread: a standard deviation of 0.05
MOST_LOG = 4.0
FEW = -4.0  # logit with which keys begin to learn: most are silent


class Down(nn.Conv2d):
    """A convolution whose kernels lie side by side: a matrix product, which is faster."""

    def forward(self, x: Tensor) -> Tensor:
        (rows, channels, height, width), (tall, wide) = x.shape, self.kernel_size
        tiles = x.reshape(rows, channels, height // tall, tall, width // wide, wide).permute(0, 2, 4, 1, 3, 5).flatten(3)
        return F.linear(tiles, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Up(nn.ConvTranspose2d):
    """A transposed convolution whose kernels lie side by side."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        (rows, _, height, width), (tall, wide) = x.shape, self.kernel_size
        tiles = (x.permute(0, 2, 3, 1) @ self.weight.flatten(1)).reshape(rows, height, width, -1, tall, wide)
        out = tiles.permute(0, 3, 1, 4, 2, 5).reshape(rows, -1, height * tall, width * wide)
        return out if self.bias is None else out + self.bias[:, None, None]


class Part(nn.Module):
    """The autoencoder of one part. Blocks are ids (N, 32, 128), latents (N, K)."""

    def __init__(self, latent: int, width: int, articulate: bool, positive_weight: float = 1.0) -> None:
        super().__init__()
        channels = 2 if articulate else 1
        self.articulate, self.positive_weight = articulate, positive_weight
        self.encoder = nn.Sequential(
            Down(channels, width, 4, 4), nn.ReLU(),
            Down(width, 2 * width, 4, 4), nn.ReLU(),
            Down(2 * width, 4 * width, (2, 8), (2, 8)), nn.ReLU(), nn.Flatten())
        self.spread = nn.Linear(4 * width, 2 * latent)
        last = Up(width, channels, 4, 4)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 4 * width), nn.ReLU(), nn.Unflatten(1, (4 * width, 1, 1)),
            Up(4 * width, 2 * width, (2, 8), (2, 8)), nn.ReLU(),
            Up(2 * width, width, 4, 4), nn.ReLU(),
            last)
        self.apply(awaken)
        nn.init.normal_(last.weight, 0.0, width ** -0.5)
        nn.init.normal_(self.spread.weight, 0.0, (4 * width) ** -0.5)
        if articulate:
            last.bias.data.fill_(FEW)  # type: ignore[union-attr]
        else:
            self.log_sigma = nn.Parameter(torch.zeros(()))

    def seen(self, ids: Tensor) -> Tensor:
        """Return what the encoder sees: which keys sound, and which are struck, (N, C, 32, 128)."""
        sounds = (ids >= ONSET).float()
        return torch.stack([sounds, (ids == ONSET).float()], 1) if self.articulate else sounds[:, None]

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents."""
        mean, log = self.spread(self.encoder(self.seen(ids))).chunk(2, -1)
        return mean, log.clamp(LEAST_LOG, MOST_LOG)

    def decode(self, latent: Tensor) -> Tensor:
        """Return logits (N, C, 32, 128) that keys sound, and, if they are told apart, that those are struck."""
        return self.decoder(latent)

    def chances(self, logits: Tensor) -> Tensor:
        """Return the chance of each key to sound, or its brightness, which is mostly 0 to 1 as well: (N, 32, 128).

        Where keys that sound weighed more than others in learning, that is taken back.
        """
        return torch.sigmoid(logits[:, 0] - math.log(self.positive_weight)) if self.articulate else logits[:, 0]

    def nats(self, logits: Tensor, ids: Tensor, weighted: bool = False) -> Tensor:
        """Return the nats of each step of blocks: (N, 32); with those of keys that sound ``weighted``, as they are to learn.

        Off, struck and held are two questions: does it sound; and if it also did a step before, is it struck anew. The
        faithful loss is that of the density of brightness, which may be less than 0.
        """
        sounds = (ids >= ONSET).float()
        if not self.articulate:
            sigma = self.log_sigma
            return ((logits[:, 0] - sounds) ** 2 / (2 * torch.exp(2 * sigma)) + sigma + 0.5 * math.log(2 * math.pi)).sum(-1)
        weight = torch.tensor(self.positive_weight, device=logits.device)
        if weighted:
            keys = F.binary_cross_entropy_with_logits(logits[:, 0], sounds, pos_weight=weight, reduction="none")
        else:
            keys = F.binary_cross_entropy_with_logits(logits[:, 0] - weight.log(), sounds, reduction="none")
        asked = sounds * F.pad(sounds, (0, 0, 1, 0), value=1.0)[:, :-1]
        anew = F.binary_cross_entropy_with_logits(logits[:, 1], (ids == ONSET).float(), reduction="none")
        return (keys + asked * anew).sum(-1)


def awaken(layer: nn.Module) -> None:
    """Begin with weights through which signals neither fade nor grow (He et al. 2015, arXiv 1502.01852). The usual ones of
    transposed convolutions reckon with kernels that overlap, which these do not: latents would hardly be heard."""
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    elif isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, (2 / layer.in_channels) ** 0.5)


def distinct(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Return blocks (N, 32, 128) with those that are silent but once, and the place of each among them: int64 (N,)."""
    plays = (blocks >= ONSET).flatten(1).any(1)
    silent = torch.nonzero(~plays)[:1, 0]
    place = torch.where(plays, plays.cumsum(0) - 1, plays.sum())
    return torch.cat([blocks[plays], blocks[silent]]), place


def drawn(mean: Tensor, log: Tensor, noise: Tensor) -> Tensor:
    """Return latents drawn from their spread with normal ``noise``."""
    return mean + torch.exp(0.5 * log) * noise


def divergence(mean: Tensor, log: Tensor) -> Tensor:
    """Return the KL divergence of each latent from a standard normal distribution, in nats, of the shape of both."""
    return 0.5 * (mean ** 2 + log.exp() - log - 1)


def network(inputs: int, outputs: int, width: int, hidden: int, dropout: float) -> nn.Sequential:
    """Return a network of so many hidden layers from latents to latents."""
    widths = [inputs, *[width] * hidden]
    layers = [nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)) for before, after in pairwise(widths)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


class Onward(nn.Module):
    """Which latents follow: MelodyNN for the piano, then a ConditionalNN for each other part, which hears the new piano."""

    def __init__(self, parts: int, latent: int, width: int, dropout: float) -> None:
        super().__init__()
        self.melody = network(latent, latent, width, 2, dropout)
        self.others = nn.ModuleList(network(2 * latent, latent, width, 1, dropout) for _ in range(parts - 1))

    def rest(self, latents: Tensor, piano: Tensor) -> list[Tensor]:
        """Return the latents (N, K) of each other part that follow on ``latents`` (N, P, K) over a new piano (N, K)."""
        return [network(torch.cat([latents[:, part], piano], -1)) for part, network in enumerate(self.others, 1)]

    def forward(self, latents: Tensor, piano: Tensor) -> Tensor:
        """Return what follows on latents (N, P, K), the others over the ``piano`` (N, K) that really does."""
        return torch.stack([self.melody(latents[:, 0]), *self.rest(latents, piano)], 1)
