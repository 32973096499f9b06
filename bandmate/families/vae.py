"""VAE: five instruments as points in five small spaces, and networks that say where each point goes next.

Each part of a block of 32 steps x 128 keys becomes a few numbers, its latent, through a convolutional variational
autoencoder of its own (see ``vae_part``). MelodyNN says which latent of the piano follows; ConditionalNNs say it of guitar,
bass, strings and drums, each from its own last one and the piano's new one. Noise on the latents gives variety, latents of
other music a manner (see ``vae_manner``).

The size "faithful" has the loss of the first such system, which took keys for brightness, and one channel, so that repeated
and held notes are the same. Ours judges keys as chances, tells struck from held, and lets the KL term come in slowly, with
free nats.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

import bandmate.codecs.codec as codecs
from bandmate import model, sampling
from bandmate.codecs.roll import BLOCK, KEYS, ONSET, PARTS, PITCHED, Roll
from bandmate.families import roll_blocks
from bandmate.families.concord import Concord
from bandmate.families.vae_bank import Bank
from bandmate.families.vae_manner import ATTRIBUTES, LABELS
from bandmate.families.vae_part import Onward, Part, distinct, divergence, drawn
from bandmate.families.vae_writer import Writer
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

WINDOWS = {"length": 4 * BLOCK, "batch": 8, "lr": 2e-3, "transpose": 0,
           "evaluate_pieces": 24, "evaluate_every": 250, "keep_every": 500}
AT_ONCE = 256  # blocks that are encoded together
FAINT = 0.03  # chance of a key below which not even a part that was named plays it
FIRST = 0.1  # share of the KL term in the first step


class VaeConfig(Settings):
    """What shapes the weights of `vae`."""

    latent: Annotated[int, Field(ge=2)] = 16
    """Numbers that stand for a part of a block; 8, 16, 32 and 64 were tried first."""
    width: Annotated[int, Field(ge=4)] = 64
    """Channels of the first convolution; the second has twice as many, the third four times."""
    network: Annotated[int, Field(ge=8)] = 128
    """Width of the networks that go on from latents."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of their units that fall silent in training."""
    loss: Literal["keys", "brightness"] = "keys"
    """Whether keys are off, struck or held, each with a chance, or bright or dark, with one learnt spread for all."""
    positive_weight: Annotated[float, Field(ge=1)] = 3.0
    """How much more a key that sounds weighs than one that does not (keys)."""
    kl_weight: Annotated[float, Field(ge=0)] = 0.2
    """Weight of the KL term when it has come in."""
    anneal: Annotated[int, Field(ge=0)] = 500
    """Training steps in which the KL term comes in."""
    free_nats: Annotated[float, Field(ge=0)] = 0.05
    """Nats of each latent, on average of a batch, that cost nothing."""
    concord: bool = True
    """Whether each part hears the tones of those before it, so that they go together."""
    bank: Annotated[int, Field(ge=0)] = 1024
    """Blocks of the training music that are kept beside the weights, to begin from and as manners."""


class VaeOptions(model.Options):
    """What a person may turn."""

    IDLE = ("top_k", "top_p", "min_p")

    temperature: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Times `noise_sd`: 0 adds no noise."""
    noise_sd: Annotated[float, Field(ge=0, le=4)] = 0.5
    """Spread of the noise that is added to latents; 0.5 to 1 is lively."""
    noise_where: Literal["pre", "post", "both"] = "post"
    """Whether noise is added to what is heard (pre), to what is foretold (post), or to both."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """Keys sound whose chance is above this."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How much of the manner that is named is mixed in: 0 nothing, 1 nothing else."""
    like: tuple[str, ...] = ()
    """MIDI files in whose manner to write."""
    song: str | None = None
    """Title of a song that the model keeps, in whose manner to write. As with style, composer and era, several stand between
    semicolons; all that is named is one source."""
    era: str | None = None
    """Era that the model keeps music of, in whose manner to write."""
    between: tuple[str, ...] = ()
    """Two MIDI files: the new piece goes from the first to the second."""

    @field_validator("like", "between", mode="before")
    @classmethod
    def _paths(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


class Vae(Model):
    """The model: see the top of this file."""

    Config = VaeConfig
    Options = VaeOptions
    Codec = Roll
    SIZES = {
        "tiny": Size(config={"width": 16, "network": 64, "bank": 256, "anneal": 100}, training={"steps": 300, **WINDOWS}),
        "small": Size(config={"width": 32}, training={"steps": 3000, **WINDOWS}),
        "medium": Size(config={"latent": 32}, training={"steps": 6000, **WINDOWS, "batch": 16, "transpose": 6}),
        "large": Size(config={"latent": 64, "width": 128, "network": 256, "bank": 2048},
                      training={"steps": 20_000, **WINDOWS, "batch": 32, "lr": 5e-4, "transpose": 6}),
        "faithful": Size(config={"loss": "brightness", "kl_weight": 1.0, "anneal": 0, "free_nats": 0.0,
                                 "concord": False},
                         training={"steps": 3000, **WINDOWS}),
    }

    config: VaeConfig
    codec: Roll
    seen: Tensor

    def __init__(self, config: VaeConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        self.parts: Any = nn.ModuleList(Part(config.latent, config.width, config.loss == "keys", config.positive_weight)
                                        for _ in PARTS)
        self.concord = nn.ModuleList(Concord(2 if config.loss == "keys" else 1) for _ in range(1, PITCHED) if config.concord)
        self.onward = Onward(len(PARTS), config.latent, config.network, config.dropout)
        self.bank = Bank()
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))  # training steps

    # Learning

    def meet(self, prepared: Any) -> None:
        """Keep some blocks of the music that is about to be learnt from."""
        self.bank.fill(prepared, self.config.bank)
        self.note = f"holds {len(self.bank)} blocks of its training pieces, under their licences" if len(self.bank) else ""

    def told(self, blocks: Tensor, weighted: bool = False, dice: torch.Generator | None = None
             ) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and log variance of the latents of blocks (N, 5, 32, 128), (N, 5, K), and the nats (N, 5, 32) of each
        part and step once latents are drawn from these."""
        found = []
        for number, part in enumerate(self.parts):
            some, place = distinct(blocks[:, number])
            mean, log = part.encode(some)
            noise = torch.randn(mean.shape, generator=dice).to(mean)
            logits = self.leaned(number, part.decode(drawn(mean, log, noise))[place], blocks >= ONSET)
            found.append((mean[place], log[place], part.nats(logits, blocks[:, number], weighted)))
        mean, log, nats = (torch.stack(columns, 1) for columns in zip(*found, strict=True))
        return mean, log, nats

    def latents(self, blocks: Tensor) -> Tensor:
        """Return the mean latents (N, 5, K) of blocks (N, 5, 32, 128), however many."""
        found = []
        for number, part in enumerate(self.parts):
            some, place = distinct(blocks[:, number])
            means = [part.encode(few)[0] for few in some.split(AT_ONCE)]
            found.append(torch.cat([torch.zeros(0, self.config.latent, device=blocks.device), *means])[place])
        return torch.stack(found, 1)

    def leaned(self, number: int, logits: Tensor, sounds: Tensor) -> Tensor:
        """Lean the logits (N, C, 32, 128) of a part to what sounds in the pitched parts before it: bool (N, 5, 32, 128)."""
        if not self.config.concord or not 0 < number < PITCHED:
            return logits
        return logits + self.concord[number - 1](sounds[:, :number])

    def decode(self, latents: Tensor, threshold: float, known: Tensor | None = None, named: Tensor | None = None
               ) -> tuple[Tensor, Tensor, Tensor]:
        """Return which keys sound, part after part, of latents (N, 5, K); whether they are struck; and the chance of each:
        three times (N, 5, 32, 128).

        Keys sound whose chance is above ``threshold``; of a part that is ``named``, bool (5,), fainter ones, too, until it
        plays in a quarter of the steps. Each part hears those before it; of a part that is ``known``, ids (5, 32, 128) that
        are not all off, those.
        """
        sounds = torch.zeros(len(latents), len(self.parts), BLOCK, KEYS, dtype=torch.bool, device=latents.device)
        strikes, chances = sounds.clone(), sounds.float()
        for number, part in enumerate(self.parts):
            logits = self.leaned(number, part.decode(latents[:, number]), sounds)
            chance = chances[:, number] = part.chances(logits)
            limit = chance.new_full((len(latents),), threshold)
            if named is not None and named[number]:
                limit = chance.amax(-1).topk(BLOCK // 4)[0][:, -1].clamp(FAINT, threshold)
            sounds[:, number] = chance >= limit[:, None, None]
            if part.articulate:
                strikes[:, number] = logits[:, 1] > 0
            if known is not None and (known[number] >= ONSET).any():
                sounds[:, number] = known[number] >= ONSET
        return sounds, strikes, chances

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        blocks, music = roll_blocks.blocks_of(batch["ids"])
        there = music.any(-1)
        found, steps = blocks[there], music[there]
        mean, log, nats = self.told(found, weighted=True)
        told = (nats * steps[:, None]).sum((1, 2)).mean()
        kl = divergence(mean, log).mean(0)
        share = min(1.0, FIRST + float(self.seen) / self.config.anneal) if self.config.anneal else 1.0
        cost = self.config.kl_weight * share * kl.clamp(min=self.config.free_nats).sum()
        onward = self._onward(mean.detach(), there)
        return {"loss": told + cost + onward, "reconstruction": told.detach(), "kl": kl.sum().detach(),
                "onward": onward.detach()}

    def _onward(self, mean: Tensor, there: Tensor) -> Tensor:
        """Return how far what is foretold lies from what follows (mean square), of latents (N, 5, K) that are ``there``,
        bool (B, blocks); 0 if nothing follows."""
        latents = mean.new_zeros(*there.shape, *mean.shape[1:])
        latents[there] = mean
        follows = there[:, 1:] & there[:, :-1]
        before, after = latents[:, :-1][follows], latents[:, 1:][follows]
        if not len(before):
            return mean.new_zeros(())
        return (self.onward(before, after[:, 0]) - after).square().sum((1, 2)).mean()

    def step(self, batch: dict[str, Tensor], *rest: Any) -> dict[str, Tensor]:
        self.seen += 1
        return super().step(batch, *rest)

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Bound the nats from above: those of a draw from the latents, and the KL divergence."""
        if self.config.loss != "keys":
            return super().score(batch)
        blocks, music = roll_blocks.blocks_of(batch["ids"])
        found, steps = blocks[music.any(-1)], music[music.any(-1)]
        mean, log, nats = self.told(found, dice=torch.Generator().manual_seed(0))
        return {"nats": (nats * steps[:, None]).sum() + divergence(mean, log).sum(),
                "notes": (batch["ids"] == ONSET).sum().float()}

    def make_room(self, shapes: dict[str, Any]) -> None:
        self.bank.make_room({name.removeprefix("bank."): shape for name, shape in shapes.items() if name.startswith("bank.")})

    def start_from(self, other: Model) -> None:
        weights = other.state_dict()
        self.make_room({name: weight.shape for name, weight in weights.items()})
        self.load_state_dict(weights)
        self.seen.zero_()

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        wish = options if isinstance(options, VaeOptions) else VaeOptions(**options.model_dump())
        self._check(wish)
        plain = wish.replace(**dict.fromkeys(("style", "composer", *ATTRIBUTES)))  # these are in latents, not in the grammar
        grammar = roll_blocks.begin(self.codec, plain, prompt)
        with sampling.quietly(self), torch.inference_mode():
            writer = Writer(self, wish, grammar)
            ids = roll_blocks.write(grammar, writer.start, writer.propose, wish.candidates, progress)
        return roll_blocks.read(grammar, roll_blocks.kept(grammar, ids, torch.from_numpy(writer.doubt), wish.candidates))

    def _check(self, options: VaeOptions) -> None:
        if options.top_k or options.min_p:
            raise UserError("the family 'vae' draws latents, not notes, so that there are no likeliest ids to draw from; leave "
                            "top_k and min_p out, and set noise_sd or threshold")
        if len(options.between) not in (0, 2) or (options.between and options.task != "generate"):
            raise UserError("a new piece goes between two others; two MIDI files were expected, and no prompt; name both")
        if not len(self.bank) and any(getattr(options, name) for name in (*LABELS, *ATTRIBUTES)):
            raise UserError("this model keeps no music by which it could tell styles, composers, songs, eras or characters; "
                            "leave them out, or give files with --like")
