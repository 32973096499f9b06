"""Recognise the composer or the style of a piece by its manner: a small classifier, to judge composers that were asked for one.

It hears stretches of some bars, each as the traits of ``metrics/manner.py``, and guesses by a network with one hidden layer
(Bishop, Neural Networks for Pattern Recognition, 1995), or by none: then it is multinomial logistic regression. A piece is
what its stretches say together. Every class counts the same while it learns, however many pieces it has, for whoever asks a
composer for styles in turn asks for all alike. Beside it stands a yardstick: the class whose mean pitch-class histogram,
counted from the tonic, is the nearest.
"""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.metrics.manner import PITCH_CLASSES, TRAITS, manner, stretches
from bandmate.music.files import whole_file
from bandmate.piece import Piece
from bandmate.recipe import Recipe
from bandmate.settings import Settings, UserError

WIDTH = sum(TRAITS.values())
FARTHEST = 5.0  # deviations from the mean: what is farther counts as this far
RATE, DECAY = 3e-3, 0.02  # of AdamW; the rate falls to nothing along a cosine
BATCH, DRAWN = 256, 128  # stretches a step, and a class and round


class Examples(NamedTuple):
    """Stretches to learn from or to be examined on."""

    traits: np.ndarray
    """float32 (N, WIDTH)."""
    classes: np.ndarray
    """Number of the class of each: int64 (N,)."""
    pieces: np.ndarray
    """Number of the piece of each, counted from 0 without gaps: int64 (N,)."""


class Card(Settings):
    """What a recogniser is made of: saved in its header."""

    recipe: Recipe = Recipe()
    """How it learnt."""
    classes: tuple[str, ...] = ()
    """What it can name."""
    data_hash: str = ""
    """Hash of the prepared data."""
    sources: tuple[dict[str, Any], ...] = ()
    """What the data were made of: source, licence, pieces, notes."""
    scores: dict[str, float] = {}
    """How well it recognises held-out pieces."""
    date: str = ""
    """Day on which it was made."""


class Recogniser(nn.Module):
    """Names the class of a piece."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        hidden, dropout, count = card.recipe.hidden, card.recipe.dropout, len(card.classes)
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("deviation", torch.ones(WIDTH))
        self.net = nn.Sequential(nn.Dropout(dropout / 2), nn.Linear(WIDTH, hidden), nn.ReLU(), nn.Dropout(dropout),
                                 nn.Linear(hidden, count)) if hidden else nn.Sequential(nn.Linear(WIDTH, count))

    def forward(self, traits: Tensor) -> Tensor:
        """Return the logarithm of the probability of each class: (N, WIDTH) to (N, classes)."""
        standard = ((traits - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)
        return self.net(standard).log_softmax(-1)

    @torch.no_grad()
    def probabilities(self, piece: Piece) -> dict[str, float]:
        """Return the probability of each class, the likeliest first. Raises UserError for a piece without notes."""
        heard = stretches(piece, self.card.recipe.bars)
        if not heard:
            raise UserError("the piece has no notes; music was expected, for silence has no manner; choose another piece")
        said = self(torch.from_numpy(np.stack([manner(stretch) for stretch in heard]))).mean(0).softmax(-1)
        return {self.card.classes[n]: float(said[n]) for n in said.argsort(descending=True).tolist()}


class Verdict(NamedTuple):
    """What was said about some examples, piece by piece."""

    said: np.ndarray
    """Number of the class that was named: int64 (pieces,)."""
    right: np.ndarray
    """Number of the class that it is: int64 (pieces,)."""

    def accuracy(self) -> float:
        """Return the share of pieces that are named rightly."""
        return float((self.said == self.right).mean())

    def balanced(self) -> float:
        """Return the mean share named rightly of each class that has pieces."""
        return float(np.mean([(self.said[self.right == one] == one).mean() for one in np.unique(self.right)]))

    def confusion(self, classes: int) -> np.ndarray:
        """Count what was named (columns) for what it is (rows): int64 (classes, classes)."""
        return np.bincount(self.right * classes + self.said, minlength=classes ** 2).reshape(classes, classes)


def learn(train: Examples, valid: Examples, card: Card) -> Recogniser:
    """Return a recogniser that has learnt from ``train`` and is at its best on ``valid``. Same seed, same weights."""
    recipe = card.recipe
    random = torch.Generator().manual_seed(recipe.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = Recogniser(card)
        traits, classes = torch.from_numpy(train.traits), torch.from_numpy(train.classes)
        model.mean.copy_(traits.mean(0))
        model.deviation.copy_(traits.std(0, correction=0).clamp(min=1e-3))
        # Each piece of a class is as likely as another, however many stretches it has; each class as another.
        _, piece, counts = np.unique(train.pieces, return_inverse=True, return_counts=True)
        chance = torch.from_numpy(1.0 / counts[piece])
        chance = chance / torch.bincount(classes, weights=chance)[classes]
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.rounds)
        best, kept = -math.inf, model.state_dict()
        for _ in range(recipe.rounds):
            model.train()
            drawn = torch.multinomial(chance, DRAWN * len(card.classes), True, generator=random)
            for batch in drawn.split(BATCH):
                loss = F.nll_loss(model(traits[batch]), classes[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            fall.step()
            score = judge(model, valid).balanced()
            if score >= best:
                best, kept = score, {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(kept)
    return model.eval()


@torch.no_grad()
def judge(model: Recogniser, examples: Examples, whole: bool = True) -> Verdict:
    """Let a recogniser name pieces by all their stretches together, or each stretch as if it were a piece."""
    said = model.eval()(torch.from_numpy(examples.traits)).numpy()
    return _vote(said, examples) if whole else Verdict(said.argmax(1), examples.classes)


def nearest_histogram(train: Examples, examples: Examples) -> Verdict:
    """Name the class whose mean pitch-class histogram is the nearest: the yardstick."""
    means = np.stack([train.traits[train.classes == one, PITCH_CLASSES].mean(0) for one in np.unique(train.classes)])
    pieces = int(examples.pieces.max()) + 1
    histograms = np.stack([examples.traits[examples.pieces == one, PITCH_CLASSES].mean(0) for one in range(pieces)])
    distances = np.linalg.norm(histograms[:, None] - means, axis=-1)
    return Verdict(distances.argmin(1), _right(examples))


def _vote(said: np.ndarray, examples: Examples) -> Verdict:
    """Sum what was said about the stretches of each piece."""
    votes = np.zeros((int(examples.pieces.max()) + 1, said.shape[1]))
    np.add.at(votes, examples.pieces, said)
    return Verdict(votes.argmax(1), _right(examples))


def _right(examples: Examples) -> np.ndarray:
    return examples.classes[np.unique(examples.pieces, return_index=True)[1]]


def save(model: Recogniser, path: str | Path) -> None:
    """Write a recogniser as one safetensors file with its card in the header, whole or not at all."""
    card = model.card.replace(date=datetime.date.today().isoformat())
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    with whole_file(path) as temporary:
        try:
            save_file(tensors, temporary, {"format": "pt", "kind": "recogniser", "traits": json.dumps(TRAITS),
                                           "card": card.model_dump_json()})
        except SafetensorError as error:  # how safetensors reports a full disk
            raise UserError(f"'{path}' was not written ({error}); free some space and run it again") from None


def load(path: str | Path) -> Recogniser:
    """Read a recogniser. Raises UserError for a wrong or damaged file."""
    if not Path(path).is_file():
        raise UserError(f"there is no recogniser '{path}'; the .safetensors file that `bandmate recognise train` wrote was "
                        "expected; train one, or name another")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
        if header.get("kind") != "recogniser":
            raise UserError(f"'{path}' is no recogniser; a file that `bandmate recognise train` wrote was expected; "
                            "choose another file")
        if json.loads(header["traits"]) != TRAITS:
            raise UserError(f"'{path}' hears other traits of music than this version; train it again")
        values = json.loads(header["card"])
        model = Recogniser(Card(**{**values, "recipe": Recipe(**values["recipe"])}))
        model.load_state_dict(tensors)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise UserError(f"'{path}' is damaged ({str(error).splitlines()[0]}); a whole file that `bandmate recognise train` "
                        "wrote was expected; copy or train it again") from None
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise UserError(f"'{path}' is damaged: some of its weights are no numbers; copy or train it again")
    return model.eval()
