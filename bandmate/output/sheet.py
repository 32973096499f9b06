"""Read a piece: sheet music as MusicXML for notation programs, and engraved by verovio as SVG pages for the eye.

Verovio: Pugin, Zitellini and Roland, "Verovio: A library for engraving MEI music notation into SVG", ISMIR 2014.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bandmate.music.files import whole_file
from bandmate.music.theory import find_key, parse_key
from bandmate.output.layout import Layout, lay_out
from bandmate.output.musicxml import to_musicxml
from bandmate.output.spelling import signature
from bandmate.piece import Piece
from bandmate.settings import UserError

# An A4 page, in tenths of a millimetre.
PAGE = {"pageWidth": 2100, "pageHeight": 2970, "pageMarginTop": 120, "pageMarginBottom": 120, "pageMarginLeft": 120,
        "pageMarginRight": 120, "scaleToPageSize": True, "footer": "none", "header": "auto", "adjustPageHeight": True,
        "condense": "none", "breaks": "auto"}
SCALES = ((3, 65), (8, 52), (10**6, 40))
"""Scale in percent for up to so many parts: a staff is 4.7 mm high for a few, 2.9 mm for an orchestra."""



def write_musicxml(piece: Piece, path: str | Path, *, key: str | None = None, title: str = "", composer: str = "") -> Path:
    """Write a piece as MusicXML; return its path. Without a ``key`` the key signature is estimated from the notes.

    Raises UserError if the piece has no notes.
    """
    path = Path(path)
    text = _musicxml(piece, key, title, composer)
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return path


def engrave(source: Piece | str | Path, folder: str | Path, name: str = "page", *, key: str | None = None,
            title: str = "") -> list[Path]:
    """Engrave a piece, or a MusicXML file, as pages ``name-1.svg``, ``name-2.svg`` ... in a folder; return their paths."""
    import verovio

    if isinstance(source, str | Path):
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"'{source}' cannot be read ({error}); a MusicXML file was expected; check its name") from None
    else:
        text = _musicxml(source, key, title, "")
    verovio.enableLog(verovio.LOG_OFF)
    verovio.setDefaultResourcePath(str(Path(verovio.__file__).parent / "data"))  # each thread has its own
    toolkit = verovio.toolkit()
    parts = text.count("<score-part ")
    toolkit.setOptions({**PAGE, "scale": next(scale for most, scale in SCALES if parts <= most)})
    if not toolkit.loadData(text) or not toolkit.getPageCount():
        raise UserError("the music cannot be engraved; MusicXML was expected; "
                        "open it in a notation program to see what is wrong")
    pages = []
    for number in range(1, toolkit.getPageCount() + 1):
        path = Path(folder) / f"{name}-{number}.svg"
        with whole_file(path) as unfinished:
            unfinished.write_text(toolkit.renderToSVG(number), encoding="utf-8")
        pages.append(path)
    return pages


def _musicxml(piece: Piece, key: str | None, title: str, composer: str) -> str:
    layout = lay_out(piece)
    return to_musicxml(layout, _sharps(piece, layout) if key is None else signature(parse_key(key)), title, composer)


def _sharps(piece: Piece, layout: Layout) -> int:
    """Return the key signature: the one that the file gives, if any but C major (which most programs write unasked)."""
    for mark in piece.key_signatures:
        if mark.key:
            return mark.key
    notes = np.concatenate([np.zeros((0, 4), int), *(part.notes for part in layout.parts if not part.is_drums)])
    return signature(find_key(notes[:, 2], notes[:, 1] - notes[:, 0]))
