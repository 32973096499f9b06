"""The words that everything else uses: a piece, and what is known about it.

A :data:`Piece` is a ``symusic.Score``: tracks of notes in ticks, with tempo, metre and program changes.
"""

from __future__ import annotations

import symusic

from bandmate.settings import Settings

Piece = symusic.Score
"""A piece of music: tracks of notes whose times are ticks."""

TICKS_PER_QUARTER = 480
"""The resolution of every MIDI file that we write."""

DRUMS = 128
"""The program number that stands for a drum kit (General MIDI programs are 0 to 127)."""


class Labels(Settings):
    """What is known about a piece besides its notes. Empty text means: not known."""

    title: str = ""
    """Title of the work."""
    composer: str = ""
    """Composer, family name first ("Bach, Johann Sebastian")."""
    style: str = ""
    """Style or genre, in lower case ("folk")."""
    era: str = ""
    """Era ("baroque")."""
    source: str = ""
    """The corpus or folder that the piece came from."""
    licence: str = ""
    """Licence under which the piece may be used."""
