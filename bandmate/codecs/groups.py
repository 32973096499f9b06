"""Codecs that say several words of `notewise` at once: what `ngrams` and `bpe` share.

The ids of `notewise` keep their meaning; groups of words that the music uses have ids after them. What is in no group is
said word by word, so that nothing is lost.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from bandmate.codecs.codec import Grammar, Variety
from bandmate.codecs.learnt import Learnt, LearntConfig, in_columns
from bandmate.codecs.notewise import Notewise, NotewiseConfig
from bandmate.music.draft import Draft
from bandmate.music.grid import GridPiece
from bandmate.music.request import Request
from bandmate.settings import Settings


class GroupsConfig(LearntConfig):
    """What the ids of a codec of groups depend on."""

    notes: Literal[38, 62, 88] = 62
    """Notes of the keyboard: 62 from A1, 38 from A2, or all 88."""
    steps: Literal[4, 12] = 12
    """Steps of a quarter."""
    loudness: bool = False
    """Whether there are words of loudness."""


class Groups(Learnt):
    """A codec of groups of the words of `notewise`."""

    Config = GroupsConfig
    fields = ("group",)
    width = 1
    config: GroupsConfig

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        shared = {name: getattr(self.config, name) for name in NotewiseConfig.model_fields}
        self.base = Notewise(NotewiseConfig(**shared))
        """The codec of the single words."""
        self.steps_per_quarter = self.base.steps_per_quarter
        self.single = self.base.sizes[0]
        """The id of the first group."""
        self.groups = self._read_words()
        """The words of each group, as ids of `notewise`."""
        self.sizes = (self.single + len(self.groups),)
        strikes = self.base.is_note(np.arange(self.single)[:, None])
        self._strikes = np.array([*strikes, *(sum(bool(strikes[word]) for word in group) for group in self.groups)], np.int64)

    @abstractmethod
    def _read_words(self) -> list[tuple[int, ...]]:
        """Return the groups that the words of the Config stand for."""

    @abstractmethod
    def join(self, words: np.ndarray) -> list[int]:
        """Group the music of a piece: ids of `notewise` (N,) become ids of groups."""

    def expand(self, ids: np.ndarray) -> np.ndarray:
        """Say groups (N, 1) word by word, in ids of `notewise` (M, 1). What is unknown is passed over."""
        words: list[int] = []
        for number in np.asarray(ids)[:, 0].tolist():
            words += [number] if number < self.single else self.groups[number - self.single] if number < self.sizes[0] else []
        return np.array(words, np.int64)[:, None]

    def letters(self, grid: GridPiece) -> np.ndarray:
        return self.base.music(grid)

    def texts(self, letters: np.ndarray) -> list[str]:
        return self.base.words(letters)

    def nearest(self, text: str) -> int:
        raise NotImplementedError("what is in no group is said word by word")

    def rows(self, letters: np.ndarray, words: np.ndarray) -> np.ndarray:
        raise NotImplementedError("letters are grouped, not read one by one")

    def _music(self, letters: np.ndarray) -> np.ndarray:
        self.demand_words()
        return np.array(self.join(letters[:, 0]), np.int16).reshape(-1, 1)

    def notes(self, ids: np.ndarray) -> np.ndarray:
        return self.base.notes(self.expand(ids))

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return self.notes_in(ids) > 0

    def notes_in(self, ids: np.ndarray) -> np.ndarray:
        return self._strikes[np.asarray(ids)[..., 0]]

    def parts(self, field: int) -> np.ndarray:
        """Groups share the words they are made of, above all the first and the last, and what those share in `notewise`."""
        words = 1 + int(self.base.parts(0).max())
        said = [*([word] for word in range(self.single)), *self.groups]
        shared = in_columns([[words + word for word in group] for group in said])
        ends = np.array([[words + self.single * 1 + group[0], words + self.single * 2 + group[-1]] for group in said])
        of_ends = self.base.parts(0)[[group[-1] for group in said]]
        return np.concatenate([shared, ends, of_ends], axis=1)

    def word(self, row: tuple[int, ...]) -> str:
        return " ".join(self.base.words(self.expand(np.array([row])))) or "nothing"

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        """Cut a window, say it word by word in another key, and group it anew."""
        window = super().lesson(ids, length, random, variety)
        words = self.expand(window)
        keys = [shift for shift in self.base.shifts(words) if abs(shift) <= variety.transpose]
        words = self.base.transpose(words, int(random.choice(keys)))[:, 0]
        first = int(np.argmax(words >= self.base.first)) if (words >= self.base.first).any() else len(words)
        last = first + int((words[first:] >= self.base.first).sum())
        return np.array([*words[:first], *self.join(words[first:last]), *words[last:]], np.int16)[:length, None]

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.groups_grammar import GroupsGrammar
        return GroupsGrammar(self, request, rows, draft)


def growth(pieces: Iterable[Sequence[int]], most: int = 5) -> list[dict[str, Any]]:
    """Return how a vocabulary grows with n: for 1 to ``most``, how many different groups of n words some pieces have.

    Each row says n, the groups in all, the different ones ("words"), and those that come only once.
    """
    told = [tuple(piece) for piece in pieces]
    rows = []
    for n in range(1, most + 1):
        counts: dict[tuple[int, ...], int] = {}
        for piece in told:
            for first in range(0, len(piece) - n + 1, n):
                group = piece[first:first + n]
                counts[group] = counts.get(group, 0) + 1
        rows.append({"n": n, "groups": sum(counts.values()), "words": len(counts),
                     "once": sum(count == 1 for count in counts.values())})
    return rows
