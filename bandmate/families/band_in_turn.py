"""What each part plays in a step, one part after another: the repaired head of `band_rnn`.

Each part hears what those before it play in this very step, so that chords agree; in training the order varies, so that any
parts may be given and the others be written to them. Of a part it is first asked how many of the keys that sound go on, and
which; then how many are struck, and which. A part listens to three things: the memory of the network, pitch classes as seen
from each note (whatever the key of the piece), and its own keys in the last step and a bar ago.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs.roll import KEYS, OFF, ONSET, PARTS, PITCHED, SUSTAIN
from bandmate.codecs.roll_grammar import RollGrammar
from bandmate.families.band_counts import MOST, counted, set_nats
from bandmate.sampling import Dice

P, OCTAVE = len(PARTS), 12
CHANNELS = 6  # of pitch classes that a note is judged by
REACH = 24  # semitones from a key to those it is compared with
OWN = 4  # what a part remembers of itself: struck and sounding, in the last step and a bar ago
EAR_WIDTH = 24
ALL = slice(None)


@dataclass(frozen=True)
class Moment:
    """What is known before some steps (N,) are written. Rolls are bool (N, 5, 128)."""

    memory: Tensor  # (N, width)
    struck: Tensor  # of the step before
    before: Tensor  # that sounded in the step before
    bar_struck: Tensor  # a bar ago
    bar_before: Tensor
    classes: Tensor  # (N, 12): mean number of pitched notes of each class in the last steps

    def own(self, parts: slice) -> Tensor:
        """Return what some parts remember of themselves: float (N, A, OWN, 128)."""
        return torch.stack([self.struck, self.before, self.bar_struck, self.bar_before], 2)[:, parts].float()


class InTurn(nn.Module):
    """The head."""

    def __init__(self, heard: int, width: int, dropout: float) -> None:
        super().__init__()
        self.from_memory = nn.Linear(heard, width)
        self.from_others = nn.Parameter(torch.randn(P, 2 * KEYS, width) * KEYS ** -0.5)
        self.from_held = nn.Parameter(torch.randn(P, KEYS, width) * KEYS ** -0.5)
        self.known = nn.Linear(P, width, bias=False)
        self.part = nn.Parameter(torch.randn(P, width) * 0.1)
        self.sounded = nn.Embedding(MOST + 1, width)
        self.held_count, self.struck_count = nn.Embedding(MOST + 1, width), nn.Embedding(MOST + 1, width)
        self.layer, self.second_layer = Layer(width, dropout), Layer(width, dropout)
        self.how_many_held, self.how_many_struck = nn.Linear(width, MOST + 1), nn.Linear(width, MOST + 1)
        self.which_held, self.which_struck = Which(width), Which(width)

    # Questions, in the order in which they are asked, of all parts or some, A of them (``parts``). ``x`` is what these have
    # made up their minds from: (N, A, width)

    def begin(self, at: Moment, now: Tensor, known: Tensor, parts: slice = ALL) -> Tensor:
        """Return ``x`` before anything is asked. ``now`` are ids (N, 5, 128) of this step, of which part p hears those of the
        parts ``known[:, p]``: bool (N, A, 5)."""
        others = torch.einsum("nqc,qcd->nqd", torch.cat([now == ONSET, now >= ONSET], -1).float(), self.from_others)
        x = self.from_memory(at.memory)[:, None] + torch.einsum("npq,nqd->npd", known.float(), others)
        return self.layer(x + self.known(known.float()) + self.part[parts] + self.sounded(counted(at.before[:, parts])))

    def then(self, x: Tensor, held: Tensor, parts: slice = ALL) -> Tensor:
        """Return ``x`` once it is known which keys go on: bool (N, A, 128)."""
        own = torch.einsum("npc,pcd->npd", held.float(), self.from_held[parts])
        return self.second_layer(x + own + self.held_count(counted(held)))

    def nats(self, at: Moment, now: Tensor, known: Tensor, first: Tensor) -> Tensor:
        """Return the nats (N, 5) of each part of some steps ``now``; in a ``first`` step, bool (N,), what goes on is given."""
        held, struck = now == SUSTAIN, now == ONSET
        x = self.begin(at, now, known)
        x_held = x + self.held_count(counted(held))
        x_then = self.then(x, held)
        x_struck = x_then + self.struck_count(counted(struck))
        room = torch.arange(MOST + 1, device=now.device) <= counted(at.before)[..., None]
        go_on = F.cross_entropy(self.how_many_held(x).masked_fill(~room, -1e9).flatten(0, 1), counted(held).flatten(),
                                reduction="none")
        logits = self.which_held(x_held, at, now, known, torch.zeros_like(held))
        go_on = go_on + set_nats(logits.flatten(0, 1), at.before.flatten(0, 1), held.flatten(0, 1))
        new = F.cross_entropy(self.how_many_struck(x_then).flatten(0, 1), counted(struck).flatten(), reduction="none")
        logits = self.which_struck(x_struck, at, now, known, held)
        new = new + set_nats(logits.flatten(0, 1), ~held.flatten(0, 1), struck.flatten(0, 1))
        return new.view(-1, P) + torch.where(first[:, None], 0, go_on.view(-1, P))

    # Composing

    def draw(self, at: Moment, grammar: RollGrammar, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
        """Draw the next step of each stream: ids, and how much each cell wants to sound, both (B, 5, 128)."""
        streams, device = len(at.memory), at.memory.device
        now = torch.from_numpy(np.where(grammar.given_sounds, grammar.given_ids, OFF)).to(device)
        now = now.view(1, P, KEYS).repeat(streams, 1, 1)
        wish = np.zeros(now.shape, np.float32)
        given = ~grammar.free[grammar.written]
        order = sorted(range(P), key=lambda part: (not given[part], part))  # what is given is heard by all
        known = torch.zeros(streams, P, P, dtype=torch.bool, device=device)
        for part in order:
            if not given[part]:
                wish[:, part] = self._draw_part(part, at, now, known, grammar, dice)
            known[:, :, part] = True
        return now.cpu().numpy(), wish

    def _draw_part(self, part: int, at: Moment, now: Tensor, known: Tensor, grammar: RollGrammar, dice: Dice) -> np.ndarray:
        """Draw what one part plays, into ``now``; return how much its keys want to be struck: (B, 128)."""
        own, cells = slice(part, part + 1), slice(part * KEYS, (part + 1) * KEYS)
        may_hold, may_strike = grammar.may_hold[:, cells], np.tile(grammar.may_strike[cells], (len(now), 1))
        room = np.full(len(now), grammar.most[part] - grammar.given_sounds[cells].sum()).clip(0)
        known = known[:, own]
        x = self.begin(at, now, known, own)
        most = np.minimum(may_hold.sum(1), room)
        counts = _how_many(self.how_many_held(x)[:, 0], np.zeros_like(most), most, dice)
        x_held = x + self.held_count(counts.to(x.device))[:, None]
        logits = self.which_held(x_held, at, now, known, torch.zeros_like(now[:, own], dtype=torch.bool), own)
        held = _which(logits[:, 0], may_hold, counts, dice)
        now[:, part][torch.from_numpy(held).to(now.device)] = SUSTAIN
        holds = now[:, own] == SUSTAIN
        x = self.then(x, holds, own)
        least = grammar.must_strike[:, part].astype(int)
        free = may_strike & ~held
        counts = _how_many(self.how_many_struck(x)[:, 0], least, np.minimum(free.sum(1), room - held.sum(1)), dice)
        x = x + self.struck_count(counts.to(x.device))[:, None]
        logits = self.which_struck(x, at, now, known, holds, own)[:, 0]
        struck = _which(logits, free, counts, dice)
        now[:, part][torch.from_numpy(struck).to(now.device)] = ONSET
        return logits.float().cpu().numpy()


def _how_many(logits: Tensor, least: np.ndarray, most: np.ndarray, dice: Dice) -> Tensor:
    """Draw a count (B,) for each stream, from ``least`` to ``most``."""
    count = np.arange(MOST + 1)
    allowed = (count >= np.minimum(least, most)[:, None]) & (count <= most[:, None])
    return dice.draw(logits, allowed)


def _which(logits: Tensor, candidates: np.ndarray, counts: Tensor, dice: Dice) -> np.ndarray:
    """Draw so many of the candidates of each stream, one after another: bool (B, K)."""
    chosen = np.zeros_like(candidates)
    for stream, (row, count) in enumerate(zip(logits.float().cpu().numpy(), counts.tolist(), strict=True)):
        if count == candidates[stream].sum():
            chosen[stream] = candidates[stream]
            continue
        for _ in range(count):
            chosen[stream, dice.one(stream, row, candidates[stream] & ~chosen[stream])] = True
    return chosen


class Which(nn.Module):
    """Says of each key how much it wants to sound."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.keys = nn.Parameter(torch.randn(P, width, KEYS) * 0.5 * width ** -0.5)
        self.bias = nn.Parameter(torch.zeros(P, KEYS))
        self.gate = nn.Linear(width, OWN)
        self.reach = nn.Parameter(torch.randn(P, OWN, 2 * REACH + 2) * 0.1)  # by interval; the last is for all that is farther
        self.ear = nn.Parameter(torch.randn(CHANNELS, OCTAVE, EAR_WIDTH) * (CHANNELS * OCTAVE) ** -0.5)
        self.ear_mood = nn.Linear(width, EAR_WIDTH)
        self.ear_says = nn.Linear(EAR_WIDTH, 1, bias=False)

    def forward(self, x: Tensor, at: Moment, now: Tensor, known: Tensor, held: Tensor, parts: slice = ALL) -> Tensor:
        """Return logits (N, A, 128) for what is known (see ``InTurn.begin``) and the keys ``held`` in this step."""
        logits = torch.einsum("npd,pdk->npk", x, self.keys[parts]) + self.bias[parts]
        own = at.own(parts) * (1 + self.gate(x))[..., None]
        logits = logits + torch.einsum("npk,pkj->npj", own.flip(-1).flatten(2), self.intervals(parts).flatten(1, 2))
        return logits + self.listen(x, at, now, known, held, parts)

    def intervals(self, parts: slice) -> Tensor:
        """Return what each key that a part remembers, from the highest down, says to each key, the same for the same interval:
        (A, OWN, 128, 128)."""
        far = self.reach[parts, :, -1:].expand(-1, -1, KEYS - 1 - REACH)
        return torch.cat([far, self.reach[parts, :, :-1], far], -1).unfold(-1, KEYS, 1)

    def listen(self, x: Tensor, at: Moment, now: Tensor, known: Tensor, held: Tensor, parts: slice) -> Tensor:
        """Return what the pitch classes heard say to each key of the pitched parts: (N, A, 128)."""
        playing, before = classes(now >= ONSET), classes(at.before)
        together = torch.einsum("npq,nqc->npc", known.float(), playing)
        bass = known[:, :, PARTS.index("bass"), None] * playing[:, None, PARTS.index("bass")]
        everyone = before.sum(1, keepdim=True).expand_as(together)
        heard = torch.stack([together, bass, classes(held, parts), before[:, parts], everyone,
                             at.classes[:, None].expand_as(together)], 2)
        pitch = torch.arange(OCTAVE, device=x.device)
        ear = self.ear[:, (pitch[:, None] - pitch) % OCTAVE]  # (CHANNELS, 12 heard, 12 from which it is heard, EAR_WIDTH)
        seen = (heard.flatten(2) @ ear.flatten(0, 1).flatten(1)).unflatten(-1, (OCTAVE, EAR_WIDTH))
        said = self.ear_says(F.silu(seen + self.ear_mood(x)[:, :, None]))[..., 0] * pitched(x.device)[parts]
        return said.repeat(1, 1, -(-KEYS // OCTAVE))[..., :KEYS]


def pitched(device: torch.device) -> Tensor:
    """Return 1 for each pitched part, 0 for the drums: (5, 1)."""
    return (torch.arange(P, device=device) < PITCHED).float()[:, None]


def classes(roll: Tensor, parts: slice = ALL) -> Tensor:
    """Count the notes of each pitch class in rolls (..., A, 128) of some parts, none for drums: float (..., A, 12)."""
    counts = F.pad(roll.float(), (0, -KEYS % OCTAVE)).unflatten(-1, (-1, OCTAVE)).sum(-2)
    return counts * pitched(roll.device)[parts]


class Layer(nn.Module):
    """A feed-forward part, added to the stream."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.RMSNorm(width), nn.Dropout(dropout)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (..., width)."""
        return x + self.down(self.dropout(F.silu(self.up(self.norm(x)))))
