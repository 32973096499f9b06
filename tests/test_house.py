"""The rules of the house: style, types, floors, and the size of a file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
FILES = sorted((HOME / "bandmate").rglob("*.py"))
MOST_LINES = 300


@pytest.mark.parametrize("words", ["ruff check bandmate tests", "mypy", "lint-imports"])
def test_style_types_and_floors(words):
    tool, *rest = words.split()
    done = subprocess.run([Path(sys.executable).with_name(tool), *rest], cwd=HOME, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HOME)))
def test_a_file_answers_one_question(file):
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    assert file.stem not in ("utils", "helpers", "common")
    assert not re.search("TODO|FIXME|XXX", text)
    module = ast.parse(text)
    assert ast.get_docstring(module) or not text.strip(), "a module says what it is for"
    for node in ast.walk(module):
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if public and node in module.body:
            assert ast.get_docstring(node), f"{node.name} says what it does"


def test_nothing_is_unpickled():
    for file in FILES:
        assert not re.search(r"\bimport pickle|torch\.load\(|allow_pickle=True", file.read_text(encoding="utf-8")), file


def test_constraints_pin_without_addresses():
    pins = [line for line in (HOME / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+", pin) for pin in pins)
    assert {"torch==2.13.0", "symusic==0.5.9"} <= set(pins)
