import json

import pytest
import symusic
from pieces import band

from bandmate.output import folder, sheet
from bandmate.settings import UserError


def test_a_piece_is_written_in_every_form(tmp_path):
    shares = []
    request = {"seed": 7, "model": "bands", "key": "C major"}
    files = folder.write_all(band(1), tmp_path / "v1.first", request, progress=shares.append)
    assert {path.name for path in files} == {f"v1.first.{name}" for name in folder.USUAL_FORMATS}
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(path.stat().st_size for path in files)
    assert shares[-1] == 1
    record = json.loads((tmp_path / "v1.first.json").read_text())
    assert record["seed"] == 7
    assert {"python", "symusic", "bandmate"} <= set(record["versions"])
    piece = symusic.Score(tmp_path / "v1.first.mid")
    assert [track.is_drum for track in piece.tracks] == [False, False, True]


def test_one_form_that_fails_does_not_cost_the_others(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("by nothing")
    monkeypatch.setattr(sheet, "write_musicxml", fail)
    sentences = []
    files = folder.write_all(band(1), tmp_path / "piece", {}, ("mid", "musicxml", "png"), report=sentences.append)
    assert [path.suffix for path in files] == [".mid", ".png"]
    assert len(sentences) == 1
    assert "no .musicxml was written" in sentences[0]
    assert "by nothing" in sentences[0]


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        folder.write_all(band(1), tmp_path / "missing" / "piece", {}, ("mid", "json"))
    with pytest.raises(UserError, match=r"'pgn' is no form .* did you mean 'png'"):
        folder.write_all(band(1), tmp_path / "piece", {}, ("pgn",))
    assert not list(tmp_path.iterdir())
