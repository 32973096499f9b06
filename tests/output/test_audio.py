import numpy as np
import pytest
import soundfile
import symusic
from pieces import band, beat, make_piece, part

from bandmate.output import audio, mixer, soundfont
from bandmate.settings import UserError


def play(piece):
    sounds = soundfont.SoundFont(audio.default_soundfont())
    return np.concatenate(list(mixer._dry_blocks(piece, sounds)), axis=1)


def level(sound, start_s, end_s):
    heard = sound[:, round(start_s * soundfont.RATE_HZ):round(end_s * soundfont.RATE_HZ)]
    return float(np.sqrt((heard**2).mean())) if heard.size else 0.0


@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".flac", ".ogg"])
def test_sound_is_loud_and_never_clips(tmp_path, suffix):
    path = audio.render(band(2), tmp_path / f"piece{suffix}")
    sound, rate = soundfile.read(path)
    assert rate == soundfont.RATE_HZ
    assert sound.shape[1] == 2
    assert 4 < len(sound) / rate < 10  # two bars at 120, and the end ringing out
    assert 0.5 < np.abs(sound).max() < 1
    assert 0.05 < np.sqrt((sound**2).mean()) < 0.5
    assert np.abs(sound[-20:]).max() < 0.01
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kit", [0, 16, 1, 59, 127])
def test_drums_are_heard_with_any_kit(kit):
    assert level(play(make_piece(part("Drums", kit, beat(1), is_drum=True))), 0, 2) > 0.01


def test_drums_ring_out():
    sound = play(make_piece(part("Drums", 0, [(0, 0.1, 49)], is_drum=True)))
    assert level(sound, 0.5, 1) > 0.003


def test_loudness_falls_with_the_square_of_velocity():
    loud, soft = (level(play(make_piece(part("", 0, [(0, 1, 60, velocity)]))), 0, 0.5) for velocity in (100, 50))
    assert loud / soft == pytest.approx(4, rel=0.01)


def test_volume_and_panorama_are_obeyed():
    track = part("", 0, [(0, 1, 60)])
    track.controls.append(symusic.ControlChange(0, mixer.VOLUME, 50))
    track.controls.append(symusic.ControlChange(0, mixer.PANORAMA, 0))
    usual, quiet = play(make_piece(part("", 0, [(0, 1, 60)]))), play(make_piece(track))
    assert level(quiet[:1], 0, 0.5) < 0.4 * level(usual[:1], 0, 0.5)
    assert level(quiet[1:], 0, 0.5) == 0


def test_notes_ring_on_for_a_moment_and_then_end():
    sound = play(make_piece(part("", 48, [(0, 1, 60)])))
    held, released = level(sound, 0.3, 0.5), level(sound, 0.5, 0.6)
    assert held > released > 0.05 * held
    assert level(sound, 0.85, 1) == 0


def test_the_pedal_holds_notes():
    track = part("", 0, [(0, 0.5, 60)])
    track.pedals.append(symusic.Pedal(0, 480 * 4))
    assert level(play(make_piece(track)), 1, 1.5) > 0.001
    assert play(make_piece(part("", 0, [(0, 0.5, 60)]))).shape[1] < soundfont.RATE_HZ


def test_notes_sound_on_from_one_block_into_the_next():
    edge = 2 * mixer.BLOCK_S  # in quarters at 120
    sound = play(make_piece(part("", 48, [(edge - 1, 4, 60), (edge + 8, 1, 64)])))
    before, after = level(sound, mixer.BLOCK_S - 0.1, mixer.BLOCK_S), level(sound, mixer.BLOCK_S, mixer.BLOCK_S + 0.1)
    assert after == pytest.approx(before, rel=0.3)


def test_silence_is_refused(tmp_path):
    track = part("", 0, [(0, 1, 60)])
    track.controls.append(symusic.ControlChange(0, mixer.VOLUME, 0))
    for piece in (make_piece(track), make_piece(part("", 0, [])), symusic.Score(480)):
        with pytest.raises(UserError, match="the piece is silent"):
            audio.render(piece, tmp_path / "piece.wav")
    assert not list(tmp_path.iterdir())


def test_endless_pieces_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"lasts 5\.6 hours"):
        audio.render(make_piece(part("", 0, [(40_000, 1, 60)])), tmp_path / "piece.wav")


def test_bad_sound_fonts_are_refused(tmp_path):
    bad = tmp_path / "bad.sf2"
    with pytest.raises(UserError, match="cannot be read"):
        audio.render(band(1), tmp_path / "piece.wav", bad)
    for content in (b"hello", b"", audio.default_soundfont().read_bytes()[:5000]):
        bad.write_bytes(content)
        with pytest.raises(UserError, match="is not a sound font"):
            audio.render(band(1), tmp_path / "piece.wav", bad)


def test_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(UserError, match="is no sound file"):
        audio.render(band(1), tmp_path / "piece.xyz")
