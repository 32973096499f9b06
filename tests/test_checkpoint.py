"""Models as files: what is saved is loaded, and a wrong or damaged file is explained."""

from __future__ import annotations

import hashlib
import json
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tones import Guesser, GuesserConfig, Tones, TonesConfig

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.codecs import CODECS
from bandmate.families import FAMILIES
from bandmate.settings import UserError


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setitem(CODECS, "tones", Tones)
    monkeypatch.setitem(FAMILIES, "guesser", Guesser)


@pytest.fixture
def model() -> Guesser:
    torch.manual_seed(0)
    return Guesser(GuesserConfig(width=8), Tones(TonesConfig(styles=("folk", "jazz"))))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def rewrite(path, **changes: str | None) -> None:
    """Change entries of a header, None to take one away."""
    with safe_open(path, "pt") as file:
        header = {**file.metadata(), **changes}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, {name: value for name, value in header.items() if value is not None})


def test_a_model_comes_back_as_it_was(model, path):
    checkpoint.save(model, path, {"note": "for a test", "nats_per_note": 1.5, "sources": [{"source": "s", "licence": "CC0"}]})
    loaded = checkpoint.load(path)
    assert type(loaded) is Guesser
    assert not loaded.training
    assert loaded.config == model.config
    assert loaded.codec.config == model.codec.config
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    assert loaded.tied is loaded.out.weight
    with safe_open(path, "pt") as file:
        assert sorted(file.keys()) == ["calls", "embed.weight", "tied"]  # a shared weight is written once
    card = checkpoint.read_card(path)
    assert card.family == "guesser"
    assert card.codec == "tones"
    assert card.note == "for a test"
    assert card.parameters == model.parameter_count() == 160
    assert card.sources == ({"source": "s", "licence": "CC0"},)
    assert len(card.date) == 10
    assert checkpoint.file_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_smaller_numbers_and_other_weights(model, path, tmp_path):
    checkpoint.save(model, path, Card(note="small"), dtype=torch.bfloat16)
    loaded = checkpoint.load(path)
    assert loaded.out.weight.dtype == torch.float32
    assert loaded.calls.dtype == torch.long
    assert torch.equal(loaded.out.weight, model.out.weight.bfloat16().float())
    weights = {name: weight + 1 for name, weight in model.state_dict().items()}
    checkpoint.save(model, tmp_path / "other.safetensors", weights=weights)
    assert torch.equal(checkpoint.load(tmp_path / "other.safetensors").embed.weight, model.embed.weight + 1)
    assert (tmp_path / "other.safetensors").stat().st_size > path.stat().st_size


def test_a_run_folder_stands_for_its_best_model(model, tmp_path):
    with pytest.raises(UserError, match=r"holds no model; a run folder with best.safetensors was expected;"):
        checkpoint.load(tmp_path)
    checkpoint.save(model, tmp_path / "last.safetensors", Card(note="last"))
    assert checkpoint.read_card(tmp_path).note == "last"
    checkpoint.save(model, tmp_path / "best.safetensors", Card(note="best"))
    assert checkpoint.read_card(str(tmp_path)).note == "best"


def test_optimizers_come_back_too(model, path):
    optimizers = model.optimizers(0.1)
    batch = {"ids": torch.randint(1, 10, (2, 8, 1)), "given": torch.zeros(2, 8, dtype=torch.bool)}
    model.step(batch, optimizers, lambda loss: loss.backward())
    checkpoint.save_run(model, optimizers, path, Card(), {"step": 1, "loss": 0.1 + 0.2})
    other = Guesser(model.config, model.codec)
    fresh = other.optimizers(0.1)
    assert checkpoint.load_run(path, other, fresh) == {"step": 1, "loss": 0.1 + 0.2}
    for one, two in zip(optimizers, fresh, strict=True):
        torch.testing.assert_close(one.state_dict(), two.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(checkpoint.load(path).state_dict(), other.state_dict(), rtol=0, atol=0)
    torch.manual_seed(1)
    model.step(batch, optimizers, lambda loss: loss.backward())
    torch.manual_seed(1)
    other.step(batch, fresh, lambda loss: loss.backward())
    assert torch.equal(model.out.weight, other.out.weight)
    assert torch.equal(model.embed.weight, other.embed.weight)


def test_shipped_models_are_found_by_name(model, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(checkpoint, "__file__", str(tmp_path / "checkpoint.py"))
    with pytest.raises(UserError, match=r"there is no model 'guesser'; .* no model is shipped"):
        checkpoint.load("guesser")
    checkpoint.save(model, tmp_path / "weights" / "guesser.safetensors")
    assert checkpoint.shipped() == {"guesser": tmp_path / "weights" / "guesser.safetensors"}
    assert isinstance(checkpoint.load("guesser"), Guesser)
    with pytest.raises(UserError, match=r"there is no model 'gueser'; a shipped name or the path .*; did you mean 'guesser'\?"):
        checkpoint.load("gueser")


def test_wrong_and_damaged_files_are_explained(model, path):
    checkpoint.save(model, path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[:-4], b"\xff" * 300, pickle.dumps({"a": 1})):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"is no whole model file \(.*\); a .safetensors file written by bandmate"):
            checkpoint.load(path)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(UserError, match=r"a safetensors file without card and codec .*; a model written by bandmate"):
        checkpoint.load(path)


@pytest.mark.parametrize(("changes", "message"), [
    ({"family": "opera"}, "is a model of the family 'opera'; this version knows .*guesser; use a newer bandmate"),
    ({"codec": "neumes"}, "is a model of the codec 'neumes'; this version knows .*tones; use a newer bandmate"),
    ({"config": json.dumps({"depth": 3})}, r"has settings that this version cannot read \(there is no setting 'depth'"),
    ({"config": "{"}, "has settings that this version cannot read"),
    ({"config": json.dumps({"width": 5})}, r"does not hold the weights that its settings ask for \(first of 2: 'embed"),
    ({"card": None}, "is a safetensors file without card;"),
])
def test_headers_that_do_not_fit_are_explained(model, path, changes, message):
    checkpoint.save(model, path)
    rewrite(path, **changes)
    with pytest.raises(UserError, match=message):
        checkpoint.load(path) if "card" not in changes else checkpoint.read_card(path)


def test_weights_that_are_missing_or_no_numbers_are_refused(model, path):
    model.embed.weight.data[0, 0] = float("nan")
    checkpoint.save(model, path)
    with pytest.raises(UserError, match=r"does not hold the weights .*\(first of 1: 'embed.weight'\); the file is damaged"):
        checkpoint.load(path)
    with safe_open(path, "pt") as file:
        header = file.metadata()
    save_file({"tied": model.out.weight.detach()}, path, header)
    with pytest.raises(UserError, match="first of 2: 'calls'"):
        checkpoint.load(path)


def test_a_card_from_the_future_is_read(model, path):
    checkpoint.save(model, path)
    rewrite(path, card=json.dumps({"family": "guesser", "mood": "sunny"}))
    assert checkpoint.read_card(path) == Card(family="guesser")


def test_nothing_half_written_is_left(model, path, tmp_path, monkeypatch):
    checkpoint.save(model, path)
    before = path.read_bytes()

    def full(*words, **more):
        raise checkpoint.SafetensorError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(UserError, match=r"was not written \(No space left on device\); free some space"):
        checkpoint.save(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="there is no folder"):
        checkpoint.save(model, tmp_path / "nowhere" / "model.safetensors")
    with pytest.raises(UserError, match="Stranger is no known family; add it to FAMILIES"):
        checkpoint.save(type("Stranger", (Guesser,), {})(model.config, model.codec), path)
