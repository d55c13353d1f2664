"""A plug-in that ends the process is a failure of its own: no command ends as if all was done."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from a2ibench.cli import main

ENCODER = """
import sys
from dataclasses import dataclass
from a2ibench.registry import encoders
from a2ibench_plugins.encoders.logmel import LogMel

@encoders.register
class Leaving(LogMel):
    name = "{name}"

    def {method}:
        {ending}
"""


def run(folder: Path, name: str, method: str, ending: str) -> Result:
    plugin = folder / "leaving.py"
    plugin.write_text(ENCODER.format(name=name, method=method, ending=ending))
    arguments = ["run", "--model", "vae", "--dataset", "synthetic", "--encoder", name]
    for option in ("train=20", "test=4", "image_size=32", "seconds=1"):
        arguments += ["--set", f"synthetic.{option}"]
    arguments += ["--plugin", str(plugin), "--out", str(folder / "out"), "--executor", "inline"]
    return CliRunner().invoke(main, [*arguments, "--tracking-uri", "none"])


@pytest.mark.parametrize(
    ("name", "ending", "said"),
    [
        ("exits", "sys.exit(0)", "SystemExit: 0"),
        ("generates", "raise GeneratorExit", "GeneratorExit: "),
        ("raises", "raise KeyError('a')", "KeyError: 'a'"),
    ],
)
def test_a_plugin_that_cannot_be_built_is_named(
    tmp_path: Path, name: str, ending: str, said: str
) -> None:
    done = run(tmp_path, name, "__init__(self, config)", ending)
    assert done.exit_code == 2, done.output
    assert f"error: encoder '{name}' cannot be built: {said}; `a2ibench check" in done.output
    assert not (tmp_path / "out").exists()


def test_a_plugin_that_ends_the_process_ends_no_command_as_if_all_was_done(tmp_path: Path) -> None:
    done = run(tmp_path, "late", "fingerprint(self)", "sys.exit(0)")
    assert done.exit_code == 2, done.output
    said = f"error: a plug-in ended the command ({tmp_path / 'leaving.py'}, line 12): SystemExit: 0"
    assert said in done.output
    assert not (tmp_path / "out").exists()


def test_a_plugin_that_fails_at_work_is_traced_without_its_escape_sequences(tmp_path: Path) -> None:
    done = run(tmp_path, "loud", "encode(self, waveforms)", r"raise ValueError('\x1b[31mred')")
    assert done.exit_code == 1, done.output
    assert "ValueError: red" in done.output
    assert "leaving.py" in done.output
    assert "\x1b" not in done.output


def test_a_message_that_holds_no_text_is_printed(tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(r'raise ValueError("no \udc80 text, \x1b]0;title\x07 and no title")')
    done = CliRunner().invoke(main, ["list", "models", "--plugin", str(plugin)])
    assert done.exit_code == 2, done.output
    assert "line 1: ValueError: no \\udc80 text,  and no title" in done.output
