"""GAN: a painter draws four bars for five instruments from noise, and a judge learns to tell them from real music.

The first network of this kind for five instruments (size "original") had six layers a side, PReLU, batch norm and Adam;
label smoothing and feature matching (MidiNet: Yang et al. 2017, arXiv 1703.10847), and a judge that learns faster than the
painter (TTUR: Heusel et al. 2017, arXiv 1706.08500). It fell to drawing the same music whatever the noise. The repaired one
has a hinge loss with spectral norm (Miyato et al. 2018, arXiv 1802.05957), or Wasserstein's with a gradient penalty; cells
that are on or off while it learns; a judge that sees likeness; and composes with the painter's mean over its last steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

import bandmate.codecs.codec as codecs
from bandmate import model, sampling
from bandmate.codecs.roll import ONSET, PARTS, Roll
from bandmate.families.gan_networks import Judge, Painter, gradient_penalty, picture, variety, whole
from bandmate.families.roll_blocks import Moment, articulated, begin, blocks_of, empty, read, write
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

SMOOTH = 0.1  # labels of the original: false 0 to 0.1, real 0.9 to 1
MATCH_SEEN, MATCH_PICTURE = 0.1, 0.01  # weights of feature matching
SEARCH_STEPS, SEARCH_RATE = 60, 0.1  # for the noise that fits a given block
BLOCKS = {"length": 32, "batch": 32, "warmup": 0, "evaluate_every": 1000, "keep_every": 1000}


class GanConfig(Settings):
    """What shapes the weights of `gan`."""

    game: Literal["hinge", "wasserstein", "original"] = "hinge"
    """What painter and judge play for: a hinge loss with spectral norm, Wasserstein's distance with a gradient penalty, or
    the original's chances."""
    noise: Annotated[int, Field(ge=1)] = 100
    """Numbers that a picture is drawn from."""
    width: Annotated[int, Field(ge=1)] = 8
    """Channels, a sixteenth of the widest layer's."""
    judgings: Annotated[int, Field(ge=1)] = 1
    """Steps of the judge to one of the painter."""
    judge_rate: Annotated[float, Field(gt=0)] = 2.0
    """Learning rate of the judge, as a multiple of the painter's."""
    penalty: Annotated[float, Field(ge=0)] = 10.0
    """Weight of the gradient penalty (wasserstein)."""
    likeness: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the penalty for pictures that are more alike than those of real music (not original)."""
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """What the composing painter keeps of itself at each step; 0 composes with the painter as it is."""


class GanOptions(model.Options):
    """What a person may turn: noise here, as nothing is drawn note by note."""

    IDLE = ("top_k", "top_p", "min_p")

    temperature: Annotated[float, Field(ge=0, le=5)] = 1.0
    """How far the noise goes: 0 always writes the same, 1 is as learnt, more is wilder."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How sure the painter is of a note that sounds; a lower one lets more sound."""
    change: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How much each four bars differ from those before: 0 repeats them, 1 begins anew."""


class Gan(Model):
    """The model: see the top of this file."""

    Config = GanConfig
    Options = GanOptions
    Codec = Roll
    SIZES = {
        "tiny": Size(config={"width": 2}, training={"steps": 200, **BLOCKS, "lr": 1e-3}),
        "small": Size(training={"steps": 4000, **BLOCKS, "lr": 4e-4}),
        "medium": Size(config={"width": 24}, training={"steps": 40_000, **BLOCKS, "batch": 64, "lr": 2e-4}),
        "wasserstein": Size(config={"game": "wasserstein", "judgings": 5, "judge_rate": 1.0},
                            training={"steps": 2000, **BLOCKS, "batch": 160, "lr": 2e-4}),
        "original": Size(config={"game": "original", "memory": 0.0},
                         training={"steps": 4000, **BLOCKS, "transpose": 0, "lr": 2e-4, "clip": 1e6}),
    }

    config: GanConfig
    codec: Roll
    steps: Tensor

    def __init__(self, config: GanConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        self.original = config.game == "original"
        self.painter = Painter(config.noise, config.width, self.original)
        norm: Any = {"hinge": "spectral", "wasserstein": "none", "original": "batch"}[config.game]
        self.judge = Judge(config.width, norm, self.original)
        self.steady = copy.deepcopy(self.painter).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    # Learning

    def real(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the blocks of a batch of rows (B, T, 640) as pictures, without what is silent."""
        blocks, music = blocks_of(batch["ids"])
        pictures = picture(blocks[music.all(-1)], self.original)
        return pictures[pictures.flatten(1).any(1)]

    def paint(self, like: Tensor) -> Tensor:
        """Draw as many pictures as there are of others."""
        return self.painter(torch.randn(len(like), self.config.noise, device=like.device))

    def judge_loss(self, real: Tensor, false: Tensor) -> Tensor:
        """Return what the judge is to lower."""
        true, untrue = self.judge(real), self.judge(false)
        if self.config.game == "hinge":
            return F.relu(1 - true).mean() + F.relu(1 + untrue).mean()
        if self.config.game == "wasserstein":
            return untrue.mean() - true.mean() + self.config.penalty * gradient_penalty(self.judge, real, false)
        return (F.binary_cross_entropy_with_logits(true, 1 - SMOOTH * torch.rand_like(true))
                + F.binary_cross_entropy_with_logits(untrue, SMOOTH * torch.rand_like(untrue)))

    def painter_loss(self, real: Tensor, false: Tensor) -> Tensor:
        """Return what the painter is to lower."""
        opinion = self.judge(false)
        if not self.original:
            return self.config.likeness * F.relu(1 - variety(false) / variety(real)).square() - opinion.mean()
        seen, picture = (x.mean(0).sub(y.mean(0)).square().sum() / 2
                         for x, y in ((self.judge.look(real), self.judge.look(false)), (real, false)))
        return F.softplus(-opinion).mean() + MATCH_SEEN * seen + MATCH_PICTURE * picture

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        real = self.real(batch)
        false = self.paint(real)
        return {"loss": self.painter_loss(real, false), "judge": self.judge_loss(real, false.detach())}

    def optimizers(self, lr: float) -> list[Optimizer]:
        betas = {"hinge": (0.0, 0.9), "wasserstein": (0.5, 0.9), "original": (0.5, 0.999)}[self.config.game]
        return [Adam(self.painter.parameters(), lr=lr, betas=betas),
                Adam(self.judge.parameters(), lr=lr * self.config.judge_rate, betas=betas)]

    def step(self, batch: dict[str, Tensor], optimizers: list[Optimizer],
             backward: Callable[[Tensor], None]) -> dict[str, Tensor]:
        """Let the judge learn, each time from its share of the batch, then the painter once."""
        painter, judge = optimizers
        real = self.real(batch)
        if not self.steps:
            self.painter.begin(real.mean((0, 2)))
        shares = real.chunk(self.config.judgings)
        for share in shares:
            with torch.no_grad():
                false = self.paint(share)
            judge.zero_grad(set_to_none=True)
            judged = self.judge_loss(share, false)
            backward(judged)
            judge.step()
        judge.zero_grad(set_to_none=True)
        painter.zero_grad(set_to_none=True)
        self.judge.requires_grad_(False)
        false = self.paint(shares[0])
        loss = self.painter_loss(shares[0], false)
        backward(loss)
        self.judge.requires_grad_(True)
        painter.step()
        self.follow()
        on = (false.detach() > 0.5).float()
        return {"loss": loss, "judge": judged, "variety": variety(on) / variety(shares[0]),
                "cells": on.sum() / shares[0].sum()}

    @torch.no_grad()
    def follow(self) -> None:
        """Let the composing painter follow the one that learns."""
        self.steps += 1
        keep = min(self.config.memory, 1 - 10 / (9 + float(self.steps)))
        for mine, theirs in zip(self.steady.state_dict().values(), self.painter.state_dict().values(), strict=True):
            if mine.is_floating_point() and keep > 0:
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        if options.top_k or options.min_p:
            raise UserError("the family 'gan' draws noise, not notes, so that there are no likeliest ids to draw from; leave "
                            "top_k and min_p out, and set temperature or threshold")
        grammar = begin(self.codec, options, prompt)
        walk = Walk(self, options if isinstance(options, GanOptions) else GanOptions(**options.model_dump()), grammar.rows)
        with sampling.quietly(self):
            ids = write(grammar, empty(grammar.rows, self.steps.device), walk.propose, options.candidates, progress)
            dislike = -self.liked(ids).cpu().numpy() if options.candidates > 1 else np.zeros(len(ids))
        return read(grammar, ids[sampling.kept(grammar, list(ids.cpu().numpy()), dislike, options.candidates)])

    @torch.inference_mode()
    def liked(self, ids: Tensor) -> Tensor:
        """Return how well the judge likes each of some streams (B, T, 640): one by one, so that it is all the same who is
        judged with whom."""
        return torch.stack([torch.cat([self.judge(picture(block, self.original)) for block in blocks.split(1)]).mean()
                            for blocks in blocks_of(ids)[0]])


class Walk:
    """The noise of some streams, that goes a little further with each block: stream n walks as seed + n would alone."""

    def __init__(self, gan: Gan, options: GanOptions, streams: int) -> None:
        self.gan, self.options = gan, options
        self.random = [np.random.default_rng(options.seed + n) for n in range(streams)]
        self.noise = self.step()

    def step(self) -> Tensor:
        """Draw noise (B, Z)."""
        size = self.gan.config.noise
        drawn = np.stack([random.standard_normal(size, np.float32) for random in self.random])
        return torch.from_numpy(drawn).to(self.gan.steps.device) * self.options.temperature

    def propose(self, moment: Moment) -> tuple[Tensor, Tensor]:
        """Paint the next block: from noise near that of the block before, or near that which fits what is given."""
        if moment.number:
            self.go_on()
        elif (moment.last >= ONSET).any():
            self.noise = fitting(self.gan.steady, self.noise, moment.last)
            self.go_on()
        if moment.played.any():
            self.noise = fitting(self.gan.steady, self.noise, moment.given.expand_as(moment.last), moment.played)
        chances = whole(self.gan.steady.logits(self.noise).sigmoid())
        sounds, *struck = (chances > self.options.threshold).chunk(1 if self.gan.original else 2, 1)
        strikes = struck[0] if struck else torch.zeros_like(sounds)
        return articulated(sounds, strikes, moment.last), chances[:, :len(PARTS)]

    def go_on(self) -> None:
        """Walk: near 0, the noise stays; at 1, it is new."""
        change = self.options.change
        self.noise = (1 - change ** 2) ** 0.5 * self.noise + change * self.step()


def fitting(painter: Painter, noise: Tensor, blocks: Tensor, parts: Tensor | None = None) -> Tensor:
    """Return noise (B, Z) from which the painter draws ``blocks``, ids (B, 5, 32, 128), as nearly as a short search finds it;
    only some ``parts``, bool (5,), count."""
    with torch.inference_mode(False), torch.enable_grad():
        found, target = noise.clone().requires_grad_(), picture(blocks.clone(), painter.original)[:, :len(PARTS)]
        weights = torch.ones(len(PARTS)) if parts is None else parts.clone().float()
        search = Adam([found], lr=SEARCH_RATE)
        for _ in range(SEARCH_STEPS):
            misses = F.binary_cross_entropy_with_logits(painter.logits(found)[:, :len(PARTS)], target, reduction="none")
            loss = (misses.sum((2, 3)) * weights.to(misses)).sum() + found.square().sum() / 2
            [found.grad] = torch.autograd.grad(loss, found)
            search.step()
    return found.detach()
