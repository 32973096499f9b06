"""Who is there: each visitor's own pieces, in the order in which they were written, and a way to stop what is running."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

MOST_TAKES = 50  # that a visitor can go back to
KEPT_S = 4 * 3600  # how long somebody who does nothing is remembered


@dataclass
class Take:
    """What one request led to."""

    title: str
    tokens: list[str]


@dataclass
class Visit:
    """One visitor."""

    takes: list[Take] = field(default_factory=list)
    at: int = -1
    """Which take is shown."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set to end what is being written or learnt for this visitor."""
    models: dict[str, Path] = field(default_factory=dict)
    """The visitor's own models by name."""
    seen_s: float = field(default_factory=time.monotonic)

    def add(self, take: Take) -> None:
        """Show a new take. What had been undone is forgotten."""
        del self.takes[self.at + 1:]
        self.takes.append(take)
        del self.takes[:-MOST_TAKES]
        self.at = len(self.takes) - 1

    def go(self, steps: int) -> Take | None:
        """Go back (-1) or forward (1) among the takes; return the one that is shown then, None if there is none."""
        if self.takes:
            self.at = min(max(self.at + steps, 0), len(self.takes) - 1)
        return self.takes[self.at] if self.takes else None

    def forget(self) -> None:
        """Stop what is running, and take away the visitor's own models."""
        self.stop.set()
        for path in self.models.values():
            shutil.rmtree(path.parent, ignore_errors=True)


class Visits:
    """All visitors by session."""

    def __init__(self) -> None:
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    def of(self, session: str | None) -> Visit:
        """Return the visit of a session; somebody without one (a program that calls) gets a new visit each time."""
        if session is None:
            return Visit()
        with self._lock:
            now = time.monotonic()
            for name in [name for name, visit in self._visits.items() if now - visit.seen_s > KEPT_S]:
                self._visits.pop(name).forget()
            visit = self._visits.setdefault(session, Visit())
            visit.seen_s = now
            return visit

    def end(self, session: str | None) -> None:
        """Forget somebody who has left, and stop what was running for them."""
        with self._lock:
            visit = self._visits.pop(session or "", None)
        if visit:
            visit.forget()
