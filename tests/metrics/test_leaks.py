"""The leak audit by hand, on voices made here."""

import json

import numpy as np
import pytest

from bandmate.metrics.leaks import MELODY, VIEWS, clean, leaks, read_voices
from bandmate.metrics.undefined import Undefined
from bandmate.settings import UserError

STANDING, ANY_KEY, _ = VIEWS


def voices(steps, seed):
    """Four voices that jump about."""
    return np.random.default_rng(seed).integers(40, 80, (steps, 4))


def test_a_stretch_of_all_voices_as_they_stand():
    train = [voices(40, 0), voices(40, 1)]
    held_out = np.concatenate([voices(10, 2), train[1][5:25]])
    found = leaks(train, [held_out, voices(30, 3)], STANDING)
    assert found.beats.tolist() == [5.0, 0.0]
    assert found.nearest[0] == 1
    assert found.at_least(5) == 1


def test_a_stretch_in_another_key():
    train = [voices(40, 0)]
    held_out = np.concatenate([voices(10, 2), train[0][5:25] + 3])
    assert leaks(train, [held_out], STANDING).beats[0] == 0
    assert leaks(train, [held_out], ANY_KEY).beats[0] == 19 / 4  # the move into the first chord differs
    assert leaks(train, [train[0] - 5], ANY_KEY).beats[0] == 10.0  # a beginning has no move into it


def test_the_melody_alone_and_the_clean_pieces():
    train = [voices(100, 0)]
    same_tune = voices(80, 1)
    same_tune[:, 0] = train[0][:80, 0] + 2
    short = voices(80, 2)
    short[:63, 0] = train[0][:63, 0]
    assert leaks(train, [same_tune], ANY_KEY).beats[0] < 2
    assert leaks(train, [same_tune, short], MELODY).beats.tolist() == [20.0, 15.75]
    assert clean(train, [same_tune, short]).tolist() == [False, True]


def test_median_and_tail():
    train = [voices(80, 0)]
    found = leaks(train, [train[0][:length] for length in (4, 8, 12, 40)], STANDING)
    assert found.median_and_tail() == pytest.approx((2.5, 7.9, 8.95, 10.0))


def test_no_pieces_have_no_leaks():
    with pytest.raises(Undefined, match="no pieces"):
        leaks([], [voices(4, 0)], STANDING)
    with pytest.raises(Undefined, match="no pieces"):
        leaks([voices(4, 0)], [], STANDING)


def test_voices_are_read(tmp_path):
    path = tmp_path / "voices.json"
    path.write_text(json.dumps({"train": [[[60, 55, 50, 45], [62, -1, 50, 45]]], "valid": [[[60, 55, 50, 45]]],
                                "test": [[[60, 55, 50, 45]]]}))
    pieces = read_voices(path)
    assert pieces["train"][0].tolist() == [[60, 55, 50, 45], [62, -1, 50, 45]]
    assert [len(pieces[split]) for split in ("train", "valid", "test")] == [1, 1, 1]


@pytest.mark.parametrize(("text", "said"), [
    ("[1, 2", "is not JSON"),
    ("[1, 2]", "has no split with pieces for each of train, valid, test"),
    ('{"train": [[[60]]], "valid": [[[60]]]}', "has no split with pieces"),
    ('{"train": [[[60, 50]]], "valid": [[[60]]], "test": [[[60]]]}', "does not hold voices"),
    ('{"train": [[[60], [60, 50]]], "valid": [[[60]]], "test": [[[60]]]}', "does not hold voices"),
    ('{"train": [[60]], "valid": [[60]], "test": [[60]]}', "does not hold voices"),
    ('{"train": ["do"], "valid": ["re"], "test": ["mi"]}', "does not hold voices"),
])
def test_what_holds_no_voices_is_refused(text, said, tmp_path):
    path = tmp_path / "voices.json"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_voices(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_voices(tmp_path / "voices.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_voices(tmp_path)
