"""Training: it learns, it can be stopped in every way and goes on as if nothing had been, and it says what is wrong."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tones import Guesser, GuesserConfig, Scales, Tones, TonesConfig, register

from bandmate import checkpoint
from bandmate.codecs import CODECS
from bandmate.codecs.bars import Bars
from bandmate.evaluate import held_out
from bandmate.families import FAMILIES
from bandmate.output.curves import curves
from bandmate.run import Run, read_report
from bandmate.settings import UserError
from bandmate.training import Interrupted, Training, train

STEPS = 37


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setattr("bandmate.checkpoint.CODECS", CODECS)
    register()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    del CODECS["tones"], FAMILIES["guesser"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that nobody interrupted."""
    register()
    out = tmp_path_factory.mktemp("runs") / "whole"
    train("guesser", Scales(), out, Training(steps=STEPS), size="tiny")
    return out


def table(folder: Path) -> list[dict[str, str]]:
    """Return the rows of metrics.csv without their clock."""
    with open(folder / "metrics.csv", newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def same_run(one: Path, other: Path) -> None:
    """Assert that two runs saw the same losses to the last digit and ended in the same weights."""
    assert table(one) == table(other)
    for name in ("best", "last"):
        first, second = (checkpoint.load(folder / f"{name}.safetensors").state_dict() for folder in (one, other))
        assert all(torch.equal(first[key], second[key]) for key in first)


def run_script(*words: object) -> subprocess.CompletedProcess:
    tests = Path(__file__).parent
    return subprocess.run([sys.executable, tests / "tones.py", *map(str, words)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_a_run_learns_and_leaves_everything_behind(whole):
    rows = table(whole)
    assert [int(row["step"]) for row in rows] == [6, 10, 12, 18, 20, 24, 30, 36, 37]
    assert list(rows[0]) == ["step", "lr", "loss", "twice", "valid_nats_per_note", "valid_accuracy_tone"]
    assert [row["step"] for row in rows if row["valid_nats_per_note"]] == ["6", "12", "18", "24", "30", "36", "37"]
    assert float(rows[-1]["valid_nats_per_note"]) < float(rows[0]["valid_nats_per_note"]) - 0.5
    assert float(rows[0]["twice"]) == pytest.approx(2 * float(rows[0]["loss"]))
    choices = json.loads((whole / "run.json").read_text())
    assert choices["training"]["lr"] == 0.05
    assert choices["training"]["steps"] == STEPS
    assert {"family", "size", "config", "codec", "data_hash", "seed", "versions"} <= choices.keys()
    assert choices["versions"].keys() == {"python", "torch", "lightning", "bandmate"}
    report = read_report(whole)
    assert report.ended == "finished"
    assert report.step == STEPS
    best = min(float(row["valid_nats_per_note"]) for row in rows if row["valid_nats_per_note"])
    assert report.after == pytest.approx(best, rel=1e-8)
    assert report.text().startswith("trained 37 steps in 0.0 minutes; ")


def test_the_best_model_is_the_one_with_the_best_held_out_loss(whole):
    model = checkpoint.load(whole)
    assert isinstance(model, Guesser)
    assert not model.training
    batches = list(Scales().pages("valid", 2, 12))
    scores = held_out(model, batches)
    best = min(float(row["valid_nats_per_note"]) for row in table(whole) if row["valid_nats_per_note"])
    assert scores.nats_per_note == pytest.approx(best, rel=1e-6)
    card = checkpoint.read_card(whole)
    assert card.nats_per_note == scores.nats_per_note
    assert card.accuracy == scores.accuracy
    assert card.share_alike == "CC-BY-SA-4.0"
    assert card.size == "tiny"
    assert card.data_hash == "scales"
    assert [source["source"] for source in card.sources] == ["scales", "more"]


def test_a_killed_run_goes_on_to_the_same_losses(whole, tmp_path):
    ended = run_script(tmp_path / "run", STEPS, "1", 27)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert read_report(tmp_path / "run").ended == "running"
    with open(tmp_path / "run" / "metrics.csv", "a") as file:
        file.write("28,0.1,0.")  # a line that was being written
    train("guesser", Scales(), tmp_path / "run", resume=True)
    same_run(whole, tmp_path / "run")


@pytest.mark.parametrize("step", [5, 10])
def test_ctrl_c_saves_and_says_how_to_go_on(whole, tmp_path, step):
    def interrupt(now, steps, row):
        if now == step - 1:  # heard at the end of the next step
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=r"stopped at step \d+ of 37; all is saved; go on with --resume"):
        train("guesser", Scales(), tmp_path / "run", Training(steps=STEPS), size="tiny", progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    report = read_report(tmp_path / "run")
    assert report.ended == "interrupted"
    assert report.step == step
    train("guesser", Scales(), tmp_path / "run", resume=True)
    same_run(whole, tmp_path / "run")


def test_a_limit_of_minutes_stops_cleanly(tmp_path):
    model = train("guesser", Scales(), tmp_path / "run", Training(steps=STEPS, minutes=1e-9), size="tiny")
    assert read_report(tmp_path / "run").ended == "minutes"
    assert read_report(tmp_path / "run").step == 1
    assert int(model.calls) == 1
    train("guesser", Scales(), tmp_path / "run", Training(minutes=9), resume=True)
    assert read_report(tmp_path / "run").ended == "finished"


def test_a_finished_run_stays_as_it_is_or_is_made_longer(tmp_path):
    train("guesser", Scales(), tmp_path / "run", Training(steps=8), size="tiny")
    before = table(tmp_path / "run")
    train("guesser", Scales(), tmp_path / "run", resume=True)
    assert table(tmp_path / "run") == before
    train("guesser", Scales(), tmp_path / "run", Training(steps=12), resume=True)
    assert table(tmp_path / "run")[:len(before)] == before
    assert read_report(tmp_path / "run").step == 12
    assert Run(tmp_path / "run").choices()["training"]["steps"] == 12


def test_two_processes_train_together(tmp_path):
    ended = run_script(tmp_path / "run", 12, "2")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["only the first process comes here"]
    rows = table(tmp_path / "run")
    assert [row["step"] for row in rows] == ["6", "10", "12"]
    # each process took its own batches, and both examined their share of the held-out ones
    random = checkpoint.load(tmp_path / "run")
    scores = held_out(random, Scales().pages("valid", 2, 12))
    assert scores.nats_per_note == pytest.approx(min(float(row["valid_nats_per_note"] or "inf") for row in rows), rel=1e-6)
    assert scores.notes == 3 * 2 * 11
    alone = tmp_path / "alone"
    train("guesser", Scales(), alone, Training(steps=12), size="tiny")
    assert table(alone)[0]["loss"] != rows[0]["loss"]


def test_fine_tuning_makes_a_before_and_after_card(whole, tmp_path):
    train("guesser", Scales(step=2, data_hash="other"), tmp_path / "tuned", Training(steps=30), start_from=whole)
    report = read_report(tmp_path / "tuned")
    assert report.before == held_out(checkpoint.load(whole), Scales(step=2).pages("valid", 2, 12)).nats_per_note
    assert report.after < report.before
    assert "before  " in report.text()
    assert "better on this music" in report.text()
    card = checkpoint.read_card(tmp_path / "tuned")
    assert card.started_from.startswith(str(whole))
    assert card.size == "tiny"
    assert card.data_hash == "other"
    assert Run(tmp_path / "tuned").choices()["training"]["lr"] == pytest.approx(0.3 * 0.05)
    train("guesser", Scales(step=2, data_hash="other"), tmp_path / "tuned", Training(steps=31), resume=True)
    assert read_report(tmp_path / "tuned").before == report.before


def test_fine_tuning_may_change_what_does_not_shape_weights(whole, tmp_path):
    model = train("guesser", Scales(), tmp_path / "run", Training(steps=1), start_from=whole, config={"dropout": 0.0})
    assert model.config.dropout == 0
    assert model.config.width == 6
    with pytest.raises(UserError, match=r"width would give the weights of '.*whole' another shape; leave"):
        train("guesser", Scales(), tmp_path / "wide", start_from=whole, config={"width": 7})


def test_fine_tuning_takes_data_whose_names_the_model_knows(tmp_path):
    model = Guesser(GuesserConfig(), Tones(TonesConfig(styles=("folk", "jazz"))))
    checkpoint.save(model, tmp_path / "model.safetensors")
    known = train("guesser", Scales(codec=Tones(TonesConfig(styles=("folk",)))), tmp_path / "run",
                  Training(steps=1, batch=1, length=8), start_from=tmp_path / "model.safetensors")
    assert known.codec.config.styles == ("folk", "jazz")
    with pytest.raises(UserError, match=r"other settings of the codec 'tones' .*\(different: styles\); prepare .* --like"):
        train("guesser", Scales(codec=Tones(TonesConfig(styles=("jazz",)))), tmp_path / "other",
              start_from=tmp_path / "model.safetensors")


def test_a_family_without_a_likelihood_keeps_its_latest_model(tmp_path, monkeypatch):
    monkeypatch.delattr(Guesser, "score")
    model = train("guesser", Scales(), tmp_path / "run", Training(steps=8), size="tiny")
    assert int(model.calls) == 8
    assert [row["valid_nats_per_note"] for row in table(tmp_path / "run")] == ["", ""]
    assert "nats" not in read_report(tmp_path / "run").text()


def test_a_model_settles_on_training_music_before_each_examination(tmp_path, monkeypatch):
    settled = []

    def settle(model, data):
        settled.append((int(model.calls), data.folder))

    monkeypatch.setattr(Guesser, "settle", settle)
    monkeypatch.setattr(Guesser, "score", lambda model, batch: settled.append("scored") or {})
    train("guesser", Scales(), tmp_path / "run", Training(steps=12), size="tiny")
    assert [what for what in settled if what != "scored"] == [(6, "scales"), (12, "scales")]
    assert [what == "scored" for what in settled[:3]] == [False, True, True]


def test_a_model_that_is_stopped_early_settles_before_it_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(Guesser, "settle", lambda model, data: model.embed.weight.data.fill_(7))
    with pytest.raises(Interrupted):
        train("guesser", Scales(), tmp_path / "run", Training(steps=12), size="tiny",
              progress=lambda now, steps, row: os.kill(os.getpid(), signal.SIGINT) if now == 2 else None)
    assert (checkpoint.load(tmp_path / "run" / "last.safetensors").embed.weight == 7).all()


def test_watchers_hear_of_every_step_and_examination(tmp_path):
    steps, pictures = [], []
    train("guesser", Scales(), tmp_path / "run", Training(steps=12), size="tiny",
          progress=lambda step, total, row: steps.append((step, total, row.get("valid_nats_per_note"))),
          on_evaluate=lambda folder: pictures.append(curves(folder)))
    assert [step for step, _, _ in steps] == list(range(1, 13))
    assert {total for _, total, _ in steps} == {12}
    assert steps[4][2] is None
    assert steps[5][2] is not None
    assert pictures == [tmp_path / "run" / "curves.png"] * 2
    assert pictures[0].read_bytes().startswith(b"\x89PNG")


def test_gradients_are_clipped_and_bf16_trains(tmp_path, monkeypatch):
    norms = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *args: (
        norms.append(float(self.param_groups[0]["params"][0].grad.norm())), step(self, *args))[1])
    train("guesser", Scales(), tmp_path / "run", Training(steps=8, clip=0.01, precision="bf16"), size="tiny")
    assert len(norms) == 8
    assert max(norms) <= 0.0101


def test_a_loss_that_is_no_number_ends_the_run(tmp_path, monkeypatch):
    losses = Guesser.losses
    monkeypatch.setattr(Guesser, "losses", lambda self, batch: {name: loss * (float("nan") if self.calls > 3 else 1)
                                                                for name, loss in losses(self, batch).items()})
    with pytest.raises(UserError, match=r"the training failed by step 6: 'loss' is no longer a number; train again"):
        train("guesser", Scales(), tmp_path / "run", Training(steps=8), size="tiny")
    assert torch.isfinite(checkpoint.load(tmp_path / "run").out.weight).all()


@pytest.mark.parametrize(("words", "message"), [
    ({"family": "gesser"}, "there is no family 'gesser'; did you mean 'guesser'?"),
    ({"size": "tinny"}, "'guesser' has no size 'tinny'; did you mean 'tiny'?"),
    ({"data": "nowhere"}, "there is no prepared music in 'nowhere'; a folder made by `bandmate prepare` was expected"),
    ({"data": Scales(codec=Bars())}, "the data was made with the codec 'bars', but 'guesser' of size 'tiny' reads 'tones'; "
                                     "prepare the music again with --codec tones"),
    ({"resume": True}, "there is no run in '.*run' to resume; a folder with run.json was expected; train without"),
    ({"start_from": "nothing.safetensors"}, "there is no model 'nothing.safetensors'; a shipped name or the path of a"),
    ({"training": Training(length=34)}, "windows of 34 rows are longer than the 33 that the model can hear; choose a --length"),
    ({"training": Training(strategy="fsdp")}, "the strategy 'fsdp' splits a model over devices, and our models"),
    ({"training": Training(strategy="ddpp")}, "these devices cannot be used .* check --devices, --nodes, --strategy"),
    ({"training": Training(devices="many")}, "these devices cannot be used"),
    ({"config": {"widht": 3}}, "there is no setting 'widht' in GuesserConfig; did you mean 'width'?"),
])
def test_mistakes_are_explained_before_anything_is_written(tmp_path, words, message):
    call = {"family": "guesser", "data": Scales(), "out": tmp_path / "run", "size": "tiny", **words}
    with pytest.raises(UserError, match=message):
        train(**call)
    assert not (tmp_path / "run").exists()


def test_mistakes_with_a_run_that_is_there(whole, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"the folder '.*' already holds a run; a new folder was expected; go on with --resume"):
        train("guesser", Scales(), whole, size="tiny")
    with pytest.raises(UserError, match=r"learns from other data \('scales'\); resume it with that folder"):
        train("guesser", Scales(data_hash="other"), whole, resume=True)
    with pytest.raises(UserError, match="trains 'guesser', not 'bands'; resume it with that family"):
        train("bands", Scales(), whole, resume=True)
    monkeypatch.setitem(FAMILIES, "other", type("Other", (Guesser,), {}))
    with pytest.raises(UserError, match="is a Guesser, not a Other; start from a model of the same family"):
        train("other", Scales(), tmp_path / "run", start_from=whole)
    with pytest.raises(UserError, match=r"the data was made with the codec 'bars', but '.*' reads 'tones'; .* --like"):
        train("guesser", Scales(codec=Bars()), tmp_path / "run", start_from=whole)
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "run.json").write_text((whole / "run.json").read_text())
    with pytest.raises(UserError, match="was stopped before its first save, so nothing is there to resume"):
        train("guesser", Scales(), tmp_path / "early", resume=True)
    with pytest.raises(UserError, match="there is no run in"):
        read_report(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"the run folder '.*' cannot be made"):
        train("guesser", Scales(), tmp_path / "file" / "run", Training(steps=1), size="tiny")
