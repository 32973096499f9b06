"""An unfinished piece gets an ending, and what was there stays."""

from __future__ import annotations

import json

import pytest
import torch
from music_made_here import band, piece_of, table

from bandmate.checkpoint import Card, save
from bandmate.commands import compose
from bandmate.commands.ending import come_home
from bandmate.families import FAMILIES
from bandmate.model import Options, unwatched
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
    assert story["command"] == (
        f"bandmate complete song.mid --model {model} --bars 8 --at 3 --instruments piano --seed 2 --candidates 4")
    compose.complete("song.mid", "--at", "3", "--bars", "2", "--seed", "2", "--out", "short.mid", model=model)
    assert read(tmp_path / "short.mid").end() <= line + 2 * bar


def test_a_piece_cannot_be_completed_after_its_end(model, tmp_path):
    write(band(2), tmp_path / "song.mid")
    with pytest.raises(UserError, match="after bar 9, but has 2 bars"):
        compose.complete(str(tmp_path / "song.mid"), "--at", "9", model=model)


class Player:
    """Goes on with one chord a bar, other chords at each request; fills in as it is told, if it can."""

    def __init__(self, *chords: tuple[int, ...], fills: tuple[int, ...] | None = None) -> None:
        self.chords, self.fills, self.asked = chords, fills, []

    def generate(self, options, prompt, progress):
        self.asked.append(options)
        progress(1.0, lambda: [prompt])
        if options.task == "infill" and self.fills is None:
            raise UserError("it cannot infill")
        chords = self.chords[:options.variants] if options.task == "continue" else [self.fills]
        return [piece_of({0: [*HERE, *((8, 4, pitch, 90) for pitch in chord)]}) for chord in chords]


HERE = [(0, 4, 48, 90), (0, 4, 64, 90), (4, 4, 55, 90), (4, 4, 62, 90), (4, 4, 59, 90)]
HOME, NEAR, FAR = (48, 64, 67), (52, 60, 67), (53, 57, 62)


def last_chord(player, **wishes) -> tuple[int, ...]:
    options = Options(task="continue", bars=1, candidates=3, key="C major", **wishes)
    [piece] = come_home(player, options, piece_of({0: HERE}), unwatched)
    return tuple(sorted(pitch for start, _, pitch, *_ in table(piece) if start == 8 * piece.ticks_per_quarter))


def test_of_several_endings_the_one_that_comes_home_is_kept():
    player = Player(FAR, HOME, NEAR, fills=FAR)
    assert last_chord(player) == HOME
    assert [options.task for options in player.asked] == ["continue"]


def test_a_cadence_is_written_where_none_comes_home():
    player = Player(FAR, NEAR, FAR, fills=HOME)
    assert last_chord(player, tempo=90, metre="4/4") == HOME
    assert [(options.task, options.region, options.chords, options.variants) for options in player.asked[1:]] == [
        ("infill", "2-3", "G C", 3)]
    assert last_chord(Player(FAR, NEAR, FAR, fills=FAR)) == NEAR
    assert last_chord(Player(FAR, NEAR, FAR)) == NEAR  # one who cannot infill
    assert last_chord(Player(FAR, NEAR, FAR, fills=HOME), chords="F") == NEAR  # other chords were asked for


def test_every_variant_has_an_ending_of_its_own():
    player, shares = Player(NEAR, FAR, fills=HOME), []
    options = Options(task="continue", bars=1, variants=2, candidates=2, key="C major", seed=5)
    pieces = come_home(player, options, piece_of({0: HERE}), lambda share, so_far: shares.append(share))
    assert len(pieces) == 2
    assert [(asked.seed, asked.variants, asked.candidates) for asked in player.asked] == [(5, 2, 1)] * 2 + [(7, 2, 1)] * 2
    assert shares == pytest.approx([0.4, 0.5, 0.9, 1.0])
