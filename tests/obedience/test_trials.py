"""Random requests, prompts, and the report."""

from random import Random

import pytest
from music_made_here import piece_of

from bandmate.music.chords import parse_chords
from bandmate.obedience.prompts import Prompt, awkward, prompts
from bandmate.obedience.trials import TASKS, random_request, trial
from bandmate.settings import UserError


@pytest.fixture(scope="module")
def built():
    return [Prompt.of(name, piece) for name, piece in awkward().items()]


def test_awkward_prompts(built):
    found = {prompt.name: prompt for prompt in built}
    assert found["one bar"].bars == 1
    assert found["200 bars"].bars == 200
    assert found["drums only"].families == (16,)
    assert len(found["16 tracks"].piece.tracks) == 16
    assert found["cut bars"].bars == 7
    assert any(not len(track.notes) for track in found["empty tracks"].piece.tracks)
    assert len(found["metre changes"].piece.time_signatures) == 7
    assert len(found["tempo changes"].piece.tempos) == 4


def test_scores_are_prompts_too():
    prompt = next(prompts(1))
    assert (prompt.name, prompt.bars, prompt.families) == ("bach/bwv66.6.mxl", 10, (6,))


def test_requests_are_drawn_from_a_seed_and_make_sense(built):
    for seed in range(400):
        random, prompt = Random(seed), built[seed % len(built)]
        request = random_request(random, prompt if seed % 5 else None)
        assert request.task in TASKS
        assert request.task != "generate" or not seed % 5
        assert all(0 <= first < last <= prompt.bars for first, last in request.regions())
        assert (request.at or 1) <= prompt.bars
        if request.chords:
            parse_chords(request.chords)
        assert random_request(Random(seed), prompt if seed % 5 else None) == request


def test_a_composer_that_refuses_is_counted(built):
    def refuse(request, prompt):
        raise UserError(f"no {request.task}")
    report = trial(refuse, 30, given=built)
    assert (report.refused.total(), report.pieces) == (30, 0)
    assert "30 requests refused" in report.table()
    assert "no infill" in report.table()


def test_a_composer_that_does_not_listen_is_found_out(built):
    shares = []
    report = trial(lambda request, prompt: [prompt or piece_of({0: [(0, 4, 60, 80)]})], 60, 1, shares.append, built)
    assert report.pieces == 60
    assert shares[-1] == 1
    obeyed = {control: sum(report.obeyed[task, control] for task in TASKS) for _, control in report.asked}
    asked = {control: sum(report.asked[task, control] for task in TASKS) for _, control in report.asked}
    assert 0 < obeyed["written"] < asked["written"] == 60
    assert obeyed["given"] > 0
    assert obeyed["bars"] < asked["bars"]
    assert report.failures
    assert "control" in report.table().splitlines()[0]


def test_a_composer_that_breaks_says_at_which_request(built):
    def broken(request, prompt):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError) as caught:
        trial(broken, 1, given=built)
    assert "request 0 of seed 0" in caught.value.__notes__[0]
