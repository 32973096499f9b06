"""Commands about pieces that are there: hear them, read them, look into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bandmate.codecs import CODECS, make_codec
from bandmate.commands.results import free, place, write_and_print
from bandmate.music.files import SCORE_SUFFIXES, describe, read

MOST_SHOWN = 16  # ids of a row


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
    """Print what a codec makes of a piece: a line a row, its number, its ids, and the same in words. Of very long rows, as
    those of piano rolls are, only the words.

    A codec that learns its words (which chords there are) learns them from this piece.

    Example: `bandmate tokens song.mid --codec names:rhythm=joint`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    codec:
        Name of the codec, with settings if need be: CODECS.
    """
    from bandmate.codecs.learnt import with_words_of
    reader, piece = make_codec(codec), read(file)
    reader = with_words_of(reader, [piece])
    ids = reader.encode(piece)
    for number, (row, word) in enumerate(zip(ids.tolist(), reader.words(ids), strict=True)):
        shown = "".join(f"{value:5} " for value in row) if len(row) <= MOST_SHOWN else ""
        print(f"{number:6}  {shown} {word}")


tokens.__doc__ = (tokens.__doc__ or "").replace("CODECS", ", ".join(CODECS))
