"""GPT: words one by one, remembered as they were heard; one composer alone; the yardstick on the same words."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from music_made_here import piece_of, table

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.codecs import CODECS
from bandmate.codecs.codec import Codec
from bandmate.codecs.learnt import with_words_of
from bandmate.codecs.notewise import Notewise
from bandmate.data.windows import Prepared
from bandmate.families import FAMILIES
from bandmate.families.gpt import Gpt
from bandmate.families.markov import STEPWISE, Markov
from bandmate.model import Model
from bandmate.music.files import read, write
from bandmate.piece import Labels
from bandmate.sampling import Dice, Hand
from bandmate.settings import UserError

SHAPE = {"width": 32, "layers": 2, "heads": 2, "hidden": 48, "context": 48, "dropout": 0.0}
BACH, MOZART = "Bach, Johann Sebastian", "Mozart, Wolfgang Amadeus"


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setitem(FAMILIES, "gpt", Gpt)


def tune(seed: int = 0, bars: int = 4):
    """A melody in eighths with a chord at the start of every bar."""
    steps = np.random.default_rng(seed).integers(-3, 4, 8 * bars)
    pitches = (64 + np.clip(np.cumsum(steps), -12, 12)).tolist()
    notes = [(n / 2, 0.5, pitch, 90) for n, pitch in enumerate(pitches)]
    return piece_of({0: notes + [(4 * bar, 4, root, 90) for bar in range(bars) for root in (40, 43, 47)]}, tempo=100)


def codec_of(name: str) -> Codec:
    """A codec that knows the words of some tunes."""
    return with_words_of(CODECS[name](), [tune(seed) for seed in range(4)])


def gpt(codec: Codec | None = None, **changes) -> Gpt:
    torch.manual_seed(0)
    return Gpt(Gpt.Config(**{**SHAPE, **changes}), codec or Notewise()).eval()


def batch_of(codec: Codec, seeds=(0, 1)) -> dict[str, torch.Tensor]:
    windows = [codec.encode(tune(seed)).astype(np.int64) for seed in seeds]
    ids = np.full((len(windows), max(map(len, windows)), len(codec.sizes)), codec.pad)
    given = np.ones(ids.shape[:2], bool)
    for row, window in enumerate(windows):
        ids[row, :len(window)] = window
        given[row, :len(window)] = codec.given(window)
    return {"ids": torch.from_numpy(ids)[:, :48], "given": torch.from_numpy(given)[:, :48]}


def test_losses_are_finite_and_reach_every_weight():
    model = gpt()
    loss = model.losses(batch_of(model.codec))["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert loss.item() == pytest.approx(np.log(model.codec.sizes[0]), rel=0.05)  # it knows nothing yet
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


def test_one_batch_is_learnt_by_heart():
    model = gpt().train()
    batch, optimizers = batch_of(model.codec), model.optimizers(1e-2)
    for _ in range(80):
        loss = model.step(batch, optimizers, lambda loss: loss.backward())["loss"].item()
    assert loss < 0.3


def test_the_size_maia_is_as_published():
    config = Gpt.Config(**Gpt.SIZES["maia"].config)
    assert (config.layers, config.heads, config.width, config.hidden, config.context) == (6, 8, 256, 1024, 512)
    model = Gpt(config, Notewise())
    attention, feed, norms = 4 * 256 * 257, 256 * 1024 * 2 + 1024 + 256, 4 * 256
    assert model.parameter_count() == 152 * 256 + 6 * (attention + feed + norms) + 2 * 256  # one table for input and output
    assert Gpt.SIZES["maia"].training["length"] == 512


def test_what_comes_later_is_not_heard():
    model = gpt()
    ids = batch_of(model.codec)["ids"]
    changed = ids.clone()
    changed[:, 20:] = changed[:, 20:].flip(1)
    assert torch.equal(model.hear(ids)[:, :20], model.hear(changed)[:, :20])
    assert not torch.allclose(model.hear(ids)[:, 20:], model.hear(changed)[:, 20:])


@torch.no_grad()
def test_only_distance_counts_for_what_is_heard():
    model = gpt(layers=1)
    ids = batch_of(model.codec)["ids"][:1, :20]
    padded = torch.cat([torch.zeros(1, 9, 1, dtype=torch.long), ids], 1)
    late = model.listen(padded, torch.tensor([9])).heard
    torch.testing.assert_close(late, model.listen(ids).heard, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_remembering_equals_hearing_all_again():
    model = gpt()
    model.words.weight.mul_(20)  # so that logits differ
    options = model.Options(bars=2, seed=3, temperature=1.0, top_p=1.0)
    grammar, again = model.codec.grammar(options, 2), model.codec.grammar(options, 2)
    rows = torch.from_numpy(np.tile(grammar.prompt.astype(np.int64)[None], (2, 1, 1)))
    state, dice, others = model.listen(rows), Dice(options, 2), Dice(options, 2)
    for _ in range(30):
        chosen = model.next_row(state, Hand(grammar, dice))
        heard = model.hear(rows)[:, -1]
        fresh = Hand(again, others)(0, model.guess(heard), torch.zeros(2, 1, dtype=torch.long))
        assert chosen[:, 0].tolist() == fresh.tolist()
        rows = torch.cat([rows, chosen[:, None]], 1)
        torch.testing.assert_close(state.heard, model.hear(rows)[:, -1], rtol=1e-4, atol=1e-4)
        for each in (grammar, again):
            each.advance(chosen.numpy())


def test_the_same_seed_writes_the_same_piece_also_after_saving(tmp_path):
    model = gpt()
    options = model.Options(bars=3, tempo=90, metre="3/4", variants=2, seed=5)  # longer than the memory
    first = model.generate(options)
    assert len(first) == 2
    assert all(len(table(piece)) for piece in first)
    assert all(piece.end() <= 9 * piece.ticks_per_quarter for piece in first)
    assert [table(piece) for piece in first] == [table(piece) for piece in model.generate(options)]
    assert [table(piece) for piece in first] != [table(piece) for piece in model.generate(options.replace(seed=6))]
    checkpoint.save(model, tmp_path / "m.safetensors", Card(family="gpt"))
    again = checkpoint.load(tmp_path / "m.safetensors")
    assert [table(piece) for piece in first] == [table(piece) for piece in again.generate(options)]


@pytest.mark.parametrize("name", ["notewise", "names", "chordwise", "ngrams", "bpe"])
@pytest.mark.parametrize("kind", [Gpt, Markov])
def test_any_codec_of_words_is_learnt_scored_and_goes_on(kind, name):
    codec = codec_of(name)
    assert kind.Codec.name == name or kind.SIZES[name].codec == name
    torch.manual_seed(0)
    model: Model = kind(kind.Config(**(SHAPE if kind is Gpt else {})), codec).eval()
    batch = batch_of(codec)
    before = model.score(batch)
    for _ in range(3):
        model.step(batch, model.optimizers(0.01), lambda loss: loss.backward())
    after = model.score(batch)
    assert after["nats"] < before["nats"]
    scored = ~batch["given"][:, 1:].numpy()
    assert after["notes"] == (codec.notes_in(batch["ids"][:, 1:].numpy()) * scored).sum() > 0
    given = tune(1)
    [piece] = model.generate(model.Options(task="continue", bars=2, at=2, seed=1), given)
    line = 8 * given.ticks_per_quarter
    assert [note for note in table(piece) if note[0] < line] == [note for note in table(given) if note[0] < line]
    assert line < piece.end() <= 16 * given.ticks_per_quarter


def test_the_yardstick_counts_words():
    codec = codec_of("names")
    model = Markov(Markov.Config(), codec)
    ids = batch_of(codec, (0, 0))["ids"]
    model.count(ids.numpy())
    chances = model.nats({"ids": ids})[0, 4, 0].neg().exp().item()
    assert chances > 0.5  # this melody does not come back to the same two words with another after it
    other = ids.clone()
    other[0, 5, 0] = next(word for word in range(codec.first, codec.sizes[0]) if word != ids[0, 5, 0])
    assert model.nats({"ids": other})[0, 4, 0] > model.nats({"ids": ids})[0, 4, 0]


def test_what_cannot_be_read_is_refused():
    with pytest.raises(UserError, match="'bars' writes 3 fields a row; `gpt` reads one word a row; take 'notewise'"):
        gpt(CODECS["bars"]())
    with pytest.raises(UserError, match="width of 30 cannot be cut into 2 heads of even width; a multiple of 4 was expected"):
        gpt(width=30)
    with pytest.raises(UserError, match="'frames' writes 88 fields a row; `markov` reads at most 16"):
        Markov(Markov.Config(), CODECS["frames"]())
    assert not set(STEPWISE) & set(Markov.SIZES)
    with pytest.raises(UserError, match="there is no piece to continue"):
        gpt().generate(gpt().Options(task="continue"))


# One composer alone


@pytest.fixture
def two(tmp_path) -> Prepared:
    """Music of two composers: four tunes of one, two of the other, and one of each held out."""
    codec = Notewise(Notewise.Config(composers=(BACH, MOZART)))
    pieces = {"train": [BACH, MOZART, BACH, BACH, MOZART, BACH], "valid": [MOZART, BACH], "test": []}
    rows, seed = [], 0
    for split, composers in pieces.items():
        arrays = [codec.encode(tune(seed := seed + 1), Labels(composer=composer)) for composer in composers]
        np.save(tmp_path / f"{split}.ids.npy", np.concatenate([np.zeros((0, 1), np.int16), *arrays]))
        np.save(tmp_path / f"{split}.offsets.npy", np.cumsum([0, *map(len, arrays)]))
        rows += [{"split": split, "index": n, "source": "here", "composer": name} for n, name in enumerate(composers)]
    with open(tmp_path / "pieces.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "manifest.json").write_text(json.dumps({"codec": "notewise", "codec_config": codec.config.model_dump(),
                                                        "data_hash": "two", "sources": []}))
    return Prepared(tmp_path)


def test_the_pieces_of_one_composer_are_told_apart(two):
    alone = two.by("mozart")
    assert [(row["split"], row["index"], row["composer"]) for row in alone.pieces] == [
        ("train", "0", MOZART), ("train", "1", MOZART), ("valid", "0", MOZART)]
    assert (alone.piece("train", 1) == two.piece("train", 4)).all()
    assert (alone.piece("valid", 0) == two.piece("valid", 0)).all()
    mozart = two.codec().header(MOZART)[0, 0]
    for number in range(4):
        first = alone.batch(number, 4, 30, seed=0)["ids"][:, 0, 0]
        assert set(first) - {mozart} <= set(range(1, 200)) - {two.codec().header(BACH)[0, 0]}
    [page] = alone.pages("valid", 8, 500)
    assert (page["ids"][:, 0, 0] == mozart).all()
    assert two.by(BACH.upper()).split("train")[1].shape == (5,)


def test_a_composer_must_be_one_of_those_there(two):
    with pytest.raises(UserError, match="no training piece is by 'chopin'; known are: Bach, Johann Sebastian, Mozart"):
        two.by("chopin")
    with pytest.raises(UserError, match="'a' may be 'Bach, Johann Sebastian' or 'Mozart, Wolfgang Amadeus'; one composer"):
        two.by("a")


def test_all_composers_are_learnt_and_then_one(two, tmp_path):
    pytest.importorskip("lightning")
    from bandmate.training import Training, train
    wish = Training(steps=4, batch=2, length=48, evaluate_every=4, threads=1, accelerator="cpu", seed=1)
    train("gpt", two, tmp_path / "all", wish, config=SHAPE)
    model = train("gpt", two.by("mozart"), tmp_path / "one", wish, start_from=tmp_path / "all")
    report = json.loads((tmp_path / "one" / "report.json").read_text())
    assert report["before"] > report["after"] > 0
    [piece] = model.generate(model.Options(bars=1, composer=MOZART, seed=2))
    write(piece, tmp_path / "one.mid")
    assert table(read(tmp_path / "one.mid"))
