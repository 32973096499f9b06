"""The family `melody_vae`: two bars of one line, in latents and back."""

import numpy as np
import pytest
import torch
from music_made_here import band, check_answer, piece_of, table

from bandmate import checkpoint
from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll, RollConfig
from bandmate.families import melody_lines as lines
from bandmate.families import roll_blocks
from bandmate.families.melody_vae import MelodyVae
from bandmate.settings import UserError

CODEC = Roll(RollConfig(steps_per_quarter=4))


def make() -> MelodyVae:
    torch.manual_seed(0)
    return MelodyVae(MelodyVae.Config(width=16, latent=8), CODEC).eval()


def rows(piece) -> torch.Tensor:
    return torch.from_numpy(CODEC.encode(piece).astype(np.int64))[None]


def test_a_line_by_hand():
    notes = [(0, 1, 60, 90), (0, 4, 48, 90), (1, 0.25, 62, 90), (2, 1, 64, 90), (2.5, 1, 55, 90), (6, 2, 65, 90)]
    block = roll_blocks.blocks_of(rows(piece_of({0: notes})))[0][0, 0, :1]
    struck, hold, rest = (lambda pitch: lines.FIRST_KEY + pitch), [lines.HOLD], [lines.REST]
    wanted = [struck(60), *hold * 3, struck(62), *rest * 3, struck(64), *hold * 3, *rest * 12, struck(65), *hold * 7]
    assert lines.skyline(block)[0].tolist() == wanted
    again = lines.played(lines.skyline(block), torch.full((1, 32, 128), c.OFF))
    assert lines.skyline(again)[0].tolist() == wanted
    assert (again >= c.ONSET).sum() == 17


def test_what_counts_as_a_melody():
    few = piece_of({0: [(0, 1, 60, 90), (4, 1, 62, 90), (7, 1, 64, 90)]})
    gap = piece_of({0: [(n / 4, 0.25, 60 + n, 90) for n in range(6)] + [(7, 1, 64, 90)]})
    good = piece_of({0: [(n, 1, 60 + n, 90) for n in range(8)], 128: [(0, 1, 36, 90)]})
    assert [len(lines.melodies(rows(piece))) for piece in (few, gap, good)] == [0, 0, 1]
    assert len(lines.melodies(rows(band(4)))) == 2 * 3


def test_losses_reach_every_weight_and_one_batch_is_learnt():
    model = make().train()
    batch, [optimizer] = {"ids": rows(band(4))}, model.optimizers(2e-2)
    first = model.losses(batch)
    first["loss"].backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    for _ in range(60):
        last = model.step(batch, [optimizer], torch.Tensor.backward)
    assert last["loss"] < 0.3 * first["loss"]
    line = lines.melodies(batch["ids"])
    assert (model.eval().decode(model.encode(line)[0]).argmax(-1) == line).float().mean() > 0.7
    score = model.score(batch)
    assert score["notes"] == (line >= lines.FIRST_KEY).sum()
    assert score["nats"] > 0
    silent = {"ids": torch.full((1, 32, c.CELLS), c.OFF)}
    assert model.losses(silent)["loss"].item() == 0
    assert model.score(silent)["notes"].item() == 0


def test_it_writes_a_line_and_the_same_after_saving(tmp_path):
    model = make()
    options = model.Options(bars=5, instruments=("flute",), key="G major", variants=2, seed=3, tempo=90)
    pieces = model.generate(options)
    for piece in pieces:
        check_answer(piece, options)
        assert c.sounding(CODEC.encode(piece)).sum((1, 2)).max() <= 1
    assert table(pieces[0]) != table(pieces[1])
    checkpoint.save(model, tmp_path / "m.safetensors")
    again = checkpoint.load(tmp_path / "m.safetensors").generate(options)
    assert [table(piece) for piece in pieces] == [table(piece) for piece in again]


def test_it_goes_on_with_a_line():
    prompt = piece_of({73: [(n, 1, 60 + n % 5, 90) for n in range(16)]})
    model = make()
    [piece] = model.generate(model.Options(task="continue", bars=3, seed=1), prompt=prompt)
    assert {note[:3] for note in table(piece) if note[0] < 16 * 480} == {note[:3] for note in table(prompt)}
    assert piece.end() > 18 * 480
    with pytest.raises(UserError, match="writes one line"):
        model.generate(model.Options(instruments=("piano", "bass")))
    with pytest.raises(UserError, match="writes one line"):
        model.generate(model.Options(drums=True))
