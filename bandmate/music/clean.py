"""Cleaning: which pieces of a heap of files are worth learning from, each rule with its own reason; and bars put right.

The defaults keep what a musician would call a piece. :meth:`Filters.bangers` has the thresholds of Allegro Music
Transformer (asigalov61, 2023) as the multi-track transformer "MIDI bangers" used them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from bandmate.music.grid import DURATION, PROGRAM, START, GridPiece, mean_tempo, note_table
from bandmate.piece import DRUMS, Piece
from bandmate.settings import Settings

LEAD_WORDS = ("lead", "melody", "solo", "vocal")  # in the names of tracks
LEAD_PROGRAMS = range(80, 88)  # General MIDI's synth leads

COMMON_METRES = frozenset({
    (4, 4), (3, 4), (2, 4), (2, 2), (6, 8), (3, 8), (9, 8), (12, 8), (3, 2), (6, 4), (5, 4), (7, 8), (5, 8), (7, 4), (4, 2),
    (2, 1), (3, 1), (4, 8), (2, 8), (8, 4), (9, 4), (1, 4), (1, 8), (1, 16)})
_FILLING = ((4, 4), (3, 4), (2, 4), (1, 4), (1, 8), (1, 16))  # what an odd bar is cut into, longest first


@dataclass(frozen=True)
class Rejection:
    """Why a piece was not used: a reason in one or two words, and the rule with its numbers."""

    reason: str
    rule: str


class Filters(Settings):
    """What a piece must be like to be used. A limit of 0 is no limit."""

    max_bytes: Annotated[int, Field(ge=0)] = 1_000_000
    """Largest MIDI file, in bytes."""
    max_score_bytes: Annotated[int, Field(ge=0)] = 30_000_000
    """Largest MusicXML, ABC or kern file, in bytes."""
    min_notes: Annotated[int, Field(ge=1)] = 12
    """Fewest notes, drums included."""
    max_notes: Annotated[int, Field(ge=0)] = 50_000
    """Most notes."""
    min_pitched_notes: Annotated[int, Field(ge=0)] = 0
    """Fewest notes that are not drums."""
    min_onsets: Annotated[int, Field(ge=0)] = 0
    """Fewest moments at which something starts."""
    max_onsets: Annotated[int, Field(ge=0)] = 0
    """Most moments at which something starts."""
    max_seconds: Annotated[float, Field(ge=0)] = 7200.0
    """Longest piece, in seconds."""
    max_mean_gap_s: Annotated[float, Field(ge=0)] = 10.0
    """Longest mean time from one note's start to the next, in seconds."""
    max_usual_duration_s: Annotated[float, Field(ge=0)] = 0.0
    """Longest duration that may be the most frequent one, in seconds."""
    need_chords: bool = False
    """Whether some notes must start together."""
    need_instruments: bool = False
    """Whether the file must say which instruments play: not several tracks that are all left at program 0."""
    one_lead: bool = False
    """Whether a piece with several lead tracks (by name, or synth leads) is left out."""
    seconds_a_piece: Annotated[float, Field(gt=0)] = 30.0
    """Longest time to compute on one piece, in seconds."""

    @classmethod
    def bangers(cls) -> Filters:
        """Return the thresholds of the faithful setting."""
        return cls(max_bytes=250_000, min_notes=13, min_pitched_notes=13, min_onsets=601, max_onsets=12_799, max_notes=0,
                   max_mean_gap_s=0.512, max_usual_duration_s=2.048, need_chords=True, need_instruments=True, one_lead=True)

    def largest(self) -> int:
        """Return the size in bytes over which no file is worth reading."""
        limits = (self.max_bytes, self.max_score_bytes)
        return max(limits) if all(limits) else 2**31

    def check_size(self, size: int, midi: bool) -> Rejection | None:
        """Judge a file by its size in bytes, before it is read."""
        limit = self.max_bytes if midi else self.max_score_bytes
        if size == 0:
            return Rejection("empty file", "0 bytes")
        if limit and size > limit:
            return Rejection("file too large", f"{size} bytes; at most {limit}")
        return None

    def check(self, piece: Piece, notes: np.ndarray | None = None) -> Rejection | None:
        """Judge a piece; None means that it is good to use. ``notes`` is its note table, if that is at hand."""
        notes = note_table(piece) if notes is None else notes
        count = len(notes)
        if not count:
            return Rejection("no notes", "at least one note")
        if count < max(self.min_notes, self.min_pitched_notes) or (self.min_pitched_notes and (
                np.count_nonzero(notes[:, PROGRAM] != DRUMS) < self.min_pitched_notes)):
            pitched = np.count_nonzero(notes[:, PROGRAM] != DRUMS)
            return Rejection("too few notes", f"{count} notes, {pitched} of them pitched; "
                                              f"at least {self.min_notes} and {self.min_pitched_notes}")
        if self.max_notes and count > self.max_notes:
            return Rejection("too many notes", f"{count} notes; at most {self.max_notes}")
        return self._check_pace(piece, notes) or self._check_onsets(notes) or self._check_parts(piece)

    def _check_pace(self, piece: Piece, notes: np.ndarray) -> Rejection | None:
        tick_s = 60 / mean_tempo(piece) / piece.ticks_per_quarter
        start = notes[:, START]
        seconds = int((start + notes[:, DURATION]).max()) * tick_s
        gap = int(start.max() - start.min()) / max(len(notes) - 1, 1) * tick_s
        if self.max_seconds and seconds > self.max_seconds:
            return Rejection("too long", f"{seconds:.0f} seconds; at most {self.max_seconds:g}")
        if self.max_mean_gap_s and gap > self.max_mean_gap_s:
            return Rejection("too sparse", f"{gap:.2f} seconds from note to note; at most {self.max_mean_gap_s:g}")
        if self.max_usual_duration_s:
            durations, counts = np.unique(notes[:, DURATION], return_counts=True)
            usual = durations[counts.argmax()] * tick_s
            if usual > self.max_usual_duration_s:
                return Rejection("notes too long", f"usual duration {usual:.2f} seconds; at most {self.max_usual_duration_s:g}")
        return None

    def _check_onsets(self, notes: np.ndarray) -> Rejection | None:
        if not (self.min_onsets or self.max_onsets or self.need_chords):
            return None
        onsets = len(np.unique(notes[:, START]))
        if onsets < self.min_onsets:
            return Rejection("too short", f"{onsets} onsets; at least {self.min_onsets}")
        if self.max_onsets and onsets > self.max_onsets:
            return Rejection("too long", f"{onsets} onsets; at most {self.max_onsets}")
        if self.need_chords and onsets == len(notes):
            return Rejection("no chords", "some notes start together")
        return None

    def _check_parts(self, piece: Piece) -> Rejection | None:
        if not (self.need_instruments or self.one_lead):
            return None
        pitched = [track for track in piece.tracks if not track.is_drum and len(track.notes)]
        if self.need_instruments and len(pitched) > 1 and not any(track.program for track in pitched):
            return Rejection("no instruments named", f"{len(pitched)} tracks, all at program 0")
        leads = sum(track.program in LEAD_PROGRAMS or any(word in track.name.lower() for word in LEAD_WORDS)
                    for track in pitched)
        if self.one_lead and leads > 1:
            return Rejection("several leads", f"{leads} lead tracks; at most 1")
        return None


def common_bars(grid: GridPiece) -> GridPiece:
    """Write a piece in whole bars of common metres, for codecs that know no others.

    A bar cut short before a repeat and the upbeat after it, together one bar, become one; any other odd bar becomes
    several bars. A bar that does not end on a 16th is lengthened to the next one, and all that follows moves with it.
    """
    sixteenth = grid.steps_per_quarter // 4
    lengths, metres = grid.bar_lengths().tolist(), [tuple(metre) for metre in grid.bars[:, 1:].tolist()]
    bars: list[tuple[int, int, int]] = []
    moved: list[int] = []  # where each old bar now starts
    end = at = 0
    while at < len(lengths):
        numerator, denominator = metre = metres[at]
        whole = numerator * 4 * grid.steps_per_quarter // denominator
        moved.append(end)
        if metre in COMMON_METRES and lengths[at] == whole:
            bars.append((end, *metre))
            end += whole
        elif metre in COMMON_METRES and sum(lengths[at:at + 2]) == whole:
            bars.append((end, *metre))
            moved.append(end + lengths[at])
            end += whole
            at += 1
        else:
            rest = -(-lengths[at] // sixteenth)
            for numerator, denominator in _FILLING:
                while rest >= numerator * 16 // denominator:
                    bars.append((end, numerator, denominator))
                    end += numerator * 16 // denominator * sixteenth
                    rest -= numerator * 16 // denominator
        at += 1
    notes = grid.notes.copy()
    bar = np.searchsorted(grid.bars[:, 0], notes[:, START], side="right") - 1
    notes[:, START] += (np.array(moved) - grid.bars[:, 0])[bar].astype(np.int32)
    return replace(grid, notes=notes, bars=np.array(bars, np.int32).reshape(-1, 3), end=end)
