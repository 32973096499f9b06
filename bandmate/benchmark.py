"""How fast music is written, beside the libraries that people would use otherwise; ratios within one run.

The 12 x 512 transformer of the size `bangers`, with random weights, writes the same number of ids after the same prompt
as x-transformers' and transformers' own cached ``generate`` with models of the same shape, all drawing by the same
temperature and top-p. The contestants take turns, so that a busy machine slows all of them; the median turn counts.
transformers runs with both of its caches, the one that grows and the one of fixed size, and ratios are to the quicker.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from x_transformers import AutoregressiveWrapper, Decoder, TransformerWrapper
from x_transformers.autoregressive_wrapper import top_p

from bandmate.checkpoint import load
from bandmate.codecs.triples import Triples
from bandmate.export import llama_config
from bandmate.families.bands import Bands
from bandmate.light import Precision, light
from bandmate.model import Options
from bandmate.sampling import Dice

PROMPT = 32
TEMPERATURE, TOP_P = 0.9, 0.98
PRECISIONS: tuple[Precision, ...] = ("full", "half", "int8")

Contestant = Callable[[int, int], None]
"""Writes so many ids (second number) in so many streams at once (first number)."""


def speed(ids: int = 96, turns: int = 3, threads: int = 2) -> str:
    """Return tables of steps a second and ratios: at batch 1 and 8, and notes a second of the codec `bars`.

    A step is one new id in every stream. ``ids`` are written in each of ``turns`` turns, on ``threads`` processor threads.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    ours = _ours()
    lines = [f"12 layers x 512, {ids} ids after {PROMPT}, {threads} threads, median of {turns} turns"]
    for batch, library, peers, wanted in ((1, "x-transformers", _x_transformers(), 2), (8, "transformers", _transformers(), 3)):
        rates = _race({**ours, **peers}, batch, ids, turns)
        best = max(rates[name] for name in peers)
        lines.append(f"\nbatch {batch:<22} steps/s   beside {library} (at least {wanted} wanted)")
        lines += [f"  {name:<26} {rate:7.1f}   {rate / best:.2f}" for name, rate in rates.items()]
    return "\n".join([*lines, "", *_notes(turns)])


def _race(contestants: dict[str, Contestant], batch: int, ids: int, turns: int) -> dict[str, float]:
    """Let all write in turn; return the median steps a second of each."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for contestant in contestants.values():
        contestant(batch, 8)  # to warm up
    for _ in range(turns):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant(batch, ids)
            rates[name].append(ids / (time.perf_counter() - start))
    return {name: statistics.median(found) for name, found in rates.items()}


def _ours() -> dict[str, Contestant]:
    model = _bangers()

    def contestant(precision: Precision) -> Contestant:
        multiply = light(model, precision)

        def compose(batch: int, ids: int) -> None:
            dice = Dice(Options(temperature=TEMPERATURE, top_p=TOP_P), batch)
            allowed = np.ones((batch, model.sizes[0]), bool)
            with torch.inference_mode():
                state = model.listen(torch.randint(model.sizes[0], (batch, PROMPT, 1)), multiply=multiply)
                for _ in range(ids):
                    model.next_row(state, lambda field, logits, chosen: dice.draw(logits, allowed))  # type: ignore[arg-type]
        return compose

    return {f"bandmate, {precision}": contestant(precision) for precision in PRECISIONS}


def _bangers() -> Bands:
    return Bands(Bands.Config(**Bands.SIZES["bangers"].config), Triples()).eval()


def _x_transformers() -> dict[str, Contestant]:
    shape, size = Bands.Config(**Bands.SIZES["bangers"].config), Triples().sizes[0]
    layers = Decoder(dim=shape.width, depth=shape.layers, heads=shape.heads, attn_dim_head=shape.head_width,
                     rotary_pos_emb=True, attn_flash=True, use_rmsnorm=True, ff_glu=True, ff_swish=True, ff_no_bias=True,
                     ff_mult=shape.hidden / shape.width)
    model = AutoregressiveWrapper(TransformerWrapper(num_tokens=size, max_seq_len=shape.context, attn_layers=layers)).eval()

    def compose(batch: int, ids: int) -> None:
        with torch.inference_mode():
            model.generate(torch.randint(size, (batch, PROMPT)), ids, temperature=TEMPERATURE, filter_logits_fn=top_p,
                           filter_kwargs={"thres": TOP_P}, cache_kv=True)
    return {"x-transformers": compose}


def _transformers() -> dict[str, Contestant]:
    config = LlamaConfig(**{**llama_config(_bangers()), "pad_token_id": Triples.pad})
    config.num_attention_heads = config.num_key_value_heads = Bands.SIZES["bangers"].config["heads"]  # none that are silent
    model = LlamaForCausalLM(config).eval()

    def contestant(cache: str) -> Contestant:
        def compose(batch: int, ids: int) -> None:
            prompt = torch.randint(config.vocab_size - 1, (batch, PROMPT))
            with torch.inference_mode():
                model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=ids, min_new_tokens=ids,
                               do_sample=True, temperature=TEMPERATURE, top_p=TOP_P, top_k=0, cache_implementation=cache)
        return compose

    return {f"transformers, {cache}": contestant(cache) for cache in ("dynamic", "static")}


def _notes(turns: int) -> list[str]:
    """Measure whole requests, grammar and decoding included: notes a second of the shipped model."""
    model = load("bands")
    lines = ["the shipped model, whole requests for 8 bars of piano, bass and drums"]
    for variants in (1, 8):
        rates = []
        for seed in range(turns):
            options = model.Options(bars=8, instruments=("piano", "bass"), drums=True, variants=variants, seed=seed)
            start = time.perf_counter()
            pieces = model.generate(options)
            rates.append(sum(piece.note_num() for piece in pieces) / (time.perf_counter() - start))
        lines.append(f"  {variants} at once {'':16} {statistics.median(rates):7.1f} notes/s")
    return lines
