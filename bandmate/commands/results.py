"""Where the files of a piece go, and what is told about how it came to be."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bandmate.commands.screen import progress_bar
from bandmate.music.files import SUFFIXES, cannot_write
from bandmate.output.folder import FORMATS, USUAL_FORMATS, write_all
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

ENDINGS = (*SUFFIXES, *(f".{name}" for name in FORMATS))
"""Endings that a person may give to the name of a piece, and that are taken away again."""


def place(out: str | Path | None, name: str) -> Path:
    """Return the path, without an ending, for files that are to be called ``name`` unless ``out`` says otherwise.

    ``out`` may be a folder (one that exists, or with a slash at the end), or a path with or without an ending. The folder
    is made. Raises UserError if it cannot be.
    """
    path = Path(out) if out is not None else Path("out") / name
    if out is not None and (path.is_dir() or str(out).endswith("/")):
        path /= name
    elif path.suffix.lower() in ENDINGS:
        path = path.with_suffix("")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"'{path.parent}' is a file, not a folder; choose another place with --out") from None
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def free(path: Path, *endings: str) -> Path:
    """Return ``path``, or ``path`` with the lowest number (from 2), such that no file with these endings is there yet."""
    number, chosen = 1, path
    while any(Path(f"{chosen}{ending}").exists() for ending in endings):
        number += 1
        chosen = path.with_name(f"{path.name}-{number}")
    return chosen


def write_and_print(piece: Piece, path: Path, request: dict[str, Any], formats: Iterable[str] = USUAL_FORMATS,
                    soundfont: Path | None = None) -> None:
    """Write a piece in several formats and print the files; nothing that is there is overwritten.

    Raises UserError if a format failed, after all others have been written.
    """
    failures: list[str] = []
    stem = free(path, *(f".{name}" for name in formats))
    with progress_bar(f"writing {stem.name}") as show:
        files = write_all(piece, stem, request, formats, soundfont, show, failures.append)
    for file in files:
        print(file)
    if failures:
        raise UserError(". ".join(failures))


def story(command: str, model: str, model_hash: str, options: Settings, variant: int,
          file: Path | None = None) -> dict[str, Any]:
    """Return what a .json says of a piece: request, seed, model and prompt, and the command that writes it again."""
    words = ["bandmate", command, *([str(file)] if file else []), "--model", model]
    for name in type(options).model_fields:
        value = getattr(options, name)
        if name in options.model_fields_set and value is not None and name != "task":
            flag = "bars" if name == "region" else name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            elif isinstance(value, tuple | list):
                words += [f"--{flag}", ",".join(map(str, value))] if value else []
            else:
                words += [f"--{flag}", str(value)]
    return {"command": shlex.join(words), "variant": variant, **options.model_dump(mode="json"),
            "model": {"name": model, "sha256": model_hash},
            **({"prompt": {"name": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}} if file else {})}
