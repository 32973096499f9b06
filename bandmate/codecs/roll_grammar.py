"""The grammar of the codec `roll`: as many bars as were asked for, by the parts that were asked for, on the keys allowed.

The first step of a new piece sounds, and so does its last bar; who was named plays at least once. In a prompt, the parts and
bars that are not to be written stay as they are, and sound along. Families that draw cell after cell ask ``mask``; those
that make whole steps or blocks at once have them put right, step after step, by ``settle``.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs import roll as c
from bandmate.codecs.codec import Grammar
from bandmate.music.draft import Draft
from bandmate.music.grid import PITCH, PROGRAM, START
from bandmate.music.instruments import DRUM_KIT, class_of
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.piece import Piece
from bandmate.settings import UserError

UNHELD = ("style", "composer", "chords", "max_leap", "fresh", "density", "busyness", "polyphony", "tessitura", "loudness")
OTHERS = "take a model with the codec 'bars'"


class RollGrammar(Grammar):
    """Streams of the codec `roll` under one request; all are as long as each other."""

    codec: c.Roll
    first: int
    """The step of the prompt at which writing begins."""
    steps: int
    """How many are to be written."""
    free: np.ndarray
    """Which parts are to be written in each step: bool (steps, 5)."""
    frame: np.ndarray
    """What is given in each step, and stays: ids (steps, 640)."""
    programs: dict[int, int]
    """Who plays each part that is written."""
    required: np.ndarray
    """Which parts were named, and must play: bool (5,)."""
    keys: np.ndarray
    """Which keys may be struck: bool (640,)."""
    most: np.ndarray
    """How many keys of each part may sound at once: (5,)."""
    given: np.ndarray
    """Which cells of the next step are given, bool (640,): ``given_ids`` (640,) says what stands there."""
    may_strike: np.ndarray
    """Which cells may be struck in the next step: bool (640,)."""
    may_hold: np.ndarray
    """Which cells may be held in the next step, as they were written and sound: bool (B, 640)."""
    must_strike: np.ndarray
    """Which parts must strike a key in the next step: bool (B, 5)."""
    must_sound: bool
    """Whether anything must sound in the next step."""

    def __init__(self, codec: c.Roll, request: Request, rows: int, draft: Draft | None = None) -> None:
        if unheld := [name for name in UNHELD if getattr(request, name)]:
            raise UserError(f"a model with the codec 'roll' writes piano rolls and cannot hold {' and '.join(unheld)}; "
                            f"leave it out, or {OTHERS}")
        if request.task == "vary":
            raise UserError(f"a model with the codec 'roll' cannot vary single notes; use infill, or {OTHERS}")
        self.codec, self.request, self.draft, self.rows = codec, request, draft, rows
        lines = self._new() if draft is None else self._added(draft)
        cells = np.repeat(self.free, c.KEYS, axis=1)
        self.fixed = ~cells | (self.frame >= c.ONSET)
        """Which cells are as given: bool (steps, 640)."""
        self.keys = self._keys()
        families = {part: class_of(program) for part, program in self.programs.items()}
        limits = request.limits("max_polyphony")
        self.most = np.array([limits.get(families.get(part, -1), c.KEYS) for part in range(len(c.PARTS))])
        self.last_bar = int(lines[-2]) if len(lines) > 1 else 0
        self.bars = starts = np.array(lines[:-1])
        """Steps at which bars begin."""
        self.entry = np.array([max(starts[self.free[starts, part]], default=self.steps) for part in range(len(c.PARTS))])
        """The step at which a part that was named enters at the latest: (5,)."""
        self.written = 0
        self.before = np.full((rows, c.CELLS), c.OFF)
        self.struck = np.zeros((rows, len(c.PARTS)), bool)
        self._look()

    def misses(self, stream: np.ndarray) -> int:
        """Count the bars in which parts that were named are silent."""
        sounds = c.sounding(stream[self.first:self.first + self.steps]).any(-1)
        return int((~np.logical_or.reduceat(sounds, self.bars)[:, self.required]).sum())

    def _new(self) -> list[int]:
        """Plan a new piece; return its bar lines."""
        numerator, denominator = parse_metre(self.request.metre)
        bar, rest = divmod(numerator * 4 * self.codec.config.steps_per_quarter, denominator)
        if rest:
            raise UserError(f"a bar of {self.request.metre} is no whole number of steps, of which this model writes "
                            f"{self.codec.config.steps_per_quarter} a quarter; take another metre, or {OTHERS}")
        named = c.programs_of(self.request)
        self.programs = named or dict(enumerate(c.PROGRAMS))
        if self.request.drums is False:
            self.programs.pop(c.PITCHED, None)
        self.required = np.isin(np.arange(len(c.PARTS)), list(named))
        self.required[c.PITCHED] |= bool(self.request.drums)
        self.first, self.steps = 0, self.request.bars * bar
        self.prompt = np.zeros((0, c.CELLS), np.int16)
        self.free = np.tile(np.isin(np.arange(len(c.PARTS)), list(self.programs)), (self.steps, 1))
        self.frame = np.full((self.steps, c.CELLS), c.OFF)
        return list(range(0, self.steps + 1, bar))

    def _added(self, draft: Draft) -> list[int]:
        """Plan what is written into a piece; return the bar lines of that stretch."""
        families = self._players(draft)
        self.programs = {part: draft.programs[family] for part, family in families.items()}
        self.required = np.array([families.get(part) in draft.required for part in range(len(c.PARTS))])
        notes, lines = draft.on_grid(self.codec.config.steps_per_quarter)
        parts = c.PART_OF_CLASS[notes[:, PROGRAM]]
        given = ~draft.written & (parts >= 0) & (notes[:, START] < lines[-1])
        whole = c.paint(notes[given], parts[given], int(lines[-1]))
        bars = np.flatnonzero(draft.write[:, list(families.values())].any(1))
        lines = lines[bars[0]:bars[-1] + 2]
        self.first, self.steps = int(lines[0]), int(lines[-1] - lines[0])
        if not self.steps:
            raise UserError(f"what is to be written is shorter than a step, of which this model writes "
                            f"{self.codec.config.steps_per_quarter} a quarter; name more bars, or {OTHERS}")
        self.prompt, self.frame = whole[:self.first], whole[self.first:self.first + self.steps].astype(np.int64)
        self.free = np.zeros((self.steps, len(c.PARTS)), bool)
        for bar, (start, end) in enumerate(zip(lines[:-1] - self.first, lines[1:] - self.first, strict=True), bars[0]):
            for part, family in families.items():
                self.free[start:end, part] = draft.write[bar, family]
        return sorted({*(lines - self.first).tolist()})

    def _players(self, draft: Draft) -> dict[int, int]:
        """Return the instrument class that each part is written for: of several the one that was named, or plays most."""
        played = np.bincount(draft.notes[:, PROGRAM], minlength=len(c.PART_OF_CLASS))
        found: dict[int, int] = {}
        c.programs_of(self.request)  # refuses what has no place in a roll
        for family in sorted(np.flatnonzero(draft.write.any(0)).tolist(), key=lambda family: played[family]):
            if c.PART_OF_CLASS[family] >= 0:
                found[int(c.PART_OF_CLASS[family])] = family
        if not found:
            raise UserError("the piece has nothing for piano, guitar, bass, strings or drums, which a model with the codec "
                            f"'roll' plays; name one of these, or {OTHERS}")
        return found

    def _keys(self) -> np.ndarray:
        """Return which keys may be struck at all: bool (640,)."""
        ranges, pitches = self.request.pitch_ranges(), np.arange(c.KEYS)
        tones = np.isin(pitches % 12, scale(parse_key(self.request.key))) if self.request.key else np.ones(c.KEYS, bool)
        keys = np.zeros((len(c.PARTS), c.KEYS), bool)
        for part, program in self.programs.items():
            usual = (DRUM_KIT[0], DRUM_KIT[-1]) if part == c.PITCHED else c.PIANO_KEYS
            low, high = ranges.get(class_of(program), usual)
            keys[part] = (pitches >= low) & (pitches <= high) & (tones | (part == c.PITCHED))
            if not keys[part].any():
                raise UserError(f"no key is left for the {c.PARTS[part]} to play; a wider range, or another key, was expected; "
                                "change one")
        return keys.ravel()

    # What may come next

    def _look(self) -> None:
        """Work out what may come in the next step."""
        if self.written >= self.steps:
            return
        self.given, self.given_ids = self.fixed[self.written], self.frame[self.written]
        self.given_sounds = self.given & (self.given_ids >= c.ONSET)
        self.may_strike = self.keys & ~self.given
        self.may_hold = (self.before >= c.ONSET) & ~self.given
        self.may_hold &= ~self.fixed[self.written - 1] if self.written else False
        late = (self.written >= self.entry) & self.free[self.written]
        self.must_strike = self.required & late & ~self.struck
        moments = {"generate": (0, self.last_bar), "continue": (self.last_bar,)}
        self.must_sound = self.written in moments.get(self.request.task, ()) and not self.given_sounds.any()

    def settle(self, proposed: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return the next step (B, 640), as near to the one ``proposed`` (B, 640 or 5, 128) as the request allows.

        ``scores``, of the same shape, say how much each cell wants to sound: where there are too many, the lowest fall silent.
        """
        proposed, scores = proposed.reshape(self.rows, c.CELLS), scores.reshape(self.rows, c.CELLS)
        out = np.where((proposed >= c.ONSET) & self.may_strike, c.ONSET, c.OFF)
        out[(proposed == c.SUSTAIN) & self.may_hold] = c.SUSTAIN
        out[:, self.given] = self.given_ids[self.given]
        wishes = c.cells(np.where(self.may_strike, scores, -np.inf))
        for row, part in zip(*np.nonzero(self.must_strike), strict=True):
            _strike_one(c.cells(out)[row, part:part + 1], wishes[row, part:part + 1])
        for row, part in zip(*np.nonzero((c.cells(out) >= c.ONSET).sum(-1) > self.most), strict=True):
            self._thin(c.cells(out)[row, part], c.cells(scores)[row, part], int(part))
        for row in np.flatnonzero(~(out >= c.ONSET).any(1)) if self.must_sound else ():
            _strike_one(c.cells(out)[row], wishes[row])
        return out

    def _thin(self, cells: np.ndarray, scores: np.ndarray, part: int) -> None:
        """Silence the keys of a part (128,) that are too many, the weakest first; what is given stays."""
        given = c.cells(self.given_sounds)[part]
        on = np.flatnonzero((cells >= c.ONSET) & ~given)
        room = max(int(self.most[part] - given.sum()), 0)
        cells[on[np.argsort(-scores[on], kind="stable")][room:]] = c.OFF

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((self.rows, c.SUSTAIN + 1), bool)
        if self.written >= self.steps or self.given[field]:
            out[:, self.codec.pad if self.written >= self.steps else self.given_ids[field]] = True
            return out
        part, key = divmod(field, c.KEYS)
        first, last = field - key, field - key + c.KEYS
        out[:, c.OFF] = True
        out[:, c.ONSET], out[:, c.SUSTAIN] = self.may_strike[field], self.may_hold[:, field]
        if not out[:, c.ONSET:].any():
            return out
        own = chosen[:, first:field]
        room = self.most[part] - (own >= c.ONSET).sum(1) - self.given_sounds[field:last].sum()
        out[room <= 0, c.ONSET:] = False
        if self.must_strike[:, part].any() and not self.may_strike[field + 1:last].any():
            out[self.must_strike[:, part] & ~(own == c.ONSET).any(1) & out[:, c.ONSET], c.OFF] = False
        if self.must_sound and not self.may_strike[field + 1:].any():
            out[~(chosen[:, :field] >= c.ONSET).any(1) & out[:, c.ONSET], c.OFF] = False
        return out

    def advance(self, chosen: np.ndarray) -> None:
        if self.written < self.steps:
            self.struck |= c.cells((chosen == c.ONSET) & ~self.given).any(-1)
            self.before = np.array(chosen)
            self.written += 1
            self._look()

    # What comes of it

    def piece(self, stream: np.ndarray) -> Piece:
        new = np.asarray(stream)[len(self.prompt):]
        if self.draft is None:
            return self.codec.decode(new, self.request)
        notes = c.notes_of(np.where(self.fixed[:len(new)], c.OFF, new))
        classes = np.zeros(len(c.PARTS), np.int64)
        classes[list(self.programs)] = [class_of(program) for program in self.programs.values()]
        notes[:, PROGRAM] = classes[notes[:, PROGRAM]]
        notes[:, START] += self.first
        return self.draft.finish(notes[np.lexsort((notes[:, PITCH], notes[:, START]))], self.codec.config.steps_per_quarter)

    @property
    def done(self) -> np.ndarray:
        return np.full(self.rows, self.written >= self.steps)

    @property
    def progress(self) -> float:
        return self.written / self.steps


def _strike_one(cells: np.ndarray, wish: np.ndarray) -> None:
    """Strike the key of some parts (N, 128) that most wants to, unless one is struck or none may be."""
    if not (cells == c.ONSET).any() and np.isfinite(wish).any():
        cells.flat[wish.argmax()] = c.ONSET
