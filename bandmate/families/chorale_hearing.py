"""What is known just before each voice of each step of a chorale: the deterministic part of the family `chorales`.

Nothing here is learnt, and nothing looks ahead: a voice at step t is told about steps before t, and about those voices
of step t that were judged before it.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from bandmate.codecs.voices import LOWEST, PITCH_AT, REST, STEPS_PER_BAR, VOICES

FAR = 24  # semitones beyond which one interval is like another
FAR_VOICES = 36  # the same, between two voices
FAR_TONIC = 48  # the same, from the first bass note
LONG = 32  # steps beyond which a note is simply long
CENTRES = (71, 65, 59, 52)  # where a voice is taken to stand before it sings
MEMORIES = (16, 64, 100_000)  # steps: how far back used pitch classes are remembered
BASS = 3

_INTERVALS, _BETWEEN, _PLACES = 2 * FAR + 2, 2 * FAR_VOICES + 1, STEPS_PER_BAR + 1
_PAIRS = ((0, 3), (1, 3), (2, 3), (0, 1), (0, 2), (1, 2))
EVENT = (*(2 * FAR_TONIC + 1,) * 4, *(12,) * 4, *(_INTERVALS,) * 4, _PLACES, LONG + 1, *(12,) * len(_PAIRS))
"""Sizes of what is known about an event: pitches and pitch classes from the first bass note, steps of the voices, place,
time since the event before, intervals between the voices."""
SITUATION = (_PLACES, LONG + 1, 48, *(LONG + 1,) * 4, *(_BETWEEN,) * 3, *(_INTERVALS,) * 3, *(_INTERVALS,) * 3, 12, 16)
"""Sizes of what is known about a voice before it sings: place, time since the last event, last pitch, how long each voice
has held its own, where the others are, how those moved that are known, its last intervals, its degree, who rests."""


class Heard:
    """A batch of pieces, ids (B, T, 5), as heard by one who has sung up to each step. Tensors are int64."""

    def __init__(self, ids: Tensor) -> None:
        self.place, self.own = ids[..., 0], ids[..., 1:]
        self.centres = torch.tensor(CENTRES, device=ids.device)
        self.steps = torch.arange(ids.shape[1], device=ids.device).expand(ids.shape[:2])
        sings, step = self.own >= PITCH_AT, self.steps[..., None]
        last = torch.where(sings, step, -1).cummax(1).values
        self.pitch = torch.where(last >= 0, self.own.gather(1, last.clamp(min=0)) + (LOWEST - PITCH_AT), self.centres)
        """The pitch that each voice sings or sang last (B, T, 4)."""
        changed = self.own != before(self.own, 0)
        self.since = torch.where(changed, step, 0).cummax(1).values
        """The step at which each voice came to what it sings now (B, T, 4)."""
        self.moved = changed.any(-1) & (self.place > 0)
        self.events_so_far = self.moved.cumsum(1)
        self.last_pitch = before(self.pitch, self.centres)
        self.events_before = before(self.events_so_far, 0)
        """The number of events before each step (B, T)."""
        self.tonic = self.pitch[:, :1, BASS]
        self.tonic_before = before(self.tonic.expand(ids.shape[:2]), CENTRES[BASS])
        """The pitch that all others are compared with, the first of the bass (B, T); unknown at the first step."""

    @cached_property
    def event_steps(self) -> Tensor:
        """The step of each event (B, E), in front of them a 0: (B, E + 1)."""
        number = torch.where(self.moved, self.events_so_far, 0)
        steps = torch.zeros(len(number), int(number.max()) + 1, dtype=torch.long, device=number.device)
        steps.scatter_(1, number, self.steps)
        steps[:, 0] = 0
        return steps

    def events(self) -> Tensor:
        """Tell what is known about each event: (B, E, things), numbers below the sizes in EVENT."""
        at = self.event_steps[:, 1:]
        gap = (at - self.event_steps[:, :-1]).clamp(0, LONG)[..., None]
        from_tonic = self.pitch - self.tonic[..., None]
        step = torch.where(self.own >= PITCH_AT, around(self.pitch - self.last_pitch, FAR), 2 * FAR + 1)
        between = torch.stack([(self.pitch[..., upper] - self.pitch[..., lower]) % 12 for upper, lower in _PAIRS], -1)
        known = torch.cat([around(from_tonic, FAR_TONIC), from_tonic % 12, step, self.place[..., None], between], -1)
        known = known.gather(1, at[..., None].expand(-1, -1, known.shape[-1]))
        return torch.cat([known[..., :13], gap, known[..., 13:]], -1)

    def situations(self, order: tuple[int, ...]) -> Tensor:
        """Tell what is known before each voice: (B, T, 4, things), numbers below the sizes in SITUATION."""
        since_event = (self.steps - self.event_steps.gather(1, self.events_before)).clamp(0, LONG)
        held = before(self.steps[..., None] - self.since + 1, 0).clamp(0, LONG)
        last_own = before(self.own, 0)
        rests = ((last_own == REST) * torch.tensor([1, 2, 4, 8], device=held.device)).sum(-1)
        step = torch.where(self.own >= PITCH_AT, around(self.pitch - self.last_pitch, FAR), 2 * FAR + 1)
        notes = [self.last_pitch, *self._notes_before()]
        melody = torch.stack([around(later - earlier, FAR) for later, earlier in pairwise(notes)], -1)
        degree = (self.last_pitch - self.tonic_before[..., None]) % 12
        voices = []
        for voice in range(len(VOICES)):
            others = [other for other in range(len(VOICES)) if other != voice]
            known = [order.index(other) < order.index(voice) for other in others]
            own = self.last_pitch[..., voice]
            apart = [around((self.pitch if told else self.last_pitch)[..., other] - own, FAR_VOICES)
                     for other, told in zip(others, known, strict=True)]
            moves = [step[..., other] if told else torch.zeros_like(self.place)
                     for other, told in zip(others, known, strict=True)]
            voices.append(torch.stack([self.place, since_event, last_own[..., voice], held[..., voice],
                                       *(held[..., other] for other in others), *apart, *moves,
                                       *melody[..., voice, :].unbind(-1), degree[..., voice], rests], -1))
        return torch.stack(voices, 2)

    def _notes_before(self) -> list[Tensor]:
        """Return the last three pitches of each voice before the one it sang last, seen from each step: three of (B, T, 4)."""
        padded = torch.cat([self.centres.expand(len(self.own), 1, -1), self.pitch], 1)  # the pitch one step earlier
        notes, start = [], self.since
        for _ in range(3):
            notes.append(before(padded.gather(1, start), self.centres))
            start = self.since.gather(1, (start - 1).clamp(min=0))
        return notes

    def used_pitches(self, wanted: Tensor) -> Tensor:
        """Tell how much each pitch class was sung before the wanted steps, in each memory, counted from the voice's last
        pitch: (N, 4, memories * 12), 3 for a class that fills it."""
        sung = torch.zeros(*self.place.shape, 12, device=self.place.device)
        sung.scatter_add_(2, self.pitch % 12, (self.own >= PITCH_AT).float())
        sums = before(sung.cumsum(1), 0)
        shares = []
        for memory in MEMORIES:
            past = sums - sums.gather(1, (self.steps - memory).clamp(min=0)[..., None].expand_as(sums))
            shares.append(past / past.sum(-1, keepdim=True).clamp(min=1))
        share = torch.stack(shares, 2)[wanted]
        turned = (torch.arange(12, device=share.device) + self.last_pitch[wanted][..., None]) % 12
        every = share[:, None].expand(-1, len(VOICES), -1, -1)
        return 3 * every.gather(-1, turned[:, :, None].expand_as(every)).flatten(-2)


def before(x: Tensor, first: Tensor | int) -> Tensor:
    """Return what stood one step earlier in (B, T, ...), and ``first`` at the first step."""
    earlier = x.roll(1, 1)
    earlier[:, 0] = first
    return earlier


def around(interval: Tensor, far: int) -> Tensor:
    """Number intervals from -far to far with 0 to 2 far."""
    return interval.clamp(-far, far) + far
