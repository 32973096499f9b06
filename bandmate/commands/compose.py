"""Commands that write music: a new piece, or into a piece of yours."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from bandmate.commands.ending import come_home
from bandmate.commands.flags import flat, make_command, run
from bandmate.commands.results import place, story, write_and_print
from bandmate.commands.screen import progress_bar, say
from bandmate.music.draft import Draft
from bandmate.music.files import read
from bandmate.music.request import MEANINGLESS
from bandmate.piece import Piece
from bandmate.settings import Settings, UserError

DEFAULT_MODEL = "bands"
SEEDS = 2**31  # to draw from
USUAL: dict[str, dict[str, Any]] = {"complete": {"bars": 8, "candidates": 4}}
"""What a command takes for granted, if that is not what its options say."""
_HELP = ("--help", "-h")

Words = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
"""Words of a command line that another app reads."""

SoFar = Callable[[], list[Piece]]
"""As in :mod:`bandmate.model`, which is imported late: it brings torch."""

_BARS = {"continue": "Bars to add.", "complete": "Bars of the ending.",
         "accompany": 'Bars to accompany, counted from 1 ("9-12"); left out, all.',
         "infill": 'Bars to fill in, counted from 1 ("9-12" or "1-2,5").', "vary": 'Bars to vary, counted from 1 ("5-8").'}

_ENDINGS = """How many endings to write for each variant; the one whose last chord is nearest to that of the key is kept."""


def generate(*words: Words, model: str = DEFAULT_MODEL) -> None:
    """Write new pieces: MIDI, MP3, piano roll and sheet music."""
    options = flat(_shown(_options_of(model, words), "generate"))
    run(make_command("bandmate generate", _generate, options=options), ["--model", model, *words])


def continue_(*words: Words, model: str = DEFAULT_MODEL) -> None:
    """Go on with a piece: add bars after the last, or after any other."""
    _work("continue", words, model, "Add bars after the last bar of a piece, or after another; what is there stays as it is.",
          "bandmate continue song.mid --bars 8")


def complete(*words: Words, model: str = DEFAULT_MODEL) -> None:
    """Give an unfinished piece an ending: go on after its last bar, or after any other, for eight bars."""
    _work("complete", words, model, "Give an unfinished piece an ending, after its last bar or after another; what stands "
          "before stays as it is. It goes on as `bandmate continue` does, for as many bars as an ending takes, and of several "
          "endings keeps the one that comes home to the chord of the key.",
          "bandmate complete lacrimosa.mid --at 8")


def infill(*words: Words, model: str = DEFAULT_MODEL) -> None:
    """Fill in bars of a piece, hearing what stands before and after them."""
    _work("infill", words, model, "Write some bars of a piece anew, hearing what stands before and after; all else stays.",
          "bandmate infill song.mid --bars 9-12 --instruments bass,drums")


def accompany(*words: Words, model: str = DEFAULT_MODEL) -> None:
    """Write new parts under those that a piece has."""
    _work("accompany", words, model, "Write new parts under those that a piece has; these stay as they are.",
          "bandmate accompany tune.mid --instruments piano,bass --drums")


def vary(*words: Words, model: str = DEFAULT_MODEL) -> None:
    """Write bars of a piece a little differently."""
    _work("vary", words, model, "Write bars of a piece a little differently: like them, but not the same.",
          "bandmate vary song.mid --bars 5-8 --amount 0.3 --keep rhythm")


def _options_of(model: str, words: tuple[str, ...]) -> Any:
    """Return the Options of a model's family, so that it has flags of its own."""
    from bandmate.checkpoint import read_card
    from bandmate.families import FAMILIES
    from bandmate.model import Options
    try:
        family = read_card(model).family
        options = FAMILIES[family].Options if family in FAMILIES else Options
    except UserError:
        if not set(words) & set(_HELP):
            raise
        options = Options
    return options


def _task(command: str) -> str:
    return "continue" if command == "complete" else command


def _shown(options: type[Settings], command: str) -> type[Settings]:
    """Return those options that mean something in a command; where bars of a piece are named, `bars` is the region."""
    task = _task(command)
    usual = USUAL.get(command, {})
    idle = {name for name in getattr(options, "IDLE", ()) if name not in usual}
    without = {*MEANINGLESS[task], *idle, "bars", "region"}
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in options.model_fields.items()
                              if name not in without}
    bars = int if task in ("generate", "continue") else str
    if command == "complete":
        annotation, field = fields["candidates"]
        fields["candidates"] = annotation, FieldInfo.merge_field_infos(field, default=usual["candidates"], description=_ENDINGS)
    default = usual.get("bars", options.model_fields["bars"].default)
    about = _BARS.get(command, options.model_fields["bars"].description)
    shown = {"bars": (bars, Field(default, description=about)) if bars is int else (str | None, Field(None, description=about))}
    return create_model(options.__name__, __base__=Settings, **shown, **fields)  # type: ignore[call-overload]


def _drummer(model: Any, name: str) -> Any:
    """Return what beats the rhythm of a model of the family rhythm_net. Raises UserError for any other."""
    if not hasattr(model, "slots"):
        raise UserError(f"'{name}' does not know rhythm alone; a model of the family rhythm_net was expected; train one with "
                        "`bandmate train rhythm_net`")
    return model.slots


def _asked(options: type[Any], command: str, chosen: Settings | None) -> Any:
    """Return the options that a command line means."""
    task = _task(command)
    values: dict[str, Any] = dict(USUAL.get(command, {}))
    values |= {name: getattr(chosen, name) for name in chosen.model_fields_set} if chosen else {}
    if task not in ("generate", "continue"):
        values["region"] = values.pop("bars", None)
    if values.get("seed") is None:
        values["seed"] = secrets.randbelow(SEEDS)
    return options(**{"task": task} if task != "generate" else {}, **values)


def _generate(*, model: str = DEFAULT_MODEL, options: Any = None, out: str | None = None,
              soundfont: Path | None = None) -> None:
    """Write new pieces: MIDI, MP3, piano roll and sheet music, and a .json with all that is needed to write them again.

    What is left out, the model chooses; a seed that is left out is drawn and printed.

    Example: `bandmate generate --bars 16 --instruments piano,bass,guitar --drums --out out/first`

    Parameters
    ----------
    model:
        A shipped model (see `bandmate models`), the path of a .safetensors file, or a run folder.
    out:
        Where to: a name such as out/first, or a folder. Left out, it is out/ and the name of the model. What is there is
        never overwritten: a number is added.
    soundfont:
        Sound font (.sf2 or .sf3) to play it with.
    """
    _write("generate", None, model, options, out, soundfont)


def _work(command: str, words: tuple[str, ...], model: str, what: str, example: str) -> None:
    """Run a command that works on a piece."""
    def work(file: Path, *, model: str = DEFAULT_MODEL, options: Any = None, out: str | None = None,
             soundfont: Path | None = None) -> None:
        _write(command, file, model, options, out, soundfont)

    work.__doc__ = f"""{what}

    Written are MIDI, MP3, piano roll and sheet music, and a .json with all that is needed to write it again.

    Example: `{example}`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    model:
        A shipped model (see `bandmate models`), the path of a .safetensors file, or a run folder.
    out:
        Where to: a name such as out/song, or a folder. Left out, it is out/ and the name of the file with that of the
        task. What is there is never overwritten: a number is added.
    soundfont:
        Sound font (.sf2 or .sf3) to play it with.
    """
    options = flat(_shown(_options_of(model, words), command))
    run(make_command(f"bandmate {command}", work, options=options), ["--model", model, *words])


def _write(command: str, file: Path | None, model: str, chosen: Any, out: str | None, soundfont: Path | None) -> None:
    """Load the model, let it write, and put the result into files."""
    from bandmate.checkpoint import file_hash, find, load
    prompt = None if file is None else read(file)
    composer = load(model)
    options = _asked(composer.Options, command, chosen)
    if rhythm := getattr(options, "rhythm_model", None):
        composer.rhythm = _drummer(load(rhythm), rhythm)
    heard = getattr(composer.config, "context", None)
    if prompt is not None and heard is not None and prompt.note_num() > heard:
        say(f"the piece is longer than '{model}' hears at once (some {heard} notes): it hears the bars nearest to those it "
            "writes; all that is given is kept")
    name = f"{file.stem}-{command}" if file else Path(model).stem if model not in (".", "..") else "piece"
    path = place(out, name)
    stands: SoFar = list

    def watch(share: float, so_far: SoFar) -> None:
        nonlocal stands
        stands = so_far
        show(share)

    stopped = None
    write = partial(come_home, composer) if command == "complete" else composer.generate
    with progress_bar("composing; Ctrl-C keeps what stands") as show:
        try:
            pieces = write(options, prompt, watch)
        except KeyboardInterrupt:
            pieces = [piece for piece in stands() if piece.note_num()][:options.variants]
            if not pieces:
                raise
            stopped = KeyboardInterrupt("stopped; what was written until then is kept")
    say(f"seed {options.seed}")
    digest = file_hash(find(model))
    written = {} if prompt is None else {"written_quarters": Draft.of(options, prompt).written_quarters()}
    for variant, piece in enumerate(pieces):
        record = {**story(command, model, digest, options, variant, file), **written, **({"stopped": True} if stopped else {})}
        write_and_print(piece, path, record, soundfont=soundfont)
    if stopped:
        raise stopped
