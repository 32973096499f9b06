"""Which models the studio composes with: those that are shipped, those named at the start, and a visitor's own."""

from __future__ import annotations

import threading
from pathlib import Path

from bandmate.checkpoint import file_hash, find, load, read_card, shipped
from bandmate.families import FAMILIES
from bandmate.model import Model
from bandmate.settings import UserError, nearest
from bandmate.studio.visits import Visit

LOADED = 6  # models that are kept in memory


class Models:
    """Models by name; loaded when they are first wanted."""

    def __init__(self, named: list[str] | None = None) -> None:
        self._paths = {**shipped(), **{Path(name).stem if "." in Path(name).name else Path(name).name: find(name)
                                       for name in named or []}}
        if not self._paths:
            raise UserError("no model is shipped with this copy of bandmate; name one with --model")
        self._loaded: dict[Path, Model] = {}
        self._lock = threading.Lock()
        self.turn = threading.Lock()
        """Held while a model writes: one at a time has all of the processor."""

    def names(self, visit: Visit | None = None, family: str | None = None) -> list[str]:
        """List models, a visitor's own last; only those of a family if one is named."""
        paths = {**self._paths, **(visit.models if visit else {})}
        return [name for name, path in paths.items() if family is None or self.family(path) == family]

    def family(self, path: Path) -> str:
        """Return the family of a model file."""
        return read_card(path).family

    def path(self, name: str, visit: Visit | None = None) -> Path:
        """Return the file of a model. Raises UserError for a name that is not on the list: no path is ever taken."""
        paths = {**self._paths, **(visit.models if visit else {})}
        if name not in paths:
            raise UserError(f"there is no model '{name}' here; {nearest(name, paths)}")
        return paths[name]

    def get(self, name: str, visit: Visit | None = None) -> Model:
        """Return a model, ready to write."""
        path = self.path(name, visit)
        with self._lock:
            if path not in self._loaded:
                while len(self._loaded) >= LOADED:
                    self._loaded.pop(next(iter(self._loaded)))
                self._loaded[path] = load(path)
            return self._loaded[path]

    def record(self, name: str, visit: Visit | None = None) -> dict[str, str]:
        """Return what a .json says of a model: its name and the hash of its file."""
        return {"name": name, "sha256": file_hash(self.path(name, visit))}

    def words(self, kind: str) -> list[str]:
        """List the "styles" or "composers" that any of the models at hand knows."""
        found: list[str] = []
        for path in self._paths.values():
            config = self.get(next(name for name, other in self._paths.items() if other == path)).codec.config
            found += [word for word in getattr(config, kind, ()) if word not in found]
        return sorted(found)

    @staticmethod
    def families() -> list[str]:
        """List all families."""
        return list(FAMILIES)
