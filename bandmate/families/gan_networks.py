"""The two networks of `gan`: one draws pictures of music from noise, the other tells whether a picture is of real music.

Pictures are (N, C, 32, 128), 32 steps of 128 keys: a channel a part, what sounds. Those of the repaired networks have five
more, what is struck, and show seven octaves, 84 keys. Both ways have six layers, of which the judge's mirror the painter's.
The layers of the original grow a picture as one of a face, doubling height and width; ours grow bars into steps, and octaves,
each a whole, into keys.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from bandmate.codecs.roll import BLOCK, KEYS, ONSET, PARTS, PITCHED

OCTAVE = 12
Pair = tuple[int, int]
CHORDS, HARMONY = 8, 64  # stretches of four steps that share their tones; width of what chooses these
LEAST = 1e-4  # how often a key sounds that was not heard yet


class Shape(NamedTuple):
    """A layer: steps and keys that it spans, how far it moves, and what is cut from the edges."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)


DOUBLING = (Shape((2, 4), (1, 1)), *[Shape((4, 4), (2, 2), (1, 1))] * 4, Shape((1, 4), (1, 2), (0, 1)))
OCTAVES = (Shape((4, 3), (1, 1)), Shape((1, 3), (1, 2)), *[Shape((4, 1), (2, 1), (1, 0))] * 3, Shape((1, OCTAVE), (1, OCTAVE)))
"""From four bars and the low, the middle and the high to 7 octaves, then to steps, then to keys."""
LOW, HIGH = 24, 108
"""The keys of these octaves, from C1 up to B7."""


class Painter(nn.Module):
    """The generator: noise (N, Z) to pictures.

    In ours, the four pitched parts agree by construction: which of the twelve tones are wanted in half a bar is said to all.
    """

    def __init__(self, noise: int, width: int, original: bool) -> None:
        super().__init__()
        shapes = DOUBLING if original else OCTAVES
        factors = (16, 8, 4, 2, 1) if original else (16, 8, 8, 6, 4)
        self.original = original
        channels = [noise, *(width * factor for factor in factors), len(PARTS) * (1 if original else 2)]
        layers: list[nn.Module] = []
        for shape, one, other in zip(shapes, channels[:-1], channels[1:], strict=True):
            layers += [nn.ConvTranspose2d(one, other, *shape), nn.BatchNorm2d(other), nn.PReLU()]
        self.layers = nn.Sequential(*layers[:-2 if original else -3])
        if not original:
            self.keys = nn.Linear(channels[-2], channels[-1] * OCTAVE)  # of an octave: a deconvolution, quicker
            nn.init.normal_(self.keys.weight, std=(channels[-2] / 2) ** -0.5)
            self.register_buffer("height", torch.zeros(channels[-1], 1, HIGH - LOW))
            self.height: Tensor
            choice = nn.Linear(HARMONY, CHORDS * OCTAVE)
            nn.init.normal_(choice.weight, std=(HARMONY / 6) ** -0.5)
            self.tones = nn.Sequential(nn.Linear(noise, HARMONY), nn.PReLU(), choice)

    def begin(self, usual: Tensor) -> None:
        """Let each key sound as often (C, 84) as in real music, by chance, before anything is learnt."""
        if not self.original:
            self.height.copy_(torch.special.ndtri(usual.clamp(LEAST, 1 - LEAST))[:, None])
            self.height[:PITCHED] *= 2 ** 0.5  # their logits vary twice as much: by the keys, and by the tones

    def logits(self, noise: Tensor) -> Tensor:
        """Return how much each cell of pictures wants to be on."""
        drawn = self.layers(noise[..., None, None])
        if self.original:
            return drawn
        keys = self.keys(drawn.permute(0, 2, 3, 1)).unflatten(-1, (-1, OCTAVE))  # (N, 32, 7, C, 12)
        wanted = keys.permute(0, 3, 1, 2, 4).flatten(-2) + self.height
        tones = self.tones(noise).view(len(noise), 1, CHORDS, OCTAVE).repeat_interleave(BLOCK // CHORDS, 2)
        sounds = wanted[:, :PITCHED] + tones.repeat(1, 1, 1, wanted.shape[-1] // OCTAVE)
        return torch.cat([sounds, wanted[:, PITCHED:]], 1)

    def forward(self, noise: Tensor) -> Tensor:
        """Draw pictures: of the original's, cells are between 0 and 1; ours are on or off, and what is struck sounds.

        Gradients pass through the decision as if the chance had been drawn (straight-through: Bengio et al. 2013, arXiv
        1308.3432; for music Dong and Yang 2018, arXiv 1804.09399).
        """
        logits = self.logits(noise)
        if self.original:
            return logits.sigmoid()
        sounds, struck = Decide.apply(logits).chunk(2, 1)
        return torch.cat([sounds, struck * sounds], 1)


class Decide(torch.autograd.Function):
    """On (1) for logits above 0, else off (0); gradients pass as through a sigmoid."""

    @staticmethod
    def forward(context: Any, logits: Tensor) -> Tensor:
        context.save_for_backward(logits)
        return (logits > 0).float()

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Tensor:
        chances = context.saved_tensors[0].sigmoid()
        return slope * chances * (1 - chances)


class Judge(nn.Module):
    """The discriminator, or critic: pictures to one number each (N,)."""

    def __init__(self, width: int, norm: Literal["batch", "spectral", "none"], original: bool) -> None:
        super().__init__()
        shapes = (DOUBLING if original else OCTAVES)[::-1]
        factors = (1, 2, 4, 8, 16) if original else (4, 6, 8, 8, 16)
        channels = [len(PARTS) * (1 if original else 2), *(width * factor for factor in factors)]
        layers: list[nn.Module] = []
        for number, shape in enumerate(shapes[:-1]):
            layer: nn.Module = nn.Conv2d(channels[number], channels[number + 1], *shape)
            if not (original or number):
                layer = nn.Linear(channels[0] * OCTAVE, channels[1])  # of an octave: a convolution, quicker
            layers.append(spectral_norm(layer) if norm == "spectral" else layer)
            if norm == "batch" and number:
                layers.append(nn.BatchNorm2d(channels[number + 1]))
            layers.append(nn.PReLU())
        self.first, self.layers = nn.Sequential(*layers[:2]), nn.Sequential(*layers[2:])
        self.original = original
        last = nn.Conv2d(channels[-1] + (not original), 1, *shapes[-1])
        self.last = spectral_norm(last) if norm == "spectral" else last

    def look(self, pictures: Tensor) -> Tensor:
        """Return what the first layer sees."""
        if self.original:
            return self.first(pictures)
        octaves = pictures.unflatten(-1, (-1, OCTAVE)).permute(0, 2, 3, 1, 4)
        return self.first(octaves.flatten(-2)).permute(0, 3, 1, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge pictures together: ours are also told how much those of the batch differ, so that likeness is seen
        (Karras et al. 2018, arXiv 1710.10196)."""
        seen = self.layers(self.look(pictures))
        if not self.original:
            spread = (seen.var(0, correction=0) + 1e-8).sqrt().mean()
            seen = torch.cat([seen, spread.expand(len(seen), 1, *seen.shape[2:])], 1)
        return self.last(seen).view(-1)


def picture(blocks: Tensor, original: bool) -> Tensor:
    """Return ids (N, 5, 32, 128) as a picture for the networks, original or ours."""
    if original:
        return (blocks >= ONSET).float()
    seen = blocks[..., LOW:HIGH]
    return torch.cat([seen >= ONSET, seen == ONSET], 1).float()


def whole(chances: Tensor) -> Tensor:
    """Return chances of a picture's cells for all keys: (N, C, 32, 128), none beyond its edges."""
    return chances if chances.shape[-1] == KEYS else F.pad(chances, (LOW, KEYS - HIGH))


def gradient_penalty(judge: nn.Module, real: Tensor, false: Tensor) -> Tensor:
    """Return how far the judge's slope is from 1 between real and false pictures: the mean of (|slope| - 1)^2, zero for a
    judge of slope 1 (Gulrajani et al. 2017, arXiv 1704.00028)."""
    where = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    between = (where * real + (1 - where) * false).detach().requires_grad_()
    [slope] = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def variety(pictures: Tensor) -> Tensor:
    """Return in how many cells two of some pictures (N, ...) of cells 0 or 1 differ: the mean over all pairs."""
    share = pictures.flatten(1).mean(0)
    return 2 * (share * (1 - share)).sum() * len(pictures) / max(len(pictures) - 1, 1)

