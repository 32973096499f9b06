"""Rhythm from elsewhere, as a person asks for it at the command line: every family of pitches, every rhythm."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from music_made_here import table
from tiny_families import RECURRENT, Tiny, codec_of

from bandmate.checkpoint import Card, save
from bandmate.cli import main
from bandmate.families import FAMILIES
from bandmate.families.rhythm_net import RhythmNet
from bandmate.music.files import read
from bandmate.music.rhythm import Euclid
from bandmate.settings import UserError

TINY = {"width": 16, "layers": 1}
SMALL: dict[str, dict[str, int]] = {"gpt": {**TINY, "heads": 1, "hidden": 16}, "markov": {}}
PITCHES = [("lstm", "names"), ("gru", "intervals"), ("gpt", "names"), ("markov", "names")]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bandmate.commands.compose.write_and_print",
                        lambda piece, path, *rest, **named: piece.dump_midi(f"{path.name}.mid"))


def model(family: str, codec: str) -> str:
    """Write a small model that has learnt nothing; return its file."""
    torch.manual_seed(0)
    kind, name = FAMILIES[family], f"{family}.safetensors"
    save(kind(kind.Config(**SMALL.get(family, {**TINY, "embedding": 16})), codec_of(codec)), name, Card(family=family))
    return name


def starts(*words: str) -> list[float]:
    """Let a model write two bars; return when its notes start, in quarters."""
    assert main(["generate", "--bars", "2", "--seed", "3", "--out", "piece", *words]) == 0
    piece = read("piece.mid")
    return sorted({note[0] / piece.ticks_per_quarter for note in table(piece)})


@pytest.mark.parametrize(("family", "codec"), PITCHES)
def test_pitches_play_in_every_rhythm(family: str, codec: str) -> None:
    words = ["--model", model(family, codec)]
    assert starts(*words) == starts(*words, "--rhythm", "none") == [n / 2 for n in range(16)]
    assert starts(*words, "--rhythm", "euclid", "--pattern", "tresillo")[:4] == [0, 0.75, 1.5, 2]
    learnt = starts(*words, "--rhythm", "learnt", "--rhythm-model", model("rhythm_net", "names:rhythm=joint"))
    random = starts(*words, "--rhythm", "random")
    assert learnt != random != [n / 2 for n in range(16)] != learnt


def test_notes_with_a_rhythm_of_their_own_play_it() -> None:
    words = ["--model", model("lstm", "names:rhythm=joint")]
    assert starts(*words, "--rhythm", "joint") == starts(*words)


@pytest.mark.parametrize(("words", "sentence"), [
    (["--rhythm", "learnt"], "no model of rhythm is at hand; train one with `bandmate train rhythm_net`"),
    (["--rhythm", "learnt", "--rhythm-model", "gpt.safetensors"], "'gpt.safetensors' does not know rhythm alone"),
    (["--rhythm", "learnt", "--rhythm-model", "nowhere"], "there is no model 'nowhere'"),
    (["--rhythm", "joint"], "this model learnt pitches alone; for rhythm of its own, prepare music with --codec names:rhythm"),
    (["--rhythm", "swing"], "rhythm is 'swing'; input should be 'none', 'euclid', 'random', 'learnt' or 'joint'"),
    (["--pattern", "tresillo"], "is one of Euclid's, but the rhythm is 'none'"),
])
def test_rhythms_that_cannot_be_are_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--model", model("gpt", "names"), *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


# The same, called from Python

def starts_of(piece) -> list[float]:
    return sorted({note[0] / piece.ticks_per_quarter for note in table(piece)})


@pytest.mark.parametrize("codec", ["names", "intervals"])
def test_pitches_play_in_any_rhythm(codec: str) -> None:
    model = Tiny("gru", codec, RECURRENT).make()
    even = model.generate(model.Options(bars=2, seed=3))[0]
    assert starts_of(even) == [n / 2 for n in range(16)]
    tresillo = model.generate(model.Options(bars=2, seed=3, rhythm="euclid", pattern="tresillo"))[0]
    assert starts_of(tresillo) == Euclid(onsets=3, places=8).slots(8)[:, 0].tolist()
    for rhythm in ("euclid", "random"):
        pieces = [model.generate(model.Options(bars=4, seed=seed, rhythm=rhythm))[0] for seed in (3, 3, 4)]
        piece, again, other = map(starts_of, pieces)
        assert piece == again
        assert piece != other


def test_a_learnt_rhythm_is_beaten_by_the_network() -> None:
    model, net = Tiny("lstm", "names", RECURRENT).make(), Tiny("rhythm_net", "names:rhythm=joint", RECURRENT).make()
    assert isinstance(net, RhythmNet)
    options = model.Options(bars=2, seed=3, rhythm="learnt")
    with pytest.raises(UserError, match="no model of rhythm is at hand; train one with `bandmate train rhythm_net`"):
        model.generate(options)
    model.rhythm = net.slots
    slots = net.slots(8, seed=3)
    assert starts_of(model.generate(options)[0]) == pytest.approx(slots[:, 0].tolist(), abs=1e-3)
    assert (slots[:, 0] + slots[:, 1]).max() <= 8
    assert slots.tolist() != net.slots(8, seed=4).tolist()


def test_rhythms_that_cannot_be() -> None:
    for codec in ("notewise", "names:rhythm=joint"):
        model = Tiny("lstm", codec, RECURRENT).make()
        assert model.generate(model.Options(bars=1, rhythm="joint"))[0].note_num()
        with pytest.raises(UserError, match="writes its own rhythm with the notes, so the rhythm 'euclid' has no place"):
            model.generate(model.Options(bars=1, rhythm="euclid"))
    model = Tiny("lstm", "names", RECURRENT).make()
    with pytest.raises(UserError, match="learnt pitches alone; for rhythm of its own, prepare music with --codec names:rhythm"):
        model.generate(model.Options(bars=1, rhythm="joint"))
    with pytest.raises(UserError, match="is one of Euclid's, but the rhythm is 'random'"):
        model.Options(rhythm="random", pattern="5/8")
    with pytest.raises(UserError, match="ask for the rhythm 'learnt', or leave the model of rhythm out"):
        model.Options(rhythm_model="runs/rhythm")
    with pytest.raises(UserError, match="there is no rhythm 'tresilo'"):
        model.Options(rhythm="euclid", pattern="tresilo")
