"""Fetching a corpus, from a server on this machine: whole, resumed, damaged, missing, malicious."""

import hashlib
import http.server
import io
import re
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from bandmate.data.corpora import CORPORA, Corpus, fetch, find_corpus
from bandmate.data.labels import read_catalogue
from bandmate.data.unpack import unpack
from bandmate.settings import UserError


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; says what it was asked for; may know no ranges, or hang up after some bytes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.asked = []
        self.ranges = True
        self.hang_up_after = []  # for each answer in turn, the bytes after which the connection ends

    def address(self, name):
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        content = self.server.files.get(self.path.lstrip("/"))
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if content is None:
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = self.server.hang_up_after.pop(0) if self.server.hang_up_after else None
        self.wfile.write(content[start:][:cut])

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def zipped(files):
    """Return the bytes of a .zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(*members, mode="w:gz"):
    """Return the bytes of a .tar of (name, content or a TarInfo's fields)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for field, value in content.items():
                    setattr(member, field, value)
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


TUNES = {"tunes/a.mid": b"MThd" + bytes(range(256)) * 40, "tunes/deep/b.MID": b"MThd", "tunes/README": b"hello"}


def offer(server, content, name="tunes.zip", **known):
    """Put a file on the server and describe it as a corpus."""
    server.files[name] = content
    return Corpus(**{"title": "Tunes", "holds": "two tunes", "licence": "CC0-1.0", "address": server.address(name), **known})


def known(content):
    return {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "md5": hashlib.md5(content).hexdigest()}


def test_download_whole(server, tmp_path):
    content = zipped(TUNES)
    seen = []
    folder = fetch("tunes", tmp_path / "new", True, lambda here, total: seen.append((here, total)),
                   offer(server, content, **known(content)))
    assert folder == tmp_path / "new" / "tunes"
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != "catalogue.csv"} == TUNES
    assert seen[0] == (0, len(content))
    assert seen[-1] == (len(content), len(content))
    assert [path.name for path in folder.parent.iterdir()] == ["tunes"]  # nothing half-done is left


def test_labels_lie_beside_the_music(server, tmp_path):
    corpus = offer(server, zipped(TUNES), licence="CC-BY-NC-4.0", folders=("genre", "composer"))
    folder = fetch("tunes", tmp_path, True, corpus=corpus)
    catalogue = read_catalogue(folder / "catalogue.csv")
    assert sorted(catalogue) == ["tunes/a.mid", "tunes/deep/b.MID"]
    labels = catalogue["tunes/deep/b.MID"].labels
    assert (labels.source, labels.licence, labels.style, labels.composer) == ("tunes", "CC-BY-NC-4.0", "tunes", "deep")


def test_asked_again_does_nothing(server, tmp_path):
    corpus = offer(server, zipped(TUNES))
    fetch("tunes", tmp_path, True, corpus=corpus)
    fetch("tunes", tmp_path, True, corpus=corpus)
    assert len(server.asked) == 1


def test_licence_comes_first(server, tmp_path):
    with pytest.raises(UserError, match=r"under this licence: CC0-1\.0; it has to be accepted first"):
        fetch("tunes", tmp_path, corpus=offer(server, zipped(TUNES)))
    with pytest.raises(UserError, match=r"none is stated \(no licence stated\)"):
        fetch("tunes", tmp_path, corpus=offer(server, zipped(TUNES), licence=""))
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


def test_resumes_after_broken_connections(server, tmp_path):
    content = zipped(TUNES)
    server.hang_up_after = [1000, 500]
    fetch("tunes", tmp_path, True, corpus=offer(server, content, **known(content)))
    assert server.asked == [None, "bytes=1000-", "bytes=1500-"]


def test_resumes_what_an_earlier_run_left(server, tmp_path):
    content = zipped(TUNES)
    (tmp_path / "tunes-tunes.zip.part").write_bytes(content[:777])
    fetch("tunes", tmp_path, True, corpus=offer(server, content, **known(content)))
    assert server.asked == ["bytes=777-"]


def test_starts_over_where_ranges_are_unknown(server, tmp_path):
    content = zipped(TUNES)
    server.ranges = False
    (tmp_path / "tunes-tunes.zip.part").write_bytes(b"x" * 777)
    fetch("tunes", tmp_path, True, corpus=offer(server, content, **known(content)))
    assert (tmp_path / "tunes" / "tunes" / "README").read_bytes() == b"hello"


@pytest.mark.parametrize("extra", [0, 5])
def test_part_that_is_complete_or_too_long(server, tmp_path, extra):
    content = zipped(TUNES)
    (tmp_path / "tunes-tunes.zip.part").write_bytes(content + b"x" * extra)
    fetch("tunes", tmp_path, True, corpus=offer(server, content))  # no size is published: the server tells
    assert (tmp_path / "tunes").is_dir()


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"size_bytes": 12}])
def test_wrong_checksum_or_size(server, tmp_path, wrong):
    with pytest.raises(UserError, match=r"is not the published file: it.*thrown away"):
        fetch("tunes", tmp_path, True, corpus=offer(server, zipped(TUNES), **wrong))
    assert list(tmp_path.iterdir()) == []


def test_not_found(server, tmp_path):
    corpus = offer(server, b"").replace(address=server.address("gone.zip"))
    with pytest.raises(UserError, match=r"gone\.zip answered 404 .* may have moved"):
        fetch("tunes", tmp_path, True, corpus=corpus)


def test_no_connection(server, tmp_path):
    corpus = offer(server, b"")
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"could not be fetched: .*refused.*; a connection was expected"):
        fetch("tunes", tmp_path, True, corpus=corpus)


def test_server_that_always_hangs_up_keeps_what_came(server, tmp_path):
    content = zipped(TUNES)
    server.hang_up_after = [1000] + [0] * 20
    with pytest.raises(UserError, match="could not be fetched: the connection ended at 1000 of"):
        fetch("tunes", tmp_path, True, corpus=offer(server, content))
    assert (tmp_path / "tunes-tunes.zip.part").read_bytes() == content[:1000]


def test_single_file(server, tmp_path):
    folder = fetch("tunes", tmp_path, True, corpus=offer(server, b"MThd", "one.mid"))
    assert (folder / "tunes-one.mid").read_bytes() == b"MThd"


def test_unwritable_folder(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        fetch("tunes", tmp_path / "file", True, corpus=offer(server, zipped(TUNES)))


def symbolic_link(name):
    """Return the head of a symbolic link in a .zip."""
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return member


OUTSIDE = {
    "up.zip": zipped({"a.mid": b"x", "../evil.mid": b"x"}),
    "deep.zip": zipped({"a/b/../../../evil.mid": b"x"}),
    "absolute.zip": zipped({"/tmp/evil.mid": b"x"}),
    "backslash.zip": zipped({"a\\..\\..\\evil.mid": b"x"}),
    "drive.zip": zipped({"C:/evil.mid": b"x"}),
    "symlink.zip": zipped({symbolic_link("a"): b"/etc", "a/evil.mid": b"x"}),
    "up.tar.gz": tarred(("a.mid", b"x"), ("../evil.mid", b"x")),
    "absolute.tar": tarred(("/tmp/evil.mid", b"x"), mode="w"),
    "symlink.tar.gz": tarred(("a", {"type": tarfile.SYMTYPE, "linkname": "/etc"}), ("a/evil.mid", b"x")),
    "hardlink.tar.xz": tarred(("a", {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"}), mode="w:xz"),
    "device.tar.bz2": tarred(("a", {"type": tarfile.CHRTYPE}), mode="w:bz2"),
    "fifo.tar": tarred(("a", {"type": tarfile.FIFOTYPE}), mode="w"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_leaves_the_folder(server, tmp_path, name):
    inner = tmp_path / "inner"
    with pytest.raises(UserError, match="only plain files below its own folder were expected; nothing was unpacked"):
        fetch("tunes", inner, True, corpus=offer(server, OUTSIDE[name], name))
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", f"tunes-{name}"]
    assert not Path("/tmp/evil.mid").exists()


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tar.xz"])
def test_bomb(tmp_path, name):
    zeros = bytes(1_000_000)
    path = tmp_path / name
    if name.endswith("zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.mid", zeros)
    else:
        path.write_bytes(tarred(("a.mid", zeros), mode="w:xz"))
    with pytest.raises(UserError, match="grows beyond 999,999 bytes"):
        unpack(path, tmp_path / "out", limit_bytes=999_999)
    assert [inside.name for inside in tmp_path.iterdir()] == [name]
    assert unpack(path, tmp_path / "out", limit_bytes=1_000_000) == 1


@pytest.mark.parametrize(("name", "content"), [("a.zip", zipped(TUNES)[:-30]), ("a.tar.gz", tarred(*TUNES.items())[:-300]),
                                               ("a.tar.xz", b"nonsense"), ("a.zip", b"")])
def test_damaged_archive(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be unpacked: .*fetch it again"):
        unpack(tmp_path / name, tmp_path / "out")
    assert [inside.name for inside in tmp_path.iterdir()] == [name]


def test_unpack_never_mixes_folders(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(TUNES))
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="exists already"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_list_of_corpora():
    for name, corpus in CORPORA.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert re.fullmatch(r"https?://[^\s?]+", corpus.address)
        assert corpus.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", corpus.sha256)
        assert corpus.md5 is None or re.fullmatch(r"[0-9a-f]{32}", corpus.md5)
        assert corpus.commercial is not ("NC" in corpus.licence or "not for" in corpus.licence)
    assert not any("thesession" in corpus.address for corpus in CORPORA.values())  # its terms forbid learning from it
    assert CORPORA["maestro"].marks == ["not for commercial use"]
    assert CORPORA["nes"].marks == ["no licence stated"]


def test_mistakes():
    with pytest.raises(UserError, match="there is no corpus 'maestor'; did you mean 'maestro'"):
        find_corpus("maestor")
    with pytest.raises(UserError, match="GigaMIDI cannot be fetched by a program; its page is https"):
        fetch("gigamidi", "nowhere", True)
