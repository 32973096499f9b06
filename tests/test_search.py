"""The search: every cell once, the same amount of music for each, and what is done is not done again."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import tones
from matplotlib.image import imread

import bandmate.search as searching
from bandmate.codecs import CODECS
from bandmate.commands import search as command
from bandmate.families import FAMILIES
from bandmate.output.heat import draw_heat
from bandmate.run import Training
from bandmate.search import Grid, read, search
from bandmate.settings import UserError

GRID = Grid(lengths=(8, 12), batches=(2, 4), rows=96)
CHEAP = Training(threads=1, accelerator="cpu", lr=0.05, seed=3)


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setitem(CODECS, "tones", tones.Tones)
    monkeypatch.setitem(FAMILIES, "guesser", tones.Guesser)
    scales = tones.Scales()
    monkeypatch.setattr(searching, "Prepared", lambda folder: scales)
    train = searching.train
    monkeypatch.setattr(searching, "train", lambda family, data, *rest, **named: train(family, scales, *rest, **named))


def test_every_cell_hears_the_same_amount_of_music(tmp_path):
    seen: list[float] = []
    cells = search("guesser", "scales", tmp_path, GRID, CHEAP, size="tiny", progress=lambda share, about: seen.append(share))
    assert [(cell.length, cell.batch, cell.steps) for cell in cells] == [(8, 2, 6), (8, 4, 3), (12, 2, 4), (12, 4, 2)]
    assert all(0 < cell.nats_per_note < 10 for cell in cells)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert read(tmp_path) == cells
    with open(tmp_path / "search.csv", newline="") as file:
        assert next(csv.reader(file)) == ["length", "batch", "steps", "seconds", "nats_per_note"]
    assert (tmp_path / "8x2" / "best.safetensors").is_file()


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    done: list[int] = []
    small = GRID.replace(batches=(2,))
    first = search("guesser", "scales", tmp_path, small, CHEAP, size="tiny", on_cell=lambda cells: done.append(len(cells)))
    assert done == [1, 2]
    trained: list[str] = []
    train = searching.train

    def watch(family, data, out, *rest, **named):
        trained.append(Path(out).name)
        return train(family, data, out, *rest, **named)

    monkeypatch.setattr(searching, "train", watch)
    more = search("guesser", "scales", tmp_path, GRID, CHEAP, size="tiny")
    assert trained == ["8x4", "12x4"]
    assert [cell for cell in more if cell.batch == 2] == first


def test_a_cell_that_was_stopped_goes_on(tmp_path, monkeypatch):
    train = searching.train

    def stop(*rest, **named):
        def halfway(step, steps, row):
            if step == 3:
                raise RuntimeError("the lights went out")
        return train(*rest, **{**named, "progress": halfway})

    one = Grid(lengths=(8,), batches=(2,), rows=96)
    monkeypatch.setattr(searching, "train", stop)
    with pytest.raises(RuntimeError):
        search("guesser", "scales", tmp_path / "a", one, CHEAP, size="tiny")
    assert read(tmp_path / "a") == []
    monkeypatch.setattr(searching, "train", train)
    [cell] = search("guesser", "scales", tmp_path / "a", one, CHEAP, size="tiny")
    [whole] = search("guesser", "scales", tmp_path / "b", one, CHEAP, size="tiny")
    assert cell.nats_per_note == pytest.approx(whole.nats_per_note)


def test_another_search_is_not_mixed_in(tmp_path):
    one = Grid(lengths=(8,), batches=(2,), rows=32)
    search("guesser", "scales", tmp_path, one, CHEAP, size="tiny")
    with pytest.raises(UserError, match="holds another search \\(different: rows, training\\)"):
        search("guesser", "scales", tmp_path, one.replace(rows=64), CHEAP.replace(lr=0.01), size="tiny")


def test_the_command_draws_what_it_found(tmp_path, capsys):
    out = tmp_path / "found"
    command.search("guesser", "scales", str(out), "--size", "tiny", "--lengths", "8,12", "--batches", "2", "--rows", "48",
                   "--threads", "1", "--accelerator", "cpu")
    told = capsys.readouterr()
    assert told.out.split() == [str(out / "search.csv"), str(out / "search.png")]
    assert "best: windows of" in told.err
    assert imread(out / "search.png").std() > 0.1
    with pytest.raises(UserError, match="lengths is 'long'; whole numbers with commas between were expected"):
        command.search("guesser", "scales", str(out), "--lengths", "long")
    with pytest.raises(UserError, match="greater than or equal to 8"):
        command.search("guesser", "scales", str(out), "--lengths", "2")


def test_a_heat_map_shows_what_is_there(tmp_path):
    path = draw_heat({(8, 2): 1.5, (8, 4): None, (12, 2): 2.5}, tmp_path / "heat.png", "batch", "length", "nats")
    picture = imread(path)
    assert len({tuple(pixel) for pixel in picture[::7, ::7, :3].reshape(-1, 3).round(1)}) > 2
    assert draw_heat({(8, 2): None}, tmp_path / "none.png", "batch", "length").is_file()
