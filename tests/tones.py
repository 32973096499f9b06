"""A codec, a model and music so small that a whole training takes a second. One field a row; id 0 is padding."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs import CODECS
from bandmate.codecs.codec import Codec
from bandmate.families import FAMILIES
from bandmate.model import Model, Size
from bandmate.settings import Settings

LENGTH = 12


class TonesConfig(Settings):
    """What the ids of the codec depend on."""

    styles: tuple[str, ...] = ()
    """Names."""


class Tones(Codec):
    """Nine tones."""

    name = "tones"
    Config = TonesConfig
    fields = ("tone",)
    sizes = (10,)

    def encode(self, piece, labels=None, table=None):
        raise NotImplementedError

    decode = grammar = words = encode

    def is_note(self, ids):
        return np.asarray(ids)[..., 0] > 0


class GuesserConfig(Settings):
    """What shapes the weights."""

    width: int = Field(6, ge=1)
    """Width."""
    dropout: float = 0.2
    """Share of the width that is left out by chance."""
    context: int = 32
    """Rows at once."""


class Guesser(Model):
    """Guesses the next tone from this one, by chance a little forgetful, with two optimizers of different kinds."""

    Config = GuesserConfig
    Codec = Tones
    SIZES = {"tiny": Size(training={"batch": 2, "length": LENGTH, "lr": 0.05, "warmup": 3, "evaluate_every": 6,
                                    "keep_every": 10, "accelerator": "cpu", "threads": 1})}

    def __init__(self, config, codec):
        super().__init__(config, codec)
        self.embed = nn.Embedding(10, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.width, 10, bias=False)
        self.tied = self.out.weight  # one weight under two names
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def logits(self, ids: Tensor) -> Tensor:
        return self.out(self.dropout(self.embed(ids[:, :-1, 0])))

    def losses(self, batch):
        self.calls += 1
        loss = F.cross_entropy(self.logits(batch["ids"]).flatten(0, 1), batch["ids"][:, 1:, 0].flatten())
        return {"loss": loss, "twice": 2 * loss.detach()}

    def score(self, batch):
        logits, targets = self.logits(batch["ids"]), batch["ids"][:, 1:, 0]
        return {"nats": F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum"),
                "notes": torch.tensor(float(targets.numel())), "count.tone": torch.tensor(float(targets.numel())),
                "hits.tone": (logits.argmax(-1) == targets).sum().float()}

    def optimizers(self, lr):
        return [torch.optim.AdamW(self.embed.parameters(), lr=lr),
                torch.optim.SGD(self.out.parameters(), lr=lr / 2, momentum=0.9)]

    def generate(self, options, prompt=None, progress=lambda share: None):
        raise NotImplementedError


class Scales:
    """Prepared music: scales that go up by ``step``, with a wrong tone here and there."""

    folder = "scales"

    def __init__(self, step: int = 1, codec: Codec | None = None, data_hash: str = "scales") -> None:
        self.step, self._codec = step, codec or Tones()
        self.manifest = {"data_hash": data_hash, "sources": [
            {"source": "scales", "licence": "CC-BY-SA-4.0", "pieces": 9, "notes": 99},
            {"source": "more", "licence": "CC0-1.0", "pieces": 1, "notes": 2}]}

    def by(self, composer):
        return self

    def codec(self):
        return self._codec

    def batch(self, number, size, length, seed, weights=None, variety=None, pool=8):
        random = np.random.default_rng([seed, number])
        ids = 1 + (random.integers(9, size=(size, 1)) + self.step * np.arange(length)) % 9
        ids = np.where(random.random(ids.shape) < 0.1, 1 + random.integers(9, size=ids.shape), ids)
        return {"ids": ids[..., None], "given": np.zeros(ids.shape, bool)}

    def pages(self, split, size, length, limit=None):
        for number in range(3):
            yield self.batch(10_000 + number, size, length, seed=0)


def register() -> None:
    """Make the codec and the family known."""
    CODECS["tones"] = Tones
    FAMILIES["guesser"] = Guesser


if __name__ == "__main__":  # OUT STEPS DEVICES [STEP AT WHICH TO BE KILLED]
    from bandmate.training import Training, train
    register()
    out, steps, devices, *killed_at = sys.argv[1:]

    def progress(step, steps, row):
        if [str(step)] == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    train("guesser", Scales(), out, Training(steps=int(steps), devices=devices), size="tiny", progress=progress)
    print("only the first process comes here")
