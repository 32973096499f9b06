"""Commands about how a piece is played: as a person might, or on the grid."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path

from bandmate.commands.results import place, write_and_print
from bandmate.commands.screen import say
from bandmate.music.files import read
from bandmate.piece import Piece

FORMATS = ("mid", "mp3", "json")
SEEDS = 2**31  # to draw from


def humanize(file: Path, *, timing: float = 0.3, velocity: float = 0.3, seed: int | None = None,
             out: str | None = None) -> None:
    """Play a music file as a person might: small delays, and velocities that follow the metre.

    Example: `bandmate humanize song.mid --timing 0.5`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    timing:
        How far notes leave the grid, 0 (not at all) to 1 (up to a 32nd).
    velocity:
        How much velocities change, 0 (not at all) to 1.
    seed:
        The same seed plays the same. Left out, it is drawn and printed.
    out:
        Where to: a name such as out/song, or a folder. Left out, beside the file. What is there is never overwritten.
    """
    from bandmate.music.feel import humanize as play
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    piece = play(read(file), timing, velocity, seed)
    say(f"seed {seed}")
    _write(piece, file, out, "human", {"timing": timing, "velocity": velocity, "seed": seed})


def quantize(file: Path, *, grid: str = "1/16", strength: float = 1.0, out: str | None = None) -> None:
    """Move the notes of a music file to a grid.

    Example: `bandmate quantize song.mid --grid 1/8t --strength 0.8`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    grid:
        A note value, such as 1/16, or 1/8t for triplets.
    strength:
        Share of the way that notes move, 0 to 1.
    out:
        Where to: a name such as out/song, or a folder. Left out, beside the file. What is there is never overwritten.
    """
    from bandmate.music.feel import quantize as straighten
    _write(straighten(read(file), grid, strength), file, out, "straight", {"grid": grid, "strength": strength})


def _write(piece: Piece, file: Path, out: str | None, manner: str, choices: dict[str, object]) -> None:
    """Write a piece beside its file, unless ``out`` says otherwise, and the command that writes it again."""
    name = f"{file.stem}-{manner}"
    command = "humanize" if manner == "human" else "quantize"
    words = ["bandmate", command, str(file), *(word for flag, value in choices.items() for word in (f"--{flag}", str(value)))]
    write_and_print(piece, place(out, name) if out is not None else file.with_name(name),
                    {"title": file.stem, "command": shlex.join(words), **choices}, FORMATS)
