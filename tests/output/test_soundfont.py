"""Sounds of single notes: a sound font built here, and the one that comes along."""

import io
import struct

import numpy as np
import pytest
import soundfile

from bandmate.output.audio import default_soundfont
from bandmate.output.soundfont import COMPRESSED, KEYS, RATE_HZ, TABLES, SoundFont

SINE = np.sin(2 * np.pi * 441 / 22050 * np.arange(2000))  # a sample of pitch 69, 4 cents sharp; 40 turns


def font(path, instrument=(), preset=(), kind=1, root=69, correction=-4):
    """Write a sound font of one instrument that loops a sine of 441 Hz, recorded at 22,050 Hz."""
    if kind & COMPRESSED:
        file = io.BytesIO()
        soundfile.write(file, SINE * 0.9, 22050, format="OGG", subtype="VORBIS")
        smpl, end, loop = file.getvalue(), len(file.getvalue()), (500, 1500)
    else:
        smpl, end, loop = bytes(200) + (SINE * 30000).astype("<i2").tobytes(), 2100, (600, 1600)
    start = 0 if kind & COMPRESSED else 100
    rows = {
        "phdr": [(b"one", 5, 0, 0, b""), (b"EOP", 0, 0, 1, b"")], "inst": [(b"one", 0), (b"EOI", 1)],
        "pbag": [(0, 0), (len(preset) + 1, 0)], "ibag": [(0, 0), (len(instrument) + 2, 0)],
        "pgen": [*preset, (41, 0), (0, 0)], "igen": [*instrument, (54, 1), (53, 0), (0, 0)],
        "shdr": [(b"sine", start, end, *loop, 22050, root, correction, 0, kind), (b"EOS", *[0] * 9)]}
    chunks = [(b"smpl", smpl), *((name.encode(), np.array(rows[name], TABLES[name]).tobytes()) for name in TABLES)]
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    body = b"sfbk" + b"LIST" + struct.pack("<I", len(body) + 4) + b"sdta" + body
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return SoundFont(path)


def hertz(sound):
    """Return the strongest frequency."""
    mono = sound.sum(axis=0)
    return np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 19)).argmax() * RATE_HZ / (1 << 19)


@pytest.mark.parametrize("kind", [1, 1 | COMPRESSED])
@pytest.mark.parametrize("pitch", [45, 69, 81, 101])
def test_notes_are_in_tune_at_any_pitch_and_length(tmp_path, kind, pitch):
    sound = font(tmp_path / "a.sf2", kind=kind).note(5, False, pitch, 1.0)  # a second is much more than the recording
    assert sound.shape == (2, RATE_HZ)
    assert hertz(sound) == pytest.approx(440 * 2 ** ((pitch - 69) / 12), rel=1e-3)
    assert np.abs(sound[:, -2000:]).max() > 0.5


@pytest.mark.parametrize(("instrument", "preset", "semitones"), [
    ([(51, 2), (52, 30)], [], 2.3), ([(51, 2)], [(51, -5), (52, 50)], -2.5), ([(58, 57)], [], 12), ([(56, 50)], [], 4.5),
    ([(56, 0)], [], 9), ([(46, 61)], [], 1)])
def test_tuning_of_zones(tmp_path, instrument, preset, semitones):
    sound = font(tmp_path / "a.sf2", instrument, preset).note(5, False, 60, 1.0)
    assert hertz(sound) == pytest.approx(440 * 2 ** ((60 - 69 + semitones) / 12), rel=1e-3)


def test_envelope_panorama_and_attenuation(tmp_path):
    loud = font(tmp_path / "a.sf2").note(5, False, 69, 1.0)
    assert np.abs(loud[0]).max() == pytest.approx(30000 / 32768 * np.sqrt(0.5), rel=0.02)
    left = font(tmp_path / "b.sf2", [(17, -500)]).note(5, False, 69, 1.0)
    assert np.abs(left[1]).max() < 1e-6 < np.abs(left[0]).max()
    quiet = font(tmp_path / "c.sf2", [(48, 50)], [(48, 100)]).note(5, False, 69, 1.0)  # 15 dB, of which 0.4
    assert np.abs(quiet).max() / np.abs(loud).max() == pytest.approx(10 ** (-6 / 20), rel=0.02)
    falling = font(tmp_path / "d.sf2", [(36, 1200), (37, 200)]).note(5, False, 69, 1.0)  # 100 dB in 2 s, down to -20 dB
    heard = [np.abs(falling[0, round(at * RATE_HZ):round(at * RATE_HZ) + 200]).max() for at in (0.01, 0.2, 0.8)]
    assert heard[1] / heard[0] == pytest.approx(10 ** (-9.5 / 20), rel=0.1)
    assert heard[2] / heard[0] == pytest.approx(10 ** (-19.5 / 20), rel=0.1)


def test_zones_sound_in_their_range_and_banks_fall_back(tmp_path):
    sounds = font(tmp_path / "a.sf2", [(KEYS, 60 | 72 << 8)])
    assert [bool(sounds.note(5, False, pitch, 0.1).any()) for pitch in (59, 60, 72, 73)] == [False, True, True, False]
    assert not sounds.note(7, False, 60, 0.1).any()


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: data[:-30], lambda data: b"RIFX" + data[4:],
                                    lambda data: data.replace(b"shdr", b"xxxx"), lambda data: b""])
def test_damaged_files_are_refused(tmp_path, damage):
    font(tmp_path / "a.sf2")
    (tmp_path / "b.sf2").write_bytes(damage((tmp_path / "a.sf2").read_bytes()))
    with pytest.raises(ValueError):
        SoundFont(tmp_path / "b.sf2")


def test_all_instruments_of_the_sound_font_that_comes_along_are_in_tune():
    sounds, wrong = SoundFont(default_soundfont()), []
    for program in (*range(0, 9), 11, 13, 16, 19, *range(24, 46), *range(48, 54), *range(56, 77), 80):
        for pitch in (52, 64, 76) if not 32 <= program < 40 and program not in (43, 58) else (33, 40, 45):
            sound = sounds.note(program, False, pitch, 0.5).sum(axis=0)
            power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
            power[:20] = 0  # below 40 Hz
            steps = np.arange(len(power)) * 2 / (440 * 2 ** ((pitch - 69) / 12) / 2)  # halves: a suboctave may sound too
            off = np.abs(steps - np.maximum(np.round(steps), 1)) / np.maximum(steps, 1)
            if power[off < 0.02].sum() < 0.5 * power.sum():
                wrong.append((program, pitch))
    assert not wrong
