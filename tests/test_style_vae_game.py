"""What keeps the content of the family `style_vae` free of style: homes, and a discriminator that reads against the encoder."""

import math

import numpy as np
import pytest
import torch
from two_styles import ALL, BATCH, CODEC, make, taught

from bandmate.families import style_vae_adversary as adversary
from bandmate.families.style_vae import StyleVae
from bandmate.families.style_vae_homes import Homes


@pytest.fixture(scope="module")
def learnt() -> StyleVae:
    return taught()


def test_who_learns_when_and_what_is_touched():
    assert [adversary.whose(step) for step in range(20)] == ["vae"] * 10 + ["discriminator"] * 5 + ["encoder"] * 5
    assert adversary.whose(20) == "vae"
    model = make(adversarial=True).train()
    optimizers = model.optimizers(1e-2)
    touched = []
    for step in range(20):
        before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        losses = model.step(BATCH, optimizers, torch.Tensor.backward)
        moved = {name for name, weight in model.named_parameters() if (weight != before[name]).any()}
        touched.append({name.split(".")[0] for name in moved})
        assert tuple(losses) == adversary.NAMES
        if step >= 15:
            assert losses["encoder"] > 0
    assert touched[:10] == [{"rows", "encoder", "decoder", "codebook"}] * 10
    assert touched[10:15] == [{"adversary"}] * 5
    assert touched[15:] == [{"encoder"}] * 5
    assert losses["discriminator"] > 0


def test_what_a_discriminator_loses_that_knows_nothing():
    judge = adversary.Adversary(6, 12, "inverted")
    for weight in judge.net[-1].parameters():
        weight.data.zero_()
    judge.net[-1].bias.data.fill_(-math.log(11))  # it says 1/12 of each
    mean, labels = torch.randn(5, 6), torch.tensor([0, 3, 5, 11, -1])
    assert judge.reading(mean, labels).item() == pytest.approx(0.2868, abs=1e-4)
    assert judge.hiding(mean, labels).item() == pytest.approx(2.285, abs=1e-3)
    judge.goal = "uniform"
    assert judge.hiding(mean, labels).item() == pytest.approx(0.2868, abs=1e-4)


def test_the_style_is_taken_out_of_the_content():
    """Against a discriminator that has learnt to read it."""
    model = make(adversarial=True, layers=1, homes=False, apart=0, kl_weight=0).train()
    optimizers = model.optimizers(1e-2)

    def learn(first: int, steps: int) -> dict[str, torch.Tensor]:
        for _ in range(steps):
            model.seen.fill_(first)
            losses = model.step(ALL, optimizers, torch.Tensor.backward)
        return losses

    learn(0, 40)
    assert learn(10, 3)["discriminator"] < 0.1
    assert learn(15, 1)["encoder"] > 2
    assert learn(15, 60)["encoder"] < 1.2, "a guess has ln 2"


def test_an_adversary_joins_a_model_that_has_learnt(learnt):
    torch.manual_seed(3)
    both = StyleVae(learnt.config.replace(adversarial=True), CODEC)
    fresh = both.adversary.net[0].weight.clone()
    both.start_from(learnt)
    assert torch.equal(both.adversary.net[0].weight, fresh)
    assert torch.equal(both.codebook, learnt.codebook)
    again = StyleVae(both.config, CODEC)
    again.start_from(both)
    assert torch.equal(again.adversary.net[0].weight, fresh)
    assert again.seen == 0


def test_the_discriminator_remembers_the_latest_contents(monkeypatch):
    monkeypatch.setattr(adversary, "REMEMBERED", 4)
    judge = adversary.Adversary(2, 2, "uniform")
    assert judge.reading(*(judge.recall()[at] for at in (0, 2))) == 0, "it knows nothing yet"
    judge.remember(torch.full((3, 2), 1.0), torch.zeros(3, 2), torch.tensor([0, -1, 1]))
    judge.remember(torch.full((3, 2), 2.0), torch.zeros(3, 2), torch.tensor([1, 1, 1]))
    assert judge.means[:, 0].tolist() == [2, 2, 2, 1]
    assert judge.labels.tolist() == [1, 1, 1, 0]
    mean, _, labels = judge.recall()
    assert len(mean) == adversary.GROUP
    assert set(zip(mean[:, 0].tolist(), labels.tolist(), strict=True)) == {(2, 1), (1, 0)}


def test_styles_count_the_same_in_the_game_however_many_there_are():
    judge = adversary.Adversary(3, 2, "uniform").eval()
    few, many = torch.randn(1, 3), torch.randn(9, 3)
    one, other = judge.reading(few, torch.tensor([0])), judge.reading(many, torch.ones(9, dtype=torch.int64))
    both = judge.reading(torch.cat([few, many]), torch.tensor([0] + [1] * 9))
    assert torch.allclose(both, (one + other) / 2)


def test_contents_counted_from_home(learnt):
    content, labels = torch.randn(3, 6), torch.tensor([1, -1, 0])
    counted = learnt.homes.from_home(content, labels)
    assert torch.equal(counted[1], content[1])
    assert torch.allclose(learnt.homes.enter(counted[[0]], torch.tensor([[0.0, 1]])), content[[0]], atol=1e-3)
    assert torch.allclose(learnt.homes.enter(counted[[2]], torch.tensor([[1.0, 0]])), content[[2]], atol=1e-3)


def test_homes_hold_the_contents_of_their_style():
    torch.manual_seed(0)
    homes, shape = Homes(2, 3), torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 0.5, 0.1]])
    own = torch.randn(6400, 3) @ shape.T + torch.tensor([5.0, 0, -5])
    homes.settle(torch.cat([own, torch.zeros(1, 3)]), torch.full((6401, 3), -20.0), torch.tensor([0] * 6400 + [-1]))
    assert torch.allclose(homes.middles[0], torch.tensor([5.0, 0, -5]), atol=0.2)
    assert torch.allclose(homes.spreads[0], shape @ shape.T, atol=0.4)
    assert torch.equal(homes.spreads[1], torch.eye(3))  # of this style nothing was heard
    here, there = torch.tensor([[1.0, 0]]), torch.tensor([[0, 1.0]])
    standard = homes.leave(torch.randn(4000, 3) @ shape.T + torch.tensor([5.0, 0, -5]), here)
    assert torch.allclose(torch.cov(standard.T), torch.eye(3), atol=0.15)
    assert torch.allclose(homes.enter(standard, there), standard, atol=1e-3)
    assert torch.allclose(homes.leave(homes.enter(standard, here), here), standard, atol=1e-3)


def test_homes_are_taken_from_training_music(learnt):
    class Data:
        def pages(self, split, size, length, limit):
            assert (split, limit) == ("train", 2000)
            yield ALL

    model, random = make(layers=1), np.random.default_rng(0)
    model.settle(Data())
    moved = np.stack([CODEC.moved(ids, 5, random) for ids in ALL["ids"].numpy()])
    assert len(set((moved[:, 1, 0] - ALL["ids"][:, 1, 0].numpy()).tolist())) > 2, "in many keys"
    mean, log, _ = model.encode(torch.from_numpy(moved))
    chorales = mean[:3]
    assert torch.allclose(model.homes.middles[0], chorales.mean(0), atol=1e-5)
    by_hand = torch.cov(chorales.T, correction=0) + torch.diag(log[:3].exp().mean(0))
    assert torch.allclose(model.homes.spreads[0], by_hand, atol=1e-4)
    without = make(layers=1, homes=False)
    without.settle(Data())
    assert torch.equal(without.homes.spreads, make(layers=1).homes.spreads)
