"""A plug-in that ends the process is a failure of its own: no command ends as if all was done."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from a2ibench.cli import main

ENCODER = """
import sys
from dataclasses import dataclass
from a2ibench.contracts.encoder import Encoder
from a2ibench.registry import encoders

@dataclass(frozen=True)
class Config:
    pass

@encoders.register
class Leaving(Encoder):
    name = "{name}"
    Config = Config

    def __init__(self, config):
        {ending}
"""


@pytest.mark.parametrize(
    ("name", "ending", "said"),
    [
        ("exits", "sys.exit(0)", "SystemExit: 0"),
        ("none", "sys.exit()", "SystemExit: "),
        ("generator", "raise GeneratorExit", "GeneratorExit: "),
    ],
)
def test_a_plugin_that_ends_the_process_while_it_is_built_ends_run_with_an_error(
    tmp_path: Path, name: str, ending: str, said: str
) -> None:
    plugin = tmp_path / "leaving.py"
    plugin.write_text(ENCODER.format(name=name, ending=ending))
    arguments = ["run", "--model", "vae", "--dataset", "synthetic", "--encoder", name]
    arguments += ["--plugin", str(plugin), "--out", str(tmp_path / "out"), "--executor", "inline"]
    done = CliRunner().invoke(main, [*arguments, "--tracking-uri", "none"])
    assert done.exit_code == 2, done.output
    assert f"error: a plug-in ended the command ({plugin}, line 17): {said}" in done.output
    assert not (tmp_path / "out").exists()


def test_a_message_that_holds_no_text_is_printed(tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(r'raise ValueError("no \udc80 text, \x1b]0;title\x07 and no title")')
    done = CliRunner().invoke(main, ["list", "models", "--plugin", str(plugin)])
    assert done.exit_code == 2, done.output
    assert "line 1: ValueError: no \\udc80 text,  and no title" in done.output
