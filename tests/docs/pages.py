"""The pages' code blocks: found, made small, and checked against the real commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from a2ibench.cli import main
from a2ibench.config import SEEDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

PLAIN = {"", "text", "toml"}
"""Languages of blocks that nobody runs."""
RUN_ELSEWHERE = {"main job": "by a user", "tests": "by .ci/run"}
"""Marks of the README: they make an environment."""


@dataclass(frozen=True)
class Block:
    """A fenced block; ``mark`` is the comment above it, ``why`` what follows a colon in it."""

    page: Path
    line: int
    language: str
    mark: str
    why: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The words behind each ``a2ibench`` of a shell block."""
        return [words[1:] for line in self.lines for words in simple_commands(line) if ours(words)]

    @property
    def lines(self) -> list[str]:
        """The logical lines of a shell block."""
        return self.code.replace("\\\n", " ").splitlines()


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    before, inside, start, language, mark = "", False, 0, "", ""
    code: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if inside and line.strip() == "```":
            inside = False
            kind, _, why = mark.partition(":")
            text = "\n".join(code) + "\n"
            yield Block(page, start, language, kind.strip(), why.strip(), text)
        elif inside:
            code.append(line)
        elif line.lstrip().startswith("```"):
            inside, start, language, code = True, number, line.strip()[3:], []
            match = re.fullmatch(r"<!-- (.+) -->", before)
            mark = match[1] if match else ""
        before = line
    assert not inside, f"{page}: a block is not closed"


def simple_commands(line: str) -> Iterator[list[str]]:
    """A line of shell → its commands, as words; what is between ``;``, ``&&`` and ``|``."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set(";&|()<>"):
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


def ours(words: list[str]) -> bool:
    """Whether a command is a2ibench, wherever it is installed."""
    return Path(words[0]).name == "a2ibench"


def parse(words: list[str]) -> None:
    """Checks a command by click's own parser, without running it.

    Raises:
        click.UsageError: no such command or option, a value of a wrong type, a word too many.
    """
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        _, command, words = command.resolve_command(context, words)
        assert command is not None
        context = click.Context(command, parent=context)
    values, left, _ = command.make_parser(context).parse_args(list(words))
    if left:
        raise click.UsageError(f"unexpected: {' '.join(left)}", context)
    for parameter in command.params:
        value = values.get(parameter.name)
        if isinstance(value, str | list | tuple):  # not a flag, and not click's mark for none
            parameter.type_cast_value(context, value)


SYNTHETIC = {"train": "12", "test": "12", "image_size": "32", "seconds": "1"}


def smaller(words: list[str]) -> list[str]:
    """What a test changes in a command that it runs; nothing else is.

    ``run``: 96 training images, two seeds, one metric where none is named, a log-mel
    encoder where none is named (SoundNet's weights are a download), in this process, without
    MLflow; two steps of pretraining for ``ours``. Wherever ``synthetic`` is used, 12 training and
    12 test pairs a class, of 32 px and one second.
    """
    if words[0] not in ("run", "evaluate") or "--dry-run" in words:
        return words
    files = [Path(word).read_text() for word in words if word.endswith(".yaml")]
    made = list(words)
    if "synthetic" in [*words, *(name for text in files for name in text.split())]:
        for name, value in SYNTHETIC.items():
            made += ["--set", f"synthetic.{name}={value}"]
    if words[0] == "run":
        made += ["--images", "96", "--executor", "inline", "--tracking-uri", "none"]
        if not files:
            asked = words[words.index("--seeds") + 1] if "--seeds" in words else str(SEEDS)
            made += ["--seeds", str(min(2, int(asked)))]
        if "--metric" not in words:
            made += ["--metric", "is1_lite0"]
        if "--encoder" not in words and not files:
            made += ["--encoder", "logmel"]
        if "ours" in words:
            made += ["--set", "ours.i2a_steps=2"]
    return made
