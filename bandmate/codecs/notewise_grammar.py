"""The grammar of the codec `notewise`: notes are struck and ended from low to high in each step, and all end with the piece.

The piece ends in its last bar with the end of a note; the first bar of a new piece sounds. Waits are as long as they can
be: after one comes another only if the first was the longest.
"""

from __future__ import annotations

import copy

import numpy as np

from bandmate.codecs import notewise as n
from bandmate.codecs.solo import END
from bandmate.codecs.solo_grammar import SoloGrammar
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, START
from bandmate.music.request import Request
from bandmate.settings import UserError

NOTHING = -1


class Player:
    """The state of one stream. Keys count from the lowest note; places in a step are 2 a key: its strike, then its end."""

    def __init__(self) -> None:
        self.now = 0
        self.place = NOTHING  # of the last word in this step
        self.sounding: set[int] = set()
        self.ended: dict[int, int] = {}  # key -> the step at which it was silent again
        self.last = "begin"  # kind of the last word; "close" is a wait of one step after an end, when nothing sounds
        self.level = 0
        self.struck = False
        self.done = False

    def copy(self) -> Player:
        """Return a player that goes on from here alone."""
        other = copy.copy(self)
        other.sounding, other.ended = set(self.sounding), dict(self.ended)
        return other


class NotewiseGrammar(SoloGrammar):
    """Streams of the codec `notewise` under one request."""

    codec: n.Notewise

    def __init__(self, codec: n.Notewise, request: Request, rows: int, draft: Draft | None = None) -> None:
        super().__init__(codec, request, rows, draft)
        first = codec.lowest
        self.keys = self.pitches[first:first + codec.config.notes]
        if not self.keys.any():
            raise UserError(f"no note of the codec '{codec.name}' is left, with this key and pitch range; its "
                            f"{codec.config.notes} notes begin at MIDI pitch {first}; widen the range")
        self.players = [Player() for _ in range(rows)]

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        return np.stack([self.allowed(player) for player in self.players])

    def allowed(self, player: Player) -> np.ndarray:
        """Return which words may come next for one player: bool (V,).

        A note that is struck again at once is not ended first, unless there is no other way to go on.
        """
        out = self._allowed(player, strict=True)
        return out if out.any() else self._allowed(player, strict=False)

    def _allowed(self, player: Player, strict: bool) -> np.ndarray:
        codec = self.codec
        out = np.zeros(codec.sizes[0], bool)
        if player.done:
            out[codec.pad] = True
            return out
        last_step = player.now == self.end - 1
        lowest = min(player.sounding, default=None)
        until = 2 * lowest + 1 if last_step and lowest is not None else 2 * len(self.keys)  # none may be left to sound
        if player.now < self.end:
            strikes = out[codec.strike:codec.stop]
            strikes[:] = self.keys
            strikes[:max(player.place // 2 + 1, 0)] = False
            strikes[(until + 1) // 2:] = False
            if strict:
                strikes[[key for key, step in player.ended.items() if step == player.now]] = False
            if codec.config.loudness:
                self._loudness(player, out, strikes)
                if player.last == "level":
                    return out
        for key in player.sounding:
            out[codec.stop + key] = player.place < 2 * key + 1 <= until
        self._wait(player, out)
        out[END] = player.last == "close" and player.now > self.end - self.bar
        return out

    def _loudness(self, player: Player, out: np.ndarray, strikes: np.ndarray) -> None:
        """Let a strike come after a word of loudness, and such a word only if it changes something."""
        if player.last != "level":
            out[self.codec.level:] = strikes.any()
            if player.level:
                out[self.codec.level + player.level - 1] = False
            else:
                strikes[:] = False

    def _wait(self, player: Player, out: np.ndarray) -> None:
        waits = out[self.codec.wait + 1:self.codec.wait + 1 + n.LONGEST_WAIT]
        closing = player.last == "end" and not player.sounding
        if player.last not in ("wait", "close"):
            until = self.end - 1 if player.struck or self.draft is not None else self.bar - 1
            waits[:max(until - player.now, 0)] = True
            waits[0] |= closing

    def advance(self, chosen: np.ndarray) -> None:
        for player, word in zip(self.players, chosen[:, 0].tolist(), strict=True):
            if not player.done:
                self.take(player, word)

    def take(self, player: Player, word: int) -> None:
        """Let one player go on by a word."""
        codec = self.codec
        if word == END:
            player.done = True
        elif word >= codec.level:
            player.level, player.last = word - codec.level + 1, "level"
        elif word > codec.wait:
            steps = word - codec.wait
            closes = steps == 1 and player.last == "end" and not player.sounding
            player.last = "close" if closes else "long wait" if steps == n.LONGEST_WAIT else "wait"
            player.now += steps
            player.place = NOTHING
        elif word >= codec.stop:
            key = word - codec.stop
            player.sounding.discard(key)
            player.ended[key] = player.now + 1
            player.place, player.last = 2 * key + 1, "end"
        else:
            key = word - codec.strike
            player.sounding.add(key)
            player.place, player.last, player.struck = 2 * key, "strike", True

    @property
    def done(self) -> np.ndarray:
        return np.array([player.done for player in self.players])

    @property
    def progress(self) -> float:
        return min(1.0 if player.done else min(player.now / self.end, 1.0) for player in self.players)

    def sounds(self, stream: np.ndarray) -> np.ndarray:
        return self.codec.notes(stream)

    def _hear(self, draft: Draft) -> None:
        """Let the time that passes between the last given note and the bar line be heard, too."""
        super()._hear(draft)
        notes = self.codec.notes(self.heard.astype(np.int64))
        if len(notes):
            ends = int((notes[:, START] + notes[:, DURATION]).max())
            waits = np.array(self.codec.waits(self.given_steps - ends), np.int16).reshape(-1, 1)
            self.heard = np.concatenate([self.heard, waits])
