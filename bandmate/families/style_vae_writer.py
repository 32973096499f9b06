"""How the family `style_vae` writes: four bars after four bars, each from a latent of its own.

How strongly a style is heard can be turned: what the decoder would write in the middle of all styles is taken as given, and
what the style changes about that is made larger. This is the classifier-free guidance of Ho and Salimans 2022 (arXiv
2207.12598), with the middle of all styles in the place of no condition, so that nothing has to be learnt for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from bandmate import sampling
from bandmate.codecs.onsets import BARS, KEY, LABEL, WAIT, WAIT_AT, Onsets
from bandmate.codecs.onsets_grammar import OnsetsGrammar
from bandmate.codecs.solo import END
from bandmate.families import style_vae_parts as parts
from bandmate.light import Multiply, plain
from bandmate.music.files import read
from bandmate.piece import Piece
from bandmate.settings import UserError, nearest

EIGHTHS = 8


def mixed(text: str, known: tuple[str, ...]) -> list[float]:
    """Read a style, or a mix of several with their shares, as one share for each that is ``known``; the sum is 1.

    Names stand between commas, or between semicolons where names have commas; a part of a name will do. Raises UserError.
    """
    shares = [0.0] * len(known)
    whole = ";" in text or any(name.lower() == text.strip().lower() for name in known)
    for part in filter(None, (part.strip() for part in (text.split(";") if whole else text.split(",")))):
        name, colon, share = part.rpartition(":")
        try:
            amount = float(share) if colon else 1.0
        except ValueError:
            name, amount = part, 1.0
        wanted = (name if colon else part).strip()
        same = ([one for one in known if one.lower() == wanted.lower()]
                or [one for one in known if wanted.lower() in one.lower()])
        if len(same) != 1:
            raise UserError(f"the model does not know the style '{wanted}'; " + (
                f"it may be {' or '.join(map(repr, same))}; write more of the name" if same else nearest(wanted, known)))
        if not 0 <= amount < float("inf"):
            raise UserError(f"'{part}' is no share of a style; a number from 0 on was expected, as in bach:0.7; write one")
        shares[known.index(same[0])] += amount
    if not sum(shares):
        raise UserError(f"'{text}' names no style; a style, or shares such as bach:0.7,folk:0.3, were expected; name one")
    return [share / sum(shares) for share in shares]


@dataclass
class Pen:
    """Where the decoder stands in each stream."""

    shown: Tensor  # what is known after the last row, (B, width)
    state: Tensor
    when: Tensor  # when the last note began, in steps from the start of the stretch, (B,)
    number: np.ndarray  # of the stretch of each stream
    length = 0
    capacity = 2**62  # it never has to hear anew


class Writer:
    """Writes some streams; :func:`bandmate.sampling.write` takes it for the model."""

    tokens_a_row = 1

    def __init__(self, model: Any, options: Any, prompt: Piece | None) -> None:
        self.model, self.codec, self.config = model, cast(Onsets, model.codec), self
        self.context = EIGHTHS  # of rows that are heard anew: none has to be
        self.device = model.codebook.device
        paths = [*options.between, *([options.content] if options.content else [])]
        if len(paths) not in (0, 2 if options.between else 1):
            raise UserError("music is written from the content of one MIDI file, or between those of two; one path was "
                            "expected with --content, or two with --between; name them so")
        if paths and options.task != "generate":
            raise UserError("a piece that goes on has its own content; leave content and between out, or write a new piece")
        with torch.inference_mode():
            heard = [self.heard(model.codec.encode(read(path))) for path in paths]
            plain_wish = options.replace(style=None, composer=None, **self._own(options, heard))
            self.grammar = cast(OnsetsGrammar, sampling.begin(self.codec, plain_wish, prompt))
            if prompt is not None and len(self.grammar.before_it):
                heard = [self.heard(np.concatenate([self.codec.header(None, self.grammar.bar),
                                                    self.codec.cut(self.grammar.before_it, self.grammar.bar)]))]
            self.randoms = [np.random.default_rng([options.seed + n, 1]) for n in range(self.grammar.rows)]
            contents = self._contents(options, [mean for mean, _, _ in heard])
            weights = self._weights(options, [style for _, style, _ in heard])
            self.strength = options.strength
            middle = torch.full_like(weights, 1 / len(model.styles), dtype=torch.float)
            heard_in = [weights] if self.strength == 1 else [weights, middle]
            self.latents = torch.stack([torch.cat([model.latent(model.homes.enter(content, style), style)
                                                   for style in heard_in]) for content in contents])
            """What starts each stretch of each stream; the second half, if there is one, in the middle of all styles."""

    def parameter_count(self) -> int:
        """Return the number of weights of the model."""
        return self.model.parameter_count()

    def heard(self, ids: np.ndarray) -> tuple[Tensor, Tensor, np.ndarray]:
        """Return the mean content of each four bars of a piece (N, K), the style of all (S,), and its first row."""
        found = [self.model.encode(torch.from_numpy(stretch.astype(np.int64))[None].to(self.device))
                 for stretch in self.codec.stretches(ids)]
        styles = torch.cat([style for _, _, style in found]).log_softmax(-1).mean(0, keepdim=True)
        style = parts.likeliest(styles)
        return self.model.homes.leave(torch.cat([mean for mean, _, _ in found]), style), style[0], ids[:1]

    def _own(self, options: Any, heard: list[tuple[Tensor, Tensor, np.ndarray]]) -> dict[str, Any]:
        """Return the bars and the metre of the content, where no others are asked for."""
        own: dict[str, Any] = {}
        if options.content and heard:
            mean, _, top = heard[0]
            if "bars" not in options.model_fields_set:
                own["bars"] = min(len(mean) * BARS, 256)
            if "metre" not in options.model_fields_set:
                mark = self.codec.decode(top).time_signatures[0]
                own["metre"] = f"{mark.numerator}/{mark.denominator}"
        return own

    def _contents(self, options: Any, heard: list[Tensor]) -> list[Tensor]:
        """Return the content (B, K) of each stretch."""
        count = ceil(self.grammar.end / (BARS * self.grammar.bar))
        if len(heard) == 2:
            first, second = heard
            shares = [number / max(count - 1, 1) for number in range(count)]
            return [torch.lerp(first[n % len(first)], second[n % len(second)], share).expand(len(self.randoms), -1)
                    for n, share in enumerate(shares)]
        given: Tensor | list[Tensor] = heard[0][:, None].expand(-1, len(self.randoms), -1) if heard else []
        contents = [*given] if options.task == "generate" else []
        now = given[-1] if heard else self._noise()
        while len(contents) < count:
            if contents or options.task != "generate":
                now = (1 - options.change ** 2) ** 0.5 * now + options.change * self._noise()
            contents.append(now)
        return contents[:count]

    def _noise(self) -> Tensor:
        drawn = np.stack([random.standard_normal(self.model.config.content, np.float32) for random in self.randoms])
        return torch.from_numpy(drawn).to(self.device)

    def _weights(self, options: Any, heard: list[Tensor]) -> Tensor:
        """Return how much of each style each stream has, (B, S)."""
        named = "; ".join(filter(None, (options.style, options.composer)))
        count, rows = len(self.model.styles), len(self.randoms)
        if named:
            return self.model.weights_of(named).to(self.device).expand(rows, -1)
        if heard:
            return heard[0].expand(rows, -1)
        chosen = torch.tensor([int(random.integers(count)) for random in self.randoms], device=self.device)
        return torch.nn.functional.one_hot(chosen, count)

    # What writes

    def listen(self, rows: Tensor, starts: Tensor | None = None, multiply: Multiply = plain) -> Pen:
        """Start the first stretch of each stream."""
        count = self.latents.shape[1]
        shown, state = self._start(np.zeros(count, int))
        return Pen(shown, state, torch.zeros(count, dtype=torch.long, device=self.device), np.zeros(count, int))

    def _start(self, numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        """Begin the stretch with these numbers in each stream."""
        numbers = np.minimum(numbers, len(self.latents) - 1)
        latent = self.latents[numbers, np.arange(len(numbers))]
        header = torch.from_numpy(self.codec.header(None, self.grammar.bar).astype(np.int64)).to(self.device)
        rows = self.model.rows(header.expand(len(numbers), 1, -1), torch.zeros(len(numbers), 1, dtype=torch.long,
                                                                                device=self.device))
        shown, state = self.model.decoder(rows, latent)
        return shown[:, 0], state

    def next_row(self, pen: Pen, hand: sampling.Hand) -> Tensor:
        """Draw one row for every stream (B, 3), and hear it."""
        chosen = torch.zeros(len(self.randoms), 3, dtype=torch.long)
        times = len(pen.shown) // len(chosen)
        while hand.again.any():
            for field in range(3):
                known = parts.hide(chosen[:, None].to(self.device), self.codec.first)[0][:, 0]
                logits = self.model.decoder.judge(field, pen.shown, known.repeat(times, 1))
                if times > 1:
                    styled, middle = logits.log_softmax(-1).chunk(times)
                    logits = middle + self.strength * (styled - middle)
                if field == KEY:  # labels stand between what is no key and the keys
                    unheard = logits.new_zeros(len(logits), self.codec.first - LABEL)
                    logits = torch.cat([logits[:, :LABEL], unheard, logits[:, LABEL:]], -1)
                chosen[:, field] = hand(field, logits, chosen)
        self._hear(pen, chosen.repeat(times, 1))
        return chosen

    def _hear(self, pen: Pen, chosen: Tensor) -> None:
        """Let the decoder hear a row; after an end it begins the next stretch."""
        row = chosen.to(self.device)
        struck = row[:, KEY] >= self.codec.first
        pen.when = pen.when + torch.where(struck, row[:, WAIT] - WAIT_AT, 0)
        latent = self.latents[np.minimum(pen.number, len(self.latents) - 1), np.arange(len(row))]
        hidden = parts.hide(row[:, None], self.codec.first)[0]
        shown, pen.state = self.model.decoder(self.model.rows(hidden, pen.when[:, None]), latent, pen.state)
        pen.shown = shown[:, 0]
        ended = row[:, KEY] == END
        if ended.any():
            pen.number = pen.number + ended.cpu().numpy()
            shown, state = self._start(pen.number)
            pen.shown = torch.where(ended[:, None], shown, pen.shown)
            pen.state = torch.where(ended[:, None], state, pen.state)
            pen.when = torch.where(ended, 0, pen.when)


