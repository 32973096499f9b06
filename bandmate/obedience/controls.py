"""Which of the controls of a request hold in a piece, by what another program reads in its MIDI file.

A request asks for bars and families of instruments to be written: the region. Notes that start there are new, all others
are given. A part is all that one General MIDI family plays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from bandmate.obedience import words
from bandmate.obedience.heard import Bar, Heard, Note, bar_length, bar_of, hear
from bandmate.obedience.words import BASS_FAMILY, DRUM_FAMILY

if TYPE_CHECKING:  # the request is only looked at
    from bandmate.music.request import Request

TEMPO_TOLERANCE = 0.01  # quarters a minute: MIDI files count whole microseconds


@dataclass(frozen=True)
class Case:
    """A piece, what it was written for, and what in it is new."""

    request: Request
    heard: Heard
    prompt: Heard | None
    bars: list[Bar]  # the whole piece, the bars to be written included
    numbers: set[int]  # of the bars to be written
    families: set[int]  # to be written; of a new piece, all
    given: list[Note]  # notes of the prompt that were to stay
    new: list[Note]  # notes of the piece that stand where was to be written
    rest: list[Note]  # all other notes of the piece

    @property
    def start(self) -> int:
        """The tick at which the first bar to be written begins."""
        return self.bars[min(self.numbers)].start

    def pitched(self) -> Iterator[Note]:
        """Yield the new notes that are no drums."""
        return (note for note in self.new if note.family != DRUM_FAMILY)

    def new_in(self, bar: Bar) -> list[Note]:
        """Return the new notes that start in a bar."""
        return [note for note in self.new if bar.start <= note.start < bar.end]


def check(midi: bytes, request: Request, prompt: bytes | None = None) -> dict[str, bool]:
    """Tell for every control that a request asks for whether it holds in a piece.

    ``midi`` and ``prompt`` are whole MIDI files; without a prompt the task is to generate. Raises UserError for an
    instrument or a chord that the checker does not know.
    """
    case = _case(hear(midi), request, hear(prompt) if prompt is not None else None)
    return {name: holds(case) for name, (asked, holds) in CONTROLS.items() if asked(request)}


def _case(heard: Heard, request: Request, prompt: Heard | None) -> Case:
    if prompt is None:
        bars = _new_bars(heard.quarter, 0, request.bars, *map(int, request.metre.split("/")))
        return Case(request, heard, None, bars, {*range(len(bars))}, {*range(DRUM_FAMILY + 1)}, [], list(heard.notes), [])
    bars = prompt.bars(prompt.end)
    kept = list(prompt.notes)
    if request.task == "continue":
        at = request.at or len(bars)
        last = bars[at - 1]
        metre = request.metre.split("/") if "metre" in request.model_fields_set else last[2:]
        numbers = {*range(at, at + request.bars)}
        bars = bars[:at] + _new_bars(prompt.quarter, last.end, request.bars, *map(int, metre))
        kept = [note for note in kept if note.start < last.end]
    else:
        numbers = words.bar_numbers(request.region) if request.region else {*range(len(bars))}
    families = {words.family_of(name) for name in request.instruments}
    if not families and request.task != "accompany":
        families = {note.family for note in kept}
    families = families | {DRUM_FAMILY} if request.drums else families - {DRUM_FAMILY} if request.drums is False else families

    def in_region(note: Note) -> bool:
        after_all = request.task == "continue" and note.start >= bars[-1].end
        return note.family in families and (bar_of(bars, note.start) in numbers or after_all)
    return Case(request, heard, prompt, bars, numbers, families, [note for note in kept if not in_region(note)],
                list(filter(in_region, heard.notes)), [note for note in heard.notes if not in_region(note)])


def _new_bars(quarter: int, start: int, count: int, numerator: int, denominator: int) -> list[Bar]:
    length = bar_length(quarter, numerator, denominator)
    return [Bar(start + n * length, start + (n + 1) * length, numerator, denominator) for n in range(count)]


def _instruments(case: Case) -> bool:
    """Those asked for play, and no others; with a prompt, no others get new notes."""
    asked = {words.family_of(name) for name in case.request.instruments} | ({DRUM_FAMILY} if case.request.drums else set())
    if case.prompt is None:
        return {note.family for note in case.new} == asked
    added = Counter(case.new + case.rest) - Counter(case.prompt.notes)
    return {note.family for note in added} <= asked


def _drums(case: Case) -> bool:
    """Drums play, or do not. A variation has the drums that were there."""
    added = Counter(case.new + case.rest) - Counter(case.prompt.notes if case.prompt else ())
    sound = any(note.family == DRUM_FAMILY for note in added)
    return sound == case.request.drums or (case.request.task == "vary" and bool(case.request.drums))


def _bars(case: Case) -> bool:
    """The last note that is written sounds in the last bar, and ends with it at the latest."""
    last = max((note.end for note in case.new), default=-1)
    return case.bars[-1].start < last <= case.bars[-1].end


def _metre(case: Case) -> bool:
    """The new bars stand where the metre puts them, and nothing else is marked."""
    return [bar for bar in case.heard.bars(case.bars[-1].end) if bar.end > case.start] == [
        case.bars[number] for number in sorted(case.numbers)]


def _tempo(case: Case) -> bool:
    """The tempo is as it was asked for, from the first new bar to the end."""
    tempos = case.heard.tempos
    ends = [tick for tick, _ in tempos[1:]] + [None]
    heard = [tempo for (_, tempo), end in zip(tempos, ends, strict=True) if end is None or end > case.start]
    return all(abs(60e6 / tempo - (case.request.tempo or 0)) < TEMPO_TOLERANCE for tempo in heard)


def _key(case: Case) -> bool:
    """New pitched notes are in the scale."""
    return {note.pitch % 12 for note in case.pitched()} <= words.key_notes(case.request.key or "")


def _pitches(case: Case) -> bool:
    """New notes are in the range of their part."""
    ranges = words.pitch_ranges(case.request.pitches)
    return all(note.pitch in ranges.get(note.family, range(128)) for note in case.new)


def _max_polyphony(case: Case) -> bool:
    """While a new note sounds, its part sounds no more different pitches than allowed."""
    step, new = case.heard.step, {*case.new}
    for family, limit in words.limits(case.request.max_polyphony).items():
        sounding: list[tuple[int, Note]] = []
        part = [note for note in case.heard.notes if note.family == family]
        for now, starting in groupby(part, key=lambda note: step(note.start)):
            sounding = [(end, note) for end, note in sounding if end > now]
            sounding += [(max(step(note.end), now + 1), note) for note in starting]
            if len({note.pitch for _, note in sounding}) > limit and any(note in new for _, note in sounding):
                return False
    return True


def _max_leap(case: Case) -> bool:
    """New notes are near a note that their part played at its onset before."""
    step, new = case.heard.step, {*case.new}
    for family, limit in words.limits(case.request.max_leap).items():
        part = [note for note in case.heard.notes if note.family == family]
        onsets = [list(notes) for _, notes in groupby(part, key=lambda note: step(note.start))]
        for before, now in pairwise(onsets):
            if any(note in new and min(abs(note.pitch - other.pitch) for other in before) > limit for note in now):
                return False
    return True


def _chords(case: Case) -> bool:
    """New notes are chord tones on strong beats and where a chord begins, else in its scale; the bass begins on its bass."""
    progression, step = words.progression(case.request.chords or ""), case.heard.step
    for number in case.numbers:
        bar, chords = case.bars[number], progression[(number - min(case.numbers)) % len(progression)]
        first, last = step(bar.start), step(bar.end)
        starts = words.chord_steps(len(chords), last - first, bar.numerator, bar.denominator)
        strong = words.strong_steps(bar.numerator, bar.denominator) | {*starts}
        notes = [(step(note.start) - first, note) for note in case.new_in(bar) if note.family != DRUM_FAMILY]
        for start, end, chord in zip(starts, [*starts[1:], last - first], chords, strict=False):
            under = [(at, note) for at, note in notes if start <= at < end]
            if any(note.pitch % 12 not in (chord.tones if at in strong else chord.scale) for at, note in under):
                return False
            basses = [(at, note.pitch) for at, note in under if note.family == BASS_FAMILY]
            if basses and min(basses)[1] % 12 != chord.bass:
                return False
    return True


def _fresh(case: Case) -> bool:
    """No new bar is one of the prompt, as far as the same parts go."""
    prompt, step = case.prompt, case.heard.step
    if prompt is None:
        return True

    def content(bar: Bar, notes: list[Note]) -> frozenset[tuple[int, int, int]]:
        return frozenset((step(note.start) - step(bar.start), note.family, note.pitch) for note in notes)
    old = {content(bar, [note for note in prompt.notes if bar.start <= note.start < bar.end and note.family in case.families])
           for bar in prompt.bars(prompt.end)}
    return not (old - {frozenset()}) & {content(case.bars[number], case.new_in(case.bars[number])) for number in case.numbers}


def _given(case: Case) -> bool:
    """What is given is there to the tick: notes with velocities and programs, tempos, bars."""
    prompt, heard = case.prompt, case.heard
    if prompt is None:
        return True
    until = case.start if case.request.task == "continue" else max(prompt.end, heard.end, 1)
    tempos, bars = ([[change for change in file.tempos if change[0] < until] for file in (prompt, heard)],
                    [file.bars(until) for file in (prompt, heard)])
    return (prompt.quarter == heard.quarter and Counter(case.given) == Counter(case.rest)
            and tempos[0] == tempos[1] and bars[0] == bars[1])


def _written(case: Case) -> bool:
    """Something was written; a variation of silence is silence."""
    silence = case.prompt is not None and len(case.given) == len(case.prompt.notes)
    return bool(case.new) or (case.request.task == "vary" and silence)


def _keep(case: Case) -> bool:
    """A variation keeps when the notes of each part start in each bar, or which pitches each part has in it."""
    prompt, step, rhythm = case.prompt, case.heard.step, case.request.keep == "rhythm"
    old = Counter(prompt.notes if prompt else ()) - Counter(case.given)

    def content(notes: list[Note]) -> set[tuple[int, int, int]]:
        return {(bar_of(case.bars, note.start), note.family, step(note.start) if rhythm else note.pitch) for note in notes}
    return content(list(old)) == content(case.new)


CONTROLS: dict[str, tuple[Callable[[Request], object], Callable[[Case], bool]]] = {
    "instruments": (lambda request: request.instruments, _instruments),
    "drums": (lambda request: request.drums is not None, _drums),
    "bars": (lambda request: request.task in ("generate", "continue"), _bars),
    "metre": (lambda request: request.task == "generate" or "metre" in request.model_fields_set, _metre),
    "tempo": (lambda request: request.tempo is not None, _tempo),
    "key": (lambda request: request.key, _key),
    "pitches": (lambda request: request.pitches, _pitches),
    "max_polyphony": (lambda request: request.max_polyphony, _max_polyphony),
    "max_leap": (lambda request: request.max_leap, _max_leap),
    "chords": (lambda request: request.chords, _chords),
    "fresh": (lambda request: request.fresh, _fresh),
    "keep": (lambda request: request.keep, _keep),
    "given": (lambda request: request.task != "generate", _given),
    "written": (lambda request: True, _written),
}
"""Each control: whether a request asks for it, and whether it holds."""
