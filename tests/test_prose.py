"""How docstrings are written: they state, describe one field or parameter a line, and name files that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path for folder in ("esper", "esper_tui", "tools", "tests", "examples") for path in (ROOT / folder).rglob("*.py")
)

FIELDS_MID_LINE = re.compile(r"(?<=[.;:)] )([a-z_]\w*(?:,? (?:and )?[a-z_]\w*)*): ")

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HISTORY = "experiments.md"  # A log: it keeps the names that files had.
NAMING = [path for path in (*FILES, *PAGES) if path.name != HISTORY and ROOT / "tests" not in path.parents]
NAMED_FILE = re.compile(r"(?<![\w/.<{])((?:[a-z_][\w-]*/)+[\w-]+\.(?:py|md|toml|c|svg))\b")

Described = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(source: str) -> Iterator[tuple[Described, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Described) and (text := ast.get_docstring(node)) is not None:
            yield node, text


def names_of(node: Described) -> set[str]:
    """The parameters of a function, or the fields of a class."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        return {argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return {
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }


def questions(source: str) -> list[str]:
    """The docstrings that end in a question mark."""
    return [text for _, text in docstrings(source) if text.rstrip().endswith("?")]


def run_together(source: str) -> list[str]:
    """The fields and parameters that a docstring describes in the middle of a line: "name: ..." after other text."""
    found: list[str] = []
    for node, text in docstrings(source):
        names = names_of(node)
        for words in FIELDS_MID_LINE.findall(text):
            if set(re.split(r",? and |, ", words)) <= names:
                found.append(f"{words} in: {text.splitlines()[0]}")
    return found


def stale_names(text: str, folder: Path) -> list[str]:
    """The files named in a text that exist neither below the top, nor below esper, nor beside the text."""
    return [
        name
        for name in NAMED_FILE.findall(text)
        if not any((place / name).exists() for place in (ROOT, ROOT / "esper", ROOT / "esper_tui", folder))
    ]


@pytest.mark.parametrize("path", NAMING, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path: Path) -> None:
    assert stale_names(path.read_text(encoding="utf-8"), path.parent) == []


def test_a_file_that_is_gone_is_seen() -> None:
    assert stale_names("see fleet/plan.py and fleet/gone.py", ROOT) == ["fleet/gone.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_state_instead_of_asking(path: Path) -> None:
    assert questions(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_describe_one_field_a_line(path: Path) -> None:
    assert run_together(path.read_text(encoding="utf-8")) == []


def test_a_question_is_seen() -> None:
    assert questions('def f() -> bool:\n    """Is it so?"""\n') == ["Is it so?"]
    assert questions('def f() -> bool:\n    """Whether it is so."""\n') == []


@pytest.mark.parametrize(
    "docstring",
    [
        "A record. size: how big it is.",
        "A record.\n\n    size: how big it is. name: what it is called.",
        "A record. size, name: what it is.",
    ],
)
def test_fields_that_run_together_are_seen(docstring: str) -> None:
    source = f'class A:\n    """{docstring}"""\n\n    size: int\n    name: str\n'
    assert run_together(source) != []


def test_one_field_a_line_passes() -> None:
    docstring = "A record.\n\n    size, age: how big and how old it is.\n    name: what it is called: a word."
    source = f'class A:\n    """{docstring}"""\n\n    size: int\n    age: int\n    name: str\n'
    assert run_together(source) == []
