"""BPE: words of `notewise` that often follow each other are one, and these again, as often as is worth it.

Byte-pair encoding (Gage 1994; for language Sennrich et al. 2016, arXiv 1508.07909; for music Fradet et al. 2023, arXiv
2301.11975): today's form of what `ngrams` tried. Learnt and done by Hugging Face's tokenizers, which is an extra:
pip install 'bandmate[codecs]'; reading needs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bandmate.codecs.groups import Groups, GroupsConfig
from bandmate.codecs.learnt import MOST_WORDS
from bandmate.settings import UserError

FIRST_LETTER = 0x4E00  # words are handed on as letters, from here on there are 20,000 that nothing else is done to


class BpeConfig(GroupsConfig):
    """What the ids of `bpe` depend on. A learnt word is the two that become it, as ids ("153 27")."""

    most_words: Annotated[int, Field(ge=1, le=MOST_WORDS)] = 1024
    """How many groups are learnt at most."""


class Bpe(Groups):
    """The codec: see the top of this file."""

    name = "bpe"
    Config = BpeConfig
    config: BpeConfig

    def _read_words(self) -> list[tuple[int, ...]]:
        groups: dict[tuple[int, ...], int] = {}  # two pairs may become the same group
        known: list[tuple[int, ...]] = [(number,) for number in range(self.single)]
        for text in self.config.words:
            left, right = (known[int(number)] for number in text.split())
            if groups.setdefault(left + right, len(groups)) == len(known) - self.single:
                known.append(left + right)
        return [*groups]

    @cached_property
    def _tokenizer(self) -> Any:
        """The library's tokenizer of what was learnt."""
        library = _library()
        known = [*((number,) for number in range(self.single)), *self.groups]
        merges = [tuple(_spell(known[int(number)]) for number in text.split()) for text in self.config.words]
        vocabulary = {_spell(group): number for number, group in enumerate(known)}
        return library.Tokenizer(library.models.BPE(vocabulary, merges, cache_capacity=0))

    def learn(self, spelled: Iterable[np.ndarray]) -> Bpe:
        pieces = [_spell(letters[:, 0]) for letters in spelled]
        alphabet = [_spell((number,)) for number in range(self.single)]
        size = self.single + self.config.most_words
        ids = {letter: number for number, letter in enumerate(alphabet)}
        words = []
        for left, right in _merges(pieces, alphabet, size, least=2) or _merges(pieces, alphabet, size, least=1):
            words.append(f"{ids[left]} {ids[right]}")
            ids.setdefault(left + right, len(ids))
        return Bpe(self.config.replace(words=tuple(words)))

    def join(self, words: np.ndarray) -> list[int]:
        return self._tokenizer.encode(_spell(words)).ids


def _spell(words: Iterable[int]) -> str:
    return "".join(chr(FIRST_LETTER + int(word)) for word in words)


def _merges(pieces: list[str], alphabet: list[str], size: int, least: int) -> list[tuple[str, str]]:
    """Return the pairs that are worth putting together, in their order: those that come at least so many times."""
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.train_from_iterator(pieces, library.trainers.BpeTrainer(
        vocab_size=size, min_frequency=least, initial_alphabet=alphabet, show_progress=False))
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in pairs]  # older versions join them


def _library() -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError as error:
        raise UserError(f"the codec 'bpe' needs the package '{error.name}', which is not installed; "
                        "install it with: pip install 'bandmate[codecs]'") from None
    return tokenizers
