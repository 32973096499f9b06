"""Drawing: only what is allowed, as freely as asked, the same from the same seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from music_made_here import band, table

from bandmate.codecs.bars import Bars, bar_lines
from bandmate.codecs.codec import Grammar
from bandmate.families.bands import Bands, BandsConfig
from bandmate.model import Options
from bandmate.obedience.learnt import levels_of
from bandmate.sampling import Dice, Hand, chances, kept, write
from bandmate.settings import UserError

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1]))


@pytest.fixture(scope="module")
def model() -> Bands:
    torch.manual_seed(1)
    return Bands(BandsConfig(width=16, layers=1, heads=1, head_width=16, hidden=24, context=64), Bars()).eval()


@pytest.mark.parametrize(("options", "expected"), [
    ({"top_p": 1}, [0.5, 0.25, 0.15, 0.1]),
    ({"temperature": 0}, [1, 0, 0, 0]),
    ({"top_p": 1, "top_k": 1}, [1, 0, 0, 0]),
    ({"top_p": 1, "top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
    ({"top_p": 0.5}, [1, 0, 0, 0]),
    ({"top_p": 0.8}, [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]),
    ({"top_p": 1, "min_p": 0.4}, [2 / 3, 1 / 3, 0, 0]),
    ({"top_p": 1, "temperature": 0.5}, np.array([0.25, 0.0625, 0.0225, 0.01]) / 0.345),
])
def test_chances_by_hand(options, expected) -> None:
    np.testing.assert_allclose(chances(LOGITS, Options(**{"temperature": 1, **options})), expected, atol=1e-12)


def test_draws_follow_the_chances_and_the_mask() -> None:
    dice = Dice(Options(temperature=1, top_p=1), 64)
    logits, allowed = torch.from_numpy(np.tile(LOGITS, (64, 1))), np.tile([True, False, True, True], (64, 1))
    drawn = torch.cat([dice.draw(logits, allowed) for _ in range(60)])
    shares = np.bincount(drawn.numpy(), minlength=4) / len(drawn)
    assert shares[1] == 0
    np.testing.assert_allclose(shares, [0.5 / 0.75, 0, 0.15 / 0.75, 0.1 / 0.75], atol=0.03)


def test_temperature_nothing_takes_the_likeliest_that_is_allowed() -> None:
    dice = Dice(Options(temperature=0), 1)
    assert dice.draw(torch.from_numpy(LOGITS[None]), np.array([[False, False, True, True]])).tolist() == [2]


def test_a_variant_is_the_same_alone_and_among_others(model) -> None:
    request = {"bars": 2, "instruments": ("piano", "flute")}
    among = model.generate(Options(**request, seed=3, variants=3))
    alone = [model.generate(Options(**request, seed=3 + n))[0] for n in range(3)]
    assert [table(piece) for piece in among] == [table(piece) for piece in alone]
    assert len({str(table(piece)) for piece in alone}) == 3


def test_a_piece_longer_than_the_memory_still_has_its_bars(model) -> None:
    options = Options(bars=64, instruments=("piano", "bass"), drums=True, variants=2, seed=2)
    streams = write(model, model.codec.grammar(options, 2), options)
    for ids in streams:
        assert len(ids) > 2 * model.config.context
        assert bar_lines(ids[:, 0]).sum() == 64


def test_of_candidates_the_one_nearest_to_the_wish_is_kept(model) -> None:
    wish = {"bars": 2, "instruments": ("piano",), "density": 1, "seed": 5}
    each = [model.generate(Options(**wish | {"seed": 5 + n}))[0] for n in range(4)]
    [kept] = model.generate(Options(**wish, candidates=4))
    misses = [abs(levels_of(piece)["density"] - 1) for piece in each]
    assert table(kept) in [table(piece) for piece in each]
    assert abs(levels_of(kept)["density"] - 1) == min(misses)


def test_a_model_works_on_a_piece_in_every_way(model) -> None:
    song = band(4)
    for task, wish in {"continue": {"bars": 2}, "infill": {"region": "2"}, "accompany": {"instruments": ("violin",)},
                       "vary": {"region": "2-3"}}.items():
        pieces = model.generate(Options(task=task, seed=1, variants=2, **wish), prompt=song)
        assert len(pieces) == 2
        again = model.generate(Options(task=task, seed=1, variants=2, **wish), prompt=song)
        assert [table(piece) for piece in pieces] == [table(piece) for piece in again]
        first = [note for note in table(song) if note[0] < 4 * 480]
        assert [note for note in table(pieces[0]) if note[0] < 4 * 480 and note[4] != 40] == first
        assert table(pieces[0]) != table(song)
    assert table(song) == table(band(4))


def test_a_task_needs_a_piece(model) -> None:
    with pytest.raises(UserError, match="there is no piece to continue; give a prompt"):
        model.generate(Options(task="continue"))


class Drummer(Grammar):
    """At 0 may come 1 or 2; at 1 only 3 of what the model wants, at 2 all."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def mask(self, field, chosen):
        if field == 0:
            return np.tile([False, True, True, False, False], (self.rows, 1))
        return np.array([[False, False, False, True, when == 2] for when in chosen[:, 0]]) | (np.arange(5) == 0)

    def advance(self, chosen):
        pass

    done = progress = property(lambda self: None)


def test_a_moment_at_which_little_is_allowed_is_drawn_as_seldom_as_its_rows_together() -> None:
    when = torch.log(torch.tensor([1e-9, 0.5, 0.5, 1e-9, 1e-9])).repeat(4000, 1)
    what = torch.log(torch.tensor([1e-9, 1e-9, 1e-9, 0.1, 0.9])).repeat(4000, 1)
    hand = Hand(Drummer(4000), Dice(Options(temperature=1, top_p=1), 4000))
    chosen = torch.zeros(4000, 2, dtype=torch.long)
    while hand.again.any():
        for field, logits in enumerate((when, what)):
            chosen[:, field] = hand(field, logits, chosen)
    assert (chosen[:, 0] == 1).float().mean().item() == pytest.approx(0.05 / 0.55, abs=0.02)
    assert (chosen[chosen[:, 0] == 2, 1] == 4).float().mean().item() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("likeliest", [{"temperature": 0}, {"top_k": 1}])
def test_where_the_likeliest_is_drawn_all_streams_are_the_same(likeliest) -> None:
    """None of them throws whether to draw anew; the first moment is hopeless, and given up for the second."""
    when = torch.log(torch.tensor([1e-9, 0.6, 0.4, 1e-9, 1e-9])).repeat(64, 1)
    what = torch.log(torch.tensor([0.2, 1e-9, 1e-9, 0.2, 0.6])).repeat(64, 1)
    hand = Hand(Drummer(64), Dice(Options(**likeliest), 64))
    chosen = torch.zeros(64, 2, dtype=torch.long)
    while hand.again.any():
        for field, logits in enumerate((when, what)):
            chosen[:, field] = hand(field, logits, chosen)
    assert chosen.unique(dim=0).tolist() == [[2, 4]]


@pytest.mark.parametrize("wish", [{}, {"task": "infill", "region": "2-3"}])
def test_what_is_written_so_far_can_be_read(model, wish):
    """It grows note by note, and is in the end what is written."""
    seen: list[list[int]] = []
    options = Options(bars=2, variants=2, candidates=2, seed=3, **wish)
    pieces = model.generate(options, band(4) if wish else None,
                            lambda share, so_far: seen.append([piece.note_num() for piece in so_far()]))
    assert all(a <= b for before, after in itertools.pairwise(seen) for a, b in zip(before, after, strict=True))
    assert len(seen[-1]) == 2
    assert max(seen[-1]) > max(seen[0])
    assert any(last == piece.note_num() for last, piece in zip(seen[-1], pieces, strict=True))


def test_what_misses_least_is_kept_and_among_equals_what_costs_least() -> None:
    class Counting:
        def misses(self, stream: np.ndarray) -> int:
            return int(stream.sum())

    streams = [np.array([[misses]]) for misses in (2, 1, 1, 0, 5, 5)]
    cost = np.array([0.0, 3.0, 2.0, 9.0, 1.0, 0.5])
    assert kept(Counting(), streams, cost, 3) == [2, 3]  # type: ignore[arg-type]
    assert kept(Counting(), streams, cost, 1) == [*range(6)]  # type: ignore[arg-type]
