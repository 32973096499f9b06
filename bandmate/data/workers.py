"""The processes that encode shards side by side, and what happens when a file brings one of them down."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from bandmate.data.labels import Known
from bandmate.data.shards import Job, encode_file, encode_shard, start_worker
from bandmate.data.sources import Entry

WAITING = 2  # shards that wait for each worker: enough that none is idle, few enough for a small memory

Files = list[tuple[Entry, Known]]


def cores() -> int:
    """Return how many processor cores this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """Workers and the shards that they have in hand. ``done`` is called with the number of files of a finished shard."""

    def __init__(self, job: Job, workers: int, done: Callable[[int], None]) -> None:
        self.job = job
        self.workers = workers
        self.done = done
        self._pool = _start(workers)
        self._running: dict[Future, tuple[int, Files]] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def encode(self, number: int, files: Files) -> None:
        """Hand over a shard; wait while all workers have enough to do."""
        try:
            self._running[self._pool.submit(encode_shard, self.job, number, files)] = number, files
        except BrokenProcessPool:
            self._running[Future()] = number, files
            self._recover()
        while len(self._running) >= self.workers * (1 + WAITING):
            self._collect()

    def finish(self) -> None:
        """Wait for all shards."""
        while self._running:
            self._collect()

    def _collect(self) -> None:
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
            self._recover()
            return
        for future in finished:
            future.result()
            _, files = self._running.pop(future)
            self.done(len(files))

    def _recover(self) -> None:
        """A worker died: encode the shards in hand one by one, and find out which file it was."""
        self._pool.shutdown(wait=True)
        for number, files in self._running.values():
            if not self.job.finished(number):
                self._encode_carefully(number, files)
            self.done(len(files))
        self._running.clear()
        self._pool = _start(self.workers)

    def _encode_carefully(self, number: int, files: Files) -> None:
        crashing: set[str] = set()
        if _crashes(encode_shard, self.job, number, files):
            crashing.update(entry.path for entry, known in files if _crashes(_try, self.job, entry, known))
            encode = _start(1)
            encode.submit(encode_shard, self.job, number, files, frozenset(crashing)).result()
            encode.shutdown()


def _crashes(function: Callable, *arguments: object) -> bool:
    """Tell whether a call ends its process."""
    with _start(1) as pool:
        error = pool.submit(function, *arguments).exception()
    if error is not None and not isinstance(error, BrokenProcessPool):
        raise error
    return error is not None


def _try(job: Job, entry: Entry, known: Known) -> None:
    for _ in encode_file(job, entry, known):
        pass


def _start(workers: int) -> ProcessPoolExecutor:
    """Start workers. Forked where that is sound, so that a plain script can prepare without a main guard."""
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
