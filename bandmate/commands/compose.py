"""Commands about pieces: compose them, hear them, read them, look into them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from bandmate.commands.flags import flat, make_command, run
from bandmate.commands.results import free, place, story, write_and_print
from bandmate.commands.screen import progress_bar, say
from bandmate.music.files import SCORE_SUFFIXES, describe, read
from bandmate.settings import UserError, nearest

DEFAULT_MODEL = "bands"
SEEDS = 2**31  # to draw from
_HELP = ("--help", "-h")

Words = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
"""Words of a command line that another app reads."""


def generate(*words: Words, model: str = DEFAULT_MODEL) -> None:
    """Write new pieces: MIDI, MP3, piano roll and sheet music."""
    run(make_command("bandmate generate", _generate, options=flat(_options_of(model, words))), ["--model", model, *words])


def _options_of(model: str, words: tuple[str, ...]) -> Any:
    """Return the Options of a model's family, so that it has flags of its own."""
    from bandmate.checkpoint import read_card
    from bandmate.families import FAMILIES
    from bandmate.model import Options
    try:
        family = read_card(model).family
        return FAMILIES[family].Options if family in FAMILIES else Options
    except UserError:
        if set(words) & set(_HELP):
            return Options
        raise


def _generate(*, model: str = DEFAULT_MODEL, options: Any = None, out: str | None = None,
              soundfont: Path | None = None) -> None:
    """Write new pieces: MIDI, MP3, piano roll and sheet music, and a .json with all that is needed to write them again.

    What is left out, the model chooses; a seed that is left out is drawn and printed.

    Example: `bandmate generate --bars 16 --instruments piano,bass,guitar --drums --out out/first`

    Parameters
    ----------
    model:
        A shipped model (see `bandmate models`), the path of a .safetensors file, or a run folder.
    out:
        Where to: a name such as out/first, or a folder. Left out, it is out/ and the name of the model. What is there is
        never overwritten: a number is added.
    soundfont:
        Sound font (.sf2 or .sf3) to play it with.
    """
    import torch

    from bandmate.checkpoint import file_hash, find, load
    torch.set_num_threads(1)  # notes come one by one: more threads wait for each other, and their sums may round differently
    composer = load(model)
    options = options or composer.Options()
    if "seed" not in options.model_fields_set:
        options = options.replace(seed=secrets.randbelow(SEEDS))
    path = place(out, Path(model).stem if model not in (".", "..") else "piece")
    with progress_bar("composing") as show:
        pieces = composer.generate(options, progress=show)
    say(f"seed {options.seed}")
    digest = file_hash(find(model))
    for variant, piece in enumerate(pieces):
        write_and_print(piece, path, story("generate", model, digest, options, variant), soundfont=soundfont)


def render(file: Path, *, out: str | None = None, soundfont: Path | None = None) -> None:
    """Make MP3, piano roll and sheet music of a music file, and MIDI of one that is none.

    Example: `bandmate render song.mid --soundfont piano.sf2`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    out:
        Where to: a name such as out/song, or a folder. Left out, beside the file. What is there is never overwritten.
    soundfont:
        Sound font (.sf2 or .sf3) to play it with.
    """
    piece = read(file)
    formats = ("mp3", "png", "mid" if file.suffix.lower() in SCORE_SUFFIXES else "musicxml")
    path = place(out, file.stem) if out is not None else file.with_suffix("")
    write_and_print(piece, path, {"title": file.stem}, formats, soundfont)


def sheet(file: Path, *, out: str | None = None) -> None:
    """Engrave a music file as sheet music: one SVG picture a page.

    Example: `bandmate sheet song.mid`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    out:
        Where to: a name such as out/song, to which the numbers of the pages are added, or a folder. Left out, beside the
        file.
    """
    from bandmate.output.sheet import engrave
    piece = read(file)
    path = free(place(out, file.stem) if out is not None else file.with_suffix(""), "-1.svg")
    source = file if file.suffix.lower() in (".musicxml", ".xml") else piece
    for page in engrave(source, path.parent, path.name, title=file.stem):
        print(page)


def info(file: Path) -> None:
    """Say what is in a music file: parts, notes, length, tempo, metre, key.

    Example: `bandmate info song.mid`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    """
    from bandmate.music.theory import pitch_name
    facts: dict[str, Any] = describe(read(file))
    tracks = facts.pop("tracks")
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else "unknown" if value is None else value
        print(f"{name.replace('_', ' '):<18} {shown}")
    for track in tracks:
        span = f", {pitch_name(track['lowest'])} to {pitch_name(track['highest'])}" if track["notes"] else ""
        print(f"{track['name'] or 'track':<18} {track['instrument']}: {track['notes']} notes{span}")


def tokens(file: Path, *, codec: str = "bars") -> None:
    """Print what a codec makes of a piece: a line a row, its number, its ids, and the same in words.

    Example: `bandmate tokens song.mid --codec triples`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    codec:
        Name of the codec: bars or triples.
    """
    from bandmate.codecs import CODECS
    if codec not in CODECS:
        raise UserError(f"there is no codec '{codec}'; {nearest(codec, CODECS)}")
    reader = CODECS[codec]()
    ids = reader.encode(read(file))
    for number, (row, word) in enumerate(zip(ids.tolist(), reader.words(ids), strict=True)):
        print(f"{number:6}  {' '.join(f'{value:5}' for value in row)}  {word}")
