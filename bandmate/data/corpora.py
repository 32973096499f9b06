"""Public collections of music that are worth learning from: where they are, how large, and under which licence.

Nothing is downloaded unasked, and nothing before its licence has been accepted. Licences are given as the distributor
states them; the music itself may belong to others. A corpus that is not for commercial use, or that states no licence,
is marked, and the mark travels with its pieces (`catalogue.csv`) into the data and the card of a model.

Sizes and checksums of Lakh, MAESTRO, EMOPIA, MusicNet, NES-MDB, JSB, Nottingham, Essen and Wikifonia are those of MusPy
(Dong et al. 2020, arXiv 2008.01951), of Groove those of TensorFlow Datasets, of the others their distributors'.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bandmate.data.download import Counted, download
from bandmate.data.unpack import is_archive, unpack
from bandmate.music.files import SUFFIXES, whole_file
from bandmate.settings import Settings, UserError, nearest


class Corpus(Settings):
    """A public collection of music."""

    title: str
    """What it is called."""
    holds: str
    """How many pieces of what."""
    licence: str
    """Licence as the distributor states it; empty if none is stated."""
    address: str
    """Where its file is, or its page if no program may or can fetch it."""
    fetchable: bool = True
    """Whether `fetch` can download it."""
    commercial: bool = True
    """Whether the licence allows commercial use."""
    size_bytes: int | None = None
    """Exact size of the file, where published."""
    about_bytes: int | None = None
    """Rough size of the file, where only that is known."""
    sha256: str | None = None
    """Published checksum."""
    md5: str | None = None
    """Published checksum, where there is no better one."""
    folders: tuple[str, ...] = ()
    """What the folders around a file say, from the top: columns of a catalogue, empty for nothing."""

    @property
    def marks(self) -> list[str]:
        """What a person should know before using it."""
        return [mark for mark, holds in (("not for commercial use", not self.commercial),
                                         ("no licence stated", not self.licence),
                                         ("page only, fetch it by hand", not self.fetchable)) if holds]


_LAKH = "http://hog.ee.columbia.edu/craffel/lmd/"
_LAKH_LICENCE = "CC-BY-4.0 (the collection; its songs are third-party)"
_ZENODO = "https://zenodo.org/record"
_MAGENTA = "https://storage.googleapis.com/magentadata/datasets/"
_HUGGING_FACE = "https://huggingface.co/datasets/"
_GITHUB = "https://github.com/"

CORPORA: dict[str, Corpus] = {
    "lakh-full": Corpus(
        title="Lakh MIDI, full", holds="176,581 songs for bands, rock and pop above all", licence=_LAKH_LICENCE,
        address=_LAKH + "lmd_full.tar.gz", size_bytes=1_768_163_879,
        sha256="6fcfe2ac49ca08f3f214cec86ab138d4fc4dabcd7f27f491a838dae6db45a12b"),
    "lakh-matched": Corpus(
        title="Lakh MIDI, matched", holds="45,129 songs known to the Million Song Dataset", licence=_LAKH_LICENCE,
        address=_LAKH + "lmd_matched.tar.gz", size_bytes=1_407_072_670,
        sha256="621ff830aed771f469e5bfa13dc12a33c6ed69090adeda63d0b5c47783af0191"),
    "lakh-aligned": Corpus(
        title="Lakh MIDI, aligned", holds="the matched songs, in time with their recordings", licence=_LAKH_LICENCE,
        address=_LAKH + "lmd_aligned.tar.gz", size_bytes=272_169_548,
        sha256="2bf5400e82eba73204644946515489b68811e1e656b0cfd854efc14377f6e53b"),
    "lakh-clean": Corpus(
        title="Lakh MIDI, clean", holds="some 17,000 songs as Artist/Title.mid", licence=_LAKH_LICENCE,
        address=_LAKH + "clean_midi.tar.gz", about_bytes=234_000_000, folders=("", "composer")),
    "lakh-pianoroll": Corpus(
        title="Lakh Pianoroll, LPD-5 cleansed", holds="21,425 piano rolls of five parts", licence="CC-BY-4.0", fetchable=False,
        address="https://salu133445.github.io/lakh-pianoroll-dataset/dataset"),
    "midicaps": Corpus(
        title="MidiCaps", holds="168,000 Lakh files, which captions elsewhere describe", licence="CC-BY-SA-4.0",
        address=_HUGGING_FACE + "amaai-lab/MidiCaps/resolve/main/midicaps.tar.gz", about_bytes=1_620_000_000),
    "pdmx": Corpus(
        title="PDMX (MIDI)", holds="254,035 scores; 31,221 of them with licences in conflict (its page tells which)",
        licence="public domain or CC0, by score", address=_ZENODO + "s/15571083/files/mid.tar.gz",
        size_bytes=214_395_208, md5="d920a21b2fcd99a56d9c381b39debbb2"),
    "groove": Corpus(
        title="Groove MIDI", holds="1,150 drum performances", licence="CC-BY-4.0",
        address=_MAGENTA + "groove/groove-v1.0.0-midionly.zip", size_bytes=3_260_318,
        sha256="651cbc524ffb891be1a3e46d89dc82a1cecb09a57c748c7b45b844c4841dcc1e"),
    "maestro": Corpus(
        title="MAESTRO 3", holds="1,276 piano performances", licence="CC-BY-NC-SA-4.0", commercial=False,
        address=_MAGENTA + "maestro/v3.0.0/maestro-v3.0.0-midi.zip", size_bytes=58_416_533,
        sha256="70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"),
    "emopia": Corpus(
        title="EMOPIA 2.2", holds="1,087 pop piano clips with emotions", licence="CC-BY-4.0",
        address=_ZENODO + "/5257995/files/EMOPIA_2.2.zip", md5="bad5171786a4898f37fc2678e99afd94"),
    "musicnet": Corpus(
        title="MusicNet (MIDI)", holds="330 classical pieces", licence="",
        address=_ZENODO + "/5120004/files/musicnet_midis.tar.gz", size_bytes=2_601_302,
        sha256="943cc47731ec5f397bd6fbab4dff78342472890cd484bd30ffb2e16047eef908"),
    "nes": Corpus(
        title="NES Music Database", holds="5,278 game tunes in four voices", licence="",
        address="http://deepyeti.ucsd.edu/cdonahue/nesmdb/nesmdb_midi.tar.gz", size_bytes=12_922_275,
        sha256="37610e2ca5fe70359c85170cf1f4982596783bb304c59d9c439f68c24ff4ee93"),
    "groove2groove": Corpus(
        title="Groove2Groove", holds="8,144 synthetic accompaniments in 2,900 styles", licence="CC-BY-NC-4.0", commercial=False,
        address=_ZENODO + "/3958000/files/groove2groove-data-v1.0.0.tar.gz", md5="c407de7b3676267660c88dc6ee351c79"),
    "gigamidi": Corpus(
        title="GigaMIDI", holds="over 1,000,000 files; asks for a login", licence="CC-BY-NC-4.0", commercial=False,
        fetchable=False, address=_HUGGING_FACE + "Metacreation/GigaMIDI"),
    "los-angeles": Corpus(
        title="Los Angeles MIDI 4.0", holds="404,714 files", licence="CC-BY-NC-SA-4.0", commercial=False,
        fetchable=False, address=_HUGGING_FACE + "projectlosangeles/Los-Angeles-MIDI-Dataset"),
    "xmidi": Corpus(
        title="XMIDI", holds="108,023 files, emotion and genre in the name", licence="", fetchable=False,
        address=_GITHUB + "xmusic-project/XMIDI_Dataset"),
    "pop909": Corpus(
        title="POP909", holds="909 pop songs: melody, bridge, piano", licence="MIT (the repository; its songs are commercial)",
        address=_GITHUB + "music-x-lab/POP909-Dataset/archive/refs/heads/master.zip", about_bytes=60_000_000),
    "asap": Corpus(
        title="ASAP", holds="classical piano scores and their performances", licence="CC-BY-NC-SA-4.0", commercial=False,
        address=_GITHUB + "fosfrancesco/asap-dataset/archive/refs/heads/master.zip", about_bytes=340_000_000),
    "adl-piano": Corpus(
        title="ADL Piano MIDI", holds="11,086 piano pieces in folders by genre", licence="",
        address=_GITHUB + "lucasnfe/adl-piano-midi/raw/refs/heads/master/midi/adl-piano-midi.zip",
        folders=("", "genre", "", "composer")),
    "lieder": Corpus(
        title="OpenScore Lieder", holds="over 1,300 songs for voice and piano", licence="CC0-1.0",
        address=_GITHUB + "OpenScore/Lieder/archive/refs/heads/main.zip", about_bytes=670_000_000),
    "string-quartets": Corpus(
        title="OpenScore String Quartets", holds="over 100 quartets", licence="CC0-1.0",
        address=_GITHUB + "OpenScore/StringQuartets/archive/refs/heads/main.zip", about_bytes=360_000_000),
    "jsb": Corpus(
        title="JSB Chorales", holds="382 chorales by Bach, for comparing models", licence="public domain",
        address="http://www-etud.iro.umontreal.ca/~boulanni/JSB%20Chorales.zip", size_bytes=215_242,
        sha256="69924294546a71620c06374085cd6b0300665ea215e2f854f65a11929f1e723c"),
    "nottingham": Corpus(
        title="Nottingham Database", holds="1,200 British and American folk tunes (ABC)", licence="",
        address="http://ifdo.ca/~seymour/nottingham/nottingham_database.zip", size_bytes=142_934,
        sha256="f79a4bffe78b16d630d4d69f9c62775a7aa246d0973c4d8714ab6c5139ff5a3b"),
    "essen": Corpus(
        title="Essen Folk Songs", holds="some 8,000 folk songs (ABC)", licence="not for commercial use", commercial=False,
        address="https://ifdo.ca/~seymour/runabc/esac/esac.zip", size_bytes=1_700_981,
        sha256="7957cf8f7a036dac9d807330548816967a13a4f598247e2a0f38aeccf04c7553"),
    "wikifonia": Corpus(
        title="Wikifonia", holds="6,675 lead sheets (MusicXML); songs under copyright", licence="",
        address="http://www.synthzone.com/files/Wikifonia/Wikifonia.zip", size_bytes=35_727_800,
        sha256="e7bce509462a73cee175308b6a3cdafa9effd6e8958b3ce03b4edb293cc6b691"),
}
"""The corpora by name."""


def find_corpus(name: str) -> Corpus:
    """Return a corpus by its name. Raises UserError with the nearest names."""
    if name not in CORPORA:
        raise UserError(f"there is no corpus '{name}'; {nearest(name, CORPORA)}")
    return CORPORA[name]


def fetch(name: str, out: str | Path, accept_licence: bool = False, progress: Counted = lambda here, total: None,
          corpus: Corpus | None = None) -> Path:
    """Download a corpus into ``out``/``name``, or go on with it; return that folder.

    ``progress`` is told the bytes that are here and the bytes in all. ``corpus`` describes one that is not listed.
    Raises UserError if the licence is not accepted, and for all that can go wrong on the way.
    """
    corpus = corpus or find_corpus(name)
    if not corpus.fetchable:
        raise UserError(f"{corpus.title} cannot be fetched by a program; its page is {corpus.address}; fetch it there by hand, "
                        "unpack it, and give its folder to `bandmate prepare`")
    folder = Path(out) / name
    if folder.is_dir():
        return folder
    if not accept_licence:
        raise UserError(f"{corpus.title} comes under this licence: {corpus.licence or 'none is stated'}"
                        f"{' (' + ', '.join(corpus.marks) + ')' if corpus.marks else ''}; it has to be accepted first; "
                        "ask again with --accept-licence (accept_licence=True) if you do")
    file = Path(out) / f"{name}-{unquote(Path(urlsplit(corpus.address).path).name)}"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file():
            download(corpus.address, file, corpus.size_bytes, corpus.sha256, corpus.md5, progress)
        workplace = file.with_name(f".{name}.new")
        shutil.rmtree(workplace, ignore_errors=True)
        if is_archive(file):
            unpack(file, workplace)
        else:
            workplace.mkdir()
            file.rename(workplace / file.name)
        _label(name, corpus, workplace)
        workplace.rename(folder)
        file.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"'{out}' cannot be written: {error.strerror or error}; a folder with room was expected; "
                        "choose another one") from None
    return folder


def _label(name: str, corpus: Corpus, folder: Path) -> None:
    """Say beside the music where each piece comes from and under which licence, in the form that `prepare` reads."""
    catalogue = folder / "catalogue.csv"
    if catalogue.exists():
        return
    known = {"source": name, "licence": corpus.licence or "no licence stated"}
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    with whole_file(catalogue) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["path", "title", "composer", "genre", "source", "licence"])
        rows.writeheader()
        for path in files:
            told = {column: part for column, part in zip(corpus.folders, path.parts[:-1], strict=False) if column}
            rows.writerow({"path": path.as_posix(), "title": path.stem, **known, **told})
