"""A training run as a person sees it: what was asked, how it went, and how it ended.

``run.json`` holds every resolved choice and repeats the run; ``metrics.csv`` has a line every few steps; ``report.json``
says where the run stands. ``best.safetensors`` and ``last.safetensors`` lie beside them.
"""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from bandmate.codecs.codec import Variety
from bandmate.music.files import whole_file
from bandmate.settings import Settings, UserError

LAST_RATE = 0.1  # share of the learning rate at the last step
MOST_FIELDS = 16  # of a codec, up to which each has a column in the metrics

Ended = Literal["running", "finished", "minutes", "interrupted"]


class Training(Variety):
    """How to train. What is left out, the size of the model decides."""

    steps: Annotated[int, Field(ge=1)] = 3000
    """Steps to make."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Windows of music a step, on each device."""
    length: Annotated[int, Field(ge=8)] = 512
    """Rows of the codec in a window."""
    pool: Annotated[int, Field(ge=1)] = 8
    """Batches that are drawn together and sorted by length, so that little is padded; 1 mixes long and short windows."""
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Peak learning rate."""
    warmup: Annotated[int, Field(ge=0)] = 100
    """Steps in which the learning rate rises; at most a tenth of all steps."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient; a longer one is shortened."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Number format. "auto" takes bf16 where it helps: on GPUs and on processors with AMX."""
    evaluate_every: Annotated[int, Field(ge=1)] = 300
    """Steps between examinations on held-out pieces."""
    evaluate_pieces: Annotated[int, Field(ge=1)] = 100
    """Held-out pieces in an examination."""
    keep_every: Annotated[int, Field(ge=1)] = 1000
    """Steps between saves of the best and the last model; the last is saved every three minutes as well."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Stop after so many minutes; --resume goes on."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The same seed gives the same run."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    """How much oftener than by its size a source is heard (source: factor)."""
    composer: str = ""
    """Learn from the pieces of this composer alone, and be examined on them; a part of the name will do ("mozart")."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Processor threads; left out, all cores."""
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    """What to compute on."""
    devices: str = "1"
    """Devices to train on together: a number, "auto" for all, or a list such as "0,1"."""
    nodes: Annotated[int, Field(ge=1)] = 1
    """Machines to train on together."""
    strategy: str = "auto"
    """How devices work together, in Lightning's words ("ddp")."""

    def rate(self, step: int) -> float:
        """Return the learning rate of a step (from 0) as a share of the peak: a warm-up, then half a cosine."""
        warmup = min(self.warmup, self.steps // 10)
        if step < warmup:
            return (step + 1) / warmup
        done = min(1.0, (step - warmup) / (self.steps - warmup))
        return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2


class Report(Settings):
    """Where a run stands."""

    ended: Ended = "running"
    """Whether it is finished, or was stopped by its limit of minutes or by a person."""
    step: int = 0
    """Steps made."""
    steps: int = 0
    """Steps asked for."""
    seconds: float = 0.0
    """Seconds of training, all parts of the run together."""
    started_from: str = ""
    """The model that was fine-tuned."""
    before: float | None = None
    """Held-out nats per note of the model that was fine-tuned, before it learnt."""
    after: float | None = None
    """Held-out nats per note of the best model of the run."""

    def text(self) -> str:
        """Say it in a sentence or two."""
        if self.ended == "finished":
            sentence = f"trained {self.step} steps in {self.seconds / 60:.1f} minutes"
        else:
            sentence = f"stopped at step {self.step} of {self.steps}; all is saved; go on with --resume"
        if self.after is not None:
            sentence += f"; {self.after:.3f} nats per held-out note"
        if self.before is not None and self.after is not None:
            change = self.after - self.before
            sentence += (f"\n  before  {self.before:.3f} nats per note ({self.started_from})"
                         f"\n  after   {self.after:.3f} nats per note ({change:+.3f}: "
                         f"{'better' if change < 0 else 'no better'} on this music)")
        return sentence


class Run:
    """A run folder. ``fields`` are those of the codec: unless many, the accuracy of each is a column of the metrics."""

    def __init__(self, folder: str | Path, fields: tuple[str, ...] = ()) -> None:
        self.folder = Path(folder)
        self.fields = fields if len(fields) <= MOST_FIELDS else ()

    @property
    def metrics(self) -> Path:
        """The table of the run: a row every few steps."""
        return self.folder / "metrics.csv"

    def exists(self) -> bool:
        """Tell whether a run began here."""
        return (self.folder / "run.json").exists()

    def choices(self) -> dict[str, Any]:
        """Return what run.json holds."""
        if not self.exists():
            raise UserError(f"there is no run in '{self.folder}' to resume; a folder with run.json was expected; "
                            "train without --resume first")
        return json.loads((self.folder / "run.json").read_text())

    def begin(self, choices: dict[str, Any]) -> None:
        """Write run.json."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the run folder '{self.folder}' cannot be made ({error.strerror}); "
                            "choose another folder") from None
        with whole_file(self.folder / "run.json") as temporary:
            temporary.write_text(json.dumps(choices, indent=2) + "\n")

    def write(self, report: Report) -> None:
        """Write report.json."""
        with whole_file(self.folder / "report.json") as temporary:
            temporary.write_text(report.model_dump_json(indent=2) + "\n")

    def add(self, row: dict[str, Any]) -> None:
        """Append a row to metrics.csv, in one write. Names that are not columns of the table yet are left out."""
        new = not self.metrics.exists()
        if new:
            columns = [*(name for name in row if not name.startswith("valid_")), "valid_nats_per_note",
                       *(f"valid_accuracy_{field}" for field in self.fields)]
        else:
            with open(self.metrics, newline="") as file:
                columns = next(csv.reader(file))
        line = ",".join("" if row.get(name) is None else format(row[name], ".9g") for name in columns) + "\n"
        with open(self.metrics, "a", newline="") as file:
            file.write(",".join(columns) + "\n" + line if new else line)
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[dict[str, float]]:
        """Return the rows of metrics.csv that are whole, empty cells left out."""
        if not self.metrics.exists():
            return []
        with open(self.metrics, newline="") as file:
            table = list(csv.reader(file))
        rows = []
        for line in table[1:]:
            try:
                rows.append({name: float(cell) for name, cell in zip(table[0], line, strict=True) if cell})
            except ValueError:  # a line cut short when the run was killed
                continue
        return rows

    def cut(self, step: int) -> None:
        """Take away the rows of metrics.csv after ``step``: they will be made again."""
        if not self.metrics.exists():
            return
        with open(self.metrics, newline="") as file:
            lines = file.read().splitlines(keepends=True)
        width = lines[0].count(",")
        kept = [line for line in lines[1:]
                if line.endswith("\n") and line.count(",") == width and int(line.split(",")[0]) <= step]
        with whole_file(self.metrics) as temporary:
            temporary.write_text("".join([lines[0], *kept]), newline="")


def read_report(folder: str | Path) -> Report:
    """Read where a run stands. Raises UserError where there is no run."""
    path = Path(folder) / "report.json"
    if not path.is_file():
        raise UserError(f"there is no run in '{folder}'; a folder that `bandmate train` wrote was expected; check the path")
    return Report(**json.loads(path.read_text()))
