"""The command `benchmark frames`: score a model on piano rolls frame by frame, or train one for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bandmate.commands.screen import progress_bar, say
from bandmate.settings import UserError

DATA = "data"  # the prepared rolls, in the folder of the run


def frames(file: Path, *, model: str | None = None, train: Path | None = None, minutes: float | None = None,
           resume: Annotated[bool, Parameter(negative=())] = False, size: str = "small", seed: int = 0,
           test: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Measure how surprised a model is by each quarter of held-out piano rolls: nats a frame of 88 keys.

    Without a model, mere counts are scored: the yardsticks. Weights trained on this data are for research: it states no
    licence.

    Example: `bandmate benchmark frames jsb-chorales-quarter.json --train runs/frames --size lstm`

    Parameters
    ----------
    file:
        jsb-chorales-quarter.json, or Nottingham.mat and its like.
    model:
        A model of the family `frames`: a .safetensors file or a run folder.
    train:
        Train such a model into this folder, then score it.
    minutes:
        Stop training after so many minutes.
    resume:
        Go on with the training in that folder.
    size:
        Named size of the model to train; `lstm`, `gru` and `conv` are the classic models.
    seed:
        The same seed trains the same model.
    test:
        Score the test split, too. Choose models without it.
    """
    from bandmate.framewise.protocol import Surprise, benchmark, surprise, table
    from bandmate.framewise.rolls import Splits, data_hash, read
    if train is None and (minutes is not None or resume):
        raise UserError("--minutes and --resume belong to training, and no folder to train into is named; add --train OUT")
    if train is not None and model is not None:
        raise UserError("both a model to score and a folder to train into are named; one of the two was expected; "
                        "leave out --model or --train")
    rolls: Splits = read(file)
    if train is not None:
        _learn(rolls, file.stem, train, minutes, resume, size, seed)
        model = str(train)
    scored: dict[str, Surprise]
    if model is None:
        from bandmate.framewise.counts import Coins, Ngrams
        name, learnt = "counts", rolls["train"]
        scored = {"a coin a key": Coins(learnt, 0).surprise, "after two frames": Coins(learnt, 2).surprise,
                  "note by note": Ngrams(learnt).surprise}
    else:
        from bandmate.checkpoint import file_hash, find, load
        name, scored = f"{model} ({file_hash(find(model))[:12]})", {"": surprise(load(model))}
    splits = ("valid", "test") if test else ("valid",)
    with progress_bar("scoring") as show:
        scores = {f"{split}, {kind}" if kind else split: one for kind, surprised in scored.items()
                  for split, one in benchmark(rolls, surprised, splits, show).items()}
    print(f"{name}, data {data_hash(rolls)[:12]}")
    print(table(scores))


def _learn(rolls: dict, source: str, out: Path, minutes: float | None, resume: bool, size: str, seed: int) -> None:
    """Train the family `frames` on the published split into a run folder."""
    from bandmate.framewise.rolls import prepare
    from bandmate.run import Training, read_report
    try:
        from bandmate.training import train as learn
    except ModuleNotFoundError as error:
        raise UserError(f"training needs the package '{error.name}', which is not installed; "
                        "install it with: pip install 'bandmate[train]'") from None
    if not resume:
        prepare(rolls, out / DATA, source)
    training = Training(**({"seed": seed} if not resume else {}), **({"minutes": minutes} if minutes is not None else {}))
    with progress_bar("training frames") as show:
        learn("frames", out / DATA, out, training, size=size, resume=resume,
              progress=lambda step, steps, row: show(step, steps, f"loss {row['loss']:.3f}" if "loss" in row else ""))
    say(read_report(out).text())
