"""The parts of the studio, without a browser: what is kept, how writing is watched, what may come in."""

from __future__ import annotations

import io
import json
import re
import threading
import time
import zipfile

import pytest
from music_made_here import band, choir, drums_only, one_note

from bandmate.families import FAMILIES
from bandmate.model import Options
from bandmate.music.files import read_midi, write
from bandmate.settings import UserError
from bandmate.studio import shelf as shelves
from bandmate.studio import uploads, visits
from bandmate.studio.desk import PLACES
from bandmate.studio.gate import Gate
from bandmate.studio.roll import roll
from bandmate.studio.shelf import Shelf
from bandmate.studio.visits import Take, Visit, Visits
from bandmate.studio.writing import write as watch

STORY = {"seed": 3, "variant": 0, "task": "generate", "model": {"name": "tiny"}}


class Slow:
    """Writes a bar every tenth of a second."""

    def generate(self, options, prompt, progress):
        for bar in range(1, 101):
            time.sleep(0.01)
            progress(bar / 100, lambda bar=bar: [band(bar)])
        return [band(100)]


def test_writing_is_watched():
    seen = list(watch(Slow(), Options(), None, threading.Event(), every_s=0.1))
    assert [now.share for now in seen] == sorted(now.share for now in seen)
    assert 3 <= len(seen) <= 30
    assert seen[-1].done
    assert not seen[-1].stopped
    assert seen[-1].pieces[0].note_num() == band(100).note_num()


def test_stop_and_the_time_limit_keep_what_stands():
    stop = threading.Event()
    writing = watch(Slow(), Options(), None, stop, every_s=0.05)
    next(writing)
    stop.set()
    *_, last = writing
    for end in (last, list(watch(Slow(), Options(), None, threading.Event(), longest_s=0.2))[-1]):
        assert end.done
        assert end.stopped
        assert 0 < end.pieces[0].note_num() < band(100).note_num()


def test_what_a_model_raises_arrives():
    class Wrong:
        def generate(self, options, prompt, progress):
            raise UserError("it cannot")

    with pytest.raises(UserError, match="it cannot"):
        list(watch(Wrong(), Options(), None, threading.Event()))


def test_when_nobody_watches_any_more_the_work_ends():
    writing = watch(Slow(), Options(), None, threading.Event(), every_s=0.01)
    next(writing)
    writing.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "writing"]


def test_the_shelf_makes_every_file():
    shelf = Shelf()
    token = shelf.put(band(2), STORY)
    assert len(token) >= 20
    files = {name: shelf.file(token, name) for name in (*shelves.FILES, "sheet-1.svg", "pages.json")}
    assert read_midi(files["piece.mid"][0]).note_num() == band(2).note_num()
    assert files["piece.mp3"][0][:2] in (b"\xff\xfb", b"ID") or files["piece.mp3"][0][:3] == b"ID3"
    assert files["sheet-1.svg"][1] == "image/svg+xml"
    assert json.loads(files["piece.json"][0])["seed"] == 3
    assert files["pages.json"][0] == b"1"
    with zipfile.ZipFile(io.BytesIO(files["stems.zip"][0])) as stems:
        names = stems.namelist()
        notes = sum(read_midi(stems.read(name)).note_num() for name in names if name.endswith(".mid"))
    assert len(names) == 8
    assert notes == band(2).note_num()


@pytest.mark.parametrize(("token", "name"), [("guessed", "piece.mid"), (None, "../piece.mid"), (None, "sheet-9.svg")])
def test_the_shelf_gives_nothing_else(token, name):
    shelf = Shelf()
    mine = shelf.put(band(1), STORY)
    with pytest.raises(UserError):
        shelf.file(token or mine, name)


def test_the_shelf_lets_go_of_what_is_old(monkeypatch):
    shelf = Shelf(room_bytes=len(band(1).dumps_midi()) * 2)
    first, second, third = (shelf.put(band(1), STORY) for _ in range(3))
    with pytest.raises(UserError, match="no longer here"):
        shelf.get(first)
    assert shelf.get(second)
    monkeypatch.setattr(shelves, "KEPT_S", -1)
    shelf.put(band(1), STORY)
    with pytest.raises(UserError, match="no longer here"):
        shelf.get(third)


def test_takes_can_be_undone():
    visit = Visit()
    assert visit.go(-1) is None
    for name in "abc":
        visit.add(Take(name, [name]))
    assert visit.go(-1).title == "b"
    assert visit.go(-5).title == "a"
    assert visit.go(1).title == "b"
    visit.add(Take("d", ["d"]))
    assert [take.title for take in visit.takes] == ["a", "b", "d"]
    assert visit.go(1).title == "d"


def test_visitors_are_apart_and_forgotten(monkeypatch, tmp_path):
    there = Visits()
    (tmp_path / "lesson").mkdir()
    there.of("one").models["my music 1"] = tmp_path / "lesson" / "best.safetensors"
    assert there.of("one") is there.of("one")
    assert there.of("one") is not there.of("two")
    assert there.of(None) is not there.of(None)
    first = there.of("one")
    there.end("one")
    assert first.stop.is_set()
    assert not (tmp_path / "lesson").exists()
    assert there.of("one") is not first
    second = there.of("two")
    monkeypatch.setattr(visits, "KEPT_S", -1)
    assert there.of("two") is not second


def test_a_roll_is_in_seconds():
    drawn = json.loads(roll(one_note(), [(0, 2)]))
    assert drawn["notes"] == [[0, 0.5, 60, 90, 0]]
    assert drawn["bars"] == [0, 2]
    assert drawn["written"] == [[0, 1]]
    assert drawn["parts"] == [{"name": "acoustic grand piano", "drums": False}]
    assert json.loads(roll(drums_only()))["parts"][0]["drums"]


def test_an_upload_is_read(tmp_path):
    write(choir(), tmp_path / "a.mid")
    assert uploads.read_upload(tmp_path / "a.mid").note_num() == choir().note_num()
    (tmp_path / "a.abc").write_text("X:1\nT:t\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n")
    assert uploads.read_upload(tmp_path / "a.abc").note_num() == 8


def test_an_upload_has_limits(tmp_path, monkeypatch):
    write(band(4), tmp_path / "a.mid")
    monkeypatch.setattr(uploads, "MOST_NOTES", 10)
    with pytest.raises(UserError, match=r"has \d+ notes; at most 10"):
        uploads.read_upload(tmp_path / "a.mid")
    monkeypatch.setattr(uploads, "MEGABYTES", 0)
    with pytest.raises(UserError, match="larger than 0 MB"):
        uploads.read_upload(tmp_path / "a.mid")


def test_a_bomb_does_not_go_off(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mxl", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("score.xml", b"0" * (uploads.UNPACKED_BYTES + 1))
    with pytest.raises(UserError, match="far larger than it looks"):
        uploads.read_upload(tmp_path / "a.mxl")


@pytest.mark.parametrize(("name", "data"), [("a.mid", b"junk"), ("a.musicxml", b"<score"), ("a.txt", b"hello")])
def test_what_is_no_music_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError):
        uploads.read_upload(tmp_path / name)


@pytest.mark.parametrize(("told", "passes"), [
    ({"data": [{"bars": 4}]}, True), ({"data": [{"path": "{uploads}/x/a.mid"}]}, True),
    ({"data": [{"path": "{uploads}/x/a.mid", "url": "http://here/gradio_api/file=a"}]}, True),
    ({"data": [{"path": "{uploads}/../secret.mid"}]}, False), ({"data": [[{"x": {"path": "/etc/passwd"}}]]}, False),
    ({"data": [{"path": None, "meta": {}}]}, False), ({"data": [{"path": "{uploads}/a", "url": "http://elsewhere/a"}]}, False),
])
def test_the_gate_opens_for_uploads_alone(tmp_path, told, passes):
    told = json.loads(json.dumps(told).replace("{uploads}", str(tmp_path)))
    assert Gate(None, tmp_path).allows(told, "here") is passes


def test_no_option_that_names_a_file_is_open_to_a_visitor():
    named = {name for family in FAMILIES.values() for name, field in family.Options.model_fields.items()
             if re.search(r"\bfiles?\b|\bfolder|\.safetensors", field.description or "")}
    assert named == set(PLACES)
