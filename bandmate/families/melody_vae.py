"""Melody VAE: two bars of one line as a point in a small space, and back.

After MusicVAE (Roberts et al. 2018, arXiv 1803.05428): at each sixteenth a melody strikes a key, holds it, or rests, 130
symbols; a variational autoencoder turns 32 of them into latents from which all are read at once. Where MusicVAE reads and
writes with LSTMs of 2048 cells and one latent of 512 numbers, small convolutions do it here, with 16 numbers a quarter. It
learns from the lines of a roll at four steps a quarter: the highest notes of each pitched part.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import bandmate.codecs.codec as codecs
from bandmate import model, sampling
from bandmate.codecs.roll import BLOCK, KEYS, PARTS, PITCHED, Roll
from bandmate.families import roll_blocks
from bandmate.families.melody_lines import FIRST_KEY, SYMBOLS, melodies, played, skyline
from bandmate.families.roll_blocks import Moment
from bandmate.families.vae_part import LEAST_LOG, MOST_LOG, awaken, divergence, drawn
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

QUARTERS = 8
STEPS = BLOCK // QUARTERS
FIRST = 0.05  # share of the KL term in the first step
SPREAD = 0.3  # of the vectors of symbols, by which they are also told apart
WINDOWS = {"length": 8 * BLOCK, "batch": 8, "lr": 4e-3, "evaluate_pieces": 24, "evaluate_every": 250, "keep_every": 500}


class MelodyVaeConfig(Settings):
    """What shapes the weights of `melody_vae`."""

    latent: Annotated[int, Field(ge=1)] = 16
    """Numbers that stand for a quarter of the melody."""
    width: Annotated[int, Field(ge=8)] = 128
    """Channels of the convolutions."""
    kl_weight: Annotated[float, Field(ge=0)] = 0.2
    """Weight of the KL term when it has come in."""
    anneal: Annotated[int, Field(ge=0)] = 500
    """Training steps in which it comes in."""


class MelodyVaeOptions(model.Options):
    """What a person may turn."""

    IDLE = ("temperature", "top_k", "top_p", "min_p", "candidates")

    noise_sd: Annotated[float, Field(ge=0, le=4)] = 0.7
    """How far each two bars move from those before: 0 repeats them, 1 begins anew each time."""


class MelodyVae(Model):
    """The model: see the top of this file."""

    Config = MelodyVaeConfig
    Options = MelodyVaeOptions
    Codec = Roll
    SIZES = {
        "tiny": Size(config={"width": 32, "anneal": 100}, training={"steps": 300, **WINDOWS}),
        "small": Size(training={"steps": 2000, **WINDOWS}),
        "medium": Size(config={"width": 256}, training={"steps": 10_000, **WINDOWS, "lr": 1e-3}),
        "large": Size(config={"width": 512}, training={"steps": 30_000, **WINDOWS, "batch": 32, "lr": 5e-4}),
    }

    config: MelodyVaeConfig
    codec: Roll
    seen: Tensor

    def __init__(self, config: MelodyVaeConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        width = config.width
        self.symbols = nn.Embedding(SYMBOLS, width)
        self.encoder = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1), nn.SiLU(), nn.Conv1d(width, 2 * width, STEPS, STEPS), nn.SiLU(),
            nn.Conv1d(2 * width, 2 * width, 3, padding=1), nn.SiLU(), nn.Conv1d(2 * width, 2 * config.latent, 1))
        self.decoder = nn.Sequential(
            nn.Conv1d(config.latent, 2 * width, 3, padding=1), nn.SiLU(),
            nn.ConvTranspose1d(2 * width, width, STEPS, STEPS), nn.SiLU(), nn.Conv1d(width, width, 3, padding=1), nn.SiLU(),
            nn.Conv1d(width, width, 1))
        self.apply(awaken)
        nn.init.normal_(self.symbols.weight, 0.0, SPREAD)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))  # training steps

    def encode(self, line: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (N, K, 8) of the latents of melodies: symbols (N, 32)."""
        mean, log = self.encoder(self.symbols(line).transpose(1, 2)).chunk(2, 1)
        return mean, log.clamp(LEAST_LOG, MOST_LOG)

    def decode(self, latent: Tensor) -> Tensor:
        """Return the logits (N, 32, 130) of each symbol, of latents (N, K, 8)."""
        return self.decoder(latent).transpose(1, 2) @ self.symbols.weight.T

    # Learning

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        line = melodies(batch["ids"])
        mean, log = self.encode(line)
        logits = self.decode(drawn(mean, log, torch.randn_like(mean)))
        told = F.cross_entropy(logits.flatten(0, 1), line.flatten(), reduction="sum") / max(len(line), 1)
        kl = divergence(mean, log).sum() / max(len(line), 1)
        share = min(1.0, FIRST + float(self.seen) / self.config.anneal) if self.config.anneal else 1.0
        return {"loss": told + self.config.kl_weight * share * kl, "reconstruction": told.detach(), "kl": kl.detach()}

    def step(self, batch: dict[str, Tensor], *rest: Any) -> dict[str, Tensor]:
        self.seen += 1
        return super().step(batch, *rest)

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Bound the nats from above: those of a draw from the latents, and the KL divergence."""
        line = melodies(batch["ids"])
        mean, log = self.encode(line)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0)).to(mean)
        logits = self.decode(drawn(mean, log, noise))
        told = F.cross_entropy(logits.flatten(0, 1), line.flatten(), reduction="sum")
        return {"nats": told + divergence(mean, log).sum(), "notes": (line >= FIRST_KEY).sum().float()}

    def start_from(self, other: Model) -> None:
        super().start_from(other)
        self.seen.zero_()

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        grammar = roll_blocks.begin(self.codec, options, prompt)
        named = np.flatnonzero(grammar.required)
        if len(named) > 1 or PITCHED in named:
            raise UserError("the family 'melody_vae' writes one line; one pitched instrument was expected; name that alone, or "
                            "take a model of the family 'vae'")
        free = [part for part in grammar.programs if part < PITCHED and grammar.free[:, part].any()]
        part = int(named[0]) if len(named) else free[0]
        spread = float(getattr(options, "noise_sd", MelodyVaeOptions().noise_sd))
        randoms = [np.random.default_rng(options.seed + n) for n in range(grammar.rows)]
        device = self.symbols.weight.device

        def propose(moment: Moment) -> tuple[Tensor, Tensor]:
            """Move on from the two bars before, along a circle on which latents stay as large as they are."""
            latent = self.encode(skyline(moment.last[:, part]))[0]
            noise = torch.from_numpy(np.stack([random.standard_normal(latent.shape[1:]) for random in randoms])).to(latent)
            share = min(spread, 1.0)
            chances = self.decode((1 - share ** 2) ** 0.5 * latent + spread * noise).softmax(-1)
            wishes = torch.zeros(grammar.rows, len(PARTS), BLOCK, KEYS, device=device)
            wishes[:, part] = chances[..., FIRST_KEY:]
            keys = played(chances.argmax(-1), moment.last[:, part])
            ids = roll_blocks.empty(grammar.rows, device)
            ids[:, part] = keys
            return ids, wishes

        with sampling.quietly(self), torch.inference_mode():
            start = roll_blocks.empty(grammar.rows, device)
            first = torch.from_numpy(np.stack([random.standard_normal((self.config.latent, QUARTERS)) for random in randoms]))
            symbols = self.decode(first.to(device, torch.float32)).argmax(-1)
            start[:, part] = played(symbols, start[:, part])
            ids = roll_blocks.write(grammar, start, propose, options.candidates, progress)
        return roll_blocks.read(grammar, ids[::options.candidates])
