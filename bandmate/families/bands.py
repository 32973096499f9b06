"""Bands: a transformer that writes for several instruments, the family of the shipped model.

A decoder of Llama's kind: RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467), rotary positions (Su et al. 2021, arXiv
2104.09864), SwiGLU (Shazeer 2020, arXiv 2002.05202). It reads a codec's rows in one of two forms:

* ``steps``: one step of the transformer a row. Small heads draw the row's fields in turn, each seeing those before it,
  after the compound words of Hsiao et al. (2021, arXiv 2101.02402) and the sub-decoder of MMT (Dong et al. 2023, arXiv
  2207.06983).
* ``stream``: every field is a token of one stream. With a codec of one field this is exactly Llama, as in Allegro Music
  Transformer (asigalov61 2023), whose settings are the size ``bangers``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

import bandmate.codecs.codec as codecs
from bandmate import sampling
from bandmate.codecs.bars import Bars
from bandmate.layers import rotary, turn
from bandmate.light import Multiply, Precision, light, plain
from bandmate.model import AnyOptions, Model, Options, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings
from bandmate.shared import share

EPSILON = 1e-6  # in RMSNorm


class BandsConfig(Settings):
    """What shapes the weights of `bands`."""

    width: Annotated[int, Field(ge=8)] = 384
    """Width of the stream that runs through the layers."""
    layers: Annotated[int, Field(ge=1)] = 6
    """Number of layers."""
    heads: Annotated[int, Field(ge=1)] = 6
    """Attention heads a layer."""
    head_width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Width of one attention head."""
    hidden: Annotated[int, Field(ge=8)] = 1024
    """Width inside the feed-forward part."""
    context: Annotated[int, Field(ge=8)] = 1024
    """Rows of the codec that the model can hear at once."""
    form: Literal["steps", "stream"] = "steps"
    """One transformer step a row, or one a field."""


class BandsOptions(Options):
    """What a person may turn when `bands` composes."""

    precision: Precision = "half"
    """How finely weights are multiplied: half sounds as full and is faster, int8 is faster still and a little coarser."""


class Bands(Model):
    """The model: see the top of this file."""

    Config = BandsConfig
    Options = BandsOptions
    Codec = Bars
    SIZES = {
        "tiny": Size(config={"width": 64, "layers": 2, "heads": 2, "head_width": 32, "hidden": 128, "context": 256},
                     training={"batch": 8, "length": 256, "steps": 300}),
        "small": Size(config={"width": 256, "layers": 6, "heads": 4, "hidden": 704}),
        "medium": Size(),
        "large": Size(config={"width": 768, "layers": 12, "heads": 12, "hidden": 2048, "context": 2048}),
        "bangers": Size(config={"width": 512, "layers": 12, "heads": 10, "hidden": 1408, "context": 512, "form": "stream"},
                        codec="triples", training={"lr": 2e-4, "batch": 64, "length": 513}),
    }

    config: BandsConfig
    embeddings: Any  # lists of modules and buffers, of which torch's types know too little
    blocks: Any
    heads: Any
    field_starts: Tensor
    cos: Tensor
    sin: Tensor

    def __init__(self, config: BandsConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        self.stream = config.form == "stream"
        self.sizes = (sum(codec.sizes),) if self.stream else codec.sizes
        self.tokens_a_row = len(codec.sizes) if self.stream else 1
        width = config.width
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in self.sizes)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(width, eps=EPSILON)
        self.heads = nn.ModuleList(Head(width, size, first=n == 0) for n, size in enumerate(self.sizes))
        starts = torch.tensor([sum(codec.sizes[:n]) for n in range(len(codec.sizes))])
        self.register_buffer("field_starts", starts, persistent=False)
        cos, sin = rotary(config.context * self.tokens_a_row, config.head_width)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._initialise)
        if not self.stream:
            for field in range(len(codec.sizes)):
                share(self.embeddings[field], codec.parts(field))
                share(self.heads[field].logits, codec.parts(field))

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, Block):  # apply() visits children first, so this stands: quiet residual branches
            for linear in (module.out, module.down):
                nn.init.normal_(linear.weight, std=0.02 / (2 * self.config.layers) ** 0.5)

    # Learning

    def hear(self, ids: Tensor) -> Tensor:
        """Return what the model makes of each token (B, T, width), from tokens (B, T, fields)."""
        x = self.embed(ids)
        cos, sin = self.cos[:x.shape[1]], self.sin[:x.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.norm(x)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the sum of the fields' embeddings (B, T, width)."""
        x = self.embeddings[0](ids[..., 0])
        for field in range(1, len(self.embeddings)):
            x = x + self.embeddings[field](ids[..., field])
        return x

    def flatten(self, ids: Tensor) -> Tensor:
        """Lay the fields of rows (B, T, F) out as one stream of tokens (B, T * F, 1)."""
        return (ids + self.field_starts).flatten(1).unsqueeze(-1)

    def nats(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return for each field of each row but the first its surprise in nats and whether the likeliest id was right.

        Both are (B, T - 1, F); fields that hold nothing count 0 nats and are not counted as right.
        """
        ids = batch["ids"]
        targets = ids[:, 1:]
        used = targets != self.codec.pad
        nats = torch.zeros(targets.shape, device=ids.device)
        hits = torch.zeros(targets.shape, dtype=torch.bool, device=ids.device)
        if self.stream:
            tokens = self.flatten(ids)
            heard = self.hear(tokens[:, :-1])[:, self.tokens_a_row - 1:].unflatten(1, targets.shape[1:])
            wanted = targets + self.field_starts
            logits = self.heads[0](heard[used])
            nats[used] = F.cross_entropy(logits.float(), wanted[used], reduction="none")
            hits[used] = logits.argmax(-1) == wanted[used]
            return nats, hits
        heard = self.hear(ids[:, :-1])
        for field, head in enumerate(self.heads):
            chosen = used[..., field]
            x = heard[chosen]
            for before in range(field):
                x = x + self.embeddings[before](targets[..., before][chosen])
            logits = head(x)
            wanted = targets[..., field][chosen]
            nats[..., field][chosen] = F.cross_entropy(logits.float(), wanted, reduction="none")
            hits[..., field][chosen] = logits.argmax(-1) == wanted
        return nats, hits

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nats, _ = self.nats(batch)
        rows = (batch["ids"][:, 1:, 0] != self.codec.pad).sum().clamp(min=1)
        fields = {name: nats[..., n].sum() / rows for n, name in enumerate(self.codec.fields)}
        return {"loss": nats.sum() / rows, **{name: value.detach() for name, value in fields.items()}}

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nats, hits = self.nats(batch)
        scored = ~batch["given"][:, 1:, None] & (batch["ids"][:, 1:] != self.codec.pad)
        notes = self.codec.notes_in(batch["ids"][:, 1:].cpu().numpy()) * scored.any(-1).cpu().numpy()
        sums = {"nats": (nats * scored).sum(), "notes": torch.tensor(float(notes.sum()))}
        for n, name in enumerate(self.codec.fields):
            sums[f"hits.{name}"] = (hits & scored)[..., n].sum().float()
            sums[f"count.{name}"] = scored[..., n].sum().float()
        return sums

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        grammar = sampling.begin(self.codec, options, prompt)
        multiply = light(self, getattr(options, "precision", "half"))
        with parametrize.cached():
            streams = sampling.write(self, grammar, options, progress, multiply)
        return [grammar.piece(ids) for ids in streams]

    def listen(self, rows: Tensor, starts: Tensor | None = None, multiply: Multiply = plain) -> sampling.Listening:
        """Hear rows (B, T, F) at once and remember them. Row b begins at ``starts[b]``; what stands before is nothing."""
        tokens = self.flatten(rows.to(self.cos.device)) if self.stream else rows
        starts = None if starts is None else starts * self.tokens_a_row
        state = sampling.Listening(self, tokens.shape[0], starts, multiply)
        state.heard = self.remember(tokens, state)[:, -1]
        return state

    def remember(self, tokens: Tensor, state: sampling.Listening) -> Tensor:
        """Hear further tokens (B, T, fields), return what is made of them (B, T, width)."""
        first, last = state.length, state.length + tokens.shape[1]
        x = self.embed(tokens.to(self.cos.device))
        cos, sin = self.cos[first:last], self.sin[first:last]
        state.look(tokens.shape[1])
        for layer, block in enumerate(self.blocks):
            x = block(x, cos, sin, state, layer)
        state.length = last
        return self.norm(x)

    def next_row(self, state: sampling.Listening, hand: sampling.Hand) -> Tensor:
        """Draw one row for every stream (B, F), and hear it."""
        chosen = torch.zeros(state.heard.shape[0], len(self.codec.sizes), dtype=torch.long)
        if self.stream:
            for field, size in enumerate(self.codec.sizes):
                start = int(self.field_starts[field])
                chosen[:, field] = hand(field, self.heads[0](state.heard, state.multiply)[:, start:start + size], chosen)
                state.heard = self.remember((chosen[:, field] + start)[:, None, None], state)[:, -1]
            return chosen
        while hand.again.any():
            x = state.heard
            for field, head in enumerate(self.heads):
                chosen[:, field] = hand(field, head(x, state.multiply), chosen)
                if field + 1 < len(self.heads):
                    x = x + self.embeddings[field](chosen[:, field].to(x.device))
        state.heard = self.remember(chosen[:, None], state)[:, -1]
        return chosen


class Block(nn.Module):
    """One layer: attention, then a gated feed-forward part, each added to the stream."""

    def __init__(self, config: BandsConfig) -> None:
        super().__init__()
        inner = config.heads * config.head_width
        self.heads = config.heads
        self.attention_norm = nn.RMSNorm(config.width, eps=EPSILON)
        self.query_key_value = nn.Linear(config.width, 3 * inner, bias=False)
        self.out = nn.Linear(inner, config.width, bias=False)
        self.feed_norm = nn.RMSNorm(config.width, eps=EPSILON)
        self.gate_up = nn.Linear(config.width, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, state: sampling.Listening | None = None, layer: int = 0) -> Tensor:
        """Transform (B, T, width). With a ``state``, this is its layer number ``layer`` and goes on from what it remembers."""
        multiply, mask = (plain, None) if state is None else (state.multiply, state.mask)
        split = multiply(self.query_key_value, self.attention_norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        (query, key), value = turn(split[:2], cos, sin), split[2]
        if state is not None:
            key, value = state.keep(layer, key, value)
        causal = mask is None and query.shape[2] > 1
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        x = x + multiply(self.out, heard.transpose(1, 2).flatten(2))
        gate, up = multiply(self.gate_up, self.feed_norm(x)).chunk(2, dim=-1)
        return x + multiply(self.down, F.silu(gate) * up)


class Head(nn.Module):
    """Logits of one field. Every head but the first thinks again, with the fields already drawn in its input."""

    def __init__(self, width: int, size: int, first: bool) -> None:
        super().__init__()
        self.first = first
        if not first:
            self.norm = nn.RMSNorm(width, eps=EPSILON)
            self.gate_up = nn.Linear(width, 2 * width, bias=False)
            self.down = nn.Linear(width, width, bias=False)
            self.last_norm = nn.RMSNorm(width, eps=EPSILON)
        self.logits = nn.Linear(width, size, bias=False)

    def forward(self, x: Tensor, multiply: Multiply = plain) -> Tensor:
        if not self.first:
            gate, up = multiply(self.gate_up, self.norm(x)).chunk(2, dim=-1)
            x = self.last_norm(x + multiply(self.down, F.silu(gate) * up))
        return multiply(self.logits, x)
