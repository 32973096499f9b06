"""Walking files, folders and archives."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from bandmate.data.sources import Entry, Shelf, check, walk
from bandmate.settings import UserError

FILES = {"a.mid": b"one", "folk/b.mid": b"two!", "folk/c.txt": b"no music"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "midis"
    for name, data in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    (home / "catalogue.csv").write_text("path\n")
    return home


def zipped(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with tarfile.open(path, "w:" + path.suffix[1:].replace("tar", "")) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def contents(entries: list[Entry]) -> dict[str, bytes | None]:
    return {entry.inside: entry.read() if entry.content is not None else None for entry in entries}


def test_a_folder_is_walked_in_order_without_its_catalogue(folder):
    entries = list(walk([str(folder)]))
    assert [entry.path for entry in entries] == ["a.mid", "folk/b.mid", "folk/c.txt"]
    assert contents(entries) == FILES
    assert {entry.source for entry in entries} == {"midis"}


@pytest.mark.parametrize("name", ["songs.zip", "songs.tar", "songs.tar.gz", "songs.tar.xz", "songs.tar.bz2", "SONGS.ZIP"])
def test_archives_are_read_without_unpacking(tmp_path, name):
    path = zipped(tmp_path / name) if name.lower().endswith("zip") else tarred(tmp_path / name)
    entries = list(walk([str(path)]))
    assert contents(entries) == {**FILES, "folk/c.txt": None}  # what is no music is listed, not read
    assert entries[0].path == f"{name}/a.mid"
    assert entries[0].source == name.split(".")[0]
    listed = list(walk([str(path)], content=False))
    assert [(entry.path, entry.size) for entry in listed] == [(entry.path, entry.size) for entry in entries]
    assert all(entry.content is None for entry in listed)
    assert list(tmp_path.iterdir()) == [path]


def test_archives_inside_a_folder_and_single_files(folder):
    zipped(folder / "more.zip")
    paths = [entry.path for entry in walk([str(folder), str(folder / "a.mid")])]
    zipped_paths = ["more.zip/a.mid", "more.zip/folk/b.mid", "more.zip/folk/c.txt"]
    assert paths == ["a.mid", *zipped_paths, "folk/b.mid", "folk/c.txt", "a.mid"]


def test_what_is_too_large_is_not_read(tmp_path):
    entries = list(walk([str(zipped(tmp_path / "songs.zip"))], largest=3))
    assert contents(entries) == {"a.mid": b"one", "folk/b.mid": None, "folk/c.txt": None}


@pytest.mark.parametrize("name", ["songs.zip", "songs.tar.gz", "songs.tar.xz"])
def test_a_damaged_archive_is_one_entry_with_its_trouble(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is no archive at all")
    (entry,) = walk([str(path)])
    assert entry.path == name
    assert "damaged archive" in entry.trouble


def test_a_truncated_archive_gives_what_it_has(tmp_path):
    noise = bytes(range(256)) * 40
    path = tarred(tmp_path / "songs.tar", {"a.mid": noise, "b.mid": noise, "c.mid": noise})
    path.write_bytes(path.read_bytes()[:15_000])
    entries = list(walk([str(path)]))
    assert [entry.inside for entry in entries] == ["a.mid", ""]
    assert "damaged archive" in entries[-1].trouble


def test_a_shelf_spares_unpacking_again(tmp_path):
    path = tarred(tmp_path / "songs.tar", {"a.mid": b"one", "b.mid": b"three"})
    shelf = Shelf()
    listed = list(walk([str(path)], content=False, shelf=shelf))
    assert [entry.inside for entry in listed] == ["a.mid", "b.mid"]
    path.write_bytes(b"changed since")
    assert contents(list(walk([str(path)], shelf=shelf))) == {"a.mid": b"one", "b.mid": b"three"}
    assert "damaged" in next(walk([str(path)], shelf=shelf)).trouble  # kept only once


def test_a_shelf_keeps_no_more_than_it_has_room_for(tmp_path):
    first = tarred(tmp_path / "first.tar", {"a.mid": b"one", "b.mid": b"three"})
    second = tarred(tmp_path / "second.tar", {"c.mid": b"four"})
    names, shelf = [str(first), str(second)], Shelf(room=7)
    assert len(list(walk(names, content=False, shelf=shelf))) == 3
    assert shelf.take(first) is None
    assert [content for _, _, content, _ in shelf.take(second)] == [b"four"]
    assert contents(list(walk(names, shelf=shelf))) == {"a.mid": b"one", "b.mid": b"three", "c.mid": b"four"}


def test_one_bad_member_does_not_spoil_a_zip(tmp_path):
    path = zipped(tmp_path / "songs.zip", {"a.mid": b"first tune", "b.mid": b"second tune"})
    path.write_bytes(path.read_bytes().replace(b"first tune", b"worst tune"))
    bad, good = walk([str(path)])
    assert "damaged" in bad.trouble
    assert good.read() == b"second tune"


def test_names_in_old_encodings_become_text(tmp_path):
    path = tmp_path / "songs.tar"
    with tarfile.open(path, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("fuge_für_orgel.mid"))
    (entry,) = walk([str(path)])
    entry.path.encode("utf-8")
    assert entry.path.endswith("r_orgel.mid")


def test_the_chorales_need_no_file():
    entries = list(walk(["bach"]))
    assert len(entries) > 350
    assert entries[0].path.startswith("bach/bwv")
    assert all(entry.path.endswith(".mxl") for entry in entries)


def test_sources_that_cannot_be(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "song.mp3").write_bytes(b"")
    for source, said in (("nowhere", "there is no file or folder 'nowhere'.*'bach'"), (tmp_path / "empty", "is empty"),
                         (tmp_path / "song.mp3", "no music file and no archive")):
        with pytest.raises(UserError, match=said):
            check([str(source)])
    with pytest.raises(UserError, match="no source was named"):
        check([])


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_header_in_a_tar_archive_is_read(tmp_path: Path, kind: int):
    files = {"short.mid": b"one", "long/" * 20 + "folk.mid": b"two", "été.mid": b"three", "empty.mid": b""}
    path = tmp_path / "songs.tar"
    with tarfile.open(path, "w", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert {entry.inside: entry.read() for entry in walk([str(path)])} == files


def test_a_tar_archive_that_is_cut_off_or_has_a_damaged_header_says_so(tmp_path: Path):
    path = tarred(tmp_path / "songs.tar")
    whole = path.read_bytes()
    path.write_bytes(whole[:tarfile.BLOCKSIZE + 1])
    assert [entry.trouble for entry in walk([str(path)])] == ["damaged archive: unexpected end of data"]
    path.write_bytes(b"x" + whole[1:])
    assert all(entry.trouble.startswith("damaged archive:") for entry in walk([str(path)]))
