"""Recognising: plainly different manners are told apart, files keep what was learnt, mistakes are said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from cyclopts import CycloptsError
from manners import MANNERS, prepare, rock, waltz
from music_made_here import piece_of
from safetensors.torch import save_file

from bandmate import checkpoint
from bandmate.codecs.bars import Bars
from bandmate.commands.flags import make_app, run
from bandmate.commands.recognise import recognise, style
from bandmate.data.windows import Prepared
from bandmate.examples import study
from bandmate.families.bands import Bands
from bandmate.music.files import write
from bandmate.obedience.style import Usual, follow_words, usual
from bandmate.output.confusion import draw_confusion
from bandmate.piece import DRUMS
from bandmate.recipe import Recipe
from bandmate.recognise import Card, Examples, Verdict, load, nearest_histogram, save
from bandmate.settings import UserError

QUICK = {"least": 5, "rounds": 4, "hidden": 16, "bars": 4}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return prepare(tmp_path_factory.mktemp("recognise") / "data")


@pytest.fixture(scope="module")
def found(data):
    return study(Prepared(data), Recipe(**QUICK))


@pytest.fixture
def saved(found, tmp_path) -> Path:
    save(found.model, tmp_path / "styles.safetensors")
    return tmp_path / "styles.safetensors"


def test_two_manners_are_told_apart(found):
    scores = found.model.card.scores
    assert found.counts == {"train": 16, "valid": 6, "test": 8}
    assert (scores["accuracy"], scores["balanced"], scores["balanced, of a stretch"]) == (1, 1, 1)
    assert (scores["chance"], scores["commonest class"], scores["test classes"]) == (0.5, 0.5, 2)
    assert 0 < scores["histogram"] <= 1
    assert found.verdict.confusion(2).tolist() == [[4, 0], [0, 4]]
    for name, make in MANNERS.items():
        said = found.model.probabilities(make(99))
        assert next(iter(said)) == name
        assert list(said.values()) == sorted(said.values(), reverse=True)
        assert sum(said.values()) == pytest.approx(1)


def test_labels_that_mean_nothing_are_not_recognised(tmp_path):
    """What is learnt comes from the music: with one name for both manners there is nothing to tell apart."""
    with pytest.raises(UserError, match="only 1 style has 5 training pieces or more"):
        study(Prepared(prepare(tmp_path / "one", {"waltz": "dance", "rock": "dance"})), Recipe(**QUICK))


@pytest.mark.parametrize("hidden", [0, 8])
def test_the_same_seed_learns_the_same_weights(data, hidden):
    recipe = Recipe(**{**QUICK, "hidden": hidden, "rounds": 2})
    torch.manual_seed(1)
    one = study(Prepared(data), recipe).model
    torch.manual_seed(2)
    shares: list[float] = []
    same, other = (study(Prepared(data), recipe.replace(seed=seed), shares.append).model for seed in (0, 1))
    weights = [model.state_dict() for model in (one, same, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])
    assert shares[-1] == 1
    assert all(0 <= share <= 1 for share in shares)


def test_a_file_keeps_what_was_learnt(found, saved):
    again = load(saved)
    assert again.probabilities(rock(50)) == found.model.probabilities(rock(50))
    assert again.card.replace(date="") == found.model.card
    assert again.card.recipe == Recipe(**QUICK)
    assert again.card.sources[0]["licence"] == "CC0"
    assert again.card.date


def test_what_is_no_recogniser_is_said(found, saved, tmp_path):
    with pytest.raises(UserError, match="there is no recogniser 'nowhere'"):
        load("nowhere")
    with pytest.raises(UserError, match="is no recogniser"):
        load(checkpoint.shipped()["bands"])
    whole = saved.read_bytes()
    for name, damage in (("cut", whole[:-40]), ("noise", b"\xff" * 100), ("empty", b"")):
        (tmp_path / name).write_bytes(damage)
        with pytest.raises(UserError, match="is damaged"):
            load(tmp_path / name)
    header = {"kind": "recogniser", "card": found.model.card.model_dump_json(), "traits": '{"colour": 3}'}
    save_file({"mean": torch.zeros(3)}, tmp_path / "other", header)
    with pytest.raises(UserError, match="hears other traits"):
        load(tmp_path / "other")
    with torch.no_grad():
        spoilt = load(saved)
        spoilt.mean[0] = float("nan")
        save(spoilt, tmp_path / "spoilt")
    with pytest.raises(UserError, match="some of its weights are no numbers"):
        load(tmp_path / "spoilt")


def test_data_that_teach_nothing_are_refused(data, tmp_path, found):
    with pytest.raises(UserError, match=r"only 0 style has 9 training pieces .* waltz \(8\)"):
        study(Prepared(data), Recipe(**{**QUICK, "least": 9}))
    with pytest.raises(UserError, match="only 1 composer"):
        study(Prepared(data), Recipe(**QUICK, label="composer"))
    with pytest.raises(UserError, match=r"no training piece in .* has a style"):
        study(Prepared(prepare(tmp_path / "bare", {"waltz": "", "rock": ""})), Recipe(**QUICK))
    held = Prepared(prepare(tmp_path / "nothing held out"))
    held.pieces = [row for row in held.pieces if row["split"] != "test"]
    with pytest.raises(UserError, match=r"no test piece in .* has one of the 2 classes"):
        study(held, Recipe(**QUICK))
    with pytest.raises(UserError, match="the piece has no notes"):
        found.model.probabilities(piece_of({0: []}))


def test_verdicts_by_hand():
    verdict = Verdict(np.array([0, 0, 1, 0]), np.array([0, 0, 1, 1]))
    assert verdict.accuracy() == 0.75
    assert verdict.balanced() == 0.75
    assert Verdict(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 2])).balanced() == 0.5
    assert verdict.confusion(3).tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_the_yardstick_takes_the_nearest_histogram(found):
    traits = np.zeros((4, len(found.model.mean)), np.float32)
    traits[[0, 1], [0, 7]] = traits[2, 7] = traits[3, 0] = 1
    train = Examples(traits[:2], np.array([0, 1]), np.array([0, 1]))
    verdict = nearest_histogram(train, Examples(traits[2:], np.array([1, 1]), np.array([0, 1])))
    assert verdict.said.tolist() == [1, 0]
    assert verdict.right.tolist() == [1, 1]


def test_confusion_is_drawn(tmp_path):
    path = draw_confusion(np.array([[3, 1], [0, 0]]), ["waltz", "rock"], tmp_path / "confusion.png", "style")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_what_is_usual_for_a_word(data):
    assert usual(Prepared(data), "style", "waltz") == Usual("3/4", (0,))
    found = usual(Prepared(data), "style", "rock")
    assert found == Usual("4/4", (30, 33, DRUMS))
    assert found.wish() == {"instruments": ("30", "33"), "drums": True}
    assert Usual("4/4", (DRUMS,)).wish() == {"instruments": ("drums",), "drums": True}
    assert str(found) == "4/4, distortion guitar, finger bass, drums"


def test_obedience_tells_who_listens(found):
    usuals = {"waltz": Usual("4/4", (0,)), "rock": Usual("4/4", (30, 33, DRUMS))}
    asked, shares = [], []

    def obeys(wish):
        asked.append(wish)
        return [MANNERS.get(wish.get("style"), waltz)(wish["seed"] + n) for n in range(wish["variants"])]
    result = follow_words(obeys, lambda piece: [*found.model.probabilities(piece)], "style", usuals, 2, 4, 7, shares.append)
    assert [result.share(way) for way in ("word", "word and players", "players alone")] == [1, 1, 0.5]
    assert result.share("players alone", 2) == 1
    assert [result.others(way) for way in ("word", "players alone")] == [0, 0.5]
    assert asked[0] == {"bars": 4, "metre": "4/4", "variants": 2, "seed": 7, "style": "waltz"}
    assert asked[5] == {"bars": 4, "metre": "4/4", "variants": 2, "seed": 9, "instruments": ("30", "33"), "drums": True}
    assert shares[-1] == 1
    lines = [" ".join(line.split()) for line in result.table().splitlines()]
    assert [result.ahead(way) for way in ("word", "players alone")] == [1, 0.5]
    assert "word 100.0% 100.0% 100.0% 0.0% 4" in lines
    assert "rock 2/2 2/2 0/2 rock (2); 4/4, distortion guitar, finger bass, drums" in lines


def test_the_commands(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(recognise, ["train", str(data), "styles.safetensors", "--least", "5", "--rounds", "8", "--hidden", "16"])
    said = capsys.readouterr().out
    assert "2 classes; pieces: 16 train, 6 valid, 8 test" in said
    assert "recogniser, whole pieces 100.0% 100.0%" in " ".join(said.split())
    assert Path("styles-confusion.png").stat().st_size > 5000
    numbers = json.loads(Path("styles-confusion.json").read_text())
    assert numbers["confusion"] == [[4, 0], [0, 4]]
    assert numbers["scores"]["chance"] == 0.5
    write(rock(77), "rock.mid")
    run(recognise, ["file", "rock.mid", "--model", "styles.safetensors"])
    assert capsys.readouterr().out.splitlines()[0].endswith("%  rock")
    for words, sentence in ((["train", str(data), "styles.bin"], "'styles.bin' is no name for a recogniser"),
                            (["train", str(data), "x.safetensors", "--least", "1"], "least"),
                            (["train", "nowhere", "x.safetensors"], "no prepared music in 'nowhere'")):
        with pytest.raises((UserError, CycloptsError), match=sentence):
            run(recognise, words)


def test_the_command_measures_obedience(data, saved, tmp_path, capsys):
    app = make_app("benchmark")
    app.command(style)
    model = Bands(Bands.Config(width=32, layers=1, heads=2, head_width=16, hidden=32), Prepared(data).codec())
    checkpoint.save(model, tmp_path / "tiny.safetensors")
    words = ["style", str(saved), "--data", str(data), "--model", str(tmp_path / "tiny.safetensors"), "--pieces", "1"]
    run(app, [*words, "--bars", "1"])
    said = capsys.readouterr().out
    assert "2 of the 2 words for style" in said
    assert "players alone" in said
    assert "chance 50.0%" in said
    with pytest.raises(UserError, match="pieces is 0"):
        run(app, [*words[:-1], "0"])
    checkpoint.save(Bands(model.config, Bars()), tmp_path / "tiny.safetensors")
    with pytest.raises(UserError, match="knows no style that"):
        run(app, words)


def test_a_card_has_only_known_fields():
    with pytest.raises(UserError, match="there is no setting 'colour' in Card"):
        Card(colour="red")
