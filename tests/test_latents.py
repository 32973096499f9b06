"""What latents hold is counted: of small models, and of music made by hand."""

import numpy as np
import pytest
import torch
from music_made_here import band, piece_of, songbook

from bandmate import checkpoint, latents
from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll
from bandmate.commands.latents import latents as command
from bandmate.data.prepare import prepare
from bandmate.data.windows import Prepared
from bandmate.families.markov import Markov
from bandmate.families.melody_vae import MelodyVae
from bandmate.families.roll_blocks import blocks_of
from bandmate.families.vae import Vae
from bandmate.settings import UserError


def song(seed: int):
    """Eight bars of a random tune over a random bass."""
    random = np.random.default_rng(seed)
    notes = {program: [(at, length, int(random.integers(12)) + low, 80) for at in np.arange(0, 32, length).tolist()]
             for program, length, low in ((0, 0.5, 60), (33, 2, 36), (48, 1, 72))}
    return piece_of(notes)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    return songbook(tmp_path_factory.mktemp("midis"), song)


@pytest.fixture(scope="module")
def data(music, tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "roll"
    prepare([str(music)], out, "roll", workers=1)
    return Prepared(out)


def make() -> Vae:
    torch.manual_seed(0)
    model = Vae(Vae.Config(latent=4, width=4, network=8, bank=16), Roll()).eval()
    with torch.no_grad():
        for part in model.parts:
            part.decoder[-1].bias += 3
    return model


def block() -> torch.Tensor:
    return blocks_of(torch.from_numpy(Roll().encode(band(4)).astype(np.int64))[None])[0][0]


def test_likeness_by_hand():
    one = torch.full((1, 5, 32, 128), c.OFF)
    one[0, 0, 0, [60, 64, 67]] = c.ONSET
    other = torch.full((1, 5, 32, 128), c.OFF)
    other[0, 0, 0, [60, 64]] = other[0, 1, 0, 67] = c.SUSTAIN
    assert latents._alike(one, torch.cat([one, other])).tolist() == [[1, pytest.approx(2 / 3)]]


def test_a_model_that_lets_everything_sound_recalls_all_and_is_seldom_right():
    model = make()
    with torch.no_grad():
        model.parts[0].decoder[-1].bias[0] = 50
        model.parts[2].decoder[-1].bias[0] = -50
    rows = {row["part"]: row for row in latents.rebuilt(model, block(), 0.25)}
    assert set(rows) == {"piano", "bass", "strings", "drums"}, "the guitar never plays"
    assert rows["piano"]["recall"] == 1
    assert rows["piano"]["precision"] == pytest.approx(3 * 32 / (32 * 128))
    assert rows["bass"]["recall"] == rows["bass"]["struck recall"] == 0
    assert rows["piano"]["KL, nats"] > 0


def test_more_noise_gives_more_variety_and_real_music_stands_beside_it(data):
    rows = latents.varied(make(), latents.held_out(data, "valid", 20), Vae.Options())
    assert [row["noise_sd"] for row in rows] == [*latents.NOISES, "real music"]
    varied = [row["same start"] for row in rows[:-1]]
    assert varied[0] == 0
    assert varied == sorted(varied)
    assert 0 < rows[-1]["clashes"] < 1


def test_the_command_prints_tables(data, tmp_path, capsys):
    model = make()
    model.meet(data)
    checkpoint.save(model, tmp_path / "vae.safetensors")
    command(str(tmp_path / "vae.safetensors"), data=data.folder, blocks=8)
    said = capsys.readouterr().out
    assert said.count("| --- |") == 3
    assert "| part | blocks | precision | recall |" in said
    assert "| alpha | likeness |" in said
    with pytest.raises(UserError, match="valid or test was expected"):
        command(str(tmp_path / "vae.safetensors"), data=data.folder, split="train")
    checkpoint.save(Markov(Markov.Config(), Markov.Codec()), tmp_path / "markov.safetensors")
    with pytest.raises(UserError, match="has no latents"):
        command(str(tmp_path / "markov.safetensors"), data=data.folder)


def test_what_makes_no_sense_is_refused(data, music, tmp_path):
    model = make()
    checkpoint.save(model, tmp_path / "vae.safetensors")
    with pytest.raises(UserError, match="blocks is 0; a number from 2 to 10000 was expected"):
        command(str(tmp_path / "vae.safetensors"), data=data.folder, blocks=0)
    with pytest.raises(UserError, match="threshold is 2"):
        command(str(tmp_path / "vae.safetensors"), data=data.folder, threshold=2)
    prepare([str(music)], tmp_path / "words", "notewise", workers=1)
    with pytest.raises(UserError, match="the codec 'roll' was expected"):
        command(str(tmp_path / "vae.safetensors"), data=tmp_path / "words")


def test_melodies_are_counted(music, tmp_path, capsys):
    prepare([str(music)], tmp_path / "data", "roll:steps_per_quarter=4", workers=1)
    model = MelodyVae(MelodyVae.Config(width=16), Prepared(tmp_path / "data").codec()).eval()
    row = latents.melody(model, Prepared(tmp_path / "data"), "valid")
    assert row["melodies"] > 0
    assert 0 <= row["from a draw"] <= 1
    assert row["always the commonest"] == pytest.approx(0.5, abs=0.3)
    checkpoint.save(model, tmp_path / "melody.safetensors")
    command(str(tmp_path / "melody.safetensors"), data=tmp_path / "data")
    assert "| melodies | from the mean | from a draw |" in capsys.readouterr().out
