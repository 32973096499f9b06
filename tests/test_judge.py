"""The commands that judge: a copy is found, shown and measured against human pieces; mistakes are one sentence."""

import json
import zipfile

import numpy as np
import pytest
import symusic
from matplotlib.patches import Rectangle
from music_made_here import band, drums_only, piece_of

import bandmate
from bandmate.commands.judge import copies, leaks
from bandmate.music.files import write
from bandmate.output.copies import MOST_BARS, Side, _draw, _view, draw_copy
from bandmate.settings import UserError

SHARED = [60, 64, 67, 65, 62, 59, 60, 72, 71, 69, 67, 65]


def song(seed, middle=()):
    """A tune at random in the bass, with something in its middle."""
    pitches = np.random.default_rng(seed).integers(28, 50, 40).tolist()
    pitches[12:12 + len(middle)] = middle
    return piece_of({0: [(n / 2, 0.5, pitch, 90) for n, pitch in enumerate(pitches)]})


@pytest.fixture
def corpus(tmp_path):
    """A folder of three songs, an archive among them, and things that are no music."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(song(0), folder / "a.mid")
    write(song(1), tmp_path / "b.mid")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.write(tmp_path / "b.mid", "b.mid")
        archive.writestr("broken.mid", b"MThd")
    write(song(2, [pitch + 2 for pitch in SHARED]), folder / "z.mid")
    (folder / "notes.txt").write_text("no music")
    write(song(5, SHARED), tmp_path / "mine.mid")
    return folder


def test_a_copy_in_another_key_is_named_and_shown(corpus, tmp_path, capsys):
    copies(tmp_path / "mine.mid", corpus=str(corpus))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"compared with 3 pieces of '{corpus}'"
    assert said[2] == "longest stretch in any key: 12 events, 6 beats, from beat 7; like z.mid, from beat 7"
    assert said[3] == "8-grams found as it stands: 0.0%"
    assert said[4] == f"8-grams found in any key: {5 / 33:.1%}"
    assert said[-1] == str(tmp_path / "mine-copies.png")
    assert (tmp_path / "mine-copies.png").read_bytes().startswith(b"\x89PNG")


def test_a_piece_of_an_archive_is_found_again(corpus, tmp_path, capsys):
    copies(tmp_path / "b.mid", corpus=str(corpus), out=tmp_path / "b.svg")
    said = capsys.readouterr().out
    assert "as it stands: 40 events, 20 beats, from beat 1; like more.zip/b.mid, from beat 1" in said
    assert "as it stands: 100.0%" in said
    assert "<svg" in (tmp_path / "b.svg").read_text()


def test_human_pieces_are_measured_with_the_same_yardstick(tmp_path, capsys):
    (tmp_path / "midis").mkdir()
    for number in range(30):
        write(song(number), tmp_path / "midis" / f"{number}.mid")
    bandmate.prepare("bands", tmp_path / "midis", tmp_path / "data", workers=1)
    write(song(100), tmp_path / "mine.mid")
    capsys.readouterr()
    copies(tmp_path / "mine.mid", corpus=str(tmp_path / "data"), human=5)
    said = capsys.readouterr().out
    held_out = json.loads((tmp_path / "data" / "manifest.json").read_text())["splits"]["test"]["pieces"]
    assert f"the same of {min(held_out, 5)} human pieces that are held out (median, 95th percentile):" in said
    assert said.count("8-grams found as it stands: 0.0%") == 2
    copies(tmp_path / "mine.mid", corpus=str(tmp_path / "data"), human=0, out=tmp_path / "two.png")
    assert "human pieces" not in capsys.readouterr().out


def test_without_anything_shared_there_is_no_picture(corpus, tmp_path, capsys):
    write(drums_only(), tmp_path / "drums.mid")
    copies(tmp_path / "drums.mid", corpus=str(corpus))
    shown = capsys.readouterr()
    assert "longest stretch in any key: none" in shown.out
    assert "8-grams found as it stands: n/a: fewer than eight events" in shown.out
    assert "no picture" in shown.err
    assert not list(tmp_path.glob("*.png"))


def test_mistakes_are_one_sentence(corpus, tmp_path):
    mine = tmp_path / "mine.mid"
    write(symusic.Score(480), tmp_path / "silent.mid")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no music")
    for file, choices, said in (
            (tmp_path / "none.mid", {"corpus": str(corpus)}, "there is no file"),
            (mine, {"corpus": str(tmp_path / "none")}, "there is no file or folder"),
            (mine, {"corpus": str(tmp_path / "texts")}, "there is no music in"),
            (mine, {"corpus": str(corpus), "out": tmp_path / "a.txt"}, "is no picture"),
            (tmp_path / "silent.mid", {"corpus": str(corpus)}, "no notes")):
        with pytest.raises(UserError, match=said):
            copies(file, **choices)


def test_both_rolls_show_the_shared_stretch_in_line(tmp_path):
    upper, lower = Side("mine", song(0), 6.0), Side("theirs", band(8), 17.0)
    figure = _draw(_view(upper, 4), _view(lower, 4), 4, "title")
    assert len(figure.axes) == 3  # the band has drums
    shades = []
    for axis in figure.axes:
        [shade] = [patch for patch in axis.patches if isinstance(patch, Rectangle) and patch.get_width() == 4 * 480]
        shades.append(shade.get_x() - axis.get_xlim()[0])
        assert axis.get_xlim()[1] - axis.get_xlim()[0] == pytest.approx(np.ptp(figure.axes[0].get_xlim()))
    assert len(set(shades)) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Piano", "Bass", "Pipe", "Drums"]
    assert draw_copy(upper, lower, 4, tmp_path / "both.pdf").read_bytes().startswith(b"%PDF")


def test_of_a_long_stretch_the_beginning_is_shown():
    side = Side("long", band(40), 0.0)
    view = _view(side, 160)
    assert (view.first, view.stop) == (0, MOST_BARS)


def test_a_split_is_audited(tmp_path, capsys):
    random = np.random.default_rng(0)
    train = [random.integers(40, 80, (80, 4)).tolist() for _ in range(3)]
    path = tmp_path / "voices.json"
    path.write_text(json.dumps({"train": train, "valid": [random.integers(40, 80, (80, 4)).tolist()], "test": [train[1]]}))
    leaks(path)
    said = capsys.readouterr().out.splitlines()
    assert "| all voices, as they stand | test | 20.00 | 20.00 | 20.00 | 20.00 | 1 of 1 |" in said
    assert said[-1] == "clean (melody, in any key, less than 16 beats): 1 of 1 valid, 0 of 1 test"
    with pytest.raises(UserError, match="there is no file"):
        leaks(tmp_path / "none.json")
