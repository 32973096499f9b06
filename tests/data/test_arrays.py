"""The split: one side a group, whatever the order of the files."""

import hashlib

import numpy as np

from bandmate.data.arrays import split


def digests(count: int) -> list[bytes]:
    return [hashlib.sha256(str(n).encode()).digest() for n in range(count)]


def sides(groups: np.ndarray, held_out: tuple[int, ...] = ()) -> np.ndarray:
    marked = np.isin(np.arange(len(groups)), held_out)
    return split(digests(len(groups)), groups, marked, np.ones(len(groups), bool))


def test_shares_are_about_94_3_3():
    counts = np.bincount(sides(np.arange(10_000)), minlength=3) / 10_000
    assert np.allclose(counts, [0.94, 0.03, 0.03], atol=0.008)


def test_a_group_stands_on_one_side_whatever_the_order():
    groups = np.arange(600) // 3 * 3
    side = sides(groups)
    assert (side.reshape(-1, 3) == side[::3, None]).all()
    order = np.random.default_rng(0).permutation(600)
    lowest = {group: min(np.flatnonzero(groups[order] == group)) for group in set(groups.tolist())}
    shuffled = split([digests(600)[n] for n in order], np.array([lowest[g] for g in groups[order]]), np.zeros(600, bool),
                     np.ones(600, bool))
    assert np.array_equal(shuffled, side[order])


def test_held_out_music_takes_its_whole_group_into_test():
    groups = np.arange(600) // 3 * 3
    side = sides(groups, held_out=(7, 100))
    assert (side[6:9] == 2).all()
    assert (side[99:102] == 2).all()


def test_a_large_group_stands_in_train():
    for size in (50, 51, 52, 53, 54, 55):
        assert not sides(np.concatenate([np.zeros(size, int), np.arange(size, 1000)]))[:size].any()


def test_no_side_of_a_small_corpus_is_empty():
    assert sorted(sides(np.arange(3)).tolist()) == [0, 1, 2]
    assert sorted(sides(np.arange(2)).tolist()) == [0, 1]
    assert sides(np.arange(1)).tolist() == [0]
    assert sides(np.zeros(5, int)).tolist() == [0] * 5
