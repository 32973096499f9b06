"""Drawing music from a model that writes one row after another, inside what a grammar allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bandmate.codecs.codec import Grammar
from bandmate.light import Multiply, plain
from bandmate.model import Options, Progress


class Listening:
    """What a transformer remembers of the streams it writes: keys and values in arrays of fixed size."""

    def __init__(self, model: Any, rows: int, starts: Tensor | None = None, multiply: Multiply = plain) -> None:
        config = model.config
        self.capacity = config.context * model.tokens_a_row
        self.device = next(model.parameters()).device
        self.caches = [torch.zeros(2, rows, config.heads, self.capacity, config.head_width, device=self.device)
                       for _ in range(config.layers)]
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
    """Draws for several variants: variant n throws as seed + n would alone."""

    def __init__(self, options: Options) -> None:
        self.random = [np.random.default_rng(options.seed + n) for n in range(options.variants)]
        self.options = options

    def draw(self, logits: Tensor, mask: np.ndarray) -> Tensor:
        """Draw one id a row (B,) among those that ``mask`` (B, V) allows."""
        rows = zip(self.random, logits.float().cpu().numpy(), mask, strict=True)
        return torch.tensor([self._draw(random.random(), row, np.flatnonzero(allowed)) for random, row, allowed in rows])

    def _draw(self, throw: float, logits: np.ndarray, ids: np.ndarray) -> int:
        if len(ids) == 1:
            return int(ids[0])
        sums = chances(logits[ids], self.options).cumsum()
        return int(ids[np.searchsorted(sums, throw * sums[-1], side="right")])


@torch.inference_mode()
def write(model: Any, grammar: Grammar, options: Options, progress: Progress = lambda share: None,
          multiply: Multiply = plain) -> list[np.ndarray]:
    """Write one stream of rows (N, F) a variant, until the grammar says that all are done.

    When the memory is full, the header and the last half of it are heard anew, and writing goes on.
    """
    dice = Dice(options)
    prompt = grammar.prompt.astype(np.int64)
    rows: list[np.ndarray] = [np.tile(prompt[None], (options.variants, 1, 1))]
    state = model.listen(torch.from_numpy(rows[0]), multiply=multiply)

    def pick(field: int, logits: Tensor, chosen: Tensor) -> Tensor:
        return dice.draw(logits, grammar.mask(field, chosen.numpy()))

    while not grammar.done.all():
        if state.length + model.tokens_a_row > state.capacity:
            state = model.listen(*recall(model, np.concatenate(rows, axis=1)), multiply=multiply)
        row = model.next_row(state, pick).numpy()
        grammar.advance(row)
        rows.append(row[:, None])
        progress(grammar.progress)
    return [stream[(stream != model.codec.pad).any(1)] for stream in np.concatenate(rows, axis=1)]


def recall(model: Any, streams: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the shortened past of streams (B, T, F), each its header and its last bars, and where each of them starts.

    Each fills half of the model's memory, padded in front, so that a stream does not depend on those beside it.
    """
    length = model.config.context // 2
    kept = [model.codec.window(stream, length, 1.0) for stream in streams]
    padded = np.stack([np.pad(ids, ((length - len(ids), 0), (0, 0))) for ids in kept])
    return torch.from_numpy(padded), torch.tensor([length - len(ids) for ids in kept])
