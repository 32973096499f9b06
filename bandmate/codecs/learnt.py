"""Codecs whose words are learnt: which chords, steps or groups of words a music uses stands in their Config.

Before a codec knows its words, it spells music in *letters*: rows of numbers that say the same at more length. From these
it learns (`learn`), and reads them with the words it then has (`read`); what it has no word for it reads as the nearest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from bandmate.codecs.codec import Codec, Grammar
from bandmate.codecs.solo import Solo, SoloConfig, one_part
from bandmate.music.draft import Draft
from bandmate.music.grid import GridPiece
from bandmate.music.request import Request
from bandmate.piece import Labels, Piece
from bandmate.settings import Settings, UserError

MOST_WORDS = 32_000  # ids are 16 bits wide


class LearntConfig(SoloConfig):
    """What the ids of a codec with learnt words depend on."""

    most_words: Annotated[int, Field(ge=1, le=MOST_WORDS)] = 8192
    """How many words are learnt at most, the commonest."""
    words: Annotated[tuple[str, ...], Field(max_length=MOST_WORDS)] = ()
    """The words, in the order of their ids. They are learnt when music is prepared."""


class Learnt(Solo):
    """A codec of one player that learns its words."""

    Config = LearntConfig
    config: LearntConfig
    width: int
    """Letters in a row."""

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self._known = {word: number for number, word in enumerate(self.config.words)}

    @property
    def has_words(self) -> bool:
        """Tell whether this codec has learnt its words."""
        return bool(self.config.words)

    @abstractmethod
    def letters(self, grid: GridPiece) -> np.ndarray:
        """Spell notes on this codec's grid, of one part: int16 (N, width)."""

    @abstractmethod
    def texts(self, letters: np.ndarray) -> list[str]:
        """Return the word that each row of letters would be."""

    @abstractmethod
    def nearest(self, text: str) -> int:
        """Return the number of the known word that is nearest to an unknown one."""

    @abstractmethod
    def rows(self, letters: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Make ids (N, F) of letters and the numbers of their words."""

    def learn(self, spelled: Iterable[np.ndarray]) -> Learnt:
        """Return this codec with the words of pieces in letters, the commonest first; among equals by the alphabet."""
        counts = Counter(text for letters in spelled for text in self.texts(letters))
        common = sorted(counts, key=lambda text: (-counts[text], text))[:self.config.most_words]
        return type(self)(self.config.replace(words=tuple(common)))

    def read(self, letters: np.ndarray, labels: Labels | None = None) -> np.ndarray:
        """Write a piece in letters as ids: int16 (N, F)."""
        return self.between(self._music(letters), labels)

    def music(self, grid: GridPiece) -> np.ndarray:
        return self._music(self.letters(grid))

    def _music(self, letters: np.ndarray) -> np.ndarray:
        self.demand_words()
        return self.rows(letters, np.array([self._number(text) for text in self.texts(letters)], np.int64))

    def _number(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = self.nearest(text)
        return self._known[text]

    def demand_words(self) -> None:
        """Raise UserError if this codec has not learnt any words."""
        if not self.has_words:
            raise UserError(f"the codec '{self.name}' knows no words yet; it learns them from music; "
                            f"prepare some with: bandmate prepare SOURCE OUT --codec {self.name}")

    def spell(self, piece: Piece, table: np.ndarray | None = None) -> np.ndarray:
        """Write a whole piece in letters: int16 (N, width). Raises UserError as `encode` does."""
        return self.letters(one_part(piece, self.steps_per_quarter, table))


class Speller(Codec):
    """Writes pieces in the letters of a codec that has yet to learn its words."""

    name = "letters"
    Config = Settings

    def __init__(self, codec: Learnt) -> None:
        super().__init__(Settings())
        self.codec = codec
        self.fields = tuple(f"letter {number}" for number in range(codec.width))

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        return self.codec.spell(piece, table)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return np.ones(np.asarray(ids).shape[:-1], bool)

    def words(self, ids: np.ndarray) -> list[str]:
        return [" ".join(map(str, row)) for row in np.asarray(ids).tolist()]

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        raise NotImplementedError("letters are only read by a codec that has learnt its words")

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        raise NotImplementedError("letters are only read by a codec that has learnt its words")


def in_columns(lists: Sequence[Sequence[int]]) -> np.ndarray:
    """Lay lists of numbers from 1 side by side, as the parts of ids: int (N, longest), padded with 0."""
    columns = np.zeros((len(lists), max(map(len, lists), default=0)), np.int64)
    for row, numbers in zip(columns, lists, strict=True):
        row[:len(numbers)] = numbers
    return columns


def with_words_of(codec: Codec, pieces: Iterable[Piece]) -> Any:
    """Return a codec that knows the words of some pieces, if it is one that learns and knows none yet; else the codec."""
    if not isinstance(codec, Learnt) or codec.has_words:
        return codec
    return codec.learn([codec.spell(piece) for piece in pieces])
