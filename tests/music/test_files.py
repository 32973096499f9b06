"""Reading any music file, writing MIDI whole or not at all, saying what is in a piece."""

import errno
import struct

import pytest
from music_made_here import band, changing_metre, piece_of, reopened, table

from bandmate.music import files
from bandmate.music.files import describe, read, read_midi, seconds_at, tunes, whole_file, write
from bandmate.piece import DRUMS
from bandmate.settings import UserError


def midi(kind: int, tracks: list[bytes], division: int = 96) -> bytes:
    chunks = b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division) + chunks


def one_note_track(pitch: int, before: bytes = b"", ticks: int = 96) -> bytes:
    return before + bytes([0, 0x90, pitch, 64, ticks, 0x80, pitch, 0, 0, 0xFF, 0x2F, 0])


def test_types_0_and_1_play_their_tracks_together():
    for kind, tracks in ((0, [one_note_track(60)]), (1, [one_note_track(60), one_note_track(64)])):
        piece = read_midi(midi(kind, tracks))
        assert [(start, pitch) for start, _, pitch, _, _ in table(piece)] == [(0, 60), (0, 64)][:len(tracks)]


def test_patterns_of_type_2_follow_each_other_bar_by_bar():
    waltz = bytes([0, 0xFF, 0x58, 4, 3, 2, 24, 8])
    piece = read_midi(midi(2, [one_note_track(60, waltz), one_note_track(62), one_note_track(64)]))
    assert [(start // 96, pitch) for start, _, pitch, _, _ in table(piece)] == [(0, 60), (3, 62), (7, 64)]


def test_a_wrapper_before_the_header_is_passed_over(tmp_path):
    path = tmp_path / "song.rmi"
    path.write_bytes(b"RIFF\0\0\0\0RMIDdata\0\0\0\0" + midi(1, [one_note_track(60)]))
    assert len(table(read(path))) == 1


def test_time_code_becomes_quarters_of_half_a_second():
    frames, ticks_a_frame = 25, 40  # a thousand ticks a second
    tempo = bytes([0, 0xFF, 0x51, 3, 1, 2, 3])
    piece = read_midi(midi(1, [one_note_track(60, tempo)], (256 - frames) << 8 | ticks_a_frame))
    assert seconds_at(piece, 1000) == pytest.approx(1.0)


def test_a_karaoke_file_is_midi(tmp_path):
    path = tmp_path / "SONG.KAR"
    path.write_bytes(midi(1, [one_note_track(60)]))
    assert len(table(read(path))) == 1


@pytest.mark.parametrize(("data", "said"), [
    (b"", "no MIDI header"), (b"hello" * 50, "no MIDI header"), (b"MThd\0\0", "no MIDI header"),
    (midi(1, [one_note_track(60)])[:-6], "damaged"), (midi(1, [one_note_track(60)], 0), "no ticks"),
])
def test_what_is_no_midi_is_said_in_a_sentence(tmp_path, data, said):
    path = tmp_path / "song.mid"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said) as caught:
        read(path)
    assert "song.mid" in str(caught.value)


@pytest.mark.parametrize("cut", [23, 30, 33, 43, 50, 53])
def test_a_file_cut_off_in_a_track_is_refused(cut):
    with pytest.raises(UserError, match="cut off in the middle of a track"):
        read_midi(midi(1, [one_note_track(60), one_note_track(64)])[:cut])


@pytest.mark.parametrize(("cut", "tracks"), [(14, 0), (34, 1), (38, 1), (54, 2)])
def test_of_a_file_cut_off_between_tracks_the_whole_ones_are_read(cut, tracks):
    assert len(table(read_midi(midi(1, [one_note_track(60), one_note_track(64)])[:cut]))) == tracks


def test_wrong_lengths_and_unknown_chunks_are_no_trouble():
    data = midi(1, [one_note_track(60)])
    assert len(table(read_midi(data.replace(b"MTrk\0\0\0\x0c", b"MTrk\x7f\0\0\0")))) == 1
    assert len(table(read_midi(data.replace(b"MTrk", b"XFIH\0\0\0\2ab" + b"MTrk")))) == 1
    longer = data[:4] + struct.pack(">I", 8) + data[8:14] + b"\0\0" + data[14:]
    assert len(table(read_midi(longer))) == 1


def test_missing_files_folders_and_other_kinds_of_file(tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*nothing.mid.*check the name"):
        read(tmp_path / "nothing.mid")
    with pytest.raises(UserError, match="is a folder"):
        read(tmp_path)
    (tmp_path / "song.txt").write_text("la la la")
    with pytest.raises(UserError, match=r"not a music file; known endings are \.mid"):
        read(tmp_path / "song.txt")


def test_a_piece_that_is_written_reads_back_the_same(tmp_path):
    for piece in (band(), changing_metre()):
        write(piece, tmp_path / "piece.mid")
        again = read(tmp_path / "piece.mid")
        assert table(again) == table(piece)
        assert [(m.time, m.numerator, m.denominator) for m in again.time_signatures] == [
            (m.time, m.numerator, m.denominator) for m in piece.time_signatures]
    assert reopened(band())[0].type == 1


def test_files_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "piece.mid"
    path.write_text("old")
    with pytest.raises(UserError, match="the disk is full"), whole_file(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    with pytest.raises(KeyError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert [file.name for file in tmp_path.iterdir()] == ["piece.mid"]
    with whole_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["piece.mid"]


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="there is no folder"):
        write(band(), tmp_path / "nowhere" / "piece.mid")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, not a folder"):
        write(band(), tmp_path / "file" / "piece.mid")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        write(band(), tmp_path / "folder")

    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(UserError, match="no permission"):
        write(band(), tmp_path / "piece.mid")


def test_a_description_says_what_is_in_a_piece():
    said = describe(band(bars=4))
    assert [track["instrument"] for track in said["tracks"]] == ["acoustic grand piano", "finger bass", "flute", "drums"]
    assert said["tracks"][1]["lowest"] == 36
    assert (said["bars"], said["metres"], said["tempo"], said["key"]) == (4, ["4/4"], 100.0, "C major")
    assert said["seconds"] == pytest.approx(16 * 0.6, abs=0.01)
    assert said["notes"] == sum(track["notes"] for track in said["tracks"])


def test_descriptions_of_little_or_nothing():
    empty = describe(piece_of({}))
    assert (empty["notes"], empty["bars"], empty["seconds"], empty["key"]) == (0, 0, 0, None)
    assert describe(piece_of({DRUMS: [(0, 1, 36, 90)]}))["key"] is None
    assert describe(changing_metre())["metres"] == ["4/4", "3/4", "6/8"]


def test_a_tunebook_is_cut_into_tunes():
    book = b"%abc\nR:reel\n\nX:1\nK:C\nCDE\n\nX:2\nK:D\nDEF\n"
    assert tunes(book, "book.abc") == [b"%abc\nR:reel\n\nX:1\nK:C\nCDE\n\n", b"%abc\nR:reel\n\nX:2\nK:D\nDEF\n"]
    assert tunes(b"K:C\nCDE\n", "tune.abc") == [b"X:1\nK:C\nCDE\n"]
    assert tunes(b"X:", "tune.mid") == [b"X:"]
