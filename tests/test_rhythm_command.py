"""The command `rhythm`, as a person sees it."""

import pytest

from bandmate.commands.flags import run
from bandmate.commands.rhythm import rhythm
from bandmate.music.files import read
from bandmate.settings import UserError


def test_euclid_prints_the_pattern_and_how_it_is_built(capsys):
    run(rhythm, ["euclid", "5", "13"])
    assert capsys.readouterr().out == "1001010010100\n"
    run(rhythm, ["euclid", "5", "13", "--steps"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("gcd")[0].strip() for line in lines] == [
        "[1] [1] [1] [1] [1] | [0] [0] [0] [0] [0] [0] [0] [0]", "[10] [10] [10] [10] [10] | [0] [0] [0]",
        "[100] [100] [100] | [10] [10]", "[10010] [10010] | [100]", "10010 10010 100", "1001010010100"]
    assert [line.partition("gcd")[2] for line in lines[:-1]] == ["(8, 5)", "(5, 3)", "(3, 2)", "(2, 1)", "(1, 0) = 1"]


def test_rhythms_by_name_are_printed_and_clapped(capsys, tmp_path):
    run(rhythm, ["named"])
    assert "cinquillo        E(5, 8)  10110110\n" in capsys.readouterr().out
    run(rhythm, ["named", "tresillo", "--out", str(tmp_path / "clap.mid")])
    [track] = read(tmp_path / "clap.mid").tracks
    assert track.is_drum
    assert [note.time for note in track.notes][:4] == [0, 360, 720, 960]
    with pytest.raises(UserError, match="which rhythm to clap"):
        run(rhythm, ["named", "--out", str(tmp_path / "more.mid")])


def test_random_prints_the_same_for_the_same_seed(capsys):
    run(rhythm, ["random", "--seed", "3", "--quarters", "8"])
    first = capsys.readouterr().out
    run(rhythm, ["random", "--seed", "3", "--quarters", "8"])
    assert capsys.readouterr().out == first
    assert first.splitlines()[0].split()[0] == "0"
