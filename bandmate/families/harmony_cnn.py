"""Harmony CNN: a convolutional network goes on with the piano's melody, and four more play to it.

The melody's network sees four bars of the piano and writes the next four; those of guitar, bass, strings and drums see the new
four bars of the piano and their own last ones. The first system of this kind (size "original") took what was surer than a
threshold: its parts fitted together, but whatever it began with, it soon wrote nearly the same. In the repaired one each part
has a whim of its own, noise whose meaning is learnt as in a conditional VAE (Sohn et al. 2015); keys are struck and held, and
drawn by chance; strikes weigh more than silence while it learns; and each bar may be taken up again.
"""

from __future__ import annotations

from typing import Annotated, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import bandmate.codecs.codec as codecs
from bandmate import model, sampling
from bandmate.codecs.roll import BLOCK, KEYS, OFF, ONSET, PARTS, PITCHED, Roll
from bandmate.families import harmony_networks
from bandmate.families.concord import Concord
from bandmate.families.harmony_networks import PartNetwork, draw
from bandmate.families.roll_blocks import Moment, articulated, begin, blocks_of, empty, kept, read, write
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

MELODY = 0  # number of the part
SKETCH = 0.01  # share of the keys of the noise that the original begins with, if nothing is given
BLOCKS = {"length": 4 * BLOCK, "clip": 500.0, "evaluate_every": 1000, "keep_every": 1000}


class HarmonyCnnConfig(Settings):
    """What shapes the weights of `harmony_cnn`."""

    width: Annotated[int, Field(ge=1)] = 32
    """Channels of the first convolution, a quarter of those of the last."""
    noise: Annotated[int, Field(ge=0)] = 16
    """Numbers of each part's whim; 0 is the original: no whim, and nothing drawn by chance."""
    weight: Annotated[float, Field(ge=1)] = 2.0
    """How much a strike weighs beside silence while it learns (not original)."""
    free: Annotated[float, Field(ge=0)] = 0.05
    """Nats that each number of a whim may tell at no cost while it learns."""


class HarmonyCnnOptions(model.Options):
    """What a person may turn."""

    IDLE = ("top_k", "top_p", "min_p")

    whim: Annotated[float, Field(ge=0, le=3)] = 1.0
    """How far each part's whim goes: 0 is the middle way, 1 is as learnt, more is wilder (not original)."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """How sure the original is of a key that sounds; a lower one lets more sound."""


class HarmonyCnn(Model):
    """The model: see the top of this file."""

    Config = HarmonyCnnConfig
    Options = HarmonyCnnOptions
    Codec = Roll
    SIZES = {
        "tiny": Size(config={"width": 4, "noise": 4}, training={"steps": 200, **BLOCKS, "batch": 4, "lr": 3e-3}),
        "small": Size(training={"steps": 3000, **BLOCKS, "batch": 8, "lr": 2e-3}),
        "medium": Size(config={"width": 64, "noise": 32}, training={"steps": 20_000, **BLOCKS, "batch": 16, "lr": 1e-3}),
        "original": Size(config={"width": 64, "noise": 0},
                         training={"steps": 3000, **BLOCKS, "batch": 8, "lr": 1e-3, "transpose": 0}),
    }

    config: HarmonyCnnConfig
    codec: Roll

    def __init__(self, config: HarmonyCnnConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        self.networks = nn.ModuleList([
            PartNetwork(1 if part == MELODY else 2, 3 if part == MELODY else 1, config.width, config.noise, self.codec.bar)
            for part in range(len(PARTS))])
        self.concord = nn.ModuleList([Concord(2) for _ in range(1, PITCHED)] if config.noise else [])

    # Learning

    def pairs(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return blocks that follow each other in rows (B, T, 640): two times ids (N, 5, 32, 128).

        The first of each window follows silence, so that beginnings are learnt; not of the original, which goes on only.
        """
        blocks, music = blocks_of(ids)
        if self.config.noise:
            blocks = torch.cat([torch.full_like(blocks[:, :1], OFF), blocks], 1)
            music = torch.cat([torch.ones_like(music[:, :1]), music], 1)
        whole = music.all(-1)
        follow = whole[:, :-1] & whole[:, 1:] & (blocks[:, 1:] >= ONSET).flatten(2).any(-1)
        return blocks[:, :-1][follow], blocks[:, 1:][follow]

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        last, new = self.pairs(batch["ids"])
        if not len(new):
            return {"loss": torch.stack([weight.sum() for weight in self.parameters()]).sum() * 0.0}
        told = [self.part_losses(part, last[:, part], new) for part in range(len(PARTS))]
        losses = {name: torch.stack([one[name] for one in told]).sum() for name in told[0]}
        return {"loss": torch.stack(list(losses.values())).sum(), **{name: loss.detach() for name, loss in losses.items()}}

    def part_losses(self, part: int, own: Tensor, all_new: Tensor) -> dict[str, Tensor]:
        """Return the mean nats of a part's new blocks, and of its whims: its last blocks, ids (N, 32, 128), and the new ones
        of all, ids (N, 5, 32, 128)."""
        network, new = cast(PartNetwork, self.networks[part]), all_new[:, part]
        seen = network.seen([own] if part == MELODY else [all_new[:, MELODY], own])
        if not self.config.noise:
            sounds = (new >= ONSET).float()
            return {"notes": F.binary_cross_entropy_with_logits(network(seen, own)[..., 0], sounds, reduction="none")
                    .sum((1, 2)).mean()}
        mean, spread = network.whim(seen, new)
        logits = network(seen, own, mean + (spread / 2).exp() * torch.randn_like(mean))
        logits = self.leaned(part, logits, all_new)
        told = (mean.square() + spread.exp() - spread - 1).mean(0) / 2
        return {"notes": harmony_networks.nats(logits, new, own, self.config.weight).mean(),
                "whims": told.clamp(min=self.config.free).sum()}

    def leaned(self, part: int, logits: Tensor, new: Tensor) -> Tensor:
        """Lean the logits (N, 32, 128, C) of a part to what sounds in the pitched parts before it, ids (N, 5, 32, 128)."""
        if not MELODY < part < PITCHED:
            return logits
        return logits + self.concord[part - 1](new[:, :part] >= ONSET).permute(0, 2, 3, 1)

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        if options.top_k or options.min_p:
            raise UserError("the family 'harmony_cnn' draws each key by itself, so that there are no likeliest ids to draw "
                            "from; leave top_k and min_p out, and set temperature, whim or threshold")
        grammar = begin(self.codec, options, prompt)
        player = Player(self, options if isinstance(options, HarmonyCnnOptions) else HarmonyCnnOptions(**options.model_dump()),
                        grammar.rows)
        with sampling.quietly(self):
            ids = write(grammar, player.start(), player.propose, options.candidates, progress)
        return read(grammar, kept(grammar, ids, player.surprise, options.candidates))


class Player:
    """What plays some streams, block after block: stream n throws as seed + n would alone."""

    def __init__(self, family: HarmonyCnn, options: HarmonyCnnOptions, streams: int) -> None:
        self.family, self.options, self.config = family, options, family.config
        self.dice = [np.random.default_rng(options.seed + n) for n in range(streams)]
        self.device = next(family.parameters()).device
        self.surprise = torch.zeros(streams, device=self.device)
        """Nats of all that each stream has drawn."""

    def start(self) -> Tensor:
        """Return what music without a beginning goes on from: silence, or scattered notes for the original."""
        silence = empty(len(self.dice), self.device)
        if self.config.noise:
            return silence
        return torch.where(self.throw(*silence.shape[1:]) < SKETCH, ONSET, silence)

    def propose(self, moment: Moment) -> tuple[Tensor, Tensor]:
        """Write the melody's next block, unless it is given, then what the others play to it."""
        new, wishes = moment.last.clone(), torch.zeros(moment.last.shape, device=self.device)
        for part in range(len(PARTS)):
            new[:, part], wishes[:, part] = self.play(part, moment.last[:, part], new)
            if moment.played[part]:
                new[:, part] = moment.given[part]
        return new, wishes

    def play(self, part: int, own: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
        """Return a part's next block, ids (B, 32, 128), and how much each cell wants to sound; ``new`` has those before it."""
        network = cast(PartNetwork, self.family.networks[part])
        seen = network.seen([own] if part == MELODY else [new[:, MELODY], own])
        if not self.config.noise:
            chances = network(seen, own)[..., 0].sigmoid()
            sounds = chances > self.options.threshold
            return articulated(sounds, torch.zeros_like(sounds), own), chances
        whim = np.stack([one.standard_normal(self.config.noise, np.float32) for one in self.dice])
        logits = network(seen, own, torch.from_numpy(whim).to(self.device) * self.options.whim)
        logits = self.family.leaned(part, logits, new)
        drawn = draw(logits, own, self.throw(BLOCK, KEYS), self.config.weight, self.options.temperature)
        self.surprise += harmony_networks.nats(logits, drawn, own, 1.0)
        return drawn, logits[..., 0]

    def throw(self, *shape: int) -> Tensor:
        """Throw numbers between 0 and 1 for each stream: (B, *shape)."""
        return torch.from_numpy(np.stack([one.random(shape, np.float32) for one in self.dice])).to(self.device)
