"""Every test is where pytest finds it."""

import ast
from pathlib import Path


def test_no_test_stands_inside_a_function() -> None:
    lost = [
        f"{path.name}:{inner.lineno}"
        for path in Path(__file__).parent.rglob("test_*.py")
        for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if inner is not outer
        and isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
        and inner.name.startswith("test_")
    ]
    assert lost == []
