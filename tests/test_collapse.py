"""A collapsed composer is told from one that is not."""

import numpy as np
import pytest
import torch
from music_made_here import piece_of, songbook

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll
from bandmate.collapse import HUMAN, collapse, filled, held_out
from bandmate.commands.collapse import collapse as command
from bandmate.data.prepare import prepare
from bandmate.data.windows import Prepared
from bandmate.failings import Way
from bandmate.families.gan import Gan
from bandmate.piece import Piece
from bandmate.settings import UserError


def song(seed: int) -> Piece:
    """Twelve bars of random chords for a piano and a bass."""
    random = np.random.default_rng(seed)
    return piece_of({0: [(at, 2, int(random.integers(12)) + low, 80) for at in range(0, 48, 2) for low in (48, 60, 72)],
                     33: [(at, 1, int(random.integers(36, 48)), 80) for at in range(48)]})


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    return songbook(tmp_path_factory.mktemp("midis"), song)


@pytest.fixture(scope="module")
def data(music, tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "roll"
    prepare([str(music)], out, "roll", workers=1)
    return out


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A painter that draws a tenth of all cells by chance, as a file."""
    torch.manual_seed(0)
    gan = Gan(Gan.Config(width=2, noise=8), Roll()).train()
    gan.steady.begin(torch.full((10, 84), 0.1))
    with torch.no_grad():
        for _ in range(100):
            gan.steady(torch.randn(8, 8))
    path = tmp_path_factory.mktemp("models") / "gan.safetensors"
    checkpoint.save(gan.eval(), path, Card(family="gan"))
    return path


def test_one_and_the_same_piece_is_told_from_many(data, model):
    ways = [Way.parse(f"{model}:temperature={warm}") for warm in (0, 1)]
    same, wild, people = collapse(ways, Prepared(data), samples=3)
    assert same["distinct"] == pytest.approx(1 / 3)
    assert same["pairwise distance"] == 0
    assert wild["distinct"] == 1
    assert wild["pairwise distance"] > 100
    assert people[""] == HUMAN
    assert people["of people's, %"] == pytest.approx(100)
    assert people["empty, %"] == "0 100 0 100 100"


def test_openings_are_gone_on_from(data, model):
    [row, _] = collapse([Way.parse(f"{model}:temperature=0,change=0")], Prepared(data), samples=2, bars=8, given=4)
    assert row["pairwise distance"] > 0


def test_people_are_whole_blocks_of_held_out_pieces(data):
    blocks = held_out(Prepared(data), Roll(), 4, seed=1)
    assert blocks.shape == (4, 32, 640)
    assert c.sounding(blocks).reshape(4, 4, -1).any(-1).all()
    with pytest.raises(UserError, match="900 blocks were wanted, but the held-out pieces have only"):
        held_out(Prepared(data), Roll(), 900, seed=1)


def test_what_is_short_has_silence_before_it():
    short = np.full((8, c.CELLS), c.ONSET)
    assert (filled(short)[:24] == c.OFF).all()
    assert (filled(short)[24:] == c.ONSET).all()


def test_the_command_prints_a_table_and_refuses_nonsense(data, model, capsys):
    command(str(model), data=data, samples=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("|  | distinct | pairwise distance | of people's, % |")
    assert lines[-1].startswith(f"| {HUMAN} | ")
    with pytest.raises(UserError, match="given is 9; a number from 0 to 4 was expected"):
        command(str(model), data=data, given=9)
    with pytest.raises(UserError, match="no model was named"):
        command(data=data)


def test_other_data_are_refused(music, tmp_path):
    prepare([str(music)], tmp_path / "bars", "notewise", workers=1)
    with pytest.raises(UserError, match="written with the codec 'notewise'; the codec 'roll' was expected"):
        collapse([], Prepared(tmp_path / "bars"))
