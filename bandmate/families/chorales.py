"""Chorales: a small model of four voices, for the JSB benchmark and for pieces in its manner.

It hears a piece as *events*, the moments at which some voice moves, with a small causal transformer: about one event in
three steps. Then it judges every voice of every step in turn, from what was heard and from what a singer knows: the
place in the bar, how long each voice has held its note, where the others stand and where those before it went, its own
last intervals, and which pitch classes the piece has used. All pitches are heard relative to the first bass note, or to
the voice's own last note, so that the model knows a phrase in every key once it has heard it in one (relative pitch:
Huang et al. 2018, Music Transformer, arXiv 1809.04281). How long a voice has repeated its pitch is heard as in TonicNet
(Peracha 2019, arXiv 1911.11775).

Weights trained on the benchmark's chorales are for research: the data has no licence, so none are shipped.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import bandmate.codecs.codec as codecs
from bandmate.codecs.voices import HIGHEST, LOWEST, OUTCOMES, VOICES, Voices
from bandmate.families import chorale_hearing as hearing
from bandmate.families.chorale_hearing import FAR, Heard
from bandmate.layers import rotary, turn
from bandmate.model import AnyOptions, Model, Options, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.sampling import Dice, begin, kept
from bandmate.settings import Settings, UserError

HELD_SHARE = 4  # in training one in so many steps off the eighths is judged: hardly a voice moves there
QUIET = 0.05  # standard deviation of tables before training
PHRASES = {"length": 96, "transpose": 12, "lr": 2e-3}  # whole chorales would be learnt by heart: six bars, any key


class ChoralesConfig(Settings):
    """What shapes the weights of `chorales`."""

    width: Annotated[int, Field(ge=8, multiple_of=8)] = 128
    """Width of the transformer that hears events; a multiple of twice the heads."""
    layers: Annotated[int, Field(ge=1)] = 2
    """Number of its layers."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads a layer."""
    hidden: Annotated[int, Field(ge=8)] = 256
    """Width inside its feed-forward parts."""
    voice_width: Annotated[int, Field(ge=8)] = 128
    """Width of the part that judges a voice."""
    voice_layers: Annotated[int, Field(ge=1)] = 1
    """Number of layers of the part that judges a voice."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """Share of units that fall silent in training, the same through a whole piece."""
    forget: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of what is known about an event or a voice that is left out in training, so that no one fact is relied on."""
    order: tuple[int, int, int, int] = (0, 1, 2, 3)
    """In which order the voices of a step are judged: 0 soprano, 1 alto, 2 tenor, 3 bass."""


class Chorales(Model):
    """The model: see the top of this file."""

    Config = ChoralesConfig
    Codec = Voices
    SIZES = {
        "tiny": Size(config={"width": 32, "layers": 1, "hidden": 64, "voice_width": 32, "dropout": 0.1},
                     training={"steps": 300, "batch": 10, **PHRASES}),
        "small": Size(training={"steps": 1800, "batch": 10, "evaluate_every": 200, "keep_every": 200, **PHRASES}),
        "medium": Size(config={"width": 192, "layers": 3, "hidden": 384, "voice_width": 192},
                       training={"steps": 8000, "batch": 10, "evaluate_every": 400, "keep_every": 400, **PHRASES}),
    }

    config: ChoralesConfig

    def __init__(self, config: ChoralesConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        if sorted(config.order) != [0, 1, 2, 3]:
            raise UserError(f"the order of the voices is {config.order}; each of 0, 1, 2 and 3 once was expected")
        width, voice = config.width, config.voice_width
        self.event = Tables(hearing.EVENT, 1, width, config.forget)
        self.begin = nn.Parameter(torch.randn(width) * QUIET)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(width)
        self.situation = Tables(hearing.SITUATION, len(VOICES), voice, config.forget)
        self.into_voices = nn.Linear(width, len(VOICES) * voice, bias=False)
        self.used_pitches = nn.Linear(12 * len(hearing.MEMORIES), voice)
        self.judges = nn.ModuleList(Feed(voice, 2 * voice, config.dropout) for _ in range(config.voice_layers))
        self.last_norm = nn.RMSNorm(voice)
        self.logits = nn.Parameter(torch.randn(len(VOICES), voice, 2 * FAR + 2 + 12) * 0.3 * voice ** -0.5)
        self.range = nn.Parameter(torch.zeros(len(VOICES), OUTCOMES - 1))
        self.upbeat = nn.Parameter(torch.zeros(codec.sizes[0]))

    def hear(self, heard: Heard) -> Tensor:
        """Return what the model makes of the time before each event, and after the last: (B, E + 1, width)."""
        rows = len(heard.own)
        x = torch.cat([self.begin.expand(rows, 1, -1), self.event(heard.events()[:, :, None])[:, :, 0]], 1)
        cos, sin = (table.to(x.device) for table in rotary(x.shape[1], self.config.width // self.config.heads))
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.norm(x)

    def judge(self, heard: Heard, made: Tensor, wanted: Tensor) -> Tensor:
        """Return logits (N, 4, 47) of each voice at the wanted steps, bool (B, T): rest, then pitches upwards."""
        piece = wanted.nonzero()[:, 0]
        situation = self.situation(heard.situations(self.config.order)[wanted])
        made = silence(made, self.config.dropout, self.training)
        x = situation + self.into_voices(made)[piece, heard.events_before[wanted]].unflatten(-1, (len(VOICES), -1))
        x = x + self.used_pitches(heard.used_pitches(wanted))
        for judge in self.judges:
            x = judge(x, piece, len(wanted))
        scores = torch.einsum("nkh,kho->nko", self.last_norm(x), self.logits)
        pitches = torch.arange(LOWEST, HIGHEST + 1, device=x.device)
        step = (pitches - heard.last_pitch[wanted][..., None]).clamp(-FAR, FAR) + FAR
        degree = (pitches - heard.tonic_before[wanted][:, None, None]) % 12 + (2 * FAR + 2)
        sung = scores.gather(-1, step) + scores.gather(-1, degree.expand_as(step)) + self.range
        return torch.cat([scores[..., 2 * FAR + 1, None], sung], -1)

    def nats(self, ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return nats (N, 4) and right first guesses (N, 4) at the wanted steps, and the nats (B,) of each first place."""
        heard = Heard(ids)
        logits = self.judge(heard, self.hear(heard), wanted).float()
        targets = ids[..., 1:][wanted] - 1
        nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").unflatten(0, targets.shape)
        upbeat = F.cross_entropy(self.upbeat.expand(len(ids), -1), ids[:, 0, 0], reduction="none")
        return nats, logits.argmax(-1) == targets, upbeat

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        ids = batch["ids"]
        sounds = ids[..., 0] > 0
        weight = torch.where(ids[..., 0] % 2 == 1, 1.0, float(HELD_SHARE))
        wanted = sounds & (torch.rand(weight.shape, device=ids.device) * weight < 1)
        nats, _, upbeat = self.nats(ids, wanted)
        voices = (nats * weight[wanted][:, None]).sum(0) / sounds.sum()
        whole = voices.mean() + upbeat.sum() / (len(VOICES) * sounds.sum())
        return {"loss": whole, **{name: value.detach() for name, value in zip(VOICES, voices, strict=True)}}

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        sounds = batch["ids"][..., 0] > 0
        nats, hits, upbeat = self.nats(batch["ids"], sounds)
        rows = sounds.sum().float()
        sums = {"nats": nats.sum() + upbeat.sum(), "notes": rows * len(VOICES),
                "hits.place": rows * 0, "count.place": rows * 0}
        for voice, name in enumerate(VOICES):
            sums |= {f"hits.{name}": hits[:, voice].sum().float(), f"count.{name}": rows}
        return sums

    @torch.no_grad()
    def surprise(self, ids: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the nats (T, 4) of each voice of each step of a whole piece (T, 5), and those of its first place."""
        batch = torch.from_numpy(ids.astype(np.int64)).to(self.begin.device)[None]
        nats, _, upbeat = self.nats(batch, batch[..., 0] > 0)
        return nats.cpu().double().numpy(), float(upbeat)

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        grammar = begin(self.codec, options, prompt)
        return [grammar.piece(stream) for stream in self._write(grammar, options, progress)]

    @torch.inference_mode()
    def _write(self, grammar: codecs.Grammar, options: Options, progress: Progress) -> list[np.ndarray]:
        """Draw step after step, voice after voice, inside what the grammar allows; of candidates the likeliest is kept."""
        device = self.begin.device
        streams = len(grammar.done)
        dice = Dice(options, streams)
        ids = torch.zeros(streams, 0, len(self.codec.sizes), dtype=torch.long, device=device)
        while not grammar.done.all():
            chosen = np.zeros((streams, len(self.codec.sizes)), np.int64)
            chosen[:, 0] = grammar.mask(0, chosen).argmax(1)
            ids = torch.cat([ids, torch.from_numpy(chosen).to(device)[:, None]], 1)
            last = torch.zeros(ids.shape[:2], dtype=torch.bool, device=device)
            last[:, -1] = True
            made: Tensor | None = None
            for voice in self.config.order:
                heard = Heard(ids)
                made = self.hear(heard) if made is None else made
                logits = F.pad(self.judge(heard, made, last)[:, voice], (1, 0), value=-torch.inf)
                ids[:, -1, voice + 1] = dice.draw(logits, grammar.mask(voice + 1, chosen)).to(device)
            grammar.advance(ids[:, -1].cpu().numpy())
            progress(grammar.progress, partial(_read, grammar, ids.cpu().numpy()[::options.candidates]))
        written = list(ids.cpu().numpy())
        return [written[number] for number in kept(grammar, written, dice.mean_surprise(), options.candidates)]


def _read(grammar: codecs.Grammar, streams: np.ndarray) -> list[Piece]:
    return [grammar.piece(stream) for stream in streams]


class Tables(nn.Module):
    """Sums of learnt vectors, one for each thing that is known; each of ``voices`` has tables of its own."""

    def __init__(self, sizes: tuple[int, ...], voices: int, width: int, forget: float) -> None:
        super().__init__()
        self.forget = forget
        self.starts: Tensor
        self.table = nn.Parameter(torch.randn(voices * sum(sizes), width) * QUIET)
        starts = torch.tensor([sum(sizes[:n]) for n in range(len(sizes))])
        self.register_buffer("starts", torch.arange(voices)[:, None] * sum(sizes) + starts, persistent=False)

    def forward(self, known: Tensor) -> Tensor:
        """Turn numbers (..., voices, things) into vectors (..., voices, width)."""
        rows = (known + self.starts).flatten(0, -2)
        kept = None
        if self.training and self.forget:
            kept = torch.empty(rows.shape, device=rows.device).bernoulli_(1 - self.forget) / (1 - self.forget)
        return F.embedding_bag(rows, self.table, mode="sum", per_sample_weights=kept).reshape(*known.shape[:-1],
                                                                                                     self.table.shape[1])


class Block(nn.Module):
    """One layer of the transformer: causal attention over events, then a feed-forward part, each added to the stream."""

    def __init__(self, config: ChoralesConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.attention_norm = nn.RMSNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        nn.init.normal_(self.out.weight, std=0.5 * config.width ** -0.5)
        self.feed = Feed(config.width, config.hidden, config.dropout)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Transform (B, E, width)."""
        parts = self.query_key_value(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key = turn(parts[:2], cos, sin)
        heard = F.scaled_dot_product_attention(query, key, parts[2], is_causal=True)
        x = x + self.out(silence(heard.transpose(1, 2).flatten(2), self.dropout, self.training))
        return self.feed(x)


class Feed(nn.Module):
    """A feed-forward part, added to the stream."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm = nn.RMSNorm(width)
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(2 * hidden, width, bias=False)
        nn.init.normal_(self.down.weight, std=0.5 * (2 * hidden) ** -0.5)

    def forward(self, x: Tensor, piece: Tensor | None = None, pieces: int = 0) -> Tensor:
        """Transform (B, E, width), or rows (N, 4, width) of which ``piece`` (N,) tells the piece."""
        return x + self.down(silence(F.silu(self.up(self.norm(x))), self.dropout, self.training, piece, pieces))


def silence(x: Tensor, share: float, training: bool, piece: Tensor | None = None, pieces: int = 0) -> Tensor:
    """Silence a share of the units in training, the same through a piece (Gal and Ghahramani 2016, arXiv 1512.05287)."""
    if not training or not share:
        return x
    keep = torch.empty(pieces or len(x), 1, x.shape[-1], device=x.device).bernoulli_(1 - share) / (1 - share)
    return x * (keep if piece is None else keep[piece])
