"""Music in two plainly different manners, and a prepared folder of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from music_made_here import piece_of

from bandmate.codecs.bars import Bars
from bandmate.piece import DRUMS, Labels, Piece


def waltz(seed: int, bars: int = 8) -> Piece:
    """A tune over oom-pah-pah for the piano, in any key."""
    random = np.random.default_rng(seed)
    root = int(random.integers(48, 60))
    notes = []
    for bar in range(bars):
        at, chord = 3 * bar, root + int(random.choice([0, 5, 7]))
        notes += [(at, 1, chord - 12, 90)] + [(at + beat, 1, chord + step, 60) for beat in (1, 2) for step in (0, 4, 7)]
        notes += [(at + beat, 1, root + 24 + int(random.choice([0, 2, 4, 5, 7])), 100) for beat in range(3)]
    return piece_of({0: notes}, {0: (3, 4)}, tempo=150)


def rock(seed: int, bars: int = 8) -> Piece:
    """Power chords, bass and drums in eighths, in any key."""
    random = np.random.default_rng(seed)
    root = int(random.integers(36, 48))
    parts: dict[int, list] = {30: [], 33: [], DRUMS: []}
    for bar in range(bars):
        chord = root + int(random.choice([0, 3, 5, 10]))
        for step in range(8):
            at = 4 * bar + step / 2
            parts[30] += [(at, 0.5, chord + 12 + above, 110) for above in (0, 7)]
            parts[33].append((at, 0.5, chord, 105))
            parts[DRUMS].append((at, 0.25, (36, 42, 38, 42)[step % 4], 110))
    return piece_of(parts, tempo=120)


MANNERS = {"waltz": waltz, "rock": rock}


def prepare(folder: Path, labels: dict[str, str] | None = None) -> Path:
    """Write prepared data: 8 training pieces of a manner, 3 valid and 4 test ones; ``labels`` renames manners."""
    folder.mkdir()
    codec = Bars(Bars.Config(styles=("waltz", "rock")))
    seed, rows = 0, []
    for split, count in (("train", 8), ("valid", 3), ("test", 4)):
        arrays = []
        for number in range(count):
            for name, make in MANNERS.items():
                seed, label = seed + 1, (labels or {}).get(name, name)
                rows.append({"split": split, "index": len(arrays), "style": label, "composer": "Strauss" if number else ""})
                arrays.append(codec.encode(make(seed), Labels(style=label)))
        np.save(folder / f"{split}.ids.npy", np.concatenate(arrays))
        np.save(folder / f"{split}.offsets.npy", np.cumsum([0, *map(len, arrays)]))
    with open(folder / "pieces.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    manifest = {"codec": "bars", "codec_config": codec.config.model_dump(), "data_hash": "ab" * 32,
                "sources": [{"source": "here", "licence": "CC0", "pieces": 30, "notes": 1}]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
