"""How likely each frame of a piano roll is, given what was heard: key by key for itself, or note after note.

``Independent`` throws a coin for each of the 88 keys, as in the published rows of the recurrent and convolutional families:
it cannot know that a chord has four notes. ``Joint`` asks for the notes of a frame from the lowest up, each given those
below it: the chain rule over the keys, with which the chances of all 2^88 frames sum up to one. That is the idea of RNN-NADE
(Boulanger-Lewandowski et al. 2012, arXiv 1206.6392); here a small network shared by all notes answers, and hears
pitches relative to the note below and to the note of the last frame that its own is likely to come from.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs.frames import KEYS, OFF, ON
from bandmate.codecs.frames_grammar import FramesGrammar
from bandmate.families.frame_hearing import END, FAR, MATCHES, MOST, Heard, Questions, Situation, around, situation
from bandmate.sampling import Dice

NEAR = 2 * FAR + 1


class Independent(nn.Module):
    """A coin for each key."""

    def __init__(self, heard: int) -> None:
        super().__init__()
        self.out = nn.Linear(heard, KEYS)

    def nats(self, made: Tensor, heard: Heard, wanted: Tensor) -> Tensor:
        """Return the nats (F,) of each wanted frame, bool (B, T), given what was made of the past (B, T, heard)."""
        return F.binary_cross_entropy_with_logits(self.out(made[wanted]), heard.roll[wanted], reduction="none").sum(-1)

    def draw(self, made: Tensor, heard: Heard, grammar: FramesGrammar, dice: Dice) -> np.ndarray:
        """Draw the last frame of each stream from the one possible: ids (B, 88)."""
        logits = self.out(made[:, -1])
        chosen = np.full((len(made), KEYS), OFF)
        for key in range(KEYS):
            three = torch.stack([torch.zeros_like(logits[:, key]), torch.zeros_like(logits[:, key]), logits[:, key]], -1)
            chosen[:, key] = dice.draw(three, grammar.mask(key, chosen)).numpy()
        return chosen


class Joint(nn.Module):
    """One note after another, from the lowest up."""

    def __init__(self, heard: int, width: int, layers: int, dropout: float, forget: float) -> None:
        super().__init__()
        self.dropout, self.forget = dropout, forget
        self.from_body = nn.Linear(heard, width)
        self.known = nn.Linear(9 * NEAR + KEYS + 2 * KEYS, width, bias=False)
        self.counts = nn.Embedding(MOST + 1, width)
        self.apart = nn.Embedding(NEAR, width)
        self.matches = nn.Linear(MATCHES, width, bias=False)
        self.layers = nn.ModuleList(Layer(width) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        self.out = nn.Linear(width, KEYS + 1 + 2 * NEAR + 12 + 4)

    def nats(self, made: Tensor, heard: Heard, wanted: Tensor) -> Tensor:
        """Return the nats (F,) of each wanted frame, bool (B, T), given what was made of the past (B, T, heard)."""
        roll = heard.roll[wanted]
        ask = Questions.of(roll)
        logits = self.answer(ask, roll, made[wanted], heard, wanted)
        nats = F.cross_entropy(logits, ask.answer, reduction="none")
        return torch.zeros(len(roll), device=nats.device).index_add(0, ask.frame, nats)

    def answer(self, ask: Questions, roll: Tensor, made: Tensor, heard: Heard, wanted: Tensor) -> Tensor:
        """Return logits (N, 89) of each question about frames (F, 88): keys above the note below, and END."""
        known = situation(ask, roll, heard.past()[wanted])
        forget, *drop = self._masks(len(wanted), wanted.nonzero()[ask.frame, 0])
        x = self.know(ask, known, forget) + (self.from_body(made) + self.matches(heard.matches()[wanted]))[ask.frame]
        for layer, masks in zip(self.layers, drop, strict=True):
            x = layer(x, masks)
        scores = self.out(self.norm(x))
        absolute, up, moved, degree, copied = scores.split([KEYS + 1, NEAR, NEAR, 12, 4], -1)
        keys = torch.arange(KEYS, device=x.device)
        logits = absolute[:, :KEYS] + up.gather(1, (keys - known.below[:, None]).clamp(-FAR, FAR) + FAR)
        logits = logits + moved.gather(1, (keys - known.anchor[:, None]).clamp(-FAR, FAR) + FAR)
        logits = logits + degree[:, keys % 12] + torch.einsum("ns,nsk->nk", copied, known.past)
        logits = logits.masked_fill(keys <= ask.below[:, None], -torch.inf)
        return torch.cat([logits, absolute[:, KEYS:]], -1)

    def know(self, ask: Questions, known: Situation, forget: Mask) -> Tensor:
        """Turn what is known into vectors (N, width)."""
        near = torch.cat([around(torch.cat([known.chosen[:, None], known.past], 1), known.below).flatten(1),
                          around(known.past, known.anchor).flatten(1), known.chosen, known.past[:, 2:].flatten(1)], -1)
        x = self.known(forget(near))
        return x + self.counts(ask.count.clamp(max=MOST)) + self.apart((known.anchor - known.below).clamp(-FAR, FAR) + FAR)

    def _masks(self, pieces: int, piece: Tensor) -> list[Mask]:
        """Return what silences units in training: of what is known, and of each layer."""
        shares = [self.forget, *[self.dropout] * len(self.layers)]
        return [Mask(pieces, piece, share if self.training else 0.0) for share in shares]

    def draw(self, made: Tensor, heard: Heard, grammar: FramesGrammar, dice: Dice) -> np.ndarray:
        """Draw the last frame of each stream: ids (B, 88)."""
        streams, device = len(made), made.device
        last = torch.zeros(heard.roll.shape[:2], dtype=torch.bool, device=device)
        last[:, -1] = True
        roll = torch.zeros(streams, KEYS, device=device)
        below, count = torch.full((streams,), -1, device=device), 0
        going = np.ones(streams, bool)  # streams whose frame is not finished: the others draw nothing
        while going.any():
            ask = Questions(torch.arange(streams, device=device), below, torch.full_like(below, count), below)
            logits = self.answer(ask, roll, made[:, -1], heard, last).float().cpu().numpy()
            for stream in np.flatnonzero(going).tolist():
                above = np.arange(KEYS) > int(below[stream])
                allowed = np.append(grammar.keys & above & (count < grammar.most), count > 0 or not grammar.sounds)
                note = dice.one(stream, logits[stream], allowed)
                going[stream] = note != END
                if note != END:
                    roll[stream, note], below[stream] = 1, note
            count += 1
        return np.where(roll.cpu().numpy() > 0, ON, OFF)


class Layer(nn.Module):
    """A feed-forward part, added to the stream."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        """Transform (N, width)."""
        return x + mask(self.down(mask(F.silu(self.up(self.norm(x))))))


class Mask:
    """Silences units of rows (N, width), the same ones through a piece (Gal and Ghahramani 2016, arXiv 1512.05287)."""

    def __init__(self, pieces: int, piece: Tensor, share: float) -> None:
        self.pieces, self.piece, self.share = pieces, piece, share

    def __call__(self, x: Tensor) -> Tensor:
        """Silence units of (N, width), of which ``piece`` (N,) tells the piece."""
        if not self.share:
            return x
        keep = torch.empty(self.pieces, x.shape[-1], device=x.device).bernoulli_(1 - self.share) / (1 - self.share)
        return x * keep[self.piece]
