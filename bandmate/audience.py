"""Who hears composers that are asked for a style: a recogniser, and people's pieces to lay beside theirs.

The recogniser has heard only people's training pieces (``recognise.py``); the pieces that it is tried on here, and whose tunes
composers are given, are held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bandmate import probe
from bandmate.data.windows import Prepared
from bandmate.metrics.chroma import BARS
from bandmate.metrics.manner import stretches
from bandmate.metrics.originality import Library
from bandmate.music.grid import from_grid
from bandmate.obedience.style import Usual, usual
from bandmate.piece import Piece
from bandmate.recognise import Recogniser
from bandmate.settings import UserError

LEAST_STYLES = 2

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Audience:
    """What all composers are heard by, and beside."""

    data: Prepared
    recogniser: Recogniser
    usuals: dict[str, Usual]
    """The styles that are asked for, with the metre that is usual for each."""
    library: Library
    """The training pieces."""
    people: dict[str, list[Piece]]
    """Test pieces of each style: their first bars."""
    others: list[Piece]
    """Valid pieces, in the same way: how near people are to people."""
    contents: list[tuple[str, Piece]]
    """Test pieces whose tune is to be kept, with their style: whole stretches of four bars, in one metre."""
    bars: int

    @property
    def label(self) -> str:
        """Whether styles are styles or composers."""
        return self.recogniser.card.recipe.label

    def in_one_metre(self) -> dict[str, Usual]:
        """Return the styles, all with the metre that is usual for most of them, so that the metre does not tell the style."""
        [(metre, _)] = Counter(known.metre for known in self.usuals.values()).most_common(1)
        return {style: known._replace(metre=metre) for style, known in self.usuals.items()}

    def names(self, piece: Piece) -> Sequence[str]:
        """Name the styles of a piece, the likeliest first."""
        return [*self.recogniser.probabilities(piece)]

    def confusion(self, said: Mapping[str, Sequence[Sequence[str]]]) -> np.ndarray:
        """Count what pieces of a style (rows) are taken for (columns): int64 (classes, classes)."""
        classes = list(self.recogniser.card.classes)
        counts = np.zeros((len(classes), len(classes)), np.int64)
        for style, pieces in said.items():
            for names in pieces:
                counts[classes.index(style), classes.index(names[0])] += 1
        return counts


def gather(data: Prepared, recogniser: Recogniser, models: Mapping[str, Any], pieces: int, bars: int, seed: int = 0,
           progress: Progress = lambda what, share: None) -> Audience:
    """Gather what models are heard by and beside, ``pieces`` of each style.

    Raises UserError for a model without styles of its own, and where fewer than two styles are known to the models, to the
    recogniser, and to the data.
    """
    for name, model in models.items():
        if not probe.known_styles(model):
            raise UserError(f"'{name}' does not keep style and content apart; a model of the family 'style_vae' was expected; "
                            "name one")
        if (model.codec.name, model.codec.config) != (data.codec().name, data.codec().config):
            raise UserError(f"'{name}' reads music otherwise than '{data.folder}' is written; data for all models were "
                            f"expected; prepare them with --like {name}")
    label = recogniser.card.recipe.label
    styles = _shared([model.styles for model in models.values()], data, recogniser)
    library, random = _library(data, progress), np.random.default_rng(seed)
    test, valid = ({style: _drawn(data, split, label, style, pieces, random) for style in styles}
                   for split in ("test", "valid"))
    tunes = [(style, opening(test[style][at], bars, BARS)) for at in range(pieces) for style in styles if at < len(test[style])]
    return Audience(data, recogniser, {style: usual(data, label, style) for style in styles}, library,
                    {style: _openings(found, bars) for style, found in test.items()},
                    [piece for found in valid.values() for piece in _openings(found, bars)],
                    [(style, tune) for style, tune in tunes if tune is not None][:pieces], bars)


def _shared(known: Sequence[Sequence[str]], data: Prepared, recogniser: Recogniser) -> list[str]:
    """Return the styles that all models and the recogniser know, with pieces to learn from and held-out ones."""
    label = recogniser.card.recipe.label
    learnt, held = ({row.get(label) for row in data.pieces if row["split"] == split} for split in ("train", "test"))
    styles = [name for name in known[0] if all(name in names for names in (*known, recogniser.card.classes, learnt, held))]
    if len(styles) < LEAST_STYLES:
        raise UserError(f"only {len(styles)} {label} is known to all models and the recogniser and has held-out pieces in "
                        f"'{data.folder}'; at least {LEAST_STYLES} were expected; train both on this data")
    return styles


def _library(data: Prepared, progress: Progress) -> Library:
    """Return the training pieces, to look for copies among them."""
    library, count = Library(), len(data.split("train")[1]) - 1
    for index in range(count):
        library.add(str(index), data.codec().decode(data.piece("train", index)))
        progress("the training set", (index + 1) / count)
    library.close()
    return library


def _drawn(data: Prepared, split: str, label: str, style: str, most: int, random: np.random.Generator) -> list[Piece]:
    """Return at most so many pieces of a style, drawn at random."""
    rows = [row for row in data.pieces if row["split"] == split and row[label] == style]
    chosen = random.permutation(len(rows))[:most].tolist()
    return [data.codec().decode(data.piece(split, int(rows[n]["index"]))) for n in chosen]


def _openings(pieces: Sequence[Piece], bars: int) -> list[Piece]:
    found = [opening(piece, bars) for piece in pieces]
    return [piece for piece in found if piece is not None]


def opening(piece: Piece, bars: int, whole: int = 0) -> Piece | None:
    """Return the first bars of a piece that sound, at most ``bars``; ``whole`` wants a multiple of so many, in one metre."""
    found = stretches(piece, bars, 1)
    if found and whole:
        grid = found[0]
        found = stretches(from_grid(grid), len(grid.bars) // whole * whole, 1) if len(grid.bars) >= whole else []
        if found and len(np.unique(found[0].bars[:, 1:], axis=0)) > 1:
            return None
    return from_grid(found[0]) if found else None
