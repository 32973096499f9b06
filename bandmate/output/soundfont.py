"""The sounds of single notes, out of a SoundFont 2 file: recorded samples with loops, tunings and envelopes.

Source: SoundFont Technical Specification 2.04 (E-mu Systems, 2006). Read are samples, loops, tuning, volume envelope,
attenuation, panorama and the fixed low-pass filter; velocity layers are taken at ``VELOCITY``; modulators, LFOs, the
modulation envelope and effects are left out. SoundFont 3 is the same file with Ogg Vorbis samples.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE_HZ = 44_100
VELOCITY = 100  # of the layers that are heard
DRUM_BANK = 128
ATTENUATION = 0.4  # of the centibels that are written, as the E-mu hardware and FluidSynth take them
QUIET_DB = 100  # what an envelope falls through in its decay time
COMPRESSED = 0x10  # flag of a sample: SoundFont 3

TABLES = {
    "phdr": [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("unused", "V12")],
    "inst": [("name", "S20"), ("bag", "<u2")],
    "pbag": [("generators", "<u2"), ("modulators", "<u2")], "ibag": [("generators", "<u2"), ("modulators", "<u2")],
    "pgen": [("what", "<u2"), ("amount", "<i2")], "igen": [("what", "<u2"), ("amount", "<i2")],
    "shdr": [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"), ("rate", "<u4"),
             ("root", "u1"), ("correction", "i1"), ("link", "<u2"), ("kind", "<u2")],
}
"""The tables of a file: presets, instruments, their zones ("bags"), what the zones set ("generators"), and samples."""

# Generators, by their numbers in the specification
START, END, LOOP_START, LOOP_END, START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE = 0, 1, 2, 3, 4, 12, 45, 50
CUTOFF, RESONANCE, PAN = 8, 9, 17
DELAY, ATTACK, HOLD, DECAY, SUSTAIN, KEY_TO_HOLD, KEY_TO_DECAY = 33, 34, 35, 36, 37, 39, 40
INSTRUMENT, KEYS, VELOCITIES, FIXED_KEY, QUIETER, COARSE, FINE = 41, 43, 44, 46, 48, 51, 52
SAMPLE, LOOPED, SCALE, ROOT = 53, 54, 56, 58
USUAL = {CUTOFF: 13500, DELAY: -12000, ATTACK: -12000, HOLD: -12000, DECAY: -12000, SCALE: 100, ROOT: -1, FIXED_KEY: -1}
"""Values of generators that are not 0 where a zone says nothing."""

Zone = dict[int, int]
"""What a zone sets: values of generators."""


@dataclass(frozen=True)
class Sample:
    """One recording."""

    sound: np.ndarray
    """float32 (samples,), -1 to 1."""
    loop: tuple[int, int]
    """First sample of the part that goes round, and the one after its last; equal where nothing does."""
    rate_hz: int
    root: int
    """The MIDI pitch that was recorded."""
    cents: int
    """By how much to tune it up."""


class SoundFont:
    """The sounds of single notes from a file, each made once."""

    def __init__(self, path: Path) -> None:
        """Read the tables; samples are read as they are needed. Raises OSError, and ValueError where it is no sound font."""
        chunks = _chunks(path)
        if missing := ({"smpl"} | TABLES.keys()) - chunks.keys():
            raise ValueError(f"no sound font: {', '.join(sorted(missing))} missing")
        self._tables: dict[str, Any] = {}
        with path.open("rb") as file:
            for name, fields in TABLES.items():
                kind = np.dtype(fields)
                file.seek(chunks[name][0])
                self._tables[name] = np.frombuffer(file.read(chunks[name][1] // kind.itemsize * kind.itemsize), kind)
        offset, size = chunks["smpl"]
        self._bytes = np.memmap(path, np.uint8, "r", offset, size)
        self._presets = {(int(preset["bank"]), int(preset["program"])): number
                         for number, preset in enumerate(self._tables["phdr"][:-1])}
        self._made: dict[tuple[int, bool, int], np.ndarray] = {}
        self._sample = lru_cache(maxsize=256)(self._read_sample)

    def forget(self) -> None:
        """Free the memory of all sounds."""
        self._made.clear()

    def note(self, program: int, is_drum: bool, pitch: int, seconds: float) -> np.ndarray:
        """Return ``seconds`` of a held note: float32 (2, samples), silent where the file has no sound for it."""
        samples = math.ceil(seconds * RATE_HZ)
        sound = self._made.get((program, is_drum, pitch))
        if sound is None or sound.shape[1] < samples:
            sound = np.zeros((2, samples), np.float32)
            for zone in self._zones(program, is_drum, pitch):
                sound += _play(zone, self._sample(zone[SAMPLE], *_moved(zone)), pitch, samples)
            self._made[program, is_drum, pitch] = sound
        return sound[:, :samples]

    def _zones(self, program: int, is_drum: bool, pitch: int) -> list[Zone]:
        """Return what sounds together in one note."""
        bank = DRUM_BANK if is_drum else 0
        preset = self._presets.get((bank, program), self._presets.get((bank, 0)))
        if preset is None:
            return []
        found = []
        for outer in self._layer("p", "phdr", preset, INSTRUMENT, pitch):
            for inner in self._layer("i", "inst", outer[INSTRUMENT], SAMPLE, pitch):
                zone = USUAL | inner
                for what, amount in outer.items():  # a preset's values are added to those of its instruments
                    if what not in (INSTRUMENT, KEYS, VELOCITIES):
                        zone[what] = zone.get(what, 0) + amount
                found.append(zone)
        return found

    def _layer(self, which: str, table: str, number: int, last: int, pitch: int) -> list[Zone]:
        """Return the zones of a preset or instrument that sound at a pitch; each ends with the generator ``last``."""
        bags, generators = self._tables[f"{which}bag"], self._tables[f"{which}gen"]
        first, stop = (int(self._tables[table]["bag"][at]) for at in (number, number + 1))
        common: Zone = {}
        zones = []
        for bag in range(first, stop):
            own = generators[int(bags["generators"][bag]):int(bags["generators"][bag + 1])]
            zone = dict(zip(own["what"].tolist(), own["amount"].tolist(), strict=True))
            if last in zone:
                zones.append(common | zone)
            elif bag == first:
                common = zone
        return [zone for zone in zones if _reaches(zone, KEYS, pitch) and _reaches(zone, VELOCITIES, VELOCITY)]

    def _read_sample(self, number: int, start: int, end: int, loop_start: int, loop_end: int) -> Sample:
        """Read a sample whose ends and loop a zone has moved by so many samples."""
        about = self._tables["shdr"][number]
        first, stop = int(about["start"]), int(about["end"])
        if int(about["kind"]) & COMPRESSED:
            sound, _ = soundfile.read(io.BytesIO(self._bytes[first:stop].tobytes()), dtype="float32")
            origin = 0
        else:
            sound = self._bytes[2 * first:2 * stop].view("<i2").astype(np.float32) / 32768
            origin = first
        sound = sound[start:len(sound) + end]
        loop = [min(max(int(about[name]) - origin + moved - start, 0), len(sound))
                for name, moved in (("loop_start", loop_start), ("loop_end", loop_end))]
        root = int(about["root"]) if about["root"] < 128 else 60
        return Sample(sound, (loop[0], max(loop)), int(about["rate"]) or RATE_HZ, root, int(about["correction"]))


def _chunks(path: Path) -> dict[str, tuple[int, int]]:
    """Return the start and length in bytes of each chunk of a RIFF file of the kind sfbk."""
    found = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"sfbk":
            raise ValueError("no sound font: it does not begin with RIFF sfbk")
        at = 12
        while at + 8 <= size:
            file.seek(at)
            name, length = file.read(4), int.from_bytes(file.read(4), "little")
            if name == b"LIST":
                at += 12  # its chunks follow its kind
                continue
            if at + 8 + length > size:
                raise ValueError("the sound font is cut off")
            found[name.decode("latin-1")] = (at + 8, length)
            at += 8 + length + length % 2
    return found


def _reaches(zone: Zone, what: int, value: int) -> bool:
    """Tell whether a range of a zone, its ends in the two bytes, holds a value."""
    amount = zone.get(what, 127 << 8)
    return amount & 255 <= value <= amount >> 8 & 255


def _moved(zone: Zone) -> tuple[int, int, int, int]:
    """Return by how many samples a zone moves start, end, loop start and loop end of its sample."""
    start, end, loop_start, loop_end = (
        zone.get(fine, 0) + 32768 * zone.get(coarse, 0)
        for fine, coarse in ((START, START_COARSE), (END, END_COARSE), (LOOP_START, LOOP_START_COARSE),
                             (LOOP_END, LOOP_END_COARSE)))
    return max(start, 0), min(end, 0), loop_start, loop_end


def _play(zone: Zone, sample: Sample, pitch: int, samples: int) -> np.ndarray:
    """Return so many samples of a held note: float32 (2, samples)."""
    key = zone[FIXED_KEY] if zone[FIXED_KEY] >= 0 else pitch
    root = zone[ROOT] if zone[ROOT] >= 0 else sample.root
    semitones = (key - root) * zone[SCALE] / 100 + zone.get(COARSE, 0) + (zone.get(FINE, 0) + sample.cents) / 100
    sound = _resample(sample, sample.rate_hz / RATE_HZ * 2 ** (semitones / 12), samples, zone.get(LOOPED, 0) & 1 == 1)
    sound *= _envelope(zone, key, samples)
    cutoff_hz = 8.176 * 2 ** (zone[CUTOFF] / 1200)
    if cutoff_hz < 0.4 * RATE_HZ:
        sound = _low_pass(sound, cutoff_hz, 10 ** (zone.get(RESONANCE, 0) / 200))
    angle = (np.clip(zone.get(PAN, 0), -500, 500) / 1000 + 0.5) * np.pi / 2
    gain = 10 ** (-ATTENUATION * max(zone.get(QUIETER, 0), 0) / 200)
    return np.outer(np.array([np.cos(angle), np.sin(angle)], np.float32) * np.float32(gain), sound)


def _resample(sample: Sample, step: float, samples: int, looped: bool) -> np.ndarray:
    """Walk through a sample by ``step`` at a time, between its values along Catmull-Rom curves: float32 (samples,)."""
    sound, (first, stop) = sample.sound, sample.loop
    if looped and stop - first > 1:
        places = np.arange(samples) * step
        round_ = places >= stop
        places[round_] = first + (places[round_] - first) % (stop - first)
        sound = np.concatenate([sound[:stop], np.resize(sound[first:stop], 3)])
    else:
        places = np.arange(min(samples, max(0, math.ceil((len(sound) - 1) / step)))) * step
    sound = np.pad(sound, (1, 3))
    at = places.astype(np.int64)
    t = (places - at).astype(np.float32)
    a, b, c, d = (sound[at + i] for i in range(4))
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.pad(curve, (0, samples - len(curve)))


def _envelope(zone: Zone, key: int, samples: int) -> np.ndarray:
    """Return the loudness of a held note: delay, attack, hold, and a decay, straight in decibels, to what is sustained."""
    def seconds(what: int, by_key: int = 0) -> float:
        return float(2 ** ((zone[what] + (60 - key) * zone.get(by_key, 0)) / 1200)) if zone[what] > -12000 else 0.0

    begin = seconds(DELAY)
    full = begin + max(seconds(ATTACK), 0.001)
    falls = full + seconds(HOLD, KEY_TO_HOLD)
    sustain_db = min(max(zone.get(SUSTAIN, 0) / 10, 0), QUIET_DB)
    time = np.arange(samples, dtype=np.float32) / RATE_HZ
    rise = np.clip((time - begin) / (full - begin), 0, 1)
    down_db = np.clip((time - falls) * (QUIET_DB / max(seconds(DECAY, KEY_TO_DECAY), 0.001)), 0, sustain_db)
    return (rise * 10 ** (-down_db / 20)).astype(np.float32)


def _low_pass(sound: np.ndarray, cutoff_hz: float, resonance: float) -> np.ndarray:
    """Take away what is above a frequency, 12 dB an octave."""
    size = 1 << (len(sound) + 2048).bit_length()
    ratio = np.fft.rfftfreq(size, 1 / RATE_HZ) / cutoff_hz
    response = 1 / (1 - ratio**2 + 1j * ratio * math.sqrt(2) / resonance)
    return np.fft.irfft(np.fft.rfft(sound, size) * response, size)[:len(sound)].astype(np.float32)
