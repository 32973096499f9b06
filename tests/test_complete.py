"""An unfinished piece gets an ending, and what was there stays."""

from __future__ import annotations

import json

import pytest
import torch
from music_made_here import band, table

from bandmate.checkpoint import Card, save
from bandmate.commands import compose
from bandmate.families import FAMILIES
from bandmate.music.files import read, write
from bandmate.settings import UserError


@pytest.fixture
def model(tmp_path) -> str:
    torch.manual_seed(0)
    kind = FAMILIES["bands"]
    save(kind(kind.Config(**kind.SIZES["tiny"].config), kind.Codec()), tmp_path / "m.safetensors", Card(family="bands"))
    return str(tmp_path / "m.safetensors")


def test_a_piece_is_completed_after_a_bar(model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(band(6), tmp_path / "song.mid")
    compose.complete("song.mid", "--at", "3", "--instruments", "piano", "--seed", "2", model=model)
    printed = capsys.readouterr().out.split()
    assert "out/song-complete.mid" in printed
    given, whole = read(tmp_path / "song.mid"), read(tmp_path / "out" / "song-complete.mid")
    line, bar = 12 * given.ticks_per_quarter, 4 * given.ticks_per_quarter
    assert [note for note in table(whole) if note[0] < line] == [note for note in table(given) if note[0] < line]
    assert line < whole.end() <= line + 8 * bar  # eight bars, if nobody says how many
    story = json.loads((tmp_path / "out" / "song-complete.json").read_text())
    assert story["command"] == f"bandmate continue song.mid --model {model} --bars 8 --at 3 --instruments piano --seed 2"
    compose.complete("song.mid", "--at", "3", "--bars", "2", "--seed", "2", "--out", "short.mid", model=model)
    assert read(tmp_path / "short.mid").end() <= line + 2 * bar


def test_a_piece_cannot_be_completed_after_its_end(model, tmp_path):
    write(band(2), tmp_path / "song.mid")
    with pytest.raises(UserError, match="after bar 9, but has 2 bars"):
        compose.complete(str(tmp_path / "song.mid"), "--at", "9", model=model)
