"""Trials: random requests for random real prompts, and how often each control held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bandmate.music.request import Request
from bandmate.obedience import words
from bandmate.obedience.controls import check
from bandmate.obedience.prompts import Prompt, prompts
from bandmate.piece import Piece
from bandmate.settings import UserError

TASKS = ("generate", "continue", "infill", "accompany", "vary")
METRES = ("4/4", "3/4", "2/4", "6/8", "2/2", "5/4", "7/8", "12/8")
NAMES = ("piano", "mallets", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe", "lead", "pad",
         "effects", "world", "percussion", "sounds", "drums")
KEYS = tuple(f"{tonic} {mode}" for tonic in ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
             for mode in ("major", "minor"))
ROOTS = ("C", "C#", "Db", "D", "Eb", "E", "F", "F#", "Gb", "G", "Ab", "A", "Bb", "B")
LONGEST = 8  # bars to write, so that a trial is over soon

Write = Callable[[Request, "Piece | None"], "list[Piece]"]
"""A composer: pieces for a request and a prompt, UserError for a request that it refuses."""


@dataclass
class Report:
    """How the trials went."""

    obeyed: Counter[tuple[str, str]] = field(default_factory=Counter)  # by task and control
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)  # by sentence
    failures: list[tuple[str, str, Request]] = field(default_factory=list)  # control, prompt, request
    pieces: int = 0

    def table(self) -> str:
        """Show each control: the share obeyed, of how many; then task by task; then what was refused."""
        controls = list(dict.fromkeys(control for _, control in self.asked))
        lines = [f"{'control':<15}{'obeyed':>9}{'of':>8}   " + "".join(f"{task:>12}" for task in TASKS)]
        for control in controls:
            asked = sum(self.asked[task, control] for task in TASKS)
            obeyed = sum(self.obeyed[task, control] for task in TASKS)
            shares = (f"{_share(self.obeyed[task, control], self.asked[task, control]):>12}" for task in TASKS)
            lines.append(f"{control:<15}{_share(obeyed, asked):>9}{asked:>8}   {''.join(shares)}")
        lines.append(f"{self.pieces} pieces, {self.refused.total()} requests refused")
        lines += [f"  {count:>5}  {sentence}" for sentence, count in self.refused.most_common()]
        return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    """Write a share in per cent such that only a whole one is 100 %."""
    return "" if not whole else "100 %" if part == whole else f"{min(100 * part / whole, 99.99):.2f} %"


def trial(write: Write, count: int, seed: int = 0, progress: Callable[[float], None] = lambda share: None,
          given: list[Prompt] | None = None) -> Report:
    """Let a composer answer ``count`` random requests, and check every piece. The same seed draws the same requests.

    ``given`` are the prompts to draw from; left out, those of :func:`prompts`.
    """
    random, report = Random(seed), Report()
    given = list(prompts()) if given is None else given
    for number in range(count):
        task, prompt = random.choice(TASKS), random.choice(given)
        request = random_request(random, None if task == "generate" else prompt, task)
        heard, name = (None, "") if task == "generate" else (prompt, prompt.name)
        try:
            pieces = write(request, heard.piece.copy() if heard else None)
        except UserError as refusal:
            report.refused[str(refusal)] += 1
            continue
        except Exception as error:
            error.add_note(f"request {number} of seed {seed}, prompt '{name}': {request!r}")
            raise
        for piece in pieces:
            report.pieces += 1
            for control, holds in check(piece.dumps_midi(), request, heard.midi if heard else None).items():
                report.asked[task, control] += 1
                report.obeyed[task, control] += holds
                if not holds:
                    report.failures.append((control, name, request))
        progress((number + 1) / count)
    return report


def random_request(random: Random, prompt: Prompt | None, task: str | None = None) -> Request:
    """Draw a request with controls that do not contradict each other; with a prompt for one of the four tasks on it."""
    task = task or ("generate" if prompt is None else random.choice(TASKS[1:]))
    wish: dict[str, Any] = {"task": task, "seed": random.randrange(2**31)}
    _where(random, prompt, task, wish)
    _who(random, prompt, task, wish)
    pitched = [name for name in wish.get("instruments", ()) if name != "drums"] or [
        NAMES[family] for family in (prompt.families if prompt else ()) if family != words.DRUM_FAMILY]
    if random.random() < 0.4 and wish.get("keep") != "pitches":
        wish["key"] = random.choice(KEYS)
    if pitched and random.random() < 0.3 and wish.get("keep") != "pitches":
        wish["pitches"] = tuple(_range(random, name) for name in random.sample(pitched, random.randint(1, len(pitched))))
    if task != "vary":
        for control, low, high in (("max_polyphony", 1, 6), ("max_leap", 3, 24)):
            if random.random() < 0.25:
                part = random.choice(["", *(f"{name}:" for name in pitched)])
                wish[control] = (f"{part}{random.randint(low, high)}",)
        if random.random() < 0.3:
            wish["chords"] = _progression(random, wish.get("key"))
        if task != "generate" and random.random() < 0.3:
            wish["fresh"] = True
    return Request(**wish)


def _where(random: Random, prompt: Prompt | None, task: str, wish: dict[str, Any]) -> None:
    """Draw the bars, the metre and the tempo."""
    if prompt is None or task == "continue":
        wish["bars"] = random.randint(1, LONGEST)
        if random.random() < 0.3:
            wish["tempo"] = random.choice([40, 72.5, 97, 120, 133.3, 200, round(random.uniform(30, 240), 2)])
        if random.random() < (0.6 if prompt is None else 0.2):
            wish["metre"] = random.choice(METRES)
        if prompt is not None and random.random() < 0.3:
            wish["at"] = random.randint(1, prompt.bars)
    elif task in ("infill", "vary") or prompt.bars > LONGEST or random.random() < 0.5:
        first = random.randint(1, prompt.bars)
        last = min(first + random.randrange(LONGEST), prompt.bars)
        wish["region"] = str(first) if first == last else f"{first}-{last}"
        if last + 2 <= prompt.bars and random.random() < 0.2:
            wish["region"] += f",{random.randint(last + 2, min(prompt.bars, last + 2 + LONGEST))}"
    if task == "vary":
        wish["amount"] = round(random.uniform(0.05, 1), 2)
        wish["keep"] = random.choice([None, None, "rhythm", "pitches"])


def _who(random: Random, prompt: Prompt | None, task: str, wish: dict[str, Any]) -> None:
    """Draw the instruments, and whether there are drums."""
    there = [NAMES[family] for family in prompt.families] if prompt else []
    absent = [name for name in NAMES if name not in there]
    if task == "accompany":
        wish["instruments"] = tuple(random.sample(absent, random.randint(1, min(3, len(absent)))))
    elif task == "generate":
        if random.random() < 0.7:
            wish["instruments"] = tuple(random.sample(NAMES[:-1], random.randint(1, 4)))
        wish["drums"] = random.choice([None, True, False])
    elif random.random() < 0.4:
        wish["instruments"] = tuple(random.sample(there, random.randint(1, len(there))))
        if task != "vary" and absent and random.random() < 0.3:
            wish["instruments"] += (random.choice(absent),)
    elif there != ["drums"] and random.random() < 0.3:
        wish["drums"] = random.choice([True, False]) if task != "vary" else False


def _range(random: Random, name: str) -> str:
    """Draw a pitch range of an octave at least, so that every key and chord has notes in it."""
    low = random.randint(28, 60)
    return f"{name}:{low}-{low + random.randint(12, 36)}"


def _progression(random: Random, key: str | None) -> str:
    """Draw up to four bars of chords; in a key, chords of this key."""
    scale = words.key_notes(key) if key else {*range(12)}
    chords = [f"{root}{quality}" for root in ROOTS for quality in words.QUALITIES
              if words.harmony(f"{root}{quality}").tones <= scale]

    def chord() -> str:
        symbol = random.choice(chords)
        tones = [root for root in ROOTS if words.pitch_class(root) in words.harmony(symbol).tones]
        return f"{symbol}/{random.choice(tones)}" if random.random() < 0.2 else symbol
    bars = [[chord() for _ in range(random.choice([1, 1, 1, 2, 2, 3, 4]))] for _ in range(random.randint(1, 4))]
    joint = " " if all(len(bar) == 1 for bar in bars) else " | "
    return joint.join(" ".join(bar) for bar in bars) + (" |" if joint == " | " and len(bars) == 1 else "")
