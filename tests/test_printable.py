"""What is printed: no escape sequence of others reaches a terminal, no encoding ends a command."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_up import study
from rich.table import Table

from a2ibench.console import Console
from a2ibench.printable import Guarded, guarded_output, printable
from a2ibench.storage import write_json

HOSTILE = {
    "\x1b[31mred\x1b[0m": "red",
    "a\x1b]0;title\x07b": "ab",
    "a\x1b]8;;http://x\x1b\\b": "ab",
    "a\x9b2Jb": "ab",
    "a\x1bPq#0\x1b\\b": "ab",
    "a\rb\x08c\x7f\x85": "abc",
    "a\u202eb\u2066c": "abc",
    "\x1b[": "",
    "a\udc80": "a\\udc80",
    "ours − x\tüß\n": "ours − x\tüß\n",
}


@pytest.mark.parametrize(("given", "expected"), HOSTILE.items())
def test_escape_sequences_and_control_characters_are_taken_out(given: str, expected: str) -> None:
    assert printable(given) == expected
    stream = io.StringIO()
    print(given, end="", file=Guarded(stream))  # type: ignore[arg-type]
    assert stream.getvalue() == expected


def test_a_console_keeps_its_own_colours_and_no_others() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=60)
    table = Table("\x1b]0;title\x07head")
    table.add_row("cell\x1b[2J")
    console.print(table)
    console.print("line\x1b[5m", style="red", markup=False)
    text = stream.getvalue()
    assert "\x1b[31m" in text, "its own colour"
    assert not any(sequence in text for sequence in ("\x1b]", "\x1b[2J", "\x1b[5m", "\x07"))


def test_whoever_prints_in_a_command_goes_past_the_guard(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with guarded_output():
        sys.stdout.write("a\x1b[31mb\n")
        sys.stderr.write("c\x1b]0;t\x07d\n")
        Console(force_terminal=True).print("e", style="bold")
    out, err = capsys.readouterr()
    assert out == "ab\n\x1b[1me\x1b[0m\n"
    assert err == "cd\n"


@pytest.mark.integration
def test_output_that_is_not_utf8_ends_no_command(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    about = json.loads((folder / "study.json").read_text())
    about["jobs"]["ours − x"] = about["jobs"]["vae"]
    write_json(folder / "study.json", about)
    printed = ""
    environment = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for arguments in (["report", folder], ["compare", f"{folder}:vae", f"{folder}:ours"]):
        done = subprocess.run(
            [sys.executable, "-m", "a2ibench.cli", *map(str, arguments)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        printed += done.stdout
    assert "ours \\u2212" in printed
