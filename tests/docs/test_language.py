"""Docstrings and help texts open with a verb or a noun phrase and are complete by themselves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from a2ibench import config, registry
from a2ibench.cli import main

ROOT = Path(__file__).parents[2]
OPENING = re.compile(r"(Of|What|How)\b")
FRAGMENT = re.compile(r"['’]s(\W*$|\])", re.MULTILINE)
"""A possessive without its noun, such as "MLflow's." or "[default: the scale's]"."""
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


def commands(command: click.Command = main, path: str = "a2ibench") -> Iterator[tuple[str, Any]]:
    """Yield every command and group of the command line with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from commands(one, f"{path} {name}")


def wrong(text: str | None) -> bool:
    """Return whether a help text is missing, opens with a wrong word or is a fragment."""
    text = (text or "").strip()
    return not text[:1].isupper() or bool(OPENING.match(text) or FRAGMENT.search(text))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "Of a study: which training seed.",
        "How many.",
        "What a sweep left.",
        "MLflow's.",
        "Number of images.  [default: the scale's]",
        "http://HOST:PORT.",
    ],
)
def test_a_help_text_that_is_missing_or_a_fragment_is_found(text: str | None) -> None:
    assert wrong(text)
    assert not wrong("Seed of the noise.  [default: the seed of the model's noise]")


def test_help_texts_are_complete_by_themselves() -> None:
    found = []
    for path, command in commands():
        if wrong(command.help):
            found.append(f"{path}: {command.help}")
        for one in command.params:
            if isinstance(one, click.Option) and wrong(one.help):
                found.append(f"{path} {one.opts[0]}: {one.help}")
    assert not found, "\n".join(found)


def test_options_of_plugins_are_described() -> None:
    found = []
    for one in registry.ALL:
        for name in one.names():
            plugin = one.get(name)
            taken = type(plugin) if one.kind == "metric" else getattr(plugin, "Config", None)
            if taken is not None:
                found += [
                    f"{name}.{field}"
                    for field in config.takes(taken)
                    if not taken.__dataclass_fields__[field].metadata.get("doc", "").strip()
                ]
    assert not found, "\n".join(found)


def test_the_map_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Where things are")[2].partition("\n## ")[0]
    named = re.findall(
        r"`([\w/]+/[\w.]*|\w+\.toml)`", "\n".join(re.findall(r"^\|.*", section, re.M))
    )
    assert len(named) > 15
    assert not [path for path in named if not (ROOT / path).exists()]
