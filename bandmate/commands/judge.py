"""Commands that judge: is a piece a copy, and does a split leak?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bandmate.commands.screen import Show, progress_bar, say
from bandmate.music.files import read
from bandmate.piece import Piece
from bandmate.settings import UserError

PICTURES = (".png", ".svg", ".pdf")


def copies(file: Path, *, corpus: str, out: Path | None = None, human: int = 100, seed: int = 0) -> None:
    """Find the piece of a corpus that a piece copies most: the longest stretch that both share, note for note.

    Told are the longest stretch as it stands and in any key, and the share of all stretches of eight events that stand in
    the corpus, too (an event is a moment where notes start). People copy as well: of a prepared corpus the same is told of
    human pieces that its models have not learnt from. A picture shows both piano rolls, the shared stretch shaded.

    Example: `bandmate copies out/bands.mid --corpus data/`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    corpus:
        What to compare with: a folder made by `bandmate prepare` (its training pieces), a music file, or a folder or
        archive of them.
    out:
        Picture to write (.png, .svg or .pdf). Left out, beside the file.
    human:
        Number of human pieces to compare with, of a prepared corpus; 0 leaves them out.
    seed:
        Which human pieces are chosen.
    """
    from bandmate.metrics.originality import Library
    from bandmate.metrics.undefined import Undefined
    piece = read(file)
    path = out or file.with_name(f"{file.stem}-copies.png")
    if path.suffix.lower() not in PICTURES:
        raise UserError(f"'{path}' is no picture; a name that ends in {', '.join(PICTURES)} was expected; change --out")
    library, known = Library(), _open(corpus)
    with progress_bar("listening") as show:
        for name, other in known.pieces(show):
            library.add(name, other)
        show(1, None, "sorting")
        library.close()
    try:
        found = library.compare(piece)
    except Undefined as reason:
        raise UserError(f"'{file}' cannot be compared: it has {reason}; a file with music was expected; name another") from None
    print(f"compared with {len(library.names):,} pieces of '{corpus}'")
    for view, run in (("as it stands", found.exact), ("in any key", found.transposed)):
        print(f"longest stretch {view}: {_told(run)}")
    for view, share in (("as it stands", found.grams), ("in any key", found.transposed_grams)):
        print(f"8-grams found {view}: {'n/a: fewer than eight events' if share is None else f'{share:.1%}'}")
    if human and known.held_out:
        _print_human(library, known, human, seed)
    if found.transposed.events:
        from bandmate.output.copies import Side, draw_copy
        run = found.transposed
        draw_copy(Side(f"{file.name}, from beat {run.start + 1:g}", piece, run.start),
                  Side(f"{run.name}, from beat {run.there + 1:g}", known.piece(run.number), run.there), run.beats, path,
                  f"{run.events} events, {run.beats:.4g} beats in common")
        print(path)
    else:
        say("nothing is shared, so there is no picture")


def leaks(file: Path) -> None:
    """Tell how far the held-out pieces of a split of voices are copies of pieces to learn from.

    Printed are, for three ways of comparing, the longest stretch of each held-out piece that a training piece has, too:
    median, 90th and 95th percentile, and maximum, in beats; and how many pieces are clean.

    Example: `bandmate leaks Jsb16thSeparated.json`

    Parameters
    ----------
    file:
        A .json with the splits train, valid and test: lists of pieces, steps (sixteenths) and voices.
    """
    from bandmate.metrics.leaks import CLEAN, LONG, MELODY, VIEWS, clean, leaks, read_voices
    pieces = read_voices(file)
    print(f"| what is compared | split | median | p90 | p95 | max | {LONG} beats or more |\n|---|---|---|---|---|---|---|")
    for view in VIEWS:
        for split in ("valid", "test"):
            found = leaks(pieces["train"], pieces[split], view)
            numbers = " | ".join(f"{value:.2f}" for value in found.median_and_tail())
            print(f"| {view} | {split} | {numbers} | {found.at_least(LONG)} of {len(pieces[split])} |")
    shares = [f"{int(clean(pieces['train'], pieces[split]).sum())} of {len(pieces[split])} {split}"
              for split in ("valid", "test")]
    print(f"\nclean ({MELODY}, less than {CLEAN} beats): {', '.join(shares)}")


class _Prepared:
    """The pieces of a folder that `prepare` wrote."""

    def __init__(self, folder: str) -> None:
        from bandmate.data.windows import Prepared
        self._data = Prepared(folder)
        self._codec = self._data.codec()
        self._rows = [row for row in self._data.pieces if row["split"] == "train"]
        self.held_out = len(self._data.split("test")[1]) - 1
        if not self._rows:
            raise UserError(f"'{folder}' holds no training pieces; prepare it again from more music")

    def pieces(self, show: Show) -> Iterator[tuple[str, Piece]]:
        for number, row in enumerate(self._rows):
            show(number, len(self._rows))
            yield f"{row['title']} ({row['path']})" if row["title"] else row["path"], self.piece(number)

    def piece(self, number: int) -> Piece:
        return self._codec.decode(self._data.piece("train", int(self._rows[number]["index"])))

    def human(self, number: int) -> Piece:
        return self._codec.decode(self._data.piece("test", number))


class _Files:
    """The pieces of a file, a folder or an archive. Of the music only the places are kept, and read again when asked for."""

    held_out = 0

    def __init__(self, source: str) -> None:
        from bandmate.data.sources import check
        self._source = source
        self._read = 0
        check([source])

    def pieces(self, show: Show) -> Iterator[tuple[str, Piece]]:
        for name, piece in self._walk():
            self._read += 1
            show(self._read, None, name[-40:])
            yield name, piece
        if not self._read:
            raise UserError(f"there is no music in '{self._source}' that can be read; MIDI, MusicXML, ABC or kern files were "
                            "expected; name another corpus")

    def piece(self, number: int) -> Piece:
        return next(piece for at, (_, piece) in enumerate(self._walk()) if at == number)

    def _walk(self) -> Iterator[tuple[str, Piece]]:
        from bandmate.data.sources import walk
        from bandmate.music.files import SUFFIXES, read_bytes, tunes
        for entry in walk([self._source]):
            if entry.trouble or not entry.path.lower().endswith(SUFFIXES):
                continue
            for tune in tunes(entry.read(), entry.path):
                try:
                    piece, labels = read_bytes(tune, entry.path)
                except UserError:
                    continue  # what cannot be read is no music to copy from
                if piece.note_num():
                    yield f"{labels.title} ({entry.path})" if labels.title else entry.path, piece


def _open(corpus: str) -> Any:
    return _Prepared(corpus) if Path(corpus, "manifest.json").is_file() else _Files(corpus)


def _told(run: Any) -> str:
    if not run.events:
        return "none"
    return (f"{run.events} events, {run.beats:.4g} beats, from beat {run.start + 1:g}; like {run.name}, "
            f"from beat {run.there + 1:g}")


def _print_human(library: Any, known: Any, count: int, seed: int) -> None:
    """Print the same numbers for human pieces that are held out: median and 95th percentile."""
    import numpy as np

    from bandmate.metrics.undefined import Undefined
    chosen = np.random.default_rng(seed).permutation(known.held_out)[:count]
    rows = []
    with progress_bar("human pieces") as show:
        for done, number in enumerate(chosen.tolist()):
            show(done, len(chosen))
            try:
                found = library.compare(known.human(number))
            except Undefined:
                continue
            if found.grams is not None:
                rows.append((found.exact.events, found.exact.beats, found.transposed.events, found.transposed.beats,
                             100 * found.grams, 100 * found.transposed_grams))
    if not rows:
        print("human pieces: n/a: none of eight events or more is held out")
        return
    print(f"the same of {len(rows)} human pieces that are held out (median, 95th percentile):")
    median, most = np.median(rows, axis=0), np.percentile(rows, 95, axis=0)
    for column, view in ((0, "as it stands"), (2, "in any key")):
        print(f"  longest stretch {view}: {median[column]:.4g} events, {most[column]:.4g} events; "
              f"{median[column + 1]:.4g} beats, {most[column + 1]:.4g} beats")
    for column, view in ((4, "as it stands"), (5, "in any key")):
        print(f"  8-grams found {view}: {median[column]:.1f}%, {most[column]:.1f}%")
