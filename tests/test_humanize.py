"""The commands humanize and quantize."""

import json

import pytest
from music_made_here import band, table

from bandmate.cli import main
from bandmate.commands import feel
from bandmate.music.feel import humanize
from bandmate.music.files import read, write


@pytest.fixture(autouse=True)
def _song(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(feel, "FORMATS", ("mid", "json"))  # sound has tests of its own
    write(band(2), "song.mid")


def test_humanize_and_back(tmp_path, capsys):
    assert main(["humanize", "song.mid", "--timing", "0.5", "--velocity", "0.5", "--seed", "3"]) == 0
    assert {"song-human.mid", "song-human.json"} == {path.strip() for path in capsys.readouterr().out.split()}
    assert table(read("song-human.mid")) == table(humanize(read("song.mid"), 0.5, 0.5, 3)) != table(band(2))
    record = json.loads((tmp_path / "song-human.json").read_text())
    assert record["command"] == "bandmate humanize song.mid --timing 0.5 --velocity 0.5 --seed 3"
    assert main(["quantize", "song-human.mid", "--out", "back/song.mid"]) == 0
    assert [row[:3] for row in table(read("back/song.mid"))] == [row[:3] for row in table(band(2))]


def test_a_seed_is_drawn_and_nothing_is_overwritten(capsys):
    assert main(["humanize", "song.mid"]) == main(["humanize", "song.mid"]) == 0
    shown = capsys.readouterr()
    assert "song-human-2.mid" in shown.out
    assert "seed " in shown.err


@pytest.mark.parametrize(("words", "sentence"), [
    ("quantize song.mid --grid 1/7", "'1/7' is not a grid"), ("quantize song.mid --strength 3", "strength is 3"),
    ("humanize song.mid --timing 2", "timing is 2"), ("humanize nowhere.mid", "there is no file"),
])
def test_mistakes(capsys, words, sentence):
    assert main(words.split()) == 2
    assert sentence in capsys.readouterr().err
