"""The files of a piece: beside each .mid the sound, the piano roll, the sheet music, and what is needed to write it again."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bandmate.music.files import SUFFIXES, cannot_write, whole_file, write
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

KINDS = (".mid", ".mp3", ".png", ".musicxml", ".json")
"""What is written of a piece that a model composed."""


def place(out: str | Path | None, name: str) -> Path:
    """Return the path, without an ending, for files that are to be called ``name`` unless ``out`` says otherwise.

    ``out`` may be a folder (one that exists, or with a slash at the end), or a path with or without an ending. The folder
    is made. Raises UserError if it cannot be.
    """
    path = Path(out) if out is not None else Path("out") / name
    if out is not None and (path.is_dir() or str(out).endswith("/")):
        path /= name
    elif path.suffix.lower() in (*SUFFIXES, *KINDS):
        path = path.with_suffix("")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"'{path.parent}' is a file, not a folder; choose another place with --out") from None
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def free(path: Path, endings: tuple[str, ...]) -> Path:
    """Return ``path``, or ``path`` with the lowest number (from 2), such that no file with these endings is there yet."""
    number, chosen = 1, path
    while any(_with(chosen, ending).exists() for ending in endings):
        number += 1
        chosen = path.with_name(f"{path.name}-{number}")
    return chosen


def write_files(piece: Piece, path: Path, endings: tuple[str, ...], soundfont: Path | None = None,
                story: dict[str, Any] | None = None, written: Callable[[Path], None] = lambda path: None) -> None:
    """Write a piece as ``path`` with each of the endings; ``written`` is told each file once it is there."""
    from bandmate.output.audio import render
    from bandmate.output.plots import piano_roll
    from bandmate.output.sheet import write_musicxml
    ways: dict[str, Callable[[Path], object]] = {
        ".mid": lambda file: write(piece, file),
        ".mp3": lambda file: render(piece, file, soundfont),
        ".png": lambda file: piano_roll(piece, file),
        ".musicxml": lambda file: write_musicxml(piece, file),
        ".json": lambda file: _write_json(story or {}, file),
    }
    for ending in endings:
        ways[ending](_with(path, ending))
        written(_with(path, ending))


def story(command: str, model: str, model_hash: str, options: Settings, variant: int) -> dict[str, Any]:
    """Return what a .json says: the request, the seed, the model and the versions; enough to write the piece again."""
    words = ["bandmate", command, "--model", model]
    for name in options.model_fields:
        value = getattr(options, name)
        if name in options.model_fields_set and value is not None:
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            elif isinstance(value, tuple | list):
                words += [f"--{flag}", ",".join(map(str, value))] if value else []
            else:
                words += [f"--{flag}", str(value)]
    packages = ("bandmate", "torch", "symusic", "numpy")
    return {"command": shlex.join(words), "variant": variant, "seed": getattr(options, "seed", None),
            "model": {"name": model, "sha256": model_hash}, "request": options.model_dump(mode="json"),
            "versions": {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}}


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _write_json(content: dict[str, Any], path: Path) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
