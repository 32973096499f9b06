"""The networks of `harmony_cnn`, one a part: they look at blocks of 32 steps, and say what the next block sounds like.

A look is three convolutions, a drawing three deconvolutions: those of the first convolutional networks for five instruments.
The melody's network has three dense layers in between; that of another part looks at two blocks, the new melody and its own
last one, and has one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs.roll import BLOCK, KEYS, OFF, ONSET, SUSTAIN

RARE = -5.0  # logit of a strike that was not heard yet
HELD = 1.0  # logit of a key that goes on, before it is learnt


class Patches(nn.Module):
    """A convolution whose windows lie side by side: (N, T, P, C) to (N, T / steps, P / keys, D). As a product of matrices it is
    quicker than torch's."""

    def __init__(self, inputs: int, outputs: int, steps: int, keys: int) -> None:
        super().__init__()
        self.steps, self.keys = steps, keys
        self.weigh = nn.Linear(steps * keys * inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Look at each patch."""
        patches = x.unflatten(1, (-1, self.steps)).unflatten(3, (-1, self.keys))  # (N, T', steps, P', keys, C)
        return self.weigh(patches.transpose(2, 3).flatten(3))


class Unpatches(nn.Module):
    """The reverse, a deconvolution: (N, T, P, C) to (N, T * steps, P * keys, D)."""

    def __init__(self, inputs: int, outputs: int, steps: int, keys: int) -> None:
        super().__init__()
        self.steps, self.keys = steps, keys
        self.weigh = nn.Linear(inputs, steps * keys * outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Draw each patch."""
        patches = self.weigh(x).unflatten(3, (self.steps, self.keys, -1))  # (N, T, P, steps, keys, D)
        return patches.transpose(2, 3).flatten(1, 2).flatten(2, 3)


def look(channels: int, width: int) -> nn.Sequential:
    """Return three convolutions: blocks (N, 32, 128, C) to (N, 4 width)."""
    return nn.Sequential(Patches(channels, width, 4, 4), nn.ReLU(), Patches(width, 2 * width, 4, 4), nn.ReLU(),
                         Patches(2 * width, 4 * width, 2, 8), nn.ReLU(), nn.Flatten())


class PartNetwork(nn.Module):
    """Says how one part goes on. It looks at so many blocks (``sights``); ``noise`` is the size of its whim, 0 for none."""

    def __init__(self, sights: int, dense: int, width: int, noise: int, bar: int) -> None:
        super().__init__()
        channels = 2 if noise else 1
        self.bar, self.noise = min(bar, BLOCK), noise
        self.sights = nn.ModuleList([look(channels, width) for _ in range(sights)])
        seen = 4 * width * sights
        layers: list[nn.Module] = []
        for number in range(dense):
            layers += [nn.Linear(4 * width if number else seen + noise, 4 * width), nn.ReLU()]
        self.dense = nn.Sequential(*layers)
        self.drawing = nn.Sequential(
            nn.Unflatten(1, (1, 1, -1)), Unpatches(4 * width, 2 * width, 2, 8), nn.ReLU(), Unpatches(2 * width, width, 4, 4),
            nn.ReLU(), Unpatches(width, channels, 4, 4))
        if noise:
            self.answer = look(channels, width)
            self.guess = nn.Linear(4 * width + seen, 2 * noise)
            self.last_bar = nn.Conv2d(channels, channels, 3, padding=1)
            self.usual = nn.Parameter(torch.tensor([RARE, HELD]).repeat(KEYS, 1))

    def seen(self, blocks: Sequence[Tensor]) -> Tensor:
        """Look at blocks, the part's own last one the last of them: ids (N, 32, 128) each."""
        return torch.cat([sight(self.channels(block)) for sight, block in zip(self.sights, blocks, strict=True)], -1)

    def channels(self, block: Tensor) -> Tensor:
        """Return what sounds in a block of ids (N, 32, 128) and, unless this is the original, what is struck."""
        sounds = (block >= ONSET).float()
        return torch.stack([sounds, (block == ONSET).float()] if self.noise else [sounds], -1)

    def forward(self, seen: Tensor, own: Tensor, whim: Tensor | None = None) -> Tensor:
        """Return logits (N, 32, 128, C): that a key sounds; or, with a whim (N, noise), of a strike, and of going on."""
        logits = self.drawing(self.dense(seen if whim is None else torch.cat([seen, whim], -1)))
        if whim is None:
            return logits
        bars = self.channels(own)[:, -self.bar:].repeat(1, BLOCK // self.bar, 1, 1)
        return logits + self.last_bar(bars.permute(0, 3, 1, 2)).permute(0, 2, 3, 1) + self.usual

    def whim(self, seen: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Guess the whim that led to a block ``after``; return mean and log variance (N, noise)."""
        return self.guess(torch.cat([self.answer(self.channels(after)), seen], -1)).chunk(2, -1)


def nats(logits: Tensor, block: Tensor, own: Tensor, weight: float) -> Tensor:
    """Return the nats (N,) of blocks of ids (N, 32, 128) after ``own``: each key is off, struck or, if it sounded, held.

    What is struck counts ``weight`` times.
    """
    before = torch.cat([own[:, -1:], block[:, :-1]], 1) >= ONSET
    strike, hold = logits.unbind(-1)
    none = torch.zeros_like(strike)
    chances = F.log_softmax(torch.stack([none, strike, hold.masked_fill(~before, -1e9)], 1), 1)
    target = torch.where((block == SUSTAIN) & ~before, ONSET, block)
    lost = F.nll_loss(chances, target.long() - OFF, reduction="none")
    return torch.where(target == ONSET, weight * lost, lost).sum((1, 2))


def draw(logits: Tensor, own: Tensor, throws: Tensor, weight: float, temperature: float) -> Tensor:
    """Draw blocks of ids (N, 32, 128) after ``own``, step after step, by ``throws`` (N, 32, 128) between 0 and 1.

    Temperature 0 takes what is likeliest.
    """
    strike, hold = (logits / max(temperature, 1e-3)).unbind(-1)
    strike = strike - torch.log(torch.tensor(weight)) / max(temperature, 1e-3)  # as often as in music
    sounded, steps = own[:, -1] >= ONSET, []
    for step in range(BLOCK):
        none = torch.zeros_like(strike[:, step])
        options = torch.stack([none, strike[:, step], hold[:, step].masked_fill(~sounded, -1e9)], 0).softmax(0)
        if temperature == 0:
            now = options.argmax(0) + OFF
        else:
            now = OFF + (throws[:, step] > options[0]).long() + (throws[:, step] > options[:2].sum(0)).long()
        sounded = now >= ONSET
        steps.append(now)
    return torch.stack(steps, 1)
