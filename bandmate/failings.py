"""Known failings, counted: what the first composers of each kind did wrong, so that a cure can be seen to be one.

Networks that always take the likeliest word go round in circles; those that learnt pitches alone know one length of note;
those that write a note's end as a word of its own forget it, and the note hangs; those that learnt by heart copy; chords
by chance make no melody; and intervals, added up without end, walk off the keyboard. Each is a number here, beside the same
number of people: neither more nor less than theirs is good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bandmate import checkpoint, sampling
from bandmate.codecs.codec import Grammar
from bandmate.codecs.intervals import HIGHEST, LOWEST, MIDDLE, Intervals
from bandmate.data.windows import Prepared
from bandmate.metrics import habits, ngrams
from bandmate.metrics.originality import Library
from bandmate.metrics.undefined import value_or_reason
from bandmate.model import Model
from bandmate.music.grid import START, GridPiece, from_grid, to_grid
from bandmate.piece import Piece
from bandmate.settings import UserError

GRID = 12  # steps a quarter
CUT = 513  # words of a text that Maia's BLEU compares
HUMAN = "people"

MEASURES: dict[str, Callable[[Piece], float]] = {
    "8-grams repeated, %": habits.repeated, "longest circle, events": habits.longest_circle,
    "lengths of notes": habits.lengths, "times between starts": habits.gaps, "hanging notes, %": habits.hanging,
    "steps of the melody, %": habits.stepwise, "leaps, %": habits.leaping}

Row = dict[str, Any]
Progress = Callable[[str, float], None]


class Way(NamedTuple):
    """A composer, and how it is to draw."""

    text: str
    model: Model
    options: Any

    @classmethod
    def parse(cls, text: str) -> Way:
        """Read a model with options, if need be: "runs/gru", "runs/gru:temperature=0,top_k=5". Raises UserError."""
        name, _, rest = text.partition(":")
        choices = dict(choice.partition("=")[::2] for choice in rest.split(",") if choice)
        wrong = next((choice for choice, value in choices.items() if not value), None)
        if wrong is not None:
            raise UserError(f"'{wrong}' in '{text}' is no option with a value; options look like {name}:temperature=0; "
                            "write it so")
        model = checkpoint.load(name)
        options = model.Options(**{choice.strip(): value.strip() for choice, value in choices.items()})
        if drummer := getattr(options, "rhythm_model", None):
            model.rhythm = checkpoint.load(drummer).slots
        return cls(text, model, options)


def failings(ways: Sequence[Way], data: Prepared, bars: int = 32, given: int = 8, pieces: int = 10, seed: int = 0,
             progress: Progress = lambda what, share: None) -> list[Row]:
    """Return a row of measures for each composer, means over what it adds to openings of training pieces, then one of people.

    It is given the first ``given`` bars of each of so many ``pieces``, the same for all; 0 lets it write from nothing.
    People are the held-out pieces. Copies are looked for among all training pieces, as the data's codec tells them. Raises
    UserError where too few training pieces are longer than what is given.
    """
    codec = data.codec()
    learnt = [codec.decode(data.piece("train", index)) for index in range(len(data.split("train")[1]) - 1)]
    library = Library()
    for number, piece in enumerate(learnt):
        library.add(str(number), piece)
    library.close()
    counts = ngrams.Counts([ngrams.words(piece) for piece in learnt], cut=CUT)
    long = [piece for piece in learnt if len(to_grid(piece, GRID).bars) > given]
    if len(long) < pieces:
        raise UserError(f"{pieces} openings of {given} bars were wanted, but only {len(long)} training pieces are longer; give "
                        "fewer bars, or ask for fewer pieces")
    openings = [long[n] for n in np.random.default_rng(seed).permutation(len(long))[:pieces].tolist()]
    rows = []
    for way in ways:
        new = []
        for number, opening in enumerate(openings):
            wish = way.options.replace(bars=bars, seed=seed + number, **({"task": "continue", "at": given} if given else {}))
            new += [_after(piece, given) for piece in way.model.generate(wish, opening if given else None)]
            progress(way.text, (number + 1) / pieces)
        rows.append({"": way.text, **_measured(new, library, counts)})
    people = [codec.decode(data.piece(split, index)) for split in ("valid", "test")
              for index in range(len(data.split(split)[1]) - 1)]
    return [*rows, {"": HUMAN, **_measured(people, library, counts)}]


def _measured(pieces: Sequence[Piece], library: Library, counts: ngrams.Counts) -> Row:
    measures = {**MEASURES, "longest copy, events": lambda piece: float(library.longest(piece, transposed=True).events),
                "BLEU": lambda piece: ngrams.bleu(ngrams.words(piece)[:CUT], counts)}
    row: Row = {}
    for name, measure in measures.items():
        said = [value_or_reason(measure, piece) for piece in pieces]
        known = [value for value in said if isinstance(value, float)]
        row[name] = float(np.mean(known)) if known else next(iter(said), "n/a: no pieces")
    return row


def _after(piece: Piece, bar: int) -> Piece:
    """Return what stands after so many bars."""
    grid = to_grid(piece, GRID)
    first = int(grid.bars[bar, 0]) if bar < len(grid.bars) else grid.end
    notes, bars = grid.notes[grid.notes[:, START] >= first].copy(), grid.bars[bar:].copy()
    notes[:, START] -= first
    bars[:, 0] -= first
    return from_grid(GridPiece(notes, bars, grid.end - first, GRID, grid.tempo))


def drift(way: Way, events: int = 500, pieces: int = 10) -> tuple[float, float, float]:
    """Let a model of intervals walk from middle C without bounds; return how far it goes, means over so many walks.

    These are the lowest and the highest pitch to which its steps add up, which no octave folds back, and the share (0 to 1)
    of events that start beyond the piano. Raises UserError for a model of another codec.
    """
    codec = way.model.codec
    if not isinstance(codec, Intervals):
        raise UserError(f"'{way.text}' reads '{codec.name}', and only what is written as steps can drift; a model of the codec "
                        "'intervals' was expected")
    streams = sampling.write(way.model, Free(codec, pieces, events), way.options.replace(variants=pieces))
    walks = [MIDDLE + np.cumsum([codec.steps[word - codec.first][0] for word in stream[:, 0] if word >= codec.first])
             for stream in streams]
    low, high = (np.mean([end(walk) for walk in walks]) for end in (np.min, np.max))
    return float(low), float(high), float(np.mean([(walk < LOWEST) | (walk > HIGHEST) for walk in walks]))


class Free(Grammar):
    """Streams of intervals from middle C that may take any step, so many of them."""

    def __init__(self, codec: Intervals, rows: int, events: int) -> None:
        self.codec, self.rows, self.events, self.written = codec, rows, events, 0
        start = np.full((1, len(codec.sizes)), codec.pad, np.int16)
        start[0, 0] = codec.start + MIDDLE
        self.prompt = np.concatenate([codec.header(None), start])

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        return np.tile(np.arange(self.codec.sizes[field]) >= (1 if field else self.codec.first), (self.rows, 1))

    def advance(self, chosen: np.ndarray) -> None:
        self.written += 1

    @property
    def done(self) -> np.ndarray:
        return np.full(self.rows, self.written >= self.events)

    @property
    def progress(self) -> float:
        return self.written / self.events
