"""Hear a piece: MP3, WAV, FLAC or OGG, through the sound font that comes along or one of your own.

The sound font is TimGM6mb by Tim Brechbill, which the pretty_midi package carries. The level is set so that every piece
is comfortably loud, and a soft ceiling keeps peaks 1 dB below full scale: it never clips.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from bandmate.music.files import whole_file
from bandmate.output.mixer import sound_blocks
from bandmate.output.soundfont import RATE_HZ, SoundFont
from bandmate.piece import Piece
from bandmate.settings import UserError

FORMATS = {".mp3": ("MP3", "MPEG_LAYER_III"), ".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"),
           ".ogg": ("OGG", "VORBIS")}
"""Kinds of sound file by suffix."""

LONGEST_S = 2 * 3600  # longer than any concert; damaged files claim to last for years
CEILING = 10 ** (-1 / 20)  # highest sample: 1 dB below full scale
LOUDNESS = 10 ** (-18 / 20)  # root mean square to aim at
MOST_LIMITING = 10 ** (6 / 20)  # how far peaks may reach above the ceiling before it rounds them off
SILENCE = 1e-4  # a mix that never exceeds this (-80 dB) is silent
FADE_S = 0.4


def default_soundfont() -> Path:
    """Return the path of the sound font that comes along."""
    package = importlib.util.find_spec("pretty_midi")
    path = Path(package.origin).parent / "TimGM6mb.sf2" if package and package.origin else None
    if path is None or not path.exists():
        raise UserError("the sound font TimGM6mb.sf2 is missing; it comes with the package pretty_midi; "
                        "reinstall pretty_midi or name a sound font of your own with --soundfont")
    return path


def render(piece: Piece, path: str | Path, soundfont: str | Path | None = None, level_of: Piece | None = None) -> Path:
    """Write a piece as a sound file of the kind that the suffix says; return its path.

    A part is as loud as in the whole if ``level_of`` is the whole; else a piece has a comfortable level of its own.

    Raises UserError for an unknown suffix, a piece that cannot be heard or is too long, a sound font that cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"'{path.name}' is no sound file that bandmate writes; its name should end in {' or '.join(FORMATS)}; "
                        "choose another name")
    _check_length(piece)
    sound_font = _load(default_soundfont() if soundfont is None else Path(soundfont))
    # Sound is made twice, first to measure and then to write: long pieces need little memory that way.
    peak, energy, length = 0.0, 0.0, 0
    for block in sound_blocks(level_of or piece, sound_font):
        peak = max(peak, float(np.abs(block).max(initial=0)))
        energy += float((block.astype(np.float64) ** 2).sum()) / 2
        length += block.shape[1]
    if peak < SILENCE:
        raise UserError("the piece is silent; sound needs notes, at a volume above zero, that the sound font has; "
                        "look at it with `bandmate info` or try another sound font")
    gain = min(LOUDNESS / np.sqrt(energy / length), MOST_LIMITING * CEILING / peak)
    gain = max(gain, CEILING / peak)
    blocks = (_limit(block * gain).T for block in sound_blocks(piece, sound_font))
    try:
        with whole_file(path) as unfinished:
            _write(unfinished, path.suffix.lower(), blocks, length)
    except soundfile.LibsndfileError as error:
        raise UserError(f"'{path}' could not be written to its end ({error.error_string.strip()}); "
                        "the disk may be full; free some space and run it again") from None
    return path


def _write(path: Path, suffix: str, blocks: Iterable[np.ndarray], left: int) -> None:
    """Write blocks (samples, 2), ``left`` samples in all, fading out the end."""
    kind, subtype = FORMATS[suffix]
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, subtype=subtype, format=kind) as file:
        for block in blocks:
            left -= len(block)
            file.write(block * _fade(len(block), left)[:, None])


def _limit(sound: np.ndarray) -> np.ndarray:
    """Round off what would exceed the ceiling; leave quiet sound as it is."""
    level = np.square(np.square(np.square(sound / CEILING)))
    return (sound / np.sqrt(np.sqrt(np.sqrt(1 + level)))).astype(np.float32)


def _fade(samples: int, left: int) -> np.ndarray:
    """Return gains of a block after which ``left`` samples follow: 1, falling to 0 at the very end."""
    remaining = left + np.arange(samples, 0, -1) - 1
    return np.minimum(1, remaining / (FADE_S * RATE_HZ)).astype(np.float32)


def _check_length(piece: Piece) -> None:
    end_s = max((float(track.end()) for track in piece.to("second").tracks), default=0.0)
    if end_s > LONGEST_S:
        raise UserError(f"the piece lasts {end_s / 3600:.1f} hours; sound is written up to {LONGEST_S // 3600} hours; "
                        "cut the piece")


def _load(soundfont: Path) -> SoundFont:
    try:
        return SoundFont(soundfont)
    except OSError as error:
        raise UserError(f"the sound font '{soundfont}' cannot be read ({error.strerror}); "
                        "a .sf2 or .sf3 file was expected; check its name") from None
    except (ValueError, IndexError):
        raise UserError(f"'{soundfont}' is not a sound font, or a damaged one; "
                        "a .sf2 or .sf3 file was expected; choose another file") from None
