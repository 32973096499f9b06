"""A draft: a person's piece, the bars and instruments in it that are to be written, and what it becomes.

What is given stays as it is, note for note and tick for tick. Composers see the draft on their grid; what they write
comes back as notes on that grid and is put in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import symusic

from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, VELOCITY, lay_bars, note_table
from bandmate.music.instruments import CLASSES, DEFAULT_PROGRAMS, DRUM_CLASS, class_of, program_name
from bandmate.music.request import Request
from bandmate.music.theory import parse_metre
from bandmate.piece import DRUMS, Piece
from bandmate.settings import UserError

MOST_BARS = 2000  # of a prompt


@dataclass(frozen=True)
class Draft:
    """A piece that is being worked on. Note tables have instrument classes (0 to 16) in their last column."""

    prompt: Piece  # cut where it is to go on
    original: Piece
    bars: np.ndarray  # (bars, 3): first tick, numerator, denominator; new bars included
    end: int  # the tick at which the last bar ends
    write: np.ndarray  # bool (bars, 17): what is to be written
    programs: dict[int, int]  # the program of each class that plays
    required: frozenset[int]  # classes that were asked for by name
    notes: np.ndarray  # (N, 5): all notes of the prompt that stay or stood where is to be written, in ticks
    written: np.ndarray  # bool (N,): which of these stood where is to be written

    @classmethod
    def of(cls, request: Request, prompt: Piece) -> Draft:
        """Work out what a request means for a prompt. Raises UserError where it means nothing."""
        if request.task == "generate":
            raise UserError("a prompt was given, but `generate` writes from nothing; "
                            "leave it out, or choose continue, infill, accompany or vary")
        if not any(len(track.notes) for track in prompt.tracks):
            raise UserError("the prompt has no notes; nothing can be added to it; compose without it")
        original = prompt
        bars, end = _bars(prompt)
        given = len(bars)
        if request.task == "continue":
            prompt, bars, end = _lengthen(request, prompt, bars, end)
            given = len(bars) - request.bars
        elif "metre" in request.model_fields_set or request.tempo is not None:
            raise UserError(f"metre and tempo of the piece stay as they are in {request.task}; "
                            "leave them out, or continue the piece")
        notes = _notes(prompt)
        found = frozenset(np.unique(notes[:, PROGRAM]).tolist())
        families = _families(request, found)
        write = np.zeros((len(bars), len(CLASSES)), bool)
        for first, last in [(given, len(bars))] if request.task == "continue" else _ranges(request, given):
            write[first:last, sorted(families)] = True
        bar = np.maximum(np.searchsorted(bars[:, 0], notes[:, START], side="right") - 1, 0)
        wished = request.programs() or {}
        programs = {family: wished.get(family, _program(prompt, family)) if family in families else _program(prompt, family)
                    for family in sorted(found | families)}
        required = frozenset(wished) | ({DRUM_CLASS} if request.drums else frozenset())
        return cls(prompt, original, bars, end, write, programs, required, notes, write[bar, notes[:, PROGRAM]])

    def on_grid(self, steps_per_quarter: int) -> tuple[np.ndarray, np.ndarray]:
        """Return notes (N, 5) and bar starts (bars + 1,), the end included, in steps of a grid; no note is shorter than one."""
        notes = self.notes.copy()
        ends = self._steps(notes[:, START] + notes[:, DURATION], steps_per_quarter)
        notes[:, START] = self._steps(notes[:, START], steps_per_quarter)
        notes[:, DURATION] = np.maximum(ends - notes[:, START], 1)
        return notes, self._steps(np.append(self.bars[:, 0], self.end), steps_per_quarter)

    def _steps(self, ticks: np.ndarray, steps_per_quarter: int) -> np.ndarray:
        quarter = self.prompt.ticks_per_quarter
        return (ticks * (2 * steps_per_quarter) + quarter) // (2 * quarter)

    def whole(self) -> Draft:
        """Return a draft of the whole prompt, with the bars that a continuation cuts off."""
        return Draft.of(Request(task="infill", region="1"), self.original)

    def written_quarters(self) -> list[tuple[float, float]]:
        """Return the stretches in which anything is to be written: from, to, in quarters."""
        lines = np.append(self.bars[:, 0], self.end) / self.prompt.ticks_per_quarter
        edges = np.flatnonzero(np.diff(self.write.any(axis=1).astype(int), prepend=0, append=0))
        return [(float(lines[first]), float(lines[last])) for first, last in edges.reshape(-1, 2).tolist()]

    def finish(self, new: np.ndarray, steps_per_quarter: int) -> Piece:
        """Put new notes (N, 5), in steps, where they belong; return the whole piece."""
        quarter = self.prompt.ticks_per_quarter
        starts = (new[:, START] * quarter + steps_per_quarter // 2) // steps_per_quarter
        lines = self._steps(np.append(self.bars[:, 0], self.end), steps_per_quarter)
        bar = np.clip(np.searchsorted(lines, new[:, START], side="right") - 1, 0, len(self.bars) - 1)
        starts = np.maximum(starts, self.bars[bar, 0])  # a bar line may stand beside the grid
        ends = ((new[:, START] + new[:, DURATION]) * quarter + steps_per_quarter // 2) // steps_per_quarter
        piece = self.prompt.copy()
        self._clear(piece)
        for family in np.unique(new[:, PROGRAM]).tolist():
            mine = new[:, PROGRAM] == family
            track = self._track(piece, family)
            given = self.notes[~self.written & (self.notes[:, PROGRAM] == family)]
            for start, end, pitch, velocity in zip(starts[mine].tolist(), ends[mine].tolist(), new[mine, PITCH].tolist(),
                                                   new[mine, VELOCITY].tolist(), strict=True):
                same = given[given[:, PITCH] == pitch]
                until = (same[:, START] + same[:, DURATION])[same[:, START] <= start].max(initial=0)
                if until - start > quarter // (2 * steps_per_quarter):
                    continue  # the given note still sounds
                start = max(start, until)  # it ends a little beside the grid
                end = min([end, *same[same[:, START] > start, START].tolist()])
                track.notes.append(symusic.Note(start, max(end - start, 1), pitch, velocity))
            track.notes = type(track.notes)(sorted(track.notes, key=lambda note: (note.time, note.pitch)))
        return piece

    def _clear(self, piece: Piece) -> None:
        """Take away what stood where is to be written."""
        ticks = self.bars[:, 0]
        for track in piece.tracks:
            lines = self.write[:, DRUM_CLASS if track.is_drum else class_of(track.program)]

            def stays(event: symusic.Note | symusic.PitchBend, lines: np.ndarray = lines) -> bool:
                return not lines[max(int(np.searchsorted(ticks, event.time, side="right")) - 1, 0)]

            for name in ("notes", "pitch_bends"):
                setattr(track, name, type(getattr(track, name))([event for event in getattr(track, name) if stays(event)]))

    def _track(self, piece: Piece, family: int) -> symusic.Track:
        """Return the track that plays a class: that of the program, of which the busiest; a new one if there is none."""
        program = self.programs[family]
        mine = [track for track in piece.tracks if (DRUMS if track.is_drum else track.program) == program]
        if mine:
            return max(mine, key=lambda track: len(track.notes))
        piece.tracks.append(symusic.Track(program_name(program).title(), 0 if program == DRUMS else program, program == DRUMS))
        return piece.tracks[-1]


def _notes(piece: Piece) -> np.ndarray:
    """Return all notes in ticks, with instrument classes in the last column: int64 (N, 5), sorted by start."""
    notes = note_table(piece)
    notes[:, PROGRAM] //= 8
    return notes[np.argsort(notes[:, START], kind="stable")]


def _bars(piece: Piece) -> tuple[np.ndarray, int]:
    """Return the bars of a piece up to its last note, in ticks, and where the last of them ends."""
    last = max(note.end for track in piece.tracks for note in track.notes)
    bars, end = lay_bars(piece, piece.ticks_per_quarter, last)
    if len(bars) > MOST_BARS:
        raise UserError(f"the piece has {len(bars)} bars; at most {MOST_BARS} can be worked on; cut it into movements")
    cuts = [mark.time for mark in piece.time_signatures if bars[-1, 0] < mark.time < end]  # where the last note has ended
    return bars.astype(np.int64), min([end, *cuts])


def _lengthen(request: Request, prompt: Piece, bars: np.ndarray, end: int) -> tuple[Piece, np.ndarray, int]:
    """Cut a piece after bar ``at``, if that is asked for, and put empty bars behind it."""
    at = request.at or len(bars)
    if at > len(bars):
        raise UserError(f"the piece was to go on after bar {at}, but has {len(bars)} bars; name one of these")
    cut = int(bars[at, 0]) if at < len(bars) else end
    piece = prompt.copy()
    for track in piece.tracks:
        for name in ("notes", "controls", "pitch_bends", "pedals", "lyrics"):
            _keep_before(track, name, cut)
    for name in ("tempos", "time_signatures", "key_signatures", "markers"):
        _keep_before(piece, name, cut)
    _, numerator, denominator = bars[at - 1].tolist()
    metre = parse_metre(request.metre) if "metre" in request.model_fields_set else (numerator, denominator)
    quarter = piece.ticks_per_quarter
    whole = cut - bars[at - 1, 0] == numerator * 4 * quarter // denominator
    if metre != (numerator, denominator) or not whole:
        piece.time_signatures.append(symusic.TimeSignature(cut, *metre))
    if request.tempo is not None:
        piece.tempos.append(symusic.Tempo(cut, request.tempo))
    length = metre[0] * 4 * quarter // metre[1]
    new = np.array([(cut + number * length, *metre) for number in range(request.bars)])
    return piece, np.concatenate([bars[:at], new]), cut + request.bars * length


def _keep_before(holder: Piece | symusic.Track, name: str, tick: int) -> None:
    events = getattr(holder, name)
    setattr(holder, name, type(events)([event for event in events if event.time < tick]))


def _families(request: Request, found: frozenset[int]) -> frozenset[int]:
    """Return the classes to be written: those asked for, or all that the piece has."""
    named = frozenset(request.programs() or {})
    drums = frozenset({DRUM_CLASS}) if request.drums else frozenset()
    both = sorted((named | drums) & found)
    if request.task == "accompany" and both:
        raise UserError(f"{' and '.join(CLASSES[family] for family in both)} cannot be both given and written; the piece has "
                        "such a part already: take it out of the instruments, or use infill")
    families = (named or (frozenset() if request.task == "accompany" else found)) | drums
    if request.drums is False:
        families -= {DRUM_CLASS}
    if not families:
        raise UserError("nothing is left to be written; the piece has drums alone; leave --no-drums out or name instruments")
    return families


def _ranges(request: Request, bars: int) -> list[tuple[int, int]]:
    """Return the bars of the region, half-open, counted from 0."""
    for first, last in request.regions():
        if last > bars:
            raise UserError(f"bars {first + 1} to {last} were named, but the piece has {bars}; name bars from 1 to {bars}")
    return request.regions() or [(0, bars)]


def _program(piece: Piece, family: int) -> int:
    """Return the program of a class that plays most notes of a piece, or the one that stands for the class."""
    counts: dict[int, int] = {}
    for track in piece.tracks:
        program = DRUMS if track.is_drum else track.program
        if class_of(program) == family:
            counts[program] = counts.get(program, 0) + len(track.notes)
    return max(counts, key=lambda program: counts[program]) if counts else DEFAULT_PROGRAMS[family]
