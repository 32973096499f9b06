"""What a codec is: a piece becomes rows of ids, and rows of ids become a piece again.

A codec also knows its own grammar: which ids may follow. The sampler lets nothing else pass, so that whatever a
model draws is music, and is the music that was asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from bandmate.music.draft import Draft
from bandmate.music.request import Request
from bandmate.piece import Labels, Piece
from bandmate.settings import Settings


class Variety(Settings):
    """How the windows vary that a model learns from, so that it learns more than the notes as they stand."""

    transpose: Annotated[int, Field(ge=0, le=12)] = 6
    """A window is transposed by at most so many semitones either way; drums are not."""
    keep_header: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Chance of each header field to be kept, so that each is optional when composing."""
    tasks: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of windows in which bars or parts are given and the rest is to be written."""


class Grammar(ABC):
    """The state of some streams (one a row, B rows) that grow in step, under one request."""

    codec: Any
    request: Request
    prompt: np.ndarray
    """Rows (T, F) that every stream starts with; none if a piece is being worked on."""

    @abstractmethod
    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        """Return which ids may come next in ``field``: bool (B, sizes[field]), at least one True a row.

        ``chosen`` (B, F) holds the fields before ``field`` that are already drawn for this step.
        """

    def lean(self, field: int, chosen: np.ndarray) -> np.ndarray | None:
        """Return what is added to the logits of ``field`` for the sake of the request: (B, sizes[field]), None for nothing."""
        return None

    @abstractmethod
    def advance(self, chosen: np.ndarray) -> None:
        """Take in one whole step (B, F). A finished row must be given padding."""

    @property
    @abstractmethod
    def done(self) -> np.ndarray:
        """Tell which rows are finished: bool (B,). A finished row allows only padding in each field."""

    @property
    @abstractmethod
    def progress(self) -> float:
        """Share of the slowest row that is written, 0 to 1."""

    @property
    def stale(self) -> bool:
        """Tell whether some stream has come to where it must hear other things before it goes on."""
        return False

    def hear(self, number: int, stream: np.ndarray, room: int) -> np.ndarray:
        """Return what stream ``number``, of which rows (T, F) are written, is to hear before it goes on: at most ``room``."""
        return self.codec.window(stream, room, 1.0)

    def piece(self, stream: np.ndarray) -> Piece:
        """Read a finished stream (T, F): the piece that was asked for."""
        return self.codec.decode(stream, self.request)

    def misses(self, stream: np.ndarray) -> int:
        """Count by how many levels a finished stream misses the character that was asked for."""
        return 0


class Codec(ABC):
    """A way of writing music as ids: arrays (N, F) of F fields a step, each field with a vocabulary of its own.

    The id ``pad`` of every field is padding and means: nothing here. In a padded field there is nothing to learn.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Settings]]
    """What the ids depend on; saved with the data and in the checkpoint."""

    pad: ClassVar[int] = 0
    """The id that means: nothing here."""
    stored: ClassVar[str] = "<i2"
    """How ids lie in files, as numpy says it; codecs of many small ids take a byte each."""
    sizes: tuple[int, ...]
    """Vocabulary size of each field."""
    fields: tuple[str, ...]
    """Name of each field."""

    def __init__(self, config: Settings | None = None) -> None:
        self.config = self.Config() if config is None else config

    @abstractmethod
    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        """Write a whole piece as ids: int16 (N, F). ``table`` is its note table, if that is at hand.

        Raises UserError for a piece that cannot be written.
        """

    @abstractmethod
    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        """Read ids (N, F) back. Any ids are taken: what the grammar forbids is passed over.

        What the ids cannot say exactly (tempo, for some codecs metre and programs) comes from the request they answer.
        """

    @abstractmethod
    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        """Start ``rows`` streams under a request, to write a new piece or into a draft.

        Raises UserError for what this codec cannot hold.
        """

    @abstractmethod
    def is_note(self, ids: np.ndarray) -> np.ndarray:
        """Tell which rows of ids (..., F) complete a note: bool (...)."""

    def notes_in(self, ids: np.ndarray) -> np.ndarray:
        """Count the notes that each row of ids (..., F) completes: int (...). Codecs of chords replace this."""
        return self.is_note(ids).astype(np.int64)

    @abstractmethod
    def words(self, ids: np.ndarray) -> list[str]:
        """Spell each row of ids (N, F) in words, for learners and tests."""

    def window(self, ids: np.ndarray, length: int, start: float) -> np.ndarray:
        """Cut at most ``length`` rows out of a piece, ``start`` (0 to 1) of the way through its possible starts."""
        last = max(0, len(ids) - length)
        first = round(start * last)
        return ids[first:first + length]

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        """Cut a piece into windows of at most ``length`` rows that together hold each note once."""
        return [ids[first:first + length] for first in range(0, len(ids), length)]

    def given(self, ids: np.ndarray) -> np.ndarray:
        """Tell which rows of a window (N, F) are given, not to be scored per note: bool (N,)."""
        return np.arange(len(ids)) == 0

    def parts(self, field: int) -> np.ndarray | None:
        """Return what each id of a field has in common with others: int (size, K), K properties of each id, or None.

        Ids with the same number in any column share something (an instrument, a pitch, a length); a model may learn it once.
        """
        return None

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        """Cut a training window of at most ``length`` rows out of a piece, and vary it."""
        return self.window(ids, length, random.random())


def stroll(grammar: Grammar, seed: int, most_steps: int = 50_000) -> list[np.ndarray]:
    """Draw streams of ids at random from what a grammar allows, each without the padding after its end.

    Small ids are drawn more readily than large ones, how much more is drawn, too: so some streams are dense. Raises
    RuntimeError if the grammar leaves nothing to draw, or does not come to an end.
    """
    random = np.random.default_rng(seed)
    rows = len(grammar.done)
    streams = [np.tile(grammar.prompt.astype(np.int64)[None], (rows, 1, 1))]
    lengths = np.full(rows, streams[0].shape[1])
    haste = random.choice([0, 4, 40])
    while not grammar.done.all():
        if len(streams) > most_steps:
            raise RuntimeError("the music does not end")
        lengths += ~grammar.done
        chosen = np.zeros((rows, streams[0].shape[2]), np.int64)
        for field in range(chosen.shape[1]):
            mask = grammar.mask(field, chosen)
            if not mask.any(axis=1).all():
                raise RuntimeError(f"nothing is allowed in field {field}")
            draws = random.gumbel(size=mask.shape) - haste * np.arange(mask.shape[1]) / mask.shape[1]
            chosen[:, field] = np.where(mask, draws, -np.inf).argmax(axis=1)
        grammar.advance(chosen)
        streams.append(chosen[:, None])
    ids = np.concatenate(streams, axis=1)
    return [ids[row, :length] for row, length in enumerate(lengths)]
