"""The tab in which a model learns from a visitor's own music, while curves show how."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr

from bandmate.checkpoint import find
from bandmate.families import FAMILIES
from bandmate.music.files import SUFFIXES
from bandmate.run import Run, read_report
from bandmate.settings import UserError
from bandmate.studio.desk import Desk
from bandmate.studio.guard import shown
from bandmate.studio.mistakes import translated
from bandmate.studio.phrases import language_of, say, text

TUNED = ""  # the shipped model learns more
LEAST_PIECES = 3
EVERY_S = 1.0
PATIENCE_S = 60  # for a training that was asked to stop
OWN = "my music"
SMALL_STEPS = ("--steps", "2000", "--batch", "4", "--length", "384", "--evaluate-every", "25", "--keep-every", "25")
"""How a laptop learns while somebody watches: in small steps, looked at often."""

Row = tuple[str, Any, Any, str | None]
"""What the tab shows: a sentence, the files that were left out, the curve, and the model when it is there."""


def train_tab(desk: Desk) -> gr.Textbox:
    """Lay out the tab; return the box that changes when there is a new model."""
    files = gr.File(label=text("train.files"), file_count="multiple", file_types=[*SUFFIXES, ".zip"], elem_id="music")
    folder = gr.File(label=text("train.folder"), file_count="directory", elem_id="folder")
    family = gr.Dropdown([(text("train.tuned"), TUNED), *FAMILIES], value=TUNED, label=text("train.family"),
                         info=text("train.family.help"), elem_id="learner")
    minutes = gr.Slider(1, 120, value=10, step=1, label=text("train.minutes"), info=text("train.minutes.help"),
                        elem_id="minutes")
    with gr.Row():
        go = gr.Button(text("train.go"), variant="primary", elem_id="learn")
        stop = gr.Button(text("stop"), variant="stop", elem_id="halt")
    said = gr.Markdown(elem_id="learning")
    curve = gr.LinePlot(x="step", y="nats", color="curve", label=text("train.curve"), visible=False, x_title="step",
                        y_title="nats", elem_id="curve")
    rejected = gr.Dataframe(label=text("train.rejected"), interactive=False, visible=False, wrap=True, elem_id="rejected")
    learnt = gr.Textbox(visible=False)
    turn = threading.Lock()

    @shown
    def learn(request: gr.Request, files: list[str] | None, folder: list[str] | None, family: str,
              minutes: float) -> Iterator[Row]:
        music = [*(files or []), *(folder or [])]
        if not music:
            raise UserError(say(request, "train.nothing"))
        if not turn.acquire(blocking=False):
            raise UserError(say(request, "train.running"))
        try:
            lesson = Lesson(desk, request, family, minutes)
            try:
                yield from lesson.give(music)
            finally:
                lesson.tidy()
        finally:
            turn.release()

    def halt(request: gr.Request) -> None:
        desk.visits.of(request.session_hash).stop.set()

    go.click(learn, [files, folder, family, minutes], [said, rejected, curve, learnt], api_visibility="private",
             concurrency_id="learning", concurrency_limit=2, show_progress="minimal")
    stop.click(halt, None, None, queue=False, api_visibility="private", show_progress="hidden")
    return learnt


class Lesson:
    """One training for one visitor: prepare, then learn, as the command line does."""

    def __init__(self, desk: Desk, request: gr.Request, family: str, minutes: float) -> None:
        self.desk, self.request, self.family, self.minutes = desk, request, family, minutes
        self.visit = desk.visits.of(request.session_hash)
        self.stop = self.visit.stop = threading.Event()
        self.folder = Path(tempfile.mkdtemp(dir=desk.folder, prefix="lesson-"))
        self.shipped = desk.models.names()[0]

    def give(self, music: list[str]) -> Iterator[Row]:
        """Yield what the tab shows."""
        hidden = gr.update(visible=False)
        yield say(self.request, "train.reading", count=len(music)), hidden, hidden, gr.skip()
        data, run = self.folder / "data", self.folder / f"lesson-{len(self.visit.models) + 1}"
        self._gather(music)
        like = ["--like", str(self.desk.models.path(self.shipped))] if self.family == TUNED else ["--codec",
                                                                                                  FAMILIES[self.family].Codec.name]
        yield from self._run(["prepare", str(self.folder / "music"), str(data), *like])
        if self.stop.is_set():
            yield say(self.request, "train.unchanged"), hidden, hidden, gr.skip()
            return
        used, left_out = self._pieces(data)
        table = gr.update(value={"headers": [say(self.request, "train.file"), say(self.request, "train.reason")],
                                 "data": left_out}, visible=bool(left_out))
        if used < LEAST_PIECES:
            raise UserError(say(self.request, "train.few", used=used, least=LEAST_PIECES))
        learner = self.family or self.desk.models.family(self.desk.models.path(self.shipped))
        more = ["--from", str(self.desk.models.path(self.shipped)), "--lr", "3e-4"] if self.family == TUNED else []
        for _ in self._run(["train", learner, str(data), str(run), "--minutes", str(self.minutes), *SMALL_STEPS, *more]):
            rows = Run(run).rows()
            last = rows[-1] if rows else {"step": 0, "seconds": 0}
            yield (say(self.request, "train.learning", step=int(last["step"]), seconds=int(last.get("seconds", 0))), table,
                   self._curve(rows), gr.skip())
        if not (run / "report.json").is_file() or not read_report(run).step:
            yield say(self.request, "train.unchanged"), table, gr.update(visible=False), gr.skip()
            return
        report = read_report(run)
        name = f"{OWN} {len(self.visit.models) + 1}"
        self.visit.models[name] = find(run)
        done = say(self.request, "train.done", used=used, steps=report.step, name=name)
        yield done, table, self._curve(Run(run).rows()), name

    def tidy(self) -> None:
        """Let go of the music; what was learnt stays for as long as the visitor does."""
        for name in ("music", "data"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _gather(self, music: list[str]) -> None:
        """Copy what was sent into one folder, each under a name of its own."""
        place = self.folder / "music"
        place.mkdir()
        for number, path in enumerate(map(Path, music)):
            shutil.copyfile(path, place / f"{number:04}-{path.name}")

    def _run(self, words: list[str]) -> Iterator[Row]:
        """Run a command of bandmate; yield nothing new now and then. Raises UserError with its sentence if it fails."""
        with open(self.folder / "said.txt", "w+b") as said:
            process = subprocess.Popen([sys.executable, "-m", "bandmate", *words], stdout=said, stderr=said,
                                       stdin=subprocess.DEVNULL)
            try:
                while process.poll() is None:
                    if self.stop.wait(EVERY_S):
                        process.send_signal(signal.SIGINT)
                        with suppress(subprocess.TimeoutExpired):
                            process.wait(PATIENCE_S)
                        break
                    else:
                        yield gr.skip(), gr.skip(), gr.skip(), gr.skip()
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
        if process.returncode and not self.stop.is_set():
            sentence = next((line for line in reversed(lines) if line.startswith("bandmate: ")), "bandmate: it failed")
            raise UserError(sentence.removeprefix("bandmate: "))

    def _pieces(self, data: Path) -> tuple[int, list[list[str]]]:
        """Return how many pieces can be used, and the files that cannot, with the reason."""
        if not (data / "pieces.csv").is_file():
            return 0, []
        with open(data / "pieces.csv", newline="", encoding="utf-8") as file:
            used = sum(1 for _ in csv.DictReader(file))
        with open(data / "rejected.csv", newline="", encoding="utf-8") as file:
            language = language_of(self.request)
            return used, [[Path(row["path"]).name.partition("-")[2], translated(row["reason"], language) or row["reason"]]
                          for row in csv.DictReader(file)]

    def _curve(self, rows: list[dict[str, float]]) -> Any:
        """Return the curves of a run so far."""
        import pandas
        points = [{"step": row["step"], "nats": row[name], "curve": say(self.request, f"curve.{curve}")}
                  for row in rows for name, curve in (("loss", "train"), ("valid_nats_per_note", "valid")) if name in row]
        return gr.update(value=pandas.DataFrame(points), visible=bool(points), x_title=say(self.request, "step"),
                         y_title=say(self.request, "loss"))

