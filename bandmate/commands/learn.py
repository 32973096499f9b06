"""Commands about learning: find music, prepare it, train on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from bandmate.codecs import CODECS
from bandmate.commands.compose import Words
from bandmate.commands.flags import flat, make_app, make_command, run
from bandmate.commands.screen import progress_bar, say
from bandmate.music.clean import Filters
from bandmate.settings import UserError


def corpora() -> None:
    """List public corpora worth having, with licence, size and address.

    Example: `bandmate corpora`
    """
    from bandmate.data.corpora import CORPORA
    for name, corpus in CORPORA.items():
        marks = f"  [{'; '.join(corpus.marks)}]" if corpus.marks else ""
        print(f"{name:<16} {corpus.title}: {corpus.holds}\n{'':16} {_size(corpus.size_bytes, corpus.about_bytes)}, "
              f"{corpus.licence or 'no licence'}{marks}\n{'':16} {corpus.address}")


def fetch(name: str, out: Path, *, accept_licence: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Download a corpus, check it and unpack it; asked again, it goes on where it was stopped.

    Example: `bandmate fetch groove corpora/`

    Parameters
    ----------
    name:
        Name of the corpus (see `bandmate corpora`).
    out:
        Folder in which its folder is made.
    accept_licence:
        Accept the licence without being asked.
    """
    from bandmate.data import corpora
    corpus = corpora.find_corpus(name)
    if not accept_licence and corpus.fetchable and sys.stdin.isatty():
        say(f"{corpus.title}: {corpus.holds}\nlicence: {corpus.licence or 'none is stated'}")
        for mark in corpus.marks:
            say(f"mark: {mark}")
        print("Do you accept it? [y/N] ", end="", file=sys.stderr, flush=True)
        accept_licence = sys.stdin.readline().strip().lower() in ("y", "yes")
    with progress_bar(f"fetching {name}", in_bytes=True) as show:
        folder = corpora.fetch(name, out, accept_licence, progress=show)
    print(folder)


def prepare(*places: str, codec: str = "bars", like: str | None = None, workers: int | None = None,
            bangers: Annotated[bool, Parameter(negative=())] = False,
            filters: Annotated[Filters | None, Parameter(name="*", group="Filters (0 is no limit)")] = None) -> None:
    """Prepare music for training: SOURCE... OUT. Each source is a file, a folder, an archive, or the word `bach`.

    Stopped in the middle, the same command goes on where it was. Labels come from a catalogue.csv beside the files, from
    the scores, or from the names of folders. What cannot be used is listed in rejected.csv with the reason.

    Example: `bandmate prepare bach midis/ data/`, and with `--like bands` to go on from the shipped model

    Parameters
    ----------
    places:
        The sources, and last the folder to make.
    codec:
        How the music is written as ids, with settings if need be (names:rhythm=joint): CODECS.
    like:
        Write it as this model reads it, so that the model can be fine-tuned on it: a shipped name, a .safetensors file, or
        a run folder.
    workers:
        Processes to use; left out, one a core.
    bangers:
        Filter as for the size `bangers`; filters that are given go before.
    """
    from bandmate.data.prepare import prepare
    if len(places) < 2:
        raise UserError("prepare was given too little; at least one source and then a folder were expected; "
                        "for example: bandmate prepare midis/ data/")
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}; at least 1 was expected; leave it out for one a core")
    chosen = filters or Filters()
    if bangers:
        chosen = Filters.bangers().replace(**{name: getattr(chosen, name) for name in chosen.model_fields_set})
    known = None
    if like is not None:
        from bandmate.checkpoint import load
        known = load(like).codec
    with progress_bar("preparing") as show:
        summary = prepare(list(places[:-1]), places[-1], known or codec, filters=chosen, workers=workers, progress=show)
    print(summary)


prepare.__doc__ = (prepare.__doc__ or "").replace("CODECS", ", ".join(CODECS))


def train(*words: Words) -> None:
    """Train a model: FAMILY DATA RUN."""
    from bandmate.families import FAMILIES
    app = make_app("bandmate train", help="Train a model: `bandmate train FAMILY DATA RUN`. Each family has flags of its own: "
                   "`bandmate train bands --help`.")
    for name in FAMILIES:
        app.command(_train_command(name), name=name)
    run(app, words or ["--help"])


def _train_command(family: str) -> Any:
    """Return the train command of a family: flags out of the training settings and the family's Config."""
    from bandmate.families import FAMILIES, about
    from bandmate.run import Training

    def train(data: Path, run: Path, *, size: str = "small", resume: Annotated[bool, Parameter(negative=())] = False,
              from_: Annotated[str | None, Parameter(name="--from")] = None, training: Any = None, config: Any = None) -> None:
        """Train a model on prepared data; the best by held-out loss is kept in the run folder.

        Example: `bandmate train bands data/ runs/first --size tiny --steps 500`

        Parameters
        ----------
        data:
            Folder that `bandmate prepare` made.
        run:
            Folder of the run, to be made: models, metrics.csv, a picture of the losses, run.json.
        size:
            Named size of the model.
        resume:
            Go on with the run in this folder.
        from_:
            Fine-tune this model: a shipped name, a .safetensors file, or a run folder.
        """
        from bandmate.output.curves import curves
        try:
            from bandmate.training import train as learn
        except ModuleNotFoundError as error:
            raise UserError(f"training needs the package '{error.name}', which is not installed; "
                            "install it with: pip install 'bandmate[train]'") from None

        def draw(folder: Path) -> None:
            curves(folder)

        with progress_bar(f"training {family}") as show:
            learn(family, data, run, training, size=size, config=config.model_dump(exclude_unset=True) if config else None,
                  resume=resume, start_from=from_, progress=lambda step, steps, row: show(step, steps, _losses(row)),
                  on_evaluate=draw)
        _report(run)

    sentence = about(family).partition(". ")[0].rstrip(".")
    train.__doc__ = (train.__doc__ or "").replace("Train a model on prepared data", f"{sentence}. Train it on prepared data", 1)
    train.__doc__ = (train.__doc__ or "").replace("Named size of the model.",
                                                  f"Named size of the model: {', '.join(FAMILIES[family].SIZES)}.")
    shape = flat(FAMILIES[family].Config, group="Shape of the model (what is left out, the size decides)", show_default=False)
    return make_command(family, train, training=flat(Training), config=shape)


def _losses(row: dict[str, float]) -> str:
    names = {"loss": "loss", "valid_nats_per_note": "held-out nats a note"}
    return "  ".join(f"{word} {row[name]:.3f}" for name, word in names.items() if name in row)


def _report(run: Path) -> None:
    from bandmate.run import read_report
    say(read_report(run).text())
    for path in sorted(run.iterdir()):
        print(path)


def _size(exact: int | None, about: int | None) -> str:
    size = exact if exact is not None else about
    if size is None:
        return "size unknown"
    unit, name = next((unit, name) for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")) if size >= unit)
    return f"{'' if exact is not None else 'about '}{size / unit:.3g} {name}"
