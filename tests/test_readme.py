"""The README says what is true: its Python runs, its files are there, its tree names every module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_in_it_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(code, {})
    assert (tmp_path / "first.mid").stat().st_size > 500
    assert (tmp_path / "first.mp3").stat().st_size > 50_000


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_what_it_links_to_is_there(link: str) -> None:
    assert (ROOT / link).is_file()


def test_the_tree_names_every_module() -> None:
    modules = {path.name for path in (ROOT / "bandmate").rglob("*.py")} - {"__init__.py", "__main__.py"}
    assert not {name for name in modules if name not in README}


def test_the_commands_in_it_exist() -> None:
    from bandmate.cli import app
    named = set(re.findall(r"bandmate ([a-z]+)", README)) & set(re.findall(r"^    bandmate ([a-z]+)", README, re.MULTILINE))
    assert named
    assert named <= set(app)
