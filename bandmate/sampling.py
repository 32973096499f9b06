"""Drawing music from a model that writes one row after another, inside what a grammar allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bandmate.codecs.codec import Codec, Grammar
from bandmate.light import Multiply, plain
from bandmate.model import Options, Progress, unwatched
from bandmate.music.draft import Draft
from bandmate.piece import Piece
from bandmate.settings import UserError

TRIES = 16  # how often a row is drawn at most
HOPELESS = 5  # refusals after which a first id is no longer drawn for this row
SURE = 0.95  # share of what is allowed from which on nothing is drawn anew
SMALL = 20_000_000  # weights
HEARD = 2 / 3  # share of the memory that is filled when streams hear anew


class Listening:
    """What a transformer remembers of the streams it writes: keys and values in arrays of fixed size."""

    def __init__(self, model: Any, rows: int, starts: Tensor | None = None, multiply: Multiply = plain) -> None:
        config = model.config
        self.capacity = config.context * model.tokens_a_row
        self.device = next(model.parameters()).device
        self.caches = [torch.empty(2, rows, config.heads, self.capacity, config.head_width, device=self.device)
                       for _ in range(config.layers)]  # memory that is never filled then costs no time
        self.length = 0
        self.starts = starts.to(self.device) if starts is not None and bool(starts.any()) else None
        self.multiply = multiply
        self.mask: Tensor | None = None
        self.heard: Tensor = torch.empty(0)

    def keep(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store a layer's further keys and values (B, H, T, head width); return all of them."""
        first, last = self.length, self.length + key.shape[2]
        keys, values = self.caches[layer][:, :, :, :last]
        keys[:, :, first:], values[:, :, first:] = key, value
        return keys, values

    def look(self, tokens: int) -> None:
        """Note who of so many further tokens may hear whom: bool (B, 1, tokens, all), or None where causal says it all."""
        self.mask = None
        if self.starts is None and (tokens == 1 or self.length == 0):
            return
        times = torch.arange(self.length + tokens, device=self.device)
        own = times[self.length:, None]
        heard = times <= own
        if self.starts is not None:  # what stands before a stream hears itself: no empty softmax
            heard = heard & (times >= self.starts[:, None, None]) | (times == own)
        self.mask = heard.reshape(-1, 1, tokens, len(times))


def chances(logits: np.ndarray, options: Options) -> np.ndarray:
    """Return the chance (N,) of each of some ids: temperature, then top-k, min-p and top-p.

    Temperature 0 puts all chance on the likeliest id. Top-p: Holtzman et al. 2019, arXiv 1904.09751; min-p: Nguyen et
    al. 2024, arXiv 2407.01082.
    """
    if options.temperature == 0:
        return (np.arange(len(logits)) == logits.argmax()).astype(float)
    heights = np.exp((logits - logits.max()).astype(float) / options.temperature)  # the likeliest has 1
    if 0 < options.top_k < len(heights):
        heights[heights < np.partition(heights, -options.top_k)[-options.top_k]] = 0
    heights[heights < options.min_p] = 0
    if options.top_p < 1:
        order = np.argsort(-heights)
        sums = heights[order].cumsum()
        heights[order[1:][sums[:-1] >= options.top_p * sums[-1]]] = 0
    return heights / heights.sum()


class Dice:
    """Draws for several streams: stream n throws as seed + n would alone."""

    def __init__(self, options: Options, streams: int) -> None:
        self.random = [np.random.default_rng(options.seed + n) for n in range(streams)]
        self.options = options
        self.surprise = [[] for _ in range(streams)]  # type: list[list[float]]
        """Of each stream, the surprise in nats of each draw that had a choice."""

    def mean_surprise(self) -> np.ndarray:
        """Return the mean surprise of the draws of each stream: (B,)."""
        return np.array([np.mean(surprise or [0.0]) for surprise in self.surprise])

    def draw(self, logits: Tensor, mask: np.ndarray) -> Tensor:
        """Draw one id a row (B,) among those that ``mask`` (B, V) allows."""
        return torch.tensor([self.one(number, row, allowed)
                             for number, (row, allowed) in enumerate(zip(logits.float().cpu().numpy(), mask, strict=True))])

    def one(self, number: int, logits: np.ndarray, allowed: np.ndarray) -> int:
        """Draw an id for stream ``number`` among those that are ``allowed``: bool (V,)."""
        return self._draw(self.random[number].random(), self.surprise[number], logits, np.flatnonzero(allowed))

    def _draw(self, throw: float, surprise: list[float], logits: np.ndarray, ids: np.ndarray) -> int:
        if len(ids) == 1:
            return int(ids[0])
        likely = chances(logits[ids], self.options)
        sums = likely.cumsum()
        place = np.searchsorted(sums, throw * sums[-1], side="right")
        surprise.append(-float(np.log(likely[place])))
        return int(ids[place])


class Hand:
    """Draws the fields of a row, one after another, for every stream.

    The first field says when something happens, and is drawn before it is known what. If then most of what the model wants
    there is not allowed (it thinks of the drums, but only the piano is to be written), the row is drawn anew, the oftener,
    the less is allowed. So a row has the chance that the model gives to it as a whole, among all rows that are allowed.
    """

    def __init__(self, grammar: Grammar, dice: Dice) -> None:
        self.grammar, self.dice = grammar, dice
        self.again = np.ones(len(dice.random), bool)
        """Streams whose row is still to be drawn."""
        self._drawing = self.again
        self._tries = 0
        self._surprises = [len(surprise) for surprise in dice.surprise]
        self._refused: list[Counter[int]] = [Counter() for _ in dice.random]  # first ids that came to nothing

    def __call__(self, field: int, logits: Tensor, chosen: Tensor) -> Tensor:
        """Return the ids of a field (B,), for logits (B, V) and the fields chosen so far (B, F)."""
        mask, lean = self.grammar.mask(field, chosen.numpy()), self.grammar.lean(field, chosen.numpy())
        scores = logits.float().cpu().numpy()
        if lean is not None:
            scores = scores + lean
        if field == 0:
            self._drawing, self.again = self.again, np.zeros_like(self.again)
            self._tries += 1 if lean is None else TRIES  # where a person leans on the time, the model has no second word
        ids = chosen[:, field].clone()
        for number in np.flatnonzero(self._drawing).tolist():
            if field == 0:
                del self.dice.surprise[number][self._surprises[number]:]
                hopeless = [when for when, times in self._refused[number].items() if times >= HOPELESS]
                if mask[number].sum() > len(hopeless):
                    mask[number, hopeless] = False
            elif field == 1 and self._tries < TRIES and self._is_unwanted(number, scores[number], mask[number]):
                self.again[number] = True
                self._refused[number][int(chosen[number, 0])] += 1
            ids[number] = mask[number].argmax() if self.again[number] else self.dice.one(number, scores[number], mask[number])
        return ids

    def _is_unwanted(self, number: int, scores: np.ndarray, allowed: np.ndarray) -> bool:
        """Throw whether to draw anew: with the chance of what is not allowed, where there is a choice at all.

        Where only the likeliest is drawn nothing is thrown: what is likelier than not is done.
        """
        if allowed.sum() < 2:
            return False
        heights = np.exp(scores - scores.max())
        share = heights[allowed].sum() / heights.sum()
        options = self.dice.options
        throw = 0.5 if options.temperature == 0 or options.top_k == 1 else self.dice.random[number].random()
        return share < SURE and throw > share


def begin(codec: Codec, options: Options, prompt: Piece | None = None) -> Grammar:
    """Start the streams that some options ask for, one for each candidate of each variant, in a given piece or from nothing.

    Raises UserError where there is no piece to work on, and for what the codec cannot hold.
    """
    if prompt is None and options.task != "generate":
        raise UserError(f"there is no piece to {options.task}; give a prompt")
    draft = None if prompt is None else Draft.of(options, prompt)
    return codec.grammar(options, options.variants * options.candidates, draft)


@contextmanager
def quietly(model: Any) -> Iterator[None]:
    """Compute with one thread, if the model is small: a second one helps it little, and waits for the first one all the time.

    Where something else runs on the machine, that waiting makes small models many times slower.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if model.parameter_count() < SMALL else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.inference_mode()
def write(model: Any, grammar: Grammar, options: Options, progress: Progress = unwatched,
          multiply: Multiply = plain) -> list[np.ndarray]:
    """Write one stream of rows (N, F) a variant, until the grammar says that all are done.

    When the memory is full, or what is given changes, the streams hear anew what the grammar says, and writing goes on.
    Of several candidates the one is kept that misses the least of what was asked for; among equals the likeliest, by the
    mean surprise of its draws.
    """
    with quietly(model):
        return _write(model, grammar, options, progress, multiply)


def _write(model: Any, grammar: Grammar, options: Options, progress: Progress, multiply: Multiply) -> list[np.ndarray]:
    count = options.variants * options.candidates
    dice = Dice(options, count)
    rows: list[np.ndarray] = [np.tile(grammar.prompt.astype(np.int64)[None], (count, 1, 1))]
    state = model.listen(torch.from_numpy(rows[0]), multiply=multiply) if len(grammar.prompt) else None

    while not grammar.done.all():
        if state is None or grammar.stale or state.length + model.tokens_a_row > state.capacity:
            state = model.listen(*recall(model, grammar, np.concatenate(rows, axis=1)), multiply=multiply)
        row = model.next_row(state, Hand(grammar, dice)).numpy()
        grammar.advance(row)
        rows.append(row[:, None])
        progress(grammar.progress, lambda: [grammar.piece(stream) for stream in _streams(rows, model)[::options.candidates]])
    streams = _streams(rows, model)
    return [streams[number] for number in kept(grammar, streams, dice.mean_surprise(), options.candidates)]


def kept(grammar: Grammar, streams: Sequence[np.ndarray], cost: np.ndarray, candidates: int) -> list[int]:
    """Return which stream is kept of each run of so many candidates: the one that misses the least of what was asked for;
    among equals that of the least cost (B,)."""
    order = [(grammar.misses(stream), float(each)) for stream, each in zip(streams, cost, strict=True)]
    return [min(range(first, first + candidates), key=lambda n: order[n]) for first in range(0, len(order), candidates)]


def _streams(rows: list[np.ndarray], model: Any) -> list[np.ndarray]:
    """Return each stream that is made of some rows (B, T, F), without padding."""
    return [stream[(stream != model.codec.pad).any(1)] for stream in np.concatenate(rows, axis=1)]


def recall(model: Any, grammar: Grammar, streams: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return what streams (B, T, F) are to hear before they go on, and where each of them starts.

    Each takes the same share of the model's memory, padded in front, so that a stream does not depend on those beside it.
    """
    room = int(HEARD * model.config.context)
    nothing = np.zeros((1, streams.shape[2]), np.int64)
    kept = [nothing if done else grammar.hear(n, stream, room)
            for n, (stream, done) in enumerate(zip(streams, grammar.done, strict=True))]
    room = max(room, *map(len, kept))
    padded = np.stack([np.pad(ids, ((room - len(ids), 0), (0, 0))) for ids in kept])
    return torch.from_numpy(padded), torch.tensor([room - len(ids) for ids in kept])
