"""A game about the content of the family `style_vae`: a discriminator reads the style from it, the encoder takes it out.

Of twenty batches, ten teach the VAE, five the discriminator, five the encoder against it; each has an optimizer of its own,
and touches no other weights. The discriminator lowers the binary cross-entropy of what it says of each style. The encoder wants
it to say that all are as likely, or the opposite of the truth, and keeps its KL term. Where both balance, the content says
nothing of the style, and the discriminator's loss is the entropy of a guess among S styles, H(1/S).

After the alternation of Domain Adversarial Training on Conditional VAE (Zhao, Xia and Wang 2022), whose targets are inverted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from bandmate.families import style_vae_parts as parts
from bandmate.families.vae_part import divergence

TURNS = (("vae", 10), ("discriminator", 5), ("encoder", 5))
"""Who learns from how many batches, in turn."""
ROUND = sum(count for _, count in TURNS)
NAMES = ("loss", "reconstruction", "kl", "label", "spread", "apart", "discriminator", "encoder")
"""Losses that are told after each step."""
KL_WEIGHT = 0.1  # of a latent, while the encoder learns against the discriminator
HASTE = 0.2  # of the encoder against the discriminator; as fast as in other turns, it hid the style by saying nothing at all
WIDTH = 256


def whose(step: int) -> str:
    """Return who learns from the batch of a step, counted from 0."""
    place = step % ROUND
    for name, count in TURNS:
        if place < count:
            return name
        place -= count
    raise AssertionError(step)


class Adversary(nn.Module):
    """The discriminator, and what both sides lower."""

    latest: Tensor

    def __init__(self, content: int, styles: int, goal: Literal["uniform", "inverted"]) -> None:
        super().__init__()
        self.styles, self.goal = styles, goal
        self.net = nn.Sequential(nn.Linear(content, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.2),
                                 nn.Linear(WIDTH, styles))
        self.register_buffer("latest", torch.zeros(len(NAMES)))  # losses, as each was when it was last worked out

    def reading(self, mean: Tensor, labels: Tensor) -> Tensor:
        """Return what the discriminator lowers, of the means of contents (B, K) and labels (B,), -1 for none."""
        return self._compare(mean, labels, F.one_hot(labels.clamp(min=0), self.styles).float())

    def hiding(self, mean: Tensor, labels: Tensor) -> Tensor:
        """Return what the encoder lowers."""
        truth = F.one_hot(labels.clamp(min=0), self.styles).float()
        return self._compare(mean, labels, 1 - truth if self.goal == "inverted" else torch.full_like(truth, 1 / self.styles))

    def _compare(self, mean: Tensor, labels: Tensor, target: Tensor) -> Tensor:
        known = labels >= 0
        losses = F.binary_cross_entropy_with_logits(self.net(mean[known]), target[known], reduction="sum")
        return losses / (known.sum().clamp(min=1) * self.styles)

    def optimizers(self, model: Any, lr: float) -> list[Optimizer]:
        """Return those of the VAE, of the discriminator, and of the encoder against it."""
        own = {id(weight) for weight in self.parameters()}
        vae = [weight for weight in model.parameters() if weight.requires_grad and id(weight) not in own]
        return [Adam(vae, lr=lr), Adam(self.parameters(), lr=lr), Adam(model.encoder.parameters(), lr=HASTE * lr)]


def turn(model: Any, adversary: Adversary, batch: dict[str, Tensor], optimizers: list[Optimizer],
         backward: Callable[[Tensor], None]) -> dict[str, Tensor]:
    """Let the one learn whose turn it is; return all losses, each as it was when it was last worked out."""
    who = whose(int(model.seen))
    optimizer = optimizers[[name for name, _ in TURNS].index(who)]
    model.zero_grad(set_to_none=True)
    if who == "vae":
        losses = model.losses(batch)
        loss = losses["loss"]
    else:
        ids, labels = parts.hide(batch["ids"], model.codec.first)
        with torch.set_grad_enabled(who == "encoder"):
            mean, log, _ = model.hear(ids)
        loss = adversary.reading(mean, labels) if who == "discriminator" else adversary.hiding(mean, labels)
        losses = {who: loss}
        if who == "encoder":
            loss = loss + KL_WEIGHT * divergence(mean, log).mean() + parts.spread(mean, model.config.spread)
    backward(loss)
    optimizer.step()
    for name, value in losses.items():
        adversary.latest[NAMES.index(name)] = value.detach()
    return dict(zip(NAMES, adversary.latest.clone(), strict=True))
