"""Find the longest stretch that a sequence shares with any of many others, quickly: every stretch stands in sorted order.

A suffix array (Manber and Myers, SIAM J. Comput. 22, 1993), sorted by doubling, of which only what is still undecided is
sorted again (Larsson and Sadakane, Theor. Comput. Sci. 387, 2007). How far two stretches agree is found by bisection over
hashes of prefixes (Karp and Rabin, 1987), for all places of a sequence at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SYMBOL_BITS = 62
_END = 1 << SYMBOL_BITS  # the symbols that end sequences are larger than all others, and each stands only once
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2 ** 64


class Nearest:
    """Many sequences of symbols (int64, 0 to 2 ** 62 - 1), ready to be searched: some 20 bytes a symbol."""

    def __init__(self, sequences: Sequence[np.ndarray]) -> None:
        self._starts = np.cumsum([0, *(len(sequence) + 1 for sequence in sequences)])
        self._text = np.empty(self._starts[-1], np.int64)
        for number, sequence in enumerate(sequences):
            self._text[self._starts[number]:self._starts[number + 1] - 1] = sequence
            self._text[self._starts[number + 1] - 1] = _END + number
        self._order = _sort_suffixes(self._text).astype(np.int32 if len(self._text) < 2**31 else np.int64)
        self._hashes = _prefix_hashes(self._text)

    def __len__(self) -> int:
        return len(self._text)

    def match(self, query: np.ndarray, tail: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return for each place of a sequence how many symbols from there on are found together, and where: two int (N,).

        A symbol that agrees but for its lowest ``tail`` bits counts as the last of a stretch. Where nothing is found, the
        length is 0 and the place means nothing.
        """
        query = np.asarray(query, np.int64)
        low, high = np.zeros(len(query), np.int64), np.full(len(query), len(self._text))
        hashes = _prefix_hashes(query)
        best, where = np.zeros(len(query), np.int64), np.zeros(len(query), np.int64)
        if not len(self._text):
            return best, where
        for _ in range(len(self._text).bit_length()):
            middle = np.minimum((low + high) // 2, len(self._text) - 1)
            before = self._agree(query, hashes, self._order[middle])[1] & (low < high)
            low, high = np.where(before, middle + 1, low), np.where(before, high, np.minimum(high, middle))
        for neighbour in (low - 1, low):  # in sorted order the best is beside the place where the query would stand
            place = self._order[np.clip(neighbour, 0, len(self._text) - 1)].astype(np.int64)
            length = self._agree(query, hashes, place)[0]
            rest = np.arange(len(query)) + length
            more = rest < len(query)
            length[more] += query[rest[more]] >> tail == self._text[(place + length)[more]] >> tail
            better = length > best
            best[better], where[better] = length[better], place[better]
        return best, where

    def place(self, where: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of the sequence that a place of `match` lies in, and its index there."""
        number = np.searchsorted(self._starts, where, side="right") - 1
        return number, where - self._starts[number]

    def _agree(self, query: np.ndarray, hashes: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how many symbols agree from each place of the query and of the text; whether the text then is less."""
        mine, there = np.arange(len(query)), places.astype(np.int64)
        length, most = np.zeros(len(query), np.int64), np.minimum(len(query) - mine, len(self._text) - 1 - there)
        my_power, its_power = np.power(_BASE, mine.astype(np.uint64)), np.power(_BASE, there.astype(np.uint64))
        for _ in range(int(most.max(initial=0)).bit_length()):
            trial = (length + most + 1) // 2
            same = ((hashes[mine + trial] - hashes[mine]) * its_power
                    == (self._hashes[there + trial] - self._hashes[there]) * my_power)
            length, most = np.where(same, trial, length), np.where(same, most, np.maximum(trial - 1, length))
        left = mine + length < len(query)
        less = self._text[there + length] < query[np.where(left, mine + length, 0)]
        return length, less & left


def mix(values: np.ndarray) -> np.ndarray:
    """Scatter 64-bit numbers so that any two differ in about half of their bits: uint64 (N,).

    Source: splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    values = np.asarray(values).astype(np.uint64) + _BASE
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _prefix_hashes(text: np.ndarray) -> np.ndarray:
    """Return hashes of all prefixes, the empty one first: uint64 (N + 1,)."""
    hashes = np.zeros(len(text) + 1, np.uint64)
    powers = np.full(len(text), _BASE)
    powers[:1] = 1
    np.cumprod(powers, out=powers)
    np.cumsum(mix(text) * powers, out=hashes[1:])
    return hashes


def _sort_suffixes(text: np.ndarray) -> np.ndarray:
    """Return the places of a text in the order of what follows from there on. Its last symbol must stand only once."""
    order = np.argsort(text, kind="stable")
    slots, ranks = np.arange(len(text)), np.empty(len(text), np.int64)
    keys, suffixes, step = text[order], order, 0
    while len(slots):
        first = np.ones(len(slots) + 1, bool)
        np.not_equal(keys[1:], keys[:-1], out=first[1:-1])
        ranks[suffixes] = slots[np.maximum.accumulate(np.where(first[:-1], np.arange(len(slots)), 0))]
        slots = slots[~(first[:-1] & first[1:])]  # groups of more than one
        step = max(1, 2 * step)
        suffixes = order[slots]
        keys = (ranks[suffixes] << 32) + ranks[suffixes + step]
        by_key = np.argsort(keys)
        keys, suffixes = keys[by_key], suffixes[by_key]
        order[slots] = suffixes
    return order
