"""What the family `style_vae` is made of: how rows are seen, the encoder, the codebook of styles, the decoder.

Keys have the same ids here whatever styles a codec knows: the label is hidden, so that the encoder has to hear the style.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bandmate.codecs.onsets import BARS, KEYS, LABEL, LENGTH, LONGEST, QUARTER, WAIT, WAIT_AT
from bandmate.codecs.solo import BEGIN
from bandmate.families.style_vae_cells import Cell, Layers
from bandmate.families.vae_part import LEAST_LOG, MOST_LOG

FIRST_KEY = LABEL  # here no labels stand between
SIZES = (FIRST_KEY + KEYS, WAIT_AT + LONGEST + 1, LONGEST + 1)
"""Ids of key, wait and length."""
MOST_QUARTERS = 6 * BARS  # of a stretch that the clock tells apart


def hide(ids: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Return ids (B, T, 3) of the codec, whose lowest key is ``first``, without labels, and the labels (B,), -1 for none."""
    key = ids[..., 0]
    labels = torch.where((key[:, 0] >= LABEL) & (key[:, 0] < first), key[:, 0] - LABEL, -1)
    hidden = torch.where(key >= first, key - first + FIRST_KEY, torch.where(key >= LABEL, BEGIN, key))
    return torch.cat([hidden[..., None], ids[..., 1:]], -1), labels


def times(ids: Tensor) -> Tensor:
    """Return when the note of each row (B, T, 3) begins, in steps from the start of the stretch; an end with the last."""
    return torch.where(ids[..., 0] >= FIRST_KEY, (ids[..., WAIT] - WAIT_AT).clamp(min=0), 0).cumsum(1)


class Rows(nn.Module):
    """What is seen of rows: a learnt vector of the key, wait and length as they are; and where in the bars a note begins."""

    def __init__(self, embedding: int, clock: bool) -> None:
        super().__init__()
        self.keys = nn.Embedding(SIZES[0], embedding)
        self.clock = clock
        self.size = embedding + SIZES[1] + SIZES[2] + clock * (QUARTER + MOST_QUARTERS)

    def forward(self, ids: Tensor, when: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return rows (B, T, 3) as vectors (B, T, size); of those that are not ``seen``, bool (B, T), only the time."""
        vectors = [self.keys(ids[..., 0]), F.one_hot(ids[..., WAIT], SIZES[1]), F.one_hot(ids[..., LENGTH], SIZES[2])]
        said = torch.cat([vector.to(vectors[0].dtype) for vector in vectors], -1)
        if seen is not None:
            said = said * seen[..., None]
        if not self.clock:
            return said
        clock = [F.one_hot(when % QUARTER, QUARTER), F.one_hot((when // QUARTER).clamp(max=MOST_QUARTERS - 1), MOST_QUARTERS)]
        return torch.cat([said, *(hand.to(said.dtype) for hand in clock)], -1)


class Encoder(nn.Module):
    """Hears a stretch from both ends; says where its content lies, and whose style it is."""

    def __init__(self, rows: int, cell: Cell, width: int, layers: int, content: int, styles: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.layers = Layers(cell, rows, width, layers, both=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.content = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 2 * content))
        self.style = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, styles))
        nn.init.normal_(self.content[2].weight, 0.0, width ** -0.5)  # type: ignore[arg-type]

    def forward(self, rows: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and log variance (B, content), and the logits of styles (B, S), of rows (B, T, size)."""
        shown, _ = self.layers(self.dropout(rows), lengths=lengths)
        end = shown[torch.arange(len(shown), device=shown.device), lengths - 1, :self.width]
        heard = self.dropout(torch.cat([end, shown[:, 0, self.width:]], -1))
        mean, log = self.content(heard).chunk(2, -1)
        return mean, log.clamp(LEAST_LOG, MOST_LOG), self.style(heard)


class Decoder(nn.Module):
    """Writes a stretch from its latent: row after row, and in a row key, wait and length."""

    def __init__(self, rows: int, cell: Cell, width: int, layers: int, latent: int, joined: bool, chained: bool,
                 dropout: float) -> None:
        super().__init__()
        self.joined, self.chained = joined, chained
        self.layers = Layers(cell, rows + joined * latent, width, layers, dropout=dropout)
        self.start = nn.Sequential(nn.Linear(latent, self.layers.size), nn.ELU())
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in SIZES)
        self.known = nn.ModuleList(nn.Embedding(size, width) for size in SIZES[:2]) if chained else nn.ModuleList()

    def forward(self, rows: Tensor, latent: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return what is known after each of some rows (B, T, size), (B, T, width), and the state; a latent (B, Z) begins."""
        if self.joined:
            rows = torch.cat([rows, latent[:, None].expand(-1, rows.shape[1], -1)], -1)
        shown, state = self.layers(self.dropout(rows), self.start(latent) if state is None else state)
        return self.dropout(shown), state

    def judge(self, field: int, shown: Tensor, row: Tensor) -> Tensor:
        """Return the logits (N, V) of a field, of what is shown (N, width) and the fields of the row (N, 3) before it."""
        if self.chained and field:
            shown = F.gelu(shown + torch.stack([self.known[n](row[:, n]) for n in range(field)]).sum(0))
        return self.heads[field](shown)


def drawn_style(logits: Tensor, tau: float, hard: bool) -> Tensor:
    """Draw styles (B, S) by Gumbel-softmax; if ``hard``, one alone, with the gradient of the soft draw (straight through).

    Jang et al. 2016, arXiv 1611.01144. At test there is no draw: the likeliest is taken, see :func:`likeliest`.
    """
    return F.gumbel_softmax(logits.float(), tau, hard=hard)


def likeliest(logits: Tensor) -> Tensor:
    """Return the likeliest style alone: one-hot (B, S)."""
    return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)


def spread(mean: Tensor, least: float) -> Tensor:
    """Return by how much the mean square spread of means (B, K) falls short of ``least``: mu-forcing, against collapse.

    Liu et al. 2019 (arXiv 1905.10072), as a mean over batch and latents.
    """
    return F.relu(least - (mean - mean.mean(0)).square().mean())


def apart(mean: Tensor, labels: Tensor) -> Tensor:
    """Return which share of the spread of means (B, K), and of their squares, lies between styles, labels (B,), -1 for none; 0
    where it is as by chance.

    Without it, contents of different styles lie apart, and the decoder hears the style from there instead of the codebook.
    """
    mean, labels = mean[labels >= 0], labels[labels >= 0]
    if len(mean) < 2:
        return mean.new_zeros(())
    both = torch.cat([mean, (mean - mean.mean(0)).square()], -1)
    both = both - both.mean(0)
    kinds, place, counts = labels.unique(return_inverse=True, return_counts=True)
    middles = both.new_zeros(len(kinds), both.shape[1]).index_add(0, place, both) / counts[:, None]
    between = (counts[:, None] * middles.square()).sum(0) / both.square().sum(0).clamp(min=1e-6)
    return F.relu(between.mean() - (len(kinds) - 1) / (len(mean) - 1))
