"""The band in the room: the notes of a piece as sound, block after block.

The sound font gives single held notes, all equally loud. Here they get their strength, ring out, are held by the pedal,
take their seat between left and right, and meet in a small room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import symusic

from bandmate.music.instruments import class_of
from bandmate.output.soundfont import RATE_HZ, SoundFont
from bandmate.piece import DRUMS, Piece

BLOCK_S = 20  # sound is made in blocks of this length, so that memory does not grow with the piece
LONGEST_NOTE_S = 30.0  # a longer one is a hanging note
RELEASE_S = 0.3  # how long a pitched note rings on when its key is let go
RELEASE = np.linspace(1, 0, round(RELEASE_S * RATE_HZ), dtype=np.float32) ** 3
RING_S = 4.0  # how long a drum or cymbal may ring
CHOKED_BY = {46: (42, 44, 46)}  # an open hi-hat ends when the hi-hat is closed or struck again
KITS = (0, 8, 16, 24, 25, 32, 40, 48)  # drum kits of General MIDI 2; any other number would be silent
VOLUME, PANORAMA, EXPRESSION = 7, 10, 11  # MIDI controller numbers
USUAL_VOLUME = 100  # volume of a channel that says nothing (General MIDI)
LOWEST_HZ = 20  # what is slower is no sound, though some recordings hold it
ROOM_S, ROOM_LEVEL = 1.2, 0.16  # length of the reverberation, and its strength beside the direct sound

# Where each of the 17 instrument classes sits if the file does not say: -1 is left, 1 is right.
SEATS = (-0.1, 0.25, 0.1, 0.35, 0, -0.2, -0.25, 0.2, 0.3, -0.3, 0.1, -0.15, 0, -0.35, 0.15, 0, 0)


def sound_blocks(piece: Piece, soundfont: SoundFont) -> Iterator[np.ndarray]:
    """Play a piece: yield float32 blocks (2, samples) at ``RATE_HZ``, the last ones with the end ringing out."""
    yield from _room(_dry_blocks(piece, soundfont))


def _dry_blocks(piece: Piece, soundfont: SoundFont) -> Iterator[np.ndarray]:
    seconds = piece.to("second")
    parts = [part for track in seconds.tracks if len(track.notes) for part in [_Part(track)]]
    ringing, block = np.zeros((2, 0), np.float32), BLOCK_S * RATE_HZ
    for start_s in np.arange(0, max((part.starts.max() for part in parts), default=0) + 1e-9, BLOCK_S):
        buffer = np.zeros((2, block + math.ceil((LONGEST_NOTE_S + RELEASE_S + 1) * RATE_HZ)), np.float32)
        buffer[:, :ringing.shape[1]] = ringing
        for part in parts:
            part.play(buffer, soundfont, float(start_s))
        soundfont.forget()
        heard = np.flatnonzero(buffer.any(axis=0))
        last = int(heard[-1]) + 1 if len(heard) else 0
        more = any(part.starts.max() >= start_s + BLOCK_S for part in parts)
        yield buffer[:, :block if more else min(last, block)]
        ringing = buffer[:, block:max(last, block)]
    yield ringing


class _Part:
    """One track, ready to play: times in seconds, gains, and its seat."""

    def __init__(self, track: symusic.core.TrackSecond) -> None:
        notes = track.notes.numpy()
        self.is_drum = track.is_drum
        self.program = track.program if not track.is_drum or track.program in KITS else 0
        order = np.lexsort((notes["pitch"], notes["time"]))
        self.starts = np.maximum(notes["time"][order].astype(float), 0)
        self.pitches = notes["pitch"][order].astype(int)
        if self.is_drum:
            self.lengths = _ring(self.starts, self.pitches)
        else:
            self.lengths = _hold(self.starts, notes["duration"][order].astype(float), self.pitches, track.pedals)
        # General MIDI's curve: loudness falls with the square of velocity, volume and expression
        strength = np.clip(notes["velocity"][order], 1, 127) / 127.0
        strength = strength * _controller(track, VOLUME, self.starts, USUAL_VOLUME) / 127
        self.gains = (strength * _controller(track, EXPRESSION, self.starts, 127) / 127) ** 2
        usual = round(64 * (1 + SEATS[class_of(DRUMS if self.is_drum else self.program)]))
        right = _controller(track, PANORAMA, self.starts, usual) / 127
        self.balance = np.minimum(1, 2 * np.stack([1 - right, right]))

    def play(self, buffer: np.ndarray, soundfont: SoundFont, start_s: float) -> None:
        """Add the notes that start in the block at ``start_s`` to ``buffer`` (2, samples)."""
        first, stop = np.searchsorted(self.starts, [start_s, start_s + BLOCK_S])
        for index in sorted(range(first, stop), key=lambda index: -self.lengths[index]):  # the longest is rendered first
            length = self.lengths[index]
            sound = soundfont.note(self.program, self.is_drum, int(self.pitches[index]), length + RELEASE_S)
            fade = len(RELEASE)
            gains = (self.gains[index] * self.balance[:, index, None]).astype(np.float32)
            at, kept = round((self.starts[index] - start_s) * RATE_HZ), sound.shape[1] - fade
            buffer[:, at:at + kept] += gains * sound[:, :kept]
            buffer[:, at + kept:at + kept + fade] += gains * sound[:, kept:] * RELEASE


def _ring(starts: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Let every drum ring until it, or what chokes it, is struck."""
    lengths = np.full(len(starts), RING_S)
    for pitch in np.unique(pitches).tolist():
        struck = np.flatnonzero(pitches == pitch)
        stops = np.unique(starts[np.isin(pitches, CHOKED_BY.get(pitch, (pitch,)))])
        following = np.append(stops, np.inf)[np.searchsorted(stops, starts[struck], side="right")]
        lengths[struck] = np.minimum(RING_S, following - starts[struck])
    return lengths


def _hold(starts: np.ndarray, lengths: np.ndarray, pitches: np.ndarray, pedals: symusic.core.PedalSecondList) -> np.ndarray:
    """Let the pedal hold notes until it is let go, or until they are struck again."""
    ends = starts + np.maximum(lengths, 0.01)
    if len(pedals):
        downs = np.array([pedal.time for pedal in pedals])
        ups = np.array([pedal.time + pedal.duration for pedal in pedals])
        which = np.searchsorted(downs, ends, side="right") - 1
        held = (which >= 0) & (ends < ups[which])
        ends[held] = ups[which[held]]
        for pitch in np.unique(pitches).tolist():
            same = np.flatnonzero(pitches == pitch)
            following = np.append(starts[same][1:], np.inf)
            ends[same] = np.minimum(ends[same], np.maximum(following, starts[same] + 0.01))
    return np.minimum(ends - starts, LONGEST_NOTE_S)


def _controller(track: symusic.core.TrackSecond, number: int, times: np.ndarray, usual: float) -> np.ndarray:
    """Return the value (0 to 127) of a MIDI controller at each time."""
    changes = sorted((change.time, change.value) for change in track.controls if change.number == number)
    if not changes:
        return np.full(len(times), float(usual))
    values = np.array([usual] + [value for _, value in changes], dtype=float)
    return values[np.searchsorted([time for time, _ in changes], times + 1e-6, side="right")]


def _room(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Add the reverberation of a small room: noise that dies away, darker and different on either side."""
    samples = round(ROOM_S * RATE_HZ)
    noise = np.random.default_rng(0).standard_normal((2, samples + 7)).astype(np.float32)
    darker = np.lib.stride_tricks.sliding_window_view(noise, 8, axis=1).mean(axis=2)
    impulse = darker * np.exp(-6.9 * np.arange(samples) / samples).astype(np.float32)  # 60 dB over its length
    impulse *= ROOM_LEVEL / np.sqrt((impulse**2).sum(axis=1, keepdims=True))
    impulse[:, 0] += 1  # the direct sound
    size, spectrum, ringing = 0, np.zeros((2, 0), np.complex64), np.zeros((2, 0), np.float32)
    for block in blocks:
        length = block.shape[1] + samples - 1
        if size != 1 << length.bit_length():
            size = 1 << length.bit_length()
            slow = LOWEST_HZ / np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 1e-3)
            spectrum = (np.fft.rfft(impulse, size) / (1 - 1j * slow)).astype(np.complex64)
        wet = np.fft.irfft(np.fft.rfft(block, size) * spectrum, size)[:, :length].astype(np.float32)
        wet[:, :ringing.shape[1]] += ringing[:, :length]
        yield wet[:, :block.shape[1]]
        ringing = wet[:, block.shape[1]:]
    yield ringing
