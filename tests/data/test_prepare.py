"""From files to arrays: every file is used or rejected with a reason, stops are survived, the folder keeps its contract."""

import csv
import errno
import itertools
import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from music_made_here import band, drums_only, one_note, piece_of

from bandmate.codecs.bars import Bars, BarsConfig
from bandmate.codecs.roll import Roll
from bandmate.codecs.triples import Triples
from bandmate.data import prepare as prepare_module
from bandmate.data import shards
from bandmate.data.prepare import prepare
from bandmate.music.clean import Filters
from bandmate.music.files import read, write
from bandmate.piece import Piece
from bandmate.settings import UserError

forked = pytest.mark.skipif(sys.platform != "linux", reason="the test reaches into forked workers")


def tune(seed: int) -> Piece:
    steps = np.random.default_rng(seed).integers(-4, 5, 60)
    pitches = 60 + np.clip(np.cumsum(steps), -20, 20)
    return piece_of({73: [(n / 2, 0.5, int(pitch), 90) for n, pitch in enumerate(pitches)]})


@pytest.fixture
def midis(tmp_path: Path) -> Path:
    """Forty tunes of two styles, the first also in another key; some files that are no use."""
    home = tmp_path / "midis"
    for number in range(40):
        folder = home / ("folk" if number % 2 else "jazz")
        folder.mkdir(parents=True, exist_ok=True)
        write(tune(number), folder / f"tune{number:02}.mid")
    write(tune(0).shift_pitch(2), home / "folk" / "in_d.mid")
    write(tune(1), home / "jazz" / "copy.mid")
    (home / "empty.mid").write_bytes(b"")
    (home / "damaged.mid").write_bytes((home / "jazz" / "tune00.mid").read_bytes()[:90])
    (home / "no_midi.mid").write_bytes(b"what is this")
    (home / "notes.txt").write_text("buy strings")
    (home / "huge.mid").write_bytes(b"MThd" + bytes(1_000_001))
    write(drums_only(), home / "few.mid")
    return home


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_folder_keeps_its_contract(midis, tmp_path):
    out = tmp_path / "data"
    seen = []
    summary = prepare([str(midis)], out, workers=2, progress=lambda done, total: seen.append((done, total)))
    manifest = json.loads((out / "manifest.json").read_text())
    codec = Bars(BarsConfig(**manifest["codec_config"]))
    assert codec.config.styles == ("folk", "jazz")
    pieces, rejected = rows(out / "pieces.csv"), rows(out / "rejected.csv")

    assert {row["path"]: row["reason"] for row in rejected} == {
        "empty.mid": "empty file", "damaged.mid": "damaged", "no_midi.mid": "damaged", "notes.txt": "not music",
        "huge.mid": "file too large", "few.mid": "too few notes", "jazz/copy.mid": "copy"}
    assert all(row["rule"] for row in rejected)
    assert len(pieces) + len(rejected) == summary.files == sum(path.is_file() for path in midis.rglob("*"))
    assert seen[-1] == (summary.files, summary.files)
    assert summary.used == 41
    assert "41 pieces used" in str(summary)
    assert "1 copy" in str(summary)

    assert [source["mark"] for source in manifest["sources"]] == ["no licence stated"]

    for name in ("train", "valid", "test"):
        ids, offsets = np.load(out / f"{name}.ids.npy", mmap_mode="r"), np.load(out / f"{name}.offsets.npy")
        mine = [row for row in pieces if row["split"] == name]
        assert ids.dtype == np.int16
        assert manifest["splits"][name] == {"pieces": len(mine), "rows": len(ids), "notes": int(codec.is_note(ids).sum())}
        assert (len(offsets), int(offsets[-1])) == (len(mine) + 1, len(ids))
        for row in mine:
            index = int(row["index"])
            piece = ids[offsets[index]:offsets[index + 1]]
            assert (len(piece), int(codec.is_note(piece).sum())) == (int(row["rows"]), int(row["notes"]))
            assert f"style {row['style']}" in codec.words(piece)
            assert np.array_equal(piece[5:], codec.encode(read(midis / row["path"]))[4:])
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["manifest.json", "pieces.csv", "rejected.csv", "request.json",
         *(f"{name}.{kind}.npy" for name in ("train", "valid", "test") for kind in ("ids", "offsets"))])


def test_the_same_tune_in_another_key_stands_on_its_side(midis, tmp_path):
    prepare([str(midis)], tmp_path / "data")
    side = {row["path"]: row["split"] for row in rows(tmp_path / "data" / "pieces.csv")}
    assert side["folk/in_d.mid"] == side["jazz/tune00.mid"]


def test_workers_and_archives_change_nothing_of_the_music(midis, tmp_path, monkeypatch):
    prepare([str(midis)], tmp_path / "one", workers=1)
    monkeypatch.setattr(prepare_module, "SHARD_FILES", 3)
    prepare([str(midis)], tmp_path / "two", workers=3)
    assert everything(tmp_path / "one") == everything(tmp_path / "two")
    with zipfile.ZipFile(tmp_path / "midis.zip", "w") as archive:
        for path in sorted(midis.rglob("*.*")):
            archive.write(path, path.relative_to(midis))
    prepare([str(tmp_path / "midis.zip")], tmp_path / "three")
    digests = {json.loads((tmp_path / name / "manifest.json").read_text())["splits"]["train"]["notes"]
               for name in ("one", "three")}
    assert len(digests) == 1


def test_a_stopped_run_goes_on_where_it_was(midis, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "SHARD_FILES", 4)
    prepare([str(midis)], tmp_path / "whole")

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    out = tmp_path / "data"
    with pytest.raises(KeyboardInterrupt):
        prepare([str(midis)], out, workers=1, progress=stop)
    finished = {path: path.stat().st_mtime_ns for path in (out / "unfinished").glob("*.json")}
    assert len(finished) >= 5
    assert not (out / "manifest.json").exists()
    kept = {}

    def look(done: int, total: int) -> None:
        kept.update({path: path.stat().st_mtime_ns for path in finished})

    prepare([str(midis)], out, workers=1, progress=look)
    assert kept == finished
    assert everything(out) == everything(tmp_path / "whole")


def test_a_finished_folder_is_left_as_it_is(midis, tmp_path):
    out = tmp_path / "data"
    first = prepare([str(midis)], out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = prepare([str(midis)], out)
    assert again.manifest == first.manifest
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_another_request_needs_another_folder(midis, tmp_path):
    out = tmp_path / "data"
    prepare([str(midis)], out)
    for change in ({"filters": Filters(min_notes=20)}, {"codec": "triples"}):
        with pytest.raises(UserError, match=r"other music or other settings.*choose another folder"):
            prepare([str(midis)], out, **change)
    write(tune(99), midis / "new.mid")
    with pytest.raises(UserError, match="other music or other settings"):
        prepare([str(midis)], out)


def test_the_other_codec(midis, tmp_path):
    prepare([str(midis)], tmp_path / "data", codec="triples")
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert manifest["codec"] == "triples"
    Triples(Triples.Config(**manifest["codec_config"]))
    assert np.load(tmp_path / "data" / "train.ids.npy").shape[1] == len(Triples.fields)


def test_a_rare_metre_is_written_in_common_bars(tmp_path):
    (tmp_path / "midis").mkdir()
    write(piece_of({0: [(n, 1, 60 + n, 90) for n in range(22)]}, {0: (11, 4)}), tmp_path / "midis" / "eleven.mid")
    assert prepare([str(tmp_path / "midis")], tmp_path / "data").used == 1


def test_scores_and_tunebooks(tmp_path):
    book = tmp_path / "book.abc"
    book.write_text("X:1\nT:Scale\nC:Somebody\nM:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|]\n\n"
                    "X:2\nT:Short\nK:C\nC|]\n\nX:3\nT:Back\nM:4/4\nL:1/8\nK:G\ncBAG FEDC|CDEF GABc|]\n")
    prepare([str(book)], tmp_path / "data")
    used = rows(tmp_path / "data" / "pieces.csv")
    assert {(row["path"], row["title"]) for row in used} == {("book.abc#1", "Scale"), ("book.abc#3", "Back")}
    assert {row["composer"] for row in used} == {"Somebody", ""}
    assert rows(tmp_path / "data" / "rejected.csv")[0]["path"] == "book.abc#2"


def test_held_out_music_of_the_benchmark_is_never_trained_on(midis, tmp_path):
    (midis / "catalogue.csv").write_text("path,jsb_overlap\n" + "".join(
        f"jazz/tune{n:02}.mid,{'valid' if n % 4 else 'test'}\n" for n in range(0, 40, 2)))
    prepare([str(midis)], tmp_path / "data")
    side = {row["path"]: row["split"] for row in rows(tmp_path / "data" / "pieces.csv")}
    assert {side[f"jazz/tune{n:02}.mid"] for n in range(0, 40, 2)} == {"test"}
    assert side["folk/in_d.mid"] == "test"
    assert "held-out" in json.loads((tmp_path / "data" / "manifest.json").read_text())["held_out"]


@forked
def test_a_file_that_ends_or_stalls_its_worker_is_found_and_rejected(midis, tmp_path, monkeypatch):
    real = shards.read_bytes

    def fragile(data: bytes, name: str):
        if name.endswith("tune03.mid"):
            os._exit(11)
        if name.endswith("tune05.mid"):
            sum(itertools.repeat(1))  # never ends, and never lets a signal through
        if name.endswith("tune07.mid"):
            while True:
                pass
        if name.endswith("tune09.mid"):
            raise ZeroDivisionError("a parser that did not expect this")
        return real(data, name)

    monkeypatch.setattr(shards, "read_bytes", fragile)
    monkeypatch.setattr(prepare_module, "SHARD_FILES", 16)
    summary = prepare([str(midis)], tmp_path / "data", filters=Filters(seconds_a_piece=0.3), workers=2)
    reasons = {row["path"]: row["reason"] for row in rows(tmp_path / "data" / "rejected.csv")}
    assert {reasons[f"folk/tune0{n}.mid"] for n in (3, 5)} == {"crash"}
    assert reasons["folk/tune07.mid"] == "too slow"
    assert reasons["folk/tune09.mid"] == "damaged"
    assert summary.used + sum(summary.rejected.values()) == summary.files


def test_a_corpus_without_anything_usable(tmp_path):
    home = tmp_path / "midis"
    home.mkdir()
    write(one_note(), home / "one.mid")
    (home / "no.mid").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"nothing usable was found.*too few notes: 1.*rejected\.csv"):
        prepare([str(home)], tmp_path / "data")
    assert len(rows(tmp_path / "data" / "rejected.csv")) == 2


def test_places_where_nothing_can_be_made(midis, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="there is no file or folder"):
        prepare([str(tmp_path / "nowhere")], tmp_path / "data")
    with pytest.raises(UserError, match="there is no codec 'bar'; did you mean 'bars'"):
        prepare([str(midis)], tmp_path / "data", codec="bar")
    with pytest.raises(UserError, match="is not empty"):
        prepare([str(midis)], midis)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        prepare([str(midis)], tmp_path / "file")

    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match=r"may not be written \(no permission\)"):
        prepare([str(midis)], tmp_path / "data")


@forked
def test_a_full_disk_leaves_nothing_half_written(midis, tmp_path, monkeypatch):
    out = tmp_path / "data"

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shards.np, "save", full)
        with pytest.raises(UserError, match="the disk is full"):
            prepare([str(midis)], out)
    assert [path for path in out.rglob("*") if path.is_file()] == [out / "request.json"]
    prepare([str(midis)], out)


def test_a_band_keeps_its_parts(tmp_path):
    write(band(8), tmp_path / "band.mid")
    prepare([str(tmp_path / "band.mid")], tmp_path / "data")
    ids = np.load(tmp_path / "data" / "train.ids.npy")
    words = Bars().words(ids)
    assert {word.split()[1] for word in words if word.startswith("part")} == {
        "piano:acoustic", "bass:finger", "pipe:flute", "drums:drums"}


def test_many_small_ids_take_a_byte_each(tmp_path):
    write(band(8), tmp_path / "band.mid")
    piece = read(tmp_path / "band.mid")
    for codec, kind in ((Roll(), np.int8), (Bars(), np.int16)):
        prepare([str(tmp_path / "band.mid")], tmp_path / codec.name, codec.name)
        ids = np.load(tmp_path / codec.name / "train.ids.npy")
        assert ids.dtype == kind
        assert len(ids) == len(codec.encode(piece))
    assert (np.load(tmp_path / "roll" / "train.ids.npy") == Roll().encode(piece)).all()
