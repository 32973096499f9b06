"""What a training run begins with: a fresh model, one that learnt before, or the run that was stopped.

Here it is checked that family, size, data and model fit together, before any time is spent.
"""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import torch

from bandmate import checkpoint
from bandmate.codecs.codec import Codec
from bandmate.data.windows import Prepared
from bandmate.families import FAMILIES
from bandmate.model import Model
from bandmate.run import Run, Training
from bandmate.settings import UserError, nearest

FINE_TUNING = 0.3  # share of the size's learning rate, for a model that has learnt before


def fresh(family: str, prepared: Prepared, training: Training, size: str, config: dict[str, Any]) -> tuple[Model, Training]:
    """Make a new model, and complete its training settings with those of its size."""
    kind, codec = _family(family), prepared.codec()
    if size not in kind.SIZES:
        raise UserError(f"'{family}' has no size '{size}'; {nearest(size, kind.SIZES)}")
    chosen = kind.SIZES[size]
    wanted = chosen.codec or kind.Codec.name
    if codec.name != wanted:
        raise UserError(f"the data was made with the codec '{codec.name}', but '{family}' of size '{size}' reads '{wanted}'; "
                        f"prepare the music again with --codec {wanted}")
    training = _complete(training, chosen.training)
    torch.manual_seed(training.seed)
    model = kind(kind.Config(**{**chosen.config, **config}), codec)
    _check_length(model, training)
    model.optimizers(training.lr)  # a family that learns nothing says so
    model.meet(prepared.by(training.composer))
    return model, training


def learnt(family: str, prepared: Prepared, training: Training, start_from: str | Path,
           config: dict[str, Any]) -> tuple[Model, Training]:
    """Read a model to fine-tune, if it fits the family, the data and the wished config."""
    kind, model = _family(family), checkpoint.load(start_from)
    if type(model) is not kind:
        raise UserError(f"'{start_from}' is a {type(model).__name__}, not a {kind.__name__}; "
                        "start from a model of the same family")
    check_codec(model.codec, prepared.codec(), str(start_from))
    if config:
        changed = kind(kind.Config(**{**model.config.model_dump(), **config}), model.codec)
        try:
            changed.start_from(model)
        except RuntimeError:
            raise UserError(f"{' and '.join(config)} would give the weights of '{start_from}' another shape; leave the "
                            "settings that shape weights as they are, or train afresh") from None
        model = changed
    size = checkpoint.read_card(start_from).size
    defaults = dict(kind.SIZES[size].training) if size in kind.SIZES else {}
    defaults["lr"] = FINE_TUNING * defaults.get("lr", Training().lr)
    context = _context(model)
    if context is not None:
        defaults["length"] = min(defaults.get("length", Training().length), context)
    training = _complete(training, defaults)
    _check_length(model, training)
    model.meet(prepared.by(training.composer))
    return model, training


def stopped(family: str, prepared: Prepared, training: Training, run: Run) -> tuple[Model, Training, dict[str, Any]]:
    """Return the model of a run that was stopped, its settings with the changes wished for, and its choices."""
    choices = run.choices()
    if choices["family"] != family:
        raise UserError(f"the run in '{run.folder}' trains '{choices['family']}', not '{family}'; resume it with that family")
    if choices["data_hash"] != prepared.manifest.get("data_hash", ""):
        raise UserError(f"the run in '{run.folder}' learns from other data ('{choices['data']}'); resume it with that folder, "
                        "or train into a new folder with --from")
    last = run.folder / checkpoint.LAST
    if not last.is_file():
        raise UserError(f"the run in '{run.folder}' was stopped before its first save, so nothing is there to resume; "
                        "delete the folder and train again")
    training = _complete(training, choices["training"])
    return checkpoint.load(last), training, {**choices, "training": training.model_dump(mode="json")}


def choices(family: str, prepared: Prepared, model: Model, training: Training, size: str,
            start_from: str | Path | None) -> dict[str, Any]:
    """Return every resolved choice of a run: what run.json holds."""
    sources = prepared.manifest.get("sources", [])
    alike = sorted({source["licence"] for source in sources if "-SA" in source["licence"].upper().replace(" ", "-")})
    started = f"{start_from} ({checkpoint.file_hash(checkpoint.find(start_from))[:12]})" if start_from else ""
    return {"family": family, "size": size, "config": model.config.model_dump(mode="json"), "codec": model.codec.name,
            "codec_config": model.codec.config.model_dump(mode="json"), "data": str(prepared.folder),
            "data_hash": prepared.manifest.get("data_hash", ""), "sources": sources, "share_alike": ", ".join(alike),
            "seed": training.seed, "started_from": started, "note": model.note, "training": training.model_dump(mode="json"),
            "versions": {"python": platform.python_version(),
                         **{name: importlib.metadata.version(name) for name in ("bandmate", "torch", "lightning")}}}


def check_codec(known: Codec, used: Codec, name: str) -> None:
    """Raise UserError unless data written by the codec ``used`` can be read by the model ``name`` of the codec ``known``."""
    if used.name != known.name:
        raise UserError(f"the data was made with the codec '{used.name}', but '{name}' reads '{known.name}'; "
                        f"prepare the music again with --like {name}")
    different = [field for field in type(used.config).model_fields
                 if not _contains(getattr(known.config, field), getattr(used.config, field, None))]
    if different:
        raise UserError(f"the data was made with other settings of the codec '{used.name}' than '{name}' "
                        f"(different: {', '.join(different)}); prepare the music again with --like {name}")


def _contains(known: object, used: object) -> bool:
    """Tell whether a codec setting covers another: the same, or a list of names that goes on where the other ends."""
    return known == used or (isinstance(known, tuple) and isinstance(used, tuple) and known[:len(used)] == used)


def _family(name: str) -> type[Model]:
    if name not in FAMILIES:
        raise UserError(f"there is no family '{name}'; {nearest(name, FAMILIES)}")
    return FAMILIES[name]


def _complete(training: Training, defaults: dict[str, Any]) -> Training:
    """Fill in what a person left out."""
    return Training(**{**defaults, **{name: getattr(training, name) for name in training.model_fields_set}})


def _context(model: Model) -> int | None:
    """Return the longest window that a model can hear, None if there is no limit: the first row asks no question."""
    context = getattr(model.config, "context", None)
    return None if context is None else context + 1


def _check_length(model: Model, training: Training) -> None:
    context = _context(model)
    if context is not None and training.length > context:
        raise UserError(f"windows of {training.length} rows are longer than the {context} that the model can hear; "
                        f"choose a --length of at most {context}, or a larger context")
