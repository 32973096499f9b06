"""Does a composer write in the style, or like the composer, that it was asked for? A recogniser that heard only people answers.

Three kinds of requests for each word, all in the metre that is usual for it: the word alone; the word, with the players that
are usual for it; and these players without the word. The difference between the last two is what the word itself does, for
a style may be known by its instruments alone. Beside them: how often a word is recognised in pieces that another word of the
same metre was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bandmate.data.windows import Prepared
from bandmate.music.grid import PROGRAM, to_grid
from bandmate.music.instruments import program_name
from bandmate.piece import DRUMS, Piece

BEST = 3
HEARD = 60  # training pieces of a word that tell what is usual for it
GRID = 24
WAYS = ("word", "word and players", "players alone")

Compose = Callable[[dict[str, Any]], list[Piece]]
"""Writes pieces for the fields of a request, with as many "variants"."""
Recognise = Callable[[Piece], Sequence[str]]
"""Names the classes of a piece, the likeliest first."""


class Usual(NamedTuple):
    """What is usual for a word: the commonest metre, and in it the commonest players."""

    metre: str
    players: tuple[int, ...]
    """Programs; 128 is the drum kit."""

    def wish(self) -> dict[str, Any]:
        """Return the fields of a request for these players."""
        pitched = tuple(str(program) for program in self.players if program != DRUMS)
        return {"instruments": pitched or ("drums",), "drums": DRUMS in self.players}

    def __str__(self) -> str:
        return f"{self.metre}, {', '.join(program_name(program) for program in self.players)}"


class Obedience(NamedTuple):
    """What was recognised in pieces that were asked for."""

    usual: dict[str, Usual]
    said: dict[str, dict[str, list[Sequence[str]]]]
    """Way of asking: {word: for each piece all classes, the likeliest first}."""

    def share(self, way: str, best: int = 1) -> float:
        """Return the share of pieces in which the word asked for is among the ``best`` likeliest classes."""
        return float(np.mean([word in said[:best] for word, pieces in self.said[way].items() for said in pieces]))

    def ahead(self, way: str) -> float:
        """Return the mean share of the other classes that the word asked for is likelier than: a half by chance."""
        return float(np.mean([1 - said.index(word) / (len(said) - 1)
                              for word, pieces in self.said[way].items() for said in pieces]))

    def others(self, way: str) -> float | None:
        """Return how often a word is recognised in a piece that another word of the same metre was asked for.

        The mean over words; None if no two words share a metre.
        """
        shares = []
        for word, usual in self.usual.items():
            named = [said[0] == word for other, pieces in self.said[way].items() for said in pieces
                     if other != word and self.usual[other].metre == usual.metre]
            shares += [np.mean(named)] if named else []
        return float(np.mean(shares)) if shares else None

    def table(self) -> str:
        """Show the shares, all words together; then word by word."""
        lines = [f"{'asked by':<20}{'recognised':>12}{f'in best {BEST}':>12}{'ahead of':>12}{'by another word':>18}"
                 f"{'pieces':>9}"]
        for way in WAYS:
            count, others = sum(map(len, self.said[way].values())), self.others(way)
            lines.append(f"{way:<20}{self.share(way):>12.1%}{self.share(way, BEST):>12.1%}{self.ahead(way):>12.1%}"
                         f"{'n/a' if others is None else f'{others:.1%}':>18}{count:>9}")
        width = max(map(len, self.usual)) + 2
        lines += ["", f"{'':<{width}}{''.join(f'{way:>18}' for way in WAYS)}   most often named when asked by the word; "
                      "what is usual for it"]
        for word, usual in self.usual.items():
            hits = "".join(f"{sum(said[0] == word for said in self.said[way][word]):>15}/{len(self.said[way][word]):<2}"
                           for way in WAYS)
            [(most, count)] = Counter(said[0] for said in self.said["word"][word]).most_common(1)
            lines.append(f"{word:<{width}}{hits}   {most} ({count}); {usual}")
        return "\n".join(lines)


def usual(data: Prepared, label: str, word: str) -> Usual:
    """Return what is usual for a word among the training pieces of prepared data that have it."""
    codec = data.codec()
    rows = [row for row in data.pieces if row["split"] == "train" and row[label] == word]
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), HEARD)).astype(int).tolist()
    found: list[Usual] = []
    for row in (rows[n] for n in chosen):
        grid = to_grid(codec.decode(data.piece("train", int(row["index"]))), GRID)
        numerator, denominator = grid.bars[0, 1:].tolist()
        found.append(Usual(f"{numerator}/{denominator}", tuple(np.unique(grid.notes[:, PROGRAM]).tolist())))
    [(metre, _)] = Counter(each.metre for each in found).most_common(1)
    [(commonest, _)] = Counter(each for each in found if each.metre == metre).most_common(1)
    return commonest


def follow_words(compose: Compose, recognise: Recognise, label: str, usuals: dict[str, Usual], pieces: int, bars: int,
                 seed: int = 0, progress: Callable[[float], None] = lambda share: None) -> Obedience:
    """Ask for ``pieces`` pieces of ``bars`` bars in each of three ways for every word; return what was recognised in them."""
    said: dict[str, dict[str, list[Sequence[str]]]] = {way: {} for way in WAYS}
    done = 0
    for number, (word, usual) in enumerate(usuals.items()):
        common = {"bars": bars, "metre": usual.metre, "variants": pieces, "seed": seed + number * pieces}
        for way, wish in zip(WAYS, ({label: word}, {label: word, **usual.wish()}, usual.wish()), strict=True):
            said[way][word] = [recognise(piece) for piece in compose({**common, **wish})]
            done += 1
            progress(done / (len(WAYS) * len(usuals)))
    return Obedience(usuals, said)
