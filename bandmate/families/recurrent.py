"""Recurrent networks: what `lstm`, `gru` and `rhythm_net` share. They read row after row into a memory of fixed size.

A row is heard as the sum of what is known of its fields. From the memory each field of the next row is judged in turn, each
seeing those before it. Whatever was long ago is forgotten a little with every row; that is how these differ from
transformers, and why they write as fast at the end of a piece as at its start.

Today's practice is the default: learnt vectors for ids, the same for input and output (Inan et al. 2017, arXiv 1611.01462),
AdamW, the fields of a row one after another. The sizes named after older systems set all that as it was.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import pack_padded_sequence
from torch.optim import Adam, Optimizer, RMSprop

import bandmate.codecs.codec as codecs
from bandmate import sampling
from bandmate.codecs.notewise import Notewise
from bandmate.families.rhythmic import Beat, RhythmOptions, keep_time
from bandmate.light import Multiply, plain
from bandmate.model import AnyOptions, Model, Progress, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError
from bandmate.shared import share


class RecurrentConfig(Settings):
    """What shapes the weights of a recurrent network."""

    width: Annotated[int, Field(ge=4)] = 256
    """Width of the memory of each layer."""
    layers: Annotated[int, Field(ge=1)] = 2
    """Layers, one upon another."""
    embedding: Annotated[int, Field(ge=4)] = 128
    """Width of the vector that is learnt for each id."""
    dense: Annotated[int, Field(ge=0)] = 0
    """Width of a layer between the memory and what is judged; 0 takes that of the vectors of ids."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of units that fall silent in training, before, between and after the layers."""
    tied: bool = True
    """Whether ids are judged by the same vectors by which they are heard."""
    numbers: bool = False
    """Whether an id is heard as one number, id over vocabulary, as in the first such models; if not, as a vector."""
    optimizer: Literal["adamw", "adam", "rmsprop"] = "adamw"
    """How weights are moved in training."""
    context: Annotated[int, Field(ge=8)] = 4096
    """Rows after which the memory is emptied, and the last two thirds of them are heard anew."""


class Memory:
    """What a recurrent network remembers of the streams that it writes."""

    def __init__(self, state: Any, length: int, capacity: int) -> None:
        self.state, self.length, self.capacity = state, length, capacity

    @property
    def heard(self) -> Tensor:
        """What the last layer made of the past: (B, width)."""
        return (self.state[0] if isinstance(self.state, tuple) else self.state)[-1]


class Recurrent(Model):
    """The network; its heirs say of which cells it is made."""

    Config = RecurrentConfig
    Options: ClassVar[type[AnyOptions]] = RhythmOptions
    Codec: ClassVar[type[codecs.Codec]] = Notewise
    cells: ClassVar[type[nn.LSTM] | type[nn.GRU]]
    """The layers, of torch."""
    tokens_a_row = 1
    rhythm: Beat | None = None
    """What beats the rhythm "learnt", if a person brought it."""

    config: RecurrentConfig
    embeddings: Any  # lists of modules, of which torch's types know too little
    heads: Any

    def __init__(self, config: RecurrentConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        if config.numbers and config.tied:
            raise UserError("ids that are heard as numbers have no vectors to be judged by; switch tied or numbers off")
        self.read = self.fields_of(codec)
        sizes = [codec.sizes[field] for field in self.read]
        heard_as_vectors = len(sizes) - config.numbers  # where fields are numbers, the last needs no vectors
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.embedding) for size in sizes[:heard_as_vectors])
        for embedding, field in zip(self.embeddings, self.read, strict=False):
            nn.init.normal_(embedding.weight, std=config.embedding ** -0.5)
            share(embedding, codec.parts(field))
        self.network = self.cells(len(sizes) if config.numbers else config.embedding, config.width, config.layers,
                                  batch_first=True, dropout=config.dropout if config.layers > 1 else 0.0)
        self.dropout = nn.Dropout(config.dropout)
        self.heads = nn.ModuleList(Head(config, size, first=n == 0) for n, size in enumerate(sizes))

    def fields_of(self, codec: codecs.Codec) -> tuple[int, ...]:
        """Return the fields of the codec that are heard and judged: all."""
        return tuple(range(len(codec.sizes)))

    # Learning

    def hear(self, ids: Tensor) -> Tensor:
        """Return what the network makes of each row and of all before it: (B, T, width), from rows (B, T, F)."""
        return self.dropout(self.network(self.embed(ids))[0])

    def embed(self, ids: Tensor) -> Tensor:
        """Return rows (B, T, F) as the network hears them: (B, T, inputs)."""
        if self.config.numbers:
            sizes = torch.tensor([self.codec.sizes[field] for field in self.read], device=ids.device)
            return ids[..., list(self.read)] / sizes
        return self.dropout(torch.stack([embedding(ids[..., field]) for embedding, field
                                         in zip(self.embeddings, self.read, strict=True)]).sum(0))

    def judge(self, number: int, heard: Tensor, row: Tensor) -> Tensor:
        """Return the logits (N, V) of the field ``number`` of those read, of rows (N, F) whose fields before are known."""
        before = [self.embeddings[n](row[:, self.read[n]]) for n in range(number)]
        made = self.heads[number](heard, torch.stack(before).sum(0) if before else None)
        if self.config.tied:
            return F.linear(made, self.embeddings[number].weight, self.heads[number].bias)
        return self.heads[number].logits(made)

    @parametrize.cached()
    def nats(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return for each field of each row but the first its surprise in nats and whether the likeliest id was right.

        Both are (B, T - 1, F); fields that hold nothing, or are not read, count 0 nats and are not counted as right.
        """
        ids = batch["ids"]
        targets = ids[:, 1:]
        nats = torch.zeros(targets.shape, device=ids.device)
        hits = torch.zeros(targets.shape, dtype=torch.bool, device=ids.device)
        heard = self.hear(ids[:, :-1])
        for number, field in enumerate(self.read):
            used = targets[..., field] != self.codec.pad
            wanted = targets[used]
            logits = self.judge(number, heard[used], wanted).float()
            nats[..., field][used] = F.cross_entropy(logits, wanted[:, field], reduction="none")
            hits[..., field][used] = logits.argmax(-1) == wanted[:, field]
        return nats, hits

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nats, _ = self.nats(batch)
        rows = (batch["ids"][:, 1:, 0] != self.codec.pad).sum().clamp(min=1)
        fields = {self.codec.fields[field]: nats[..., field].sum().detach() / rows for field in self.read}
        return {"loss": nats.sum() / rows, **fields}

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nats, hits = self.nats(batch)
        targets = batch["ids"][:, 1:]
        scored = ~batch["given"][:, 1:, None] & (targets != self.codec.pad)
        notes = self.codec.notes_in(targets.cpu().numpy()) * scored.any(-1).cpu().numpy()
        sums = {"nats": (nats * scored).sum(), "notes": torch.tensor(float(notes.sum()))}
        for field in self.read:
            name = self.codec.fields[field]
            sums[f"hits.{name}"] = (hits & scored)[..., field].sum().float()
            sums[f"count.{name}"] = scored[..., field].sum().float()
        return sums

    def optimizers(self, lr: float) -> list[Optimizer]:
        if self.config.optimizer == "adamw":
            return super().optimizers(lr)
        return [(Adam if self.config.optimizer == "adam" else RMSprop)(self.parameters(), lr=lr)]

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        grammar = sampling.begin(self.codec, options, prompt)
        keep_time(grammar, options, self.rhythm)
        with parametrize.cached():
            streams = sampling.write(self, grammar, options, progress)
        return [grammar.piece(ids) for ids in streams]

    def listen(self, rows: Tensor, starts: Tensor | None = None, multiply: Multiply = plain) -> Memory:
        """Hear rows (B, T, F) and remember them. Row b begins at ``starts[b]``; what stands before is nothing."""
        rows = rows.to(self._device)
        starts = torch.zeros(len(rows), dtype=torch.long) if starts is None else starts.cpu()
        lengths = rows.shape[1] - starts
        longest = int(lengths.max())
        places = (torch.arange(longest) + starts[:, None]).clamp(max=rows.shape[1] - 1).to(rows.device)
        ids = rows.gather(1, places[..., None].expand(-1, -1, rows.shape[2]))
        packed = pack_padded_sequence(self.embed(ids), lengths, batch_first=True, enforce_sorted=False)
        return Memory(self.network(packed)[1], longest, self.config.context)

    def next_row(self, state: Memory, hand: sampling.Hand) -> Tensor:
        """Draw one row for every stream (B, F), and hear it."""
        heard = state.heard
        chosen = torch.zeros(len(heard), len(self.codec.sizes), dtype=torch.long)
        while hand.again.any():
            for number, field in enumerate(self.read):
                chosen[:, field] = hand(field, self.judge(number, heard, chosen.to(heard.device)), chosen)
        state.state = self.network(self.embed(chosen[:, None].to(heard.device)), state.state)[1]
        state.length += 1
        return chosen

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device


class Head(nn.Module):
    """Turns the memory, and the fields already known, into what the ids of a field are judged by."""

    def __init__(self, config: RecurrentConfig, size: int, first: bool) -> None:
        super().__init__()
        inner = config.embedding if config.tied else config.dense or config.embedding
        self.before = None if first else nn.Linear(config.embedding, config.width, bias=False)
        self.dense = nn.Linear(config.width, inner)
        self.dropout = nn.Dropout(config.dropout)
        if config.tied:
            self.bias = nn.Parameter(torch.zeros(size))
        else:
            self.logits = nn.Linear(inner, size)

    def forward(self, heard: Tensor, before: Tensor | None) -> Tensor:
        """Return (N, inner) of memories (N, width) and sums of the known fields' vectors (N, embedding)."""
        if self.before is not None:
            heard = F.gelu(heard + self.before(before))
        return self.dropout(self.dense(heard))
