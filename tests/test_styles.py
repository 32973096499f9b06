"""Styles are measured: of composers made by hand, one of which does all it is asked, and one nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from manners import MANNERS, prepare, rock, waltz
from music_made_here import piece_of

from bandmate import checkpoint, probe
from bandmate.audience import gather, opening
from bandmate.codecs.bars import Bars
from bandmate.commands.flags import run
from bandmate.commands.models import benchmark
from bandmate.data.windows import Prepared
from bandmate.examples import study
from bandmate.failings import Way
from bandmate.families import FAMILIES
from bandmate.families.markov import Markov
from bandmate.metrics.originality import Library
from bandmate.model import Model, Options, Size
from bandmate.music.files import read
from bandmate.music.grid import to_grid
from bandmate.output.styles import draw_adversaries, draw_beta, table
from bandmate.recipe import Recipe
from bandmate.recognise import load, save
from bandmate.run import Run
from bandmate.settings import Settings, UserError
from bandmate.styles import copies, measure


class FakeConfig(Settings):
    """Which of its tasks a composer does."""

    kl_weight: float = 1.0
    """Of no effect."""
    obeys: bool = True
    """Whether it writes in the style that is asked for, or else waltzes."""
    keeps: bool = False
    """Whether it keeps a tune, or else writes anew."""
    tells: bool = True
    """Whether content tells the style."""


class FakeOptions(Options):
    """With a tune to keep."""

    content: str = ""
    """A file."""


class Fake(Model):
    """Keeps style and content apart, or not."""

    Config, Options, Codec = FakeConfig, FakeOptions, Bars
    SIZES = {"tiny": Size()}

    def __init__(self, config, codec):
        super().__init__(config, codec)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.homes = SimpleNamespace(from_home=lambda content, labels: content)

    @property
    def styles(self):
        return tuple(sorted(MANNERS))

    def losses(self, batch):
        return {"loss": self.weight.sum()}

    def encode(self, ids):
        """Read the style from the metre: it stands, or does not, in the first of three latents."""
        waltzes = torch.tensor([to_grid(self.codec.decode(row.numpy()), 12).bars[0, 1].item() == 3 for row in ids]).float()
        noise = torch.randn((len(ids), 3), generator=torch.Generator().manual_seed(len(ids)))
        mean = torch.stack([2 * waltzes - 1 if self.config.tells else noise[:, 0], noise[:, 1], 0 * noise[:, 2]], 1)
        return mean, torch.zeros_like(mean), torch.stack([1 - waltzes, waltzes], 1)

    def score(self, batch):
        notes = torch.tensor(float(len(batch["ids"])))
        return {"nats": 5 * notes, "notes": notes, "hits.a": notes / 2, f"hits.{self.codec.fields[0]}": notes / 2,
                f"count.{self.codec.fields[0]}": notes}

    def generate(self, options, prompt=None, progress=lambda share, so_far: None):
        if options.content and self.config.keeps:
            return [read(options.content)]
        make = MANNERS[options.style if self.config.obeys else "waltz"]
        return [make(1000 + options.seed + n, options.bars) for n in range(options.variants)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Prepared(prepare(tmp_path_factory.mktemp("styles") / "data"))


@pytest.fixture(scope="module")
def recogniser(data):
    return study(data, Recipe(least=5, rounds=6, hidden=16, bars=4)).model


def fake(data: Prepared, **config) -> Fake:
    return Fake(FakeConfig(**config), data.codec()).eval()


def measured(data, recogniser, **config):
    model = fake(data, **config)
    audience = gather(data, recogniser, {"fake": model}, 3, 8)
    rows, confusions = measure([Way("fake", model, model.Options())], audience, 3)
    return {row["name"]: row for row in rows}, confusions, audience


def test_who_does_all_that_is_asked_is_recognised(data, recogniser):
    rows, confusions, audience = measured(data, recogniser)
    row = rows["fake"]
    assert set(audience.usuals) == {"waltz", "rock"}
    assert {name: usual.metre for name, usual in audience.usuals.items()} == {"waltz": "3/4", "rock": "4/4"}
    assert row["recognised, %"] == rows["people"]["recognised, %"] == 100
    assert row["in one metre, %"] == 100
    assert row["in other styles, %"] == 0
    assert confusions["fake"].tolist() == [[3, 0], [0, 3]]
    assert (row["new manner, %"], row["old manner, %"]) == (100, 0)
    assert row["chroma kept"] < 0.95
    assert rows["chance"]["recognised, %"] == rows["chance"]["new manner, %"] == 50
    assert 0 < rows["chance"]["chroma kept"] < 1
    assert 0 <= row["copies, %"] <= 50
    assert rows["people"]["longest copy, quarters"] > 4, "there are but few chords to choose from"
    assert row["polyphony"] > 1
    assert 0 < row["overlap"] <= 1
    assert row["beta"] == 1


def test_who_keeps_every_note_keeps_the_manner_too(data, recogniser):
    rows, confusions, _ = measured(data, recogniser, keeps=True, obeys=False)
    row = rows["fake"]
    assert row["chroma kept"] == row["chroma kept, own style"] == pytest.approx(1)
    assert (row["new manner, %"], row["old manner, %"]) == (0, 100)
    assert row["recognised, %"] == 50
    assert confusions["fake"][:, recogniser.card.classes.index("waltz")].tolist() == [3, 3]


def test_what_latents_hold_by_hand(data, recogniser):
    model = fake(data)
    test = probe.read(model, data, "test", "style")
    row = probe.latents(model, test)
    assert row["KL, nats"] == pytest.approx(float((0.5 * test.mean ** 2).sum(1).mean()), rel=1e-5)
    assert (row["in use"], row["latents"]) == (2, 3), "the third never moves"
    assert row["style read, %"] == 100
    assert row["commonest style, %"] >= 50
    assert row["bound, nats a note"] == 5
    assert row["reconstruction, nats a note"] == pytest.approx(5 - row["KL, nats"])
    assert row[f"right {model.codec.fields[0]}, %"] == 50
    assert row["stretches"] == len(test.mean) == sum(len(page["ids"]) for page in test.pages)


@pytest.mark.parametrize("tells", [True, False])
def test_a_fresh_network_reads_the_style_where_it_stands(data, tells):
    model = fake(data, tells=tells)
    train, valid, test = (probe.read(model, data, split, "style") for split in ("train", "valid", "test"))
    found = probe.probe(train, valid, test)
    assert found == 1 if tells else 0.2 < found < 0.85
    assert found == probe.probe(train, valid, test), "the same seed gives the same"


def test_contents_are_heard_as_draws_from_home(data):
    model = fake(data)
    model.homes.from_home = lambda content, labels: content - 10 * labels[:, None]
    test = probe.read(model, data, "test", "style")
    heard = probe.as_heard(model, test._replace(log=torch.full_like(test.log, -8.0)))
    assert heard.right.tolist() == test.right.tolist() * probe.DRAWS
    away = heard.mean - test.mean.repeat(probe.DRAWS, 1) + 10 * heard.right[:, None]
    assert 0.01 < float(away.std()) < 0.03  # e^-4


def test_four_bars_of_a_training_piece_are_a_copy(data):
    library = Library()
    library.add("one", waltz(1))
    library.close()
    assert copies([waltz(1, 6)], library) == {
        "copies, %": 100, "longest copy, quarters": 18, "longest of all, quarters": 18}
    assert copies([waltz(1, 5)], library)["copies, %"] == 0
    half = copies([waltz(1), rock(1)], library)
    assert (half["copies, %"], half["longest of all, quarters"]) == (50, 24)
    assert copies([], library)["copies, %"] == "n/a: no pieces"


def test_tunes_are_whole_stretches_in_one_metre():
    assert len(to_grid(opening(waltz(1, 11), 16, 4), 12).bars) == 8
    assert len(to_grid(opening(waltz(1, 11), 16), 12).bars) == 11
    assert len(to_grid(opening(waltz(1, 11), 4), 12).bars) == 4
    assert opening(waltz(1, 3), 16, 4) is None
    assert opening(piece_of({0: [(beat, 1, 60, 80) for beat in range(30)]}, {0: (4, 4), 8: (3, 4)}), 16, 4) is None
    assert opening(piece_of({0: []}), 16) is None


def test_what_cannot_be_measured_is_said(data, recogniser):
    with pytest.raises(UserError, match="'markov' does not keep style and content apart"):
        gather(data, recogniser, {"markov": Markov(Markov.Config(), data.codec())}, 2, 8)
    with pytest.raises(UserError, match="'fake' reads music otherwise"):
        gather(data, recogniser, {"fake": Fake(FakeConfig(), Bars())}, 2, 8)

    class Other(Fake):
        styles = ("waltz", "polka")

    with pytest.raises(UserError, match="only 1 style is known to all models"):
        gather(data, recogniser, {"other": Other(FakeConfig(), data.codec())}, 2, 8)


def test_the_command_writes_a_table_and_pictures(data, recogniser, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(FAMILIES, "fake", Fake)
    save(recogniser, "styles.safetensors")
    for number, name in enumerate(("one", "two")):
        Path(name).mkdir()
        checkpoint.save(fake(data, kl_weight=number / 2), Path(name) / checkpoint.BEST)
    for step in (1, 2):
        Run("two").add({"step": step, "loss": 1.0, "discriminator": 0.2 * step, "encoder": 2.0 / step})
    words = ["styles", "one", "two:temperature=0.5", "--data", str(data.folder), "--recogniser",
             "styles.safetensors", "--pieces", "2", "--bars", "4"]
    run(benchmark, [*words, "--out", "out"])
    said = capsys.readouterr().out
    assert "recognised, %" in said
    assert {path.name for path in Path("out").iterdir()} == {
        "styles.md", "styles.json", "confusion-one.png", "confusion-two.png", "confusion-people.png", "beta.png",
        "adversary-two.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("out").glob("*.png"))
    numbers = json.loads(Path("out/styles.json").read_text())
    assert [row["name"] for row in numbers["rows"]] == ["one", "two:temperature=0.5", "people", "chance"]
    assert numbers["confusions"]["one"] == [[2, 0], [0, 2]]
    assert numbers["about"]["command"].startswith("bandmate benchmark styles one two:temperature=0.5 --data")
    assert "| **recognised, %**<br>" in Path("out/styles.md").read_text()
    run(benchmark, words)
    assert "out" not in capsys.readouterr().out.split(), "without --out nothing is written"
    for flag, sentence in (("--bars", "bars is 3; a number from 4"), ("--pieces", "pieces is 65")):
        wrong = [*words]
        wrong[words.index(flag) + 1] = sentence.split()[2].rstrip(";")
        with pytest.raises(UserError, match=sentence):
            run(benchmark, wrong)
    with pytest.raises(UserError, match="no model was named"):
        run(benchmark, ["styles", *words[3:]])
    assert load("styles.safetensors").card.classes == recogniser.card.classes


def test_pictures_need_something_to_draw(tmp_path):
    rows = [{"name": "a", "beta": 0.5, "overlap": 0.5}, {"name": "b", "beta": 0.5}, {"name": "people", "overlap": 1.0}]
    assert draw_beta(rows, tmp_path / "beta.png") == []
    assert draw_adversaries(["nowhere", str(tmp_path)], tmp_path) == []
    assert "| **overlap**" in table(rows)
