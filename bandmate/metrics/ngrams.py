"""Note words shared with other music: is this in its style, or a copy of it?

Maia's custom BLEU (Maia, Berkeley, 2021) after BLEU (Papineni et al., ACL 2002): how many of a piece's sequences of one to
nine words stand in a reference too, with more weight on middle lengths. It is a target from both sides: real music that
the model never saw has a value of its own, and a higher one means copying. A word says a pitch that starts or ends, or a
wait: words change with the key.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from bandmate.metrics.undefined import Undefined
from bandmate.music.grid import PROGRAM, to_grid
from bandmate.piece import DRUMS, Piece
from bandmate.settings import UserError

Words = Sequence[Hashable]
"""A piece as words, in their order."""

ORDERS = 9
MAIA_WEIGHTS = (0, 1 / 12, 1 / 12, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 12, 1 / 12)
"""The weight of each order, 1 to 9, in Maia's custom BLEU."""

SMOOTHING = 0.1  # matches that stand for none: Chen and Cherry, WMT 2014, method 1, with the usual value
STEPS_A_QUARTER = 12
LONGEST_WAIT = 25  # steps that one word can wait


def words(piece: Piece) -> list[str]:
    """Write a piece as words: "p60" and "endp60" for a note, "d36" for a stroke of the drums, "wait6" for time that passes.

    12 steps a quarter, a wait has at most 25; at one moment the ends come first, then pitches from low to high, then drums.
    Programs are not told apart: a pitch that several parts play ends with the first of them. After Clara (Payne, 2018).
    """
    events = set()
    for start, length, pitch, _, program in to_grid(piece, STEPS_A_QUARTER).notes[:, :PROGRAM + 1].tolist():
        if program == DRUMS:
            events.add((start, 2, pitch, f"d{pitch}"))
        else:
            events |= {(start, 1, pitch, f"p{pitch}"), (start + length, 0, pitch, f"endp{pitch}")}
    text, now = [], 0
    for at, _, _, word in sorted(events):
        while at > now:
            wait = min(at - now, LONGEST_WAIT)
            text.append(f"wait{wait}")
            now += wait
        text.append(word)
    return text


class Counts:
    """How often each sequence of 1 to ``orders`` words stands in some texts, at most in one of them.

    Built once in a few sorts, so that many pieces are compared with a large corpus in little time. ``cut`` shortens the
    texts to that many words.
    """

    def __init__(self, texts: Sequence[Words], orders: int = ORDERS, cut: int | None = None) -> None:
        if orders < 1:
            raise ValueError("at least one word makes a sequence")
        texts = [list(text[:cut]) for text in texts]
        self.lengths = np.array([len(text) for text in texts], np.int64)
        self.vocabulary: dict[Hashable, int] = {}
        words = np.array([self.vocabulary.setdefault(word, len(self.vocabulary)) for text in texts for word in text], np.int64)
        text_of = np.arange(len(texts)).repeat(self.lengths)
        room = self.lengths.cumsum()[text_of] - np.arange(len(words))  # words from here to the end of the text
        self.keys: list[np.ndarray] = []
        self.most: list[np.ndarray] = []
        at, number = np.arange(len(words)), np.zeros(len(words), np.int64)
        for order in range(1, orders + 1):
            fits = room[at] >= order
            at, number = at[fits], number[fits]
            keys, number = np.unique(number * max(len(self.vocabulary), 1) + words[at + order - 1], return_inverse=True)
            pairs, counts = np.unique(text_of[at] * len(keys) + number, return_counts=True)
            most = np.zeros(len(keys), np.int64)
            if len(pairs):
                np.maximum.at(most, pairs % len(keys), counts)
            self.keys.append(keys)
            self.most.append(most)

    def distinct(self) -> list[int]:
        """Count the different sequences of each order."""
        return [len(keys) for keys in self.keys]

    def matches(self, text: Words) -> list[tuple[int, int]]:
        """Return for each order that fits in a text how many of its sequences match, and how many it has.

        A sequence matches as often as it stands in the text, but at most as often as in one reference.
        """
        found = []
        number = np.zeros(len(text), np.int64)
        word = np.array([self.vocabulary.get(word, -1) for word in text], np.int64)
        for order in range(1, min(len(self.keys), len(text)) + 1):
            number, last, keys = number[:len(text) - order + 1], word[order - 1:], self.keys[order - 1]
            known = (number >= 0) & (last >= 0)
            wanted = np.where(known, number * max(len(self.vocabulary), 1) + last, -1)
            place = np.searchsorted(keys, wanted)
            known &= place < len(keys)
            known[known] = keys[place[known]] == wanted[known]
            number = np.where(known, place, -1)
            sequences, counts = np.unique(number[known], return_counts=True)
            found.append((int(np.minimum(counts, self.most[order - 1][sequences]).sum()), len(number)))
        return found


def bleu(text: Words, references: Counts | Sequence[Words], weights: Sequence[float] = MAIA_WEIGHTS,
         smoothing: float = SMOOTHING) -> float:
    """Compare the words of a piece with those of reference pieces.

    Brevity penalty * exp(sum of weight * log precision) over the orders; precision = clipped matches / sequences, where
    ``smoothing`` matches stand for none, so that one missing order is no 0; with 0 smoothing it is. Orders longer than the
    text are left out. 0 to 1; 1 for a copy. Source: Maia; Papineni et al., 2002. Undefined: no words; no references.
    """
    if not isinstance(references, Counts):
        references = Counts(references, len(weights))
    if not len(text):
        raise Undefined("no words")
    if not references.lengths.any():
        raise Undefined("no references")
    if len(weights) > len(references.keys):
        raise UserError(f"{len(weights)} weights were given; the references were counted up to {len(references.keys)} words; "
                        f"count them with orders={len(weights)}")
    found = references.matches(text)[:len(weights)]
    closest = min(references.lengths.tolist(), key=lambda length: (abs(length - len(text)), length))
    penalty = min(1.0, float(np.exp(1 - closest / len(text))))
    return penalty * blend([max(matches, smoothing) / count for matches, count in found], weights)


def blend(precisions: Sequence[float], weights: Sequence[float] = MAIA_WEIGHTS) -> float:
    """Return the weighted geometric mean of precisions of order 1, 2, ...; 0 if one that has a weight is 0."""
    pairs = [(precision, weight) for precision, weight in zip(precisions, weights, strict=False) if weight]
    if not pairs:
        raise Undefined("text too short")
    if any(precision <= 0 for precision, _ in pairs):
        return 0.0
    logs, used = np.log([precision for precision, _ in pairs]), np.array([weight for _, weight in pairs])
    return float(np.exp((used * logs).sum() / used.sum()))


def cumulative(text: Words, references: Counts | Sequence[Words], orders: int = ORDERS,
               smoothing: float = SMOOTHING) -> list[float]:
    """Return BLEU up to 1, 2, ... ``orders`` words with equal weights, as many as the text has words.

    0 to 1 each. Maia's model: 1.000 .940 .807 .639 .521 .446 .392 .351 .316. Undefined as in :func:`bleu`.
    """
    counts = references if isinstance(references, Counts) else Counts(references, orders)
    if not len(text):
        raise Undefined("no words")
    return [bleu(text, counts, [1] * order, smoothing) for order in range(1, min(orders, len(text)) + 1)]
