"""Models as files: one safetensors file holds the weights and, in its header, all that is needed to use them.

The header carries the family, its settings, the codec with its settings, and a data card: what the model learnt from,
under which licences, and how well. Nothing is ever unpickled, so a model from a stranger cannot run code.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from bandmate.codecs import CODECS
from bandmate.families import FAMILIES
from bandmate.model import Model
from bandmate.music.files import whole_file
from bandmate.settings import Settings, UserError, nearest

BEST, LAST = "best.safetensors", "last.safetensors"
"""The two models of a run folder: the best by held-out loss, and the last with its optimizers, to go on from."""

_OPTIMIZER = "optimizer/"  # no weight of a model has a slash in its name


class Card(Settings):
    """What a model is made of: printed by `bandmate models`, saved in its header."""

    family: str = ""
    """Family of the model."""
    size: str = ""
    """Named size, empty if its settings are its own."""
    parameters: int = 0
    """Number of weights."""
    codec: str = ""
    """Codec through which it sees pieces."""
    sources: tuple[dict[str, Any], ...] = ()
    """What it learnt from: source, licence, pieces, notes."""
    share_alike: str = ""
    """Share-alike licences among the sources; who passes the model on keeps to them."""
    data_hash: str = ""
    """Hash of the prepared data."""
    nats_per_note: float | None = None
    """Mean surprise a held-out note, in nats; lower is better."""
    accuracy: dict[str, float] = {}
    """Share of right first guesses on held-out pieces, for each field of the codec."""
    steps: int = 0
    """Training steps."""
    minutes: float = 0.0
    """Minutes of training."""
    started_from: str = ""
    """Name and hash of the model that it was fine-tuned from."""
    date: str = ""
    """Day on which it was saved."""
    note: str = ""
    """Anything else worth knowing."""


def shipped() -> dict[str, Path]:
    """Return the models that come with the package: {name: path}."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "weights").glob("*.safetensors"))}


def find(name_or_path: str | Path) -> Path:
    """Return the file of a model: a shipped name, a file, or the folder of a run (its best, else its last model)."""
    path = shipped().get(str(name_or_path), Path(name_or_path))
    if path.is_dir():
        for inside in (path / BEST, path / LAST):
            if inside.is_file():
                return inside
        raise UserError(f"the folder '{path}' holds no model; a run folder with {BEST} was expected; train into it first")
    if not path.is_file():
        raise UserError(f"there is no model '{name_or_path}'; a shipped name or the path of a .safetensors file was "
                        f"expected; {nearest(str(name_or_path), shipped()) if shipped() else 'no model is shipped'}")
    return path


def save(model: Model, path: str | Path, card: Card | dict[str, Any] | None = None, *,
         dtype: torch.dtype | None = None, weights: dict[str, Tensor] | None = None) -> None:
    """Write a model, whole or not at all.

    ``dtype`` (such as ``torch.bfloat16``) stores the weights smaller. ``weights`` (a state_dict) takes the place of the
    model's own.
    """
    tensors = {name: (weights or {}).get(name, tensor) for name, tensor in _weights(model).items()}
    if dtype is not None:
        tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    _write(tensors, _header(model, card), path)


def load(name_or_path: str | Path) -> Model:
    """Read a model, on the CPU in float32, ready to compose. Raises UserError for a wrong or damaged file."""
    path = find(name_or_path)
    header = _read_header(path)
    model = _build(header, path)
    _fill(model, _read(path), path)
    return model.eval()


def read_card(name_or_path: str | Path) -> Card:
    """Read the card of a model without its weights."""
    return _card(_read_header(find(name_or_path)))


def file_hash(path: str | Path) -> str:
    """Return the sha256 of a file in hex: the same hash, the same model."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_run(model: Model, optimizers: list[Optimizer], path: str | Path, card: Card, state: dict[str, Any]) -> None:
    """Write all that a run needs to go on, in one file: weights, optimizers, and ``state`` (JSON)."""
    tensors, scalars = _weights(model), []
    for number, optimizer in enumerate(optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"{_OPTIMIZER}{number}/{index}/{name}"] = value.detach()
                else:
                    scalars.append([number, index, name, value])
    _write(tensors, _header(model, card) | {"state": json.dumps(state), "optimizers": json.dumps(scalars)}, path)


def load_run(path: str | Path, model: Model, optimizers: list[Optimizer]) -> dict[str, Any]:
    """Read what :func:`save_run` wrote into a model and its fresh optimizers; return ``state``."""
    path, header = Path(path), _read_header(Path(path))
    tensors = _read(path)
    _fill(model, tensors, path)
    states: list[dict[int, dict[str, Any]]] = [{} for _ in optimizers]
    for key, tensor in tensors.items():
        if key.startswith(_OPTIMIZER):
            number, index, name = key.removeprefix(_OPTIMIZER).split("/")
            states[int(number)].setdefault(int(index), {})[name] = tensor
    for number, index, name, value in json.loads(header["optimizers"]):
        states[number].setdefault(index, {})[name] = value
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return json.loads(header["state"])


def _weights(model: Model) -> dict[str, Tensor]:
    """Return the weights by name, one that is used in two places only once."""
    seen, weights = set(), {}
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if place not in seen or not tensor.numel():
            seen.add(place)
            weights[name] = tensor.detach()
    return weights


def _header(model: Model, card: Card | dict[str, Any] | None) -> dict[str, str]:
    family = next((name for name, kind in FAMILIES.items() if kind is type(model)), None)
    if family is None:
        raise UserError(f"{type(model).__name__} is no known family; add it to FAMILIES in families/__init__.py")
    known = {"family": family, "parameters": model.parameter_count(), "codec": model.codec.name,
             "date": datetime.date.today().isoformat()}
    given = card.model_dump(exclude_unset=True) if isinstance(card, Card) else card or {}
    values = {"family": family, "config": model.config.model_dump(mode="json"), "codec": model.codec.name,
              "codec_config": model.codec.config.model_dump(mode="json"), "card": Card(**{**known, **given}).model_dump()}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def _write(tensors: dict[str, Tensor], header: dict[str, str], path: str | Path) -> None:
    with whole_file(path) as temporary:
        try:
            save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, temporary,
                      {"format": "pt", **header})
        except SafetensorError as error:  # how safetensors reports a full disk
            raise UserError(f"'{path}' was not written ({error}); free some space and run it again") from None


def _read_header(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(f"'{path}' is no whole model file ({error}); a .safetensors file written by bandmate was expected; "
                        "copy or train it again") from None
    if missing := {"family", "config", "codec", "codec_config", "card"} - header.keys():
        raise UserError(f"'{path}' is a safetensors file without {' and '.join(sorted(missing))}; a model written by "
                        "bandmate was expected; choose another file")
    return header


def _card(header: dict[str, str]) -> Card:
    values = json.loads(header["card"])
    return Card(**{name: value for name, value in values.items() if name in Card.model_fields})


def _build(header: dict[str, str], path: Path) -> Model:
    """Make the model that a header describes, with weights still to come."""
    for what, known in (("family", FAMILIES), ("codec", CODECS)):
        if header[what] not in known:
            raise UserError(f"'{path}' is a model of the {what} '{header[what]}'; this version knows "
                            f"{', '.join(known)}; use a newer bandmate")
    family, codec = FAMILIES[header["family"]], CODECS[header["codec"]]
    try:
        return family(family.Config(**json.loads(header["config"])), codec(codec.Config(**json.loads(header["codec_config"]))))
    except (UserError, ValueError, TypeError) as error:
        raise UserError(f"'{path}' has settings that this version cannot read ({error}); "
                        "use the version that wrote it") from None


def _read(path: Path) -> dict[str, Tensor]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)


def _fill(model: Model, tensors: dict[str, Tensor], path: Path) -> None:
    """Put weights into a model, each with its own name and shape, all of them finite."""
    found = {name: tensor for name, tensor in tensors.items() if not name.startswith(_OPTIMIZER)}
    model.make_room({name: tensor.shape for name, tensor in found.items()})
    wanted = _weights(model)
    wrong = sorted({name for name in wanted.keys() | found.keys()
                    if name not in wanted or name not in found or wanted[name].shape != found[name].shape})
    if not wrong:
        wrong = [name for name, tensor in found.items() if not math.isfinite(tensor.float().sum())]
    if wrong:
        raise UserError(f"'{path}' does not hold the weights that its settings ask for (first of {len(wrong)}: '{wrong[0]}'); "
                        "the file is damaged or from another version; copy or train it again")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(found[name])
