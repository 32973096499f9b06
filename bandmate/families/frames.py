"""Frames: piano rolls frame by frame, in the manner of the first neural composers of polyphony, for the frame benchmark.

A body hears the frames before (an LSTM, a GRU, or causal convolutions), a head says how likely each next frame is. With the
head "independent" these are the classic models, as compared by Chung et al. (2014, arXiv 1412.3555) and Bai et al. (2018,
arXiv 1803.01271). With "joint", the default, notes of a frame know of each other, and body and head hear more: where in
the piece they are, and what came next the last time the music went like this.

Weights trained on the benchmark's files are for research: the data has no licence, so none are shipped.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import bandmate.codecs.codec as codecs
from bandmate.codecs.frames import KEYS, ON, Frames
from bandmate.codecs.frames_grammar import FramesGrammar
from bandmate.families.frame_bodies import Convolutions, Recurrent
from bandmate.families.frame_heads import Independent, Joint
from bandmate.families.frame_hearing import CLOCKS, MATCHES, Heard, clock
from bandmate.model import AnyOptions, Model, Options, Progress, Size, unwatched
from bandmate.piece import Piece
from bandmate.sampling import Dice, begin, kept
from bandmate.settings import Settings

PHRASES = {"length": 512, "batch": 8, "transpose": 0, "lr": 2e-3,  # all in one tonic, which tells much: no other keys
           "evaluate_every": 100, "evaluate_pieces": 1000, "keep_every": 200}
LONG = {**PHRASES, "steps": 1500, "lr": 3e-3}
CLASSIC = {"head": "independent", "dropout": 0.2}


class FramesConfig(Settings):
    """What shapes the weights of `frames`."""

    body: Literal["lstm", "gru", "conv"] = "gru"
    """What hears the frames before: a recurrent network, or causal convolutions."""
    head: Literal["joint", "independent"] = "joint"
    """Whether notes of a frame know of each other, or each key is judged for itself as in the classic models."""
    width: Annotated[int, Field(ge=8)] = 192
    """Width of the body."""
    layers: Annotated[int, Field(ge=1)] = 1
    """Layers of the body; levels of convolutions."""
    kernel: Annotated[int, Field(ge=2)] = 5
    """Frames that a convolution sees at once."""
    head_width: Annotated[int, Field(ge=8)] = 128
    """Width of the joint head."""
    head_layers: Annotated[int, Field(ge=1)] = 2
    """Layers of the joint head."""
    echo: bool = True
    """Whether the joint model hears what came next the last time that the piece went as it goes now."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of units that fall silent in training."""
    forget: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of what the joint model is told that is left out in training."""


class FramesModel(Model):
    """The model: see the top of this file."""

    Config = FramesConfig
    Codec = Frames
    SIZES = {
        "tiny": Size(config={"width": 48, "head_width": 32, "head_layers": 1, "dropout": 0.1},
                     training={"steps": 200, **PHRASES}),
        "small": Size(config={"dropout": 0.4, "forget": 0.2}, training={"steps": 700, **PHRASES}),
        "medium": Size(config={"width": 256, "dropout": 0.15, "forget": 0.05}, training={"steps": 400, **PHRASES, "batch": 4}),
        "lstm": Size(config={**CLASSIC, "body": "lstm"}, training=LONG),
        "gru": Size(config={**CLASSIC, "body": "gru"}, training=LONG),
        "conv": Size(config={**CLASSIC, "body": "conv", "width": 150, "layers": 4, "dropout": 0.4},
                     training={**LONG, "steps": 800}),
    }

    config: FramesConfig
    codec: Frames

    def __init__(self, config: FramesConfig, codec: codecs.Codec) -> None:
        super().__init__(config, codec)
        joint = config.head == "joint"
        inputs = KEYS + joint * (2 * KEYS + MATCHES + 2 * len(CLOCKS))
        if config.body == "conv":
            self.body: nn.Module = Convolutions(inputs, config.width, config.layers, config.kernel, config.dropout)
        else:
            kind = nn.LSTM if config.body == "lstm" else nn.GRU
            self.body = Recurrent(kind, inputs, config.width, config.layers, config.dropout)
        self.head = Joint(config.width, config.head_width, config.head_layers, config.dropout, config.forget
                          ) if joint else Independent(config.width)

    def heard(self, ids: Tensor) -> Heard:
        """Take in a batch (B, T, 88)."""
        return Heard((ids == ON).float(), self.config.echo and self.config.head == "joint")

    def hear(self, heard: Heard) -> Tensor:
        """Return what the body makes of the time before each frame: (B, T, width)."""
        known = heard.last
        if self.config.head == "joint":
            time = clock(heard.roll).expand(len(known), -1, -1)
            known = torch.cat([known, *(one.roll for one in heard.echoes), heard.matches(), time], -1)
            known = silence(known, self.config.forget, self.training)
        return silence(self.body(known), self.config.dropout, self.training)

    def nats(self, ids: Tensor) -> Tensor:
        """Return the nats (F,) of each frame of a batch (B, T, 88) that is not padding."""
        heard = self.heard(ids)
        return self.head.nats(self.hear(heard), heard, ids[..., 0] > 0)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": self.nats(batch["ids"]).mean()}

    @torch.no_grad()
    def score(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        on = batch["ids"] == ON
        notes = on[:, 0].sum() + (on[:, 1:] & ~on[:, :-1]).sum()  # a key that goes on, as decoded
        return {"nats": self.nats(batch["ids"]).sum(), "notes": notes.float()}

    @torch.no_grad()
    def surprise(self, ids: np.ndarray) -> np.ndarray:
        """Return the nats (T,) of each frame of a whole piece (T, 88)."""
        device = next(self.parameters()).device
        return self.nats(torch.from_numpy(ids.astype(np.int64)).to(device)[None]).cpu().double().numpy()

    def generate(self, options: AnyOptions, prompt: Piece | None = None,
                 progress: Progress = unwatched) -> list[Piece]:
        grammar = cast(FramesGrammar, begin(self.codec, options, prompt))
        return [grammar.piece(stream) for stream in self._write(grammar, options, progress)]

    @torch.inference_mode()
    def _write(self, grammar: FramesGrammar, options: Options, progress: Progress) -> list[np.ndarray]:
        """Draw frame after frame, inside what the grammar allows; of candidates the likeliest is kept."""
        streams = len(grammar.done)
        dice = Dice(options, streams)
        ids = torch.from_numpy(grammar.prompt.astype(np.int64)).repeat(streams, 1, 1).to(next(self.parameters()).device)
        while not grammar.done.all():
            heard = self.heard(F.pad(ids, (0, 0, 0, 1)))
            frame = self.head.draw(self.hear(heard), heard, grammar, dice)
            ids = torch.cat([ids, torch.from_numpy(frame).to(ids)[:, None]], 1)
            grammar.advance(frame)
            progress(grammar.progress, partial(_read, grammar, ids[::options.candidates]))
        written = list(ids.cpu().numpy())
        return [written[number] for number in kept(grammar, written, dice.mean_surprise(), options.candidates)]


def _read(grammar: FramesGrammar, ids: Tensor) -> list[Piece]:
    """Read what is written so far."""
    return [grammar.piece(stream) for stream in ids.cpu().numpy()]


def silence(x: Tensor, share: float, training: bool) -> Tensor:
    """Silence a share of the units of (B, T, width) in training, the same through a piece (Gal and Ghahramani 2016,
    arXiv 1512.05287)."""
    if not training or not share:
        return x
    return x * torch.empty(len(x), 1, x.shape[-1], device=x.device).bernoulli_(1 - share) / (1 - share)
