"""The JSB benchmark on chorales made here: reading, the clean subset, the protocol, and the family `chorales`."""

import json
import math

import numpy as np
import pytest
import torch

from bandmate import checkpoint
from bandmate.codecs import CODECS
from bandmate.codecs.voices import LOWEST, OUTCOMES, REST, Voices, rows_of
from bandmate.commands.jsb import jsb
from bandmate.data.windows import Prepared
from bandmate.families import FAMILIES
from bandmate.families import chorale_hearing as hearing
from bandmate.families.chorales import Chorales
from bandmate.jsb import chorales as files
from bandmate.jsb import protocol
from bandmate.jsb.chorales import LICENCE
from bandmate.jsb.ngrams import Ngrams
from bandmate.settings import UserError

TINY = {"width": 16, "layers": 1, "heads": 2, "hidden": 16, "voice_width": 16}


def tune(seed: int, steps: int) -> np.ndarray:
    """Make four voices that wander about, moving on quarters."""
    random = np.random.default_rng(seed)
    moves = random.integers(-2, 3, (-(-steps // 4), 4)).cumsum(0).clip(-5, 5)
    return (np.array([71, 65, 59, 52]) + moves).repeat(4, axis=0)[:steps]


def three() -> dict[str, list[np.ndarray]]:
    known = tune(0, 80)
    return {"train": [known, tune(1, 64)], "valid": [known + 2, tune(3, 70)], "test": [tune(4, 64), known[:63]]}


@pytest.fixture(name="model")
def _model() -> Chorales:
    torch.manual_seed(0)
    return Chorales(Chorales.Config(**TINY), Voices()).eval()


def batch(*pieces: np.ndarray) -> dict[str, torch.Tensor]:
    longest = max(map(len, pieces))
    ids = np.stack([np.pad(rows_of(piece), ((0, longest - len(piece)), (0, 0))) for piece in pieces])
    return {"ids": torch.from_numpy(ids.astype(np.int64)), "given": torch.zeros(ids.shape[:2], dtype=torch.bool)}


# Files


def test_json_and_npz_hold_the_same(tmp_path):
    chorales = three()
    chorales["train"][0][3, 1] = -1
    lists = {name: [piece.tolist() for piece in pieces] for name, pieces in chorales.items()}
    (tmp_path / "a.json").write_text(json.dumps(lists))
    plain = {name: np.stack([piece[:60].astype(float) for piece in pieces]) for name, pieces in chorales.items()}
    plain["train"][0, 3, 1] = np.nan
    np.savez(tmp_path / "a.npz", **plain)
    from_json, from_npz = files.read(tmp_path / "a.json"), files.read(tmp_path / "a.npz")
    assert [len(piece) for piece in from_json["valid"]] == [80, 70]
    assert (from_json["train"][0][:60] == from_npz["train"][0]).all()
    assert files.data_hash(from_json) != files.data_hash(from_npz)
    assert files.data_hash(from_json) == files.data_hash(files.read(tmp_path / "a.json"))


def test_what_is_no_benchmark_file_is_said(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        files.read(tmp_path / "none.json")
    for text in ("nonsense", "{}", '{"train": [[[1, 2, 3]]], "valid": [], "test": []}', '{"train": 1, "valid": 2, "test": 3}'):
        (tmp_path / "wrong.json").write_text(text)
        with pytest.raises(UserError, match="does not hold chorales"):
            files.read(tmp_path / "wrong.json")
    pickled = np.empty(2, object)
    pickled[:] = [tune(0, 4), tune(1, 8)]
    np.savez(tmp_path / "pickled.npz", train=pickled, valid=pickled, test=pickled)
    with pytest.raises(UserError, match="pickled arrays"):
        files.read(tmp_path / "pickled.npz")


def test_a_piece_with_16_beats_of_a_training_soprano_in_any_key_is_not_clean():
    chorales = three()
    assert files.clean(chorales, "valid").tolist() == [False, True]
    assert files.clean(chorales, "test").tolist() == [True, True]  # the second shares one step less than 16 beats
    other = chorales["valid"][0].copy()
    other[:, 1:] = tune(9, 80)[:, 1:]
    assert files.clean({**chorales, "valid": [other]}, "valid").tolist() == [False]  # only the soprano counts


def test_prepared_chorales_are_read_like_any_other_data(tmp_path, monkeypatch):
    monkeypatch.setitem(CODECS, "voices", Voices)
    files.prepare(three(), tmp_path / "data")
    prepared = Prepared(tmp_path / "data")
    assert prepared.manifest["splits"]["valid"] == {"pieces": 2, "rows": 150, "notes": 600}
    assert (prepared.piece("valid", 1) == rows_of(tune(3, 70))).all()
    assert [row["split"] for row in prepared.pieces] == ["train"] * 2 + ["valid"] * 2 + ["test"] * 2


# The protocol


def test_chance_scores_the_log_of_47_and_charges_the_place():
    def chance(piece: np.ndarray) -> tuple[np.ndarray, float]:
        return np.full(piece.shape, math.log(OUTCOMES)), math.log(16)

    scores = protocol.benchmark(three(), chance, ("valid",))
    assert list(scores) == ["valid", "valid, clean", "valid, tune known"]
    valid = scores["valid"]
    assert (valid.pieces, valid.notes) == (2, 600)
    assert valid.micro == pytest.approx(math.log(47) + 2 * math.log(16) / 600)
    assert valid.macro == pytest.approx(math.log(47) + (math.log(16) / 320 + math.log(16) / 280) / 2)
    assert valid.voices == pytest.approx([math.log(47)] * 4)
    assert "valid, clean" in protocol.table(scores)


def test_micro_weighs_notes_and_macro_weighs_pieces():
    def long_is_hard(piece: np.ndarray) -> tuple[np.ndarray, float]:
        return np.full(piece.shape, 1.0 if len(piece) == 80 else 0.0), 0.0

    valid = protocol.benchmark(three(), long_is_hard, ("valid",))["valid"]
    assert valid.micro == pytest.approx(80 / 150)
    assert valid.macro == pytest.approx(0.5)


def test_a_score_that_leaves_steps_out_is_refused():
    with pytest.raises(ValueError, match="nats"):
        protocol.score([tune(0, 8)], lambda piece: (np.zeros((7, 4)), 0.0))
    with pytest.raises(UserError, match="'chorales' was expected"):
        protocol.surprise(torch.nn.Linear(1, 1))


# N-grams


def test_ngrams_are_a_distribution_over_the_47_outcomes():
    counted = Ngrams(three()["train"])
    piece = tune(7, 24)
    for step, voice in ((0, 0), (9, 3), (23, 2)):
        total = 0.0
        for pitch in [-1, *range(LOWEST, LOWEST + OUTCOMES - 1)]:
            other = piece.copy()
            other[step, voice] = pitch
            total += math.exp(-counted.surprise(other)[0][step, voice])
        assert total == pytest.approx(1)


def test_ngrams_know_what_they_have_counted_in_any_key():
    pieces = three()["train"]
    counted = Ngrams(pieces)
    known, in_another_key, unknown = (counted.surprise(piece)[0][1:] for piece in (pieces[0], pieces[0] + 3, tune(20, 80)))
    assert known.mean() < 0.8 * unknown.mean()
    assert in_another_key[16:].mean() == pytest.approx(known[16:].mean(), abs=0.05 * unknown.mean())


# The family


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_no_voice_hears_what_comes_after_it(model, order):
    model = Chorales(Chorales.Config(**TINY, order=order), Voices()).eval()
    ids = batch(tune(0, 40))["ids"]
    all_steps = ids[..., 0] > 0

    def logits(rows: torch.Tensor) -> torch.Tensor:
        heard = hearing.Heard(rows)
        with torch.no_grad():
            return model.judge(heard, model.hear(heard), all_steps)

    plain, step = logits(ids), 17
    for number in range(4):
        other = ids.clone()
        for later in order[number:]:
            other[0, step, later + 1] = REST
        other[0, step + 1:, 1:] = 20
        changed = (logits(other) - plain).abs().amax(-1)
        assert changed[:step].max() < 1e-5
        assert changed[step, list(order[:number + 1])].max() < 1e-5
        if number < 3:
            assert changed[step, order[number + 1]] > 1e-6


def test_padding_and_neighbours_do_not_change_a_score(model):
    pieces = [tune(0, 40), tune(1, 23)]
    together = model.score(batch(*pieces))
    apart = [model.score(batch(piece)) for piece in pieces]
    assert float(together["nats"]) == pytest.approx(sum(float(one["nats"]) for one in apart), rel=1e-4)
    assert float(together["notes"]) == 4 * 63


def test_score_and_surprise_agree(model):
    nats, charged = protocol.surprise(model)(tune(0, 40))
    assert nats.sum() + charged == pytest.approx(float(model.score(batch(tune(0, 40)))["nats"]), rel=1e-5)
    assert charged == pytest.approx(math.log(17), rel=1e-5)  # nothing learnt yet


def test_a_key_is_as_good_as_another_but_for_the_ranges(model):
    with torch.no_grad():
        model.range.zero_()
    low, high = (protocol.surprise(model)(tune(0, 40) + shift)[0] for shift in (0, 2))
    tables = hearing.SITUATION
    assert tables[2] == 48  # only the last pitch itself is heard as it is
    assert np.abs(low[1:] - high[1:]).mean() < 0.3 * low[1:].mean()


def test_it_learns_one_batch_by_heart():
    torch.manual_seed(0)
    model = Chorales(Chorales.Config(**{**TINY, "dropout": 0.0, "forget": 0.0}), Voices())
    one, [optimizer] = batch(tune(0, 32)), model.optimizers(3e-2)
    for _ in range(40):
        model.step(one, [optimizer], torch.Tensor.backward)
    score = model.eval().score(one)
    assert float(score["nats"] / score["notes"]) < 0.3


def test_the_loss_in_training_is_unbiased():
    torch.manual_seed(0)
    model = Chorales(Chorales.Config(**{**TINY, "dropout": 0.0, "forget": 0.0}), Voices()).train()
    one = batch(tune(0, 48))
    with torch.no_grad():
        losses = [float(model.losses(one)["loss"]) for _ in range(60)]
    score = model.score(one)
    assert np.mean(losses) == pytest.approx(float(score["nats"] / score["notes"]), rel=0.05)


def test_it_writes_the_bars_and_the_key_that_were_asked_for(model):
    pieces = model.generate(model.Options(bars=2, key="C major", seed=3, variants=2, tempo=72))
    again = model.generate(model.Options(bars=2, key="C major", seed=4))
    for piece in pieces:
        assert [track.name for track in piece.tracks] == ["soprano", "alto", "tenor", "bass"]
        assert piece.end() == 8 * 480
        assert all(note.pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for track in piece.tracks for note in track.notes)
        assert piece.tempos[0].qpm == pytest.approx(72)
    assert [note.pitch for note in pieces[1].tracks[0].notes] == [note.pitch for note in again[0].tracks[0].notes]


def test_of_candidates_the_likeliest_is_kept(model):
    options = model.Options(bars=1, candidates=3, seed=1)
    [best] = model.generate(options)
    alone = [model.generate(model.Options(bars=1, seed=seed))[0] for seed in (1, 2, 3)]
    notes = [[(n.start, n.pitch) for track in piece.tracks for n in track.notes] for piece in (best, *alone)]
    assert notes[0] in notes[1:]


def test_it_writes_the_same_piece_after_saving(model, tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "chorales", Chorales)
    monkeypatch.setitem(CODECS, "voices", Voices)
    checkpoint.save(model, tmp_path / "m.safetensors")
    shares: list[float] = []
    first, again = (one.generate(one.Options(bars=1, seed=2), progress=lambda share, so_far: shares.append(share))[0]
                    for one in (model, checkpoint.load(tmp_path / "m.safetensors")))
    assert (Voices().encode(first) == Voices().encode(again)).all()
    assert shares[:16] == sorted(shares[:16])
    assert shares[15] == 1


def test_what_it_cannot_do_it_says(model):
    with pytest.raises(UserError, match="give a prompt"):
        model.generate(model.Options(task="continue"))
    with pytest.raises(UserError, match="writes new pieces only"):
        model.generate(model.Options(task="continue"), prompt=Voices().decode(rows_of(tune(0, 32))))
    with pytest.raises(UserError, match="each of 0, 1, 2 and 3 once"):
        Chorales(Chorales.Config(order=(0, 0, 1, 2)), Voices())


# The command


@pytest.fixture(name="file")
def _file(tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "chorales", Chorales)
    monkeypatch.setitem(CODECS, "voices", Voices)
    file = tmp_path / "chorales.json"
    file.write_text(json.dumps({name: [piece.tolist() for piece in pieces] for name, pieces in three().items()}))
    return file


def test_the_command_scores_the_yardstick(file, capsys):
    jsb(file, test=True)
    out = capsys.readouterr().out
    assert out.startswith(f"n-grams, data {files.data_hash(three())[:12]}")
    assert "valid, clean" in out
    assert "test, clean" in out


def test_the_command_trains_goes_on_and_scores(file, tmp_path, capsys):
    run = tmp_path / "run"
    jsb(file, train=run, minutes=0.001, size="tiny")
    first = json.loads((run / "report.json").read_text())
    assert first["ended"] == "minutes"
    jsb(file, train=run, minutes=0.001, resume=True)
    assert json.loads((run / "report.json").read_text())["step"] > first["step"]
    capsys.readouterr()
    jsb(file, model=str(run))
    out = capsys.readouterr().out
    assert "test" not in out.splitlines()[-1]
    micro = float(out.splitlines()[2].split()[3])
    assert micro == pytest.approx(json.loads((run / "report.json").read_text())["after"], abs=1e-3)
    assert LICENCE in json.dumps(json.loads((run / "run.json").read_text())["sources"])


def test_flags_that_do_not_go_together_are_refused(file, tmp_path):
    with pytest.raises(UserError, match="add --train"):
        jsb(file, minutes=1.0)
    with pytest.raises(UserError, match="leave out --model or --train"):
        jsb(file, model="bands", train=tmp_path / "run")
    with pytest.raises(UserError, match="'chorales' was expected"):
        jsb(file, model="bands")
