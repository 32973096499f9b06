"""A bank of blocks: short stretches of the music that a model learnt from, kept beside its weights with their labels.

New pieces begin from one of them, and they tell what a style, a composer, an era or a song is like. They are kept as music,
not as latents, for these change as long as the model learns; so a model file with a bank holds excerpts of its training
pieces, which stand under their licences.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bandmate.codecs.roll import BLOCK, CELLS, KEYS, OFF, ONSET, PARTS, sounding
from bandmate.settings import UserError, nearest

A_PIECE = 4  # blocks that are kept of one piece
KINDS = ("title", "composer", "style", "era", "source", "licence")
STATES = 2  # bits a cell: struck, held


class Bank(nn.Module):
    """Blocks of pieces; empty until :meth:`fill`."""

    blocks: Tensor
    """Bits of blocks, uint8 (N, 5120)."""
    pieces: Tensor
    """The piece of each block: int64 (N,)."""
    words: Tensor
    """The labels of the pieces, JSON in UTF-8: uint8."""

    def __init__(self) -> None:
        super().__init__()
        self.make_room({})

    def make_room(self, shapes: dict[str, Any]) -> None:
        """Prepare for so many blocks."""
        width = BLOCK * CELLS * STATES // 8
        self.register_buffer("blocks", torch.zeros(shapes.get("blocks", (0, width)), dtype=torch.uint8))
        self.register_buffer("pieces", torch.zeros(shapes.get("pieces", (0,)), dtype=torch.int64))
        self.register_buffer("words", torch.zeros(shapes.get("words", (0,)), dtype=torch.uint8))

    def __len__(self) -> int:
        return len(self.pieces)

    def fill(self, prepared: Any, size: int) -> None:
        """Take ``size`` blocks, evenly spread, out of the training pieces of prepared music."""
        rows = [row for row in prepared.pieces if row["split"] == "train"]
        blocks: list[np.ndarray] = []
        owners: list[int] = []
        labels: list[dict[str, str]] = []
        for number in np.unique(np.linspace(0, len(rows) - 1, max(size // A_PIECE, 1)).astype(int)).tolist():
            found = cut(prepared.piece("train", int(rows[number]["index"])))
            chosen = found[np.unique(np.linspace(0, len(found) - 1, A_PIECE).astype(int))] if len(found) else found
            if len(chosen):
                blocks.append(chosen)
                owners += [len(labels)] * len(chosen)
                labels.append({kind: rows[number].get(kind) or "" for kind in KINDS})
        self.put(np.concatenate(blocks) if blocks else np.zeros((0, BLOCK, CELLS), np.int16), owners, labels)

    def put(self, blocks: np.ndarray, owners: list[int], labels: list[dict[str, str]]) -> None:
        """Keep blocks (N, 32, 640) with the piece of each, and the labels of the pieces."""
        bits = np.stack([blocks == ONSET, blocks > ONSET], -1).reshape(len(blocks), -1)
        device = self.pieces.device
        self.blocks = torch.from_numpy(np.packbits(bits, axis=1)).to(device)
        self.pieces = torch.tensor(owners, dtype=torch.int64, device=device)
        words = json.dumps(labels, ensure_ascii=False).encode()
        self.words = torch.from_numpy(np.frombuffer(words, np.uint8).copy()).to(device)

    def labels(self) -> list[dict[str, str]]:
        """Return the labels of the pieces."""
        return json.loads(self.words.cpu().numpy().tobytes() or b"[]")

    def ids(self) -> Tensor:
        """Return all blocks: ids int64 (N, 5, 32, 128)."""
        bits = np.unpackbits(self.blocks.cpu().numpy(), axis=1).reshape(len(self), BLOCK, len(PARTS), KEYS, STATES)
        ids = OFF + bits[..., 0] + 2 * bits[..., 1].astype(np.int64)
        return torch.from_numpy(ids).transpose(1, 2).to(self.pieces.device)

    def by(self, kind: str, wanted: str) -> Tensor:
        """Tell which blocks bear a label, bool (N,); a part of the word will do. Raises UserError if none does."""
        labels = self.labels()
        known = sorted({label[kind] for label in labels} - {""})
        same = [name for name in known if name.lower() == wanted.lower()]
        meant = same or [name for name in known if wanted.lower() in name.lower()]
        if not meant:
            other = nearest(wanted, known) if known else f"none of what it keeps has a {kind}; give files with --like"
            raise UserError(f"the model keeps no music with the {kind} '{wanted}'; {other}")
        fits = torch.tensor([label[kind] in meant for label in labels], device=self.pieces.device)
        return fits[self.pieces]


def cut(ids: np.ndarray) -> np.ndarray:
    """Cut a piece (T, 640) into blocks (N, 32, 640), those that are silent left out; its last block is filled up with rests."""
    padded = np.pad(np.asarray(ids), ((0, -len(ids) % BLOCK), (0, 0)), constant_values=OFF)
    blocks = padded.reshape(-1, BLOCK, CELLS)
    return blocks[sounding(blocks).any((1, 2, 3))]
