"""The grammar of groups of words: a group may follow if each of its words may, one after another, in `notewise`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bandmate.codecs.codec import Grammar
from bandmate.codecs.groups import Groups
from bandmate.codecs.notewise_grammar import NotewiseGrammar, Player
from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.piece import Piece

GROUP = -1  # the key in a tree under which a group stands that ends there


class GroupsGrammar(Grammar):
    """Streams of `ngrams` or `bpe` under one request."""

    codec: Groups

    def __init__(self, codec: Groups, request: Request, rows: int, draft: Draft | None = None) -> None:
        codec.demand_words()
        self.codec, self.request = codec, request
        self.words = NotewiseGrammar(codec.base, request, rows, draft)
        """The grammar of the single words."""
        self.prompt = self.words.prompt
        self.heard = np.array(codec.join(self.words.heard[:, 0]), np.int16).reshape(-1, 1)
        self.tree: dict[int, Any] = {}
        for number, group in enumerate(codec.groups):
            branch = self.tree
            for word in group:
                branch = branch.setdefault(word, {})
            branch[GROUP] = codec.single + number
        self._leans = np.zeros((rows, codec.sizes[0]), np.float32)

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        allowed = np.zeros((len(self.words.players), self.codec.sizes[0]), bool)
        self._leans = np.zeros(allowed.shape, np.float32)
        for player, into, leans in zip(self.words.players, allowed, self._leans, strict=True):
            into[:self.codec.single] = self.words.allowed(player)
            leans[:self.codec.single] = self.words.leaning(player)
            if not player.done:
                self._climb(player, self.tree, 0.0, into, leans)
        return allowed

    def lean(self, field: int, chosen: np.ndarray) -> np.ndarray | None:
        """Return what is added to the logits, after `mask`: a group leans as far as its words together."""
        return self._leans if self._leans.any() else None

    def _climb(self, player: Player, branch: dict[int, Any], nats: float, into: np.ndarray, leans: np.ndarray) -> None:
        """Mark the groups of a branch that a player may say from here, with ``nats`` for what was said on the way."""
        allowed, leaning = self.words.allowed(player), self.words.leaning(player)
        for word, further in branch.items():
            if word == GROUP:
                into[further], leans[further] = True, nats
            elif allowed[word]:
                after = player.copy()
                self.words.take(after, word)
                self._climb(after, further, nats + float(leaning[word]), into, leans)

    def advance(self, chosen: np.ndarray) -> None:
        for player, row in zip(self.words.players, chosen, strict=True):
            for word in self.codec.expand(row[None])[:, 0].tolist() if not player.done else ():
                self.words.take(player, word)

    @property
    def done(self) -> np.ndarray:
        return self.words.done

    @property
    def progress(self) -> float:
        return self.words.progress

    def hear(self, number: int, stream: np.ndarray, room: int) -> np.ndarray:
        if self.words.draft is not None:
            stream = np.concatenate([self.words.header, self.heard, stream])
        return self.codec.window(stream, room, 1.0)

    def piece(self, stream: np.ndarray) -> Piece:
        return self.words.piece(self.codec.expand(stream))
