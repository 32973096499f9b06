"""The command `vocabulary`: how many different words a music has, if several words of `notewise` are taken as one."""

from __future__ import annotations

from pathlib import Path

BPE_SIZES = (256, 1024, 4096)


def vocabulary(data: Path, *, most: int = 5) -> None:
    """Print how the vocabulary of prepared music grows with the words in a group, and what byte-pair encoding makes of it.

    Example: `bandmate vocabulary data/` after `bandmate prepare bach data/ --codec notewise`

    Parameters
    ----------
    data:
        Folder that `bandmate prepare` made with `--codec notewise`.
    most:
        Largest number of words in a group.
    """
    print(table(data, most))


def table(data: Path, most: int) -> str:
    """Return the table: one line an n, then one a size of byte-pair encoding."""
    import numpy as np

    from bandmate.codecs.bpe import Bpe, BpeConfig
    from bandmate.codecs.groups import growth
    from bandmate.codecs.notewise import Notewise
    from bandmate.data.windows import Prepared
    prepared = Prepared(data)
    codec = prepared.written_in(Notewise)
    ids, offsets = prepared.split("train")
    pieces = [piece[piece[:, 0] >= codec.first] for piece in np.split(np.asarray(ids), offsets[1:-1])]
    notes = sum(int(codec.is_note(piece).sum()) for piece in pieces)
    lines = [f"{'words in a group':<18}{'different':>10}{'only once':>10}{'ids a note':>12}"]
    for row in growth([piece[:, 0].tolist() for piece in pieces], most):
        lines.append(f"{row['n']:<18}{row['words']:>10}{row['once']:>10}{row['groups'] / notes:>12.2f}")
    for size in BPE_SIZES:
        bpe = Bpe(BpeConfig(**{**codec.config.model_dump(), "most_words": size})).learn(pieces)
        groups = sum(len(bpe.join(piece[:, 0])) for piece in pieces)
        lines.append(f"{f'byte pairs, {size}':<18}{bpe.sizes[0] - bpe.first:>10}{'':>10}{groups / notes:>12.2f}")
    return "\n".join(lines)
