"""Notewise: one player's music as a line of words: strike this note, end that note, wait so many steps.

An eighth note is "p41 wait5 endp41 wait1": time goes by with the waits only, and the end of a note is written in the last
step in which it sounds. What happens in one step goes from low to high. A note that is struck again has no end of its
own. There are 149 words at 62 notes: 62 strikes, 62 ends, and waits of 1 to 25 steps, 12 steps a quarter. Notes outside
move in by octaves.

After Clara (Payne 2018) and Maia (2020). We add words of loudness (eight levels, before a note that is as loud as none
before it) and composers, both if wanted; and where a note never ends, it lasts 12 steps, however far its end was looked
for (Clara: 200 words).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from bandmate.codecs.codec import Grammar
from bandmate.codecs.solo import LOUDNESS, Solo, SoloConfig, fits
from bandmate.music.draft import Draft
from bandmate.music.grid import PITCH, START, GridPiece
from bandmate.music.request import Request
from bandmate.settings import Settings

LOWEST = {38: 45, 62: 33, 88: 21}
"""The lowest pitch for each number of notes: Clara's two ranges, and the whole keyboard."""

LONGEST_WAIT = 25
UNENDED = 12  # steps that a note without an end lasts
LEVELS, LEVEL_STEP = 8, 15  # loudness: velocities 15, 30, ... 120


class NotewiseConfig(SoloConfig):
    """What the ids of `notewise` depend on."""

    notes: Literal[38, 62, 88] = 62
    """Notes of the keyboard: 62 from A1, 38 from A2, or all 88."""
    steps: Literal[4, 12] = 12
    """Steps of a quarter."""
    loudness: bool = False
    """Whether there are words of loudness."""


class Notewise(Solo):
    """The codec: see the top of this file."""

    name = "notewise"
    Config = NotewiseConfig
    fields = ("word",)
    config: NotewiseConfig

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        notes = self.config.notes
        self.steps_per_quarter = self.config.steps
        self.lowest = LOWEST[notes]
        self.strike, self.stop = self.first, self.first + notes
        """The ids of the lowest note's strike and end."""
        self.wait = self.stop + notes - 1
        """The id of a wait, less its steps."""
        self.level = self.wait + LONGEST_WAIT + 1
        """The id of the softest level."""
        self.sizes = (self.level + LEVELS * self.config.loudness,)

    @property
    def vocabulary(self) -> list[str]:
        """The words of the music, in the order of their ids."""
        return self.words(np.arange(self.first, self.sizes[0])[:, None])

    def music(self, grid: GridPiece) -> np.ndarray:
        notes = fits(grid.notes, self.lowest, self.lowest + self.config.notes - 1)
        again = {(start, pitch) for start, pitch in notes[:, [START, PITCH]].tolist()}
        events = []  # step, place in the step, loudness, word
        for start, duration, pitch, velocity, _ in notes.tolist():
            key = pitch - self.lowest
            events.append((start, 2 * key, int(np.clip(round(velocity / LEVEL_STEP), 1, LEVELS)), self.strike + key))
            if (start + duration, pitch) not in again:
                events.append((start + duration - 1, 2 * key + 1, 0, self.stop + key))
        ids: list[int] = []
        now = level = 0
        for step, _, loudness, word in sorted(events):
            ids += self.waits(step - now)
            if self.config.loudness and loudness and loudness != level:
                ids.append(self.level + loudness - 1)
                level = loudness
            ids.append(word)
            now = step
        ids += self.waits(1 if ids else 0)
        return np.array(ids, np.int16)[:, None]

    def waits(self, steps: int) -> list[int]:
        """Return the words that let so many steps pass, the longest first."""
        whole, rest = divmod(steps, LONGEST_WAIT)
        return [self.wait + LONGEST_WAIT] * whole + [self.wait + rest] * (rest > 0)

    def notes(self, ids: np.ndarray) -> np.ndarray:
        done: list[tuple[int, int, int, int, int]] = []
        sounding: dict[int, tuple[int, int]] = {}  # key -> step of its strike, velocity
        now, velocity = 0, LOUDNESS

        def end(key: int, step: int) -> None:
            if key in sounding:
                start, loudness = sounding.pop(key)
                if step > start:
                    done.append((start, step - start, self.lowest + key, loudness, 0))

        for word in ids[:, 0].tolist():
            if self.level <= word < self.sizes[0]:
                velocity = (word - self.level + 1) * LEVEL_STEP
            elif self.wait < word < self.level:
                now += word - self.wait
            elif self.stop <= word <= self.wait:
                end(word - self.stop, now + 1)
            elif self.strike <= word < self.stop:
                end(word - self.strike, now)
                sounding[word - self.strike] = now, velocity
        for key, (start, _) in [*sounding.items()]:
            end(key, start + UNENDED)
        return np.array(done, np.int64).reshape(-1, 5)

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.notewise_grammar import NotewiseGrammar
        return NotewiseGrammar(self, request, rows, draft)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        word = np.asarray(ids)[..., 0]
        return (word >= self.strike) & (word < self.stop)

    def word(self, row: tuple[int, ...]) -> str:
        for name, first in (("v", self.level - 1), ("wait", self.wait), ("endp", self.stop), ("p", self.strike)):
            if row[0] >= first + (name in ("v", "wait")):
                return f"{name}{row[0] - first}"
        return "nothing"

    def shifts(self, ids: np.ndarray) -> list[int]:
        played = ids[self._pitched(ids), 0].astype(np.int64)
        if not len(played):
            return [0]
        keys = (played - self.strike) % self.config.notes
        return [*range(-int(keys.min()), self.config.notes - int(keys.max()))]

    def transpose(self, ids: np.ndarray, semitones: int) -> np.ndarray:
        ids = ids.copy()
        ids[self._pitched(ids)] += semitones
        return ids

    def _pitched(self, ids: np.ndarray) -> np.ndarray:
        return (ids[:, 0] >= self.strike) & (ids[:, 0] <= self.wait)

    def parts(self, field: int) -> np.ndarray:
        """Strikes and ends share the pitch and its class; number 0 stands for neither."""
        ids = np.arange(self.sizes[0])
        pitch = self.lowest + (ids - self.strike) % self.config.notes
        columns = np.column_stack([1 + pitch, 129 + pitch % 12, np.where(ids < self.stop, 141, 142)])
        return np.where(((ids >= self.strike) & (ids <= self.wait))[:, None], columns, 0)

