"""Drawing music from a model that writes one row after another, inside what a grammar allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bandmate.codecs.codec import Grammar
from bandmate.model import Options, Progress


class Listening:
    """What a transformer remembers of the streams it writes: keys and values in arrays of fixed size."""

    def __init__(self, model: Any, rows: int, starts: Tensor | None = None) -> None:
        config = model.config
        capacity = config.context * model.tokens_a_row
        weight = next(model.parameters())
        self.caches = [torch.zeros(2, rows, config.heads, capacity, config.head_width, device=weight.device)
                       for _ in range(config.layers)]
        self.capacity = capacity
        self.length = 0
        self.starts = starts if starts is not None and bool(starts.any()) else None
        self.heard: Tensor = torch.empty(0)

    def mask(self, tokens: int) -> Tensor | None:
        """Return who may hear whom, bool (B, 1, tokens, all), where the streams begin at different places; else None."""
        if self.starts is None:
            return None
        total = self.length + tokens
        times = torch.arange(total)
        causal = times[None, :] <= times[self.length:, None]
        begun = times[None, None, :] >= self.starts[:, None, None]
        own = times[self.length:, None] == times[None, :]  # what stands before a stream hears itself: no empty softmax
        return ((causal & begun) | own)[:, None]


def filter_logits(logits: Tensor, mask: Tensor, options: Options) -> Tensor:
    """Return chances (B, V): nothing that is masked, then temperature, top-k, top-p and min-p.

    Temperature 0 puts all chance on the likeliest id. Top-p: Holtzman et al. 2019, arXiv 1904.09751; min-p: Nguyen et
    al. 2024, arXiv 2407.01082.
    """
    logits = logits.float().masked_fill(~mask, -torch.inf)
    if options.temperature == 0:
        return torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1.0)
    chances = (logits / options.temperature).softmax(dim=1)
    if options.top_k and options.top_k < chances.shape[1]:
        chances = chances.masked_fill(chances < chances.topk(options.top_k).values[:, -1:], 0.0)
    if options.min_p:
        chances = chances.masked_fill(chances < options.min_p * chances.amax(1, keepdim=True), 0.0)
    if options.top_p < 1:
        ordered, places = (chances / chances.sum(1, keepdim=True)).sort(dim=1, descending=True)
        spare = ordered.cumsum(1) - ordered >= options.top_p
        chances = chances.masked_fill(torch.zeros_like(mask).scatter_(1, places, spare), 0.0)
    return chances / chances.sum(1, keepdim=True)


class Dice:
    """Draws for several variants: variant n throws as seed + n would alone."""

    def __init__(self, options: Options) -> None:
        self.random = [np.random.default_rng(options.seed + n) for n in range(options.variants)]
        self.options = options

    def draw(self, logits: Tensor, mask: np.ndarray) -> Tensor:
        """Draw one id a row (B,) among those that ``mask`` (B, V) allows."""
        throws = torch.tensor([[random.random()] for random in self.random])
        if mask.sum() == len(mask):  # nothing to choose
            return torch.from_numpy(mask.argmax(1))
        sums = filter_logits(logits, torch.from_numpy(mask), self.options).double().cumsum(1)
        return torch.searchsorted(sums, throws.double() * sums[:, -1:], right=True).squeeze(1).clamp(max=mask.shape[1] - 1)


@torch.inference_mode()
def write(model: Any, grammar: Grammar, options: Options, progress: Progress = lambda share: None) -> list[np.ndarray]:
    """Write one stream of rows (N, F) a variant, until the grammar says that all are done.

    When the memory is full, the header and the last half of it are heard anew, and writing goes on.
    """
    dice = Dice(options)
    prompt = grammar.prompt.astype(np.int64)
    rows: list[np.ndarray] = [np.tile(prompt[None], (options.variants, 1, 1))]
    state = model.listen(torch.from_numpy(rows[0]))

    def pick(field: int, logits: Tensor, chosen: Tensor) -> Tensor:
        return dice.draw(logits, grammar.mask(field, chosen.numpy()))

    while not grammar.done.all():
        if state.length + model.tokens_a_row > state.capacity:
            state = recall(model, np.concatenate(rows, axis=1))
        row = model.next_row(state, pick).numpy()
        grammar.advance(row)
        rows.append(row[:, None])
        progress(grammar.progress)
    return [stream[(stream != model.codec.pad).any(1)] for stream in np.concatenate(rows, axis=1)]


def recall(model: Any, streams: np.ndarray) -> Listening:
    """Hear the shortened past of streams (B, T, F): each its header and its last bars, in half of the model's memory."""
    kept = [model.codec.window(stream, model.config.context // 2, 1.0) for stream in streams]
    longest = max(map(len, kept))
    padded = np.stack([np.concatenate([np.zeros((longest - len(ids), ids.shape[1]), np.int64), ids]) for ids in kept])
    return model.listen(torch.from_numpy(padded), torch.tensor([longest - len(ids) for ids in kept]))
