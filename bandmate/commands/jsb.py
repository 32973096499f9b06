"""The command `benchmark jsb`: score a model on the JSB chorales by the fair protocol, or train one for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bandmate.commands.screen import progress_bar, say
from bandmate.settings import UserError

DATA = "data"  # the prepared chorales, in the folder of the run


def jsb(file: Path, *, model: str | None = None, train: Path | None = None, minutes: float | None = None,
        resume: Annotated[bool, Parameter(negative=())] = False, size: str = "small", seed: int = 0,
        test: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Measure how surprised a model is by Bach's held-out chorales: nats for each voice of each 16th, by the fair protocol.

    Without a model, counts of what follows what (n-grams) are scored: the yardstick. Weights trained on this data are for
    research: it states no licence.

    Example: `bandmate benchmark jsb Jsb16thSeparated.json --train runs/jsb --minutes 60`

    Parameters
    ----------
    file:
        Jsb16thSeparated.json of the JSB chorales dataset.
    model:
        A model of the family `chorales`: a .safetensors file or a run folder.
    train:
        Train such a model into this folder, then score it.
    minutes:
        Stop training after so many minutes.
    resume:
        Go on with the training in that folder.
    size:
        Named size of the model to train.
    seed:
        The same seed trains the same model.
    test:
        Score the test split, too. Choose models without it.
    """
    from bandmate.jsb.chorales import data_hash, read
    from bandmate.jsb.protocol import Surprise, benchmark, surprise, table
    if train is None and (minutes is not None or resume):
        raise UserError("--minutes and --resume belong to training, and no folder to train into is named; add --train OUT")
    if train is not None and model is not None:
        raise UserError("both a model to score and a folder to train into are named; one of the two was expected; "
                        "leave out --model or --train")
    chorales = read(file)
    if train is not None:
        _learn(chorales, train, minutes, resume, size, seed)
        model = str(train)
    surprised: Surprise
    if model is None:
        from bandmate.jsb.ngrams import Ngrams
        name, surprised = "n-grams", Ngrams(chorales["train"]).surprise
    else:
        from bandmate.checkpoint import file_hash, find, load
        name, surprised = f"{model} ({file_hash(find(model))[:12]})", surprise(load(model))
    with progress_bar("scoring") as show:
        scores = benchmark(chorales, surprised, ("valid", "test") if test else ("valid",), show)
    print(f"{name}, data {data_hash(chorales)[:12]}")
    print(table(scores))


def _learn(chorales: dict, out: Path, minutes: float | None, resume: bool, size: str, seed: int) -> None:
    """Train the family `chorales` on the official split into a run folder."""
    from bandmate.jsb.chorales import prepare
    from bandmate.run import Training, read_report
    try:
        from bandmate.training import train as learn
    except ModuleNotFoundError as error:
        raise UserError(f"training needs the package '{error.name}', which is not installed; "
                        "install it with: pip install 'bandmate[train]'") from None
    if not resume:
        prepare(chorales, out / DATA)
    training = Training(**({"seed": seed} if not resume else {}), **({"minutes": minutes} if minutes is not None else {}))
    with progress_bar("training chorales") as show:
        learn("chorales", out / DATA, out, training, size=size, resume=resume,
              progress=lambda step, steps, row: show(step, steps, f"loss {row['loss']:.3f}" if "loss" in row else ""))
    say(read_report(out).text())
