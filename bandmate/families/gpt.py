"""GPT: a transformer that reads music word by word, as GPT-2 reads text; the larger composer of Maia.

A decoder as Radford et al. made it (2019, GPT-2): layer norms before each part, GELU, dropout, and one table of words for
input and output. Maia (2020) taught one of 6 layers, 8 heads and width 256 windows of 512 words of many composers in
twelve keys, then went on with one composer: that is the size `maia`, and training with --composer.

Where we differ: places turn (see `layers`) instead of being learnt. Windows are cut anywhere in a piece, where Maia's
began at every 256th word, and when the memory is full the model hears the last words anew: in neither is there anything
to learn from the number of a place. Any codec of one word a row will do; several words a row are for `bands`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

import bandmate.codecs.codec as codecs
from bandmate import sampling
from bandmate.codecs.notewise import Notewise
from bandmate.families.rhythmic import Beat, RhythmOptions, keep_time
from bandmate.layers import rotary, turn
from bandmate.light import Multiply, plain
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError
from bandmate.shared import share

QUIET = 0.02  # standard deviation of weights before training
KEYS = {"length": 512, "transpose": 6, "tasks": 0.0}  # Maia's windows, in twelve keys


class GptConfig(Settings):
    """What shapes the weights of `gpt`."""

    width: Annotated[int, Field(ge=8)] = 128
    """Width of the stream that runs through the layers; an even width for each head."""
    layers: Annotated[int, Field(ge=1)] = 4
    """Number of layers."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads a layer."""
    hidden: Annotated[int, Field(ge=8)] = 512
    """Width inside the feed-forward part."""
    context: Annotated[int, Field(ge=8)] = 512
    """Words that the model can hear at once."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of units that fall silent in training."""
    shared: bool = False
    """Whether words with notes in common share what is learnt of these, as the codec tells."""

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


class Gpt(Model):
    """The model: see the top of this file."""

    Config = GptConfig
    Options: ClassVar[type[AnyOptions]] = RhythmOptions
    Codec = Notewise
    SIZES = {
        "tiny": Size(config={"width": 64, "layers": 2, "heads": 2, "hidden": 128, "context": 256},
                     training={**KEYS, "batch": 8, "length": 256, "steps": 300}),
        "small": Size(training={**KEYS, "batch": 8}),
        "medium": Size(config={"width": 384, "layers": 8, "heads": 8, "hidden": 1536, "context": 1024},
                       training={**KEYS, "length": 1024, "lr": 6e-4, "steps": 10_000}),
        "maia": Size(config={"width": 256, "layers": 6, "heads": 8, "hidden": 1024, "context": 512},
                     training={**KEYS, "lr": 6e-4, "batch": 32, "steps": 5000}),
        "names": Size(codec="names", training={**KEYS, "batch": 8, "length": 256}),
        **{name: Size(config={"shared": True}, codec=name, training={**KEYS, "batch": 8})
           for name in ("chordwise", "ngrams", "bpe")},
    }
    tokens_a_row = 1
    rhythm: Beat | None = None
    """What beats the rhythm "learnt", if a person brought it."""

    config: GptConfig
    blocks: nn.ModuleList
    cos: Tensor
    sin: Tensor

    def __init__(self, config: GptConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        if len(codec.sizes) != 1:
            raise UserError(f"the codec '{codec.name}' writes {len(codec.sizes)} fields a row; `gpt` reads one word a row; "
                            "take 'notewise', or train `bands`")
        if config.width % (2 * config.heads):
            raise UserError(f"a width of {config.width} cannot be cut into {config.heads} heads of even width; a multiple of "
                            f"{2 * config.heads} was expected; choose another width or number of heads")
        self.words = nn.Embedding(codec.sizes[0], config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        cos, sin = rotary(config.context, config.head_width)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._initialise)
        if config.shared:
            share(self.words, codec.parts(0))

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=QUIET)
        elif isinstance(module, Block):  # apply() visits children first, so this stands: quiet residual branches
            for linear in (module.out, module.down):
                nn.init.normal_(linear.weight, std=QUIET / (2 * self.config.layers) ** 0.5)

    # Learning

    def hear(self, ids: Tensor, state: sampling.Listening | None = None) -> Tensor:
        """Return what the model makes of each row (B, T, width), from rows (B, T, 1) after those that ``state`` remembers."""
        first = 0 if state is None else state.length
        last = first + ids.shape[1]
        cos, sin = self.cos[first:last], self.sin[first:last]
        x = self._silence(self.words(ids[..., 0].to(self.cos.device)))
        for layer, block in enumerate(self.blocks):
            x = block(x, cos, sin, state, layer)
        return self.norm(x)

    def _silence(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.config.dropout, self.training)

    def guess(self, heard: Tensor) -> Tensor:
        """Return the logits of the next word (..., V), with the table that words are read by."""
        return F.linear(heard, self.words.weight)

    @parametrize.cached()
    def nats(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the surprise in nats of each row but the first, and whether the likeliest word was right: (B, T - 1)."""
        targets = batch["ids"][:, 1:, 0]
        logits = self.guess(self.hear(batch["ids"][:, :-1])).float()
        used = targets != self.codec.pad
        nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)
        return nats * used, (logits.argmax(-1) == targets) & used

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nats, _ = self.nats(batch)
        return {"loss": nats.sum() / (batch["ids"][:, 1:, 0] != self.codec.pad).sum().clamp(min=1)}

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nats, hits = self.nats(batch)
        scored = ~batch["given"][:, 1:] & (batch["ids"][:, 1:, 0] != self.codec.pad)
        notes = self.codec.notes_in(batch["ids"][:, 1:].cpu().numpy()) * scored.cpu().numpy()
        [word] = self.codec.fields
        return {"nats": (nats * scored).sum(), "notes": torch.tensor(float(notes.sum())),
                f"hits.{word}": (hits & scored).sum().float(), f"count.{word}": scored.sum().float()}

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        grammar = sampling.begin(self.codec, options, prompt)
        keep_time(grammar, options, self.rhythm)
        with parametrize.cached():
            streams = sampling.write(self, grammar, options, progress)
        return [grammar.piece(ids) for ids in streams]

    def listen(self, rows: Tensor, starts: Tensor | None = None, multiply: Multiply = plain) -> sampling.Listening:
        """Hear rows (B, T, 1) at once and remember them. Row b begins at ``starts[b]``; what stands before is nothing."""
        state = sampling.Listening(self, len(rows), starts)
        self._remember(rows, state)
        return state

    def next_row(self, state: sampling.Listening, hand: sampling.Hand) -> Tensor:
        """Draw one row for every stream (B, 1), and hear it."""
        chosen = torch.zeros(len(state.heard), 1, dtype=torch.long)
        chosen[:, 0] = hand(0, self.guess(state.heard), chosen)
        self._remember(chosen[:, None], state)
        return chosen

    def _remember(self, rows: Tensor, state: sampling.Listening) -> None:
        """Hear further rows (B, T, 1)."""
        state.look(rows.shape[1])
        state.heard = self.hear(rows, state)[:, -1]
        state.length += rows.shape[1]


class Block(nn.Module):
    """One layer: attention, then a feed-forward part, each added to the stream."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.attention_norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.feed_norm = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, config.hidden)
        self.down = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, state: sampling.Listening | None = None, layer: int = 0) -> Tensor:
        """Transform (B, T, width). With a ``state``, this is its layer number ``layer`` and goes on from what it remembers."""
        split = self.query_key_value(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        (query, key), value = turn(split[:2], cos, sin), split[2]
        mask = None if state is None else state.mask
        if state is not None:
            key, value = state.keep(layer, key, value)
        causal = mask is None and query.shape[2] > 1
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        x = x + self._silence(self.out(heard.transpose(1, 2).flatten(2)))
        return x + self._silence(self.down(F.gelu(self.up(self.feed_norm(x)))))

    def _silence(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)
