"""N-grams: always so many words of `notewise` together are one.

Tried for Maia (2020), and given up, since the vocabulary grows with n: `groups.growth` says how much. Groups that are rare, or
that the learnt music did not have, are said word by word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from bandmate.codecs.groups import Groups, GroupsConfig
from bandmate.settings import Settings


class NgramsConfig(GroupsConfig):
    """What the ids of `ngrams` depend on."""

    n: Annotated[int, Field(ge=2, le=16)] = 2
    """Words in a group."""


class Ngrams(Groups):
    """The codec: see the top of this file."""

    name = "ngrams"
    Config = NgramsConfig
    config: NgramsConfig

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self._numbers = {group: self.single + number for number, group in enumerate(self.groups)}

    def _read_words(self) -> list[tuple[int, ...]]:
        ids = {name: self.base.first + number for number, name in enumerate(self.base.vocabulary)}
        return [tuple(ids[name] for name in text.split()) for text in self.config.words]

    def learn(self, spelled: Iterable[np.ndarray]) -> Ngrams:
        counts: Counter[tuple[int, ...]] = Counter()
        for letters in spelled:
            counts.update(group for group in self._cut(letters[:, 0]) if len(group) == self.config.n)
        common = sorted(counts, key=lambda group: (-counts[group], group))[:self.config.most_words]
        return Ngrams(self.config.replace(words=tuple(
            " ".join(self.base.words(np.array(group)[:, None])) for group in common)))

    def _cut(self, words: np.ndarray) -> Iterator[tuple[int, ...]]:
        for first in range(0, len(words), self.config.n):
            yield tuple(words[first:first + self.config.n].tolist())

    def join(self, words: np.ndarray) -> list[int]:
        ids: list[int] = []
        for group in self._cut(words):
            ids += [self._numbers[group]] if group in self._numbers else group
        return ids
