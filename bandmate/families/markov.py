"""Markov: counts what followed what, of the two rows before; the yardstick that every learnt composer should beat.

A chain of order 2 over the rows of a codec, field by field. The chance of an id is what was counted after the same two
rows, blended with what was counted after the same one row, after the fields of this row alone, after nothing, and at last
all ids alike. A count that never came leaves room for the lower orders, the more, the more different ids came there
(Witten and Bell, 1991, DOI 10.1109/18.87000); how far each order is trusted is learnt with one weight an order.

It reads every codec whose rows are notes or words of music: the sizes that are called like codecs are for these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

import bandmate.codecs.codec as codecs
from bandmate import sampling
from bandmate.codecs import CODECS
from bandmate.codecs.bars import Bars
from bandmate.families.rhythmic import Beat, RhythmOptions, keep_time
from bandmate.light import Multiply, plain
from bandmate.model import AnyOptions, Model, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

LEVELS = 4  # contexts: nothing; the fields of this row; and one row; and two rows
PATIENCE = 2**20  # entries that wait before they are counted
MOST_FIELDS = 16  # of a codec: more would get the same keys
STEPWISE = ("voices", "frames")  # codecs whose rows are moments, not notes: `jsb` and `frames` have yardsticks of their own
COUNTING = {"lr": 0.02, "tasks": 0.0, "transpose": 0}  # training settings of every size


class MarkovConfig(Settings):
    """What shapes a chain."""

    order: Annotated[int, Field(ge=0, le=2)] = 2
    """How many rows before are looked at."""
    context: Annotated[int, Field(ge=8)] = 1024
    """Rows that are kept while composing; the chain itself looks no farther back than its order."""


class Listening:
    """The last two rows of the streams that are being written."""

    capacity = 2**62
    length = 0

    def __init__(self, rows: np.ndarray) -> None:
        self.before = rows[:, -2:]


class Markov(Model):
    """The chain: see the top of this file."""

    Config = MarkovConfig
    Options: ClassVar[type[AnyOptions]] = RhythmOptions
    Codec = Bars
    SIZES = {**{size: Size(training=COUNTING) for size in ("tiny", "small", "medium", "large")},
             **{name: Size(codec=name, training=COUNTING) for name in CODECS if name not in ("bars", *STEPWISE)}}
    tokens_a_row = 1
    rhythm: Beat | None = None
    """What beats the rhythm "learnt", if a person brought it."""

    config: MarkovConfig
    keys: Tensor
    contexts: Tensor
    counts: Tensor

    def __init__(self, config: MarkovConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        if len(codec.sizes) > MOST_FIELDS:
            raise UserError(f"the codec '{codec.name}' writes {len(codec.sizes)} fields a row; `markov` reads at most "
                            f"{MOST_FIELDS}; take another codec, or another family")
        self.trust = nn.Parameter(torch.zeros(len(codec.sizes), LEVELS))  # logarithm of what unseen ids weigh
        for name in ("keys", "contexts", "counts"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int64))
        self._waiting: list[np.ndarray] = []
        self._known: tuple[np.ndarray, ...] | None = None

    # Counting

    def step(self, batch: dict[str, Tensor], optimizers: list[Optimizer],
             backward: Callable[[Tensor], None]) -> dict[str, Tensor]:
        """Guess first, then count: the loss is honest, though each batch is seen once."""
        losses = super().step(batch, optimizers, backward)
        self.count(batch["ids"].cpu().numpy())
        return losses

    def count(self, ids: np.ndarray) -> None:
        """Take in rows (B, T, F), padded."""
        for field, (contexts, used) in enumerate(self._contexts(ids)):
            for context in contexts:
                entries = np.stack([_mix(context, ids[:, 1:, field]), context])
                self._waiting.append(entries[:, used])
        if sum(entries.shape[1] for entries in self._waiting) > PATIENCE:
            self._settle()

    def _settle(self) -> None:
        """Bring what waits into the sorted table of keys, their contexts and their counts."""
        if self._waiting or self._known is None:
            new = np.concatenate([np.zeros((2, 0), np.uint64), *self._waiting], axis=1)
            self._waiting = []
            old = [getattr(self, name).cpu().numpy() for name in ("keys", "contexts", "counts")]
            keys, first, place = np.unique(np.concatenate([old[0].view(np.uint64), new[0]]), return_index=True,
                                           return_inverse=True)
            counts = np.bincount(place, np.concatenate([old[2], np.ones(new.shape[1], np.int64)]), len(keys))
            contexts = np.concatenate([old[1].view(np.uint64), new[1]])[first]
            for name, array in (("keys", keys.view(np.int64)), ("contexts", contexts.view(np.int64)),
                                ("counts", counts.astype(np.int64))):
                setattr(self, name, torch.from_numpy(array).to(self.trust.device))
            which, place = np.unique(contexts, return_inverse=True)
            self._known = keys, counts, which, np.bincount(place, counts), np.bincount(place).astype(float)

    def _contexts(self, ids: np.ndarray) -> list[tuple[list[np.ndarray], np.ndarray]]:
        """Return for each field the keys of its contexts, each (B, T - 1), and where the field is used, of rows (B, T, F)."""
        rows = ids.astype(np.uint64)
        before = rows[:, :-1]
        twice = np.concatenate([np.zeros_like(before[:, :1]), before[:, :-1]], axis=1)
        return [(self._keys_of(field, rows[:, 1:], before, twice), ids[:, 1:, field] != self.codec.pad)
                for field in range(ids.shape[2])]

    def _keys_of(self, field: int, row: np.ndarray, before: np.ndarray, twice: np.ndarray) -> list[np.ndarray]:
        """Return the keys of the contexts of a field, from none to two rows (each (..., F)) and what this row has."""
        nothing = np.full(row.shape[:-1], field + 1, np.uint64)
        own = [row[..., n] for n in range(field)]
        past = [before[..., n] for n in range(row.shape[-1])]
        further = [twice[..., n] for n in range(row.shape[-1])]
        levels = [[nothing], [nothing + np.uint64(16), *own], [nothing + np.uint64(32), *own, *past],
                  [nothing + np.uint64(48), *own, *past, *further]]
        return [_mix(*columns) for columns in levels[:2 + self.config.order]]

    def _chances(self, field: int, contexts: list[np.ndarray], ids: np.ndarray) -> Tensor:
        """Return the chance of each id in its context: float64, of the shape of ``ids``."""
        self._settle()
        assert self._known is not None
        keys, counts, which, totals, kinds = self._known
        chance = torch.full(ids.shape, 1 / self.codec.sizes[field], dtype=torch.float64)
        for level, context in enumerate(contexts):
            seen = torch.from_numpy(_look(keys, counts, _mix(context, ids)))
            total, kind = (torch.from_numpy(_look(which, column, context)) for column in (totals, kinds))
            weight = kind * self.trust[field, level].double().cpu().exp()
            known = total > 0
            chance = torch.where(known, (seen + weight * chance) / torch.where(known, total + weight, 1), chance)
        return chance

    def nats(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the surprise in nats of each field of each row but the first: (B, T - 1, F), 0 where nothing is."""
        ids = batch["ids"].cpu().numpy()
        nats = [torch.where(torch.from_numpy(used), -self._chances(field, contexts, ids[:, 1:, field]).log(), 0.0)
                for field, (contexts, used) in enumerate(self._contexts(ids))]
        return torch.stack(nats, dim=-1)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nats = self.nats(batch)
        rows = (batch["ids"][:, 1:, 0] != self.codec.pad).sum().clamp(min=1).cpu()
        fields = {name: nats[..., n].sum().detach() / rows for n, name in enumerate(self.codec.fields)}
        return {"loss": nats.sum() / rows, **fields}

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        used = (batch["ids"][:, 1:] != self.codec.pad).cpu()
        scored = ~batch["given"][:, 1:, None].cpu() & used
        notes = self.codec.notes_in(batch["ids"][:, 1:].cpu().numpy()) * scored.any(-1).numpy()
        return {"nats": (self.nats(batch) * scored).sum(), "notes": torch.tensor(float(notes.sum()))}

    def optimizers(self, lr: float) -> list[Optimizer]:
        return [Adam([self.trust], lr=lr)]

    def make_room(self, shapes: dict[str, torch.Size]) -> None:
        for name in ("keys", "contexts", "counts"):
            setattr(self, name, torch.zeros(shapes.get(name, (0,)), dtype=torch.int64, device=self.trust.device))
        self._known, self._waiting = None, []

    def start_from(self, other: Model) -> None:
        weights = other.state_dict()
        self.make_room({name: weight.shape for name, weight in weights.items()})
        self.load_state_dict(weights)

    def state_dict(self, *rest: Any, **named: Any) -> Any:
        if self._waiting:
            self._settle()
        return super().state_dict(*rest, **named)

    # Composing

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        grammar = sampling.begin(self.codec, options, prompt)
        keep_time(grammar, options, self.rhythm)
        return [grammar.piece(ids) for ids in sampling.write(self, grammar, options, progress)]

    def listen(self, rows: Tensor, starts: Tensor | None = None, multiply: Multiply = plain) -> Listening:
        """Hear rows (B, T, F), of which the last two are remembered."""
        ids = rows.numpy()
        return Listening(np.pad(ids, ((0, 0), (max(0, 2 - ids.shape[1]), 0), (0, 0))).astype(np.uint64))

    def next_row(self, state: Listening, hand: sampling.Hand) -> Tensor:
        """Draw one row for every stream (B, F), and remember it."""
        chosen = torch.zeros(len(state.before), len(self.codec.sizes), dtype=torch.long)
        while hand.again.any():
            for field, size in enumerate(self.codec.sizes):
                row = chosen.numpy().astype(np.uint64)
                contexts = self._keys_of(field, row, state.before[:, 1], state.before[:, 0])
                shape = (len(row), size)
                ids = np.broadcast_to(np.arange(size), shape)
                wide = [np.broadcast_to(context[:, None], shape) for context in contexts]
                chosen[:, field] = hand(field, self._chances(field, wide, ids).detach().log(), chosen)
        state.before = np.concatenate([state.before[:, 1:], chosen.numpy().astype(np.uint64)[:, None]], axis=1)
        return chosen


def _mix(*columns: np.ndarray) -> np.ndarray:
    """Return one key of 64 bits for several numbers (splitmix64 after Steele, Lea and Flood, 2014)."""
    key = np.zeros(columns[0].shape, np.uint64)
    for column in columns:
        key = (key ^ column.astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ key >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ key >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
    return key


def _look(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the value of each wanted key, 0 where there is none; ``keys`` are sorted."""
    if not len(keys):
        return np.zeros(wanted.shape)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)
