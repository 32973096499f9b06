"""A game about the content of the family `style_vae`: a discriminator reads the style from it, the encoder takes it out.

Of twenty batches, ten teach the VAE, five the discriminator, five the encoder against it; each has an optimizer of its own,
and touches no other weights. The discriminator lowers the binary cross-entropy of what it says of each style. The encoder wants
it to say that all are as likely, or the opposite of the truth, and keeps what it has learnt with the VAE. Where both balance,
the content says nothing of the style, and the discriminator's loss is the entropy of a guess among S styles, H(1/S).

Both sides take the content as the decoder hears it: drawn, not the mean, and counted from the home of its style
(``style_vae_homes``), so that only what no shift and no stretching can hide is left to play for. The discriminator remembers
the contents of some thirty batches and learns from them in one turn as much as it can.

After the alternation of Domain Adversarial Training on Conditional VAE (Zhao, Xia and Wang 2022), whose targets are inverted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, AdamW, Optimizer

from bandmate.families.style_vae_homes import at_rest
from bandmate.families.vae_part import drawn

TURNS = (("vae", 10), ("discriminator", 5), ("encoder", 5))
"""Who learns from how many batches, in turn."""
ROUND = sum(count for _, count in TURNS)
NAMES = ("loss", "reconstruction", "kl", "label", "spread", "apart", "discriminator", "encoder")
"""Losses that are told after each step."""
HIDING = 10.0  # weight, for the encoder, of hiding the style, beside what the VAE lowers
HEARINGS = 8  # draws from each content, while the encoder hides
REMEMBERED = 1024  # contents
LESSONS, GROUP = 6, 1024  # of a turn of the discriminator, and contents in a lesson
WIDTH, DROPOUT = 128, 0.5  # of the discriminator
RATE, DECAY = 5.0, 1e-3  # its learning rate, beside that of the VAE, and the decay of its weights


def whose(step: int) -> str:
    """Return who learns from the batch of a step, counted from 0."""
    place = step % ROUND
    for name, count in TURNS:
        if place < count:
            return name
        place -= count
    raise AssertionError(step)


class Adversary(nn.Module):
    """The discriminator, what it remembers, and what both sides lower."""

    means: Tensor
    logs: Tensor
    labels: Tensor
    latest: Tensor

    def __init__(self, content: int, styles: int, goal: Literal["uniform", "inverted"]) -> None:
        super().__init__()
        self.styles, self.goal = styles, goal
        self.net = nn.Sequential(nn.Linear(content, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, styles))
        self.register_buffer("means", torch.zeros(REMEMBERED, content))
        self.register_buffer("logs", torch.zeros(REMEMBERED, content))
        self.register_buffer("labels", torch.full((REMEMBERED,), -1))
        self.register_buffer("latest", torch.zeros(len(NAMES)))  # losses, as each was when it was last worked out

    def remember(self, mean: Tensor, log: Tensor, labels: Tensor) -> None:
        """Keep means and log variances of contents (B, K) that have labels (B,), -1 for none; forget the oldest."""
        for kept, new in ((self.means, mean), (self.logs, log), (self.labels, labels)):
            kept.copy_(torch.cat([new.detach()[labels >= 0], kept])[:REMEMBERED])

    def settle(self, model: Any) -> None:
        """Take the homes of styles from what is remembered, so that the game is not about how far they have moved."""
        if model.config.homes:
            model.homes.settle(self.means, self.logs, self.labels)

    def recall(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return means, log variances and labels of some of the contents that are remembered."""
        known = torch.nonzero(self.labels >= 0)[:, 0]
        some = known[torch.randint(max(len(known), 1), (GROUP * (len(known) > 0),), device=known.device)]
        return self.means[some], self.logs[some], self.labels[some]

    def reading(self, content: Tensor, labels: Tensor) -> Tensor:
        """Return what the discriminator lowers, of contents (B, K) and labels (B,), -1 for none; each style counts the same."""
        return self._compare(content, labels, F.one_hot(labels.clamp(min=0), self.styles).float())

    def hiding(self, content: Tensor, labels: Tensor) -> Tensor:
        """Return what the encoder lowers."""
        truth = F.one_hot(labels.clamp(min=0), self.styles).float()
        return self._compare(content, labels, 1 - truth if self.goal == "inverted" else torch.full_like(truth, 1 / self.styles))

    def _compare(self, content: Tensor, labels: Tensor, target: Tensor) -> Tensor:
        known = labels >= 0
        if not known.any():
            return content.sum() * 0.0
        weight = 1.0 / torch.bincount(labels[known])[labels[known]]
        losses = F.binary_cross_entropy_with_logits(self.net(content[known]), target[known], reduction="none").mean(1)
        return (losses * weight).sum() / weight.sum()

    def optimizers(self, model: Any, lr: float) -> list[Optimizer]:
        """Return those of the VAE, of the discriminator, and of the encoder against it."""
        own = {id(weight) for weight in self.parameters()}
        vae = [weight for weight in model.parameters() if weight.requires_grad and id(weight) not in own]
        return [Adam(vae, lr=lr), AdamW(self.parameters(), lr=RATE * lr, weight_decay=DECAY),
                Adam(model.encoder.parameters(), lr=lr)]


def turn(model: Any, adversary: Adversary, batch: dict[str, Tensor], optimizers: list[Optimizer],
         backward: Callable[[Tensor], None]) -> dict[str, Tensor]:
    """Let the one learn whose turn it is; return all losses, each as it was when it was last worked out."""
    who = whose(int(model.seen))
    optimizer = optimizers[[name for name, _ in TURNS].index(who)]

    def learn(loss: Tensor) -> None:
        model.zero_grad(set_to_none=True)
        backward(loss)
        optimizer.step()

    if who == "discriminator":
        with torch.no_grad():
            adversary.remember(*at_rest(model, batch))
            adversary.settle(model)
        for _ in range(LESSONS):
            losses = {who: adversary.reading(*_heard(model, *adversary.recall()))}
            learn(losses[who])
    else:
        losses = model.losses(batch)
        loss = losses["loss"]
        if who == "encoder":
            contents = at_rest(model, batch)
            adversary.remember(*contents)
            adversary.settle(model)
            adversary.eval()
            several = [each.repeat(HEARINGS, *[1] * (each.ndim - 1)) for each in contents]
            losses[who] = adversary.hiding(*_heard(model, *several))
            adversary.train()
            loss = loss + HIDING * losses[who]
        learn(loss)
    for name, value in losses.items():
        adversary.latest[NAMES.index(name)] = value.detach()
    return dict(zip(NAMES, adversary.latest.clone(), strict=True))


def _heard(model: Any, mean: Tensor, log: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return contents as the decoder hears them, counted from home, and their labels."""
    return model.homes.from_home(drawn(mean, log, torch.randn_like(mean)), labels), labels
