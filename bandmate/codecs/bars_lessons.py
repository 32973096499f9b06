"""What a model learns from in the codec `bars`: windows of a piece, in other keys, with tasks.

A task gives a part of the window and leaves a region to be written: some bars, and in them some instruments. The
given notes stand first, after GIVEN; then, after MUSIC, what comes before the region and the region itself:

    header · WRITE bass · WRITE drums · GIVEN · what is beside and after the region · MUSIC · what is before · the region · END

Bars are named, so that the two can be laid side by side. Each note of a window stands there once. The idea of writing a
hole after all that surrounds it: Donahue et al. 2020 (arXiv 2005.05339), and for several tracks Ens and Pasquier 2020
(MMM, arXiv 2008.06048).
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import bars as b
from bandmate.codecs.codec import Variety
from bandmate.music.character import level, loudness, measures
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, VELOCITY
from bandmate.music.instruments import CLASSES, DRUM_CLASS

KEPT_LEVELS = 0.25  # chance of each word about the character to stand in the header
WHOLE = 0.4  # share of tasks in which some instruments are to be written from the first bar to the last
ALL_PARTS = 0.5  # share of the other tasks in which all instruments are to be written

Rows = list[tuple[int, int, int]]


def head_of(ids: np.ndarray) -> int:
    """Return how many rows the header has, MUSIC included."""
    return int(np.argmax(ids[:, 0] == b.MUSIC)) + 1


def window(ids: np.ndarray, length: int, start: float) -> np.ndarray:
    """Cut header and bars, at most ``length`` rows; every window starts at a bar line, with the header."""
    head = head_of(ids)
    bars = np.flatnonzero(b.bar_lines(ids[:, 0]))
    starts = bars[: np.searchsorted(bars, len(ids) - (length - head), side="left") + 1]
    first = int(starts[min(int(start * len(starts)), len(starts) - 1)])
    return np.concatenate([ids[:head], ids[first:first + length - head]])


def pages(ids: np.ndarray, length: int) -> list[np.ndarray]:
    """Cut a piece into windows that together hold each note once; they end at bar lines where they can."""
    head = head_of(ids)
    cuts = [*np.flatnonzero(b.bar_lines(ids[:, 0])).tolist(), len(ids)]
    pages, first = [], head
    while first < len(ids):
        stop = max((cut for cut in cuts if first < cut <= first + length - head), default=first + length - head)
        pages.append(np.concatenate([ids[:head], ids[first:stop]]))
        first = stop
    return pages


def lesson(ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
    """Cut a training window: another key, a task or none, header fields left out, words about its character put in."""
    ids = transpose(window(ids, length, random.random()), int(random.integers(-variety.transpose, variety.transpose + 1)))
    head = head_of(ids)
    header, music = vary_header(ids[:head - 1], ids[head], random, variety), ids[head:]
    region = None
    if random.random() < variety.tasks:
        shorter = whole_bars(music, length - head - len(b.CHARACTER) - len(CLASSES) - 3)
        region = draw_region(shorter, random)
    if region is None:
        return lay_out([*header, *some(character(music), random)], [], music[:0], music)[:length]
    given, before, wanted = arrange(shorter, *region)
    write = np.flatnonzero(region[2] & present(shorter)).tolist()
    return lay_out([*header, *some(character(wanted), random)], write, given,
                   np.concatenate([before, wanted, [[b.END, 0, 0]]]))[:length]


def vary_header(header: np.ndarray, first_bar: np.ndarray, random: np.random.Generator, variety: Variety) -> np.ndarray:
    """Leave out fields of a header at random; let the window pass for a piece that begins here, half of the time."""
    header = header.copy()
    when = header[:, 0]
    if random.random() < 0.5:
        header[when == b.LENGTH, 1] = first_bar[1]
    kept = random.random(b.LENGTH + 1) < variety.keep_header
    kept[:b.STYLE] = True
    return header[kept[when]]


def some(words: Rows, random: np.random.Generator) -> Rows:
    """Keep each of some words by chance."""
    return [word for word in words if random.random() < KEPT_LEVELS]


def lay_out(header: list, write: list[int], given: np.ndarray, music: np.ndarray) -> np.ndarray:
    """Put a stream together: header, the instrument classes to write and what is given, if anything is, and music."""
    rows = list(header)
    if len(given):
        rows += [(b.WRITE, b.NOTES + family * 128, 0) for family in write] + [(b.GIVEN, 0, 0), *given]
    return np.concatenate([np.array([*rows, (b.MUSIC, 0, 0)]), music])


def arrange(music: np.ndarray, first: int, last: int, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide bars of music by a region: bars ``first`` to ``last`` and in them the classes that ``parts`` (17,) names.

    Returns what is given (all that sounds beside and after the region), what came before it, and the region. Bar lines
    stand in each; where a region has all parts and nothing follows, nothing is given.
    """
    when = music[:, 0]
    lines, notes = b.bar_lines(when), when >= b.POSITION
    bar = np.cumsum(lines) - 1
    inside = (bar >= first) & (bar < last)
    region = inside & (lines | notes & parts[np.where(notes, (music[:, 1] - b.NOTES) // 128, 0)])
    given = music[(bar >= first) & (lines | notes & ~region)]
    if last == lines.sum() and not (given[:, 0] >= b.POSITION).any():
        given = given[:0]
    return given, music[(bar < first) & (lines | notes)], music[region]


def present(music: np.ndarray) -> np.ndarray:
    """Tell which instrument classes sound: bool (17,)."""
    found = np.zeros(len(CLASSES), bool)
    found[(music[music[:, 0] >= b.POSITION, 1] - b.NOTES) // 128] = True
    return found


def character(music: np.ndarray) -> Rows:
    """Return the header rows that tell the character of some bars of music."""
    notes, _ = b.sounds(music.astype(np.int64))
    steps = int(sum(b.METRE_STEPS[metre] for metre in music[b.bar_lines(music[:, 0]), 2] - b.METRE_AT))
    found = measures(notes[:, START], notes[:, DURATION], notes[:, PITCH], notes[:, PROGRAM], b.STEPS_PER_QUARTER, steps)
    rows = [(b.CHARACTER[name], b.LEVEL_AT + level(name, value) - 1, 0) for name, value in found.items()]
    halves = loudness(notes[:, START], notes[:, VELOCITY], steps)
    return rows if halves is None else [*rows, loud(*halves)]


def loud(first: int, last: int) -> tuple[int, int, int]:
    """Return the header row of a loudness that goes from one level to another."""
    return b.LOUDNESS, b.LEVEL_AT + first - 1, b.LATER_LEVEL_AT + last - 1


def whole_bars(music: np.ndarray, room: int) -> np.ndarray:
    """Cut music to whole bars, so that it has room with every bar line written twice."""
    cuts = np.append(np.flatnonzero(b.bar_lines(music[:, 0])), len(music))
    if music[-1, 0] != b.END:
        cuts = cuts[:-1]
    fits = cuts + np.arange(len(cuts)) <= room
    return music[:cuts[fits][-1]]


def draw_region(music: np.ndarray, random: np.random.Generator) -> tuple[int, int, np.ndarray] | None:
    """Draw what is to be written: bars from, bars to, and instrument classes: bool (17,). None if all of it would be."""
    bars = int(b.bar_lines(music[:, 0]).sum())
    families = np.flatnonzero(present(music))
    if not len(families):
        return None
    parts = np.zeros(len(CLASSES), bool)
    first, last = 0, bars
    whole = random.random() < WHOLE
    if not whole:
        first = int(random.integers(bars))
        last = int(random.integers(first, bars)) + 1
    if whole or random.random() >= ALL_PARTS:
        parts[random.permutation(families)[:int(random.integers(1, max(len(families), 2)))]] = True
    else:
        parts[:] = True
    everything = parts[families].all() and last == bars
    return None if everything else (first, last, parts)


def transpose(ids: np.ndarray, semitones: int) -> np.ndarray:
    """Return a copy of some rows in another key, drums untouched; as it was if a pitch would leave 0 to 127."""
    ids = ids.copy()
    pitched = (ids[:, 0] >= b.POSITION) & (ids[:, 1] < b.NOTES + DRUM_CLASS * 128)
    pitches = (ids[pitched, 1] - b.NOTES) % 128 + semitones
    if semitones and len(pitches) and pitches.min() >= 0 and pitches.max() <= 127:
        ids[pitched, 1] += semitones
        keys = ids[:, 0] == b.KEY
        number = ids[keys, 1] - b.KEY_AT
        ids[keys, 1] = b.KEY_AT + number // 12 * 12 + (number + semitones) % 12
    return ids
