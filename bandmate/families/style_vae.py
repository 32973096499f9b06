"""Style VAE: four bars as content and style, each a latent of its own, so that a style can be chosen, mixed or exchanged.

A sequence VAE after Style-conditioned Music Generation (Lim, Chan and Loo 2020, ICME). An encoder hears four bars from both
ends and says where their content lies, 120 numbers with a spread, and which style they have; of each style a codebook learns 80
numbers. Both together start a decoder that writes the bars row after row: key, wait and length of each note. Its cells are GRUs
here, or LSTMs with normed sums; the original's were HyperLSTMs.

The size "original" has the original's widths, losses and cold soft draws of the style (Gumbel-softmax). Ours draws one style
alone and passes the gradient straight through, gets colder in learning, tells the decoder the latent and the time with every
row, and hides some rows from it, so that it needs the latent; holds contents of different styles together while learning, and
when composing counts them from the home of their style (see ``style_vae_homes``). "one-hot" is the baseline that is told the
true style as a bare label; "adversarial" takes the style out of the content (see ``style_vae_adversary``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

import bandmate.codecs.codec as codecs
from bandmate import model, sampling
from bandmate.codecs.onsets import Onsets
from bandmate.families import style_vae_parts as parts
from bandmate.families.style_vae_adversary import Adversary, turn
from bandmate.families.style_vae_cells import Cell
from bandmate.families.style_vae_homes import BATCH, LONGEST, PIECES, Homes, settle
from bandmate.families.style_vae_writer import Writer, mixed
from bandmate.families.vae_part import divergence, drawn
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings

FIRST = 0.05  # share of the KL term in the first step
UNTOLD = "untold"
"""The one style of a model that was told none."""

STRETCHES = {"batch": 32, "length": 112, "pool": 1, "lr": 2e-3, "transpose": 5, "keep_header": 1.0, "evaluate_pieces": 60,
             "evaluate_every": 500, "keep_every": 500}
SMALL = {"width": 192, "hearing": 96, "content": 64}


class StyleVaeConfig(Settings):
    """What shapes the weights of `style_vae`."""

    cell: Cell = "gru"
    """Cells of the recurrent layers: GRUs, or LSTMs with normed sums."""
    width: Annotated[int, Field(ge=4)] = 256
    """Width of the layers of the decoder."""
    hearing: Annotated[int, Field(ge=4)] = 192
    """Width of the layers of the encoder, in each direction."""
    layers: Annotated[int, Field(ge=1)] = 2
    """Layers of the encoder, and of the decoder."""
    embedding: Annotated[int, Field(ge=4)] = 32
    """Width of the vector that is learnt for each key."""
    content: Annotated[int, Field(ge=1)] = 120
    """Numbers that stand for the content of four bars."""
    style: Annotated[int, Field(ge=1)] = 80
    """Numbers that stand for a style."""
    condition: Literal["codebook", "label"] = "codebook"
    """What the decoder is told of the style: its row of a learnt codebook, or the bare label (the baseline)."""
    joined: bool = True
    """Whether the decoder is told the latent with every row; if not, at the start alone."""
    chained: bool = True
    """Whether the wait is judged by the key, and the length by both; if not, each by itself."""
    clock: bool = True
    """Whether each row says where in the bars its note begins."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of units that fall silent in training."""
    hidden: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of rows that are hidden from the decoder in training."""
    key_weight: Annotated[float, Field(gt=0)] = 3.0
    """How much more a key counts than a wait or a length."""
    kl_weight: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the KL term when it has come in: beta."""
    per: Literal["row", "latent"] = "row"
    """Whether the KL term is counted a row of music, or a latent, as in the original."""
    anneal: Annotated[int, Field(ge=0)] = 1000
    """Training steps in which the KL term comes in: along a line (row), or the constant k of a sigmoid (latent)."""
    spread: Annotated[float, Field(ge=0)] = 0.5
    """Mean square spread of the contents' means that is kept up, against collapse; 1.3 in the original."""
    taught: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Share of the stretches with a label whose true style the decoder is told in training; else the style that is heard."""
    apart: Annotated[float, Field(ge=0)] = 5.0
    """Weight of the share of the contents' spread that lies between styles, which are to be told by the style alone."""
    homes: bool = True
    """Whether each style has a home among the contents, from which contents are counted when composing; if not, all have the
    same."""
    tau: Annotated[float, Field(gt=0)] = 0.3
    """Temperature of the draws of the style, when it has cooled down."""
    cooling: Annotated[int, Field(ge=0)] = 2000
    """Training steps in which it cools down from 1."""
    straight: bool = True
    """Whether one style alone is drawn, and the gradient passed straight through; if not, all of them a little."""
    adversarial: bool = False
    """Whether a discriminator tries to read the style from the content, and the encoder to take it out."""
    goal: Literal["uniform", "inverted"] = "uniform"
    """What the encoder wants the discriminator to say: that all styles are as likely, or the opposite of the truth."""


class StyleVaeOptions(model.Options):
    """What a person may turn."""

    temperature: Annotated[float, Field(ge=0, le=5)] = 0.6
    """How freely notes are drawn: 0 always takes the likeliest, 1 follows the model, more is wilder."""
    style: str | None = None
    """Style that the model knows (see `bandmate models`), or several with their shares ("bach:0.7,folk:0.3"). Left out, that of
    the content or the prompt; without one, any."""
    content: str | None = None
    """MIDI file whose music to write in another style: its tune stays, its manner changes. Unless said, bars and metre are
    its own."""
    between: tuple[str, ...] = ()
    """Two MIDI files: the content of the new piece goes from that of the first to that of the second."""
    change: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How much each four bars differ from those before: 0 repeats them, 1 begins anew."""
    strength: Annotated[float, Field(ge=0, le=8)] = 1.0
    """How strongly the style is heard: 1 as learnt, 0 not at all, more is more of what sets it apart."""

    @field_validator("between", mode="before")
    @classmethod
    def _paths(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


class StyleVae(Model):
    """The model: see the top of this file."""

    Config = StyleVaeConfig
    Options = StyleVaeOptions
    Codec = Onsets
    SIZES = {
        "tiny": Size(config={"width": 64, "hearing": 48, "layers": 1, "content": 24, "style": 16, "anneal": 100,
                             "cooling": 200},
                     training={"steps": 300, **STRETCHES, "batch": 16, "lr": 4e-3}),
        "small": Size(config=SMALL, training={"steps": 3000, **STRETCHES}),
        "medium": Size(config={"width": 384, "hearing": 256, "content": 96},
                       training={"steps": 12_000, **STRETCHES, "batch": 64, "length": 320, "lr": 1e-3}),
        "one-hot": Size(config={**SMALL, "condition": "label"}, training={"steps": 3000, **STRETCHES}),
        "adversarial": Size(config={**SMALL, "adversarial": True}, training={"steps": 6000, **STRETCHES}),
        "original": Size(config={"cell": "lstm", "width": 512, "hearing": 512, "dropout": 0.2, "joined": False,
                                 "chained": False, "clock": False, "hidden": 0.0, "kl_weight": 0.8, "per": "latent",
                                 "anneal": 1800, "spread": 1.3, "taught": 0.0, "apart": 0.0, "homes": False,
                                 "tau": 0.02, "cooling": 0, "straight": False},
                         training={"steps": 40_000, **STRETCHES, "batch": 64, "length": 512, "lr": 5e-4}),
    }

    config: StyleVaeConfig
    codec: Onsets
    seen: Tensor

    def __init__(self, config: StyleVaeConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        self.styles: tuple[str, ...] = self.codec.labels or (UNTOLD,)
        """The styles, or composers, that the model knows."""
        count = len(self.styles)
        self.rows = parts.Rows(config.embedding, config.clock)
        self.encoder = parts.Encoder(self.rows.size, config.cell, config.hearing, config.layers, config.content, count,
                                     config.dropout)
        book = torch.rand(count, config.style) * 2 - 1 if config.condition == "codebook" else torch.eye(count)
        self.codebook = nn.Parameter(book, requires_grad=config.condition == "codebook")
        self.decoder = parts.Decoder(self.rows.size, config.cell, config.width, config.layers, config.content + book.shape[1],
                                     config.joined, config.chained, config.dropout)
        self.adversary = Adversary(config.content, count, config.goal) if config.adversarial else None
        self.homes = Homes(count, config.content)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))  # training steps

    # Latents

    def hear(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and log variance of the content (B, K), and the logits of styles (B, S), of hidden rows (B, T, 3)."""
        lengths = (ids[..., 0] != self.codec.pad).sum(1).clamp(min=1)
        return self.encoder(self.rows(ids, parts.times(ids)), lengths)

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and log variance of the content (B, K), and the logits of styles (B, S), of stretches (B, T, 3)."""
        return self.hear(parts.hide(ids, self.codec.first)[0])

    def latent(self, content: Tensor, weights: Tensor) -> Tensor:
        """Return what starts the decoder, (B, Z): content (B, K) beside a mix of rows of the codebook, by weights (B, S)."""
        return torch.cat([content, weights.to(self.codebook) @ self.codebook], -1)

    def weights_of(self, text: str) -> Tensor:
        """Read a style, or a mix of several with their shares ("bach:0.7,folk:0.3"): (S,), with the sum 1.

        Raises UserError for a style that the model does not know.
        """
        return torch.tensor(mixed(text, self.styles))

    # Learning

    def nats(self, ids: Tensor, latent: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the surprise in nats, and whether the likeliest was right, of each field of each row but the first:
        (B, T - 1, 3), of hidden rows (B, T, 3) written from latents (B, Z). Padding counts nothing."""
        heard, targets = ids[:, :-1], ids[:, 1:]
        shown, _ = self.decoder(self.rows(heard, parts.times(heard), seen), latent)
        nats = torch.zeros(targets.shape, device=ids.device)
        hits = torch.zeros(targets.shape, dtype=torch.bool, device=ids.device)
        for field in range(3):
            used = targets[..., field] != self.codec.pad
            wanted = targets[used]
            logits = self.decoder.judge(field, shown[used], wanted).float()
            nats[..., field][used] = F.cross_entropy(logits, wanted[:, field], reduction="none")
            hits[..., field][used] = logits.argmax(-1) == wanted[:, field]
        return nats, hits

    def told(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the styles (B, S) that stretches are written in while learning: as labelled, or as heard."""
        heard = parts.likeliest(logits)
        share = 1.0 if self.config.condition == "label" else 0.0
        if self.training and self.config.condition == "codebook":
            heard, share = parts.drawn_style(logits, self.temperature, self.config.straight), self.config.taught
        true = (labels >= 0) & (torch.rand(labels.shape, device=labels.device) < share)
        return torch.where(true[:, None], F.one_hot(labels.clamp(min=0), len(self.styles)).to(heard), heard)

    @property
    def temperature(self) -> float:
        """Temperature of the draws of the style."""
        cooled = min(1.0, float(self.seen) / self.config.cooling) if self.config.cooling else 1.0
        return 1.0 + (self.config.tau - 1.0) * cooled

    def share(self, step: float) -> float:
        """Return the share of the KL term at a training step: along a line, or 1 - k / (k + exp(step / k))."""
        k = self.config.anneal
        if not k:
            return 1.0
        if self.config.per == "row":
            return min(1.0, FIRST + step / k)
        return 1.0 - k / (k + math.exp(min(step / k, 50.0)))

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        ids, labels = parts.hide(batch["ids"], self.codec.first)
        mean, log, logits = self.hear(ids)
        seen = torch.rand(ids.shape[:2], device=ids.device)[:, :-1] >= (self.config.hidden if self.training else 0.0)
        seen[:, 0] = True
        nats, _ = self.nats(ids, self.latent(drawn(mean, log, torch.randn_like(mean)), self.told(logits, labels)), seen)
        rows = (ids[:, 1:, 0] != self.codec.pad).sum().clamp(min=1)
        told = (nats * nats.new_tensor([self.config.key_weight, 1, 1])).sum() / rows
        kl = divergence(mean, log).sum(1).mean()
        counted = kl / self.config.content if self.config.per == "latent" else kl * len(ids) / rows
        known = labels >= 0
        label = F.cross_entropy(logits[known], labels[known], reduction="sum") / known.sum().clamp(min=1)
        kept, told_apart = parts.spread(mean, self.config.spread), parts.apart(mean, labels)
        loss = told + self.config.kl_weight * self.share(float(self.seen)) * counted + label + kept
        loss = loss + self.config.apart * told_apart
        return {"loss": loss, "reconstruction": told.detach(), "kl": kl.detach(), "label": label.detach(),
                "spread": kept.detach(), "apart": told_apart.detach()}

    def optimizers(self, lr: float) -> list[Optimizer]:
        return super().optimizers(lr) if self.adversary is None else self.adversary.optimizers(self, lr)

    def step(self, batch: dict[str, Tensor], optimizers: list[Optimizer],
             backward: Callable[[Tensor], None]) -> dict[str, Tensor]:
        if self.adversary is None:
            losses = super().step(batch, optimizers, backward)
        else:
            losses = turn(self, self.adversary, batch, optimizers, backward)
        self.seen += 1
        return losses

    def settle(self, data: Any) -> None:
        if self.config.homes:
            settle(self, data.pages("train", BATCH, LONGEST, PIECES))

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Bound the nats from above: those of a draw from the content, the KL divergence, and one style of so many. What was
        right is judged from the mean content."""
        ids, labels = parts.hide(batch["ids"], self.codec.first)
        mean, log, logits = self.hear(ids)
        weights = self.told(logits, labels)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0)).to(mean)
        nats, _ = self.nats(ids, self.latent(drawn(mean, log, noise), weights))
        _, hits = self.nats(ids, self.latent(mean, weights))
        bound = nats.sum() + divergence(mean, log).sum() + len(ids) * math.log(len(self.styles))
        sums = {"nats": bound, "notes": self.codec.is_note(batch["ids"].cpu().numpy()).sum()}
        for field, name in enumerate(self.codec.fields):
            sums[f"hits.{name}"] = hits[..., field].sum().float()
            sums[f"count.{name}"] = (ids[:, 1:, field] != self.codec.pad).sum().float()
        return {name: torch.as_tensor(value, dtype=torch.float) for name, value in sums.items()}

    def start_from(self, other: Model) -> None:
        """Take the weights of another model; an adversary that it did not have begins anew."""
        own = {name: value for name, value in self.state_dict().items() if name.startswith("adversary.")}
        self.load_state_dict({**own, **other.state_dict()})
        self.seen.zero_()

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        wish = options if isinstance(options, StyleVaeOptions) else StyleVaeOptions(**options.model_dump())
        writer = Writer(self, wish, prompt)
        streams = sampling.write(writer, writer.grammar, wish, progress)
        return [writer.grammar.piece(stream) for stream in streams]
