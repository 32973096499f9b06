"""The grammar of the codec `notewise`: notes are struck and ended from low to high in each step, and all end with the piece.

The piece ends in its last bar with the end of a note; the first bar of a new piece sounds. Waits are as long as they can
be: after one comes another only if the first was the longest.

The end of a note is a word of its own, far from its beginning, and a small network forgets that it is owed. So no note
sounds longer than a whole note, or a bar if that is longer; and at the end of each quarter the chances lean towards the ends
of the notes that sound, the longer they have sounded, the harder. (Clara ended forgotten notes as well, but afterwards:
where no end came within 200 words, a note was read as 12 steps long.)
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
WHOLE = 4  # quarters: no note sounds longer, unless a bar does
FORGOTTEN = 3.0  # nats towards the end of a note that has sounded for a quarter, where a quarter ends
GROWTH = 1.5  # power of its length with which they grow
EARLIER = 0.4  # share of them that speaks for a wait until there; the rest speaks against those beyond: so as many notes start


class Player:
    """The state of one stream. Keys count from the lowest note; places in a step are 2 a key: its strike, then its end."""

    def __init__(self) -> None:
        self.now = 0
        self.place = NOTHING  # of the last word in this step
        self.sounding: dict[int, int] = {}  # key -> the step of its strike
        self.ended: dict[int, int] = {}  # key -> the step at which it was silent again
        self.last = "begin"  # kind of the last word; "close" is a wait of one step after an end, when nothing sounds
        self.level = 0
        self.struck = False
        self.done = False

    def copy(self) -> Player:
        """Return a player that goes on from here alone."""
        other = copy.copy(self)
        other.sounding, other.ended = dict(self.sounding), dict(self.ended)
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
        self.quarter = codec.steps_per_quarter
        self.longest = max(WHOLE * self.quarter, self.bar)
        """Steps that a note sounds at most."""

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
        due = [key for key, start in player.sounding.items() if player.now == self._last_step(start)]
        until = 2 * min(due, default=len(self.keys)) + 1  # none of these may be left to sound
        if player.now < self.end:
            strikes = out[codec.strike:codec.stop]
            strikes[:] = self.keys
            strikes[:max(player.place // 2 + 1, 0)] = False
            strikes[until // 2 + 1:] = False
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

    def _last_step(self, start: int) -> int:
        """Return the step in which a note must end that was struck in step ``start``."""
        return min(self.end, start + self.longest) - 1

    def lean(self, field: int, chosen: np.ndarray) -> np.ndarray | None:
        leans = np.stack([self.leaning(player) for player in self.players])
        return leans if leans.any() else None

    def leaning(self, player: Player) -> np.ndarray:
        """Return how one player leans, in nats (V,): to come to the last step of a quarter, and there to end long notes."""
        codec, out = self.codec, np.zeros(self.codec.sizes[0], np.float32)
        if player.done or not player.sounding:
            return out
        wait = self.quarter - 1 - player.now % self.quarter
        keys, starts = np.array([*player.sounding.items()]).T
        nats = FORGOTTEN * ((player.now + wait + 1 - starts) / self.quarter) ** GROWTH
        if wait:
            out[codec.wait + wait] = EARLIER * nats.max()
            out[codec.wait + wait + 1:codec.level] = (EARLIER - 1) * nats.max()
        else:
            out[codec.stop + keys] = nats
            if player.place == NOTHING:  # what was waited for is an end
                out[codec.strike:codec.stop] = -nats.max()
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
            until = min([self.end - 1 if player.struck or self.draft is not None else self.bar - 1,
                         *map(self._last_step, player.sounding.values())])
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
            player.sounding.pop(key, None)
            player.ended[key] = player.now + 1
            player.place, player.last = 2 * key + 1, "end"
        else:
            key = word - codec.strike
            player.sounding[key] = player.now
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
