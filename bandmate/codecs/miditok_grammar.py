"""The grammar of MidiTok's tokenizations: a note's tokens in their order, one after another in time, until the last bar
has sounded.

The instruments that were asked for all play, and no others. Metre and tempo stand at the top. Time counts in twelfths of a
beat.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bandmate.codecs import miditok as m
from bandmate.codecs.codec import Grammar
from bandmate.music.draft import Draft
from bandmate.music.grid import DEFAULT_TEMPO
from bandmate.music.instruments import DRUM_CLASS, DRUM_KIT, class_of
from bandmate.music.request import Request
from bandmate.music.theory import parse_key, parse_metre, scale
from bandmate.piece import DRUMS
from bandmate.settings import UserError, nearest

UNHELD = ("style", "composer", "chords", "max_polyphony", "max_leap", "density", "busyness", "polyphony", "tessitura",
          "loudness")
MOST_NOTES = 32  # that start together
LONGEST = m.LONGEST_BEATS * m.STEPS_PER_BEAT
DRUM_TOKEN = -1  # MidiTok's program of drums


@dataclass
class Player:
    """The state of one stream."""

    owed: set[int]  # programs that are still to play
    kind: str = "Tempo"  # of the last token
    now: int = 0
    bar: int = 0  # written bars before this one (REMI)
    program: int = 0
    started: set[tuple[int, int]] = field(default_factory=set)  # program and pitch of the notes that start now
    active: dict[tuple[int, int], int] = field(default_factory=dict)  # when each note began that is on (MIDI-Like)
    until: int = 0  # music sounds up to here
    done: bool = False


class MidiTokGrammar(Grammar):
    """Streams of a tokenization by MidiTok under one request."""

    def __init__(self, codec: m.MidiTok, request: Request, rows: int, draft: Draft | None = None) -> None:
        check(codec, request, draft)
        self.codec, self.request = codec, request
        numerator, denominator = parse_metre(request.metre)
        metres = codec.ids_of("TimeSig")
        if f"{numerator}/{denominator}" not in metres:
            raise UserError(f"the metre {request.metre} is not among those of the codec '{codec.name}'; "
                            f"{nearest(request.metre, metres)}")
        self.bar = numerator * m.STEPS_PER_BEAT
        self.end = request.bars * self.bar
        self.metre = metres[f"{numerator}/{denominator}"]
        tempos = codec.ids_of("Tempo")
        tempo = min(tempos, key=lambda value: abs(np.log(float(value) / (request.tempo or DEFAULT_TEMPO))))
        line = [*codec.ids_of("Bar").values()]  # REMI alone has bar lines and positions
        place = [codec.ids_of("Position")["0"]] if line else []
        self.prompt = np.array([m.BEGIN, *line, self.metre, *place, tempos[tempo]], np.int16)[:, None]
        self._programs()
        self.tables = {kind: self._table(kind) for kind in ("Program", "Pitch", "PitchDrum", "NoteOn", "DrumOn", "NoteOff",
                                                            "DrumOff", "Velocity", "Duration", "TimeShift", "Position")}
        self.players = [Player(set(self.required)) for _ in range(rows)]

    def _programs(self) -> None:
        """Work out which programs may play and which must, and which pitches each may play."""
        parts = self.request.programs()
        asked = {DRUM_TOKEN if program == DRUMS else program for program in (parts or {}).values()}
        self.required = asked | ({DRUM_TOKEN} if self.request.drums else set())
        free = set(range(128)) if parts is None else asked
        drums = self.request.drums is True or (self.request.drums is None and (parts is None or DRUM_TOKEN in asked))
        self.playing = (free | self.required | {DRUM_TOKEN}) if drums else free - {DRUM_TOKEN}
        tones = scale(parse_key(self.request.key)) if self.request.key else range(12)
        ranges = self.request.pitch_ranges()
        self.pitches = {}
        for program in self.playing:
            family = DRUM_CLASS if program == DRUM_TOKEN else class_of(program)
            low, high = ranges.get(family, (0, 127))
            kit = set(DRUM_KIT) if program == DRUM_TOKEN else {pitch for pitch in range(128) if pitch % 12 in tones}
            self.pitches[program] = {pitch for pitch in kit if low <= pitch <= high}
        silent = [program for program in sorted(self.required) if not self.pitches[program]]
        self.playing = {program for program in self.playing if self.pitches[program]}
        if silent or not self.playing:
            raise UserError("with this key and pitch range an instrument has no note left to play; widen the range")

    def _table(self, kind: str) -> dict[int, int]:
        """Return the ids of a kind of token by their number; lengths count in twelfths of a beat."""
        def number(value: str) -> int:
            if "." not in value:
                return int(value)
            beats, parts, of = map(int, value.split("."))
            return beats * m.STEPS_PER_BEAT + parts * m.STEPS_PER_BEAT // of
        return {number(value): token for value, token in self.codec.ids_of(kind).items()}

    # What may come next

    def mask(self, field: int, chosen: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.players), self.codec.sizes[0]), bool)
        for player, into in zip(self.players, out, strict=True):
            into[self._next(player)] = True
        return out

    def _next(self, player: Player) -> list[int]:
        if player.done:
            return [m.PAD]
        if player.kind == "Bar":
            return [self.metre]
        if player.kind == "Program":
            return self._notes(player)
        if player.kind in ("Pitch", "PitchDrum", "NoteOn", "DrumOn"):
            return [*self.tables["Velocity"].values()]
        if player.kind == "Velocity" and self.tables["Duration"]:
            return [token for length, token in self.tables["Duration"].items() if player.now + length <= self.end]
        return self._between(player)

    def _between(self, player: Player) -> list[int]:
        """Return what may follow where a note is complete, or a place in time."""
        programs = self._striking(player) | self._stopping(player)
        out = [self.tables["Program"][program] for program in programs]
        if player.kind in ("Position", "TimeShift"):  # there is something to be played there
            return out or self._times(player)
        out += self._times(player)
        if not player.owed and not player.active and player.until > self.end - self.bar:
            out.append(m.END)
        return out

    def _times(self, player: Player) -> list[int]:
        if self.codec.name == "remi":
            line = player.bar * self.bar
            out = [token for place, token in self.tables["Position"].items() if player.now - line < place < self.bar]
            last = line + self.bar >= self.end
            if not last and player.until:
                out.append(self.codec.ids_of("Bar")["None"])
            return out
        latest = self.end - 1
        if player.active:
            latest = min(self.end - bool(player.owed), min(player.active.values()) + LONGEST)
        elif not player.until:
            latest = self.bar - 1
        return [token for length, token in self.tables["TimeShift"].items() if player.now + length <= latest]

    def _striking(self, player: Player) -> set[int]:
        """Return the programs of which a note may start now: those that are owed alone, when time presses."""
        if player.now >= self.end or (len(player.started) >= MOST_NOTES and not player.owed):
            return set()
        programs = player.owed if player.owed and player.now >= self.end - self.bar else self.playing
        return {program for program in programs if self._free(player, program)}

    def _free(self, player: Player, program: int) -> set[int]:
        """Return the pitches that a program may strike now."""
        taken = {pitch for own, pitch in (*player.started, *player.active) if own == program}
        return self.pitches[program] - taken

    def _stopping(self, player: Player) -> set[int]:
        """Return the programs of which a note that is on may go off now."""
        return {program for (program, _), start in player.active.items() if start < player.now}

    def _notes(self, player: Player) -> list[int]:
        """Return what may follow a program: notes that start, notes that go off."""
        drums, out = player.program == DRUM_TOKEN, []
        if player.program in self._striking(player):
            table = self.tables[("DrumOn" if drums else "NoteOn") if self.codec.name == "midilike" else
                                ("PitchDrum" if drums else "Pitch")]
            out += [table[pitch] for pitch in self._free(player, player.program) if pitch in table]
        table = self.tables["DrumOff" if drums else "NoteOff"]
        out += [table[pitch] for (program, pitch), start in player.active.items()
                if program == player.program and start < player.now]
        return out

    # What was chosen

    def advance(self, chosen: np.ndarray) -> None:
        for player, token in zip(self.players, chosen[:, 0].tolist(), strict=True):
            if not player.done:
                self._take(player, token)

    def _take(self, player: Player, token: int) -> None:
        kind, value = self.codec.tokens[token]
        player.kind = kind
        if token == m.END:
            player.done = True
        elif kind == "Bar":
            player.bar += 1
            self._move(player, player.bar * self.bar)
        elif kind == "Position":
            self._move(player, player.bar * self.bar + int(value))
        elif kind == "TimeShift":
            self._move(player, player.now + next(length for length, known in self.tables[kind].items() if known == token))
        elif kind == "Program":
            player.program = int(value)
        elif kind in ("Pitch", "PitchDrum", "NoteOn", "DrumOn"):
            self._strike(player, int(value), on=kind.endswith("On"))
        elif kind in ("NoteOff", "DrumOff"):
            del player.active[player.program, int(value)]
        elif kind == "Duration":
            length = next(length for length, known in self.tables[kind].items() if known == token)
            player.until = max(player.until, player.now + length)

    def _move(self, player: Player, time: int) -> None:
        player.now = time
        player.started.clear()
        if player.active:
            player.until = max(player.until, time)

    def _strike(self, player: Player, pitch: int, on: bool) -> None:
        player.started.add((player.program, pitch))
        player.owed.discard(player.program)
        if on:
            player.active[player.program, pitch] = player.now
            player.until = max(player.until, player.now + 1)

    @property
    def done(self) -> np.ndarray:
        return np.array([player.done for player in self.players])

    @property
    def progress(self) -> float:
        return min(1.0 if player.done else min(player.now / self.end, 1.0) for player in self.players)


def check(codec: m.MidiTok, request: Request, draft: Draft | None) -> None:
    """Raise UserError for what this codec cannot hold."""
    if draft is not None:
        raise UserError(f"a model with the codec '{codec.name}' writes new pieces only; "
                        "take a model with the codec 'bars' to work on a piece")
    unheld = [wish for wish in UNHELD if getattr(request, wish)]
    if unheld:
        raise UserError(f"a model with the codec '{codec.name}' cannot hold {' and '.join(unheld)}; "
                        "leave it out, or take a model with the codec 'bars'")
