"""Rhythm net: a small network that knows rhythm alone: how long until the next note, how long this one lasts.

It learns from music whose rows say their times (`names:rhythm=joint`) and hears nothing of the pitches. Alone it plays its
rhythm on one pitch; under a composer that learnt pitches alone it beats the time ("--rhythm learnt"). The slides of 2019
that tell of it as the second of five ways to a rhythm leave its shape open; ours is a GRU. Its nats are those of rhythm
alone, and are not to be compared with those of composers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

import bandmate.codecs.codec as codecs
from bandmate.codecs.events import Events
from bandmate.codecs.names import Names
from bandmate.codecs.solo import BEGIN
from bandmate.codecs.solo_grammar import bar_steps, check
from bandmate.families.recurrent import Recurrent
from bandmate.model import AnyOptions, Progress, Size, unwatched
from bandmate.music.rhythm import Slots, lay_out, slots_of
from bandmate.piece import Piece
from bandmate.sampling import Dice
from bandmate.settings import UserError

WAIT, LENGTH = 1, 2  # fields of the codec
MIDDLE = 60  # the pitch on which it plays alone
NOW = 1  # id of a wait of no steps


class RhythmNet(Recurrent):
    """The network: see the top of this file."""

    Options = AnyOptions
    Codec = Names
    cells = nn.GRU
    SIZES = {
        size: Size(config={"width": width, "layers": 1, "embedding": 32, "dropout": 0.2},
                   training={"batch": 16, "length": 128, "lr": 3e-3, "steps": steps, "evaluate_every": 100, "keep_every": 500})
        for size, width, steps in (("tiny", 24, 300), ("small", 64, 1000), ("medium", 128, 2000), ("large", 256, 2000))
    }

    codec: Events

    def fields_of(self, codec: codecs.Codec) -> tuple[int, ...]:
        """Return the fields of time. Raises UserError for a codec whose rows do not say any."""
        if not (isinstance(codec, Events) and codec.joint):
            raise UserError(f"rhythm_net learns when notes start and how long they last, and music written as '{codec.name}' "
                            "does not say so row by row; prepare it with --codec names:rhythm=joint")
        return WAIT, LENGTH

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        """Play rhythms on one pitch, the middle C. Raises UserError for what has no meaning in that."""
        check(self.codec, options)
        if prompt is not None or options.task != "generate":
            raise UserError(f"rhythm_net beats rhythms of its own and cannot {options.task}; bring it to a composer of pitches "
                            "as its learnt rhythm, or take a family such as lstm")
        if options.key or options.pitches or options.composer:
            raise UserError("rhythm_net knows nothing of keys, pitches and composers; leave them out, or take a family such as "
                            "lstm")
        pieces: list[Piece] = []
        quarters = options.bars * bar_steps(self.codec, options.metre) / self.codec.steps_per_quarter
        for variant in range(options.variants):
            slots = self.slots(quarters, options.seed + variant, options)
            notes = lay_out([[MIDDLE]] * len(slots), slots, self.codec.steps_per_quarter)
            pieces.append(self.codec.build(notes, options))
            progress((variant + 1) / options.variants, lambda: list(pieces))
        return pieces

    def slots(self, quarters: float, seed: int, options: AnyOptions | None = None) -> Slots:
        """Beat a rhythm of so many quarters; the same seed beats the same."""
        return slots_of(self.play((options or AnyOptions()).replace(seed=seed)), quarters)

    def play(self, options: AnyOptions) -> Iterator[tuple[float, float]]:
        """Yield for each note the time to the next and its length, in quarters, without end."""
        dice = Dice(options, 1)
        waits = np.arange(self.codec.sizes[WAIT])[None] > NOW
        lengths = np.arange(self.codec.sizes[LENGTH])[None] > 0
        row = torch.zeros(1, len(self.codec.sizes), dtype=torch.long)
        row[0, 0] = BEGIN
        state = self._heard(row, None)
        row[0, :] = torch.tensor([self.codec.first, NOW, 0])
        while True:
            with torch.inference_mode():
                row[:, LENGTH] = dice.draw(self.judge(1, state[-1], row), lengths)
                state = self._heard(row, state)
                after = dice.draw(self.judge(0, state[-1], row), waits)
            yield (int(after) - NOW) / self.codec.steps_per_quarter, int(row[0, LENGTH]) / self.codec.steps_per_quarter
            row[:, WAIT] = after

    @torch.inference_mode()
    def _heard(self, row: torch.Tensor, state: torch.Tensor | None) -> torch.Tensor:
        return self.network(self.embed(row[:, None].to(self._device)), state)[1]


