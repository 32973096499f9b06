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

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.words.players), self.codec.sizes[0]), bool)
        for player, into in zip(self.words.players, out, strict=True):
            into[:self.codec.single] = self.words.allowed(player)
            if not player.done:
                self._climb(player, self.tree, into)
        return out

    def _climb(self, player: Player, branch: dict[int, Any], into: np.ndarray) -> None:
        """Mark the groups of a branch that a player may say from here."""
        allowed = self.words.allowed(player)
        for word, further in branch.items():
            if word == GROUP:
                into[further] = True
            elif allowed[word]:
                after = player.copy()
                self.words.take(after, word)
                self._climb(after, further, into)

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
