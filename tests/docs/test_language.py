"""Docstrings open with a verb or a noun phrase, never with "Of", "What" or "How"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPENING = re.compile(r"(Of|What|How)\b")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring, also of those below constants and fields."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED):
            for statement in node.body:
                match statement:
                    case ast.Expr(ast.Constant(str(found))):
                        yield statement.lineno, found.strip()


def test_openings_are_found_in_every_kind_of_docstring() -> None:
    text = '"""What a."""\nB = 1\n"""How b."""\ndef c():\n    """Of c."""\n'
    assert [bool(OPENING.match(one)) for _, one in docstrings(text)] == [True] * 3
    assert not OPENING.match("However, d.")


@pytest.mark.parametrize("top", ["a2ibench", "baselines", "plugins"])
def test_no_docstring_opens_with_of_what_or_how(top: str) -> None:
    files = sorted((ROOT / top).rglob("*.py"))
    assert files
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in files
        for line, text in docstrings(path.read_text(encoding="utf-8"))
        if OPENING.match(text)
    ]
    assert not found, "\n".join(found)
