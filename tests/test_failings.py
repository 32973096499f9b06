"""Known failings are counted: of models that say what they do, and of people."""

import numpy as np
import pytest
import torch
from music_made_here import piece_of, songbook

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.commands.failings import failings as command
from bandmate.data.prepare import prepare
from bandmate.data.windows import Prepared
from bandmate.failings import HUMAN, Way, drift, failings
from bandmate.families.lstm import Lstm
from bandmate.settings import UserError

SHAPE = {"width": 16, "layers": 1, "embedding": 8, "dropout": 0.0}


def song(seed):
    """Six bars of chords of three notes, of two lengths."""
    random = np.random.default_rng(seed)
    return piece_of({0: [(at, int(random.integers(1, 3)), int(random.integers(12)) + low, 80) for at in range(0, 24, 2)
                         for low in (48, 60, 72)]})


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    return songbook(tmp_path_factory.mktemp("midis"), song)


@pytest.fixture(scope="module")
def data(music, tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "notewise"
    prepare([str(music)], out, "notewise", workers=1)
    return out


@pytest.fixture(scope="module")
def steps(music, tmp_path_factory):
    """An untrained model of intervals, as a file."""
    folder = tmp_path_factory.mktemp("steps")
    prepare([str(music)], folder / "data", "intervals", workers=1)
    torch.manual_seed(0)
    model = Lstm(Lstm.Config(**SHAPE), Prepared(folder / "data").codec())
    checkpoint.save(model.eval(), folder / "steps.safetensors", Card(family="lstm"))
    return folder / "steps.safetensors"


def test_composers_stand_beside_people(data):
    rows = failings([Way.parse("chords:most_notes=1"), Way.parse("chords:rhythm=random")], Prepared(data), bars=4, given=2,
                    pieces=2)
    assert [row[""] for row in rows] == ["chords:most_notes=1", "chords:rhythm=random", HUMAN]
    even, random, people = rows
    assert even["times between starts"] == 1 < random["times between starts"]
    assert even["hanging notes, %"] == 0
    assert 0 <= even["BLEU"] < people["BLEU"] <= 1
    assert all(isinstance(value, float) for value in list(people.values())[1:])


def test_only_what_is_added_is_counted(data):
    [alone, _] = failings([Way.parse("chords:most_notes=1")], Prepared(data), bars=4, given=2, pieces=2)
    [nothing, _] = failings([Way.parse("chords:most_notes=1")], Prepared(data), bars=4, given=0, pieces=2)
    assert alone["lengths of notes"] == nothing["lengths of notes"] == 1


def test_ways_to_draw_are_read(data):
    way = Way.parse("chords:temperature=0.5, allowed=C")
    assert (way.options.temperature, way.options.allowed) == (0.5, ("C",))
    assert Way.parse("chords").text == "chords"
    with pytest.raises(UserError, match="'warm' in 'chords:warm' is no option with a value"):
        Way.parse("chords:warm")
    with pytest.raises(UserError, match="there is no setting 'heat'"):
        Way.parse("chords:heat=1")


def test_too_few_openings_are_refused(data):
    with pytest.raises(UserError, match="2 openings of 90 bars were wanted, but only 0 training pieces are longer"):
        failings([], Prepared(data), given=90, pieces=2)


def test_steps_without_bounds_walk_away(steps):
    low, high, beyond = drift(Way.parse(f"{steps}:temperature=2,top_p=1"), events=60, pieces=3)
    assert low <= 60 <= high
    assert 0 <= beyond <= 1
    assert (low, high, beyond) == drift(Way.parse(f"{steps}:temperature=2,top_p=1"), events=60, pieces=3)
    longer = drift(Way.parse(f"{steps}:temperature=2,top_p=1"), events=300, pieces=3)
    assert longer[1] - longer[0] > high - low
    with pytest.raises(UserError, match="only what is written as steps can drift"):
        drift(Way.parse("chords"))


def test_the_command_prints_a_table_and_the_drift(data, steps, capsys):
    command("chords", str(steps), data=data, bars=4, given=0, pieces=2, drift=40)
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("|  | 8-grams repeated, % | longest circle, events |")
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| chords", f"| {steps}", "| people"]
    assert "40 steps without bounds: from pitch" in shown.err
    for choices, said in (({"bars": 0}, "bars is 0; at least 1 was expected"), ({"drift": -1}, "drift is -1")):
        with pytest.raises(UserError, match=said):
            command("chords", data=data, **choices)
    with pytest.raises(UserError, match="no model was named"):
        command(data=data)
