"""Teaching a model: the only place that knows Lightning.

A family says how one step is made (:meth:`Model.step`); this file feeds it, sets the learning rate (a warm-up, then half
a cosine down to a tenth), clips gradients, examines it on held-out pieces, and saves. Every step has a seed of its own
and every batch a number, so a run that was stopped, or killed, goes on to the same losses.

Lightning's manual mode leaves the optimizers to us; it then refuses its own clipping, so ``backward`` clips.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from bandmate import beginnings, checkpoint, evaluate
from bandmate.data.windows import Prepared
from bandmate.evaluate import Scores
from bandmate.keeping import Keeper
from bandmate.model import Model
from bandmate.run import Ended, Report, Run, Training, read_report
from bandmate.settings import UserError

__all__ = ["Interrupted", "Training", "train"]

WRITE_EVERY = 10  # steps to a row of metrics.csv
SAVE_SECONDS = 180  # a killed run loses no more than this

Watch = Callable[[int, int, dict[str, float]], None]
"""Called after each step with the step, the number of steps, and the latest row of the metrics."""


class Interrupted(KeyboardInterrupt):
    """A person stopped the run; all is saved. The text says how to go on."""


def train(family: str, data: str | Path | Prepared, out: str | Path, training: Training | None = None, *,
          size: str = "small", config: dict[str, Any] | None = None, resume: bool = False,
          start_from: str | Path | None = None, progress: Watch = lambda step, steps, row: None,
          on_evaluate: Callable[[Path], None] = lambda folder: None) -> Model:
    """Train a model of a family on prepared data, and return the best one by held-out loss.

    ``out`` becomes the run folder. ``size`` names the size, ``config`` overrides fields of its Config. ``resume`` goes on
    with the run in ``out`` (fields set in ``training`` replace the recorded ones). ``start_from`` fine-tunes a model.
    ``progress`` is called after each step, ``on_evaluate`` with the run folder after each examination. The first Ctrl-C
    saves and raises :class:`Interrupted`. With several devices the helping processes end here.
    """
    prepared = Prepared(data) if isinstance(data, str | Path) else data
    training, run = training or Training(), Run(out, prepared.codec().fields)
    first = getattr(rank_zero_only, "rank", 0) == 0  # of the processes that share the run
    if resume:
        model, training, choices = beginnings.stopped(family, prepared, training, run)
    else:
        if run.exists() and first:
            raise UserError(f"the folder '{out}' already holds a run; a new folder was expected; go on with --resume "
                            "or choose another folder")
        if start_from is None:
            model, training = beginnings.fresh(family, prepared, training, size, config or {})
        else:
            model, training = beginnings.learnt(family, prepared, training, start_from, config or {})
            size = checkpoint.read_card(start_from).size
        choices = beginnings.choices(family, prepared, model, training, size, start_from)
    torch.set_num_threads(training.threads or torch.get_num_threads())
    heard = prepared.by(training.composer)
    adapter = Adapter(Keeper(model.train(), run, choices), heard, training, resume, progress, on_evaluate)
    trainer = _trainer(training)
    if first:
        run.begin(choices)
        if not resume:
            run.metrics.unlink(missing_ok=True)
    with _quiet(), adapter.stoppable():
        trainer.fit(adapter)
    if trainer.global_rank:
        raise SystemExit(0)
    report = read_report(run.folder)
    if report.ended == "interrupted":
        raise Interrupted(report.text())
    return checkpoint.load(run.folder)


class Batches(Dataset):
    """The batches of a run from step ``first`` on; each process takes its own numbers."""

    def __init__(self, prepared: Prepared, training: Training, first: int, rank: int, world: int) -> None:
        self.prepared, self.training, self.first, self.rank, self.world = prepared, training, first, rank, world

    def __len__(self) -> int:
        return self.training.steps - self.first

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index >= len(self):
            raise IndexError
        number, wish = (self.first + index) * self.world + self.rank, self.training
        return self.prepared.batch(number, wish.batch, wish.length, wish.seed, wish.weights, wish, wish.pool)


class Adapter(lightning.LightningModule):
    """What Lightning drives: one model, and the keeper of its run."""

    def __init__(self, keeper: Keeper, prepared: Prepared, settings: Training, resume: bool, progress: Watch,
                 on_evaluate: Callable[[Path], None]) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.keeper, self.run = keeper.model, keeper, keeper.run
        self.prepared, self.settings, self.resume = prepared, settings, resume
        self.progress, self.on_evaluate = progress, on_evaluate
        self.past_seconds, self.stop_asked = 0.0, False
        self.row: dict[str, float] = {}
        self.ended: Ended = "running"

    # Lightning's hooks, in the order in which they are called

    def configure_optimizers(self) -> list[Optimizer]:
        self.opened = self.model.optimizers(self.settings.lr)
        self.peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.opened]
        if self.resume:
            self.past_seconds = self.keeper.restore(self.opened)
            if self.global_rank == 0:
                self.run.cut(self.keeper.step)
        return self.opened

    def train_dataloader(self) -> DataLoader:
        batches = Batches(self.prepared, self.settings, self.keeper.step, self.global_rank, self.trainer.world_size)
        on_gpu = self.device.type == "cuda"
        return DataLoader(batches, batch_size=None, num_workers=int(on_gpu), pin_memory=on_gpu)

    def on_train_start(self) -> None:
        self.started = self.saved = time.monotonic()
        if not self.resume:
            if self.keeper.choices["started_from"]:
                self.keeper.before = self._examine().nats_per_note
            self._save()  # so that a run which is killed early can be resumed
        self._report()

    def training_step(self, batch: dict[str, Tensor], index: int) -> None:
        step, settings = self.keeper.step, self.settings
        torch.manual_seed((settings.seed * 1_000_003 + step) * self.trainer.world_size + self.global_rank)
        for optimizer, peaks in zip(self.opened, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * settings.rate(step)
        self.keeper.add(self.model.step(batch, self.opened, self._backward))

    def _backward(self, loss: Tensor) -> None:
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.grad is not None], self.settings.clip)

    def on_train_batch_end(self, outputs: object, batch: object, batch_index: int) -> None:
        step, self.ended = self.keeper.step, self._why_stop()
        stops = self.ended != "running"
        examined = step % self.settings.evaluate_every == 0 or self.ended in ("finished", "minutes")
        if examined or step % WRITE_EVERY == 0:
            self._write_row(self._examine() if examined else Scores())
        if stops or step % self.settings.keep_every == 0 or time.monotonic() - self.saved > SAVE_SECONDS:
            self._save()
        if self.ended == "interrupted":  # saved already, for this may take a minute
            self.model.settle(self.prepared)
            self._save()
        if stops or examined:
            self._report()
        if self.global_rank == 0:
            if examined:
                self.on_evaluate(self.run.folder)
            self.progress(step, self.settings.steps, self.row)
        self.trainer.should_stop = stops

    # What the hooks are made of

    def seconds(self) -> float:
        """Seconds of training, all parts of the run together."""
        return self.past_seconds + time.monotonic() - self.started

    def _why_stop(self) -> Ended:
        """Tell why to stop now; all processes agree."""
        late = self.settings.minutes is not None and time.monotonic() - self.started > 60 * self.settings.minutes
        if self.keeper.step >= self.settings.steps:
            return "finished"
        if self._any(self.stop_asked):
            return "interrupted"
        return "minutes" if self._any(late) else "running"

    def _any(self, yes: bool) -> bool:
        if self.trainer.world_size == 1:
            return yes
        return bool(self.trainer.strategy.reduce_boolean_decision(yes, all=False))

    def _examine(self) -> Scores:
        """Score the model on held-out pieces, each process its share; the best is kept."""
        self.model.settle(self.prepared)
        pages = self.prepared.pages("valid", self.settings.batch, self.settings.length, self.settings.evaluate_pieces)
        with self.trainer.precision_plugin.val_step_context():
            sums = evaluate.sums(self.model, islice(pages, self.global_rank, None, self.trainer.world_size))
        if self.trainer.world_size > 1:
            sums = self.trainer.strategy.reduce(sums.to(self.device), reduce_op="sum").cpu()
        scores = evaluate.scores(self.model, sums)
        if self.keeper.step:
            self.keeper.judge(scores, writes=self.global_rank == 0)
        return scores

    def _write_row(self, scores: Scores) -> None:
        losses = self.keeper.means()
        if self.trainer.world_size > 1:
            losses = {name: self.trainer.strategy.reduce(loss, reduce_op="mean") for name, loss in losses.items()}
        numbers = {name: float(loss) for name, loss in losses.items()}
        self.keeper.check(numbers)
        lr = self.settings.lr * self.settings.rate(self.keeper.step - 1)
        row = {"step": self.keeper.step, "seconds": self.seconds(), "lr": lr, **numbers}
        if scores.nats_per_note is not None:
            row["valid_nats_per_note"] = scores.nats_per_note
        row.update({f"valid_accuracy_{name}": share for name, share in scores.accuracy.items()})
        self.row = {**self.row, **row}
        if self.global_rank == 0:
            self.run.add(row)

    def _save(self) -> None:
        self.saved = time.monotonic()
        if self.global_rank == 0:
            self.keeper.save(self.opened, self.seconds())

    def _report(self) -> None:
        if self.global_rank == 0:
            self.run.write(Report(ended=self.ended, step=self.keeper.step, steps=self.settings.steps,
                                  seconds=round(self.seconds(), 1), started_from=self.keeper.choices["started_from"],
                                  before=self.keeper.before, after=self.keeper.best.nats_per_note))

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Let the first Ctrl-C end the run after the step in hand; a second one stops at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: object) -> None:
            if self.stop_asked:
                raise KeyboardInterrupt
            self.stop_asked = True

        old = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, old)


def _trainer(training: Training) -> lightning.Trainer:
    if training.strategy != "auto" and not training.strategy.startswith("ddp"):
        raise UserError(f"the strategy '{training.strategy}' splits a model over devices, and our models are saved whole; "
                        "'auto' or one of Lightning's 'ddp' strategies was expected")
    number = training.devices.lstrip("-").isdigit()
    with _quiet():
        try:
            return lightning.Trainer(
                accelerator=training.accelerator, devices=int(training.devices) if number else training.devices,
                num_nodes=training.nodes, strategy=training.strategy, precision="bf16-mixed" if _bf16(training) else "32-true",
                max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                enable_model_summary=False, use_distributed_sampler=False)
        except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
            raise UserError(f"these devices cannot be used ({' '.join(str(error).split())}); check --devices, --nodes, "
                            "--strategy and --accelerator") from None


def _bf16(training: Training) -> bool:
    """Tell whether to compute in bf16: when asked, or where it is faster."""
    if training.precision != "auto":
        return training.precision == "bf16"
    if training.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return training.accelerator != "mps" and bool(has_amx())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's talk from the screen."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*(does not have many workers|isinstance.treespec).*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
