"""What a run keeps and tells: its table, its scores, its report; and real families in it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from music_made_here import band
from tones import Guesser, GuesserConfig, Scales, Tones

from bandmate import checkpoint
from bandmate.codecs import bars as b
from bandmate.codecs.bars import Bars
from bandmate.data.windows import Prepared
from bandmate.evaluate import Scores, held_out
from bandmate.output.curves import curves
from bandmate.run import Report, Run
from bandmate.training import Training, train


def test_learning_rate_rises_then_falls_to_a_tenth():
    training = Training(steps=110, warmup=10)
    assert training.rate(0) == pytest.approx(0.1)
    assert training.rate(9) == 1
    assert training.rate(10) == 1
    assert training.rate(60) == pytest.approx(0.55)
    assert training.rate(110) == pytest.approx(0.1)
    assert Training(steps=1, warmup=100).rate(0) == 1
    assert Training(steps=20, warmup=100).rate(0) == 0.5


def test_metrics_are_cut_at_a_step_and_read_without_broken_lines(tmp_path):
    run = Run(tmp_path, ("tone",))
    run.cut(3)
    assert run.rows() == []
    run.add({"step": 1, "seconds": 0.5, "loss": 2.0})
    run.add({"step": 2, "seconds": 1.0, "loss": 1.0, "valid_nats_per_note": 4.0, "valid_accuracy_tone": 0.5, "unheard": 1})
    run.add({"step": 3, "seconds": 1.5, "loss": 0.5})
    with open(run.metrics, "a") as file:
        file.write("4,")
    assert [row["step"] for row in run.rows()] == [1, 2, 3]
    assert run.rows()[1] == {"step": 2, "seconds": 1, "loss": 1, "valid_nats_per_note": 4, "valid_accuracy_tone": 0.5}
    run.cut(2)
    assert run.metrics.read_text().splitlines()[1:] == ["1,0.5,2,,", "2,1,1,4,0.5"]
    assert curves(tmp_path).exists()
    assert curves(tmp_path / "none") is None


def test_scores_without_notes_or_by_hand():
    model = Guesser(GuesserConfig(dropout=0.0), Tones())
    assert held_out(model, []) == Scores()
    torch.nn.init.zeros_(model.out.weight)
    scores = held_out(model, [{"ids": np.array([[[1], [2], [3]]]), "given": np.zeros((1, 3), bool)}])
    assert scores.nats_per_note == pytest.approx(np.log(10))
    assert scores.notes == 2
    assert scores.accuracy == {"tone": 0}


def test_a_report_does_not_flatter():
    report = Report(ended="finished", step=2, steps=2, seconds=60, before=1.0, after=1.5, started_from="bands (12ab)")
    assert report.text().splitlines() == ["trained 2 steps in 1.0 minutes; 1.500 nats per held-out note",
                                          "  before  1.000 nats per note (bands (12ab))",
                                          "  after   1.500 nats per note (+0.500: no better on this music)"]


def test_the_band_learns_too(tmp_path):
    class Noise(Scales):
        def batch(self, number, size, length, seed, weights=None, variety=None, pool=8):
            ids = np.random.default_rng([seed, number]).integers(1, 8, (size, length, 3))
            return {"ids": ids + np.array([b.POSITION, 0, 0]), "given": np.arange(length)[None].repeat(size, 0) == 0}

    small = {"width": 8, "layers": 1, "heads": 1, "head_width": 4, "hidden": 8}
    model = train("bands", Noise(codec=Bars()), tmp_path / "run", size="tiny", config=small,
                  training=Training(steps=12, batch=2, length=16, warmup=2, lr=0.03, evaluate_every=6, accelerator="cpu"))
    rows = Run(tmp_path / "run").rows()
    assert rows[-1]["valid_nats_per_note"] < rows[0]["valid_nats_per_note"]
    assert list(rows[0])[3:] == ["loss", "when", "what", "how", "valid_nats_per_note", "valid_accuracy_when",
                                 "valid_accuracy_what", "valid_accuracy_how"]
    assert model.config.width == 8
    assert checkpoint.read_card(tmp_path / "run").parameters == model.parameter_count()


def test_a_prepared_folder_teaches_the_band(tmp_path):
    """The manifest and arrays as `prepare` writes them, by hand."""
    data = tmp_path / "data"
    data.mkdir()
    codec = Bars()
    ids = codec.encode(band(8))
    for split in ("train", "valid"):
        np.save(data / f"{split}.ids.npy", np.concatenate([ids, ids]))
        np.save(data / f"{split}.offsets.npy", np.array([0, len(ids), 2 * len(ids)]))
    (data / "manifest.json").write_text(json.dumps({
        "codec": "bars", "codec_config": codec.config.model_dump(), "data_hash": "12ab", "version": 1,
        "sources": [{"source": "here", "licence": "CC0-1.0", "pieces": 4, "notes": 4 * int(codec.is_note(ids).sum())}]}))
    (data / "pieces.csv").write_text("split,index,path,rows,notes,source\n" + "".join(
        f"{split},{index},x.mid,{len(ids)},9,here\n" for split in ("train", "valid") for index in (0, 1)))
    small = {"width": 32, "layers": 1, "heads": 1, "hidden": 32}
    model = train("bands", data, tmp_path / "run", size="tiny", config=small, training=Training(
        steps=24, batch=4, length=64, warmup=4, lr=0.02, evaluate_every=12, weights={"here": 2}, accelerator="cpu"))
    rows = [row for row in Run(tmp_path / "run").rows() if "valid_nats_per_note" in row]
    assert rows[1]["valid_nats_per_note"] < rows[0]["valid_nats_per_note"] < 20
    pages = Prepared(data).pages("valid", 2, 64)
    assert held_out(model, pages).notes == 2 * int(codec.is_note(ids).sum())
    assert Run(tmp_path / "run").choices()["data"] == str(data)
